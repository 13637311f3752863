#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Adverts reach the host, but not the program on its interface: that is noticed, and something done about it. Here they come in on
# another interface (back0), from where they go on as eth0's, behind its driver.
#
#	   r1 eth0 ---- nothing multicast ---- [ switch ] ---- r2 eth0
#	   r1 back0 ---------------------------[        ]

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

PAST=${XCARP%/*}/tests/netns/past.bpf.o
NOTICED='adverts reach this host, but not the program'

# bypass on|off
bypass() {
	if [[ $1 == on ]]; then
		bridge -n "$LAB-switch" link set dev r1 mcast_flood off
		lab_run r1 tc filter add dev back0 ingress bpf direct-action obj "$PAST" sec tc
	else
		lab_run r1 tc filter del dev back0 ingress
		bridge -n "$LAB-switch" link set dev r1 mcast_flood on
	fi
}

in_mode() {
	ip -n "$LAB-$1" link show dev eth0 | grep -q " $2 "
}

accepted() {
	drops r1 | sed -n 's/^accepted=//p'
}

accepts_more() {
	(($(accepted) > $1))
}

plan 20
[[ -e $PAST ]] || lab_die "$PAST is not there: run make tests"
test_lab r1 r2
index=$(ip -n "$LAB-r1" -j link show dev eth0 | sed 's/.*"ifindex":\([0-9]*\).*/\1/')
ip -n "$LAB-r1" link add name back0 index $((index + 1000)) type veth peer name r1b netns "$LAB-switch"
ip -n "$LAB-switch" link set r1b master br0 up
ip -n "$LAB-r1" link set back0 up
lab_run r1 sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.back0.rp_filter=0
lab_run r1 tc qdisc add dev back0 clsact

xcarp r2
within 6 "the other one is MASTER" master r2
xcarp r1 -k 100
within 6 "this one is BACKUP" backup r1
within 2 "with the program in the driver" in_mode r1 xdp
never 2 "all is well" log_has r1 "$NOTICED"

bypass on
within 4 "adverts that go past the driver are noticed" log_has r1 "$NOTICED"
within 4 "and generic mode chosen when attaching anew has not helped" log_has r1 'does not run the program: using the slower generic'
within 2 "there it is" in_mode r1 xdpgeneric
had=$(accepted)
within 4 "adverts are accepted again" accepts_more "$had"
never 4 "it stays BACKUP" seen_state r1 MASTER
is "and had to be told once" "$(log_count r1 "$NOTICED")" 1
bypass off
ok "TERM ends it" stop r1 TERM
is "nothing is left" "$(left_on r1)" ""

# While another process is at the maps nothing can be tried, and so has not been in vain.
xcarp r1 -k 100
within 6 "BACKUP once more" backup r1
exec {lock}<"$(lab_pins r1)"
flock "$lock"
bypass on
never 6 "the maps locked: nothing is given up" log_has r1 'still pass the program by|using the slower generic'
exec {lock}<&-
within 8 "unlocked: generic mode in the end" log_has r1 'does not run the program: using the slower generic'
bypass off
ok "TERM ends it" stop r1 TERM
is "nothing is left" "$(left_on r1)" ""

# What an outsider sends proves nothing.
xcarp r1 -k 100
within 6 "BACKUP again" backup r1
bypass on
stop r2 KILL
daemon r2 "$XCARP" -i eth0 -s "$(address r2)" -v 1 -p another -a "$VIP"
within 8 "a forger's adverts go past the driver" master r1
nok "and prove nothing" log_has r1 "$NOTICED"
