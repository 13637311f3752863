#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Installs what xcarp's build, or its tests, lack on Debian and Ubuntu. Does nothing where nothing is missing.
#
#	scripts/setup.sh build|test...

set -u

build=(clang llvm gcc make pkg-config libbpf-dev libxdp-dev libnl-3-dev libnl-route-3-dev libsodium-dev libelf-dev
	zlib1g-dev linux-libc-dev libc6-dev iproute2 iputils-ping procps perl-base)
test=(ucarp keepalived perl tcpdump valgrind)

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

(($# > 0)) || die "usage: setup.sh build|test..."
wanted=()
for set; do
	case $set in
	build) wanted+=("${build[@]}") ;;
	test) wanted+=("${test[@]}") ;;
	*) die "$set: must be build or test" ;;
	esac
done

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
	die "this is no Debian or Ubuntu; install by hand what they call: ${wanted[*]} bpftool"
fi
missing=()
for package in "${wanted[@]}"; do
	installed "$package" || missing+=("$package")
done
bpftool_works || missing+=(bpftool)
((${#missing[@]})) || exit 0

((EUID == 0)) || die "must be root to install: ${missing[*]}"
log=$(mktemp) || exit 1
echo "Installing: ${missing[*]}"
apt-get update -qq >"$log" 2>&1 || {
	cat "$log" >&2
	die "apt-get update failed"
}
if [[ ${missing[-1]} == bpftool ]]; then
	unset 'missing[-1]'
	read -ra tools <<<"$(bpftool_packages)"
	missing+=("${tools[@]}")
fi
install_quietly "${missing[@]}"
rm -f "$log"
bpftool_works || die "bpftool does not run after installing ${tools[*]}: install the linux-tools of this kernel, $(uname -r)"
