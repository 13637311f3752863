#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# bpftool cannot load an object that has a program which libbpf is told not to load.
#
# To libbpf a section "?xdp" holds a program that is loaded only if the loader asks for it. bpf_object__load() passes it over.
# `bpftool prog loadall` loads the others, tries to pin the one that was passed over, fails with "can't pin program that wasn't
# loaded", and unloads the others. `bpftool prog load` pins the object's first program, and works unless that is the optional one.
#
# Seen with bpftool 7.1.0, which has a libbpf of its own, and libbpf 1.1.2 of Debian 12, on Linux 6.18. Runs as root. Fails if
# that changes.

set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
: >status
apt-get -qq -o APT::Sandbox::User=root -o Dir::State::status="$dir/status" -o Dir::Cache="$dir" install --download-only -y \
	--no-install-recommends bpftool=7.1.0+6.1.176-1 libbpf1=1:1.1.2-0+deb12u1 binutils-bpf=2.40-2+1
rm archives/libc6_*
for deb in archives/*.deb; do dpkg-deb -x "$deb" .; done
export PATH=$dir/sbin:$dir/usr/sbin:$dir/usr/bin:$PATH LD_LIBRARY_PATH=$dir/lib/x86_64-linux-gnu:$dir/usr/lib/x86_64-linux-gnu

# object SECTION...: a program in each
object() {
	{
		for section in "$@"; do
			name=program_${section//[^a-z]/_}
			cat <<-EOF
				.section "$section", "ax"
				.globl $name
				.type $name, @function
				$name: mov %r0, 2
				exit
				.size $name, . - $name
			EOF
		done
		printf '%s\n' '.section license, "aw"' '.string "GPL"'
	} | bpf-as -o object.o -
}
cat >load.py <<'EOF'
import ctypes

libbpf = ctypes.CDLL("libbpf.so.1")
libbpf.bpf_object__open.restype = ctypes.c_void_p
print(libbpf.bpf_object__load(ctypes.c_void_p(libbpf.bpf_object__open(b"object.o"))))
EOF
# try FIRST SECOND: what each way of loading returns
try() {
	object "$@"
	echo "$*: libbpf $(python3 load.py)$(
		unshare --mount bash <<-"EOF"
			mkdir -p bpf
			mount -t bpf bpf bpf
			for how in load loadall; do
				bpftool prog $how object.o bpf/$how
				echo -n ", $how $?"
			done
		EOF
	)"
}
got=$({ try xdp "?xdp"; try "?xdp" xdp; try xdp xdp.frags; } 2>messages)
want="xdp ?xdp: libbpf 0, load 0, loadall 255
?xdp xdp: libbpf 0, load 255, loadall 255
xdp xdp.frags: libbpf 0, load 0, loadall 0"
echo "sections: what each way of loading returned"
echo "$got"
[[ $got == "$want" ]] || {
	cat messages >&2
	echo "it was $want" >&2
	exit 1
}
