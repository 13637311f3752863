#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Wireshark has a CARP dissector and shows a CARP master as a VRRP router that resigns.
#
# CARP's version 2, type 1 is the first byte of VRRPv2 too, on the same protocol number and group. Wireshark gives protocol 112
# to VRRP. Its CARP dissector is a heuristic, which is on and never has its turn. So the skew is shown as the priority, and a
# master with skew 0 "has stopped participating"; counter and digest are shown as seven addresses. Seven IPv6 addresses do not
# fit, so an IPv6 advert is "Malformed". tcpdump shows VRRP too. `tshark -d ip.proto==112,carp` and `tcpdump -T carp` read both
# adverts.
#
# Seen with tshark 4.0.17 and tcpdump 4.99.3 of Debian 12. The adverts have addresses of examples and the digest 9, 10, 11 ...
# Fails if that changes.

set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
: >status
apt-get -qq -o APT::Sandbox::User=root -o Dir::State::status="$dir/status" -o Dir::Cache="$dir" install --download-only -y \
	--no-install-recommends tshark=4.0.17-0+deb12u3 tcpdump=4.99.3-1
rm archives/libc6_*
for deb in archives/*.deb; do dpkg-deb -x "$deb" .; done
export PATH=$dir/sbin:$dir/usr/sbin:$dir/usr/bin:$PATH LD_LIBRARY_PATH=$dir/lib/x86_64-linux-gnu:$dir/usr/lib/x86_64-linux-gnu

python3 - <<'EOF'
from socket import AF_INET, AF_INET6, inet_pton
from struct import pack, unpack

def with_checksum(data, at):
    total = sum(unpack(f"!{len(data) // 2}H", data)) % 0xffff
    return data[:at] + pack("!H", 0xffff - total) + data[at + 2:]

# version and type, VHID, advskew, authlen, demotion, advbase, checksum; counter and digest
carp = with_checksum(pack("!BBBBBBH", 0x21, 7, 0, 7, 0, 1, 0) + bytes(range(1, 29)), 6)
ip = pack("!BBHIBBH", 0x45, 0, 56, 0, 255, 112, 0) + inet_pton(AF_INET, "192.0.2.1") + inet_pton(AF_INET, "224.0.0.18")
ipv6 = pack("!IHBB", 6 << 28, 36, 112, 255) + inet_pton(AF_INET6, "fe80::1") + inet_pton(AF_INET6, "ff02::12")
with open("adverts.pcap", "wb") as pcap:
    pcap.write(pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))  # 101: no link layer
    for packet in with_checksum(ip, 10) + carp, ipv6 + carp:
        pcap.write(pack("<IIII", 0, 0, len(packet), len(packet)) + packet)
EOF
fields=(-T fields -E 'separator= ' -e _ws.col.Protocol -e vrrp.prio -e vrrp.ip_addr -e _ws.expert.message -e carp.advskew)
# by_tshark OPTION...
by_tshark() {
	echo "tshark${*:+ $*}"
	HOME=$dir tshark "$@" -n -r adverts.pcap "${fields[@]}" 2>/dev/null | sed -E 's/ +/ /g; s/ $//'
}
# by_tcpdump OPTION...
by_tcpdump() {
	echo "tcpdump${*:+ $*}: $(tcpdump "$@" -n -r adverts.pcap 2>/dev/null | grep -oE '(VRRP|CARP)v2' | xargs)"
}
got=$(
	by_tshark
	by_tshark --enable-heuristic=carp_ip
	by_tshark -d ip.proto==112,carp
	by_tcpdump
	by_tcpdump -T carp
)
seven=1.2.3.4,5.6.7.8,9.10.11.12,13.14.15.16,17.18.19.20,21.22.23.24,25.26.27.28
want="tshark
VRRP 0 $seven
VRRP 0 Malformed Packet (Exception occurred)
tshark --enable-heuristic=carp_ip
VRRP 0 $seven
VRRP 0 Malformed Packet (Exception occurred)
tshark -d ip.proto==112,carp
CARP 0
CARP 0
tcpdump: VRRPv2 VRRPv2
tcpdump -T carp: CARPv2 CARPv2"
echo "$got"
[[ $got == "$want" ]] || {
	echo "it was $want" >&2
	exit 1
}
