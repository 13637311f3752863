#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A ucarp beside a pair with strong authentication, with the same VHID, password and address: neither takes the other's adverts
# for its own.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 11
test_lab r1 r2 r3 client
wire client

refuses_weak() { [[ $(drops "$1" | sed -n 's/^weak_auth=//p') -gt 2 ]]; }
states() { log_count "$1" 'Switching to state'; }

xcarp r1 -r 2 --auth=siphash
within 8 "the first is MASTER" master r1
xcarp r2 -r 2 -k 50 --auth=siphash
within 8 "the second BACKUP" backup r2
within 5 "with strong adverts" seen 'advert 10.77.0.1 .* key=0'
log_mark r1
log_mark r2
ucarp r3 -r 2 -k 100
within 8 "a ucarp hears none of them, and is MASTER by itself" master r3
within 8 "its adverts are refused by the first" refuses_weak r1
within 8 "and by the second" refuses_weak r2
within 5 "which say so" log_has r2 'Weak authentication - adverts refused: .* from 10.77.0.3 '
ok "the ucarp stays MASTER" master r3
is "the pair's states are as they were" "$(states r1)/$(states r2)" 0/0

# In the first stage it still has a part in the election.
stop r2 TERM
stop r1 TERM
xcarp r1 -r 2 -P --auth=accept-siphash
within 8 "in the first stage xcarp takes over from the ucarp" master r1
within 5 "which hears it" backup r3
