#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A master dies; its backup takes over, once, after its own down time and not before.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 18
test_lab r1 r2 client
wire client

# Down times: 2 s, and 2 s + 100/256 s.
xcarp r1 -r 2
within 5 "the first router becomes MASTER" master r1
xcarp r2 -r 2 -k 100
within 5 "the second becomes BACKUP" backup r2
within 5 "the master has the address" only_holder r1 r1 r2
within 5 "it announces it" seen "announce $VIP"
ok "a client reaches it" lab_run client ping -q -c 1 -W 2 "$VIP"
like "after an advert" "$(on_wire 'advert|announce' | head -n 1)" ' advert 10.77.0.1 '
never 3 "the backup stays one while it hears adverts" master r2

died=$(now_ms)
kill_9 r1
within 5 "after kill -9 of the master, the backup becomes MASTER" master r2
last=$(last_ms "advert 10.77.0.1 ")
within 5 "and says so" seen_since "$died" "advert 10.77.0.2 "
between "ms from the last advert to the first of the new master" "$(since_ms "$last" "advert 10.77.0.2 ")" 2350 4500
within 5 "the new master has the address" has_addr r2 "$VIP"
within 5 "and announces it" seen_since "$died" "announce $VIP "

# What the dead one left behind: its address.
xcarp r1 -r 2
within 5 "restarted, the old master is BACKUP" backup r1
within 5 "and gives back the address that it had left behind" only_holder r2 r1 r2
never 3 "it stays BACKUP" master r1
ok "the other is still MASTER" master r2

# The whole host is gone.
lab_cable r2 down
within 6 "the other host cut off, the first is MASTER again" master r1
within 5 "and has the address" has_addr r1 "$VIP"
