#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Somebody keeps the kernel's lock of network interfaces, and whoever changes addresses waits for it: for longer than a down
# time, which no other virtual router may notice.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

CTL=${XCARP%/*}/xcarpctl
FIRST=10.77.0.101 SECOND=10.77.0.102
SLOW_MS=2500 # backups' down time: 2.3 s
plan 17
test_lab r1 r2 r3

hook up <<-EOF
	ip -o -4 addr show dev "\$1" | grep -qF " \$2/" && echo "\$2 is there" >>"$LAB_DIR/ran"
EOF
hook down <<-EOF
	ip -o -4 addr show dev "\$1" | grep -qF " \$2/" || echo "\$2 is gone" >>"$LAB_DIR/ran"
EOF
# config HOST SKEW-OF-FIRST SKEW-OF-SECOND [FLAGS]
config() {
	cat >"$LAB_DIR/$1.conf" <<-END
		default -i eth0 -s $(address "$1") -p $PASSWORD -b 0 -P -z -u $LAB_DIR/up -d $LAB_DIR/down
		-v 1 -a $FIRST -k $2
		-v 2 -a $SECOND -k $3
	END
}
# in_vr HOST VHID STATE
in_vr() {
	lab_run "$1" "$CTL" status -j -s "${3,,}" "eth0/$2" 2>/dev/null | grep -q "\"vhid\": *$2\b"
}
ran() {
	grep -qsx "$1" "$LAB_DIR/ran"
}

config r1 50 100
config r2 200 50
config r3 201 201
for host in r2 r3; do
	daemon $host "$XCARP" -c "$LAB_DIR/$host.conf"
done
slowly SLOW_ADDRESS_MS=$SLOW_MS daemon r1 "$XCARP" -c "$LAB_DIR/r1.conf"
within 20 "r1 is master of the first" in_vr r1 1 MASTER
within 15 "  with its address" has_addr r1 $FIRST
within 15 "r2 is master of the second" in_vr r2 2 MASTER
within 15 "r1 is its backup" in_vr r1 2 BACKUP
within 15 "r3 of both" in_vr r3 1 BACKUP
read -rt 3 -u "$TICK"
: >"$LAB_DIR/ran"
log_mark r3
kill_9 r2
within 5 "r2 dies, and r1 takes over" in_vr r1 2 MASTER
ok "  the kernel is not done yet" lacks_addr r1 $SECOND
nok "  so its up script has not run" ran "$SECOND is there"
within 10 "  then the address is there" has_addr r1 $SECOND
within 5 "  and the script finds it" ran "$SECOND is there"
nok "of the one, nobody noticed" log_has r3 'state: MASTER'
lab_run r1 timeout 10 "$CTL" demote 2 >/dev/null
within 1 "demoted: at once" in_vr r1 2 BACKUP
ok "  the address is on for so long" has_addr r1 $SECOND
within 10 "  then it is off" lacks_addr r1 $SECOND
within 5 "  and the down script finds it so" ran "$SECOND is gone"
ok "TERM ends it" stop r1 TERM 20
is "and its addresses are off" "$(holders r1)$(ip -n "$LAB-r1" -o -4 addr show | grep -cE "$FIRST|$SECOND")" 0
