#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# xcarp among ucarps that are preferred. Promoted and released again, it has sent several adverts within a moment, from any
# of which a ucarp, which hears up to a second late, may count on, and led others back to older ones. Whichever it is: nobody
# is taken for a replay for so long that there is a second master once the preferred one is back.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

CTL=${XCARP%/*}/xcarpctl
ROUNDS=${ROUNDS:-3}
plan $((3 + 3 * ROUNDS + 1))
test_lab x u1 u2 u3

for script in add del; do
	hook "$script" <<-EOF
		ip addr $script "\$2/32" dev "\$1"
	EOF
done

# preferred_is_back: alone
preferred_is_back() {
	master u1 && has_addr u1 10.77.0.100 && lacks_addr x 10.77.0.100 && ! master u2 && ! master u3
}

# How often each of them became master.
masters() {
	local host

	for host in x u1 u2 u3; do
		printf '%s ' "$(log_count $host 'state: MASTER')"
	done
}

# For seven seconds nobody becomes master. A ucarp that is held up by its scripts may be some time in coming to that.
settles() {
	local before try

	for try in 1 2 3; do
		before=$(masters)
		read -rt 7 -u "$TICK"
		[[ $(masters) == "$before" ]] && return
	done
	return 1
}

skew=0
for name in u1 u2 u3; do
	daemon $name "$UCARP" -u "$LAB_DIR/add" -d "$LAB_DIR/del" -i eth0 -s "$(address $name)" -v 1 -p "$PASSWORD" \
		-a 10.77.0.100 -b 1 -k $((skew += 10)) -P
done
within 10 "of three ucarps the preferred one is master" preferred_is_back
daemon x "$XCARP" -i eth0 -s "$(address x)" -v 1 -p "$PASSWORD" -a 10.77.0.100 -b 1 -k 100
within 10 "xcarp is backup" backup x
never 4 "  and stays it" master x

for ((round = 1; round <= ROUNDS; round++)); do
	lab_run x "$CTL" promote --all >/dev/null
	within 10 "time $round: promoted" master x
	read -rt "1.$((RANDOM % 10))" -u "$TICK"
	lab_run x "$CTL" release --all >/dev/null
	within 10 "  released, and the preferred one is back" preferred_is_back
	ok "  with no other master since" settles
done
diag "$(drops x | grep -E '^(accepted|replayed)=' | tr '\n' ' ')"
ok "and at last" preferred_is_back
