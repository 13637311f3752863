#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The lab itself: however a test ends, its namespaces, processes and pins go; two labs side by side stay apart.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 16
test_lab r1

# A lab of its own, which tells its prefix and its directory, and waits to be ended.
hook other <<-EOF2
	exec bash -c '
		XCARP=$XCARP
		. "$TOP/scripts/lab.sh"
		lab_start
		lab_host r1 10.77.0.1/24
		lab_spawn r1 /dev/null sleep 1000
		mkdir -p "\$(lab_pins r1)" 2>/dev/null
		echo "\$LAB \$LAB_DIR \$LAB_PID \$(lab_pins r1)" >"$LAB_DIR/told"
		while :; do sleep 0.1; done'
EOF2

told() {
	[[ -s $LAB_DIR/told ]]
}

no_trace() {
	[[ ! -e /run/netns/$prefix-r1 && ! -e /run/netns/$prefix-switch && ! -e $dir && ! -e /proc/$sleeper && ! -e $pins ]]
}

for signal in TERM INT HUP KILL; do
	rm -f "$LAB_DIR/told"
	env --default-signal=INT,HUP "$LAB_DIR/other" &
	pid=$!
	within 5 "$signal: a lab is there" told
	read -r prefix dir sleeper pins <"$LAB_DIR/told"
	isnt "$signal: apart from this one" "$prefix" "$LAB"
	kill "-$signal" "$pid"
	wait "$pid" 2>/dev/null
	within 5 "$signal: it leaves no trace" no_trace
	ok "$signal: this one is untouched" lab_run r1 true
done
