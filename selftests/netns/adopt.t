#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A controller that comes back in time goes on where its predecessor was killed: the address stays, the peer stays BACKUP.
# One that comes too late cleans up and begins as BACKUP. What nobody adopts is cleaned up when its time is over.
#
# TRIALS=50 restarts more often, SEED repeats the random part.

# shellcheck disable=SC2016 # eval sees to it
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

TRIALS=${TRIALS:-6}
SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}

plan 90
test_lab r1 r2 client
wire client
pins=$(lab_pins r1)
ADOPTED='Adopted: going on as MASTER, last advert [0-9.]+ s ago'

# run NAME FLAGS...: a process of r1 by that name.
run() {
	local name=$1

	shift
	log_mark "$name"
	lab_spawn r1 "$LAB_DIR/$name.log" "$XCARP" -i eth0 -s 10.77.0.1 -p "$PASSWORD" "$@"
	PID[$name]=$LAB_PID
}

# removed ADDRESS: how often it was, since changes_mark
removed() {
	tail -n "+$((mark + 1))" "$LAB_DIR/changes" | grep -c "^Deleted .* $1/"
}

# Adds up only if what the kernel has told before is in the file.
changes_mark() {
	lab_run r1 ip addr add "10.99.0.$((++tick))/32" dev eth0
	wait_for 5 grep -q " 10\.99\.0\.$tick/" "$LAB_DIR/changes"
	mark=$(wc -l <"$LAB_DIR/changes")
}

# Everything up to now is in it.
changes_are_told() {
	lab_run r1 ip addr add "10.99.0.$((++tick))/32" dev eth0
	wait_for 5 grep -q " 10\.99\.0\.$tick/" "$LAB_DIR/changes"
}

# owners: how many there are, dead or alive
owners() {
	bpftool map dump pinned "$pins/owners" | grep -c '"pid": [1-9]'
}

owners_are() {
	[[ $(owners) == "$1" ]]
}

tick=0
lab_spawn r1 "$LAB_DIR/changes" ip monitor address dev eth0
monitor_tells() {
	lab_run r1 ip addr add "10.99.0.$((++tick))/32" dev eth0
	grep -q ' 10\.99\.0\.' "$LAB_DIR/changes"
}
wait_for 5 monitor_tells

# In time.
diag "TRIALS=$TRIALS SEED=$SEED"
RANDOM=$SEED
xcarp r1 -P -r 8
within 12 "the first router is MASTER" only_holder r1 r1
xcarp r2 -k 100 -r 8
within 5 "the second is BACKUP" backup r2
within 5 "a client reaches the address" eval 'lab_run client ping -q -c 1 -W 1 "$VIP" >/dev/null'
log_mark r2
changes_mark
program=$(xdp_id r1)
lab_spawn client "$LAB_DIR/ping" ping -q -i 0.02 "$VIP"
ping=$LAB_PID
began=$(now_ms)
adopted=0
for ((trial = 0; trial < TRIALS; trial++)); do
	kill_9 r1
	# Down, for as long as nobody else may notice, with a second for a busy machine; the second time for longer than an
	# interval: the first gap begins too early.
	read -rt "$((trial == 1 ? 1 : RANDOM % 2)).$((RANDOM % 4))" -u "$TICK"
	xcarp r1 -P -r 8
	wait_for 8 log_has r1 "$ADOPTED" && ((++adopted))
	read -rt "0.$((RANDOM % 10))" -u "$TICK"
done
is "killed and started again, $TRIALS times: it went on as MASTER" "$adopted" "$TRIALS"
between "and its adverts did, ms at most between two" "$(longest_gap "advert 10.77.0.1 .*advbase=1 " "$began")" 900 7900
changes_are_told
is "the address was never removed" "$(removed "$VIP")" 0
kill -INT "$ping"
within 5 "a client's pings are over" grep -q received "$LAB_DIR/ping"
like "each had its answer" "$(<"$LAB_DIR/ping")" ' 0% packet loss'
is "the peer has seen nothing of it" "$(log_of r2)" ""
is "the program in the driver is the same" "$(xdp_id r1)" "$program"
within 3 "of the predecessors nothing is left" owners_are 1
like "the log has it" "$(log_of r1)" "$ADOPTED"
is "no bow-out was sent" "$(on_wire 'advert 10.77.0.1 .*advbase=255' | wc -l)" 0

# Too late.
kill_9 r1
within 12 "killed for good: the peer takes over" master r2
xcarp r1
within 3 "and who comes too late is BACKUP" backup r1
within 3 "without the address" lacks_addr r1 "$VIP"
nok "it adopted nothing" log_has r1 Adopted
never 2 "and stays BACKUP" master r1

# Before it came to its up script, which waits for the down script of the start; and while it runs.
hook slow-down <<-'EOF'
	sleep 5
	echo "down ends" >>"$LAB_DIR/calls"
EOF
hook up <<-'EOF'
	ip -o addr show dev eth0 | grep -c " $2/" >>"$LAB_DIR/calls"
	[ ! -e "$LAB_DIR/slow" ] || exec sleep 30
	echo "up ends" >>"$LAB_DIR/calls"
EOF
calls() {
	paste -sd, "$LAB_DIR/calls"
}
: >"$LAB_DIR/calls"
touch "$LAB_DIR/slow"
ok "the late one ends" stop r1 TERM
scripts=(-P -r 6 -u "$LAB_DIR/up" -d "$LAB_DIR/slow-down")
xcarp r1 "${scripts[@]}"
within 4 "it pre-empts, with its up script to come" master r1
kill_9 r1
is "killed before it has come" "$(calls)" ""
ip -n "$LAB-r1" addr del "$VIP/32" dev eth0 2>/dev/null
xcarp r1 "${scripts[@]}"
within 3 "who adopts runs it, with the address in place" eval '[[ $(calls) == 1 ]]'
ok "and says so" log_has r1 'Adopted before the up script had run'
kill_9 r1
rm "$LAB_DIR/slow"
xcarp r1 "${scripts[@]}"
within 3 "killed while it runs: it is run again" eval '[[ $(calls) == "1,1,up ends" ]]'
wait_for 2 log_has r1 'ended after'
kill_9 r1
xcarp r1 "${scripts[@]}"
within 3 "it is adopted once more" log_has r1 "$ADOPTED"
nok "but not run once more" log_has r1 Spawning
never 3 "what ran at the first death died with it" grep -q down "$LAB_DIR/calls"
ok "it ends" stop r1 TERM
within 3 "the other one is MASTER again" master r2
xcarp r1
within 3 "and it BACKUP" backup r1

# Killed as BACKUP.
kill_9 r1
xcarp r1
within 3 "a BACKUP that was killed is BACKUP again" backup r1
nok "it adopted nothing" log_has r1 Adopted
ok "it ends" stop r1 TERM
ok "so does the peer" stop r2 TERM
is "nothing is left" "$(left_on r1)" ""

# Other addresses. The peer would have to be told.
V1=10.77.0.101 V2=10.77.0.102 V3=10.77.0.103
run p1 -v 1 -a $V1 -a $V2 -r 6
within 5 "two addresses: MASTER" eval 'has_addr r1 $V1 && has_addr r1 $V2'
changes_mark
kill_9 p1
run p1 -v 1 -a $V1 -a $V3 -r 6
within 3 "started with one of them and a new one: goes on" log_has p1 "$ADOPTED"
within 3 "the new one is added" has_addr r1 $V3
within 3 "the old one is removed" lacks_addr r1 $V2
changes_are_told
is "what stays was never removed" "$(removed $V1)" 0
kill_9 p1
lab_run r1 ip addr del $V3/32 dev eth0
run p1 -v 1 -a $V1 -a $V3 -r 6
within 3 "one that was taken away meanwhile is put back" log_has p1 "Adopted without $V3/32: adding it"
within 3 "and is there" has_addr r1 $V3
kill_9 p1
run p1 -v 1 -a $V1/24 -r 6
has_length() { ip -n "$LAB-r1" -o -4 addr show dev eth0 | grep -qF "$V1/24"; }
within 3 "with another length: goes on" log_has p1 "$ADOPTED"
within 3 "with that length" has_length
ok "it ends" stop p1 TERM
is "nothing is left" "$(left_on r1; ip -n "$LAB-r1" -o addr show dev eth0 | grep '10\.77\.0\.10')" ""

# Several processes.
run p1 -v 1 -a $V1 -r 6 -P
run p2 -v 2 -a $V2 -r 6 -P
run p3 -v 3 -a $V3 -r 6 -P
within 6 "three processes are MASTER" eval 'has_addr r1 $V1 && has_addr r1 $V2 && has_addr r1 $V3'
log_mark p1
changes_mark
kill_9 p2
kill_9 p3
run p3 -v 3 -a $V3 -r 6 -P
within 3 "two killed: the first that comes goes on with its own" log_has p3 "$ADOPTED"
ok "and leaves the other's alone" has_addr r1 $V2
run p2 -v 2 -a $V2 -r 6 -P
within 3 "the second goes on too" log_has p2 "$ADOPTED"
changes_are_told
is "no address was removed" "$(removed '10\.77\.0\.10[123]')" 0
is "the one that lived has noticed nothing" "$(log_of p1)" ""
within 3 "of the dead nothing is left" owners_are 3
kill_9 p2
kill_9 p3
run p2 -v 2 -a $V2 -r 6 -P
within 3 "killed again, only one comes back" log_has p2 "$ADOPTED"
ok "the other's address is still there" has_addr r1 $V3
within 8 "until its time is over" lacks_addr r1 $V3
within 3 "which is told" log_has p2 'died without cleaning up: its virtual routers \(1\) and the addresses that they held \(1\) are taken away'

# One process with two becomes two, with one each.
stop p1 TERM
stop p2 TERM
printf '%s\n' "default -i eth0 -s 10.77.0.1 -p $PASSWORD -r 6" "-v 1 -a $V1" "-v 2 -a $V2" >"$LAB_DIR/two.conf"
log_mark both
lab_spawn r1 "$LAB_DIR/both.log" "$XCARP" -c "$LAB_DIR/two.conf"
PID[both]=$LAB_PID
within 6 "one process with two virtual routers is MASTER of both" eval 'has_addr r1 $V1 && has_addr r1 $V2'
changes_mark
kill_9 both
run p1 -v 1 -a $V1 -r 6
run p2 -v 2 -a $V2 -r 6
within 3 "two processes adopt one each" eval 'log_has p1 "$ADOPTED" && log_has p2 "$ADOPTED"'
changes_are_told
is "no address was removed" "$(removed '10\.77\.0\.10[12]')" 0

# Another version.
stop p2 TERM
bytes=$(bpftool -j map lookup pinned "$pins/abi" key 0 0 0 0 | sed 's/.*"value":\["\([^]]*\)"\].*/\1/; s/","/ /g')
# shellcheck disable=SC2206 # a word a byte
bytes=($bytes)
bpftool map update pinned "$pins/abi" key 0 0 0 0 value "${bytes[@]:0:16}" 0x30 0x2e 0x30 "${bytes[@]:19}"
program=$(xdp_id r1)
changes_mark
kill_9 p1
run p1 -v 1 -a $V1 -r 6
within 3 "another version adopts" log_has p1 "$ADOPTED"
like "and puts its own program in the place of the other's" "$(log_of p1)" 'the program of version 0\.0 was replaced by that of version '
isnt "that is on the interface" "$(xdp_id r1)" "$program"
program=$(xdp_id r1)
is "and pinned" "$(bpftool -j prog show pinned "$pins/program" | sed 's/.*"id":\([0-9]*\).*/\1/')" "$program"
sent=$(drops r1 | sed -n 's/^not_enabled=//p')
lab_run client "$FRAMES" send eth0 vhid=1 vips=$V1 mutate=version >/dev/null
within 3 "and does its work" counted r1 not_enabled $((sent + 1))
kill_9 p1
run p1 -v 1 -a $V1 -r 6
within 3 "the next one adopts" log_has p1 "$ADOPTED"
is "and leaves the program alone" "$(xdp_id r1)" "$program"
kill_9 p1
run p1 -v 1 -a $V1 -r 6 --xdp-mode=generic
within 3 "one that wants another mode does not: told" log_has p1 'gone on with, and is taken away: its program is in another --xdp-mode$'
within 12 "and begins anew" master p1
stop p1 TERM
run p1 -v 1 -a $V1 -r 6
wait_for 12 master p1
run p2 -v 2 -a $V2 -r 6
wait_for 5 master p2

# Killed at any moment of its start.
adopted=0
for ((trial = 0; trial < 3 * TRIALS; trial++)); do
	kill_9 p1
	run p1 -v 1 -a $V1 -r 6
	printf -v pause '0.%03d' "$((RANDOM % 90))"
	read -rt "$pause" -u "$TICK"
done
kill_9 p1
run p1 -v 1 -a $V1 -r 6
within 8 "killed $((3 * TRIALS)) times while it started: it is MASTER in the end" master p1
within 3 "with its address" has_addr r1 $V1
within 3 "of all of them nothing is left" owners_are 2
ok "the other has noticed nothing" eval '! log_has p2 "removed by somebody"'
ok "both end" eval 'stop p1 TERM && stop p2 TERM'
is "nothing is left" "$(left_on r1; ip -n "$LAB-r1" -o addr show dev eth0 | grep '10\.77\.0\.10')" ""

# A start that fails leaves to the next one what it has not adopted, and does not keep what it has.
run p1 -v 1 -a $V1 -r 8
within 6 "MASTER once more" has_addr r1 $V1
changes_mark
kill_9 p1
fails r1 "$XCARP" -i eth0 -s 10.77.0.1 -p "$PASSWORD" -v 1 -a $V1 -r 8 --pidfile=/nowhere/pid
is "one that cannot write its pidfile: status" "$STATUS" 1
run p1 -v 1 -a $V1 -r 8
within 3 "  the next one goes on as MASTER" log_has p1 "$ADOPTED"
changes_are_told
is "  and the address has stayed" "$(removed $V1)" 0
run p2 -v 2 -a $V2 -r 8
within 6 "beside another" has_addr r1 $V2
kill_9 p1
fails r1 "$XCARP" -c "$LAB_DIR/two.conf"
is "one that cannot have all that it wants: status" "$STATUS" 1
ok "what it had adopted is taken away" lacks_addr r1 $V1
ok "the other's is not" has_addr r1 $V2
ok "that one ends" stop p2 TERM
is "nothing is left" "$(left_on r1; ip -n "$LAB-r1" -o addr show dev eth0 | grep '10\.77\.0\.10')" ""

# Many at once.
perl -e '
	print "default -i eth0 -s 10.77.0.1 -p x -r 10\n";
	printf "-v %d --mcastip=224.0.%d.18 -a 10.78.%d.%d\n", $_ % 255 + 1, $_ / 255, $_ / 256, $_ % 256 for 0 .. 999;
' >"$LAB_DIR/many.conf"
addresses_are() { [[ $(ip -n "$LAB-r1" -o -4 addr show dev eth0 | grep -c ' 10\.78\.') == "$1" ]]; }
daemon r1 "$XCARP" -c "$LAB_DIR/many.conf"
within 15 "a thousand virtual routers are MASTER" addresses_are 1000
changes_mark
kill_9 r1
daemon r1 "$XCARP" -c "$LAB_DIR/many.conf"
within 4 "killed and started again" log_has r1 'Ready: 1000 virtual routers'
never 1 "no address is removed" eval '(($(removed "10\.78\.[0-9.]*")))'
ok "and all are there" addresses_are 1000
stop r1 TERM
is "it ends with nothing left" "$(left_on r1; ip -n "$LAB-r1" -o addr show dev eth0 | grep -c '10\.78\.')" 0
