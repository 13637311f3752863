#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Between the end of a controller and its successor the host changes: the network is restarted, interfaces are made anew. What
# the maps say of addresses and interfaces is not believed, the host is asked.

# shellcheck disable=SC2016 # eval sees to it
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 49
test_lab r1 r2
ADOPTED='Adopted: going on as MASTER, last advert [0-9.]+ s ago'
RUNS_SCRIPT='Adopted, but 10\.77\.0\.100 is on no interface: running the up script'
pins=$(lab_pins r1)

# The script has the address where this says, with the length it says.
place() {
	echo "$1" >"$LAB_DIR/place"
}
hook up <<-'EOF'
	read -r length device <"$LAB_DIR/place"
	ip addr add "$2/$length" dev "$device"
	echo up >>"$LAB_DIR/calls"
EOF
hook down <<-'EOF'
	read -r length device <"$LAB_DIR/place"
	ip addr del "$2/$length" dev "$device"
	echo down >>"$LAB_DIR/calls"
EOF
: >"$LAB_DIR/calls"
scripted=(-P -z -r 15 --no-vip -u "$LAB_DIR/up" -d "$LAB_DIR/down")
managed=(-P -r 15)

# calls_are WORD...: what the scripts have done since the last forget_calls
calls_are() {
	[[ $(paste -sd' ' "$LAB_DIR/calls") == "$*" ]]
}
forget_calls() {
	: >"$LAB_DIR/calls"
}

# The master of a long down time, but not so long a start.
first() {
	xcarp r1 "$@"
	wait_for 10 log_has r1 'Switching to state: BACKUP'
	"${XCARP%/*}/xcarpctl" -n "$LAB-r1" promote 1 -w 5 >/dev/null
	"${XCARP%/*}/xcarpctl" -n "$LAB-r1" release 1 >/dev/null
	wait_for 5 has_addr r1 "$VIP"
}

# What a restart of the network does.
restart_network() {
	ip -n "$LAB-r1" addr flush dev eth0
	ip -n "$LAB-r1" link set eth0 down
	ip -n "$LAB-r1" link set eth0 up
	ip -n "$LAB-r1" addr add 10.77.0.1/24 dev eth0
	wait_for 5 eval '[[ $(ip -n "$LAB-r1" link show dev eth0) == *LOWER_UP* ]]'
}

held() {
	bpftool -j map dump pinned "$pins/vips" | sed -n 's/.*"held": *\([01]\).*/\1/p'
}

# The address is the script's.
place "24 eth0"
ok "--no-vip: MASTER, the script has added the address" first "${scripted[@]}"
xcarp r2 -k 100 -r 15
within 10 "the peer is BACKUP" backup r2
log_mark r2
within 10 "the script has ended" eval 'log_has r1 "up\] ended after"'
forget_calls
kill_9 r1
xcarp r1 "${scripted[@]}"
within 10 "killed, started again: adopted" log_has r1 "$ADOPTED"
never 1 "the address is there: the script does not run" grep -q . "$LAB_DIR/calls"
kill_9 r1
restart_network
nok "killed, and the network restarted: the address is gone" has_addr r1 "$VIP"
xcarp r1 "${scripted[@]}"
within 10 "adopted" log_has r1 "$ADOPTED"
within 10 "the script has put the address back" has_addr r1 "$VIP"
ok "which is told" log_has r1 "$RUNS_SCRIPT"
within 10 "it ran once" calls_are up
within 10 "and to its end" log_has r1 'up\] ended after'
kill_9 r1
forget_calls
xcarp r1 "${scripted[@]}"
within 10 "adopted once more" log_has r1 "$ADOPTED"
never 1 "there is nothing more to run" grep -q . "$LAB_DIR/calls"
is "the peer has seen nothing of all that" "$(log_of r2)" ""
ok "it ends" stop r1 TERM
ok "with its down script" calls_are down
within 10 "the peer is MASTER" master r2
ok "it ends too" stop r2 TERM

# A script may have the address anywhere.
place "32 lo"
forget_calls
ok "a script that has the address on lo: MASTER" first "${scripted[@]}"
within 10 "the script has ended" eval 'log_has r1 "up\] ended after"'
forget_calls
kill_9 r1
restart_network
xcarp r1 "${scripted[@]}"
within 10 "killed, and the network restarted: adopted" log_has r1 "$ADOPTED"
never 1 "the address is still there: the script does not run" grep -q . "$LAB_DIR/calls"
ok "it ends" stop r1 TERM

# The address is ours.
ok "without --no-vip: MASTER" first "${managed[@]}"
kill_9 r1
restart_network
nok "killed, and the network restarted: the address is gone" has_addr r1 "$VIP"
xcarp r1 "${managed[@]}"
within 10 "adopted" log_has r1 "$ADOPTED"
within 10 "the address is added" has_addr r1 "$VIP"
ok "which is told" log_has r1 "Adopted without $VIP/32: adding it"

# The interface was made anew, with its number.
index=$(ip -n "$LAB-r1" -o link show dev eth0 | cut -d: -f1)
mac=$(mac r1)
kill_9 r1
lab_unplug r1
ip -n "$LAB-r1" link add eth0 index "$index" address "$mac" type veth peer name r1 netns "$LAB-switch"
ip -n "$LAB-switch" link set r1 master br0 up
ip -n "$LAB-r1" addr add 10.77.0.1/24 dev eth0
ip -n "$LAB-r1" link set eth0 up
wait_for 5 eval '[[ $(ip -n "$LAB-r1" link show dev eth0) == *LOWER_UP* ]]'
xcarp r1 "${managed[@]}"
within 10 "an interface of the same name and number: MASTER" master r1
within 10 "the address is on it" has_addr r1 "$VIP"
within 10 "the program is on it" has_xdp r1
xcarp r2 -k 100 -r 15
never 4 "the peer hears a master" master r2
lab_run r2 "$FRAMES" send eth0 vhid=1 "vips=$VIP" src=10.77.0.2 mutate=version >/dev/null
within 10 "and what arrives there is seen" eval '(($(drops r1 | sed -n "s/^not_enabled=//p")))'
ok "the peer ends" stop r2 TERM

# The number is another interface's.
kill_9 r1
lab_unplug r1
ip -n "$LAB-r1" link add eth1 index "$index" type veth peer name r1 netns "$LAB-switch"
ip -n "$LAB-switch" link set r1 master br0 up
ip -n "$LAB-r1" addr add 10.77.0.1/24 dev eth1
ip -n "$LAB-r1" link set eth1 up
wait_for 5 eval '[[ $(ip -n "$LAB-r1" link show dev eth1) == *LOWER_UP* ]]'
daemon r1 "$XCARP" -i eth1 -s 10.77.0.1 -v 1 -p "$PASSWORD" -a "$VIP" "${managed[@]}"
within 10 "another interface has the number: BACKUP there" backup r1
nok "nothing is adopted" log_has r1 Adopted
ok "it ends" stop r1 TERM
lab_unplug r1
lab_plug r1

# Whose the address is changes with who adopts.
place "32 eth0"
ok "--no-vip: MASTER, with its script" first "${scripted[@]}"
is "the address is not noted as ours" "$(held)" 0
kill_9 r1
xcarp r1 -P -r 3
within 10 "a successor that sees to the address itself adopts" log_has r1 "$ADOPTED"
within 10 "it is noted as ours" eval '[[ $(held) == 1 ]]'
kill_9 r1
daemon r1 "$XCARP" -i eth0 -s 10.77.0.1 -v 2 -p "$PASSWORD" -a 10.77.0.102 -r 3
within 10 "which dies, too: nobody comes, and the address is taken off" lacks_addr r1 "$VIP"
ok "the one that took it off ends" stop r1 TERM

# A process that runs adopts at a reload.
forget_calls
printf '%s\n' "-i eth0 -s 10.77.0.1 -p $PASSWORD -v 2 -a 10.77.0.102" >"$LAB_DIR/routers"
log_mark file
lab_spawn r1 "$LAB_DIR/file.log" "$XCARP" -c "$LAB_DIR/routers"
PID[file]=$LAB_PID
ok "one process of a file, another with --no-vip: MASTER" first "${scripted[@]}"
within 10 "its script has run" eval 'log_has r1 "up\] ended after"'
forget_calls
kill_9 r1
ip -n "$LAB-r1" addr del "$VIP/32" dev eth0
echo "-i eth0 -s 10.77.0.1 -p $PASSWORD -v 1 -a $VIP ${scripted[*]}" >>"$LAB_DIR/routers"
kill -HUP "${PID[file]}"
within 10 "the address is gone, the file is read again: adopted" log_has file "$ADOPTED"
within 10 "the script has put the address back" has_addr r1 "$VIP"
ok "it ran once" calls_are up
ok "it ends" stop file TERM
