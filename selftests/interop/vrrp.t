#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# VRRP has CARP's protocol number and group. keepalived and xcarp on the same hosts and interface do not disturb each other.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 38
test_lab r1 r2 client

# keepalived HOST PRIORITY VERSION VRID ADDRESSES: sets KEEPALIVED[HOST]
declare -A KEEPALIVED=()
keepalived() {
	local host=$1 n addresses=""

	for ((n = 0; n < $5; n++)); do
		addresses+="10.77.0.$((200 + n))/32 "
	done
	cat >"$LAB_DIR/$host.conf" <<-EOF2
		vrrp_instance test {
			interface eth0
			state BACKUP
			priority $2
			version $3
			virtual_router_id $4
			advert_int 1
			virtual_ipaddress { $addresses }
		}
	EOF2
	lab_spawn "$host" "$LAB_DIR/$host.keepalived.log" /usr/sbin/keepalived --dont-fork --vrrp --log-console --no-syslog \
		--use-file="$LAB_DIR/$host.conf" --pid="$LAB_DIR/$host.kpid" --vrrp_pid="$LAB_DIR/$host.vpid"
	KEEPALIVED[$host]=$LAB_PID
}

keepalived_gone() {
	! kill -0 "${KEEPALIVED[$1]}" 2>/dev/null
}

passed_vrrp() {
	drops r2 | sed -n 's/^pass_vrrp=//p'
}

xcarp r1 -r 2
within 6 "xcarp on the first host is MASTER" master r1
xcarp r2 -r 2 -k 100
within 5 "on the second BACKUP" backup r2

# VRRP version, VRID, addresses. xcarp has VHID 1. A VRRPv2 packet with seven addresses has CARP's authlen.
while read -r version vrid addresses; do
	name="VRRPv$version, VRID $vrid, $addresses address(es)"
	log_mark r1
	log_mark r2
	before=$(passed_vrrp)
	keepalived r1 150 "$version" "$vrid" "$addresses"
	within 10 "$name: keepalived on the first host is master" has_addr r1 10.77.0.200
	keepalived r2 100 "$version" "$vrid" "$addresses"
	# Its down time is 3.6 s.
	never 6 "$name: on the second it hears that, and stays backup" has_addr r2 10.77.0.200
	[[ $vrid != 1 ]] || between "$name: xcarp has counted them" $(($(passed_vrrp) - before)) 4 100
	kill -KILL "${KEEPALIVED[r1]}"
	wait "${KEEPALIVED[r1]}" 2>/dev/null # or bash reports it
	within 10 "$name: its master killed, it takes over" has_addr r2 10.77.0.200
	is "$name: xcarp has not changed its state" "$({ log_of r1; log_of r2; } | grep -v 'VRRP router 10\.77\.0\.[12] has our id')" ""
	is "$name: the first has xcarp's address" "$(holders r1 r2)" "r1 "
	kill -TERM "${KEEPALIVED[r2]}"
	wait_for 5 keepalived_gone r2
	ip -n "$LAB-r1" addr flush dev eth0 to 10.77.0.200/29
	ip -n "$LAB-r2" addr flush dev eth0 to 10.77.0.200/29
done <<'EOF2'
3 1 1
2 1 1
2 1 7
3 1 7
3 9 1
2 9 1
EOF2

xcarp_changed() {
	seen_state r2 MASTER
}
log_mark r2
ok "xcarp: TERM ends the first" stop r1 TERM
within 3 "xcarp: the second takes over" xcarp_changed
