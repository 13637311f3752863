#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A kernel that xcarp cannot use: one line says so, with its number and the one that is wanted, and nothing is changed.
#
# vm: seconds=120

export XCARP=/usr/local/sbin/xcarp
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 4
test_lab r1
before=$(snapshot r1)
fails r1 "$XCARP" -i eth0 -s 10.77.0.1 -v 1 -p "$PASSWORD" -a "$VIP"
is "xcarp ends with status 1" "$STATUS" 1
is "and one line" "$(wc -l <<<"$ERROR")" 1
like "which names this kernel and the one it needs" "$ERROR" "Linux $(uname -r | grep -o '^[0-9]*\.[0-9]*').*needs 5\.18"
unchanged "nothing is changed" r1 "$before"
echo "# note: $ERROR"
