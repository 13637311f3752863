#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# --wait: interfaces and addresses that come after the start; and what a service manager is told of that. What may pass ends
# with another status than what will not.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 54
test_lab r1 client
wire client "vips=$VIP"

usual=(-s 10.77.0.1 -v 1 -p "$PASSWORD" -a "$VIP" -r 1)

# heard REGEX: the service manager has
heard() {
	grep -qE -- "$1" "$LAB_DIR/heard"
}
manager() {
	[[ ! ${MANAGER-} ]] || kill "$MANAGER"
	: >"$LAB_DIR/heard"
	rm -f "$LAB_DIR/notify"
	lab_spawn r1 "$LAB_DIR/heard" perl -MSocket -e '
		$| = 1;
		socket my $socket, AF_UNIX, SOCK_DGRAM, 0 or die $!;
		bind $socket, pack_sockaddr_un(shift) or die $!;
		while (defined recv $socket, my $message, 4096, 0) { $message =~ tr/\n/ /; print "$message\n" }
	' "$LAB_DIR/notify"
	MANAGER=$LAB_PID
	wait_for 5 test -S "$LAB_DIR/notify"
}
told() {
	daemon r1 env NOTIFY_SOCKET="$LAB_DIR/notify" WATCHDOG_USEC=400000 "$XCARP" "$@"
}
alive_times() {
	(($(grep -c '^WATCHDOG=1$' "$LAB_DIR/heard") >= $1))
}

# An interface that has a name.
lab_unplug r1
manager
told -i eth0 "${usual[@]}" --wait
within 5 "no eth0: it starts all the same" heard '^READY=1$'
within 5 "and says what it waits for" heard '^STATUS=1 virtual router: 1 INIT; waits for eth0$'
is "in the log, too, once" "$(log_count r1 'WARNING\] -i eth0: no such interface: waiting for it$')" 1
ok "it is in INIT" in_state r1 INIT
lab_plug r1
within 8 "eth0 comes: MASTER" master r1
within 3 "with the address" has_addr r1 "$VIP"
within 3 "on the wire" seen 'advert 10.77.0.1 .*hmac=good'
within 3 "which the manager learns" heard '^STATUS=1 virtual router: 1 MASTER$'
ip -n "$LAB-r1" link set eth0 down
within 3 "a link that is lost is told" heard '^STATUS=1 virtual router: 1 INIT; no link on eth0$'
ip -n "$LAB-r1" link set eth0 up
ok "TERM ends it" stop r1 TERM
is "nothing is left" "$(left_on r1)" ""

# The end may have to wait, too.
hook slow <<'END'
while [ ! -e "${0%/*}/go" ]; do sleep 0.05; done
END
manager
told -i eth0 "${usual[@]}" -n -z -d "$LAB_DIR/slow"
within 8 "MASTER" master r1
kill -TERM "${PID[r1]}"
within 3 "a script runs at the end: told" heard '^STATUS=1 virtual router: 1 INIT; waits for scripts to end$'
touch "$LAB_DIR/go"
within 5 "then it ends" gone r1

# One of a file; the others do not wait.
cat >"$LAB_DIR/r1.conf" <<END
default -s 10.77.0.1 -p $PASSWORD -r 1
-i eth1 -v 2 -a 10.77.0.102
-i eth0 -v 1 -a $VIP
END
manager
told -c "$LAB_DIR/r1.conf" --wait
within 8 "the other one of a file is MASTER" has_addr r1 "$VIP"
within 3 "one waits" heard '^STATUS=2 virtual routers: 1 MASTER, 1 INIT; waits for eth1$'
lab_run r1 ip tuntap add eth1 mode tun
within 5 "what comes is no Ethernet interface: told" log_has r1 'ERROR\] -i eth1: is not an Ethernet interface'
within 3 "and not used" heard '; cannot use eth1$'
lab_run r1 ip link del eth1
for i in 2 3 4 5 6 7; do
	echo "-i eth$i -v 2 -a 10.77.1.$i" >>"$LAB_DIR/r1.conf"
done
kill -HUP "${PID[r1]}"
within 5 "a reload may wait for more" heard '^STATUS=8 virtual routers: 1 MASTER, 7 INIT; waits for eth1, eth2, eth3, eth4 and 3 more$'
ok "TERM ends it" stop r1 TERM
is "nothing is left" "$(left_on r1)" ""

# One that is known by its address.
ip -n "$LAB-r1" addr del 10.77.0.1/24 dev eth0
manager
told "${usual[@]}" --wait
within 5 "no address: it starts all the same" heard '^READY=1$'
within 5 "and says what it waits for" heard '^STATUS=waits for an interface with 10\.77\.0\.1$'
is "in the log, too, once" "$(log_count r1 'WARNING\] -s 10.77.0.1: no interface holds this address: waiting for one$')" 1
within 5 "it is alive" alive_times 3
nok "its command line has no password" grep -qF "$PASSWORD" "/proc/${PID[r1]}/cmdline"
kill -USR1 "${PID[r1]}"
within 3 "USR1: it says so again" log_has r1 'WARNING\] Waiting for an interface with 10\.77\.0\.1$'
kill -USR2 "${PID[r1]}"
never 1 "there is nothing to step down" gone r1
ip -n "$LAB-r1" addr add 10.77.0.1/32 dev lo
within 3 "it comes on lo: that is none" log_has r1 '-s 10.77.0.1: lo holds this address, and is not an Ethernet interface: waiting for one$'
ip -n "$LAB-r1" addr add 10.77.0.9/24 dev eth0
never 1 "another address is none" log_has r1 'Using'
mark=$(now_ms)
ip -n "$LAB-r1" addr add 10.77.0.1/24 dev eth0
within 8 "the address comes: MASTER" master r1
ok "its start had the time of a start" heard '^READY=1 WATCHDOG_USEC=90000000$'
within 3 "the watchdog is as it was after it" heard '^READY=1 WATCHDOG_USEC=400000$'
within 3 "with the right password" seen_since "$mark" 'advert 10.77.0.1 .*hmac=good'
like "on the interface that has it" "$(log_of r1)" 'Using \[eth0\] as a network interface'
is "said once" "$(log_count r1 'no interface holds')" 1
ip -n "$LAB-r1" addr del 10.77.0.1/32 dev lo
ok "TERM ends it" stop r1 TERM
is "nothing is left" "$(left_on r1)" ""
ip -n "$LAB-r1" addr del 10.77.0.1/24 dev eth0
daemon r1 "$XCARP" "${usual[@]}" --wait
within 5 "while it waits" log_has r1 'waiting for one'
ok "RTMIN ends it, too" stop r1 RTMIN
is "with status 0" "$STATUS" 0
daemon r1 "$XCARP" "${usual[@]}" --wait
within 5 "once more" log_has r1 'waiting for one'
ok "HUP ends it, without a file" stop r1 HUP
ok "in the background: the starter does not wait" timeout 20 ip netns exec "$LAB-r1" "$XCARP" "${usual[@]}" --wait -B --pidfile="$LAB_DIR/waits.pid"
waits=$(<"$LAB_DIR/waits.pid")
nok "nor has the command line a password there" grep -qF "$PASSWORD" "/proc/$waits/cmdline"
ip -n "$LAB-r1" addr add 10.77.0.1/24 dev eth0
within 8 "the address comes: it goes on from there" has_addr r1 "$VIP"
kill "$waits"
within 5 "TERM ends that, too" eval '! kill -0 "$waits" 2>/dev/null'
within 5 "nothing is left" eval '[[ -z $(left_on r1) ]]'
ok "nor its pidfile" eval '[[ ! -e $LAB_DIR/waits.pid ]]'
ip -n "$LAB-r1" addr del 10.77.0.1/24 dev eth0

# Statuses.
fails r1 "$XCARP" "${usual[@]}"
is "without --wait it fails: status" "$STATUS" 1
fails r1 "$XCARP" -i eth9 "${usual[@]}"
is "with a name, too" "$STATUS" 1
fails r1 "$XCARP" -i eth9 "${usual[@]}" --wait -k 300
is "an error waits for nothing" "$STATUS" 1
fails r1 prlimit --nofile=8:8 "$XCARP" -i eth0 "${usual[@]}"
is "too few files: another status" "$STATUS" 75
like "told" "$ERROR" 'Too many open files'
