#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A virtual router on each of many interfaces, more of them than files may be open unless asked for.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 10
test_lab r1

COUNT=150
FILES=100

# plug FIRST LAST
plug() {
	for ((n = $1; n <= $2; n++)); do
		printf 'link add x%d type veth peer name y%d\nlink set x%d up\nlink set y%d up\n' $n $n $n $n
	done | lab_run r1 ip -batch -
}

# with_program: how many interfaces have one
with_program() {
	ip -n "$LAB-r1" -d link show | grep -c 'prog/xdp'
}

held() {
	[[ $(ip -n "$LAB-r1" -o -4 addr show | grep -c ' 10\.78\.') == "$1" ]]
}

hook up <<-EOF
	ulimit -n >"$LAB_DIR/files"
EOF
plug 1 $COUNT
{
	echo "default -s 10.77.0.1 -p $PASSWORD -v 1 -r 1"
	echo "-i x1 -a 10.78.0.1 -u $LAB_DIR/up"
	for ((n = 2; n <= COUNT; n++)); do
		echo "-i x$n -a 10.78.0.$n"
	done
} >"$LAB_DIR/conf"
daemon r1 bash -c 'ulimit -Sn "$1" && shift && exec "$@"' - $FILES "$XCARP" -c "$LAB_DIR/conf"
within 20 "each is MASTER and has its address" held $COUNT
is "each interface has the program" "$(with_program)" $COUNT
between "more files are open than were allowed" "$(find "/proc/${PID[r1]}/fd" -type l | wc -l)" $((FILES + 1)) 10000
within 5 "a script has the limit that there was" grep -qsx $FILES "$LAB_DIR/files"

# Half of them go and come back.
for ((n = 1; n <= COUNT / 2; n++)); do
	echo "link del x$n"
done | lab_run r1 ip -batch -
within 10 "half of them gone: the others have theirs" held $((COUNT - COUNT / 2))
plug 1 $((COUNT / 2))
within 20 "back: each has its address again" held $COUNT
is "and the program" "$(with_program)" $COUNT
ok "TERM ends it" stop r1 TERM 20
ok "no address is left" held 0
is "and no program" "$(with_program)" 0
