#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# USR1 tells the state; USR2 hands the address over and holds back for three seconds. What a starter ignores. Who answers to the
# name that it was started by.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

# trapped_twice: the script has written so
trapped_twice() {
	[[ $(grep -c trapped "$LAB_DIR/trapped" 2>/dev/null) == 2 ]]
}

plan 32
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
ok "both end" eval 'stop r1 TERM && stop r2 TERM'

# As by nohup. Signals are taken in the order of their numbers: when USR1 is answered, HUP has been seen.
daemon r1 env --ignore-signal=HUP "$XCARP" -i eth0 -s 10.77.0.1 -v 1 -p "$PASSWORD" -a "$VIP" -r 1
within 5 "started with HUP ignored: MASTER" master r1
kill -HUP "${PID[r1]}"
kill -USR1 "${PID[r1]}"
within 5 "HUP, and USR1, which is answered" log_has r1 '\[INFO\] MASTER on eth0 id 1$'
ok "it lives on" alive r1
nok "and says nothing of HUP" log_has r1 'Hangup'
ok "TERM ends it" stop r1 TERM
(umask 077 && echo "-i eth0 -s 10.77.0.1 -v 1 -p $PASSWORD -a $VIP -r 1" >"$LAB_DIR/r1.conf")
daemon r1 env --ignore-signal=HUP "$XCARP" -c "$LAB_DIR/r1.conf"
within 5 "with a file of virtual routers" log_has r1 Ready
kill -HUP "${PID[r1]}"
within 5 "that is read again all the same" log_has r1 'read again'
ok "TERM ends it" stop r1 TERM

# A shell cannot trap what it was started with as ignored.
hook up <<-'END'
	trap 'echo trapped >>"$LAB_DIR/trapped"' TERM USR1
	kill -TERM $$
	kill -USR1 $$
END
daemon r1 env --ignore-signal=TERM,USR1 "$XCARP" -i eth0 -s 10.77.0.1 -v 1 -p "$PASSWORD" -a "$VIP" -r 1 -u "$LAB_DIR/up"
within 5 "started with TERM and USR1 ignored: a script can trap them" trapped_twice
kill -USR1 "${PID[r1]}"
within 5 "and USR1 is answered" log_has r1 'MASTER on eth0 id 1$'
ok "TERM ends it" stop r1 TERM

# Its other process has another name, wherever that is looked up.
ln -s "$(realpath "$XCARP")" "$LAB_DIR/u$LAB"
daemon r1 "$LAB_DIR/u$LAB" -i eth0 -s 10.77.0.1 -v 1 -p "$PASSWORD" -a "$VIP" -r 1
within 5 "by another name: MASTER" master r1
is "pidof finds one of that name" "$(pidof "u$LAB")" "${PID[r1]}"
is "so does pgrep" "$(pgrep -x "u$LAB")" "${PID[r1]}"
is "and pgrep -f" "$(pgrep -f "u$LAB -i eth0")" "${PID[r1]}"
is "the other process is xcarp-scripts, without arguments" "$(tr -s '\0' ' ' <"/proc/$(runner r1)/cmdline")" "xcarp-scripts "
