#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Closed standard files, pidfiles that are somebody's, and the host's own address in the subnet of the virtual one.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 47
test_lab r1 client
wire client "vips=$VIP"
pidfile=$LAB_DIR/r1.pid
usual=(-i eth0 -s 10.77.0.1 -v 1 -p "$PASSWORD" -a "$VIP" -r 1 --pidfile="$pidfile")
# shellcheck disable=SC2016 # for that shell
closed=(sh -c 'exec "$@" <&- >&- 2>&-' sh)

# Asked before the shell opens anything itself.
hook up <<-'EOF'
	for fd in 0 1 2; do
		[ -e "/proc/$$/fd/$fd" ] && files=$files$fd
	done
	echo "$files" >"$LAB_DIR/files.new"
	mv "$LAB_DIR/files.new" "$LAB_DIR/files"
EOF

for how in "" -B; do
	mark=$(now_ms)
	rm -f "$LAB_DIR/files"
	if [[ $how ]]; then
		fails r1 "${closed[@]}" "$XCARP" "${usual[@]}" -u "$LAB_DIR/up" -B
		is "closed, -B: status" "$STATUS" 0
		PID[r1]=$(<"$pidfile")
	else
		daemon r1 "${closed[@]}" "$XCARP" "${usual[@]}" -u "$LAB_DIR/up"
		within 5 "closed, in the foreground: there is a pidfile" test -s "$pidfile"
	fi
	within 5 "closed${how:+, $how}: MASTER, with the address" has_addr r1 "$VIP"
	within 5 "advertising" seen_since "$mark" 'advert 10.77.0.1 .*hmac=good'
	within 5 "the script ran" test -e "$LAB_DIR/files"
	is "with the three standard files" "$(cat "$LAB_DIR/files")" 012
	ok "it runs" alive r1
	kill -USR1 "${PID[r1]}"
	ok "it still does after a line of log" wait_for 1 alive r1
	is "the pidfile has the pid and nothing else" "$(od -c "$pidfile")" "$(od -c <<<"${PID[r1]}")"
	is "what it has open as standard files is /dev/null" \
		"$(readlink "/proc/${PID[r1]}/fd/"{0,1,2} | sort -u)" /dev/null
	ok "TERM ends it" stop r1 TERM
	is "nothing is left" "$(left_on r1)" ""
done

# Files that are no pidfiles of ours.
before=$(snapshot r1)
printf 'my thesis\nline 2\n' >"$LAB_DIR/precious"
fails r1 "$XCARP" "${usual[@]}" --pidfile="$LAB_DIR/precious"
is "--pidfile of another file: status" "$STATUS" 1
like "and why" "$ERROR" "--pidfile $LAB_DIR/precious: .*no process id"
is "the file is as it was" "$(<"$LAB_DIR/precious")" $'my thesis\nline 2'
mknod "$LAB_DIR/device" c 1 3
fails r1 "$XCARP" "${usual[@]}" --pidfile="$LAB_DIR/device"
is "--pidfile of a device: status" "$STATUS" 1
like "and why" "$ERROR" "--pidfile $LAB_DIR/device: "
ok "the device is still there" test -c "$LAB_DIR/device"
ln -s precious "$LAB_DIR/link"
fails r1 "$XCARP" "${usual[@]}" --pidfile="$LAB_DIR/link"
is "--pidfile of a symbolic link: status" "$STATUS" 1
is "what it points to is as it was" "$(<"$LAB_DIR/precious")" $'my thesis\nline 2'
unchanged "nothing else changed" r1 "$before"

# Of a dead process, larger than any.
echo 4194304 >"$pidfile"
before=$(stat -c '%i %Y %s' "$pidfile")
fails r1 "$XCARP" "${usual[@]}" -i nosuch0
is "a start that fails: status" "$STATUS" 1
is "the pidfile there is as it was" "$(<"$pidfile") $(stat -c '%i %Y %s' "$pidfile")" "4194304 $before"
xcarp r1 -r 1 --pidfile="$pidfile"
within 5 "a start that succeeds: MASTER" master r1
is "the pidfile is taken over" "$(<"$pidfile")" "${PID[r1]}"
fails r1 "$XCARP" "${usual[@]}"
is "a second one: status" "$STATUS" 1
is "the first's pidfile is as it was" "$(<"$pidfile")" "${PID[r1]}"
ok "TERM ends the first" stop r1 TERM
is "nothing is left" "$(left_on r1)" ""

# An address of the host's that is not xcarp's source comes after the virtual one, which so is the subnet's first; it would go with it, and changes places.
lab_run r1 sysctl -qw net.ipv4.conf.all.promote_secondaries=0 net.ipv4.conf.eth0.promote_secondaries=0
daemon r1 "$XCARP" -i eth0 -s 10.77.0.1 -v 1 -p "$PASSWORD" -a "$VIP/24" -r 1
within 5 "a virtual address of the host's subnet: MASTER" master r1
within 2 "with the address" has_addr r1 "$VIP"
ip -n "$LAB-r1" addr flush dev eth0 scope global
within 3 "all addresses removed: it is put back" has_addr r1 "$VIP"
ip -n "$LAB-r1" addr add 10.77.0.7/24 dev eth0
within 3 "the host's other one is the first of its network" eval "[[ \$(ip -n $LAB-r1 -o addr show secondary) == *' $VIP/24 '* ]]"
ok "TERM ends it" stop r1 TERM
ok "the virtual address is gone" lacks_addr r1 "$VIP"
ok "the host's is still there" has_addr r1 10.77.0.7
is "promote_secondaries is as it was" "$(lab_run r1 sysctl -n net.ipv4.conf.eth0.promote_secondaries)" 0
