#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Full disks, full maps, clients that hang: each has one outcome that is named, and nobody else is touched.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

CTL=${XCARP%/*}/xcarpctl

plan 21
test_lab r1

# A disk that is full.
mkdir "$LAB_DIR/full"
full() {
	lab_run r1 unshare -m bash -c 'mount -t tmpfs -o size=4k tmpfs "$1" && { cat /dev/zero >"$1/rest" 2>/dev/null; shift; exec "$@"; }' - "$LAB_DIR/full" "$@"
}
before=$(snapshot r1)
ERROR=$(full timeout -s KILL 10 "$XCARP" -i eth0 -s 10.77.0.1 -v 1 -p "$PASSWORD" -a "$VIP" --pidfile="$LAB_DIR/full/pid" 2>&1)
is "no room for the pidfile: status" "$?" 1
like "it is named" "$ERROR" "--pidfile $LAB_DIR/full/pid: No space left on device"
unchanged "nothing is changed" r1 "$before"
setsid nsenter --net="/run/netns/$LAB-r1" "$XCARP" -i eth0 -s 10.77.0.1 -v 1 -p "$PASSWORD" -a "$VIP" -r 1 </dev/null >/dev/full 2>&1 &
PID[r1]=$!
within 8 "no room for the log: it becomes MASTER all the same" has_addr r1 "$VIP"
ok "and lives" alive r1

# Clients of the control socket that never read, and one that reads nothing of what it asked for.
clients=$(for ((i = 0; i < 40; i++)); do
	setsid nsenter --net="/run/netns/$LAB-r1" perl -MSocket -e '
		socket my $s, AF_UNIX, SOCK_SEQPACKET, 0 or die;
		connect $s, pack_sockaddr_un("\0xcarp/0") or die;
		sleep 60;
	' >/dev/null 2>&1 &
	echo $!
done)
answer=$(lab_run r1 timeout 10 "$CTL" demote --all 2>&1)
like "40 clients that hang: another is served" "$answer" '^1 virtual router demoted'
within 3 "the address is off" lacks_addr r1 "$VIP"
lab_run r1 timeout 10 "$CTL" release --all >/dev/null
within 8 "and on again" has_addr r1 "$VIP"
# shellcheck disable=SC2086 # one word each
kill $clients 2>/dev/null

# Readers that hang.
lab_run r1 "$CTL" monitor >"$LAB_DIR/monitor" 2>&1 &
reader=$!
within 5 "a monitor" test -e "/proc/$reader"
pkill -STOP -P "$reader" 2>/dev/null || kill -STOP "$reader"
for ((i = 0; i < 3; i++)); do
	lab_run r1 timeout 10 "$CTL" demote --all >/dev/null
	wait_for 3 lacks_addr r1 "$VIP"
	lab_run r1 timeout 10 "$CTL" release --all >/dev/null
	wait_for 8 has_addr r1 "$VIP"
done
ok "a monitor that is stopped holds nothing up" has_addr r1 "$VIP"
pkill -KILL -P "$reader" 2>/dev/null || kill -KILL "$reader"
wait "$reader" 2>/dev/null

# Garbage on the control socket.
lab_run r1 perl -MSocket -e '
	for my $n (1 .. 200) {
		socket my $s, AF_UNIX, SOCK_SEQPACKET, 0 or die;
		connect $s, pack_sockaddr_un("\0xcarp/0") or die;
		send $s, join("", map { chr rand 256 } 1 .. rand 5000), 0;
	}
' 2>/dev/null
ok "garbage on the control socket: it lives" alive r1
like "and serves" "$(lab_run r1 timeout 10 "$CTL" release --all 2>&1)" '^1 virtual router released'

# Full maps: the first process makes room for 4096.
perl -e 'print "default -i eth0 -s 10.77.0.1 -p secret --no-vip\n"; printf "-m 239.7.0.%d -v %d -a 10.80.%d.%d\n", $_ / 255, $_ % 255 + 1, $_ >> 8, $_ & 255 for 0 .. 4199' >"$LAB_DIR/many.conf"
fails r1 "$XCARP" -c "$LAB_DIR/many.conf"
is "more virtual routers than there is room for: status" "$STATUS" 1
like "it says so" "$ERROR" 'have room for 4096 virtual routers, and that is taken; .*--capacity'
ok "the first is untouched" has_addr r1 "$VIP"
is "and alone in the maps" "$(lab_run r1 "$CTL" status -j | perl -MJSON::PP -e 'print scalar @{decode_json(join "", <STDIN>)->{vrouters}}')" 1

# Netlink refuses: an address of a family that the interface does not take.
lab_run r1 sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
lab_spawn r1 "$LAB_DIR/two.log" "$XCARP" -i eth0 -s 10.77.0.1 -v 2 -p "$PASSWORD" -a fd00:77::1 -r 1
two=$LAB_PID
within 8 "netlink refuses an address: told once" grep -q 'cannot add fd00:77::1/128: .*; trying again every second' "$LAB_DIR/two.log"
lab_run r1 sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0
six() {
	ip -n "$LAB-r1" -6 addr show dev eth0 | grep -q 'fd00:77::1/128'
}
within 8 "and added once it can be" six
kill -TERM "$two"
within 5 "it ends" test ! -e "/proc/$two"
ok "TERM ends the first" stop r1 TERM
is "nothing is left" "$(left_on r1)" ""
