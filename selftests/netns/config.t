#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# --config: several virtual routers in one process, each with an election of its own, and what is wrong with a file.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

umask 077
plan 78
test_lab r1 r2
# Not the lab's usual one, and with a blank to be quoted.
password='open sesame'

# A second network, eth1 of both.
ip -n "$LAB-switch" link add br1 type bridge stp_state 0 mcast_snooping 0
ip -n "$LAB-switch" link set br1 up
for n in 1 2; do
	ip -n "$LAB-switch" link add "second$n" type veth peer name eth1 netns "$LAB-r$n"
	ip -n "$LAB-switch" link set "second$n" master br1 up
	ip -n "$LAB-r$n" addr add "10.78.0.$n/24" dev eth1
	ip -n "$LAB-r$n" link set eth1 up
done

# vr_in HOST INTERFACE ID STATE: that virtual router entered that state last.
vr_in() {
	[[ $(log_of "$1" | sed -n "s/.*Switching to state: \([A-Z]*\) ($2 id $3)\$/\1/p" | tail -n 1) == "$4" ]]
}

# elected HOST STATE STATE STATE: of its virtual routers 1, 2 and 3
elected() {
	vr_in "$1" eth0 1 "$2" && vr_in "$1" eth0 2 "$3" && vr_in "$1" eth1 3 "$4"
}

both_elected() {
	elected r1 MASTER BACKUP MASTER && elected r2 BACKUP MASTER BACKUP
}

# has_on HOST INTERFACE ADDR
has_on() {
	ip -n "$LAB-$1" -o -4 addr show dev "$2" | grep -qF " $3/"
}

lacks_on() {
	! has_on "$@"
}

# addresses HOST: which of the three are on which interface
addresses() {
	ip -n "$LAB-$1" -o -4 addr show | sed -n 's|^[0-9]*: \([^ ]*\) .* \(10\.7[78]\.0\.10[0-9]\)/.*|\1 \2|p' | sort | paste -sd,
}

addresses_are() {
	[[ $(addresses "$1") == "$2" ]]
}

# xdp_on HOST INTERFACE
xdp_on() {
	ip -n "$LAB-$1" -d link show dev "$2" | grep -q 'prog/xdp'
}

# live KEY: of each entry of r1's map that somebody has
live() {
	bpftool map dump pinned "$(lab_pins r1)/live" | perl -0777 -ne '
		BEGIN { $key = shift }
		print join(",", map { /"\Q$key\E": (\d+)/ } grep { /"claimed_by": [1-9]/ } split /"key":/), "\n";
	' "$1"
}

hook up <<-'EOF'
	echo "$1 $2 [$3]" >>"$LAB_DIR/calls"
EOF
mkdir "$LAB_DIR/conf.d"
cat >"$LAB_DIR/r1.conf" <<EOF
# What the lines below have in common.
default -i eth0 -s 10.77.0.1 \\
	-p "$password" -r 2 -P
include "conf.d/second-*.conf"

-v 1 -a 10.77.0.100 -u "$LAB_DIR/up" -x 'two  "words"' # not -x
-v 0x2 -a 10.77.0.101 -k 10\\
0
EOF
# Its own defaults end with it.
cat >"$LAB_DIR/conf.d/second-lan.conf" <<-'EOF'
	-v 3 -i eth1 -s 10.78.0.1 -a 10.78.0.102
	default -i nosuch0 -s 10.99.0.1 -p wrong
EOF
cat >"$LAB_DIR/r2.conf" <<-EOF
	default -i eth0 -s 10.77.0.2 -p '$password' -r 2
	-v 1 -a 10.77.0.100 -k 100
	-v 2 -a 10.77.0.101 -P
	-v 3 -i eth1 -s 10.78.0.2 -a 10.78.0.102 -k 100
EOF

before=$(snapshot r1)
fails r1 "$XCARP" -c "$LAB_DIR/r1.conf" --check
is "--check of a good file: status" "$STATUS" 0
like "it says how many, and nothing else" "$ERROR" "^[0-9]+ virtual routers, all right\$"
unchanged "and changes nothing" r1 "$before"
before=$(snapshot r1)

daemon r1 "$XCARP" -c "$LAB_DIR/r1.conf" --pidfile="$LAB_DIR/r1.pid"
daemon r2 "$XCARP" -c "$LAB_DIR/r2.conf"
within 10 "each virtual router has its own election" both_elected
within 5 "the first has two addresses, each where it belongs" addresses_are r1 "eth0 10.77.0.100,eth1 10.78.0.102"
within 5 "the second has the other" addresses_are r2 "eth0 10.77.0.101"
ok "it is one process" alone r1
nok "the password is not in its command line" grep -qaF "$password" "/proc/${PID[r1]}/cmdline"
nok "nor in its environment" grep -qaF "$password" "/proc/${PID[r1]}/environ"
nok "nor in its log" log_has r1 "$password"
within 5 "the script of the one that has one ran" test -s "$LAB_DIR/calls"
is "with its address and the quoted argument" "$(<"$LAB_DIR/calls")" 'eth0 10.77.0.100 [two  "words"]'
is "an entry in \`live\` for each" "$(live vhid | tr , '\n' | sort | paste -sd,)" 1,2,3
is "all of this process" "$(live owner_pid)" "${PID[r1]},${PID[r1]},${PID[r1]}"
is "on two interfaces" "$(live ifindex | tr , '\n' | sort -u | wc -l)" 2
for interface in eth0 eth1; do
	ok "the XDP program is on $interface" xdp_on r1 $interface
done

kill -USR1 "${PID[r1]}"
within 2 "USR1: the first one's state" log_has r1 '\[INFO\] MASTER on eth0 id 1$'
within 2 "the second one's" log_has r1 '\[INFO\] BACKUP on eth0 id 2$'
within 2 "the third one's" log_has r1 '\[INFO\] MASTER on eth1 id 3$'
kill -HUP "${PID[r1]}"
within 2 "HUP: the file is read again" log_has r1 'read again: 3 virtual routers: .* 3 as they were'
ok "and goes on" alive r1

# One interface is lost: only what is on it changes hands.
ip -n "$LAB-r1" link set eth1 down
within 5 "eth1 down: INIT there" vr_in r1 eth1 3 INIT
within 10 "the peer takes over there" vr_in r2 eth1 3 MASTER
within 5 "with the address" has_on r2 eth1 10.78.0.102
ok "and nowhere else" eval 'vr_in r1 eth0 1 MASTER && vr_in r2 eth0 1 BACKUP && vr_in r2 eth0 2 MASTER'
ip -n "$LAB-r1" link set eth1 up
within 10 "eth1 up: as before" both_elected
within 5 "with the address" has_on r1 eth1 10.78.0.102
kill -USR2 "${PID[r2]}"
within 5 "USR2 to the peer: its master's address moves" addresses_are r1 \
	"eth0 10.77.0.100,eth0 10.77.0.101,eth1 10.78.0.102"
within 15 "and, being preferred there, back" both_elected

log_mark r2
ok "TERM ends it" stop r1 TERM
is "with status 0" "$STATUS" 0
is "nothing is left on eth0" "$(left_on r1)" ""
is "no address on any" "$(addresses r1)" ""
nok "no program on eth1" xdp_on r1 eth1
within 5 "the peer has bow-outs of both masters" eval 'vr_in r2 eth0 1 MASTER && vr_in r2 eth1 3 MASTER'
is "each of them told" "$(log_count r2 'bowed out')" 2
ok "the peer ends" stop r2 TERM
is "nothing is left there" "$(addresses r2)$(left_on r2)" ""

# Errors: all of them, each with its place.
cat >"$LAB_DIR/bad.conf" <<-'EOF'
	default -i eth0 -s 10.77.0.1 -p Password-1
	-v 300 -a 10.77.0.100
	-v 4 -a 10.77.0.300
	-v 5

	-v 6 -a 10.77.0.106 -B
	-v 7 -a 10.77.0.107 --pidfile=/nonexistent/pid
	include bad-2.conf
	default -c other.conf
	include not-there.conf
	-v 8 -a 10.77.0.108 --frobnicate
	-v 9 -a 10.77.0.109 -x "no end
EOF
echo '-v abc -a 10.77.0.110' >"$LAB_DIR/bad-2.conf"

# first line | what it must have
errors=$(sed "s|^|$LAB_DIR/|" <<'TABLE'
bad.conf:2|-v 300: .*1 to 255
bad.conf:3|-a 10\.77\.0\.300: 
bad.conf:4|-a \(--addr\) is missing
bad.conf:6|-B: .*belongs on the command line
bad.conf:7|--pidfile: .*belongs on the command line
bad-2.conf:1|-v abc: .*1 to 255
bad.conf:9|-c: .*belongs on the command line
bad.conf:10|include .*not-there\.conf: no such file
bad.conf:11|--frobnicate: no such option
bad.conf:12|the " has no end in this line
TABLE
)

unchanged "nothing of the run is left" r1 "$before"
for how in --check ""; do
	fails r1 "$XCARP" -c "$LAB_DIR/bad.conf" $how
	is "a bad file ${how:-without --check}: status" "$STATUS" 1
	is "as many lines as errors" "$(grep -c . <<<"$ERROR")" "$(wc -l <<<"$errors")"
	nok "no password" grep -qF Password-1 <<<"$ERROR"
	unchanged "nothing changed" r1 "$before"
	[[ $how ]] || continue
	while IFS='|' read -r place want; do
		like "told: ${place##*/}" "$ERROR" "(^|[ "$'\n'"])$place: [^"$'\n'"]*$want"
	done <<<"$errors"
done

cat >"$LAB_DIR/twice.conf" <<-'EOF'
	default -i eth0 -s 10.77.0.1 -p Password-1
	-v 1 -a 10.77.0.100
	-v 2 -a 10.77.0.101
	-v 1 -a 10.77.0.102
EOF
fails r1 "$XCARP" -c "$LAB_DIR/twice.conf" --check
is "a virtual router twice: status" "$STATUS" 1
is "one line" "$(wc -l <<<"$ERROR")" 1
like "names the later" "$ERROR" "$LAB_DIR/twice\.conf:[24]: -v 1: "
like "and the earlier" "$ERROR" "$LAB_DIR/twice\.conf:4.*twice\.conf:2|twice\.conf:2.*twice\.conf:4"

echo '# nothing' >"$LAB_DIR/empty.conf"
fails r1 "$XCARP" -c "$LAB_DIR/empty.conf"
is "no virtual router: status" "$STATUS" 1
like "and why" "$ERROR" "$LAB_DIR/empty\.conf:.*no virtual router"
printf '%s\n' 'include ./loop.conf' '-v 300' >"$LAB_DIR/loop.conf"
fails r1 "$XCARP" -c "$LAB_DIR/loop.conf"
like "a file that includes itself, by another name" "$ERROR" "loop\.conf: this file would include itself"
is "and what else is wrong with it once" "$(grep -c 'v 300' <<<"$ERROR")" 1
for depth in {0..17}; do
	echo "include deep$((depth + 1)).conf" >"$LAB_DIR/deep$depth.conf"
done
fails r1 "$XCARP" -c "$LAB_DIR/deep0.conf"
like "files that include others too deep" "$ERROR" "deep17\.conf: more than 16 files deep"
fails r1 "$XCARP" -c "$LAB_DIR/no-such.conf"
is "no such file: status" "$STATUS" 1
like "and why" "$ERROR" "$LAB_DIR/no-such\.conf"
fails r1 "$XCARP" -c "$LAB_DIR/r1.conf" -v 1
is "-v on the command line too: status" "$STATUS" 1
like "and why" "$ERROR" '-v: .*belongs in the file'
fails r1 "$XCARP" --check -i eth0 -s 10.77.0.1 -p "$PASSWORD" -a "$VIP" -v 300
is "--check of a command line: status" "$STATUS" 1
like "and why" "$ERROR" '-v 300: '
fails r1 "$XCARP" --check -i eth0 -s 10.77.0.1 -p "$PASSWORD" -a "$VIP" -v 30
is "of a good one: status" "$STATUS" 0
mkfifo "$LAB_DIR/pipe"
fails r1 "$XCARP" --check -c "$LAB_DIR/pipe"
like "a pipe in the file's place is not waited for" "$ERROR" "$LAB_DIR/pipe: must be a file"
fails r1 "$XCARP" --check -i eth0 -s 10.77.0.1 -v 30 -a "$VIP" -o "$LAB_DIR/pipe"
like "nor is one that nobody writes a password to" "$ERROR" "-o $LAB_DIR/pipe: nobody writes to it"
fails r1 bash -c 'exec "$@" -o <(sleep 1; echo secret)' - "$XCARP" --check -i eth0 -s 10.77.0.1 -v 30 -a "$VIP"
is "somebody does: status" "$STATUS" 0
unchanged "none of these changed anything" r1 "$before"
