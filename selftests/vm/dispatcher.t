#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# An interface shared through libxdp's dispatcher: others load and unload beside us, take all of it off, and the interface goes
# and comes back. STEPS of them at random, by SEED; after each, one of two is master, both have the program, and `held` is right.
#
# vm: seconds=900 packages=xdp-tools

export XCARP=${XCARP:-/usr/local/sbin/xcarp}
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

STEPS=${STEPS:-20}
SEED=${SEED:-$RANDOM}
SETTLE=90 # seconds; the verifier alone takes some under emulation
TWO_MASTERS_MS=8000 # a down time is 5 seconds at most
# A dead one's address, which its driver lets nobody ask for, stays until its successor is there, who waits for the verifier.
TWO_RESTARTED_MS=60000
TWO_ANSWER_MS=1000
OTHER=/usr/lib/x86_64-linux-gnu/bpf/xsk_def_xdp_prog.o # passes everything on

plan $((32 + STEPS))
test_lab r1 r2 client
diag "SEED=$SEED STEPS=$STEPS"
RANDOM=$SEED

loader() {
	lab_run "$1" xdp-loader "${@:2}" >>"$LAB_DIR/loader.log" 2>&1
}

# programs HOST: the names of those in the dispatcher, or of the only one.
programs() {
	lab_run "$1" xdp-loader status eth0 2>/dev/null | sed -nE 's/^ *=> *[0-9]+ +([^ ]+) .*/\1/p; s/^eth0 +(xcarp) .*/\1/p' | sort | xargs
}

# other_ids HOST: of programs that are not ours
other_ids() {
	lab_run "$1" xdp-loader status eth0 2>/dev/null | sed -nE 's/^ *=> *[0-9]+ +xsk_def_prog +([0-9]+) .*/\1/p'
}

# unload HOST: the others' programs
unload() {
	local id

	for id in $(other_ids "$1"); do
		loader "$1" unload eth0 -i "$id"
	done
}

has_program() {
	[[ " $(programs "$1") " == *" xcarp "* ]]
}

lacks_others() {
	[[ -z $(other_ids "$1") ]]
}

has_others() {
	[[ $(other_ids "$1") ]]
}

# held HOST: of its one address
held() {
	bpftool -j map dump pinned "$(lab_pins "$1")/vips" 2>/dev/null | sed -n 's/.*"held": *\([01]\).*/\1/p'
}

# state_of HOST STATE: by its maps, whatever the log was read from
state_of() {
	lab_run "$1" "${XCARP}ctl" status 2>/dev/null | grep -qw "$2"
}

# switched HOST: it has changed its state since $MARK lines of its log
switched() {
	tail -n "+$((MARK + 1))" "$LAB_DIR/$1.log" | grep -q 'Switching'
}

# counts HOST: an advert with a wrong version, sent by the other, is counted: its program runs.
counts() {
	local from=r1 before

	[[ $1 == r1 ]] && from=r2
	before=$(drops "$1" 2>/dev/null | sed -n 's/^not_enabled=//p')
	lab_run $from "$FRAMES" send eth0 src=10.77.0.66 "vips=$VIP" mutate=version >/dev/null 2>&1
	wait_for 15 counted "$1" not_enabled $((before + 1))
}

# both_answered MS: for how long since then two hosts answered for the address at a stretch, in ms
both_answered() {
	awk -v from="$1" '
		$1 * 1000 < from { next }
		NF > 2 && !since { since = $1 }
		since && $1 - since > longest { longest = $1 - since }
		NF <= 2 { since = 0 }
		END { printf "%.0f", longest * 1000 }' "$LAB_DIR/answers"
}

# settled: one master with the address, and a backup without; the program at work on both.
settled() {
	local master=r1 backup=r2 holders host limit=$TWO_MASTERS_MS

	[[ $RESTARTED ]] && limit=$TWO_RESTARTED_MS
	holders=$(holders r1 r2)
	if [[ $holders != 'r1 r2 ' ]]; then
		TWO_SINCE=''
	else
		TWO_MS=$((-${TWO_SINCE:=$(now_ms)} + $(now_ms)))
		((TWO_MS <= limit)) || TWO_MASTERS="both have had the address for $TWO_MS ms"
	fi
	# Until then all is as its predecessor has left it.
	for host in $RESTARTED; do
		log_has "$host" 'state: |Adopted' || return
	done
	[[ $holders == r2\  ]] && master=r2 backup=r1
	[[ $holders == "$master " && $(held $master) == 1 && $(held $backup) == 0 ]] &&
		state_of $master MASTER && state_of $backup BACKUP && has_program r1 && has_program r2
}

# settles NAME: and is two masters' for no longer than may be.
settles() {
	TWO_SINCE='' TWO_MASTERS=''
	local what='not settled' answered

	if wait_for $SETTLE settled && [[ -z $TWO_MASTERS ]] && what='r1 counts nothing' && counts r1 &&
		what='r2 counts nothing' && counts r2 && answered=$(both_answered "$SETTLED_MS") &&
		what="both have answered for the address for $answered ms" && ((answered <= TWO_ANSWER_MS)); then
		pass "$1"
	else
		fail "$1" "$what" "holders: $(holders r1 r2)" "held: $(held r1) $(held r2)" "r1: $(programs r1)" "r2: $(programs r2)" \
			"$TWO_MASTERS"
	fi
	[[ ! $RESTARTED ]] || diag "both had the address for $TWO_MS ms, and answered for ${answered:-?}"
	RESTARTED='' TWO_MS=0 SETTLED_MS=$(now_ms)
}

start() {
	local skew=0

	RESTARTED+=" $1"
	[[ $1 == r2 ]] && skew=100
	xcarp "$1" -P -r 4 -k $skew --pidfile="$LAB_DIR/$1.pid"
}

# upgrade HOST [COMMAND...]: hands over to an xcarp that takes the maps for another version's; the command comes before that starts.
upgrade() {
	local abi bytes

	abi=$(lab_pins "$1")/abi
	read -ra bytes <<<"$(bpftool -j map lookup pinned "$abi" key 0 0 0 0 | sed 's/.*"value":\["\([^]]*\)"\].*/\1/; s/","/ /g')"
	bpftool map update pinned "$abi" key 0 0 0 0 value "${bytes[@]:0:16}" 0x30 0x2e 0x30 "${bytes[@]:19}"
	stop "$1" RTMIN 20
	"${@:2}"
	start "$1"
}

# late: r2 has taken over, and has been master for a while.
late() {
	wait_for 60 has_addr r2 "$VIP"
	wait_for 3 false
	LATE_HOLDERS=$(holders r1 r2)
}

# away HOST: to another namespace and back, as lab_plug had made it
away() {
	ip -n "$LAB-$1" link set eth0 netns "$LAB-elsewhere" || return
	wait_for 5 eval "! has_own_pins $1"
	ip -n "$LAB-elsewhere" link set eth0 netns "$LAB-$1"
	ip -n "$LAB-$1" link set eth0 up
	ip -n "$LAB-$1" addr add "${LAB_ADDRS[$1]}" dev eth0
}

# own_programs: ids of all xcarps' programs that the kernel has
own_programs() {
	bpftool prog show | sed -nE 's/^([0-9]+): (xdp|ext|sched_cls) +name xcarp(_tc)? .*/\1/p' | xargs
}

# lacks_program ID: the kernel frees one a moment after the last reference to it.
lacks_program() {
	! grep -qw "$1" <<<"$(own_programs)"
}

# program_id HOST: of the program that its maps belong to
program_id() {
	bpftool prog show pinned "$(lab_pins "$1")/program" | sed -n 's/^\([0-9]*\):.*/\1/p'
}

# has_own_pins HOST: what libxdp has pinned for its eth0 has its program, whose id is that of the pin in its maps' directory
has_own_pins() {
	local id pin

	id=$(program_id "$1")
	for pin in /sys/fs/bpf/xdp/dispatch-*/*-prog; do
		[[ -e $pin && $(bpftool prog show pinned "$pin" | sed -n 's/^\([0-9]*\):.*/\1/p') == "$id" ]] && return
	done
	return 1
}

random_step() {
	local host=r$((1 + RANDOM % 2)) step

	step=$((RANDOM % 14))
	case $step in
	0 | 1 | 2) loader $host load -m native eth0 "$OTHER"; echo "$host: load" ;;
	3) loader $host load -m skb eth0 "$OTHER"; echo "$host: load in skb mode" ;;
	4 | 5) loader $host unload eth0 -i "$(other_ids $host | shuf -n 1)"; echo "$host: unload" ;;
	6) loader $host unload eth0 --all; echo "$host: unload all" ;;
	7) lab_run $host ip link set dev eth0 xdp off; echo "$host: xdp off" ;;
	8) lab_unplug $host; lab_plug $host; echo "$host: deleted and made again" ;;
	9) ip -n "$LAB-$host" link set eth0 name eth7; ip -n "$LAB-$host" link set eth7 name eth0; echo "$host: renamed and back" ;;
	10) away $host; echo "$host: to another namespace and back" ;;
	11) kill_9 $host; start $host; echo "$host: killed and started" ;;
	12) stop $host TERM 20; start $host; echo "$host: ended and started" ;;
	13) upgrade $host; echo "$host: upgraded" ;;
	esac
}

TWO_MS=0 SETTLED_MS=0 RESTARTED=''
lab_netns elsewhere
lab_spawn client "$LAB_DIR/answers" "$FRAMES" ask eth0 "$(address client)" "$VIP" 100
[[ -e $OTHER ]] || lab_die "$OTHER is not there"

# Another one before us.
ok "another program is loaded first" loader r1 load -m native eth0 "$OTHER"
start r1
start r2
settles "with another one there already: MASTER and BACKUP"
is "both programs are there" "$(programs r1)" "xcarp xsk_def_prog"
unload r1
settles "the other one unloaded"
is "only ours is there" "$(programs r1)" "xcarp"
MARK=$(wc -l <"$LAB_DIR/r2.log")
loader r1 load -m native eth0 "$OTHER"
loader r2 load -m native eth0 "$OTHER"
within 10 "one is loaded beside us, on both" eval 'has_others r1 && has_others r2'
settles "which changes nothing"
nok "not for a moment" switched r2
lab_run r1 ip link set dev eth0 xdp off
within 20 "all taken off: it is told" log_has r1 'taken off by somebody else: putting it back'
settles "and put back"
nok "without a change of state" switched r2

# Somebody else's libxdp takes its time.
MARK=$(wc -l <"$LAB_DIR/r2.log")
exec {lock}</sys/fs/bpf/xdp
flock $lock
lab_run r1 ip link set dev eth0 xdp off
never 15 "taken off while another has libxdp's lock: r1 goes on sending" switched r2
exec {lock}<&-
settles "and the program is put back after that"

# Killed after that: what it held is still known.
kill_9 r1
lab_run r1 "$XCARP" --cleanup >"$LAB_DIR/cleanup.log" 2>&1
is "killed, and cleaned up after: nothing is left" "$(has_addr r1 "$VIP" && echo address; programs r1; ls "$(lab_pins r1)" 2>/dev/null)" ""
start r1
settles "started again"

# Elsewhere.
loader r1 load -m native eth0 "$OTHER"
number=$(ip -n "$LAB-r1" -o link show dev eth0 | cut -d: -f1)
ip -n "$LAB-elsewhere" link add first index "$number" type bridge
ip -n "$LAB-r1" link set eth0 netns "$LAB-elsewhere"
within 20 "moved to another namespace: our program is in no dispatcher" eval '! has_own_pins r1'
within 20 "and was taken out of it there" log_has r1 'eth0 was moved to another network namespace: the program was taken off there'
is "the other one's stays" "$(programs elsewhere)" "xsk_def_prog"
isnt "where the interface has another number" "$(ip -n "$LAB-elsewhere" -o link show dev eth0 | cut -d: -f1)" "$number"
ip -n "$LAB-elsewhere" link del first
ip -n "$LAB-elsewhere" link set eth0 netns "$LAB-r1"
ip -n "$LAB-r1" link set eth0 up
ip -n "$LAB-r1" addr add "${LAB_ADDRS[r1]}" dev eth0
settles "moved back"
is "with the other one's program as it was" "$(programs r1)" "xcarp xsk_def_prog"

# Upgraded. Its predecessor had as long as a down time to come; under emulation the verifier takes longer than that.
before=$(program_id r1)
upgrade r1
settles "handed over to another version"
isnt "whose program is at work" "$(program_id r1)" "$before"
nok "the old one is in no dispatcher" grep -q " prog $before " <(bpftool link show)
if "$XCARP" --version | grep -q 'libxdp 1\.3\.'; then
	skip 1 "libxdp 1.3 keeps files of programs open"
else
	within 10 "the old one is gone" lacks_program "$before"
fi
is "the other one's program is as it was" "$(programs r1)" "xcarp xsk_def_prog"

# Its successor comes late: both have the address then, but only one may answer for it.
upgrade r1 late
is "handed over, and the successor is late: both have the address" "$LATE_HOLDERS" "r1 r2 "
between "for which both answer at the same time for some ms only" "$(both_answered "$SETTLED_MS")" 0 $TWO_ANSWER_MS
settles "the successor has come"

for ((step = 1; step <= STEPS; step++)); do
	random_step >"$LAB_DIR/step" # in this shell: it starts daemons
	settles "$step. $(<"$LAB_DIR/step")"
done

unload r1
unload r2
ok "the first ends" stop r1 TERM 20
ok "and the second" stop r2 TERM 20
is "nothing is left" "$(left_on r1; left_on r2; own_programs; find /sys/fs/bpf/xcarp -mindepth 1 2>/dev/null)" ""
