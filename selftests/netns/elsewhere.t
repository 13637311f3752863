#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# An interface that is moved to another network namespace takes the program along, and there it is taken off: by whatever hook it
# is attached, whether that namespace has a name or only a process. If it cannot be done the log says why, and what does it.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 83
test_lab r1
lab_netns elsewhere

# away NAMESPACE: moves r1's eth0; a name, a process id or a path
away() {
	log_mark r1
	ip -n "$LAB-r1" link set eth0 netns "$1"
}

# back HOST: from there, as lab_plug had made it
back() {
	lab_run "$1" ip link set eth0 netns "/run/netns/$LAB-r1"
	ip -n "$LAB-r1" link set eth0 up
	ip -n "$LAB-r1" addr add 10.77.0.1/24 dev eth0
}

# left_elsewhere HOST: what is still on its eth0
left_elsewhere() {
	ip -n "$LAB-$1" link show dev eth0 >/dev/null || echo "no eth0"
	has_xdp "$1" && echo "an XDP program"
	has_tc "$1" && echo "a program at the ingress"
	[[ $(gro "$1") == off ]] || echo "GRO is on"
}

gro() {
	lab_run "$1" ethtool -k eth0 | sed -n 's/^generic-receive-offload: \([a-z]*\).*/\1/p'
}

# number HOST: of its eth0
number() {
	ip -n "$LAB-$1" -o link show dev eth0 | cut -d: -f1
}

# attached HOST: at either hook
attached() {
	has_xdp "$1" || has_tc "$1"
}

# alone_again: no process is at it any more
alone_again() {
	[[ -z $(pgrep -P "$(runner r1)") ]]
}

is_held() {
	[[ $(readlink "/proc/$HOLDER/ns/net") != "$(readlink /proc/self/ns/net)" ]]
}

# hold: a process in a network namespace without a name; it ends with us. HOLDER is its id.
hold() {
	setsid setpriv --pdeathsig KILL unshare --net sleep 600 </dev/null >/dev/null 2>&1 &
	HOLDER=$!
	wait_for 5 is_held
}

# name_it PATH: a namespace gets the name of a host of the lab, to look into it
name_it() {
	echo "$LAB-held" >>"$LAB_DIR/namespaces"
	touch "/run/netns/$LAB-held"
	mount --bind "$1" "/run/netns/$LAB-held"
}

let_go() {
	kill -KILL "$HOLDER" 2>/dev/null
	wait "$HOLDER" 2>/dev/null
	ip netns del "$LAB-held"
}

TAKEN_OFF='eth0 was moved to another network namespace: the program was taken off there'

# moves WHAT FLAGS...
moves() {
	local what=$1

	shift
	xcarp r1 -P -r 1 "$@"
	within 8 "$what: MASTER" master r1
	away "$LAB-elsewhere"
	within 5 "  moved to one with a name: taken off there" log_has r1 "$TAKEN_OFF"
	is "    so nothing is left on it" "$(left_elsewhere elsewhere)" ""
	within 5 "  nor a process" alone_again
	back elsewhere
	within 8 "  moved back: MASTER" master r1
	ok "    with the program" attached r1

	hold
	away "$HOLDER"
	within 5 "  moved to one that a process is in: taken off there" log_has r1 "$TAKEN_OFF"
	name_it "/proc/$HOLDER/ns/net"
	is "    so nothing is left on it" "$(left_elsewhere held)" ""
	back held
	let_go
	within 8 "  moved back: MASTER" master r1
	ok "    with the program" attached r1
	ok "  TERM ends it" stop r1 TERM
	is "    and nothing is left" "$(left_on r1)" ""
}

# stays WHAT REMEDY FLAGS...: only a file holds the namespace, and no way leads to a file of another process.
stays() {
	local what=$1 remedy=$2 file

	shift 2
	xcarp r1 -P -r 1 "$@"
	within 8 "$what: MASTER" master r1
	hold
	exec {file}<"/proc/$HOLDER/ns/net"
	kill -KILL "$HOLDER"
	wait "$HOLDER" 2>/dev/null
	away "/proc/self/fd/$file"
	within 5 "  moved to one that is not to be found: the log says so, with the way out" log_has r1 \
		"eth0 was moved to another .* could not be taken off there: no name in /run/netns leads there, and (no process is in it|not all processes .*); .$remedy.,? .*in that namespace"
	name_it "/proc/self/fd/$file"
	exec {file}<&-
	ok "    it is still there" attached held
	# Whatever else is on PATH.
	lab_run held env PATH="${XCARP%/*}:$PATH" sh -c "$remedy" 2>/dev/null
	nok "    that does it" attached held
	lab_run held ethtool -K eth0 gro off
	back held
	let_go
	within 8 "  moved back: MASTER" master r1
	ok "  TERM ends it" stop r1 TERM
	is "    and nothing is left" "$(left_on r1)" ""
}

moves "native" --xdp-mode=native
moves "generic" --xdp-mode=generic
moves "tc" --hook=tc

stays "native" 'ip link set dev eth0 xdp off' --xdp-mode=native
stays "generic" 'ip link set dev eth0 xdpgeneric off' --xdp-mode=generic
stays "tc" 'xcarp --cleanup' --hook=tc

# What a unit of systemd may lack.
daemon r1 setpriv --inh-caps=-sys_ptrace --bounding-set=-sys_ptrace \
	"$XCARP" -i eth0 -s 10.77.0.1 -v 1 -p "$PASSWORD" -a "$VIP" -P -r 1
within 8 "without CAP_SYS_PTRACE: MASTER" master r1
away "$LAB-elsewhere"
within 5 "  moved to one with a name: taken off there" log_has r1 "$TAKEN_OFF"
back elsewhere
within 8 "  moved back: MASTER" master r1
hold
away "$HOLDER"
within 5 "  moved to one that a process is in: the log says what is missing" log_has r1 \
	'could not be taken off there: no name .* which takes CAP_SYS_PTRACE; .ip link set dev eth0 xdp off'
name_it "/proc/$HOLDER/ns/net"
lab_run held ip link set dev eth0 xdp off
lab_run held ethtool -K eth0 gro off
back held
let_go
kill_9 r1
lab_run r1 "$XCARP" --cleanup 2>/dev/null

# Two processes share it; the number is another's where it goes.
xcarp r1 -P -r 1
within 8 "two processes: MASTER" master r1
lab_spawn r1 "$LAB_DIR/two.log" "$XCARP" -i eth0 -s 10.77.0.1 -v 2 -p "$PASSWORD" -a 10.77.0.102 -r 1 -P
two=$LAB_PID
within 8 "  and MASTER" grep -qs "state: MASTER" "$LAB_DIR/two.log"
ifindex=$(number r1)
ip -n "$LAB-elsewhere" link add first index "$ifindex" type bridge
away "$LAB-elsewhere"
both_tell() {
	local line='eth0 was moved to another network namespace: (the program was taken off there|no program of ours is left on it)$'

	log_has r1 "$line" && grep -qE "$line" "$LAB_DIR/two.log"
}
within 5 "  moved: one takes it off, and the other finds nothing, or the same" both_tell
is "    so nothing is left on it" "$(left_elsewhere elsewhere)" ""
isnt "    where its number is another" "$(number elsewhere)" "$ifindex"
back elsewhere
within 8 "  moved back: MASTER" master r1
ip -n "$LAB-elsewhere" link del first
kill "$two"

# In haste.
scripts=$(runner r1)
files=$(find "/proc/$scripts/fd" | wc -l)
for ((i = 0; i < 10; i++)); do
	away "$LAB-elsewhere"
	back elsewhere
done
within 20 "moved and back ten times: MASTER" master r1
within 10 "  with the program" attached r1
within 15 "  no process is left" alone_again
is "  nor a file" "$(find "/proc/$scripts/fd" | wc -l)" "$files"
away "$LAB-elsewhere"
ip -n "$LAB-elsewhere" link del eth0
within 5 "moved and removed: told" log_has r1 'eth0 was moved to another network namespace'
within 15 "  no process is left" alone_again
lab_plug r1
within 10 "  another one of its name: MASTER" master r1
lab_netns short
away "$LAB-short"
ip netns del "$LAB-short"
within 15 "moved to one that ends at once: told" log_has r1 'eth0 was moved to another network namespace'
within 15 "  no process is left" alone_again
wait_for 5 eval '! ip -n "$LAB-switch" link show dev r1 >/dev/null 2>&1'
lab_plug r1
within 10 "  another one of its name: MASTER" master r1

# Nobody to do it.
kill -KILL "$scripts"
within 5 "the script runner dies" log_has r1 'script runner .* has died'
away "$LAB-elsewhere"
within 5 "moved: told why it stays" log_has r1 'could not be taken off there: the script runner has died; .ip link set dev eth0 xdp off'
ok "  it does" has_xdp elsewhere
lab_run elsewhere ip link set dev eth0 xdp off
back elsewhere
within 8 "moved back: MASTER" master r1
ok "TERM ends it" stop r1 TERM
is "  and nothing is left" "$(left_on r1)" ""
