#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Strong authentication: a pair that runs is taken there in stages, and from key to key, by SIGHUP alone. Of all adverts that
# the master sends meanwhile none is missed by the backup, and neither changes its state.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

CTL=${XCARP%/*}/xcarpctl

plan 62
test_lab r1 r2 client
wire client "vips=$VIP"

# live HOST FIELD: of its virtual router. One slot: the whole map takes a second.
live() {
	bpftool -j map lookup pinned "$(lab_pins "$1")/live" key 0 0 0 0 | sed "s/.*\"$2\":\"\{0,1\}\([A-Za-z0-9]*\).*/\1/"
}

# missed: adverts that the master sent and the backup did not take. It pauses meanwhile, for less than the down time.
missed() {
	local sent accepted

	kill -STOP "${PID[r1]}"
	sent=$(live r1 adverts_sent)
	accepted=$(live r2 accepted)
	kill -CONT "${PID[r1]}"
	echo $((sent - accepted))
}

missed_still() {
	[[ $(missed) == "$1" ]]
}

# refused HOST: adverts, whatever for
refused() {
	drops "$1" | grep -E '^(bad_version|not_enabled|bad_hmac|bad_tag|unknown_key|weak_auth|replayed)=[^0]' | paste -sd' '
}

# journal HOST: transitions and notices so far
journal() {
	lab_run "$1" timeout 0.5 "$CTL" monitor --since-start 2>/dev/null
}

is_state() {
	[[ $(live "$1" state) == "$2" ]]
}

# reload HOST AUTH [FLAGS...]: its file, read again
reload() {
	local host=$1 skew=0

	[[ $host == r1 ]] || skew=100
	shift
	echo "-i eth0 -s $(address "$host") -v 1 -a $VIP -b 0 -k $((skew / 10 + 30)) -r 25 -P --auth=$*" >"$LAB_DIR/$host.conf"
	[[ ${PID[$host]-} ]] || return 0
	log_mark "$host"
	kill -HUP "${PID[$host]}"
	wait_for 5 log_has "$host" 'read again: 1 virtual router: 0 new, 1 changed, 0 removed, 0 as they were'
}

# sent_since MS REGEX: three of them reached an onlooker
sent_since() {
	(($(on_wire "$2" | awk -v from="$1" '$1 * 1000 >= from' | wc -l) >= 3))
}

# stage NAME REGEX AUTH [FLAGS...]: both files, the backup's first; adverts like that are on the wire then.
stage() {
	local name=$1 regex=$2 mark

	shift 2
	ok "$name: the backup reads it" reload r2 "$@"
	ok "$name: the master reads it" reload r1 "$@"
	mark=$(now_ms)
	within 5 "$name: adverts are as they should be" sent_since "$mark" "advert 10.77.0.1 .* $regex"
}

weak='hmac=good'
old=0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20
new=$("$CTL" genkey)
like "genkey prints an id and a key" "$new" '^[0-9]+ [0-9a-f]{64}$'
isnt "and another one each time" "$("$CTL" genkey)" "$new"
fails r1 setpriv --reuid=65534 --regid=65534 --clear-groups "$CTL" genkey
is "for anybody" "$STATUS" 0
new_id=${new% *}
keys=$LAB_DIR/keys
(umask 077 && echo "17 $old" >"$keys")

reload r1 hmac-sha1 "-p $PASSWORD"
reload r2 hmac-sha1 "-p $PASSWORD"
daemon r1 "$XCARP" -c "$LAB_DIR/r1.conf"
within 8 "the first is MASTER" master r1
# With locked memory and a priority, which the thread that reads and stretches must not have.
daemon r2 "$XCARP" -c "$LAB_DIR/r2.conf" --realtime
r2_hears() { [[ $(live r2 accepted 2>/dev/null) -gt 3 ]]; }
within 8 "the second BACKUP" backup r2
within 8 "and hears it" r2_hears
within 5 "CARP's own adverts" seen "advert 10.77.0.1 .* $weak"
base=$(missed)
before=$(journal r1; journal r2)
like "the journals have what happened so far" "$before" 'BACKUP -> MASTER'

# By the password.
stage "stage 1" "$weak" accept-siphash "-p $PASSWORD"
stage "stage 2" "key=0" send-siphash "-p $PASSWORD"
within 5 "the backup says how the newest advert was authenticated" lab_run r2 sh -c "'$CTL' status eth0/1 | grep -q 'by siphash\$'"
stage "stage 3" "key=0" siphash "-p $PASSWORD"
is "the status has it" "$(lab_run r1 "$CTL" status | awk 'NR > 1 && /siphash/ { print "siphash" }')" siphash
stage "back to stage 2" "key=0" send-siphash "-p $PASSWORD"
stage "back to stage 1" "$weak" accept-siphash "-p $PASSWORD"
stage "back to CARP's own" "$weak" hmac-sha1 "-p $PASSWORD"

# With keys from a file, and then other keys.
stage "keys from a file" "$weak" accept-siphash "-p $PASSWORD --keyfile $keys"
stage "they sign" "key=17" send-siphash "-p $PASSWORD --keyfile $keys"
stage "no password any more" "key=17" siphash "--keyfile $keys"

# rekey NAME REGEX: the file is new; the same lines, read again
rekey() {
	stage "$1" "$2" siphash "--keyfile $keys"
}
printf '%s\n' "17 $old" "$new # the new one" >"$keys"
rekey "a new key is added" "key=17"
printf '%s\n' "$new" "17 $old" >"$keys"
rekey "it signs" "key=$new_id"
echo "$new" >"$keys"
rekey "the old one is gone" "key=$new_id"
within 5 "of all adverts since then none was missed" missed_still "$base"
is "nor refused" "$(refused r1)$(refused r2)" ""
is "no state was changed, and nothing was to be noticed" "$(journal r1; journal r2)" "$before"
ok "the first is still MASTER" only_holder r1 r1 r2
nok "and no bad signature on the wire" seen 'hmac=bad'

# What goes wrong.
(umask 077 && echo "17 $old" >"$LAB_DIR/keys2")
reload r2 siphash "--keyfile $LAB_DIR/keys2"
within 5 "an unknown key: told" log_has r2 'Unknown key - adverts refused: .* from 10.77.0.1 '
echo "$new_id $old" >"$LAB_DIR/keys2"
reload r2 siphash "--keyfile $LAB_DIR/keys2"
within 5 "another key of that id: told" log_has r2 'Bad tag - adverts refused: .* from 10.77.0.1 '
reload r2 siphash "--keyfile $keys"
within 8 "the right one again: BACKUP" is_state r2 BACKUP
reload r1 hmac-sha1 "-p $PASSWORD"
within 5 "the master falls back to CARP's own: told" log_has r2 'Weak authentication - adverts refused: .* from 10.77.0.1 '
within 8 "so the other is master too" is_state r2 MASTER
r1_counts() { [[ $(refused r1) =~ not_enabled= ]]; }
within 5 "and its adverts are of another version for the first" r1_counts
reload r1 siphash "--keyfile $keys"
within 8 "both strong again: one yields" is_state r2 BACKUP
ok "the other stays" is_state r1 MASTER

# Mistakes are told before anything changes.
echo "x $old" >"$LAB_DIR/keys2"
echo "-i eth0 -s 10.77.0.2 -v 1 -a $VIP --auth=siphash --keyfile $LAB_DIR/keys2" >"$LAB_DIR/r2.conf"
log_mark r2
kill -HUP "${PID[r2]}"
within 5 "a bad file of keys: told, with its line" log_has r2 "r2.conf:1: --keyfile $LAB_DIR/keys2:1: must begin with"
within 5 "and not used" log_has r2 'r2.conf: not used'
nok "no key in any log" grep -qE "${old:0:12}|${new: -12}" "$LAB_DIR"/r1.log "$LAB_DIR"/r2.log
