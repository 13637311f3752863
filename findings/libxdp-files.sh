#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# libxdp 1.3 keeps a file open for each look at an interface.
#
# xdp_multiprog__get_from_ifindex() opens the program that is attached there. If that is a program by itself instead of libxdp's
# dispatcher, xdp_multiprog__close() does not close it. A daemon that looks once a second and may have 1024 files open has none
# left after 17 minutes, and the program stays loaded after it was detached. libxdp 1.5.0 closes the file. With 1.3, ask the
# kernel what is attached.
#
# Seen with libxdp 1.3.1 of Debian 12; the program is one that it brings along. Runs as root. Fails if that changes.

set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
: >status
apt-get -qq -o APT::Sandbox::User=root -o Dir::State::status="$dir/status" -o Dir::Cache="$dir" install --download-only -y \
	--no-install-recommends libxdp1=1.3.1-1 iproute2=6.1.0-3
rm archives/libc6_*
for deb in archives/*.deb; do dpkg-deb -x "$deb" .; done
export PATH=$dir/sbin:$dir/usr/sbin:$dir/usr/bin:$PATH LD_LIBRARY_PATH=$dir/lib/x86_64-linux-gnu:$dir/usr/lib/x86_64-linux-gnu

cat >look.py <<'EOF'
import ctypes, os, socket

libxdp = ctypes.CDLL("libxdp.so.1")
libxdp.xdp_multiprog__get_from_ifindex.restype = ctypes.c_void_p
libxdp.xdp_multiprog__close.argtypes = [ctypes.c_void_p]

def programs_open():
    links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
    return sum(os.readlink(link) == "anon_inode:bpf-prog" for link in links if os.path.islink(link))

for times in 0, 1, 100:
    for n in range(times):
        libxdp.xdp_multiprog__close(libxdp.xdp_multiprog__get_from_ifindex(socket.if_nametoindex("v0")))
    print(programs_open(), end=" ")
EOF
got=$(
	unshare --net bash -eu <<'EOF'
	ip link add dev v0 type veth
	ip link set dev v0 xdpgeneric obj usr/lib/x86_64-linux-gnu/bpf/xsk_def_xdp_prog.o sec xdp
	python3 look.py
EOF
)
want="0 1 101 "
echo "files of programs open after 0, 1 and 101 looks: $got"
[[ $got == "$want" ]] || {
	echo "it was $want" >&2
	exit 1
}
