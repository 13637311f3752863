#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Interfaces that stand on others: a VLAN device, a bond, a bridge, a macvlan, each called lan, on one host; the other one's
# eth0, or a VLAN device on it. A backup hears its master, and takes over when that dies.
#
#	r1: lan on eth0 (and eth1) ---- [ switch ] ---- eth0 :r2
#
# vm: seconds=500

export XCARP=${XCARP:-/usr/local/sbin/xcarp}
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

in_r1() {
	ip -n "$LAB-r1" "$@"
}

# router HOST INTERFACE FLAGS...
router() {
	local host=$1 interface=$2

	shift 2
	daemon "$host" "$XCARP" -i "$interface" -s "$(address "$host")" -v 1 -p "$PASSWORD" -a "$VIP" -r 2 "$@"
}

accepted() {
	drops r1 2>/dev/null | sed -n 's/^accepted=//p'
}

hears() {
	(($(accepted) > 2))
}

mode_of() {
	in_r1 link show dev "$1" | sed -n 's/.* \(xdp[a-z]*\) .*/\1/p' | head -n 1
}

reached() {
	lab_run r2 ping -q -c 1 -W 2 "$VIP" >/dev/null
}

# takes_over WHAT MASTERS-INTERFACE FLAGS...: r1 on lan beside r2, which dies. 7 tests.
takes_over() {
	local what=$1 theirs=$2

	shift 2
	router r2 "$theirs"
	within 60 "$what: the other one is MASTER" master r2
	router r1 lan -k 100 "$@"
	within 60 "this one BACKUP" backup r1
	within 10 "it hears adverts" hears
	never 4 "and stays BACKUP" master r1
	diag "$what: $(mode_of lan)"
	kill_9 r2
	within 30 "it takes over" master r1
	within 10 "the address is reached" reached
	stop r1 TERM 20
	is "nothing stays" "$(mode_of lan)" ""
}

# The host's own address is on lan from then on.
stand() {
	in_r1 addr flush dev eth0
	in_r1 addr add "${LAB_ADDRS[r1]}" dev lan
	in_r1 link set lan up
}

fall() {
	in_r1 link del lan
	in_r1 addr add "${LAB_ADDRS[r1]}" dev eth0 2>/dev/null
	lab_run r2 ip neigh flush dev "${1:-eth0}"
}

# vr HOST INTERFACE: what state that virtual router of the host's daemon entered last.
vr() {
	log_of "$1" | sed -n "s/.*Switching to state: \([A-Z]*\) ($2 id 1)\$/\1/p" | tail -n 1
}

vr_is() {
	[[ $(vr "$1" "$2") == "$3" ]]
}

plan 46
test_lab r1 r2 client
for module in 8021q bonding macvlan bridge; do
	modprobe -q "$module"
done

# A VLAN device.
in_r1 link add link eth0 name lan type vlan id 10
ip -n "$LAB-r2" link add link eth0 name lan type vlan id 10
ip -n "$LAB-r2" addr flush dev eth0
ip -n "$LAB-r2" addr add "${LAB_ADDRS[r2]}" dev lan
ip -n "$LAB-r2" link set lan up
stand
takes_over VLAN lan

# The same virtual router on the trunk and on the VLAN device, with another password and address, in the order that the kernel
# refuses: the upper one first.
ip -n "$LAB-r1" addr add 10.78.0.1/24 dev eth0
ip -n "$LAB-r2" addr add 10.78.0.2/24 dev eth0
for host in r1 r2; do
	n=${host#r}
	{
		echo "-i lan -s 10.77.0.$n -v 1 -p $PASSWORD -a $VIP -k $((n == 1 ? 100 : 0)) -r 2"
		echo "-i eth0 -s 10.78.0.$n -v 1 -p another -a 10.78.0.100 -k $((n == 1 ? 100 : 0)) -r 2"
	} >"$LAB_DIR/$host.conf"
done
daemon r2 "$XCARP" -c "$LAB_DIR/r2.conf"
within 60 "VLAN and trunk: MASTER of the one" vr_is r2 lan MASTER
within 60 "and of the other" vr_is r2 eth0 MASTER
daemon r1 "$XCARP" -c "$LAB_DIR/r1.conf"
within 60 "the other host is BACKUP of the one" vr_is r1 lan BACKUP
within 60 "and of the other" vr_is r1 eth0 BACKUP
ok "it is told that the two may be taken for each other" log_has r1 'eth0: virtual router 1 is on lan, too'
nok "both have their programs at once" log_has r1 'cannot attach'
never 6 "neither becomes MASTER of the one" log_has r1 'state: MASTER'
diag "trunk: $(mode_of eth0), VLAN: $(mode_of lan)"
kill_9 r2
within 30 "until the other host dies" vr_is r1 lan MASTER
within 30 "of both" vr_is r1 eth0 MASTER
stop r1 TERM 20
is "nothing stays" "$(mode_of lan)$(mode_of eth0)" ""
in_r1 addr del 10.78.0.1/24 dev eth0
fall lan
ip -n "$LAB-r2" link del lan
ip -n "$LAB-r2" addr flush dev eth0
ip -n "$LAB-r2" addr add "${LAB_ADDRS[r2]}" dev eth0

# A bond of two, one of which is in use.
ip -n "$LAB-switch" link add r1b type veth peer name eth1 netns "$LAB-r1"
ip -n "$LAB-switch" link set r1b master br0 up
in_r1 link set eth0 down
in_r1 link add name lan type bond mode active-backup miimon 50 num_grat_arp 0
in_r1 link set eth0 master lan
in_r1 link set eth1 master lan
stand
takes_over bond eth0
ok "which mode a bond needs was told" log_has r1 "a bond's slaves would run the program"
fails r1 "$XCARP" -i lan -s 10.77.0.1 -v 1 -p "$PASSWORD" -a "$VIP" --xdp-mode=native
like "native mode is an error that names the other" "$STATUS $ERROR" "^1 .*lan: .*--xdp-mode=generic"
wire client
router r1 lan
within 60 "alone, it is MASTER" master r1
active=$(in_r1 -d link show lan | sed -n 's/.*active_slave \([^ ]*\).*/\1/p')
mark=$(now_ms)
if [[ $active == eth0 ]]; then lab_cable r1 down; else lab_cable r1b down; fi
within 10 "after a failover its addresses are announced" seen_since "$mark" "announce $VIP"
ok "it has stayed MASTER" master r1
stop r1 TERM 20
lab_cable r1 up
lab_cable r1b up
fall
in_r1 link set eth0 up

# A bridge.
in_r1 link add name lan type bridge stp_state 0 forward_delay 0
in_r1 link set eth0 master lan
stand
takes_over bridge eth0
router r1 eth0
within 60 "a port of it is an odd choice, and that is told" log_has r1 'eth0: it is a part of lan'
stop r1 TERM 20
in_r1 link set eth0 nomaster
fall

# A macvlan.
in_r1 link add link eth0 name lan type macvlan mode bridge
stand
takes_over macvlan eth0
router r1 lan
within 60 "one program on it" master r1
daemon r1 "$XCARP" -i eth0 -s "$(address r1)" -v 2 -p "$PASSWORD" -a 10.77.0.102 -r 2
within 60 "and one of another process below it: works, or says what is in the way" log_has r1 'state: MASTER|an interface above it'
