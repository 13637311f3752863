#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Accepted adverts end in the driver; with --tap they go on to the stack as well.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 10
test_lab r1 client

heard() {
	(($(grep -c 'advert 10.77.0.66 ' "$LAB_DIR/$1") >= $2))
}

for flag in "" --tap; do
	name=${flag:-without --tap}
	xcarp r1 -k 10 $flag
	within 5 "$name: BACKUP" backup r1
	lab_spawn r1 "$LAB_DIR/raw$flag" "$FRAMES" raw eth0
	wait_for 5 grep -qs listening "$LAB_DIR/raw$flag"
	lab_spawn r1 "$LAB_DIR/packet$flag" "$FRAMES" listen eth0
	wait_for 5 grep -qs listening "$LAB_DIR/packet$flag"
	lab_run client "$FRAMES" send eth0 "vips=$VIP" advskew=5 count=20 >/dev/null
	within 2 "$name: 20 are accepted" counted r1 accepted 20
	if [[ $flag ]]; then
		within 2 "$name: a raw socket gets them" heard raw$flag 20
		within 2 "$name: tcpdump would, too" heard packet$flag 20
	else
		nok "$name: a raw socket gets none" heard raw 1
		nok "$name: nor would tcpdump" heard packet 1
	fi
	ok "$name: it ends" stop r1 TERM
done
