#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The interface is there but not ours to use any more, the program is taken off it, messages about it are lost.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 59
test_lab r1 r2 client
wire client "vips=$VIP"

# xdp_on INTERFACE: of r1
xdp_on() {
	ip -n "$LAB-r1" -d link show dev "$1" | grep -q 'prog/xdp'
}

# xdp_off INTERFACE
xdp_off() {
	! xdp_on "$1"
}

fds() {
	find "/proc/${PID[r1]}/fd" -type l | wc -l
}

# settled HOST: it has handled all that was told to it before. Of what waits together, a signal may be read first.
settled() {
	local i

	for ((i = 1; i <= 2; i++)); do
		log_mark "$1"
		kill -USR1 "${PID[$1]}"
		wait_for 5 log_has "$1" '\[INFO\] [A-Z]+ on eth0 id 1$' || return 1
	done
}

# lose_messages: while r1 is stopped, more news than its socket holds.
lose_messages() {
	local i

	for ((i = 0; i < 15000; i++)); do
		echo addr add 10.99.0.1/32 dev lo
		echo addr del 10.99.0.1/32 dev lo
	done | ip -n "$LAB-r1" -batch -
}

xcarp r1 -P -r 2 --pidfile="$LAB_DIR/r1.pid"
xcarp r2 -r 2 -k 100
within 10 "the first router is MASTER, the second BACKUP" eval 'master r1 && backup r2'
within 5 "with the address" only_holder r1 r1 r2

# Renamed.
log_mark r2
start=$(now_ms)
ip -n "$LAB-r1" link set eth0 name eth7
within 3 "renamed: INIT" in_state r1 INIT
ok "the log has the new name" log_has r1 'eth0 was renamed to eth7'
within 2 "the address is gone from it" lacks_addr r1 "$VIP"
within 2 "the program too" xdp_off eth7
within 5 "it bowed out" seen_since "$start" 'advert 10.77.0.1 .*advbase=255 advskew=255 .*hmac=good'
within 5 "the other is MASTER" master r2
ok "because of that" log_has r2 'bowed out'
within 2 "with the address" only_holder r2 r1 r2
ip -n "$LAB-r1" link set eth7 name eth0
within 10 "renamed back: takes over again" only_master r1 r1 r2
within 5 "with the address" only_holder r1 r1 r2
ok "and the program" has_xdp r1

# Another program in the place of ours.
cat >"$LAB_DIR/pass.c" <<-'C'
	__attribute__((section("xdp"), used)) int somebody_elses(void *ctx) { return 2; }
	__attribute__((section("license"), used)) char gpl[] = "GPL";
C
clang -O2 -g -target bpf -c "$LAB_DIR/pass.c" -o "$LAB_DIR/pass.o"
log_mark r1
log_mark r2
start=$(now_ms)
ours=$(xdp_id r1)
lab_run r1 ip -force link set dev eth0 xdpdrv obj "$LAB_DIR/pass.o" sec xdp
theirs=$(xdp_id r1)
isnt "another program is on the interface" "$theirs" "$ours"
within 3 "the address is gone" lacks_addr r1 "$VIP"
within 3 "INIT" in_state r1 INIT
within 5 "it bowed out" seen_since "$start" 'advert 10.77.0.1 .*advbase=255 advskew=255 .*hmac=good'
within 5 "the other is MASTER" master r2
within 2 "with the address" only_holder r2 r1 r2
within 2 "the log has its id; its name is not told to whoever runs without privileges" log_has r1 \
	"\[ERROR\] .*XDP program id ${theirs:-none} \(name unknown\)"
is "the program is left alone" "$(xdp_id r1)" "$theirs"
lab_run r1 ip link set dev eth0 xdp off
within 15 "taken off again: takes over again" only_master r1 r1 r2
within 5 "with the address" only_holder r1 r1 r2
ok "and its program" has_xdp r1

# Ours just taken off.
log_mark r1
log_mark r2
lab_run r1 ip link set dev eth0 xdp off
within 5 "our program taken off: the log has it" log_has r1 'XDP program was taken off by somebody else'
within 5 "it comes back" has_xdp r1
never 3 "nothing changes at the first" log_has r1 'Switching to state'
nok "nor at the second" log_has r2 'Switching to state'
ok "the address is where it was" only_holder r1 r1 r2
heard=$(drops r1 | sed -n 's/^not_enabled=//p')
lab_run client "$FRAMES" send eth0 src=10.77.0.66 "vips=$VIP" mutate=version >/dev/null
within 3 "the program does its work" counted r1 not_enabled $((heard + 1))

# An address where none may be.
ok "the second is BACKUP" eval 'wait_for 5 settled r2; log_has r2 "BACKUP on eth0 id 1"'
log_mark r2
ip -n "$LAB-r2" addr add "$VIP/32" dev eth0
within 3 "the address added by hand to a backup: the log has it" log_has r2 "$VIP/32 is there though we are BACKUP: taking it off"
within 3 "and it is taken off" lacks_addr r2 "$VIP"
nok "without a change of state" log_has r2 'Switching to state'

# More messages than there is room for, and among them that the interface is gone.
for what in gone another; do
	log_mark r1
	kill -STOP "${PID[r1]}"
	lose_messages
	lab_unplug r1
	[[ $what == gone ]] || lab_plug r1
	log_mark r1
	kill -CONT "${PID[r1]}"
	within 10 "$what while stopped: messages were lost" log_has r1 'messages were lost'
	if [[ $what == gone ]]; then
		within 10 "$what: INIT" in_state r1 INIT
		within 10 "$what: the other is MASTER" master r2
		ok "$what: the process lives" alive r1
		lab_plug r1
	fi
	within 15 "$what: takes over on the new interface" only_master r1 r1 r2
	within 5 "$what: with the address" only_holder r1 r1 r2
	ok "$what: and the program" has_xdp r1
done

# Looking at the interface again and again costs no open file.
stop r2 TERM
settled r1
files=$(fds)
for ((i = 0; i < 25; i++)); do
	ip -n "$LAB-r1" link set eth0 promisc on alias "name $i"
	ip -n "$LAB-r1" link set eth0 promisc off
done
ok "news of the interface is handled" settled r1
between "files opened by 50 changes of it" $(($(fds) - files + 2)) 0 4
for ((i = 0; i < 5; i++)); do
	log_mark r1
	lab_unplug r1
	wait_for 5 in_state r1 INIT
	lab_plug r1
	wait_for 10 master r1
done
within 10 "taken out and put in five times: MASTER" master r1
settled r1
between "files opened by that" $(($(fds) - files + 2)) 0 4
ok "TERM ends it" stop r1 TERM
is "nothing is left" "$(left_on r1)" ""

# One of two virtual routers is another process's; that dies, and a third process is at the maps when it could be had.
for id in 1 2; do
	echo "-p $PASSWORD -i eth0 -s 10.77.0.1 -r 1 -P -v $id -a 10.77.0.10$id"
done >"$LAB_DIR/two.conf"
daemon r1 "$XCARP" -c "$LAB_DIR/two.conf"
within 8 "two virtual routers: MASTER" has_addr r1 10.77.0.102
lab_unplug r1
within 5 "the interface goes" log_has r1 'INIT \(eth0 id 2\)'
kill -STOP "${PID[r1]}"
lab_plug r1
lab_spawn r1 "$LAB_DIR/other.log" "$XCARP" -i eth0 -s 10.77.0.1 -v 2 -p "$PASSWORD" -r 1 -P -a 10.77.0.102
other=$LAB_PID
within 8 "  and another process has one of them" has_addr r1 10.77.0.102
kill -CONT "${PID[r1]}"
within 8 "  told" log_has r1 'virtual router 2 .* already belongs to process'
within 8 "  the other one is MASTER again" has_addr r1 10.77.0.101
log_mark r1
kill -KILL "$other"
wait "$other" 2>/dev/null
exec {lock}<"$(lab_pins r1)"
flock "$lock"
never 12 "the other process dies, and the maps are locked: MASTER still" log_has r1 'INIT \(eth0 id 1\)'
exec {lock}<&-
within 5 "  unlocked: it has both" log_has r1 'BACKUP \(eth0 id 2\)'
ok "TERM ends it" stop r1 TERM
