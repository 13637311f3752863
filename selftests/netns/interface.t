#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The interface goes away and comes back under the same name: the controller survives and resumes on the new one.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 25
test_lab r1 r2 client
wire client

xcarp r1 -P -r 2
xcarp r2 -r 2 -k 100
within 6 "the first router is MASTER" only_master r1 r1 r2

lab_unplug r1
within 2 "its interface gone, it is in INIT" in_state r1 INIT
within 6 "the other becomes MASTER" master r2
ok "the first still runs" alive r1
mark=$(now_ms)
lab_plug r1
within 8 "the interface back, it takes over again" only_master r1 r1 r2
within 5 "with the address" only_holder r1 r1 r2
within 5 "its adverts are on the wire" seen_since "$mark" 'advert 10.77.0.1 '
within 5 "its announcement too" seen_since "$mark" "announce $VIP smac=$(mac r1)"
within 2 "the XDP program is on the new interface" has_xdp r1

# As a backup.
lab_unplug r2
within 2 "a backup's interface gone: INIT" in_state r2 INIT
lab_plug r2
within 3 "the interface back: BACKUP" backup r2
never 3 "which hears the master" master r2
ok "TERM ends it" stop r1 TERM
is "nothing is left" "$(left_on r1)" ""

# It comes back, but another process has one of the two that were on it: that one waits, the others do not.
alone_here() { vr_in r1 2 MASTER && has_addr r1 10.77.0.102; }
vr_in() {
	[[ $(log_of "$1" | sed -n "s/.*Switching to state: \([A-Z]*\) (eth0 id $2)\$/\1/p" | tail -n 1) == "$3" ]]
}
cat >"$LAB_DIR/r1.conf" <<END
default -i eth0 -s 10.77.0.1 -p $PASSWORD -r 2
-v 3 -a 10.77.0.103
-v 2 -a 10.77.0.102
END
daemon r1 "$XCARP" -c "$LAB_DIR/r1.conf"
within 8 "two virtual routers of a file" alone_here
kill -STOP "${PID[r1]}"
lab_unplug r1
lab_plug r1
lab_spawn r1 "$LAB_DIR/three.log" "$XCARP" -i eth0 -s 10.77.0.1 -p "$PASSWORD" -v 3 -a 10.77.0.103 -r 2
three=$LAB_PID
within 8 "another process takes one, while the first is stopped and the interface replaced" \
	grep -q 'state: MASTER' "$LAB_DIR/three.log"
log_mark r1
kill -CONT "${PID[r1]}"
within 5 "which is told to the first" log_has r1 "virtual router 3 .*process $three"
within 8 "its other one is MASTER again" vr_in r1 2 MASTER
echo "-v 4 -a 10.77.0.104" >>"$LAB_DIR/r1.conf"
log_mark r1
kill -HUP "${PID[r1]}"
within 5 "a third is added" log_has r1 '3 virtual routers: 1 new'
within 8 "and is MASTER" vr_in r1 4 MASTER
nok "the one that cannot be heard claims to be nothing" log_has r1 'state: (BACKUP|MASTER) \(eth0 id 3'
between "and that is not told again and again" "$(grep -c 'already belongs' "$LAB_DIR/r1.log")" 1 2
kill "$three"
within 18 "once the other process has ended, it is used" vr_in r1 3 MASTER
ok "TERM ends it" stop r1 TERM
is "nothing is left" "$(left_on r1)" ""
