#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The kernel of this machine takes the programs as each clang compiled them: whatever lies in build/clang*/.
#
# vm: seconds=600 make=build/tests/bpf/test_compilers

cd "$(dirname "$0")/../.." || exit 1
compilers=(build/clang*/)
compilers=("${compilers[@]%/}")
echo "# note: ${compilers[*]##*/}"
exec build/tests/bpf/test_compilers "${compilers[@]/%//xcarp.bpf.o}" "${compilers[@]/%//send.bpf.o}"
