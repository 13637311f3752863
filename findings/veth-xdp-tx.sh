#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Frames that XDP_TX sends over a veth wait for the next one if the other end has GRO but no XDP program.
#
# XDP_TX on a veth puts frames into a ring of the other end, and wakes that end only if it runs an XDP program. If it has GRO
# alone, it has the ring: the frames count as sent and stay there until another frame takes that way. If it has neither, they
# are dropped, and counted so. So whether a program can answer depends on the other end.
#
# Seen on Linux 6.18 with native XDP; the programs are two instructions each. binutils 2.40 for BPF, iproute2 6.1.0 and ethtool
# 6.1 of Debian 12. Runs as root. Fails if that changes.

set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
: >status
apt-get -qq -o APT::Sandbox::User=root -o Dir::State::status="$dir/status" -o Dir::Cache="$dir" install --download-only -y \
	--no-install-recommends binutils-bpf=2.40-2+1 iproute2=6.1.0-3 ethtool=1:6.1-1
rm archives/libc6_*
for deb in archives/*.deb; do dpkg-deb -x "$deb" .; done
export PATH=$dir/sbin:$dir/usr/sbin:$dir/usr/bin:$PATH LD_LIBRARY_PATH=$dir/lib/x86_64-linux-gnu:$dir/usr/lib/x86_64-linux-gnu

# program NAME VERDICT
program() {
	bpf-as -o "$1.o" - <<-EOF
		.section xdp, "ax"
		.globl $1
		.type $1, @function
		$1: mov %r0, $2
		exit
		.size $1, . - $1
		.section license, "aw"
		.string "GPL"
	EOF
}
program answer 3 # XDP_TX
program pass 2

cat >frames.py <<'EOF'
import os, select, socket

def on(name):
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88b5))
    packets.bind((name, 0x88b5))
    return packets

def arrived():
    count = 0
    while select.select([v0], [], [], 1)[0]:
        count += v0.recvfrom(100)[1][2] != socket.PACKET_OUTGOING
    return count

v0 = on("v0")
frame = bytes.fromhex("020000000001 020000000002 88b5") + bytes(46)
for n in range(8):
    v0.send(frame)
print(arrived(), "of 8 arrived", end=", ")
os.system("ethtool -K v1 tso off")  # lets what v1 itself sends take the way through GRO
on("v1").send(frame)
print("and one more made it", arrived())
EOF
got=$(for other in true "ethtool -K v0 gro on" "ip link set dev v0 xdpdrv obj pass.o sec xdp"; do
	unshare --net bash -eu <<-EOF
		ip link add dev v0 address 02:00:00:00:00:01 type veth peer name v1 address 02:00:00:00:00:02
		for v in v0 v1; do ip link set dev \$v addrgenmode none up; done
		ip link set dev v1 xdpdrv obj answer.o sec xdp
		$other
		echo "$other: \$(python3 frames.py), dropped: \$(ethtool -S v1 | awk '/xdp_tx_errors/ { n += \$2 } END { print n }')"
	EOF
done)
want="true: 0 of 8 arrived, and one more made it 1, dropped: 8
ethtool -K v0 gro on: 0 of 8 arrived, and one more made it 9, dropped: 0
ip link set dev v0 xdpdrv obj pass.o sec xdp: 8 of 8 arrived, and one more made it 1, dropped: 0"
echo "what was done to the other end, v0, before:"
echo "$got"
[[ $got == "$want" ]] || {
	echo "it was $want" >&2
	exit 1
}
