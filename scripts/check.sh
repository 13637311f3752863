#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Everything that has to be right: installs what is missing, builds, runs all tests, plain, with sanitizers and
# under valgrind. Fails where a test fails, and where one that could run here is skipped.

set -eu
cd "$(dirname "$0")/.."

# Reasons a test may be skipped for, as regexes.
allowed_skips=()

die() {
	echo "check.sh: $*" >&2
	exit 1
}

((EUID == 0)) || die "must be root: the tests make network namespaces and load XDP programs (try sudo)"
scripts/setup.sh build test

jobs=$(nproc)
make -j "$jobs" tests
make -j "$jobs" SANITIZE=1 tests

# Tests in namespaces mostly wait.
arguments=(-j $((jobs < 4 ? jobs * 2 : jobs)))
for reason in ${allowed_skips[@]+"${allowed_skips[@]}"}; do
	arguments+=(--allow-skip "$reason")
done
shopt -s nullglob
# The long ones first.
selftests/run "${arguments[@]}" selftests/interop/*.t selftests/netns/*.t \
	build/tests/{unit,bpf}/test_* build/asan/tests/{unit,bpf}/test_* \
	--sanitized selftests/netns/*.t \
	--valgrind build/tests/unit/test_*

for namespace in /run/netns/xc*; do
	[[ $namespace =~ /xc([0-9]+)- && ! -e /proc/${BASH_REMATCH[1]} ]] || continue
	die "a test left its namespace behind: ${namespace##*/}"
done
