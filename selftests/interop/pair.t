#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# xcarp and ucarp as a pair, each in each role: the same elections as between two ucarps.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 55
test_lab r1 r2 client
wire client "vips=$VIP"

# takeover NAME MS LEAVING TAKING: ucarp reads what libpcap has buffered once a second, or when that buffer is full, for
# which xcarp sees. Otherwise it would be up to a second here, and without the goodbye its down time, 2.4 s, in addition.
takeover() {
	between "$1: ms from the goodbye to the address being announced" \
		"$(gap_ms "$2" "advert $(address "$3") .*advbase=255" "announce $VIP smac=$(mac "$4")")" 0 400
}

# pair FIRST SECOND: r1 runs FIRST, skew 0; r2 runs SECOND, skew 100.
pair() {
	local first=$1 second=$2 name="$1 and $2" mark

	"$second" r2 -k 100 -r 2
	within 6 "$name: the second, alone, is MASTER" master r2
	"$first" r1 -r 2
	within 3 "$name: the first is BACKUP" backup r1
	never 4 "$name: and stays that without --preempt" master r1
	ok "$name: the second keeps the address" only_holder r2 r1 r2
	kill_9 r1

	"$first" r1 -r 2 -P
	within 6 "$name: with --preempt the first takes over" only_master r1 r1 r2
	within 3 "$name: the address moves" only_holder r1 r1 r2
	never 4 "$name: for good" master r2
	nok "$name: every advert is signed as both expect" seen 'hmac=bad'

	mark=$(now_ms)
	kill_9 r1
	within 8 "$name: kill -9 of the first: the second is MASTER" master r2
	within 3 "$name: it has the address" has_addr r2 "$VIP"
	between "$name: ms to its first advert" "$(since_ms "$mark" 'advert 10.77.0.2 ')" 1000 6000
	ip -n "$LAB-r1" addr del "$VIP/32" dev eth0 2>/dev/null

	"$first" r1 -r 2 -P
	within 8 "$name: the first is back" only_master r1 r1 r2
	within 3 "$name: with the address" only_holder r1 r1 r2
	mark=$(now_ms)
	ok "$name: TERM ends it" stop r1 TERM
	within 8 "$name: the second is MASTER" master r2
	within 3 "$name: it has the address" has_addr r2 "$VIP"
	[[ $first == ucarp ]] || takeover "$name" "$mark" r1 r2
	ip -n "$LAB-r1" addr del "$VIP/32" dev eth0 2>/dev/null
	kill_9 r2
	ip -n "$LAB-r2" addr del "$VIP/32" dev eth0 2>/dev/null
	: >"$LAB_DIR/wire"
}

pair xcarp ucarp
pair ucarp xcarp

# The other way round: the worse one leaves, or dies, while MASTER.
for left in xcarp ucarp; do
	right=ucarp
	[[ $left == xcarp ]] || right=xcarp
	"$left" r2 -k 100 -r 2
	within 6 "$left, worse, alone: MASTER" master r2
	"$right" r1 -r 2
	within 3 "$right: BACKUP" backup r1
	mark=$(now_ms)
	if [[ $left == xcarp ]]; then
		ok "TERM ends it" stop r2 TERM
		within 3 "$right is MASTER" master r1
		within 3 "and holds the address" only_holder r1 r1 r2
		takeover "$right" "$mark" r2 r1
	else
		kill_9 r2
		within 6 "$right is MASTER" master r1
		within 3 "and holds the address" has_addr r1 "$VIP"
	fi
	kill_9 r1
	kill_9 r2 2>/dev/null
	ip -n "$LAB-r1" addr del "$VIP/32" dev eth0 2>/dev/null
	ip -n "$LAB-r2" addr del "$VIP/32" dev eth0 2>/dev/null
done

# Other ways of sending.
for flag in --nomcast --mcastip=239.192.7.7; do
	xcarp r1 -r 1 "$flag"
	within 6 "$flag: xcarp is MASTER" master r1
	ucarp r2 -k 100 -r 2 "$flag"
	within 2 "$flag: ucarp is BACKUP" backup r2
	never 4 "$flag: it hears xcarp" master r2
	stop r1 TERM
	within 6 "$flag: ucarp is MASTER" master r2
	xcarp r1 -k 200 -r 2 "$flag"
	within 3 "$flag: xcarp, worse, is BACKUP" backup r1
	never 4 "$flag: it hears ucarp" master r1
	kill_9 r1
	kill_9 r2
	ip -n "$LAB-r2" addr del "$VIP/32" dev eth0 2>/dev/null
done
