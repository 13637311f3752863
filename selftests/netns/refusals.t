#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What others do wrong, as status, metrics and log tell it: adverts that are refused, adverts of virtual routers that are not
# configured here, and another host that has the address of a master.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

CTL=${XCARP%/*}/xcarpctl

plan 40
test_lab r1 client other

# spoof KEY=VALUE...: from the client
spoof() {
	lab_run client "$FRAMES" send eth0 "vips=$VIP" "$@"
}

# ctl ARGUMENTS...: its output is in OUT
ctl() {
	OUT=$(lab_run r1 timeout 20 "$CTL" "$@" 2>&1 </dev/null)
}

# says REGEX ARGUMENTS...: xcarpctl, with these
says() {
	local regex=$1

	shift
	ctl "$@"
	shows "$regex"
}

# shows REGEX: OUT has such a line
shows() {
	grep -Eq -- "$1" <<<"$OUT"
}

json() {
	perl -MJSON::PP -e 'my $d = decode_json(join "", <STDIN>); my @v = eval $ARGV[0]; print join(",", @v)' "$1" <<<"$OUT"
}

xcarp r1 -r 1
within 6 "MASTER" master r1
ctl status eth0/1
ok "nobody was heard yet" shows 'newest advert +none was heard$'
ok "  and none was refused" shows '0 accepted, 0 refused'
nok "  so nothing is said of refusals" grep -q 'bad_' <<<"$OUT"
ctl status
nok "  nor in the table" grep -q 'REFUSED' <<<"$OUT"

# One a second, for good.
lab_spawn client "$LAB_DIR/wrong" "$FRAMES" send eth0 "vips=$VIP" mutate=password count=3600 rate=1
within 10 "a peer with another password, one advert a second: status says why, from whom, when and how many" says \
	'refused +bad_hmac [3-9], the last from 10\.77\.0\.66, [0-9.]+m?s ago: adverts with a wrong signature' status eth0/1
ok "  and that none was accepted" shows 'newest advert +none was accepted$'
ctl status
ok "the table has columns for it" shows 'REFUSED +WHY +FROM +AGO'
ok "  and the newest in them" shows '[0-9]+ +bad_hmac +10\.77\.0\.66 +[0-9.]+m?s'
ok "the sum of all says it too" shows '^adverts: refused: bad_hmac [0-9]+$'
ctl status -j
is "JSON: how many" "$(json '$d->{vrouters}[0]{adverts_refused} > 2 ? "some" : "none"')" some
is "  why, and from whom" "$(json '@{$d->{vrouters}[0]{refusals}[0]}{qw(reason source)}')" bad_hmac,10.77.0.66
between "  when, s ago" "$(json 'int $d->{vrouters}[0]{refusals}[0]{when_age_s}')" 0 2
ctl metrics
ok "metrics: a counter" shows \
	'xcarp_vrouter_adverts_refused_total\{interface="eth0",group="224\.0\.0\.18",vhid="1",reason="bad_hmac"\} [0-9]+'
is "the log: one line" "$(log_count r1 'adverts refused: .* from 10\.77\.0\.66 \(bad_hmac\)')" 1

# Others, also for other reasons, and sources that nobody has.
spoof src=10.77.0.71 mutate=ttl count=20 rate=100 >/dev/null
spoof src=10.77.0.72 mutate=csum count=20 rate=100 >/dev/null
within 4 "another reason of another peer: all of them in detail" says 'bad_ttl 20, the last from 10\.77\.0\.71' status eth0/1
ok "  each with its own" shows ' bad_checksum 20, the last from 10\.77\.0\.72'
ok "  the first one, too" shows 'refused +bad_ttl 20,|bad_hmac [0-9]+, the last from 10\.77\.0\.66'
log_mark r1
for n in {101..160}; do
	spoof "src=10.78.0.$n" mutate=hmac count=25 rate=500 >/dev/null
done
between "sixty sources that are forged: log lines" "$(log_of r1 | wc -l)" 0 26
ok "  are still told of" says 'bad_hmac 1[5-9][0-9]{2}, the last from 10\.7[78]' status eth0/1

# The journal.
lab_run r1 timeout 2 "$CTL" monitor -j --since-start >"$LAB_DIR/journal" 2>/dev/null
is "state changes are in a ring of their own" "$(grep '"type":"transition"' "$LAB_DIR/journal" | grep -vc '"ring":"journal"')" 0
ok "  where they are" grep -q '"ring":"journal".*"to":"MASTER"' "$LAB_DIR/journal"
is "what was refused is in the other" "$(grep '"cause":"bad_' "$LAB_DIR/journal" | grep -vc '"ring":"notices"')" 0
ok "  by the words of the counters" grep -q '"cause":"bad_hmac".*"source":"10\.77\.0\.66"' "$LAB_DIR/journal"
ctl status eth0/1
ok "status shows both" shows 'BACKUP -> MASTER: master_silent'

# Virtual routers that this host does not have.
spoof mutate=vhid count=3 rate=50 >/dev/null
spoof mutate=group src=10.77.0.73 >/dev/null
within 4 "another VHID: shown with its source" says '^eth0: hears VHID 2 from 10\.77\.0\.66, which is not configured here \(3 adverts' status
ok "another group, too" shows '^eth0: hears VHID 1 of group 224\.0\.0\.19 from 10\.77\.0\.73, which is not configured here \(1 advert,'
ok "  passed on, not refused" shows 'refused: .*; passed on: pass_no_vrouter 4$'
ctl status eth0/1
ok "in detail as well" shows '^  eth0: hears VHID 2 from 10\.77\.0\.66'
ctl status -j
is "JSON: all of them" "$(json 'map { "$_->{vhid}\@$_->{group}=$_->{count}" } sort { $b->{vhid} <=> $a->{vhid} } @{$d->{strangers}}')" \
	2@224.0.0.18=3,1@224.0.0.19=1
is "  which nobody logs" "$(log_count r1 'VHID 2')" 0

# Another host has the address of a master. It asks for somebody else, and says who it is in doing so.
never 1 "our own announcements are nobody else's" log_has r1 'another host has it'
mac=02:00:0a:4d:00:64
lab_spawn other "$LAB_DIR/other" "$FRAMES" ask eth0 "$VIP" 10.77.0.1 300
within 5 "another host with our address: told with its MAC" log_has r1 \
	"$VIP: another host has it, too: $mac has announced it \(duplicate_address\)"
within 5 "in detail" says "addresses +$VIP/32, on the interface; another host has it, too: $mac, announced [0-9.]+m?s ago" \
	status eth0/1
ctl status
ok "above the table" shows "^eth0/1: $VIP: another host has it, too: $mac, announced"
ctl status -j
is "all of it fits the schema" "$("$TOP/selftests/schema.pl" "$TOP/doc/status.schema.json" <<<"$OUT" 2>&1)" ''
is "in JSON" "$(json '$d->{vrouters}[0]{vips}[0]{duplicate}{mac}')" "$mac"
ctl metrics
ok "in metrics" shows 'xcarp_vrouter_vips_duplicate\{.*\} 1$'
sleep 2
is "the log: one line" "$(log_count r1 'another host has it')" 1
ok "  and it is master all the same" has_addr r1 "$VIP"
