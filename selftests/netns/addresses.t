#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The addresses of a master: put back when removed, several, with a prefix length, and none at all with --no-vip.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 44
test_lab r1 client
wire client "vips=$VIP,10.77.0.101,10.77.0.9"

# addr_len ADDR: with which prefix length the master has it
addr_len() {
	ip -n "$LAB-r1" -o -4 addr show dev eth0 | sed -n "s|.* $1/\([0-9]*\) .*|\1|p"
}

all_back() {
	has_addr r1 "$VIP" && has_addr r1 10.77.0.101 && has_addr r1 10.77.0.9
}

# first_is ADDR: from which the host sends to its network
first_is() {
	[[ $(ip -n "$LAB-r1" -4 route get 10.77.0.200) == *" src $1 "* ]]
}

# A later -a joins the first; 10.77.0.9 sorts before it as a number and after it as text.
xcarp r1 -r 1 -a 10.77.0.101/24 -a 10.77.0.9/32
within 5 "MASTER" master r1
for vip in "$VIP" 10.77.0.101 10.77.0.9; do
	within 5 "it has $vip" has_addr r1 "$vip"
	within 5 "and announces it" seen "announce $vip smac=$(mac r1) dmac=ff:ff:ff:ff:ff:ff"
done
is "prefix length as given" "$(addr_len 10.77.0.101)" 24
is "prefix length where none was given" "$(addr_len "$VIP")" 32
within 5 "adverts are signed for all of them" seen 'advert 10.77.0.1 .*hmac=good'
nok "each of them" seen 'advert 10.77.0.1 .*hmac=bad'

for vip in "$VIP" 10.77.0.101; do
	mark=$(now_ms)
	ip -n "$LAB-r1" addr del "$vip/$(addr_len "$vip")" dev eth0
	within 1 "$vip removed by hand: put back" has_addr r1 "$vip"
	within 2 "and announced" seen_since "$mark" "announce $vip "
done
ip -n "$LAB-r1" addr flush dev eth0 scope global
within 2 "all removed: all put back" all_back
ip -n "$LAB-r1" addr add 10.77.0.1/24 dev eth0
within 2 "the host's own comes second, and is the first of its network again" first_is 10.77.0.1
within 2 "with ours as they were" all_back
ok "still MASTER" master r1
ok "it ends" stop r1 TERM
is "nothing is left" "$(left_on r1)$(addr_len 10.77.0.101)$(addr_len 10.77.0.9)" ""

# As of a host that has its address by DHCP, after another one: it is prolonged again and again.
ip -n "$LAB-r1" addr flush dev eth0 scope global
ip -n "$LAB-r1" addr add 10.77.0.50/24 dev eth0
ip -n "$LAB-r1" addr add 10.77.0.1/24 dev eth0
xcarp r1 -r 1 -a 10.77.0.101/24
within 5 "behind an address that is not ours: MASTER" master r1
within 5 "  with its own" has_addr r1 10.77.0.101
ip -n "$LAB-r1" addr change 10.77.0.1/24 dev eth0 valid_lft 3600 preferred_lft 3600
never 1 "the host's own is prolonged: ours stay where they are" log_has r1 'change places'
ok "it ends" stop r1 TERM
ip -n "$LAB-r1" addr del 10.77.0.50/24 dev eth0

# Two processes do so at once, in the kernel's own time.
two() {
	has_addr r1 10.77.0.101 && has_addr r1 10.77.0.102
}
slowly SLOW_ADDRESS_MS=300 xcarp r1 -r 1 -a 10.77.0.101/24
slowly SLOW_ADDRESS_MS=600 lab_spawn r1 "$LAB_DIR/two.log" "$XCARP" -i eth0 -s 10.77.0.1 -v 2 -p "$PASSWORD" -a 10.77.0.102/24 -r 1
slow=$LAB_PID
within 8 "two processes, MASTER both" two
ip -n "$LAB-r1" addr flush dev eth0 scope global
within 5 "  all removed: all put back" two
ip -n "$LAB-r1" addr add 10.77.0.1/24 dev eth0
within 5 "  the host's own becomes the first again" first_is 10.77.0.1
never 2 "  and is not taken along by either" lacks_addr r1 10.77.0.1
kill "$slow"
ok "it ends" stop r1 TERM

# Where what keeps the others cannot be set.
daemon r1 unshare -m sh -c 'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$@"' sh \
	"$XCARP" -i eth0 -s 10.77.0.1 -v 1 -p "$PASSWORD" -a 10.77.0.101/24 -r 1
within 8 "without a writable /proc/sys: MASTER" master r1
ip -n "$LAB-r1" addr flush dev eth0 scope global
within 3 "  all removed: put back" has_addr r1 10.77.0.101
ip -n "$LAB-r1" addr add 10.77.0.1/24 dev eth0
never 1 "  the host's own is second, and stays" lacks_addr r1 10.77.0.1
ok "it ends" stop r1 TERM
ip -n "$LAB-r1" addr replace 10.77.0.1/24 dev eth0

# An address that somebody else put there beforehand is a backup's no more than a dead predecessor's is.
ip -n "$LAB-r1" addr add "$VIP/32" dev eth0
xcarp r1 -r 2
within 8 "found at start: taken away from a backup" lacks_addr r1 "$VIP"
within 2 "and said so" log_has r1 "$VIP/32 was there at the start: taken off"
ok "it ends" stop r1 TERM

xcarp r1 -r 1 --no-vip
within 5 "--no-vip: MASTER" master r1
mark=$(now_ms)
within 5 "advertising" seen_since "$mark" 'advert 10.77.0.1 '
ok "without the address" lacks_addr r1 "$VIP"
ok "it ends" stop r1 TERM

# The router flag of IPv6 announcements is the host's, also of a process that finds the program there already.
lab_run r1 sysctl -qw net.ipv6.conf.all.forwarding=1
lab_spawn client "$LAB_DIR/neighbours" tcpdump -l -n -v -i eth0 icmp6
within 5 "somebody listens to neighbour advertisements" grep -q 'listening on' "$LAB_DIR/neighbours"
daemon r1 "$XCARP" -i eth0 -s 10.77.0.1 -v 1 -p "$PASSWORD" -a fd00:77::101 -r 1
within 8 "the first process's: of a router" grep -q 'tgt is fd00:77::101, Flags \[router, override\]' "$LAB_DIR/neighbours"
lab_spawn r1 "$LAB_DIR/second.log" "$XCARP" -i eth0 -s 10.77.0.1 -v 2 -p "$PASSWORD" -a fd00:77::102 -r 1
within 8 "the second's, too" grep -q 'tgt is fd00:77::102, Flags \[router, override\]' "$LAB_DIR/neighbours"
