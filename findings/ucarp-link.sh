#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# ucarp is deaf for ten seconds after its link was lost for a moment.
#
# If the interface is not RUNNING when ucarp comes round its loop, it goes to BACKUP and sleeps ten seconds, whatever happens
# meanwhile. Then it listens for three advert intervals, as after a start. So the only router of a network, whose link was lost
# for one and a half seconds, serves no address for 14 seconds. --ignoreifstate avoids the sleep, and the change to BACKUP.
#
# Seen with ucarp 1.5.2 of Debian 12, advbase 1. strace 6.1 shows the sleep. Runs as root. Fails if that changes.

set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
: >status
apt-get -qq -o APT::Sandbox::User=root -o Dir::State::status="$dir/status" -o Dir::Cache="$dir" install --download-only -y \
	--no-install-recommends ucarp=1.5.2+git20192404.1a9aaf7-1 iproute2=6.1.0-3 strace=6.1-0.1
rm archives/libc6_*
for deb in archives/*.deb; do dpkg-deb -x "$deb" .; done
export PATH=$dir/sbin:$dir/usr/sbin:$dir/usr/bin:$PATH LD_LIBRARY_PATH=$dir/lib/x86_64-linux-gnu:$dir/usr/lib/x86_64-linux-gnu

got=$(
	unshare --net --pid --fork --mount-proc --kill-child bash -eu <<'EOF'
	ip link add dev v0 type veth peer name v1
	ip addr add 192.0.2.1/24 dev v0
	for v in v0 v1; do ip link set dev $v up; done
	until ip link show dev v0 | grep -q 'state UP'; do sleep 0.1; done

	# masters N: waits until ucarp has become master N times
	masters() {
		for ((n = 0; n < 300; n++)); do
			(($(grep -c 'state: MASTER' log) != $1)) || return 0
			sleep 0.1
		done
		cat log >&2
		exit 1
	}
	strace -o trace -e trace=clock_nanosleep ucarp --interface=v0 --srcip=192.0.2.1 --vhid=7 --pass=secret \
		--addr=192.0.2.100 2>log &
	masters 1
	ip link set dev v1 down
	sleep 1.5
	ip link set dev v1 up
	start=$SECONDS
	masters 2
	echo "$((SECONDS - start)) $(grep -c 'tv_sec=10,' trace)"
EOF
)
read -r seconds sleeps <<<"$got"
echo "master again $seconds s after the link came back; sleeps of ten seconds: $sleeps"
((seconds >= 11 && sleeps == 1)) || {
	echo "it was 12, and 1" >&2
	exit 1
}
