#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A NIC model: two of it on one wire, each the eth0 of a router in a namespace of its own. They hear each other, the
# backup takes over, the program's mode is told. The machine has the pair's names in NICS and the model in NIC_MODEL.
#
#	r1: eth0 ------ wire ------ eth0 :r2
#
# vm: seconds=300

export XCARP=/usr/local/sbin/xcarp
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

heard() {
	[[ $(drops "$1" 2>/dev/null) =~ (^|$'\n')accepted=[1-9] ]]
}

mode() {
	case $(ip -n "$LAB-$1" -d link show dev eth0) in
	*' xdpgeneric'*) echo generic ;;
	*' xdp'*) echo native ;;
	*) echo none ;;
	esac
}

plan 13
test_lab
read -ra nics <<<"$NICS"
driver=$(ethtool -i "${nics[0]}" | sed -n 's/^driver: //p')
give r1 "${nics[0]}" 10.77.0.1/24
give r2 "${nics[1]}" 10.77.0.2/24
within 30 "$driver: there is a carrier" carrier r1
within 30 "on either side" carrier r2
before=$(snapshot r1)

xcarp r1 -r 3
within 90 "the first becomes MASTER" master r1
isnt "its program is attached" "$(mode r1)" none
if [[ $(mode r1) == generic ]]; then
	ok "generic mode is said" log_has r1 'generic'
else
	nok "nothing is said of generic mode" log_has r1 'generic'
fi
xcarp r2 -r 3 -k 100
within 90 "the second becomes BACKUP" backup r2
within 30 "it hears the first's adverts" heard r2
never 10 "and stays BACKUP" master r2
within 10 "the address is reached over the wire" lab_run r2 ping -q -c 1 -W 2 "$VIP"

kill_9 r1
within 90 "after kill -9 of the master it takes over" master r2
within 10 "with the address" has_addr r2 "$VIP"
xcarp r1 -r 3
within 90 "restarted, the first is BACKUP" backup r1
stop r1 TERM 20
wait_for 30 carrier r1 # igb takes its link down to detach
unchanged "a clean exit leaves nothing" r1 "$before"
echo "# note: $driver: $(mode r2)$(log_of r2 | sed -n 's/.*\[WARNING\] \(.*generic mode.*\)/; \1/p' | head -n 1)"
