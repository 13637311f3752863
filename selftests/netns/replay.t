#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A dead master's whole conversation is played back, as it was and with better skews, from its own address and others: it
# moves no master, and a backup that waits takes over on time all the same. The dead one is xcarp, and then a real ucarp. An
# OpenBSD, which repeats one number, is heard all the same, also when it takes another one.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 51
test_lab r1 r2 r3 attacker

# The conversation of r1 is in $LAB_DIR/tape, and what others said meanwhile. spoken: how many adverts are of r1's address.
spoken() {
	grep -c '^.\{52\}0a4d0001' "$LAB_DIR/tape"
}

heard() {
	(($(spoken) > $1))
}

tape() {
	: >"$LAB_DIR/tape"
	lab_spawn attacker "$LAB_DIR/tape" "$FRAMES" record eth0
	RECORDER=$LAB_PID
	within 5 "$1: a recorder" grep -q listening "$LAB_DIR/tape"
}

play() {
	lab_run attacker "$FRAMES" play eth0 "$LAB_DIR/tape" "$@" >/dev/null
}

refused() {
	drops "$1" | sed -n 's/^replayed=//p'
}

# At once, and then less and less often.
told() {
	grep -qE 'Old adverts refused: [0-9]+, the last from 10\.77\.0\.' "$LAB_DIR/r2.log"
}

# everywhere NAME: all of it again, in every way there is; nothing may come of it
everywhere() {
	local frames before

	log_mark r2
	log_mark r3
	# Of r1's, by the source address; r2's own come back to it as own_source, unless another address is written.
	frames=$(spoken)
	before=$(refused r2)
	play
	for skew in {0..20}; do
		play "advskew=$skew" rate=2000
	done
	is "$1: every one refused" "$(($(refused r2) - before >= 22 * frames && frames >= 10))" 1
	play src=10.77.0.77 rate=2000
	play src=10.77.0.78 advskew=0 rate=2000
	is "  from strangers too" "$(($(refused r2) - before >= 24 * frames))" 1
	nok "  not one was believed" log_has r2 'reasserting'
	nok "  the new master did not move" seen_state r2 BACKUP
	nok "  nor the backup" seen_state r3 MASTER
	within 5 "  it is told in the log" told
	between "  in few lines" "$(log_count r2 'dverts.* refused:')" 0 40
}

# after NAME: the rest of it: r1 died, and r2 has to become master while the tape plays on and on.
after() {
	local player

	kill "$RECORDER"
	log_mark r2
	kill_9 r1
	ip -n "$LAB-r1" addr del "$VIP/32" dev eth0 2>/dev/null
	while :; do play advskew=0; done &
	player=$!
	within 6 "$1: its backup takes over while the tape plays on" master r2
	kill "$player"
	wait "$player" 2>/dev/null
	within 3 "  and has the address" has_addr r2 "$VIP"
	everywhere "$1"
}

xcarp r2 -r 2 -k 100
xcarp r3 -r 2 -k 200
within 9 "who started first becomes MASTER" master r2
tape "xcarp"
xcarp r1 -r 2 -P
within 8 "r1 pre-empts it" master r1
within 5 "r2 is BACKUP" backup r2
within 20 "a conversation" heard 12
nok "nothing was refused by then" grep -qv '^0$' <<<"$(refused r2)"
after "a dead xcarp"

# The recorded one is ucarp, which has heard nobody and so sends random counters.
stop r2 TERM
stop r3 TERM
tape "ucarp"
ucarp r1 -r 2
within 8 "a ucarp is MASTER" log_has r1 'Switching to state: MASTER'
xcarp r2 -r 2 -k 100
xcarp r3 -r 2 -k 200
within 5 "two backups" eval 'backup r2 && backup r3'
: >"$LAB_DIR/tape"
within 20 "a conversation" heard 12
is "nothing was refused by then" "$(refused r2)" 0
after "a dead ucarp"

# And one that counts up from what it has heard of us.
stop r3 TERM
log_mark r2
before=$(refused r2)
tape "a ucarp that has heard us"
ucarp r1 -r 2 -P
within 8 "it pre-empts" backup r2
within 20 "a conversation" heard 12
is "nothing more was refused" "$(refused r2)" "$before"
xcarp r3 -r 2 -k 200
within 5 "a backup more" backup r3
after "a dead ucarp that counts"

# openbsd COUNTER SECONDS: repeats it once a second
openbsd() {
	local n

	for ((n = 0; n < $2; n++)); do
		lab_run attacker "$FRAMES" send eth0 "vips=$VIP" src=10.77.0.9 counter="$1" count=1 >/dev/null
		sleep 1
	done
}

accepted() {
	drops "$1" | sed -n 's/^accepted=//p'
}

# heard_all COUNTER SECONDS NAME: each of them, and r2 stays BACKUP
heard_all() {
	local before

	before=$(accepted r2)
	log_mark r2
	openbsd "$1" "$2"
	is "$3" "$(($(accepted r2) - before))" "$2"
	nok "  and r2 waits" seen_state r2 MASTER
}

stop r2 TERM
stop r3 TERM
xcarp r2 -r 2 -k 100
within 5 "a backup" backup r2
heard_all 1234605616436508552 4 "one number for 4 s"
sleep 3
openbsd 11072869337955499776 1
within 3 "another one after 3 s: heard" backup r2
heard_all 11072869337955499776 6 "  for as long as it comes"
heard_all 1085102592571150095 6 "  and another without any silence"
