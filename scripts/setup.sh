#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Installs what xcarp's build, its tests, its packages or its virtual machines lack on Debian and Ubuntu. Does nothing where
# nothing is missing.
#
#	scripts/setup.sh build|test|deb|vm...

set -u

build=(clang llvm gcc make pkg-config libbpf-dev libxdp-dev libnl-3-dev libnl-route-3-dev libsodium-dev libseccomp-dev libncurses-dev libelf-dev
	zlib1g-dev linux-libc-dev libc6-dev iproute2 iputils-ping procps perl-base)
test=(ucarp ifupdown keepalived perl tcpdump valgrind ethtool)
vm=(qemu-system-x86 debootstrap e2fsprogs cpio kmod xz-utils zstd)
deb=(build-essential debhelper)

die() {
	echo "setup.sh: $*" >&2
	exit 1
}

installed() {
	[[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

known() {
	[[ $(apt-cache policy "$1" 2>/dev/null) == *Candidate:\ [!\(]* ]]
}

# Ubuntu long had no package bpftool, only a wrapper that wants the tools of the running kernel.
bpftool_packages() {
	if known bpftool; then
		echo bpftool
	elif known "linux-tools-$(uname -r)"; then
		echo linux-tools-common "linux-tools-$(uname -r)"
	else
		echo linux-tools-common linux-tools-generic
	fi
}

bpftool_works() {
	PATH=$PATH:/usr/sbin bpftool version >/dev/null 2>&1
}

# libFuzzer and the sanitizers' runtime have a package of their own, or are part of clang's.
fuzzer_packages() {
	local major package

	major=$(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p' | head -n 1)
	for package in "libclang-rt-$major-dev" "libclang-common-$major-dev"; do
		known "$package" && echo "$package" && return
	done
	echo libclang-rt-dev
}

fuzzer_works() {
	echo 'int LLVMFuzzerTestOneInput(const char *a, unsigned long n) { return a && !n; }' |
		clang -fsanitize=fuzzer,address,undefined -x c -o /dev/null - 2>/dev/null
}

# Every clang that is a package here: the kernel has to accept the program by whichever a user has.
clang_packages() {
	local package

	for package in $(apt-cache pkgnames clang- | grep -E '^clang-[0-9]+$'); do
		((${package#clang-} >= 13)) && known "$package" && echo "$package"
	done
}

# Keeps the daemons among the packages from being started, now and at boot.
install_quietly() {
	local policy=/usr/sbin/policy-rc.d

	export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l
	if [[ ! -e $policy ]]; then
		install -m 755 /dev/stdin $policy <<<$'#!/bin/sh\nexit 101' || die "cannot write $policy"
		trap 'rm -f /usr/sbin/policy-rc.d' EXIT
	fi
	apt-get install -qq -y --no-install-recommends "$@" >"$log" 2>&1 || {
		cat "$log" >&2
		die "apt-get install failed: $*"
	}
	if [[ " $* " == *" keepalived "* ]] && command -v systemctl >/dev/null; then
		systemctl disable keepalived >/dev/null 2>&1
	fi
	return 0
}

(($# > 0)) || die "usage: setup.sh build|test|deb|vm..."
wanted=()
for set; do
	case $set in
	build) wanted+=("${build[@]}") ;;
	test) wanted+=("${test[@]}") is_for_tests=1 ;;
	deb) wanted+=("${deb[@]}") ;;
	vm) wanted+=("${vm[@]}") ;;
	*) die "$set: must be build, test, deb or vm" ;;
	esac
done

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
	die "this is no Debian or Ubuntu; install by hand what they call: ${wanted[*]} bpftool, libFuzzer"
fi
clangs=()
[[ ! ${is_for_tests-} ]] || mapfile -t clangs < <(clang_packages)
missing=()
for package in "${wanted[@]}" "${clangs[@]}"; do
	installed "$package" || missing+=("$package")
done
bpftool_works || missing+=(bpftool)
[[ ! ${is_for_tests-} ]] || fuzzer_works || missing+=(libfuzzer)
((${#missing[@]})) || exit 0

((EUID == 0)) || die "must be root to install: ${missing[*]}"
log=$(mktemp) || exit 1
echo "Installing: ${missing[*]}"
apt-get update -qq >"$log" 2>&1 || {
	cat "$log" >&2
	die "apt-get update failed"
}
packages=()
# Known only now if this host had no lists of packages.
[[ ! ${is_for_tests-} ]] || mapfile -t packages < <(clang_packages)
for package in "${missing[@]}"; do
	case $package in
	bpftool) read -ra tools <<<"$(bpftool_packages)" && packages+=("${tools[@]}") ;;
	libfuzzer) packages+=("$(fuzzer_packages)") ;;
	*) packages+=("$package") ;;
	esac
done
install_quietly "${packages[@]}"
rm -f "$log"
bpftool_works || die "bpftool does not run after installing ${tools[*]}: install the linux-tools of this kernel, $(uname -r)"
[[ ! ${is_for_tests-} ]] || fuzzer_works || die "clang cannot link libFuzzer after installing ${packages[*]}"
