#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# ucarp hears an advert up to a second after it has come.
#
# ucarp reads adverts through libpcap, with a timeout of a second. On Linux that is no timeout for the reader but the time for
# which a capture buffer that is not full is held back, and adverts do not fill one. poll() wakes up once a second, whenever in
# that second the advert came. So two masters may go on beside each other for that long, and with adverts every 20 ms (advbase 0,
# advskew 5) a backup takes over once a second beside a living master.
#
# Seen with ucarp 1.5.2, libpcap 1.10.3 and, for the times, strace 6.1 and tcpdump 4.99.3 of Debian 12 on Linux 6.18. Adverts come
# each 1.25 s, so that they meet every part of the second. Runs as root. Fails if no advert waits for half a second.

set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
: >status
apt-get -qq -o APT::Sandbox::User=root -o Dir::State::status="$dir/status" -o Dir::Cache="$dir" install --download-only -y \
	--no-install-recommends ucarp=1.5.2+git20192404.1a9aaf7-1 iproute2=6.1.0-3 libpcap0.8=1.10.3-1 \
	strace=6.1-0.1 tcpdump=4.99.3-1
rm archives/libc6_*
for deb in archives/*.deb; do dpkg-deb -x "$deb" .; done
export PATH=$dir/sbin:$dir/usr/sbin:$dir/usr/bin:$PATH LD_LIBRARY_PATH=$dir/lib/x86_64-linux-gnu:$dir/usr/lib/x86_64-linux-gnu

got=$(
	unshare --net --pid --fork --mount-proc --kill-child bash -eu <<'EOF'
	unshare --net sleep 1000 &
	other=$!
	until [[ $(readlink /proc/$other/ns/net) != "$(readlink /proc/self/ns/net)" ]]; do sleep 0.1; done
	ip link add dev eth0 type veth peer name eth0 netns $other
	at_other="nsenter --target $other --net"
	ip addr add 192.0.2.1/24 dev eth0
	ip link set dev eth0 up
	$at_other ip addr add 192.0.2.2/24 dev eth0
	$at_other ip link set dev eth0 up
	for at in "" "$at_other"; do
		until $at ip link show dev eth0 | grep -q 'state UP'; do sleep 0.1; done
	done

	same=(--interface=eth0 --vhid=7 --pass=secret --addr=192.0.2.100)
	ucarp "${same[@]}" --srcip=192.0.2.1 --advskew=64 2>log1 &
	sleep 5 # so that it is master
	$at_other strace -o trace -ttt -T -e trace=poll ucarp "${same[@]}" --srcip=192.0.2.2 --advskew=128 2>log2 &
	sleep 1
	$at_other tcpdump -i eth0 -n -tt -c 8 proto 112 >wire 2>/dev/null
	sleep 1.5
	# when poll() found something, then when the adverts came
	sed -nE 's/^([0-9.]+) poll.* = 1 .*<([0-9.]+)>$/\1 \2/p' trace
	sed 's/ .*//' wire
EOF
)
read -r adverts longest < <(awk 'NF == 2 { heard[++n] = $1 + $2 }
	NF == 1 {
		for (i = 1; i < n && heard[i] < $1; i++)
			;
		waited = heard[i] - $1
		count += waited >= 0
		longest = waited > longest ? waited : longest
	}
	END { printf "%d %.2f\n", count, longest }' <<<"$got")
echo "of $adverts adverts that were heard the latest was heard after $longest s"
awk "BEGIN { exit !($adverts >= 4 && $longest >= 0.5) }" || {
	echo "it was after 0.75 s" >&2
	exit 1
}
