#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The shortest intervals: a backup whose down time is shorter than loading and attaching the program takes never
# promotes itself beside a master, however it comes to its interface.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 18
test_lab r1 r2

# A quarter of a second for a sanitized one, whose every step takes longer.
skew=3
[[ $XCARP != */asan/* ]] || skew=21
down_ms=$((3 * 1000 * (skew + 1) / 256))
xcarp r1 -b 0 -k $skew
within 5 "a master" master r1
for try in 1 2 3; do
	xcarp r2 -b 0 -k $((skew + 1))
	within 5 "start $try: a backup beside it" backup r2
	never 1 "it stays one" seen_state r2 MASTER
	((try == 3)) || stop r2 TERM
done
for try in 1 2; do
	log_mark r2
	lab_unplug r2
	within 5 "interface taken out $try: given up" in_state r2 INIT
	lab_plug r2
	within 10 "put in again: a backup" backup r2
	never 1 "it stays one" seen_state r2 MASTER
done

# Attaching alone takes longer than the down time, and the link comes up meanwhile.
stop r2 TERM
slowly SLOW_ATTACH_MS=$((down_ms + 20)) xcarp r2 -b 0 -k $((skew + 1))
within 10 "where attaching is slow: a backup" backup r2
lab_unplug r2
wait_for 5 in_state r2 INIT
log_mark r2
plugged_ms=$(now_ms)
lab_plug r2
within 10 "put in again: a backup" backup r2
between "after attaching for that long" $(($(now_ms) - plugged_ms)) $down_ms 10000
never 1 "it stays one" seen_state r2 MASTER
ok "the master never left" eval '! log_has r1 "MASTER.*BACKUP|Preferred master"'
