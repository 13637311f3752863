#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Where the down time is one interval (-b 1 -r 1), a late advert is a takeover, and the two send at the same time. ucarp
# hears up to a second late and counts on from what it heard: not one of its adverts is an old one for all that, and there
# is one master in the end. In one pair ucarp is preferred, in the other xcarp; every few seconds ucarp stalls.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 8
test_lab ucarp1 xcarp1 xcarp2 ucarp2

# one NAME: with the address of its pair, the same for both
one() {
	local name=$1 pair=${1: -1} program=("$XCARP")

	if [[ $name == ucarp* ]]; then
		program=("$UCARP" -u "$LAB_DIR/add" -d "$LAB_DIR/del")
	fi
	daemon "$name" "${program[@]}" -i eth0 -s "$(address "$name")" -v "$pair" -p "$PASSWORD" -a "10.77.0.10$pair" -b 1 -r 1
}

# one_of PAIR: is one of them master, and has the address?
one_of() {
	local x=xcarp$1 u=ucarp$1 vip=10.77.0.10$1

	if master "$x"; then
		! master "$u" && has_addr "$x" "$vip" && lacks_addr "$u" "$vip"
	else
		master "$u" && has_addr "$u" "$vip" && lacks_addr "$x" "$vip"
	fi
}

for script in add del; do
	hook "$script" <<-EOF
		ip addr $script "\$2/32" dev "\$1"
	EOF
done
for pair in 1 2; do
	one "ucarp$pair"
	one "xcarp$pair"
	within 5 "pair $pair: a master" one_of "$pair"
done
for ((round = 0; round < 8; round++)); do
	kill -STOP "${PID[ucarp1]}" "${PID[ucarp2]}"
	read -rt "1.$((RANDOM % 10))" -u "$TICK"
	kill -CONT "${PID[ucarp1]}" "${PID[ucarp2]}"
	read -rt "$((1 + RANDOM % 2)).$((RANDOM % 10))" -u "$TICK"
done
for pair in 1 2; do
	diag "xcarp$pair became master $(log_count "xcarp$pair" 'state: MASTER') times"
	is "pair $pair: no advert was refused as an old one" "$(drops "xcarp$pair" | grep '^replayed=')" replayed=0
	between "  and those that it had to hear were heard" "$(drops "xcarp$pair" | sed -n "s/^accepted=//p")" $((2 - pair)) 1000
	within 10 "  one master in the end" one_of "$pair"
done
