#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# xcarpctl: what it shows of several processes, living and dead, and what it asks of them.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

CTL=${XCARP%/*}/xcarpctl

plan 72
test_lab r1

# ctl HOST ARGUMENTS...: its output is in OUT, both outputs together, its status in STATUS
ctl() {
	local host=$1

	shift
	OUT=$(lab_run "$host" timeout 20 "$CTL" "$@" 2>&1 </dev/null)
	STATUS=$?
}

# json PATH: of OUT, as perl sees it
json() {
	perl -MJSON::PP -e 'my $d = decode_json(join "", <STDIN>); my @v = eval $ARGV[0]; print join(",", @v)' "$1" <<<"$OUT"
}

state_of() {
	ctl r1 status -j "eth0/$1"
	json '$d->{vrouters}[0]{state}'
}

in_json_state() {
	[[ $(state_of "$1" 2>/dev/null) == "$2" ]] # it may have no such virtual router yet
}

ctl r1 status
is "nobody runs: status" "$STATUS" 2
like "and why" "$OUT" 'no xcarp runs in this network namespace'

ctl r1 metrics --listen=foo
like "what is wrong with a word comes first" "$OUT" '--listen foo: must be'

cat >"$LAB_DIR/r1.conf" <<END
default -i eth0 -s 10.77.0.1 -p $PASSWORD -r 2
-v 1 -a 10.77.0.101
-v 2 -a 10.77.0.102 -a 10.77.0.112/24
-m 239.1.2.3 -v 2 -a 10.77.0.103
END
lab_run r1 timeout 60 "$CTL" monitor >"$LAB_DIR/monitor" 2>&1 &
lab_run r1 timeout 60 "$CTL" monitor -j -s master >"$LAB_DIR/monitor.json" 2>/dev/null &
within 5 "the monitor waits for the first" grep -q 'waiting for one' "$LAB_DIR/monitor"
daemon r1 "$XCARP" -c "$LAB_DIR/r1.conf"
within 8 "a master in the JSON" in_json_state 1 MASTER
lab_spawn r1 "$LAB_DIR/five.log" "$XCARP" -i eth0 -s 10.77.0.1 -p "$PASSWORD" -v 5 -a 10.77.0.105 -r 2 --realtime=7 \
	--capacity=100000
five=$LAB_PID
within 8 "of another process too" in_json_state 5 MASTER
ok "the maps are as the first one made them" grep -q -- '--capacity=100000 has no effect' "$LAB_DIR/five.log"
ctl r1 status -j
is "four virtual routers" "$(json 'scalar @{$d->{vrouters}}')" 4
is "of two processes" "$(json 'join " ", sort { $a <=> $b } map { $_->{pid} } grep { $_->{alive} } @{$d->{owners}}')" \
	"$(printf '%s\n' "${PID[r1]}" "$five" | sort -n | paste -sd' ')"
is "one under real-time scheduling" "$(json 'sort { $a <=> $b } map { $_->{realtime} } @{$d->{owners}}')" \
	"0,$(chrt -p "$five" | sed -n 's/.*priority: //p')"
is "and its netlink thread, just below" "$(ps -L -o rtprio=,comm= -p "$five" | sed -n 's/ *xcarp-netlink//p' | xargs)" \
	"$(($(chrt -p "$five" | sed -n 's/.*priority: //p') - 1))"
is "each with its owner" "$(json 'map { $_->{owner_pid} } grep { $_->{vhid} == 5 } @{$d->{vrouters}}')" "$five"
is "addresses are held" "$(json 'map { $_->{held} ? 1 : 0 } map { @{$_->{vips}} } @{$d->{vrouters}}')" 1,1,1,1,1
ctl r1 status
like "the table: a line of each" "$OUT" 'eth0 +2 +239\.1\.2\.3 +MASTER'
like "and a summary" "$OUT" '^4 virtual routers: 4 MASTER, 0 BACKUP, 0 INIT; 2 processes'
ctl r1 status eth0/5
like "one in detail" "$OUT" 'state +MASTER'
like "with its address" "$OUT" '10\.77\.0\.105/32, on the interface'
like "and why" "$OUT" 'BACKUP -> MASTER: master_silent'
ctl r1 status -s backup
is "a filter that nothing fits: status" "$STATUS" 1
ctl r1 status -j -s backup
is "as JSON: status" "$STATUS" 1
like "a line, and a document without virtual routers" "$OUT" '"vrouters":\[\].*no virtual router fits'
ctl r1 status -m 239.1.2.3 -j
is "a filter by group" "$(json 'scalar @{$d->{vrouters}}')" 1

# Wrong words.
while IFS='|' read -r arguments want; do
	# shellcheck disable=SC2086 # words
	ctl r1 $arguments
	is "xcarpctl $arguments: status" "$STATUS" 2
	like "and a line" "$OUT" "$want"
done <<'TABLE'
statsu|statsu: no such command; did you mean status\?
status --jsn|did you mean --json\?
status -s mastr|did you mean master\?
status -v 300|-?v? ?300: must
demote|--all
top --interval=x|--interval x: must be
TABLE

# Demote, promote, release.
ctl r1 demote eth0/1 -w 5
is "demote: status" "$STATUS" 0
like "says how many" "$OUT" '^1 virtual router demoted'
is "it is BACKUP" "$(state_of 1)" BACKUP
ok "its address is gone" lacks_addr r1 10.77.0.101
ok "others have theirs" has_addr r1 10.77.0.102
never 4 "it stays out" in_json_state 1 MASTER
ctl r1 release 1
within 8 "released, it is MASTER again" in_json_state 1 MASTER
ctl r1 promote --all -w 5
is "promote --all: status" "$STATUS" 0
like "says how many, of both processes" "$OUT" '^4 virtual routers promoted'
ctl r1 release --all
like "release --all" "$OUT" '^4 virtual routers released'
kill -STOP "$five"
ctl r1 demote 5
is "a stopped process: status" "$STATUS" 1
like "named" "$OUT" "process $five: it does not answer"
kill -CONT "$five"
within 5 "when it goes on, it drops what nobody waits for any more" grep -q "has gone before its request was looked at" "$LAB_DIR/five.log"
never 1 "  and has not done it" in_json_state 5 BACKUP
ctl r1 demote --all 5
like "all and some: told" "$OUT" '--all and a filter: say one of them'

# Others may look at nothing, and ask for nothing.
OUT=$(lab_run r1 setpriv --reuid=65534 --regid=65534 --clear-groups "$CTL" status 2>&1)
like "not root: told so" "$OUT" 'must be root'

# Metrics.
ctl r1 metrics
is "metrics: status" "$STATUS" 0
like "a state" "$OUT" 'xcarp_vrouter_state\{interface="eth0",group="224.0.0.18",vhid="1"\} 2'
like "the end" "$OUT" '# EOF$'
families=$(grep -c '^# TYPE' <<<"$OUT")
is "each family has a help" "$(grep -c '^# HELP' <<<"$OUT")" "$families"
is "and stands in one piece" "$(grep -v '^#' <<<"$OUT" | sed 's/[{ ].*//; s/_bucket$//; s/_count$//' | uniq | sort | uniq -d)" ""
if command -v promtool >/dev/null; then
	ok "promtool accepts it" promtool check metrics <<<"$OUT"
else
	is "every line is a comment or a sample" \
		"$(grep -vcE '^(# (TYPE|HELP|UNIT) [a-z_]+ .*|# EOF|[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.e+-]+)$' <<<"$OUT")" 0
fi
for where in 127.0.0.1:99999 9112 :http :9112; do
	fails r1 "$CTL" metrics --listen $where
	like "--listen $where" "$ERROR" "--listen $where: must be an address and a port"
done
lab_spawn r1 "$LAB_DIR/http.log" "$CTL" metrics --listen 127.0.0.1:9112
http=$LAB_PID
# get REQUEST-LINE
get() {
	lab_run r1 timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/9112 && printf "%s\r\n\r\n" "$1" >&3 && cat <&3' - "$1" 2>/dev/null
}
answers() {
	[[ $(get "$1") == *"$2"* ]]
}
within 5 "served over HTTP" answers "GET /metrics HTTP/1.1" '# EOF'
ok "another path is not found" answers "GET / HTTP/1.1" 'HTTP/1.1 404'
ok "nonsense is refused" answers "nonsense" 'HTTP/1.1 400'
is "by a process without privileges" "$(awk '/^(Uid|CapEff|NoNewPrivs):/ { print $2 }' "/proc/$http/status" | paste -sd' ')" \
	"65534 0000000000000000 1"
kill "$http"

# Batch top, and the monitor.
ctl r1 top --batch --count 1
like "top as text" "$OUT" 'adverts/s: '
kill -KILL "$five"
wait "$five" 2>/dev/null
ctl r1 demote --all
is "of a dead process's: status" "$STATUS" 1
like "  it is told" "$OUT" '1 virtual router was left alone: the process that owned it is dead'
ctl r1 release --all
dead() {
	ctl r1 status -j eth0/5
	[[ $(json '$d->{vrouters}[0]{owner_alive} ? 1 : 0') == 0 ]]
}
within 5 "a dead process is shown as such" dead
like "the monitor told of each change" "$(<"$LAB_DIR/monitor")" 'eth0/1 MASTER -> BACKUP: demoted'
like "in JSON too" "$(head -n 1 "$LAB_DIR/monitor.json")" '^\{.*"to":"MASTER".*\}$'
ok "TERM ends the last process" stop r1 TERM
is "nothing is left, of the dead one too" "$(left_on r1)$(ip -n "$LAB-r1" -o -4 addr show dev eth0 | grep -c '10\.77\.0\.10')" 0
