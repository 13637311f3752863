#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A master that is stopped or killed keeps its address, but not the right to answer for it: once its backup is master, only
# that one answers. When it goes on it gives way. TRIALS=50 for more.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

TRIALS=${TRIALS:-4}
SKEW=26 # 0.1 s, a down time of 0.3 s

plan $((10 * TRIALS + 23))
test_lab r1 r2 client

answers() {
	lab_answers client 10.77.0.3 "$VIP" 500 "${1:-60}"
}

answers_are() {
	[[ $(answers) == "$1" ]]
}

# only_answerer MAC: asked again and again for a second, nobody else answers
only_answerer() {
	local end=$((${EPOCHREALTIME/./} + 1000000)) who

	while ((${EPOCHREALTIME/./} < end)); do
		who=$(answers 20)
		[[ $who == "$1" ]] || {
			echo "answered: $who" >&2
			return 1
		}
	done
}

first=02000a4d0001 second=02000a4d0002

# pair: r1 is master, r2 waits
pair() {
	xcarp r1 -b 0 -k $SKEW -P
	within 5 "$1: r1 is MASTER" master r1
	xcarp r2 -b 0 -k $((SKEW + 10))
	within 5 "$1: r2 is BACKUP" backup r2
	within 5 "$1: r1 answers" answers_are $first
}

for ((trial = 1; trial <= TRIALS; trial++)); do
	pair "trial $trial"
	kill -STOP "${PID[r1]}"
	within 5 "trial $trial: r1 stopped: r2 is MASTER" master r2
	wait_for 2 answers_are $second
	ok "trial $trial: only r2 answers" only_answerer $second
	ok "trial $trial: though r1 has the address" has_addr r1 "$VIP"
	log_mark r1
	kill -CONT "${PID[r1]}"
	within 5 "trial $trial: it goes on: it gives way" log_has r1 'Fenced: 10\.77\.0\.2 has been master for'
	# It pre-empts: that is how it was told to be.
	within 5 "trial $trial: and is master again by the rules" only_holder r1 r1 r2
	within 5 "trial $trial: the only one" answers_are $first
	kill_9 r1
	within 5 "trial $trial: killed: r2 is MASTER" master r2
	stop r2 TERM
	ip -n "$LAB-r1" addr del "$VIP/32" dev eth0
	lab_run r1 ip link set dev eth0 xdp off
	rm -rf "$(lab_pins r1)"
done

# Killed: the program and the maps are still there.
pair "killed"
kill_9 r1
within 5 "killed: r2 is MASTER" master r2
wait_for 2 answers_are $second
ok "only r2 answers" only_answerer $second
ok "r1 has the address still" has_addr r1 "$VIP"
ok "what was dropped is counted" test "$(drops r1 | sed -n 's/^fenced=//p')" -gt 0
detail=$(lab_run r1 "${XCARP%/*}/xcarpctl" status eth0/1)
like "xcarpctl: the fence is up" "$detail" 'fence +up: another one is master, .* kept from this host: [1-9]'
like "  and who is master" "$detail" 'master +10\.77\.0\.2'
# The dead one is the only one left.
log_mark r2
stop r2 KILL
ip -n "$LAB-r2" addr del "$VIP/32" dev eth0
within 5 "the other one gone: the dead one's host answers again" answers_are $first

# No false alarms: one that reacts is never fenced, whoever else advertises.
stop r1 TERM
# It has its time, on a machine that runs other tests at the same time.
xcarp r1 -r 2 --fence-after=2000
within 8 "a master that reacts" master r1
before=$(drops r1 | sed -n 's/^fenced=//p')
lab_run client "$FRAMES" send eth0 vips="$VIP" advskew=200 count=40 rate=20 counter=1790000000000000000 >/dev/null &
sender=$!
ok "answers all the time, whoever else advertises" only_answerer $first
wait "$sender"
is "nothing was dropped" "$(drops r1 | sed -n 's/^fenced=//p')" "$before"
ok "it is still master" master r1

# IPv6.
stop r1 TERM
VIP6=fd00:77::100
for host in r1 r2 client; do
	lab_run $host sysctl -qw net.ipv6.conf.eth0.accept_dad=0 2>/dev/null
	ip -n "$LAB-$host" addr add "fd00:77::${host#r}/64" dev eth0 nodad 2>/dev/null
done
ip -n "$LAB-client" addr add fd00:77::3/64 dev eth0 nodad
who6() {
	ip -n "$LAB-client" -6 neigh flush dev eth0 2>/dev/null
	lab_run client ping -6 -q -c 1 -W 1 "$VIP6" >/dev/null 2>&1
	ip -n "$LAB-client" -6 neigh show "$VIP6" dev eth0 | sed -n 's/.*lladdr \([^ ]*\).*/\1/p' | tr -d :
}
is6() {
	[[ $(who6) == "$1" ]]
}
xcarp r1 -b 0 -k $SKEW -P -a $VIP6
within 5 "IPv6: r1 is MASTER" master r1
xcarp r2 -b 0 -k $((SKEW + 10)) -a $VIP6
within 5 "r2 is BACKUP" backup r2
within 5 "r1 answers" is6 $first
kill -STOP "${PID[r1]}"
within 5 "stopped: r2 is MASTER" master r2
within 3 "r2 answers" is6 $second
for try in 1 2 3; do
	is "and only r2, time $try" "$(who6)" $second
done
kill -CONT "${PID[r1]}"
within 5 "r1 gives way" log_has r1 Fenced
