#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Beside a VRRP router of the same id that answers at VRRP's MAC address, 00:00:5e:00:01:ID. A switch that learns takes a frame's
# source for where that address is: whoever sends from it has the router's traffic.

# shellcheck disable=SC2016 # eval sees to it
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 27
test_lab r1 vrrp client
xcarpctl=${XCARP%/*}/xcarpctl
ROUTER=10.77.0.200
MAC=00:00:5e:00:01:01
lab_run vrrp sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0

cat >"$LAB_DIR/keepalived.conf" <<-EOF
	vrrp_instance test {
		interface eth0
		use_vmac vrrp1
		state BACKUP
		priority 150
		version 3
		virtual_router_id 1
		advert_int 1
		virtual_ipaddress { $ROUTER/32 }
	}
EOF
lab_spawn vrrp "$LAB_DIR/keepalived.log" /usr/sbin/keepalived --dont-fork --vrrp --log-console --no-syslog \
	--use-file="$LAB_DIR/keepalived.conf" --pid="$LAB_DIR/kpid" --vrrp_pid="$LAB_DIR/vpid"
within 10 "a VRRP router with a virtual MAC address is master" has_addr vrrp $ROUTER

# Where the switch believes the address to be.
port_of_mac() {
	bridge -n "$LAB-switch" fdb show br br0 | sed -n "s/^$MAC dev \([^ ]*\) .*/\1/p" | head -n 1
}
learned() {
	[[ $(port_of_mac) == "$1" ]]
}
answers() {
	lab_run client ping -q -c 1 -W 1 $ROUTER >/dev/null
}

# lost: of 100 pings to the router, within two seconds
lost() {
	lab_run client ping -q -i 0.02 -c 100 -W 1 $ROUTER | sed -n 's/.* \([0-9]*\) received.*/\1/p' | { read -r got; echo $((100 - got)); }
}
ip -n "$LAB-client" neigh replace $ROUTER lladdr $MAC dev eth0 nud permanent
within 10 "a client reaches it at that address" answers
within 10 "the switch has learned where that is" learned vrrp

# 50 adverts a second, of the same id.
fast=(-b 0 -k 5)
xcarp r1 "${fast[@]}"
within 10 "xcarp of the same id is MASTER" master r1
between "pings of 100 that the router loses" "$(lost)" 0 1
is "the switch sends to the router" "$(port_of_mac)" vrrp
ok "it ends" stop r1 TERM
xcarp r1 -r 1
within 10 "with one advert a second: MASTER" master r1
within 10 "that there is one is told, by its address" log_has r1 "NOTICE\] VRRP router 10\.77\.0\.2 has our id: it does not understand CARP"
like "status tells it" "$("$xcarpctl" -n "$LAB-r1" status 1)" "VRRP +a VRRP router has this id, too: 10\.77\.0\.2;"
like "and as JSON" "$("$xcarpctl" -n "$LAB-r1" status -j 1)" '"vrrp_source": ?"10\.77\.0\.2"'
like "and the journal" "$("$xcarpctl" -n "$LAB-r1" status 1)" "vrrp_with_our_id"
never 3 "once" eval '(($(log_count r1 "VRRP router") > 1))'
ok "it ends" stop r1 TERM
xcarp r1 -r 1 -v 2
within 10 "another id: MASTER" master r1
never 3 "nothing is told" log_has r1 "VRRP"
ok "it ends" stop r1 TERM
xcarp r1 "${fast[@]}" --advert-mac=real
within 10 "--advert-mac=real: MASTER" master r1
between "pings of 100 that the router loses" "$(lost)" 0 1
ok "it ends" stop r1 TERM

# That this would be seen.
xcarp r1 "${fast[@]}" --advert-mac=bsd
within 10 "--advert-mac=bsd: MASTER" master r1
between "pings of 100 that the router loses" "$(lost)" 50 100
ok "it ends" stop r1 TERM
within 10 "and the router has its traffic again" answers

# keepalived puts its next advert off at each packet that it refuses: at 50 a second it sends none.
xcarp r1 -r 1 --advert-mac=bsd
within 10 "--advert-mac=bsd, one advert a second: MASTER" master r1
within 10 "which is warned of" log_has r1 "WARNING\] VRRP router 10\.77\.0\.2 has our id, and our adverts come from VRRP's MAC address"
ok "it ends" stop r1 TERM
