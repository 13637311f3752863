#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What scripts are given and what they may do: started by whoever ignores SIGCHLD, not there, adding addresses late.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 34
test_lab r1
hooks=(-u "$LAB_DIR/up" -d "$LAB_DIR/down")
usual=(-i eth0 -s 10.77.0.1 -v 1 -p "$PASSWORD" -a "$VIP" -r 1)

# did SCRIPT: it has added the address
did() {
	[[ -e $LAB_DIR/$1.did ]]
}

# Each open file but the one that ls opens to see them.
hook up <<-'EOF'
	ls -l /proc/self/fd | sed -n 's|.* \([0-9]*\) -> \(.*\)|\1 \2|p' | grep -v ' /proc/.*/fd$' >"$LAB_DIR/files.new"
	mv "$LAB_DIR/files.new" "$LAB_DIR/files"
EOF
hook down <<-'EOF'
	:
EOF

daemon r1 env --ignore-signal=CHLD "$XCARP" "${usual[@]}" -z "${hooks[@]}"
within 5 "started with SIGCHLD ignored: MASTER" master r1
within 5 "the down script is seen to end" log_has r1 "Script \[$LAB_DIR/down\] ended .*exit status 0"
within 5 "the up script too" log_has r1 "Script \[$LAB_DIR/up\] ended .*exit status 0"
log_mark r1
ok "TERM ends it" stop r1 TERM
is "with status 0" "$STATUS" 0
ok "after the down script" log_has r1 "Script \[$LAB_DIR/down\] ended .*exit status 0"
is "nothing is left" "$(left_on r1)" ""

rm -f "$LAB_DIR/files"
exec {extra}</dev/null
xcarp r1 -r 1 "${hooks[@]}"
exec {extra}<&-
within 5 "the script tells its open files" test -e "$LAB_DIR/files"
is "the three usual ones" "$(sed 's/ .*//' "$LAB_DIR/files" | sort -n | paste -sd,)" 0,1,2
is "input is nothing" "$(sed -n 's/^0 //p' "$LAB_DIR/files")" /dev/null
ok "TERM ends it" stop r1 TERM

# There at the start, and not when it is needed.
xcarp r1 -r 12 -n "${hooks[@]}"
within 5 "BACKUP" backup r1
nok "no warning at the start" log_has r1 'cannot be run'
mv "$LAB_DIR/up" "$LAB_DIR/up.away"
within 20 "a script that is gone: the log has it" log_has r1 \
	"\[ERROR\] Unable to run the script \[$LAB_DIR/up\]: No such file or directory \(eth0 id 1\)"
within 2 "MASTER all the same" master r1
within 2 "with the address" has_addr r1 "$VIP"
nok "no end of a script that never ran" log_has r1 'exit status'
ok "nothing runs there" alone r1
mv "$LAB_DIR/up.away" "$LAB_DIR/up"
rm -f "$LAB_DIR/files"
log_mark r1
lab_cable r1 down
wait_for 5 in_state r1 INIT
lab_cable r1 up
within 10 "back again, it is run the next time" test -e "$LAB_DIR/files"
ok "TERM ends it" stop r1 TERM
is "nothing is left" "$(left_on r1)" ""

# Scripts that add the address when it has been taken off.
hook down <<-'EOF'
	ip addr add "$2/32" dev "$1" && : >"$LAB_DIR/down.did"
EOF
xcarp r1 -r 1 -n -z -d "$LAB_DIR/down"
within 5 "MASTER" master r1
ok "it has the address" wait_for 2 has_addr r1 "$VIP"
ok "TERM ends it" stop r1 TERM
ok "its down script has added the address at the end" did down
is "nothing is left" "$(left_on r1)" ""

hook up <<-'EOF'
	until ! kill -0 "$PPID" 2>/dev/null || ! ip -o addr show dev "$1" | grep -qF " $2/"; do
		sleep 0.1
	done
	ip addr add "$2/32" dev "$1" && : >"$LAB_DIR/up.did"
EOF
xcarp r1 -r 1 -n -u "$LAB_DIR/up"
within 5 "an up script that waits: it is run" log_has r1 "Spawning \[$LAB_DIR/up "
ok "it has the address" wait_for 2 has_addr r1 "$VIP"
nok "the script has not done it yet" did up
log_mark r1
ok "TERM ends it" stop r1 TERM 10
ok "after the script" log_has r1 "Script \[$LAB_DIR/up\] ended"
ok "which has added the address" did up
is "with status 0" "$STATUS" 0
is "nothing is left" "$(left_on r1)" ""
