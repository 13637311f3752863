#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Two routers, a client, one address: watch it move when its master dies, and when it leaves. Needs root; touches
# nothing but its own network namespaces, and cleans up after itself. Less than a minute once xcarp is built.

set -u
export LC_ALL=C
cd "$(dirname "$0")/.." || exit 1
XCARP=build/xcarp
# shellcheck source=scripts/lab.sh
. scripts/lab.sh

vip=10.77.0.100
declare -A colors=([r1]=36 [r2]=33 [client]=32) pids=() read_lines=([r1]=0 [r2]=0)
start=0

# say WHO WHAT [MS SINCE 1970]: a line of the timeline.
say() {
	local at=${3:-$((${EPOCHREALTIME/./} / 1000))} who

	printf -v who '%-6s' "$1"
	[[ -t 1 && ${colors[$1]+set} ]] && who=$'\e['"${colors[$1]}m$who"$'\e[0m'
	((at -= start))
	printf '%3d.%03d  %s  %s\n' $((at / 1000)) $((at % 1000)) "$who" "$2"
}

# What the routers have logged since the last time, in the order in which it happened.
tell() {
	local host line at

	for host in r1 r2; do
		while read -r line; do
			((++read_lines[$host]))
			[[ $line =~ ^([0-9-]{10}T[0-9:.]+):\ \[[A-Z]+\]\ (.*)$ ]] || continue
			at=$(date -d "${BASH_REMATCH[1]}" +%s%3N)
			[[ ${BASH_REMATCH[2]} == "Local advertised"* ]] || echo "$at $host ${BASH_REMATCH[2]% (eth0 id 1)}"
		done < <(tail -n "+$((read_lines[$host] + 1))" "$LAB_DIR/$host.log" 2>/dev/null) >>"$LAB_DIR/news"
	done
	while read -r at host line; do
		say "$host" "$line" "$at"
	done < <(sort -s -n -k 1,1 "$LAB_DIR/news")
	: >"$LAB_DIR/news"
}

# watch SECONDS: the timeline goes on for so long.
watch() {
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000))

	while ((${EPOCHREALTIME/./} < end)); do
		tell
		sleep 0.1
	done
	tell
}

# await SECONDS COMMAND...: the same until the command succeeds; ends the demo where it does not.
await() {
	local seconds=$1 end=$((${EPOCHREALTIME/./} + $1 * 1000000))

	shift
	until "$@"; do
		((${EPOCHREALTIME/./} < end)) || lab_die "not within $seconds s: $*"
		tell
		sleep 0.1
	done
	tell
}

router() {
	local host=$1 flags="-i eth0 -s ${LAB_ADDRS[$1]%/*} -v 1 -a $vip"

	shift
	say "$host" "starts: xcarp $flags -p ... $*"
	# shellcheck disable=SC2086 # no word has spaces
	lab_spawn "$host" "$LAB_DIR/$host.log" build/xcarp $flags -p demo "$@"
	pids[$host]=$LAB_PID
}

holds() {
	ip -n "$LAB-$1" -o -4 addr show dev eth0 | grep -qF " $vip/"
}

# The client got an answer that was sent after MS since 1970.
answered_since() {
	[[ -e $LAB_DIR/ping ]] || return 1
	tail -n 1 "$LAB_DIR/ping" | awk -F'[][]' -v since="$1" '{ exit !($2 * 1000 > since) }'
}

# The longest the client waited for an answer since MS since 1970.
interruption() {
	awk -F'[][]' -v since="$1" '
		/ttl=/ { at = $2 * 1000; if (at > since && last && at - last > longest) longest = at - last; last = at }
		END { printf "%.0f", longest }' "$LAB_DIR/ping"
}

who_holds() {
	local host

	for host in r1 r2; do
		printf '                 %s  ' "$host"
		ip -n "$LAB-$host" -4 -br addr show dev eth0
	done
}

((EUID == 0)) || lab_die "must be root to make network namespaces (try sudo)"
scripts/setup.sh build || exit 1
echo "Building xcarp ..."
if ! built=$(make -s -j "$(nproc)" 2>&1); then
	echo "$built" >&2
	exit 1
fi

cat <<EOF2

Two routers share the address $vip. A client pings it, a hundred times a second.

     r1 10.77.0.1     r2 10.77.0.2     client 10.77.0.9
          |                |                  |
     -----+----------------+------------------+-----   10.77.0.0/24

r1 advertises once a second, r2 would every 1.4 s (its skew is 100/256 s): r1 is preferred. Each takes a silent
master for dead after three seconds and its own skew: r1 after 3 s, r2 after 3.4 s.

seconds  who     what
EOF2

lab_start
lab_host r1 10.77.0.1/24
lab_host r2 10.77.0.2/24
lab_host client 10.77.0.9/24
start=$((${EPOCHREALTIME/./} / 1000))
better=(--preempt)
worse=(--advskew=100)

router r1 "${better[@]}"
router r2 "${worse[@]}"
await 10 holds r1
lab_spawn client "$LAB_DIR/ping" ping -n -D -i 0.01 "$vip"
await 5 answered_since 0
say client "gets answers from $vip"
watch 2

who_holds
died=$((${EPOCHREALTIME/./} / 1000))
say r1 "DIES: kill -9, and its cable is out"
kill -KILL "${pids[r1]}"
wait "${pids[r1]}" 2>/dev/null # or bash reports it
lab_cable r1 down
await 10 holds r2
await 5 answered_since $(($(date +%s%3N) + 100))
failover=$(interruption $died)
say client "was without an answer for $failover ms"
who_holds
echo "                 r1's own kernel still has the address, as the dead leave it; nobody can reach it there."
echo
echo "                 bpftool map lookup pinned $(lab_pins r2)/live key 0 0 0 0    (on r2)"
bpftool map lookup pinned "$(lab_pins r2)/live" key 0 0 0 0 | sed -n '/"state"/,/"own_advskew"/s/^ */                     /p'
echo

back=$((${EPOCHREALTIME/./} / 1000))
router r1 "${better[@]}"
watch 1
say r1 "has its cable back"
lab_cable r1 up
await 10 holds r1
watch 2
failback=$(interruption $back)
say client "was without an answer for $failback ms"
who_holds

left=$((${EPOCHREALTIME/./} / 1000))
say r1 "is asked to leave: kill -TERM"
kill -TERM "${pids[r1]}"
await 5 holds r2
watch 2
handover=$(interruption $left)
say client "was without an answer for $handover ms"
who_holds
if [[ -e $(lab_pins r1) ]] || ip -n "$LAB-r1" -d link show dev eth0 | grep -q prog/xdp; then
	lab_die "r1 has left something behind"
fi
echo
cat <<EOF2
How long the client was without an answer:
  the master died      $failover ms   (its backup moves 3.4 s after the last advert)
  it came back         $failback ms
  it left on purpose   $handover ms   (it says goodbye)
EOF2
