#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# scapy's CARP layer signs adverts in a way that no CARP implementation accepts.
#
# An advert's HMAC-SHA1 covers the version and the type, a byte each, the VHID, the addresses, and the counter, so that no two
# adverts have the same digest. scapy hashes version and type as the one byte 0x21 that is on the wire, and no counter: its
# digest never changes. It takes a list of IPv6 addresses and ignores it. By default its adverts have version 4, type 4 and
# authlen 0. It does read adverts correctly.
#
# Seen with scapy 2.5.0 and ucarp 1.5.2 of Debian 12: adverts that ucarp made, signed once more by hand and by scapy. Runs as
# root. Fails if that changes.

set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
: >status
apt-get -qq -o APT::Sandbox::User=root -o Dir::State::status="$dir/status" -o Dir::Cache="$dir" install --download-only -y \
	--no-install-recommends python3-scapy=2.5.0+dfsg-2 ucarp=1.5.2+git20192404.1a9aaf7-1 iproute2=6.1.0-3
rm archives/libc6_*
for deb in archives/*.deb; do dpkg-deb -x "$deb" .; done
export PATH=$dir/sbin:$dir/usr/sbin:$dir/usr/bin:$PATH LD_LIBRARY_PATH=$dir/lib/x86_64-linux-gnu:$dir/usr/lib/x86_64-linux-gnu

cat >sign.py <<'EOF'
import hashlib, hmac, socket, sys

sys.path.insert(0, "usr/lib/python3/dist-packages")
from scapy.layers.l2 import Ether
from scapy.contrib.carp import CARP

wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
wire.bind(("v1", 0x0800))
wire.settimeout(30)
by_ucarp, by_hand, by_scapy, with_ipv6 = [], [], [], []
while len(by_ucarp) < 2:
    advert = Ether(wire.recv(2000)).getlayer(CARP)
    if not advert:
        continue
    covered = b"\2\1\7" + socket.inet_aton("192.0.2.100") + bytes(advert)[8:16]
    by_ucarp.append(bytes(advert)[16:36])
    by_hand.append(hmac.new(b"secret", covered, hashlib.sha1).digest())
    by_scapy.append(advert.build_hmac_sha1(b"secret", ["192.0.2.100"]))
    with_ipv6.append(advert.build_hmac_sha1(b"secret", ["192.0.2.100"], ["2001:db8::100"]))
default = CARP()
print("by hand as by ucarp", by_hand == by_ucarp, by_ucarp[0] != by_ucarp[1])
print("by scapy as by ucarp", by_scapy[0] == by_ucarp[0], by_scapy[0] != by_scapy[1], with_ipv6 != by_scapy)
print("default", default.version, default.type, default.authlen)
EOF
got=$(
	unshare --net --pid --fork --mount-proc --kill-child bash -eu <<'EOF'
	ip link add dev v0 type veth peer name v1
	ip addr add 192.0.2.1/24 dev v0
	for v in v0 v1; do ip link set dev $v up; done
	ucarp --interface=v0 --srcip=192.0.2.1 --vhid=7 --pass=secret --addr=192.0.2.100 2>ucarp.log &
	python3 sign.py 2>scapy.log || cat scapy.log ucarp.log >&2
EOF
)
want="by hand as by ucarp True True
by scapy as by ucarp False False False
default 4 4 0"
echo "the digest; another one for each advert; another one with an IPv6 address; version, type and authlen:"
echo "$got"
[[ $got == "$want" ]] || {
	echo "it was $want" >&2
	exit 1
}
