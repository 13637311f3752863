#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Runs every libFuzzer target of build/fuzz/: on what was found before, on its corpus, and then for FUZZ_SECONDS (10) on
# inputs of its own, from the seed FUZZ_SEED (0: another one each time). Inputs that reach something new stay in
# build/fuzz/new/, those that fail in build/fuzz/failed/: build/fuzz/TARGET FILE repeats one.

set -u
cd "$(dirname "$0")/../.."

export FUZZ_SECONDS=${FUZZ_SECONDS:-10} FUZZ_SEED=${FUZZ_SEED:-0}
export UBSAN_OPTIONS=print_stacktrace=1
targets=()
for source in selftests/fuzz/fuzz_*.c; do
	name=${source##*/fuzz_}
	targets+=("${name%.c}")
done
mkdir -p build/fuzz/logs build/fuzz/failed

run() {
	local target=$1 inputs=() dictionary=() inputs_of

	mkdir -p "build/fuzz/new/$target"
	for inputs_of in corpus found; do
		[[ -d selftests/fuzz/$inputs_of/$target ]] && inputs+=("selftests/fuzz/$inputs_of/$target")
	done
	[[ -e selftests/fuzz/dict/$target.dict ]] && dictionary=("-dict=selftests/fuzz/dict/$target.dict")
	# Ends by itself; the timeout is for a target that hangs.
	nice -n 19 timeout $((FUZZ_SECONDS + 60)) "build/fuzz/$target" ${dictionary[@]+"${dictionary[@]}"} \
		-seed="$FUZZ_SEED" -max_total_time="$FUZZ_SECONDS" -timeout=20 -max_len=4096 -print_final_stats=1 -verbosity=1 \
		-artifact_prefix="build/fuzz/failed/$target-" "build/fuzz/new/$target" ${inputs[@]+"${inputs[@]}"} \
		>"build/fuzz/logs/$target" 2>&1
	echo $? >"build/fuzz/logs/$target.status"
}
export -f run

echo "1..${#targets[@]}"
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I{} bash -c 'run {}'
for target in "${targets[@]}"; do
	log=build/fuzz/logs/$target
	ran=$(sed -n 's/^stat::number_of_executed_units: //p' "$log")
	if [[ $(<"$log.status") == 0 ]]; then
		echo "ok - $target: $ran inputs, none of which fails"
	else
		echo "not ok - $target: $ran inputs"
		tail -n 60 "$log" | sed 's/^/# /'
		failed=1
	fi
done
exit "${failed:-0}"
