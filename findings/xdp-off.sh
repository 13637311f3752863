#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# "xdp off" succeeds and leaves the XDP program on the interface.
#
# An interface has a place for a native program and one for a generic program. To empty an empty place is no error for the
# kernel, and a command that names no mode means the native place if the driver has one. So on a veth `ip link set dev eth0 xdp
# off` and `bpftool net detach xdp dev eth0` return 0 and leave a generic program; "xdpgeneric off" leaves a native one. A
# script that cleans up has to name the mode that `ip link show` names, or to look again.
#
# Seen on Linux 6.18 with iproute2 6.1.0 and bpftool 7.1.0 of Debian 12; the program is one that libxdp 1.3.1 brings along. Runs
# as root. Fails if that changes.

set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
: >status
apt-get -qq -o APT::Sandbox::User=root -o Dir::State::status="$dir/status" -o Dir::Cache="$dir" install --download-only -y \
	--no-install-recommends iproute2=6.1.0-3 bpftool=7.1.0+6.1.176-1 libxdp1=1.3.1-1
rm archives/libc6_*
for deb in archives/*.deb; do dpkg-deb -x "$deb" .; done
export PATH=$dir/sbin:$dir/usr/sbin:$dir/usr/bin:$PATH LD_LIBRARY_PATH=$dir/lib/x86_64-linux-gnu:$dir/usr/lib/x86_64-linux-gnu

got=$(
	unshare --net bash -eu <<'EOF'
	# try ATTACHED COMMAND...: the command's status, and what is attached afterwards
	try() {
		local status=0

		ip link add dev v0 type veth
		ip link set dev v0 "$1" obj usr/lib/x86_64-linux-gnu/bpf/xsk_def_xdp_prog.o sec xdp
		"${@:2}" >&2 || status=$?
		echo "$1: ${*:2}: $status,$(ip -o link show dev v0 | grep -oE ' xdp(generic)?\b' || echo " nothing")"
		ip link del dev v0
	}
	try xdpgeneric ip link set dev v0 xdp off
	try xdpgeneric bpftool net detach xdp dev v0
	try xdpgeneric ip link set dev v0 xdpgeneric off
	try xdpdrv ip link set dev v0 xdpgeneric off
	try xdpdrv bpftool net detach xdpgeneric dev v0
	try xdpdrv ip link set dev v0 xdp off
EOF
)
want="xdpgeneric: ip link set dev v0 xdp off: 0, xdpgeneric
xdpgeneric: bpftool net detach xdp dev v0: 0, xdpgeneric
xdpgeneric: ip link set dev v0 xdpgeneric off: 0, nothing
xdpdrv: ip link set dev v0 xdpgeneric off: 0, xdp
xdpdrv: bpftool net detach xdpgeneric dev v0: 0, xdp
xdpdrv: ip link set dev v0 xdp off: 0, nothing"
echo "attached: command: its status, what is attached afterwards"
echo "$got"
[[ $got == "$want" ]] || {
	echo "it was $want" >&2
	exit 1
}
