#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# systemd-networkd takes addresses away that it has not configured: when it is restarted, and when an interface is reconfigured.
# A master has its own back at once, and the host's own address stays what it was.
#
#	the machine: lan0 ---- eth0 :peer
#
# vm: seconds=200

export XCARP=${XCARP:-/usr/local/sbin/xcarp}
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

UNIT=/run/systemd/network/10-xcarp-test.network

clean_up() {
	[[ ! ${PID[here]-} ]] || kill "${PID[here]}" 2>/dev/null
	wait_for 10 gone here
	ip link del xc-lan 2>/dev/null
	rm -f "$UNIT"
	systemctl stop systemd-networkd.socket systemd-networkd 2>/dev/null
}

has() {
	ip -o -4 addr show dev xc-lan 2>/dev/null | grep -q " inet $1/"
}

both() {
	has 10.77.0.1 && has "$VIP"
}

# primary: the first address of the subnet, which is the source of what the host sends there.
source_to_peer() {
	ip -4 route get 10.77.0.9 | sed -n 's/.* src \([^ ]*\).*/\1/p'
}

from_host() {
	[[ $(source_to_peer) == 10.77.0.1 ]]
}

# longest_absence ADDRESS: in what `ip -ts monitor` told, in ms.
longest_absence() {
	grep -F " $1/" "$LAB_DIR/addresses" | perl -ne '
		/^\[\S+?T(\d+):(\d+):([\d.]+)\]/ or next;
		my $at = $1 * 3600000 + $2 * 60000 + $3 * 1000;
		if (/Deleted/) { $gone //= $at } elsif (defined $gone) { $most = $at - $gone if $at - $gone > $most; undef $gone }
		END { printf "%.0f", defined $gone ? 99999 : $most }'
}

[[ -e /lib/systemd/systemd-networkd ]] || { echo "1..0 # SKIP no systemd-networkd in this machine"; exit; }
plan 15
test_lab peer
trap 'clean_up; test_end' EXIT
ip link add xc-lan type veth peer name eth1 netns "$LAB-peer"
ip -n "$LAB-peer" addr add 10.77.0.9/24 dev eth1
ip -n "$LAB-peer" link set eth1 up
mkdir -p "${UNIT%/*}"
printf '[Match]\nName=xc-lan\n[Network]\nAddress=10.77.0.1/24\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n' >"$UNIT"
systemctl start systemd-networkd
within 60 "networkd gives the host its address" has 10.77.0.1
diag "$(networkctl --version | head -n 1)"

for length in 32 24; do
	log_mark here
	setsid "$XCARP" -i xc-lan -s 10.77.0.1 -v 1 -p "$PASSWORD" -a "$VIP/$length" -r 2 </dev/null >>"$LAB_DIR/here.log" 2>&1 &
	PID[here]=$!
	within 60 "/$length: MASTER" master here
	within 5 "with the address" both
	for what in "restart systemd-networkd" reconfigure; do
		stdbuf -oL ip -4 -ts monitor address >"$LAB_DIR/addresses" &
		monitor=$!
		sleep 0.2
		if [[ $what == reconfigure ]]; then
			networkctl reconfigure xc-lan
		else
			# shellcheck disable=SC2086 # words
			systemctl $what
		fi
		wait_for 5 grep -q Deleted "$LAB_DIR/addresses"
		within 10 "/$length, $what: both addresses are there" both
		within 5 "and the host's own is what it sends from" from_host
		kill "$monitor"
		diag "$what: absent for at most: own $(longest_absence 10.77.0.1) ms, virtual $(longest_absence "$VIP") ms"
		diag "$(sed 's/ *valid_lft.*//' "$LAB_DIR/addresses" | grep -v '^ *$')"
	done
	stop here TERM 20
	within 5 "/$length: the host's own address survives the end" has 10.77.0.1
done
