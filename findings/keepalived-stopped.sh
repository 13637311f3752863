#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# keepalived holds an election for each advert that waited while it was stopped.
#
# A master that was stopped for a while finds the other router's adverts in its socket. It takes each of them for news, "forcing
# new election", and answers it with an advert and five gratuitous ARPs for each address. So the gratuitous ARPs come in one
# burst, which grows with the pause until the socket holds no more adverts.
#
# Seen with keepalived 2.2.7 of Debian 12: VRRPv2, one address, stopped by SIGSTOP for 10 s. Runs as root. Fails if there are no
# longer as many elections as adverts, and five times as many gratuitous ARPs.

set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
: >status
apt-get -qq -o APT::Sandbox::User=root -o Dir::State::status="$dir/status" -o Dir::Cache="$dir" install --download-only -y \
	--no-install-recommends keepalived=1:2.2.7-1+b2 iproute2=6.1.0-3 tcpdump=4.99.3-1
rm archives/libc6_*
for deb in archives/*.deb; do dpkg-deb -x "$deb" .; done
export PATH=$dir/sbin:$dir/usr/sbin:$dir/usr/bin:$PATH LD_LIBRARY_PATH=$dir/lib/x86_64-linux-gnu:$dir/usr/lib/x86_64-linux-gnu

got=$(
	unshare --net --pid --fork --mount-proc --kill-child bash -eu <<'EOF'
	# has COUNT PATTERN FILE: waits until there are so many lines
	has() {
		for ((n = 0; n < 300; n++)); do
			(($(grep -c "$2" "$3") < $1)) || return 0
			sleep 0.1
		done
		cat "$3" >&2
		exit 1
	}
	unshare --net sleep 1000 &
	other=$!
	until [[ $(readlink /proc/$other/ns/net) != "$(readlink /proc/self/ns/net)" ]]; do sleep 0.1; done
	ip link add dev eth0 type veth peer name eth0 netns $other
	ip link set dev eth0 up
	tcpdump -i eth0 -n -l 'arp or proto 112' >wire 2>/dev/null &
	for host in 1 2; do
		cat >conf$host <<-CONF
			vrrp_instance test {
				interface eth0
				state BACKUP
				priority $((200 - host * 50))
				virtual_router_id 7
				virtual_ipaddress { 192.0.2.100/32 }
			}
		CONF
		enter="nsenter --target $((host == 1 ? $$ : other)) --net"
		$enter ip addr add 192.0.2.$host/24 dev eth0
		$enter ip link set dev eth0 up
		: >log$host
		$enter keepalived --dont-fork --vrrp --log-console --no-syslog --use-file=conf$host --pid=$PWD/pid$host \
			--vrrp_pid=$PWD/vrrp_pid$host >>log$host 2>&1 &
	done
	has 1 'Entering MASTER' log1
	has 10 'has 192.0.2.100' wire # five at once, five later
	kill -STOP "$(cat vrrp_pid1)"
	sleep 10
	adverts=$(grep -c '192.0.2.2 > 224.0.0.18' wire)
	arps=$(grep -c 'has 192.0.2.100' wire)
	kill -CONT "$(cat vrrp_pid1)"
	has 1 'higher priority' log2
	sleep 3
	echo "$adverts $(grep -c 'new election' log1) $(($(grep -c 'has 192.0.2.100' wire) - arps))"
EOF
)
read -r adverts elections arps <<<"$got"
echo "adverts while it was stopped: $adverts, elections when it went on: $elections, gratuitous ARPs: $arps"
((elections >= 4 && elections >= adverts - 1 && arps >= 5 * elections)) || {
	echo "it was 7, 7 and 35" >&2
	exit 1
}
