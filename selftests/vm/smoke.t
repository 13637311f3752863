#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Two routers in namespaces of a machine: the installed xcarp attaches natively, one is elected, it dies, the other takes over,
# and a clean exit leaves nothing.
#
# vm: seconds=120

export XCARP=/usr/local/sbin/xcarp
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

# complaints HOST: what its log says of an attach or a request that did not work as it should.
complaints() {
	log_of "$1" | grep -iE 'generic mode|cannot|refuse|denied|permitted|fail|libbpf|libxdp'
}

heard() {
	[[ $(drops "$1" 2>/dev/null) =~ (^|$'\n')accepted=[1-9] ]]
}

plan 16
test_lab r1 r2 client
before=$(snapshot r1)

xcarp r1 -r 3
within 90 "the first router becomes MASTER" master r1
like "its program is attached natively" "$(ip -n "$LAB-r1" -d link show dev eth0)" ' xdp[ /]'
within 10 "it has the address" has_addr r1 "$VIP"
is "it complains of nothing" "$(complaints r1)" ""
xcarp r2 -r 3 -k 100
within 90 "the second becomes BACKUP" backup r2
is "it complains of nothing either" "$(complaints r2)" ""
within 10 "a client reaches the address" lab_run client ping -q -c 1 -W 2 "$VIP"
never 10 "the backup stays one while it hears adverts" master r2
within 5 "they are counted" heard r2

kill_9 r1
within 90 "after kill -9 of the master, the backup becomes MASTER" master r2
within 10 "and has the address" has_addr r2 "$VIP"
within 10 "a client reaches it there" lab_run client ping -q -c 1 -W 2 "$VIP"
xcarp r1 -r 3
within 90 "restarted, the first is BACKUP" backup r1

ok "TERM ends it" stop r1 TERM 20
is "with status 0" "$STATUS" 0
unchanged "nothing is left" r1 "$before"
