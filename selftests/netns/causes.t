#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Two hosts that do not elect one master because of how they are set up: what `xcarpctl status` says on either of them. Whoever
# looks there must find the cause; what it says is printed with each case.

# shellcheck disable=SC2016 # eval sees to it
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

CTL=${XCARP%/*}/xcarpctl

plan 39
test_lab r1 r2

status() {
	lab_run "$1" timeout 20 "$CTL" status "${@:2}" 2>&1
}

# The table without what is the same in each case, and of the details what a person would look for.
shown() {
	status "$1" | sed -n '/^INTERFACE/,$p' | head -n 4
	status "$1" eth0/1 | grep -E '^  (state|because|held|master|authentication|fingerprints|key ids|refused|newest|down time)|refused|interface '
}

# pair FLAGS FLAGS: of r1 and r2, each a word.
pair() {
	# shellcheck disable=SC2086 # flags
	xcarp r1 -r 1 $1
	# shellcheck disable=SC2086
	xcarp r2 -r 1 -k 1 $2
}

end_pair() {
	local host

	for host in r1 r2; do
		diag "$host:" "$(shown $host | sed 's/^/  /')"
		stop $host TERM
	done
}

both_masters() {
	within 8 "$1: both are MASTER" eval 'master r1 && master r2'
}

says() {
	status "$1" "${@:3}" | grep -qE -- "$2"
}

# cell HOST COLUMN: of the first row.
cell() {
	status "$1" | awk -v title="$2" '
		/^INTERFACE/ { for (at = 1; at <= NF; at++) if ($at == title) wanted = at }
		/^eth0 / && wanted { print $wanted; exit }'
}

made() {
	[[ $(cell "$1" PASS/LIST) =~ ^[0-9a-f]{4}/[0-9a-f]{4}$ ]]
}

# prints HOST: PASSWORD/LIST, once they are made.
prints() {
	wait_for $((10 * ${SLOWNESS:-1})) made "$1"
	cell "$1" PASS/LIST
}

pair "" "-p other"
both_masters "another password"
within 5 "r1 says that it refuses r2" says r1 'bad_(digest|hmac).*10\.77\.0\.2' eth0/1
within 5 "and r2 the same of r1" says r2 'bad_(digest|hmac).*10\.77\.0\.1' eth0/1
one=$(prints r1) two=$(prints r2)
isnt "the fingerprints say: not the same password" "${one%/*}" "${two%/*}"
is "  but the same list" "${one#*/}" "${two#*/}"
end_pair

pair "-a 10.77.0.101" "-a 10.77.0.102"
both_masters "another address"
within 5 "r1 says that it refuses r2" says r1 'bad_(digest|hmac).*10\.77\.0\.2' eth0/1
one=$(prints r1) two=$(prints r2)
is "the fingerprints say: the same password" "${one%/*}" "${two%/*}"
isnt "  but not the same list" "${one#*/}" "${two#*/}"
end_pair

pair "-a 10.77.0.101" "-a 10.77.0.101"
wait_for 8 eval 'master r1 && backup r2'
stop r2 TERM
daemon r2 "$XCARP" -i eth0 -s 10.77.0.2 -v 1 -p "$PASSWORD" -a 10.77.0.101 -a "$VIP/24" -k 1 -r 1
within 8 "the same addresses in another order, and with a length: one master" eval '[[ $(cell r2 MASTER) == 10.77.0.1 ]]'
is "and the same fingerprints" "$(prints r1)" "$(prints r2)"
end_pair

pair "" ""
within 8 "a pair" eval '[[ $(cell r2 MASTER) == 10.77.0.1 ]]'
for host in r1 r2; do
	lab_run $host "$CTL" demote --all -w 5 >/dev/null
done
nobody() { [[ $(cell r1 MASTER)$(cell r2 MASTER) == -- ]]; }
within 8 "both demoted: neither names a master" nobody
for host in r1 r2; do
	ok "$host says what was done, and what undoes it" says $host "demoted, until .xcarpctl release eth0/1." eth0/1
done
end_pair

pair "-m 239.1.2.3" ""
both_masters "another group"
is "the table has it on the one" "$(cell r1 GROUP)" 239.1.2.3
is "the details have it on the other" "$(status r2 eth0/1 | sed -n 's/^  group *//p')" 224.0.0.18
end_pair

pair "--auth=siphash" ""
both_masters "SipHash on one alone"
within 5 "r1 wants it" says r1 'weak_auth' eth0/1
within 5 "r2 does not know it" says r2 'not_enabled' eth0/1
is "and how each authenticates" "$(status r1 eth0/1 | sed -n 's/^  authentication *//p') $(status r2 eth0/1 | sed -n 's/^  authentication *//p')" \
	"siphash hmac-sha1"
end_pair

for key in 1 2; do
	printf '%s %064d\n' $key $key >"$LAB_DIR/keys$key"
	chmod 600 "$LAB_DIR/keys$key"
done
pair "--auth=siphash --keyfile=$LAB_DIR/keys1" "--auth=siphash --keyfile=$LAB_DIR/keys2"
both_masters "another key"
within 5 "r1 does not have it" says r1 'unknown_key.*10\.77\.0\.2' eth0/1
within 5 "nor r2 the other" says r2 'unknown_key.*10\.77\.0\.1' eth0/1
is "the ids say which" "$(status r1 eth0/1 | sed -n 's/^  key ids *//p'), $(status r2 eth0/1 | sed -n 's/^  key ids *//p')" \
	"1 signs, 2 signs"
end_pair

pair "-b 1" "-b 20"
within 8 "one that advertises every 20 s: r1 does not wait for it" master r1
within 8 "and r2 hears r1" eval '[[ $(cell r2 MASTER) == 10.77.0.1 ]]'
is "both show their intervals" "$(cell r1 BASE+SKEW) $(cell r2 BASE+SKEW)" "1+0 20+1"
like "and r2 how long it would wait" "$(status r2 eth0/1 | sed -n 's/^  down time *//p')" '^20s; MASTER in (19|20)s if'
end_pair

pair "" ""
within 8 "a pair again" eval '[[ $(cell r2 MASTER) == 10.77.0.1 ]]'
kill -STOP "${PID[r1]}"
within 5 "a stopped master" master r2
within 5 "says that it is" says r1 "process ${PID[r1]} is stopped: .*kill -CONT"
kill -CONT "${PID[r1]}"
within 8 "it goes on" eval '[[ $(cell r2 MASTER) == 10.77.0.1 ]]'
lab_cable r2 down
within 5 "r2's cable is out" says r2 'the interface is down, has no carrier' eth0/1
lab_cable r2 up
end_pair

# Eighty at once: each with another password than its peer, but for one, which has another list.
config() {
	local id

	echo "default -i eth0 -s $(address "$1") -p $2 -r 1"
	for ((id = 1; id <= 80; id++)); do
		((id == 80)) || echo "-v $id -a 10.77.1.$id"
	done
	echo "-v 80 -p $PASSWORD -a 10.77.2.$3"
} >"$LAB_DIR/$1.conf"
config r1 one 1
config r2 two 2
daemon r1 "$XCARP" -c "$LAB_DIR/r1.conf"
daemon r2 "$XCARP" -c "$LAB_DIR/r2.conf"
masters() { (($(status r1 -s master | grep -c '^eth0 ') == 80 && $(status r2 -s master | grep -c '^eth0 ') == 80)); }
within 15 "80 wrong at once: all are MASTER on both" masters
rows() {
	status "$1" | awk '/^INTERFACE/ { for (at = 1; at <= NF; at++) if ($at == "PASS/LIST") wanted = at } /^eth0 / { print $2, $wanted }'
}
all_made() { ! rows "$1" | grep -q -- '-'; }
within 15 "all have fingerprints" eval 'all_made r1 && all_made r2'
is "79 passwords differ, and one list" "$(join <(rows r1 | sort) <(rows r2 | sort) | awk '{
	split($2, a, "/"); split($3, b, "/"); password += a[1] != b[1]; list += a[2] != b[2] } END { print password, list }')" "79 1"
within 10 "both say that they refuse" eval "says r1 '^adverts: .*bad_hmac' && says r2 '^adverts: .*bad_hmac'"
diag "r1:" "$(status r1 | sed -n '/^INTERFACE/,$p' | head -n 3)"
end_pair
