#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Would the simulation notice? Each bug below is planted in a copy of one source file, by sed; a simulation that is built with
# that one must fail, and tells the seed. The sources and the programs that were built stay as they are.
#
#	selftests/sim/planted.t [NAME]	only bugs with NAME in their name

set -u
cd "$(dirname "$0")/../.." || exit 1

runs=60000
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# name | source | sed script | where that is rare, a seed that notices it
bugs=(
	'promotion without draining or looking at live | user/engine/engine.c |
		s/^\tengine->ports->drain(.*//; s/^\tif (look_at_live(.*/\t(void)look_at_live; if (0)/'
	'the tie rule turned round | user/core/election.c | s/return (x > y) - (x < y);/return (x < y) - (x > y);/'
	'no second announcement after a takeover | user/core/election.c | s/^\t\tresult.actions |= ACT_ANNOUNCE;/\t\t;/'
	'promotion without looking at live | user/engine/engine.c | s/^\tif (look_at_live(.*/\t(void)look_at_live; if (0)/'
	'ties by big-endian addresses | user/core/election.c | s/le32toh/be32toh/g'
	'no announcement because of a worse master | user/core/election.c |
		s/^\t\treturn (struct election_result){ ACT_ANNOUNCE, \(CAUSE_NON.*\)/\t\treturn (struct election_result){ 0, \1/;
		/^static struct election_result master_advert/,/^}/s/^\t\telection->announce_in = ANNOUNCE_AGAIN;/\t\t;/'
	'promotion on an advert that was overtaken | user/engine/engine.c | s/live.arrival_ns > advert->arrival_ns/0/'
	'a backup promotes itself when it is to look | user/engine/engine.c |
		s/if (vr->election.deadline_ns <= now_ns)$/if (election_wake_ns(vr) <= now_ns)/'
	'a down time counts from when the controller read | user/core/election.c |
		s/deadline_ns = input->arrival_ns + election_down_ns/deadline_ns = now_ns + 2 * election_down_ns/'
	'addresses stay on a backup | user/core/election.c | s/#define ACT_LEAVE (ACT_VIPS_DEL | /#define ACT_LEAVE (/'
	'a master does not yield | user/core/election.c | s/ours > input->interval_256ths || (ours ==/ours > 9999 || (ours ==/'
	'no last advert of who yields | user/core/election.c | s/(stays_master ? ACT_ADVERT : 0)/(stays_master ? 0 : 0)/'
	'a last advert after a tie too | user/core/election.c | s/(stays_master ? ACT_ADVERT : 0)/(stays_master ? ACT_ADVERT : ACT_ADVERT)/'
	'no bow-out of who is demoted | user/core/election.c | s/{ ACT_BOW_OUT | ACT_LEAVE, cause }/{ ACT_LEAVE, cause }/'
	'a place of the grid is left out | user/core/election.c |
		s/return next_ns > now_ns ? next_ns : /return next_ns > now_ns + interval_ns * 9 \/ 10 ? next_ns : /'
	'counters follow the wall clock only | user/engine/commit.c | s/vr->counter < realtime_ns ? realtime_ns :/realtime_ns ? realtime_ns :/;
		s/next > vr->counter ? next :/1 ? next :/'
	'who has not heard our last advert is not heard | include/xcarp/replay.h |
		s/^\(\tif (sent && replay_is_behind(sent, sent, counter)\) && !is_next && sent - counter > lag_ns)/\1)/'
	'our own numbers are fresh | include/xcarp/replay.h | s/^\treturn sent && sent - counter < REPLAY_OWN_SPAN .*/\treturn sent == counter;/'
	'an address on a backup is forgotten with the link | user/engine/engine.c | s/if (before == MASTER || vr->election.state == MASTER)/if (1)/'
	'any counter is fresh | include/xcarp/replay.h | s/^\treturn counter - from <= high - from;/\t(void)from; return false;/'
	'what a run leaves out is old | include/xcarp/replay.h | s/if (high - low > REPLAY_NEXT_LATE)/if (high < low \&\& !high)/ | 211740'
	'what a run leaves out stays fresh | include/xcarp/replay.h | s/^\t\t\thole->low = counter;/\t\t\t;/'
	'believed: a number made anew is not | include/xcarp/replay.h | s/source->changes < REPLAY_CHANGES ?/source->changes < 1 ?/'
	'believed: any number that is repeated | include/xcarp/replay.h |
		s/^\treturn source->habit == HABIT_RANDOM ? REPLAY_CHANGES : .*/\treturn 0;/'
	'believed: nothing below a run | include/xcarp/replay.h |
		s/replay_may_be_heard(replay, counter) ? REPLAY_OLD : REPLAY_DOUBTED/replay_may_be_heard(replay, counter) ? REPLAY_OLD : REPLAY_OLD/'
	'believed: the number of an xcarp | include/xcarp/replay.h | s/^\tif (replay->xcarp_ends & replay_end_bit(counter) ||/\tif (replay->xcarp_ends == counter ||/'
	'believed: of one address only | include/xcarp/replay.h |
		s/^\tif (replay_is_constant(replay, counter) || replay_is_retired/\tif (replay_is_retired/'
	'no head start after a tie | user/core/election.c | s/election_down_ns(config) + head_start_ns)/election_down_ns(config) + head_start_ns * 0)/'
	'no fence | include/xcarp/fence.h | s/^\treturn unanswered_ns > FENCE_READ(live->answered_ns) \&\&/\treturn unanswered_ns == 1 \&\&/'
	'a hold ends with its own start | user/core/election.c | s/now_ns + ELECTION_HOLD_NS/now_ns/'
)

# trim TEXT
trim() {
	local text=$1

	text=${text#"${text%%[![:space:]]*}"}
	echo "${text%"${text##*[![:space:]]}"}"
}

# plant SOURCE SCRIPT: a simulation with it, in $scratch; fails where it cannot be planted
plant() {
	local source=$1 script=$2 objects=() flags=()

	rm -rf "$scratch/xcarp"
	sed "$script" "$source" >"$scratch/mutant.c"
	! cmp -s "$source" "$scratch/mutant.c" || return 1
	# What the driver has in common with the real one.
	if [[ $source == *.h ]]; then
		cp -r include/xcarp "$scratch/xcarp"
		mv "$scratch/mutant.c" "$scratch/${source#include/}"
		source=selftests/sim/driver.c
		cp "$source" "$scratch/mutant.c"
		flags=("-I$scratch")
	fi
	for object in build/selftests/sim/*.o build/user/engine/*.o build/user/core/*.o; do
		[[ $object == "build/${source%.c}.o" ]] || objects+=("$object")
	done
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE -O1 ${flags[@]+"${flags[@]}"} -Iinclude -Iuser \
		"-I${source%/*}" "$scratch/mutant.c" "${objects[@]}" \
		-lsodium -o "$scratch/sim"
}

chosen=()
for bug in "${bugs[@]}"; do
	[[ ${bug%%|*} == *"${1-}"* ]] && chosen+=("$bug")
done
echo "1..${#chosen[@]}"
number=0
failed=0
for bug in "${chosen[@]}"; do
	IFS='|' read -r name source script <<<"${bug//$'\n'/ }"
	script=${bug#*|*|}
	first=1
	if [[ $script =~ ^(.*)' | '([0-9]+)$ ]]; then
		script=${BASH_REMATCH[1]} first=${BASH_REMATCH[2]}
	fi
	number=$((number + 1))
	if ! plant "$(trim "$source")" "$script" 2>"$scratch/errors"; then
		echo "not ok $number - $(trim "$name"): cannot be planted"
		sed 's/^/# /' "$scratch/errors"
		failed=1
	else
		timeout 120 "$scratch/sim" --first "$first" --runs "$runs" --jobs 1 >"$scratch/out"
		if seed=$(grep -m 1 '^# seed .* fails at' "$scratch/out"); then
			echo "ok $number - $(trim "$name")"
			echo "$seed"
		else
			echo "not ok $number - $(trim "$name"): not noticed in $runs runs or 120 s"
			failed=1
		fi
	fi
done
exit "$failed"
