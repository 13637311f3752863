#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Starting: in the background, with a pidfile, password, default interface; what stands in the way is named.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 43
test_lab r1 client
wire client "vips=$VIP"
pidfile=$LAB_DIR/r1.pid
flags=(-s 10.77.0.1 -v 1 -a "$VIP" -r 1)

# as_daemon: the one in the pidfile
as_daemon() {
	PID[r1]=$(<"$pidfile")
	log_mark r1
}

fails r1 "$XCARP" -i eth0 "${flags[@]}" -p "$PASSWORD" -B --pidfile="$pidfile"
is "--daemonize: the parent's status" "$STATUS" 0
ok "the pidfile is there by then" test -s "$pidfile"
ok "the XDP program too" has_xdp r1
as_daemon
ok "it names a process" alive r1
is "which runs in the background" "$(ps -o tty= -p "${PID[r1]}" | tr -d ' ')" "?"
is "in a session of its own" "$(ps -o sid= -p "${PID[r1]}" | tr -d ' ')" "${PID[r1]}"
within 5 "and becomes MASTER" has_addr r1 "$VIP"
nok "its command line has no password" grep -qF "$PASSWORD" "/proc/${PID[r1]}/cmdline"
ok "but is otherwise all there" grep -qF -- "$VIP" "/proc/${PID[r1]}/cmdline"

before=$(snapshot r1)
fails r1 "$XCARP" -i eth0 "${flags[@]}" -p "$PASSWORD"
is "a second one on the same interface: status" "$STATUS" 1
like "it names the first's pid" "$ERROR" "(^|[^0-9])${PID[r1]}([^0-9]|\$)"
is "in one line" "$(wc -l <<<"$ERROR")" 1
unchanged "nothing is changed" r1 "$before"
ok "the first still runs" alive r1
ok "TERM ends it" stop r1 TERM
is "nothing is left" "$(left_on r1)" ""

before=$(snapshot r1)
for bad in "-i nosuch0" "--pidfile=$LAB_DIR/no/such/dir/pid"; do
	# shellcheck disable=SC2086 # an option and its value
	fails r1 "$XCARP" -i eth0 "${flags[@]}" -p "$PASSWORD" -B $bad
	is "--daemonize with $bad: status" "$STATUS" 1
	like "and why" "$ERROR" "${bad##*[ =]}"
	unchanged "nothing is changed" r1 "$before"
done

printf '%s\nsecond line\n' "$PASSWORD" >"$LAB_DIR/password"
mark=$(now_ms)
daemon r1 "$XCARP" -i eth0 "${flags[@]}" -o "$LAB_DIR/password"
within 5 "--passfile: adverts are signed with its first line" seen_since "$mark" 'advert 10.77.0.1 .*hmac=good'
stop r1 TERM

mark=$(now_ms)
daemon r1 "$XCARP" "${flags[@]}" -p "$PASSWORD"
within 5 "without --interface: the one that has the source address" seen_since "$mark" 'advert 10.77.0.1 .*hmac=good'
ok "it has the address" wait_for 2 has_addr r1 "$VIP"
kill_9 r1

# After kill -9 everything is still there.
ok "kill -9: the address stays" has_addr r1 "$VIP"
ok "the XDP program stays" has_xdp r1
program=$(xdp_id r1)
never 1 "its down time goes by" lacks_addr r1 "$VIP"
xcarp r1 -r 2
within 3 "started again: BACKUP" backup r1
within 3 "the address is taken away" lacks_addr r1 "$VIP"
ok "an XDP program is there" has_xdp r1
isnt "a new one" "$(xdp_id r1)" "$program"
within 5 "MASTER again" master r1
within 2 "with the address" has_addr r1 "$VIP"
ok "TERM ends it" stop r1 TERM
is "nothing is left" "$(left_on r1)" ""

# Another program's XDP.
cat >"$LAB_DIR/pass.c" <<-'C'
	__attribute__((section("xdp"), used)) int somebody_elses(void *ctx) { return 2; }
	__attribute__((section("license"), used)) char gpl[] = "GPL";
C
clang -O2 -g -target bpf -c "$LAB_DIR/pass.c" -o "$LAB_DIR/pass.o"
lab_run r1 ip link set dev eth0 xdpdrv obj "$LAB_DIR/pass.o" sec xdp
id=$(xdp_id r1)
before=$(snapshot r1)
fails r1 "$XCARP" -i eth0 "${flags[@]}" -p "$PASSWORD"
is "an XDP program is on the interface: status" "$STATUS" 1
like "the error has its id" "$ERROR" "(^|[^0-9])${id:-none}([^0-9]|\$)"
like "its name" "$ERROR" somebody_elses
like "and the interface" "$ERROR" eth0
unchanged "nothing is changed" r1 "$before"
lab_run r1 ip link set dev eth0 xdpdrv off
fails r1 "$XCARP" "${flags[@]/#10.77.0.1/10.77.0.7}" -p "$PASSWORD"
is "no interface has the source address: status" "$STATUS" 1
like "it is named" "$ERROR" '10\.77\.0\.7'
