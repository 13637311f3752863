#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# SIGHUP with -c: a good file changes what differs and nothing else, a bad one changes nothing.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 77
test_lab r1 r2 client
wire client

# vr_in HOST ID STATE
vr_in() {
	[[ $(log_of "$1" | sed -n "s/.*Switching to state: \([A-Z]*\) (eth0 id $2)\$/\1/p" | tail -n 1) == "$3" ]]
}

# changes HOST ID: of state, since the log was marked
changes() {
	log_count "$1" "Switching to state: [A-Z]+ \\(eth0 id $2\\)\$"
}

addresses() {
	ip -n "$LAB-$1" -o -4 addr show dev eth0 | sed -n 's|.* \(10\.77\.0\.1[0-9][0-9]\)/.*|\1|p' | sort | paste -sd' '
}

addresses_are() {
	[[ $(addresses "$1") == "$2" ]]
}

# live ID FIELD [HOST]: of r1's virtual router, or the host's
live() {
	bpftool -j map dump pinned "$(lab_pins "${3:-r1}")/live" | perl -MJSON::PP -e '
		my ($vhid, $field) = @ARGV;
		for my $vr (map { $_->{formatted}{value} } @{decode_json(join "", <STDIN>)}) {
			print "$vr->{$field}\n" if $vr->{vhid} == $vhid && $vr->{claimed_by};
		}
	' "$1" "$2"
}

# reload HOST: with the log marked
reload() {
	log_mark "$1"
	kill -HUP "${PID[$1]}"
}

# config HOST: its file, from standard input
config() {
	cat >"$LAB_DIR/$1.conf"
}

hook up <<'END'
echo "$1 $2" >>"$LAB_DIR/calls"
END
hook up2 <<'END'
echo "$1 $2" >>"$LAB_DIR/calls2"
END
file=$LAB_DIR/r1.conf
config r1 <<END
default -i eth0 -s 10.77.0.1 -p $PASSWORD -P -r 2
-v 1 -a 10.77.0.101
-v 2 -a 10.77.0.102 -u $LAB_DIR/up
-v 3 -a 10.77.0.103 -a 10.77.0.113
END
cp "$file" "$LAB_DIR/good.conf"
config r2 <<END
default -i eth0 -s 10.77.0.2 -p $PASSWORD -r 2 -k 100
-v 1 -a 10.77.0.101
-v 2 -a 10.77.0.102
-v 3 -a 10.77.0.103 -a 10.77.0.113
-v 4 -a 10.77.0.104
END
daemon r1 "$XCARP" -c "$file"
all_master() { vr_in r1 1 MASTER && vr_in r1 2 MASTER && vr_in r1 3 MASTER; }
within 8 "three virtual routers are MASTER" all_master
within 5 "with their addresses" addresses_are r1 "10.77.0.101 10.77.0.102 10.77.0.103 10.77.0.113"
daemon r2 "$XCARP" -c "$LAB_DIR/r2.conf"
within 8 "the peer is BACKUP of the first" vr_in r2 1 BACKUP
within 8 "and MASTER of the fourth, which only it has" vr_in r2 4 MASTER

# Nothing new.
began=$(now_ms)
log_mark r2
reload r1
within 5 "the same file again: told" log_has r1 'read again: 3 virtual routers: 0 new, 0 changed, 0 removed, 3 as they were'
is "no state was changed" "$(log_count r1 'Switching to state')" 0

# A bad file.
config r1 <<END
default -i eth0 -s 10.77.0.1 -p $PASSWORD -P -r 2
-v 1 -a 10.77.0.109
-v 300 -a 10.77.0.102
-v 3 -a nonsense
END
reload r1
within 5 "a bad file: the first error" log_has r1 "r1.conf:3: -v 300: "
within 5 "and the second" log_has r1 "r1.conf:4: -a nonsense: "
within 5 "and what became of it" log_has r1 "r1.conf: not used"
is "no state was changed" "$(log_count r1 'Switching to state')" 0
ok "no address was" addresses_are r1 "10.77.0.101 10.77.0.102 10.77.0.103 10.77.0.113"
{
	head -n 1 "$LAB_DIR/good.conf"
	yes -- '-v 300 -a 10.77.0.102' | head -n 3000
} | config r1
reload r1
within 5 "thousands of errors: what became of it is told all the same" log_has r1 "r1.conf: not used"
within 5 "and how many there are" log_has r1 'r1.conf: 2750 lines more'
nok "and no line was lost" log_has r1 'lines were lost'
rm "$file"
reload r1
within 5 "no file: told" log_has r1 'r1.conf.*No such file'
ok "and it goes on" alive r1

# Another interface that is not there, in an added line; the others would change.
{
	sed 's/-a 10.77.0.101/-a 10.77.0.109/' "$LAB_DIR/good.conf"
	echo "-v 9 -i nosuch0 -a 10.77.0.110"
} | config r1
reload r1
within 5 "an added one on no interface: told" log_has r1 'r1.conf:5: -i nosuch0: no such interface'
ok "and nothing is changed" addresses_are r1 "10.77.0.101 10.77.0.102 10.77.0.103 10.77.0.113"

# One that another process has.
lab_spawn r1 "$LAB_DIR/five.log" "$XCARP" -i eth0 -s 10.77.0.1 -p "$PASSWORD" -v 5 -a 10.77.0.105 -r 2
five=$LAB_PID
within 8 "another process has a virtual router of its own" addresses_are r1 \
	"10.77.0.101 10.77.0.102 10.77.0.103 10.77.0.105 10.77.0.113"
{
	cat "$LAB_DIR/good.conf"
	echo "-v 6 -a 10.77.0.106"
	echo "-v 5 -a 10.77.0.105"
} | config r1
reload r1
within 5 "a reload that claims it: told, with the process" log_has r1 "virtual router 5 .*process $five"
within 5 "and where" log_has r1 'r1.conf:6: -v 5: '
within 5 "nothing is used of it" log_has r1 'r1.conf: not used'
never 4 "not even what was good" vr_in r1 6 MASTER
kill "$five"
within 5 "the other process ends" addresses_are r1 "10.77.0.101 10.77.0.102 10.77.0.103 10.77.0.113"

# All kinds of changes at once.
config r1 <<END
default -i eth0 -s 10.77.0.1 -p $PASSWORD -P -r 2
# the first one is gone
-v 2 -a 10.77.0.102 -u $LAB_DIR/up2
-v 3 -a 10.77.0.103 -a 10.77.0.123/24
-v 4 -a 10.77.0.104
END
sed -i 's/-a 10.77.0.113/-a 10.77.0.123/' "$LAB_DIR/r2.conf"
before=$(live 2 since_ns)
sent=$(live 2 adverts_sent)
reload r2
within 5 "the peer's file too: one changed" log_has r2 'read again: 4 virtual routers: 0 new, 1 changed, 0 removed, 3 as they were'
reload r1
within 5 "one new, two changed, one removed" log_has r1 'read again: 3 virtual routers: 1 new, 2 changed, 1 removed, 0 as they were'
is "each of them named" "$(log_of r1 | sed -n 's/.*\[INFO\] \([-+~] eth0\)/\1/p' | sort)" "$(sort <<END
+ eth0/4
- eth0/1
~ eth0/2: -u $LAB_DIR/up -> $LAB_DIR/up2
~ eth0/3: -a 10.77.0.103,10.77.0.113 -> 10.77.0.103,10.77.0.123/24
END
)"
within 5 "the removed one bows out, and the peer takes it" vr_in r2 1 MASTER
within 8 "the new one takes over from the peer" vr_in r1 4 MASTER
within 5 "addresses follow" addresses_are r1 "10.77.0.102 10.77.0.103 10.77.0.104 10.77.0.123"
has_length() { ip -n "$LAB-r1" -o -4 addr show dev eth0 | grep -qF "10.77.0.123/24"; }
ok "of the given length" has_length
within 5 "and the peer has the rest" addresses_are r2 "10.77.0.101"
within 5 "the added address is announced" seen_since "$began" 'announce 10.77.0.123 '
is "with another script, the second is still MASTER" "$(live 2 since_ns)" "$before"
is "and was never anything else" "$(changes r1 2)" 0
is "the third neither" "$(changes r1 3)" 0
is "nor on the peer" "$(changes r2 3)" 0
ok "its counters went on" test "$(live 2 adverts_sent)" -gt "$sent"
is "no entry of the removed one is left" "$(live 1 state)" ""
log_mark r2
poll 2 false
is "the third's key is the new one on both" "$(log_count r2 'Bad digest')" 0
between "no advert of the second was missed, ms" "$(longest_gap "advert 10.77.0.1 vhid=2 " "$began")" 900 1300
between "nor of the third" "$(longest_gap "advert 10.77.0.1 vhid=3 " "$began")" 900 1300

# The new script counts from now on.
ok "the old script had run" test -s "$LAB_DIR/calls"
nok "the new one had no reason to" test -s "$LAB_DIR/calls2"
lab_cable r1 down
within 5 "link lost" vr_in r1 2 INIT
lab_cable r1 up
within 8 "and back" vr_in r1 2 MASTER
within 5 "the new script ran" test -s "$LAB_DIR/calls2"

# Pace and preference, while it runs.
sed -i '/-v 2 /s/$/ -b 0 -k 60/' "$file"
began=$(now_ms)
reload r1
within 5 "a shorter interval: one changed" log_has r1 'read again: 3 virtual routers: 0 new, 1 changed, 0 removed, 2 as they were'
within 3 "adverts carry it" seen_since "$began" 'advert 10.77.0.1 vhid=2 advbase=0 advskew=60 '
is "it stays MASTER" "$(changes r1 2)" 0
sed -i '/-v 2 /s/-b 0 -k 60/-k 200/' "$file"
sed -i '/-v 2 /s/$/ -P -k 0/' "$LAB_DIR/r2.conf"
reload r1
within 5 "a longer one: changed" log_has r1 'read again: 3 virtual routers: 0 new, 1 changed'
reload r2
within 8 "a peer that preempts with a shorter one takes over" vr_in r2 2 MASTER
within 5 "and this one yields" vr_in r1 2 BACKUP

# A hundred reloads one after the other are as good as the last.
log_mark r1
for ((i = 0; i < 100; i++)); do
	kill -HUP "${PID[r1]}"
done
within 10 "a hundred SIGHUPs: read again" log_has r1 'read again: 3 virtual routers: 0 new, 0 changed, 0 removed, 3 as they were'
ok "and goes on" alive r1
is "no state was changed" "$(log_count r1 'Switching to state')" 0

# Everything away but one, and back. The last of the hundred may be still to come: it finds one file or the other, whole.
cp "$file" "$LAB_DIR/long.conf"
sed -n '1p;/-v 4/p' "$LAB_DIR/long.conf" >"$LAB_DIR/short.conf"
log_mark r1
mv "$LAB_DIR/short.conf" "$file"
kill -HUP "${PID[r1]}"
within 5 "two of three removed" log_has r1 'read again: 1 virtual router: 0 new, 0 changed, 2 removed, 1 as they were'
within 5 "their addresses are gone" addresses_are r1 "10.77.0.104"
cp "$LAB_DIR/long.conf" "$file"
reload r1
within 5 "and back" log_has r1 'read again: 3 virtual routers: 2 new, 0 changed, 0 removed, 1 as they were'
within 8 "the third is MASTER again" vr_in r1 3 MASTER
within 5 "with both addresses" addresses_are r1 "10.77.0.103 10.77.0.104 10.77.0.123"

# A password changed on one side only is heard of at once.
reload r2
wait_for 5 log_has r2 'read again'
sed -i "s/-v 3 /-v 3 -p other /" "$LAB_DIR/r2.conf"
reload r2
within 5 "another password: one changed" log_has r2 'read again: 4 virtual routers: 0 new, 1 changed'
ok "told, but not what it is" log_has r2 '~ eth0/3: -p changed$'
# Which may be no news for the log.
refuses_digest() { lab_run r2 "${XCARP%/*}/xcarpctl" status eth0/3 | grep -qE '^  refused +bad_hmac [0-9]+, the last from 10\.77\.0\.1, [0-9]+ms ago'; }
within 8 "adverts of the other are refused" refuses_digest
sed -i "s/-v 3 -p other /-v 3 /" "$LAB_DIR/r2.conf"
reload r2
within 3 "the old one again: one changed" log_has r2 'read again: 4 virtual routers: 0 new, 1 changed'
r2_is_backup() { [[ $(live 3 state r2) == BACKUP ]]; }
within 8 "and adverts are taken again" r2_is_backup

# TERM right after HUP.
kill -HUP "${PID[r1]}"
ok "HUP and TERM: it ends" stop r1 TERM
is "with status 0" "$STATUS" 0
is "nothing is left" "$(addresses r1)$(left_on r1)" ""
kill -HUP "${PID[r2]}"
ok "HUP and TERM of the peer" stop r2 TERM
is "nothing is left there" "$(addresses r2)$(left_on r2)" ""

# An interface that is used no longer, while another process is at the maps.
ip -n "$LAB-r1" link add eth1 up type veth peer name eth2
ip -n "$LAB-r1" link set eth2 up
ip -n "$LAB-r1" addr add 10.78.0.1/24 dev eth1
has_xdp_eth1() {
	ip -n "$LAB-r1" -d link show dev eth1 | grep -q 'prog/xdp'
}
lacks_xdp_eth1() {
	! has_xdp_eth1
}
printf '%s\n' "-p $PASSWORD -i eth0 -s 10.77.0.1 -v 1 -a $VIP" "-p $PASSWORD -i eth1 -s 10.78.0.1 -v 2 -a 10.78.0.100" \
	>"$LAB_DIR/two.conf"
daemon r1 "$XCARP" -c "$LAB_DIR/two.conf"
within 8 "two interfaces: the program is on both" eval 'log_has r1 Ready && has_xdp r1 && has_xdp_eth1'
exec {lock}<"$(lab_pins r1)"
flock "$lock"
sed -i 2d "$LAB_DIR/two.conf"
reload r1
within 5 "one is removed while another process is at the maps" log_has r1 'read again: 1 virtual router: 0 new, 0 changed, 1 removed'
exec {lock}<&-
within 5 "  the program goes from it when that one is done" lacks_xdp_eth1
ok "it ends" stop r1 TERM

nok "no password in either log" grep -qw "$PASSWORD" "$LAB_DIR/r1.log" "$LAB_DIR/r2.log"
nok "nor in the file's errors" grep -qw other "$LAB_DIR/r2.log"
