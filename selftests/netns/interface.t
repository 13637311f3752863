#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The interface goes away and comes back under the same name: the controller survives and resumes on the new one.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 14
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
