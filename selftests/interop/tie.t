#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Equal skew, and a split that heals: one master, the one that ucarp names. It compares the source addresses as
# little-endian numbers, the last octet first: 10.9.1.11 is lower than 10.9.0.12.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 30
VIP=10.9.0.100

test_lab
lab_host low 10.9.1.11/16
lab_host high 10.9.0.12/16
lab_host client 10.9.0.9/16
wire client "vips=$VIP"

settled() {
	only_master low low high && only_holder low low high
}

split_brain() {
	master low && master high
}

# tie LOW HIGH: which program runs on which host
tie() {
	local name="$1 on 10.9.1.11, $2 on 10.9.0.12" mark

	"$1" low -r 2
	"$2" high -r 2
	within 8 "$name: one master" one_master
	lab_isolate on low high
	within 8 "$name: apart, both are" split_brain
	mark=$(now_ms)
	lab_isolate off low high
	within 6 "$name: together again, the lower one is" settled
	never 4 "$name: and it stays so" nobody_or_both
	within 3 "$name: it announces the address" seen_since "$mark" "announce $VIP smac=$(mac low)"
	nok "$name: no advert that the other refuses" seen 'hmac=bad'
	# Not -9: that leaves xcarp's XDP program there, and a ucarp after it would hear nothing.
	stop low TERM
	stop high TERM
	ip -n "$LAB-low" addr del "$VIP/32" dev eth0 2>/dev/null
	ip -n "$LAB-high" addr del "$VIP/32" dev eth0 2>/dev/null
	: >"$LAB_DIR/wire"
}

one_master() {
	only_master low low high || only_master high low high
}

nobody_or_both() {
	! settled
}

tie ucarp ucarp
tie xcarp ucarp
tie ucarp xcarp
tie xcarp xcarp

# The same where the link itself goes away and comes back, the master's and then the backup's.
xcarp low -r 2
ucarp high -r 2 -S
within 8 "one master" one_master
for host in low high; do
	lab_cable $host down
	[[ $host == low ]] && within 6 "the lower one's cable out: the other is MASTER" master high
	[[ $host == high ]] && within 6 "the other's cable out: the lower one is MASTER" master low
	lab_cable $host up
	within 10 "in again: one master" one_master
done
ok "xcarp still runs" alive low
