#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Flags that cannot be: exit status 1, one line that names option, value and what would be right, nothing changed.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

# name | flags that replace or follow good ones | what the line must have, as a regex
#
# Good ones: -i eth0 -s 10.77.0.1 -v 1 -p ... -a 10.77.0.100; `-v none` leaves that flag out.
table=$(grep -v '^#' <<'TABLE'
vhid too small           | -v 0                        | -v 0: .*1 to 255
vhid too large           | -v 256                      | -v 256: .*1 to 255
vhid, long form          | --vhid=300                  | --vhid.300: .*1 to 255
vhid not a number        | -v abc                      | -v abc: .*1 to 255
vhid with a tail         | -v 1x                       | -v 1x: .*1 to 255
vhid beyond 64 bits      | -v 99999999999999999999     | -v 99999999999999999999: .*1 to 255
no vhid                  | -v none                     | (-v|--vhid)
advskew too large        | -k 256                      | -k 256: .*255
advskew negative         | -k -1                       | -k -1: .*255
advbase too large        | -b 256                      | -b 256: .*255
advbase a fraction       | --advbase=1.5               | --advbase.1\.5: .*255
deadratio zero           | -r 0                        | -r 0: 
deadratio not a number   | -r three                    | -r three: 
address not one          | -a 10.77.0.300              | -a 10.77.0.300: 
prefix too long          | -a 10.77.0.100/33           | -a 10.77.0.100/33: .*32
address a group          | -a 224.0.0.5                | -a 224.0.0.5: 
no address               | -a none                     | (-a|--addr)
source not an address    | -s router1                  | -s router1: 
no source                | -s none                     | (-s|--srcip)
interface not there      | -i nosuch0                  | nosuch0
interface name too long  | -i averyveryverylongname    | averyveryverylongname
group not a group        | --mcastip=10.0.0.1          | --mcastip.10\.0\.0\.1: 
facility unknown         | -f nosuch                   | -f nosuch: 
XDP mode unknown         | --xdp-mode=turbo            | --xdp-mode.turbo: .*auto.*native.*generic
script timeout           | --script-timeout=soon       | --script-timeout.soon: 
no password              | -p none                     | (-p|--pass)
password too long        | -p 123456789012345678901    | -p.*20
passfile not there       | -o /nonexistent             | -o /nonexistent: 
keyfile not there        | --keyfile=/nonexistent      | --keyfile /nonexistent: 
passfile empty           | -o /dev/null                | -o /dev/null: 
option unknown           | --frobnicate                | --frobnicate
letter unknown           | -Q                          | -Q
value missing            | --xparam                    | --xparam
stray argument           | stray                       | stray
TABLE
)

plan $(($(wc -l <<<"$table") * 4 + 5))
test_lab r1

trim() {
	REPLY=${1#"${1%%[! ]*}"}
	REPLY=${REPLY%"${REPLY##*[! ]}"}
}

declare -A good=([-i]=eth0 [-s]=10.77.0.1 [-v]=1 [-p]=Password-1 [-a]=$VIP)

# run FLAGS...: the good flags, with these put in the place of their like or at the end.
run() {
	local -A flags=()
	local flag args=()

	for flag in "${!good[@]}"; do
		flags[$flag]=${good[$flag]}
	done
	if [[ ${1-} == -? && ${good[$1]+set} ]]; then
		flags[$1]=$2
		shift 2
	fi
	# The password first, so that it has been read when the error is found.
	for flag in -p -i -s -v -a; do
		[[ ${flags[$flag]} == none ]] || args+=("$flag" "${flags[$flag]}")
	done
	fails r1 "$XCARP" "${args[@]}" "$@"
}

before=$(snapshot r1)
while IFS='|' read -r name flags want; do
	trim "$name" && name=$REPLY
	trim "$flags" && read -ra flags <<<"$REPLY"
	trim "$want" && want=$REPLY
	run "${flags[@]}"
	is "$name: status" "$STATUS" 1
	like "$name: one line" "$ERROR" "^(xcarp: |[0-9T:.-]+: \[ERROR\] )[^"$'\n'"]*${want}[^"$'\n'"]*\$"
	nok "$name: no password" grep -qE 'Password-1|1234567890' <<<"$ERROR"
	unchanged "$name: nothing changed" r1 "$before"
done <<<"$table"

run --help
is "--help: status" "$STATUS" 0
like "--help: tells the options" "$ERROR" '--script-timeout'
many=()
for ((i = 1; i <= 33; i++)); do
	many+=(-a "10.77.1.$i")
done
run "${many[@]}"
is "33 addresses: status" "$STATUS" 1
like "33 addresses: says how many there may be" "$ERROR" '32'
unchanged "33 addresses: nothing changed" r1 "$before"
