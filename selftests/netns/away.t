#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The program is taken off, or goes elsewhere with its interface, and comes back: what the maps say of the address that is held
# stays right, so that it can be taken off when its master has been killed.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 20
test_lab r1 r2
lab_netns elsewhere

# held HOST: of its one address
held() {
	bpftool -j map dump pinned "$(lab_pins "$1")/vips" | sed -n 's/.*"held": *\([01]\).*/\1/p'
}

is_held() {
	[[ $(held "$1") == 1 ]]
}

# killed WHAT: after that, what the master held is taken off by --cleanup.
killed() {
	kill_9 r1
	ok "$1, killed: the address is still there" has_addr r1 "$VIP"
	lab_run r1 "$XCARP" --cleanup 2>/dev/null
	is "$1, cleaned up: nothing is left" "$(left_on r1)" ""
}

xcarp r1 -P -r 2
within 8 "MASTER" master r1
within 5 "its address is held" is_held r1
lab_run r1 ip link set dev eth0 xdp off
within 5 "the program is taken off, and put back" eval 'log_has r1 "putting it back" && has_xdp r1'
ok "the address is still held" is_held r1
killed "taken off"

xcarp r1 -P -r 2
xcarp r2 -r 2 -k 100
within 8 "MASTER again" only_master r1 r1 r2
ip -n "$LAB-r1" link set eth0 netns "$LAB-elsewhere"
within 5 "moved to another namespace: INIT" in_state r1 INIT
within 5 "where the program is taken off" log_has r1 "eth0 was moved to another network namespace: the program was taken off there"
within 8 "the other is MASTER" master r2
ip -n "$LAB-elsewhere" link set eth0 netns "$LAB-r1"
ip -n "$LAB-r1" link set eth0 up
ip -n "$LAB-r1" addr add 10.77.0.1/24 dev eth0
within 10 "moved back: MASTER" only_master r1 r1 r2
within 5 "with the program" has_xdp r1
within 5 "and the address, held" eval 'only_holder r1 r1 r2 && is_held r1'
is "the other's is not held" "$(held r2)" 0

ip -n "$LAB-r1" link set eth0 name eth7
within 5 "renamed: INIT" in_state r1 INIT
ip -n "$LAB-r1" link set eth7 name eth0
within 10 "renamed back: MASTER" only_master r1 r1 r2
within 5 "the address is held" is_held r1
killed "renamed and back"
ok "the other ends" stop r2 TERM
