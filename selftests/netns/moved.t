#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Addresses that a reload moves from one virtual router of a process to another stay the process's, and what a refused reload
# wanted is nobody's.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 20
test_lab r1
PINS=$(lab_pins r1)
LINE="-i eth0 -s 10.77.0.1 -p $PASSWORD -b 60"

# vips: whose they are, as `ADDRESS=VHID`
vips() {
	bpftool -j map dump pinned "$PINS/vips" | perl -MJSON::PP -0777 -ne '
		print join " ", sort map {
			my $entry = $_->{formatted};
			my @address = @{$entry->{key}{address}};
			join(".", @address[0 .. 3]) . "=$entry->{value}{vhid}";
		} @{decode_json $_}'
}

# config NAME FLAGS...: a virtual router for each word
config() {
	local name=$1

	shift
	printf -- "$LINE %s\n" "$@" >"$LAB_DIR/$name.conf"
}

# process NAME: runs with it
process() {
	log_mark "$1"
	lab_spawn r1 "$LAB_DIR/$1.log" "$XCARP" -c "$LAB_DIR/$1.conf"
	PID[$1]=$LAB_PID
	wait_for 5 in_state "$1" BACKUP
}

# reload NAME WHAT REGEX
reload() {
	log_mark "$1"
	kill -HUP "${PID[$1]}"
	within 5 "$2" log_has "$1" "$3"
}

vips_are() {
	[[ $(vips) == "$1" ]]
}

config p1 '-v 1 -a 10.77.0.101'
process p1
config p1 '-v 2 -a 10.77.0.101'
reload p1 "another VHID" 'read again: .* 1 new, 0 changed, 1 removed'
within 3 "its address is entered" vips_are '10.77.0.101=2'
fails r1 "$XCARP" -i eth0 -s 10.77.0.1 -p "$PASSWORD" -v 9 -a 10.77.0.101
like "  and not another process's" "$ERROR" 'address 10\.77\.0\.101 already belongs to virtual router 2 of process'

config p1 '-v 1 -a 10.77.0.101 -a 10.77.0.105' '-v 2 -a 10.77.0.102'
reload p1 "two" 'read again'
within 3 "  entered" vips_are '10.77.0.101=1 10.77.0.102=2 10.77.0.105=1'
config p1 '-v 1 -a 10.77.0.105' '-v 2 -a 10.77.0.102 -a 10.77.0.101'
reload p1 "moved from the first to the second" 'read again: .* 2 changed'
within 3 "  entered" vips_are '10.77.0.101=2 10.77.0.102=2 10.77.0.105=1'
config p1 '-v 1 -a 10.77.0.105 -a 10.77.0.101' '-v 2 -a 10.77.0.102'
reload p1 "and back" 'read again: .* 2 changed'
within 3 "  entered" vips_are '10.77.0.101=1 10.77.0.102=2 10.77.0.105=1'

config p2 '-v 11 -a 10.77.0.111' '-v 12 -a 10.77.0.112'
process p2
before=$(vips)
config p2 '-v 11 -a 10.77.0.111 -a 10.77.0.113' '-v 12 -a 10.77.0.112 -a 10.77.0.101'
reload p2 "a reload to another process's address" 'not used'
ok "  names it" log_has p2 'address 10\.77\.0\.101 already belongs to virtual router 1 of process'
is "  enters none of what it wanted" "$(vips)" "$before"
config p2 '-v 11 -a 10.77.0.111 -a 10.77.0.113' '-v 12 -a 10.77.0.112' '-v 13 -a 10.77.0.102'
reload p2 "one to a new virtual router with such an address" 'not used'
is "  enters none either" "$(vips)" "$before"
config p2 '-v 11 -a 10.77.0.111 -a 10.77.0.113' '-v 12 -a 10.77.0.112'
reload p2 "without it" 'read again: .* 1 changed'
within 3 "  what is new is entered" vips_are "10.77.0.101=1 10.77.0.102=2 10.77.0.105=1 10.77.0.111=11 10.77.0.112=12 10.77.0.113=11"
stop p1 TERM
within 3 "what the first had is free" vips_are '10.77.0.111=11 10.77.0.112=12 10.77.0.113=11'
config p2 '-v 11 -a 10.77.0.111 -a 10.77.0.101'
reload p2 "  for the other" 'read again: .* 1 changed, 1 removed'
within 3 "  which has it then" vips_are '10.77.0.101=11 10.77.0.111=11'
stop p2 TERM
is "nothing is left" "$(left_on r1)" ''
