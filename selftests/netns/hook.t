#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# --hook: the program at the interface's ingress instead of at its XDP hook. It takes what is ours there and loses no offload;
# auto goes back to XDP while a flood lasts, and tells what XDP costs where it is used. Whatever is made for it is undone.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 69
test_lab r1 r2 client

# at HOST HOOK: where `interfaces` says that the program is
at() {
	bpftool map dump pinned "$(lab_pins "$1")/interfaces" 2>/dev/null | grep -q "\"hook\": \"HOOK_$2\""
}

at_tc() {
	at "$1" TCX || at "$1" CLSACT
}

lacks_xdp() {
	! has_xdp "$1"
}

# offload HOST NAME: of the other end of its veth pair
offload() {
	lab_run switch ethtool -k "$1" | sed -n "s/^$2: \([a-z]*\).*/\1/p"
}

gro() {
	lab_run "$1" ethtool -k eth0 | sed -n 's/^generic-receive-offload: \([a-z]*\).*/\1/p'
}

# forge COUNT RATE: wrong adverts with a better skew
forge() {
	lab_run client "$FRAMES" send eth0 "vips=$VIP" mutate=hmac src=10.77.0.66 "count=$1" "rate=$2" >/dev/null
}

is "before: the pair segments" "$(offload r1 tcp-segmentation-offload)" on

# By tc.
xcarp r1 -P -r 2 --hook=tc
xcarp r2 -r 2 -k 100 --hook=tc
within 8 "tc: the first router is MASTER" only_master r1 r1 r2
ok "its program is at the ingress" has_tc r1
ok "  as the maps say" at_tc r1
nok "  and not at the XDP hook" has_xdp r1
is "  and the pair still segments" "$(offload r1 tcp-segmentation-offload)" on
ok "a backup hears it" backup r2
forge 50 100
within 2 "forged adverts are refused" counted r1 bad_hmac 50
ok "  and move nothing" only_master r1 r1 r2
lab_unplug r1
within 8 "the interface gone: the other takes over" master r2
lab_plug r1
within 8 "the interface back: the first does" only_master r1 r1 r2
ok "  with its program there again" at_tc r1
kill_9 r1
within 8 "killed: the other takes over" master r2
fenced() { [[ $(lab_answers client 10.77.0.3 "$VIP" 500 60) == "$(mac r2 | tr -d :)" ]]; }
within 5 "  and the fence keeps the dead one from answering" fenced
xcarp r1 -P -r 2 --hook=tc
within 8 "started again: MASTER" only_master r1 r1 r2
ok "TERM ends it" stop r1 TERM
is "nothing is left" "$(left_on r1)" ""

# A successor that chooses otherwise. It has time to come.
stop r2 TERM
xcarp r2 -r 20 -k 100 --hook=tc
within 5 "the other one, in no hurry: BACKUP" backup r2
xcarp r1 -P -r 8 --hook=tc
within 8 "tc again: MASTER" only_master r1 r1 r2
kill_9 r1
xcarp r1 -P -r 8
within 2 "a successor by XDP goes on as MASTER" master r1
ok "  with XDP" has_xdp r1
nok "  and not tc" at_tc r1
kill_9 r1
xcarp r1 -P -r 8 --hook=tc
within 2 "one by tc goes on as MASTER" master r1
ok "  with tc" at_tc r1
within 2 "  and not XDP" lacks_xdp r1
never 1 "the other noticed nothing" master r2
ok "TERM ends it" stop r1 TERM
is "nothing is left" "$(left_on r1)" ""

# What XDP costs is told.
is "GRO is off" "$(gro r1)" off
xcarp r1 -P -r 2
within 8 "XDP: MASTER" only_master r1 r1 r2
ok "what it costs is told, with the way out" log_has r1 'eth0: .*takes TSO .*--hook=auto'
is "it does cost that" "$(offload r1 tcp-segmentation-offload)" off
is "GRO is on meanwhile" "$(gro r1)" on
status() { lab_run r1 "${XCARP%/*}/xcarpctl" status eth0/1; }
like "xcarpctl keeps saying it" "$(status)" 'hook +xdp-native: .*offloads'
ip -n "$LAB-r1" link set dev eth0 xdp off
within 5 "taken off by somebody: it is put back" has_xdp r1
is "  what it costs is not told again" "$(log_count r1 'takes TSO')" 1
ip -n "$LAB-r1" link set eth0 name eth7
within 3 "renamed: GRO is off again" eval '[[ $(lab_run r1 ethtool -k eth7) == *generic-receive-offload:\ off* ]]'
ip -n "$LAB-r1" link set eth7 name eth0
within 5 "and back: XDP, too" has_xdp r1
ok "TERM ends it" stop r1 TERM
is "GRO is off again" "$(gro r1)" off
is "and the pair segments" "$(offload r1 tcp-segmentation-offload)" on

# auto: on a veth that is tc, in peace.
xcarp r1 -P -r 8 --hook=auto
within 8 "auto: MASTER" only_master r1 r1 r2
ok "at the ingress" at_tc r1
nok "  and not at the XDP hook" has_xdp r1
is "which is told" "$(log_count r1 'eth0: --hook=auto: the program is at the tc hook')" 1
like "metrics have it" "$(lab_run r1 "${XCARP%/*}/xcarpctl" metrics)" 'xcarp_interface_hook\{interface="eth0",ifindex="[0-9]+",hook="(tcx|clsact)"\} 1'
like "xcarpctl says where" "$(status)" 'hook +(tcx|clsact)'
lab_spawn client "$LAB_DIR/flood.log" "$FRAMES" send eth0 "vips=$VIP" mutate=hmac src=10.77.0.66 count=400000 rate=40000
flood=$LAB_PID
within 15 "a flood: XDP comes in front" has_xdp r1
within 2 "  which is told" log_has r1 'eth0: a flood .*XDP program is put in front'
ok "  and the program is at both" at_tc r1
within 2 "xcarpctl says so" eval '[[ $(status) =~ in\ front ]]'
kill "$flood"
within 30 "it is over: XDP goes" lacks_xdp r1
ok "  which is told" log_has r1 'eth0: the flood is over'
ok "and it was MASTER all the time" only_master r1 r1 r2
lab_spawn client "$LAB_DIR/flood.log" "$FRAMES" send eth0 "vips=$VIP" mutate=hmac src=10.77.0.66 count=400000 rate=40000
flood=$LAB_PID
within 15 "once more a flood" has_xdp r1
kill "$flood"
kill_9 r1
xcarp r1 -P -r 8 --hook=auto
within 2 "killed in it: a successor goes on as MASTER" master r1
within 2 "  without XDP" lacks_xdp r1
ok "  at the ingress" at_tc r1
ok "TERM ends it" stop r1 TERM
is "nothing is left" "$(left_on r1)" ""

# Two processes with one interface: the first one's hook is everybody's.
xcarp r1 -P -r 2 --hook=tc
within 8 "tc: MASTER" only_master r1 r1 r2
lab_spawn r1 "$LAB_DIR/two.log" "$XCARP" -i eth0 -s 10.77.0.1 -v 2 -p "$PASSWORD" -a 10.77.0.102 -r 1
two=$LAB_PID
within 5 "another by XDP: it is told where the program is" grep -qs 'another process has attached the shared program at the tc hook' "$LAB_DIR/two.log"
within 5 "  and is MASTER of its own" grep -qs 'state: MASTER' "$LAB_DIR/two.log"
kill "$two"
ok "TERM ends the first" stop r1 TERM
within 5 "nothing is left" eval '[[ -z $(left_on r1) ]]'

# One that cannot open the other one's program cleans up after it all the same.
ip -n "$LAB-r1" link add x0 type veth peer name x1
ip -n "$LAB-r1" link set x0 up
ip -n "$LAB-r1" link set x1 up
lab_spawn r1 "$LAB_DIR/first.log" "$XCARP" -i x0 -s 10.77.1.1 -v 3 -p "$PASSWORD" -a 10.77.1.100 -r 1 --hook=tc
first=$LAB_PID
within 5 "one by tc on another interface" grep -q 'state: MASTER' "$LAB_DIR/first.log"
xcarp r1 -P -r 2
within 8 "another by XDP: MASTER" only_master r1 r1 r2
kill_9 r1
kill "$first"
within 5 "the second killed, the first ended: nothing is left" eval '[[ -z $(left_on r1) ]]'
is "  GRO is off" "$(gro r1)" off
