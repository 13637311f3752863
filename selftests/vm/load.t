#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The kernel of this machine takes the program as each clang compiled it: whatever lies in build/clang-*/, and the build's own.
#
# vm: seconds=600

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

shopt -s nullglob
objects=("$TOP"/build/{,clang-*/}{xcarp,send}.bpf.o)
pins=/sys/fs/bpf/load-$$ # a name with a dot is refused
trap 'rm -rf "$pins"' EXIT

plan ${#objects[@]}
for object in "${objects[@]}"; do
	name=${object#"$TOP/build/"}
	if said=$(bpftool prog loadall "$object" "$pins" 2>&1); then
		pass "$name"
	else
		fail "$name" "$(tail -n 12 <<<"$said")"
	fi
	rm -rf "$pins"
done
compilers=("$TOP"/build/clang-*/)
compilers=("${compilers[@]%/}")
echo "# note: clang ${compilers[*]##*clang-}"
((TAP_FAILED == 0))
