#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# USR1 tells the state; USR2 hands the address over and holds back for three seconds.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 15
test_lab r1 r2 client
wire client "vips=$VIP"

xcarp r1 -r 2 -P
within 5 "MASTER" master r1
kill -USR1 "${PID[r1]}"
within 2 "USR1 on a master" log_has r1 '\[INFO\] MASTER on eth0 id 1$'
xcarp r2 -r 2 -k 100
within 5 "BACKUP" backup r2
kill -USR1 "${PID[r2]}"
within 2 "USR1 on a backup" log_has r2 '\[INFO\] BACKUP on eth0 id 1$'

start=$(now_ms)
log_mark r1
kill -USR2 "${PID[r1]}"
within 2 "USR2 on the master: BACKUP" seen_state r1 BACKUP
within 2 "it says goodbye" seen_since "$start" 'advert 10.77.0.1 .*advbase=255 advskew=255 .*hmac=good'
within 2 "the other is MASTER" master r2
between "ms from there to the other's first advert" \
	"$(gap_ms "$start" 'advert 10.77.0.1 .*advbase=255' 'advert 10.77.0.2 ')" 0 500
within 2 "the address has moved" only_holder r2 r1 r2
within 10 "it goes on, and being better takes over again" only_master r1 r1 r2
between "after a hold of at least 3 s, ms" $(($(state_ms r1 MASTER) - start)) 2900 8000
within 2 "the address is back" only_holder r1 r1 r2

log_mark r2
kill -USR2 "${PID[r2]}"
never 4 "USR2 on the backup changes nothing" master r2
ok "the master is the same" master r1
ok "and both run" eval 'alive r1 && alive r2'
