#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# `xcarpctl cleanup`: takes away what dead controllers left, addresses, programs and maps, and nothing where one lives.

# shellcheck disable=SC2016 # eval sees to it
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 47
test_lab r1 gone
one_at_a_time cleanup # of all network namespaces that are gone
pins=$(lab_pins r1)
xcarpctl=${XCARP%/*}/xcarpctl
before=$(snapshot r1)
V2=10.77.0.102 V6=fd00::77

# run NAME FLAGS...: a process of r1 by that name.
run() {
	local name=$1

	shift
	log_mark "$name"
	lab_spawn r1 "$LAB_DIR/$name.log" "$XCARP" -i eth0 -s 10.77.0.1 -p "$PASSWORD" -r 1 "$@"
	PID[$name]=$LAB_PID
}

cleanup() {
	fails r1 "$xcarpctl" cleanup "$@"
}

cleanup
is "nothing was ever there: status" "$STATUS" 0
like "told" "$ERROR" 'nothing was left to clean up'
unchanged "and nothing changed" r1 "$before"

run p1 -v 1 -a "$VIP" -a $V6/64
run p2 -v 2 -a $V2/24
within 5 "two processes are MASTER" eval 'has_addr r1 "$VIP" && has_addr r1 $V2'
busy=$(snapshot r1)
cleanup
is "both live: status" "$STATUS" 1
like "they are named" "$ERROR" "xcarp processes run in this network namespace \(.*${PID[p1]}.*\): nothing is cleaned up"
is "in one line" "$(wc -l <<<"$ERROR")" 1
unchanged "nothing changed" r1 "$busy"
kill_9 p1
kill -STOP "${PID[p2]}"
cleanup
is "one lives, though it is stopped: status" "$STATUS" 1
like "it is named" "$ERROR" "\(${PID[p2]}\)"
unchanged "nothing changed" r1 "$busy"
kill -CONT "${PID[p2]}"
kill_9 p2
cleanup
is "both are dead, though just so: status" "$STATUS" 0
for address in "$VIP/32" $V6/64 $V2/24; do
	like "$address: told" "$ERROR" "eth0: $address taken off"
done
like "the program: told" "$ERROR" 'eth0: XDP program taken off'
like "the maps: told" "$ERROR" "$pins: removed"
unchanged "nothing is left" r1 "$before"
nok "nor of IPv6" eval 'ip -n "$LAB-r1" -6 addr show | grep -q $V6'
cleanup
is "once more: status" "$STATUS" 0
like "told" "$ERROR" 'nothing was left to clean up'

# Handed over, and nobody came.
run p1 -v 1 -a "$VIP"
within 5 "MASTER" has_addr r1 "$VIP"
stop p1 RTMIN
cleanup
is "handed over to nobody: status" "$STATUS" 0
unchanged "nothing is left" r1 "$before"

# From outside.
run p1 -v 1 -a "$VIP"
within 5 "MASTER" has_addr r1 "$VIP"
kill_9 p1
ERROR=$("$xcarpctl" -n "$LAB-r1" cleanup 2>&1)
is "of another network namespace: status" "$?" 0
like "told" "$ERROR" "$VIP/32 taken off"
unchanged "nothing is left" r1 "$before"

# Of another version, or not whole.
run p1 -v 1 -a "$VIP"
within 5 "MASTER" has_addr r1 "$VIP"
bytes=$(bpftool -j map lookup pinned "$pins/abi" key 0 0 0 0 | sed 's/.*"value":\["\([^]]*\)"\].*/\1/; s/","/ /g')
# shellcheck disable=SC2086 # a word a byte
bpftool map update pinned "$pins/abi" key 0 0 0 0 value 0x63 ${bytes#* }
kill_9 p1
cleanup
is "maps of another version: status" "$STATUS" 0
like "the address: told" "$ERROR" "eth0: $VIP/32 taken off"
unchanged "nothing is left" r1 "$before"
run p1 -v 1 -a "$VIP"
within 5 "MASTER" has_addr r1 "$VIP"
# shellcheck disable=SC2086
bpftool map update pinned "$pins/abi" key 0 0 0 0 value 0x63 ${bytes#* }
kill_9 p1
run p1 -v 1 -a "$VIP"
within 5 "a start instead: told" log_has p1 'ABI 99\) left cannot be gone on with by version .* it is taken away'
within 3 "the address is taken off" lacks_addr r1 "$VIP"
within 5 "MASTER" has_addr r1 "$VIP"
kill_9 p1
rm "$pins/abi" "$pins/live" "$pins/program"
cleanup
is "maps that are not whole: status" "$STATUS" 0
like "the program: told" "$ERROR" 'taking off the XDP program that a dead xcarp left'
unchanged "nothing is left" r1 "$before"

# A network namespace that is gone.
lab_spawn gone "$LAB_DIR/gone.log" "$XCARP" -i eth0 -s 10.77.0.2 -p "$PASSWORD" -v 1 -a "$VIP" -r 1
PID[gone]=$LAB_PID
within 5 "MASTER in another network namespace" has_addr gone "$VIP"
run p1 -v 2 -a $V2
within 5 "and here" has_addr r1 $V2
kill_9 gone
there=$(lab_pins gone)
kill_9 p1
cleanup --all
ok "--all: one that is still there is left alone" test -e "$there/abi"
lab_run gone true # nobody is in it but through its name
exec {held}<"/run/netns/$LAB-gone"
ip netns del "$LAB-gone"
cleanup --all
ok "one that somebody has open, too" test -e "$there/abi"
exec {held}<&-
cleanup --all
is "one that is gone: status" "$STATUS" 0
like "told" "$ERROR" "$there: removed: its network namespace is gone"
nok "its maps are no longer there" test -e "$there"
unchanged "nothing is left here" r1 "$before"
