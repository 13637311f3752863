#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# TERM, HUP, INT and QUIT end a master: it says goodbye, its backup takes over at once, and nothing is left behind.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 37
test_lab r1 r2 client
wire client "vips=$VIP"

xcarp r2 -k 100
within 5 "the second router is BACKUP" backup r2

for signal in TERM HUP INT QUIT; do
	xcarp r1 -P --pidfile="$LAB_DIR/r1.pid"
	within 10 "$signal: the first is MASTER, the second BACKUP" only_master r1 r1 r2
	within 5 "$signal: the first has the address" only_holder r1 r1 r2
	log_mark r2
	start=$(now_ms)
	ok "$signal: it ends" stop r1 "$signal"
	is "$signal: with status 0" "$STATUS" 0
	within 5 "$signal: the second becomes MASTER" master r2
	within 5 "$signal: the first said goodbye" seen_since "$start" 'advert 10.77.0.1 .*advbase=255 advskew=255 .*hmac=good'
	# Its down time is 3.4 s; only the goodbye makes it this short.
	between "$signal: ms from there to the other's first advert" \
		"$(gap_ms "$start" 'advert 10.77.0.1 .*advbase=255' 'advert 10.77.0.2 ')" 0 500
	is "$signal: nothing is left of the first" "$(left_on r1)" ""
done

# A busy one: 1000 adverts a second from a worse peer, each of which it hears and answers.
xcarp r1 -P --pidfile="$LAB_DIR/r1.pid"
within 10 "under load: the first is MASTER" only_master r1 r1 r2
lab_spawn client "$LAB_DIR/load.log" "$FRAMES" send eth0 src=10.77.0.66 "vips=$VIP" advskew=200 rate=1000 count=1000000
wait_for 2 seen_since "$(now_ms)" 'advert 10.77.0.1 '
ok "under load: it ends" stop r1 TERM
is "under load: with status 0" "$STATUS" 0
is "under load: nothing is left" "$(left_on r1)" ""
