#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What status says is so: who is master, whose process does not run, what is left of the down time, what both hosts have alike; and
# the answers that scripts get.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

CTL=${XCARP%/*}/xcarpctl

plan 58
test_lab r1 r2

# ctl HOST ARGUMENTS...: standard output in OUT, standard error in ERROR, the status in STATUS.
ctl() {
	local host=$1

	shift
	OUT=$(lab_run "$host" timeout 20 "$CTL" "$@" 2>"$LAB_DIR/ctl.err" </dev/null)
	STATUS=$?
	ERROR=$(<"$LAB_DIR/ctl.err")
}

# cell HOST COLUMN [FILTER...]: of the first row of status.
cell() {
	local host=$1 column=$2

	shift 2
	ctl "$host" status "$@"
	awk -v title="$column" '
		/^INTERFACE/ { for (at = 1; at <= NF; at++) if ($at == title) wanted = at }
		/^eth0 / && wanted { print $wanted; exit }' <<<"$OUT"
}

# field HOST NAME FILTER: of the details.
field() {
	ctl "$1" status "$3"
	sed -n "s/^  $2  *//p" <<<"$OUT" | head -n 1
}

cell_is() {
	[[ $(cell "$1" "$2") == "$3" ]]
}

# Pre-emption and a bow-out are told as what they are.
xcarp r2 -r 2 -k 100
within 8 "the worse one, alone, is MASTER" master r2
is "it knows that it is" "$(cell r2 MASTER)" self
xcarp r1 -r 2 -P
within 8 "the better one takes over" master r1
within 5 "the worse one is BACKUP" backup r2
within 5 "and knows its master" cell_is r2 MASTER 10.77.0.1
never 2 "its last advert is no trouble" log_has r1 'Non-preferred master'
nok "nor a warning, but the state" eval "log_of r1 | grep WARNING | grep -qv 'Switching to state\\|offloads'"
like "the time that is left is told" "$(field r2 'down time' 1)" '^2\.3s; MASTER in ([0-9.]+s|[0-9]+ms) if no advert comes$'
like "the master has a down time, and no more" "$(field r1 'down time' 1)" '^2\.0s$'
stop r1 TERM
within 5 "it leaves" master r2
is "which is the reason" "$(field r2 because 1)" 'the master bowed out: it was told to end, or to give mastership away (10.77.0.1)'
like "in the log, too" "$(log_of r2)" '\[NOTICE\] Master leaves on purpose: 10\.77\.0\.1 bowed out'

# A change explains the state, not what was noticed since.
xcarp r1 -r 2 -p other
within 8 "with another password: both are MASTER" master r1
notices() { ctl r2 status 1; [[ $OUT == *bad_* ]]; }
within 5 "and refuse each other" notices
is "the reason is still the bow-out" "$(field r2 because 1)" 'the master bowed out: it was told to end, or to give mastership away (10.77.0.1)'

# Fingerprints.
prints_are() { [[ $(cell "$1" PASS/LIST) =~ ^[0-9a-f]{4}/[0-9a-f]{4}$ ]]; }
within 10 "fingerprints of one" prints_are r1
within 10 "and of the other" prints_are r2
one=$(cell r1 PASS/LIST) two=$(cell r2 PASS/LIST)
isnt "another password, another fingerprint" "${one%/*}" "${two%/*}"
is "the same list, the same fingerprint" "${one#*/}" "${two#*/}"
stop r1 TERM
lab_run r1 "$CTL" genkey >"$LAB_DIR/keys" && chmod 600 "$LAB_DIR/keys"
xcarp r1 -k 200 -a 10.77.0.101 --auth=accept-siphash --keyfile="$LAB_DIR/keys"
same_password() { one=$(cell r1 PASS/LIST) && [[ ${one%/*} == "${two%/*}" ]]; }
within 10 "the same password, the same fingerprint" same_password
isnt "another list, another one" "${one#*/}" "${two#*/}"
is "the id of the key" "$(field r1 'key ids' 1)" "$(sed -n '/^[0-9]/s/ .*//p' "$LAB_DIR/keys") signs"
stop r1 TERM

# Both demoted: nobody is master.
xcarp r1 -r 2
within 5 "a pair again" cell_is r1 MASTER 10.77.0.2
for host in r1 r2; do
	ctl $host demote --all -w 5
done
within 10 "both demoted: nobody is master here" cell_is r1 MASTER -
within 10 "nor there" cell_is r2 MASTER -
is "which is how it was decided" "$(cell r1 HOLD) $(cell r2 HOLD)" "demoted demoted"
is "with what ends it" "$(field r1 held 1)" "demoted, until \`xcarpctl release eth0/1\`"
like "and what does not go on meanwhile" "$(field r1 'down time' 1)" 'not counted while it is demoted$'
if command -v script >/dev/null; then
	screen=$(lab_run r1 script -qec "stty cols 80 rows 24; exec env TERM=vt100 $CTL top --count 1" /dev/null </dev/null)
	like "top in 80 columns has it" "$screen" 'HOLD.*demoted'
	like "  and the process" "$screen" "OWNER.*${PID[r1]}"
else
	skip 2 "script is not there"
fi
for host in r1 r2; do
	ctl $host release --all
done
within 10 "released, one is MASTER" cell_is r1 MASTER self

# Yes, no, and cannot tell.
answers() {
	local host=$1 want=$2

	shift 2
	ctl "$host" "$@"
	is "$host: xcarpctl $*" "$STATUS$OUT" "$want"
}
within 5 "and the other BACKUP" cell_is r2 STATE BACKUP
answers r1 0 status -q -s master eth0/1
answers r2 1 status -q -s master eth0/1
answers r2 0 -q status -s backup eth0/1
answers r2 2 status -q -s master eth0/2
like "a name that fits nothing is told" "$ERROR" 'eth0/2: fits no virtual router'
answers r2 2 status -q -s mastr eth0/1
ctl r2 metrics eth9
is "metrics of nothing: status" "$STATUS" 2
like "  told" "$ERROR" 'eth9: fits no virtual router'
ctl r2 top --batch --count 1 -v 9
is "top of nothing: status" "$STATUS" 2
like "  told" "$ERROR" '-v 9: fits no virtual router'
ctl r2 release eth0/1 eth0/7
is "of two names one that fits nothing: status" "$STATUS" 2
like "  told" "$ERROR" 'eth0/7: fits no virtual router'
like "  the other is done" "$OUT" '^1 virtual router released'

# Processes that do not run.
kill -STOP "${PID[r1]}"
like "a stopped process is told" "$(ctl r1 status && echo "$OUT")" \
	"process ${PID[r1]} is stopped: its virtual routers \\(1\\) are shown as it left them; .kill -CONT ${PID[r1]}. lets it go on"
answers r1 2 status -q -s master eth0/1
within 5 "another is master, and it does not claim to be" cell_is r1 MASTER 10.77.0.2
like "its details say so" "$(field r1 state 1)" '^MASTER for .*, as its process left it$'
kill -CONT "${PID[r1]}"
goes_on() { ctl r1 status && [[ $OUT != *'is stopped'* ]]; }
within 8 "it goes on" goes_on
lab_run r1 "$CTL" -jp status >"$LAB_DIR/pretty"
like "JSON before the command, and pretty" "$(head -n 2 "$LAB_DIR/pretty" | paste -sd' ')" '^\{ +"now_ns": [0-9]+,$'
fits_schema() { "$TOP/selftests/schema.pl" "$TOP/doc/status.schema.json" <"$LAB_DIR/$1" 2>&1; }
is "  it fits its schema" "$(fits_schema pretty)" ""
lab_spawn r1 "$LAB_DIR/two.log" "$XCARP" -i eth0 -s 10.77.0.1 -p "$PASSWORD" -v 2 -a 10.77.0.102
two=$LAB_PID
two_is_there() { ctl r1 status -q eth0/2; [[ $STATUS == 0 ]]; }
within 8 "a second process" two_is_there

# Of an interface that is gone one process has nothing any more, a stopped one has; the new one has the same name.
kill -STOP "$two"
lab_unplug r1
left_it() { [[ $(cell r1 STATE) == INIT ]]; }
within 5 "the interface is gone" left_it
lab_plug r1
within 8 "another of that name" eval "[[ \$(cell r1 STATE) != INIT ]]"
ctl r1 metrics
is "metrics have each sample once" "$(grep -v '^#' <<<"$OUT" | sed 's/ [^ ]*$//' | sort | uniq -d)" ""
kill -KILL "$two"
wait "$two" 2>/dev/null
like "a dead process is told" "$(ctl r1 status && echo "$OUT")" "process $two is dead: .* \`xcarpctl cleanup\`"
lab_run r1 "$CTL" -j status >"$LAB_DIR/json"
is "the schema holds for what it left, too" "$(fits_schema json)" ""
stop r1 TERM
stop r2 TERM
