#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Two hosts that cannot hear each other because of how they are set up: both are masters, and both say why. The same source
# address on both, as in a copied configuration; SipHash on one of them alone.

# shellcheck disable=SC2016 # eval sees to it
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 14
test_lab r1 r2

# both FLAGS...: of r1 and r2, each a word
both() {
	# shellcheck disable=SC2086 # flags
	xcarp r1 -r 1 $1
	# shellcheck disable=SC2086
	xcarp r2 -r 1 $2
	within 6 "$3: both are masters" eval 'master r1 && master r2'
}

both "-s 10.77.0.2" "" "the same source address"
for host in r1 r2; do
	within 4 "$host tells it" log_has $host \
		'Adverts from our own address refused: [0-9]+, the last from 10\.77\.0\.2 \(own_source\) - Another host has our source address \(eth0 id 1\)'
done
told() {
	lab_run r1 "${XCARP%/*}/xcarpctl" status eth0/1 | grep -qE '^  refused +own_source [0-9]+, the last from 10\.77\.0\.2,'
}
within 4 "so does xcarpctl" told
stop r1 TERM
stop r2 TERM

both "--auth=siphash" "" "SipHash on one alone"
within 4 "who does not know it tells it" log_has r2 \
	'SipHash not enabled - adverts refused: [0-9]+, the last from 10\.77\.0\.1 \(not_enabled\) - It sends SipHash, and --auth=hmac-sha1 '
within 4 "  and who wants it" log_has r1 'Weak authentication - adverts refused: [0-9]+, the last from 10\.77\.0\.2'
stop r1 TERM
stop r2 TERM

# Its own, the last one, back from the network: that is no second host. The next one is a minute off.
tape=$LAB_DIR/tape
lab_spawn r1 "$tape" "$FRAMES" record eth0
xcarp r2 -b 60
within 5 "BACKUP" backup r2
ok "promoted" lab_run r2 "${XCARP%/*}/xcarpctl" promote eth0/1
within 5 "a recorder" grep -q listening "$tape"
within 5 "an advert of its own" eval '(($(wc -l <"$tape") > 1))'
tail -n 1 "$tape" >"$tape.last"
lab_run r1 "$FRAMES" play eth0 "$tape.last" >/dev/null
within 5 "comes back, and is refused" eval '(($(drops r2 | sed -n "s/^own_source=//p")))'
never 2 "  which is not told" log_has r2 'own address'
stop r2 TERM
is "nothing is left" "$(left_on r2)" ''
