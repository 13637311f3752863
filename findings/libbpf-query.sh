#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# libbpf reads about every interface of the host to answer a question about one.
#
# bpf_xdp_query() and bpf_xdp_query_id() request a dump of all links, 1.5 KB each, and pick the one that was meant. A program
# that checks each of N interfaces in this way makes the kernel write N * N descriptions. `ip link show dev` requests the one.
#
# Seen with libbpf 1.1.2 and iproute2 6.1.0 of Debian 12. strace 6.1 counts what the sockets receive. Runs as root. Fails if
# 100 more interfaces do not make libbpf read 50 KB more, or if they make iproute2 do so.

set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
: >status
apt-get -qq -o APT::Sandbox::User=root -o Dir::State::status="$dir/status" -o Dir::Cache="$dir" install --download-only -y \
	--no-install-recommends libbpf1=1:1.1.2-0+deb12u1 iproute2=6.1.0-3 strace=6.1-0.1
rm archives/libc6_*
for deb in archives/*.deb; do dpkg-deb -x "$deb" .; done
export PATH=$dir/sbin:$dir/usr/sbin:$dir/usr/bin:$PATH LD_LIBRARY_PATH=$dir/lib/x86_64-linux-gnu:$dir/usr/lib/x86_64-linux-gnu

cat >query.py <<'EOF'
import ctypes, socket

program = ctypes.c_uint32()
assert not ctypes.CDLL("libbpf.so.1").bpf_xdp_query_id(socket.if_nametoindex("v0"), 0, ctypes.byref(program))
EOF
read -r few many few_of_ip many_of_ip < <(
	unshare --net bash -eu <<'EOF'
	# received COMMAND...: bytes
	received() {
		strace -o trace -e trace=recvmsg,recvfrom "$@" >/dev/null
		grep -v MSG_PEEK trace | awk '$(NF - 1) == "=" { sum += $NF } END { printf "%d ", sum }'
	}
	ip link add dev v0 type veth
	few=$(received python3 query.py)
	few_of_ip=$(received ip link show dev v0)
	for ((n = 0; n < 50; n++)); do ip link add type veth; done
	echo "$few $(received python3 query.py) $few_of_ip $(received ip link show dev v0)"
EOF
)
echo "bytes received for one interface of 3 and of 103: $few and $many by libbpf, $few_of_ip and $many_of_ip by iproute2"
((many - few > 50000 && many_of_ip - few_of_ip < 50000)) || {
	echo "it was 4476 and 154076, 3796 and 3796" >&2
	exit 1
}
