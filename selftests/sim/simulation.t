#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The simulation's share in `make check`: always the same seeds, so it says the same each time. `make sim-long` looks on.

cd "$(dirname "$0")/../.." || exit 1
build=${XCARP:-build/xcarp}
build=${build%/*}
runs=100000
[[ $build != */asan ]] || runs=10000

# Tests beside it are about time.
exec nice -n 19 "$build/tests/sim/sim" --tap --jobs 1 --runs "$runs"
