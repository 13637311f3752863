#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Everything that has to be right: installs what is missing, builds, runs all tests, plain, with sanitizers,
# under valgrind, and a few in a virtual machine. Fails where a test fails, and where one that could run here is skipped.

set -eu
export LC_ALL=C # comm and globs agree on the order
cd "$(dirname "$0")/.."

# Reasons a test may be skipped for, as regexes.
allowed_skips=()

die() {
	echo "check.sh: $*" >&2
	exit 1
}

# Namespaces of labs whose shell is gone, sorted.
abandoned() {
	local namespace

	for namespace in /run/netns/xc*; do
		[[ $namespace =~ /xc([0-9]+)- && ! -e /proc/${BASH_REMATCH[1]} ]] && echo "${namespace##*/}"
	done
	return 0
}

((EUID == 0)) || die "must be root: the tests make network namespaces and load XDP programs (try sudo)"
scripts/setup.sh build test
# What a run left that was killed together with its watchers says nothing of this one.
left_before=$(abandoned)

jobs=$(nproc)
make -j "$jobs" tests fuzz
make -j "$jobs" SANITIZE=1 tests

# Tests in namespaces mostly wait.
arguments=(-j $((jobs < 4 ? jobs * 2 : jobs)))
for reason in ${allowed_skips[@]+"${allowed_skips[@]}"}; do
	arguments+=(--allow-skip "$reason")
done
shopt -s nullglob
# The long ones first.
selftests/run "${arguments[@]}" selftests/fuzz/targets.t selftests/sim/*.t selftests/interop/*.t selftests/netns/*.t \
	build/tests/fuzz/differential \
	build/tests/{unit,io,bpf}/test_* build/asan/tests/{unit,io,bpf}/test_* \
	--sanitized selftests/sim/simulation.t selftests/netns/*.t \
	--valgrind build/tests/unit/test_*

# A lab's watcher may still be at it.
for ((try = 0; try < 100; try++)); do
	left=$(comm -13 <(echo "$left_before") <(abandoned))
	[[ $left ]] || break
	sleep 0.1
done
[[ ! $left ]] || die "a test left its namespaces behind: ${left//$'\n'/ }"

# By itself: an emulated machine leaves little of a small host to others.
scripts/vm/check
