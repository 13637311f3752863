#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What drivers do to a program: some reset the NIC to attach it, which must not be an election's business; some run it no
# more after the interface was taken down and up. The machine has a pair of NICs on one wire, named in NICS.
#
#	r1: eth0 ------ wire ------ eth0 :r2
#
# vm: seconds=300

export XCARP=${XCARP:-/usr/local/sbin/xcarp}
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

[[ ${NICS-} ]] || { echo "1..0 # SKIP no pair of NICs in this machine"; exit; }

# give HOST NIC ADDRESS: the host is a namespace with that NIC alone.
give() {
	lab_netns "$1"
	LAB_ADDRS[$1]=$3
	ip link set dev "$2" netns "$LAB-$1" name eth0 || lab_die "cannot move $2"
	ip -n "$LAB-$1" addr add "$3" dev eth0
	ip -n "$LAB-$1" link set eth0 up
}

carrier() {
	[[ $(ip -n "$LAB-$1" link show dev eth0) == *LOWER_UP* ]]
}

accepted() {
	drops r1 | sed -n 's/^accepted=//p'
}

accepts_more() {
	(($(accepted) > $1))
}

plan 16
test_lab
read -ra nics <<<"$NICS"
driver=$(ethtool -i "${nics[0]}" | sed -n 's/^driver: //p')
give r1 "${nics[0]}" 10.77.0.1/24
give r2 "${nics[1]}" 10.77.0.2/24
within 30 "$driver: there is a carrier" carrier r1
within 30 "on either side" carrier r2

xcarp r2 -r 3
within 90 "a first start: MASTER" master r2
is "without going back to INIT" "$(log_count r2 'state: INIT')" 1
xcarp r1 -r 3 -k 100
within 90 "the other is BACKUP" backup r1
had=$(accepted)
within 10 "and hears adverts" accepts_more "$had"
never 10 "it stays BACKUP" master r1
is "without going back to INIT" "$(log_count r1 'state: INIT')" 1

for round in 1 2; do
	log_mark r1
	ip -n "$LAB-r1" link set eth0 down
	within 10 "taken down: INIT ($round)" in_state r1 INIT
	ip -n "$LAB-r1" link set eth0 up
	within 90 "and up: BACKUP" backup r1
	had=$(accepted)
	within 10 "adverts are accepted" accepts_more "$had"
	never 10 "it stays BACKUP" master r1
done
diag "$(log_of r1)"
