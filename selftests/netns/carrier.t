#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The cable is pulled, or the interface set down: INIT, and back when the link is; with --ignoreifstate as if nothing were.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 44
test_lab r1 r2 client
wire client

xcarp r1 -P -r 2
xcarp r2 -r 2 -k 100
within 6 "the first router is MASTER" master r1
within 5 "and has the address" only_holder r1 r1 r2

lab_cable r1 down
within 2 "without carrier it is in INIT" in_state r1 INIT
within 2 "and has no address" lacks_addr r1 "$VIP"
within 6 "the other becomes MASTER" master r2
ok "it alone has the address" only_holder r2 r1 r2
log_mark r1
lab_cable r1 up
within 5 "with carrier it is BACKUP" seen_state r1 BACKUP
within 6 "and takes over again" only_master r1 r1 r2
within 5 "with the address" only_holder r1 r1 r2

ip -n "$LAB-r1" link set eth0 down
within 2 "set down, it is in INIT" in_state r1 INIT
within 6 "the other becomes MASTER" master r2
ip -n "$LAB-r1" link set eth0 up
within 6 "set up, it takes over again" only_master r1 r1 r2
within 5 "with the address" only_holder r1 r1 r2

stop r1 TERM
stop r2 TERM
xcarp r1 -S -r 1
within 5 "with --ignoreifstate: MASTER" master r1
lab_cable r1 down
never 3 "without carrier it is still that" left_master r1
within 5 "and has the address" has_addr r1 "$VIP"
mark=$(now_ms)
lab_cable r1 up
within 5 "its adverts are heard again" seen_since "$mark" 'advert 10.77.0.1 '
stop r1 TERM

# live FIELD: of the one virtual router
live() {
	bpftool -j map dump pinned "$(lab_pins r1)/live" | sed 's/"formatted"/\n&/g' | sed -n "s/.*\"owner_pid\": *${PID[r1]},.*\"$1\": *\([0-9]*\).*/\1/p; t; s/.*\"$1\": *\([0-9]*\).*\"owner_pid\": *${PID[r1]},.*/\1/p" | head -n 1
}

# lost N: so many adverts, or more
lost() {
	(($(live adverts_unsent) >= $1))
}

# Without a carrier the kernel drops what it says that it has sent, by each way of sending.
for tx in packet bpf xsk; do
	log_mark r1
	xcarp r1 -S -r 1 --tx=$tx
	within 8 "--tx=$tx: MASTER" master r1
	is "  nothing was lost" "$(live adverts_unsent)" 0
	lab_cable r1 down
	within 8 "  without carrier adverts are lost" lost 2
	sent=$(live adverts_sent)
	within 8 "  and more of them" lost 5
	is "  they do not count as sent" "$(live adverts_sent)" "$sent"
	is "  which is told once" "$(log_count r1 'cannot send')" 1
	ok "  in these words" log_has r1 'eth0: cannot send adverts: no carrier'
	nok "  and nothing works again" log_has r1 'works again'
	lab_cable r1 up
	within 8 "  with carrier: sending works again" log_has r1 'works again'
	stop r1 TERM
done
