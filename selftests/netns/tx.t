#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# --tx: the same frames through AF_PACKET and AF_XDP, in the same order, and what happens where AF_XDP cannot be had or stops.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

TX_FRAMES=$TOP/build/tests/netns/tx_frames
[[ -x $TX_FRAMES ]] || lab_die "$TX_FRAMES is not there: run make tests"

plan 62
test_lab r1 r2 client
wire client "vips=$VIP"

# A new cable within one namespace: txa - txb. The queue of an old one is free only some time after its socket was closed.
cable() {
	ip -n "$LAB-client" link del txa 2>/dev/null
	ip -n "$LAB-client" link add txa type veth peer name txb
	for end in txa txb; do
		lab_run client sysctl -qw "net.ipv6.conf.$end.disable_ipv6=1" 2>/dev/null
		ip -n "$LAB-client" link set "$end" up
	done
	wait_for 5 carrier
}

carrier() {
	[[ $(ip -n "$LAB-client" -o link show txa) == *LOWER_UP* && $(ip -n "$LAB-client" -o link show txb) == *LOWER_UP* ]]
}

# frames WAY: what tx_frames says of it is in OUT; the frames that the other end saw, in $LAB_DIR/frames.WAY.
frames() {
	OUT=$(lab_run client timeout -s KILL 60 "$TX_FRAMES" "$1" txa txb 2>"$LAB_DIR/tx_frames.log")
	grep '^frame' <<<"$OUT" >"$LAB_DIR/frames.$1"
	OUT=$(grep -v '^frame' <<<"$OUT" | paste -sd ' ')
}

opens() {
	[[ $(lab_run client timeout 5 "$TX_FRAMES" reopen txa) == "opened 1 "* ]]
}

all='sent 1600 failed 0 Success heard 1600'
cable
frames packet
is "AF_PACKET: all frames arrive" "$OUT" "backend AF_PACKET $all"
frames bpf
is "BPF: all frames arrive" "$OUT" "backend BPF $all"
ok "byte for byte the same, in the same order" cmp "$LAB_DIR/frames.packet" "$LAB_DIR/frames.bpf"
frames mixed-bpf
is "begun and ended through AF_PACKET" "$OUT" "backend BPF backend AF_PACKET $all"
ok "no frame overtakes another" cmp "$LAB_DIR/frames.packet" "$LAB_DIR/frames.mixed-bpf"
frames down-bpf
is "the link goes down with frames queued, and up again" "$OUT" \
	"backend BPF sent 0 failed 12 No buffer space available backend BPF $all"
is "no stale frame is sent then" "$(diff "$LAB_DIR/frames.packet" "$LAB_DIR/frames.down-bpf")" ""
frames xsk
is "AF_XDP: all frames arrive" "$OUT" "backend AF_XDP $all"
ok "byte for byte the same, in the same order" cmp "$LAB_DIR/frames.packet" "$LAB_DIR/frames.xsk"
is "which are not one frame again and again" "$(sort -u "$LAB_DIR/frames.xsk" | wc -l)" 1410
within 5 "a moment later the queue can be had again" opens
cable
frames mixed
is "the backend changes with frames queued" "$OUT" "backend AF_XDP backend AF_PACKET $all"
ok "and no frame overtakes another" cmp "$LAB_DIR/frames.packet" "$LAB_DIR/frames.mixed"
cable
frames down
is "the link goes down with frames queued, and up again" "$OUT" \
	"backend AF_XDP backend AF_PACKET sent 0 failed 20 Network is down backend AF_PACKET backend AF_XDP $all"
is "no stale frame is sent then" "$(diff "$LAB_DIR/frames.packet" "$LAB_DIR/frames.down")" ""
is "the failure is one line" "$(grep -c 'Network is down; sending through AF_PACKET' "$LAB_DIR/tx_frames.log")" 1

# The queue is another's.
cable
lab_spawn client "$LAB_DIR/hold" "$TX_FRAMES" hold txa
holder=$LAB_PID
within 5 "another process takes the queue" grep -qs holding "$LAB_DIR/hold"
frames xsk
is "all frames arrive without it" "$OUT" "backend AF_PACKET $all"
ok "the same" cmp "$LAB_DIR/frames.packet" "$LAB_DIR/frames.xsk"
is "with one line that says so" "$(sed 's/^[^[]*//' "$LAB_DIR/tx_frames.log")" \
	"[WARNING] txa: AF_XDP: another socket has its first queue; sending through AF_PACKET"
is "trying in vain leaves nothing open" "$(lab_run client "$TX_FRAMES" reopen txa)" \
	"opened 0 (Device or resource busy), files 0, mappings 0"
kill -KILL "$holder"
wait "$holder" 2>/dev/null
within 5 "once it has ended, the queue can be had" opens
cable

# Gone.
frames gone
is "the interface is removed with frames queued" "$OUT" \
	"backend AF_XDP backend AF_PACKET sent 0 failed 12 No such device or address heard 0"
cable
frames gone-bpf
is "the same through BPF" "$OUT" "backend BPF backend BPF sent 0 failed 12 No such device heard 0"

# A controller.
xdp_socket() {
	grep -qF 'sending through AF_XDP' <(log_of "$1")
}


# sends_soon NAME
sends_soon() {
	local mark

	mark=$(now_ms)
	within 5 "$1" seen_since "$mark" 'advert 10.77.0.1 .*hmac=good'
}

xcarp r1 --tx=xsk -P -r 2
xcarp r2 -r 2 -k 100
within 10 "--tx=xsk: the first is MASTER, the second BACKUP" eval 'master r1 && backup r2'
ok "it sends through AF_XDP" xdp_socket r1
nok "the other, by default, does not" xdp_socket r2
nok "and says nothing of it" log_has r2 AF_XDP
ok "its program is on the interface too" has_xdp r1
sends_soon "its adverts are good"
within 5 "it has the address" only_holder r1 r1 r2
log_mark r2
never 3 "the other is content" log_has r2 'Switching to state'

# Its link.
log_mark r1
lab_cable r1 down
within 3 "without carrier: INIT" in_state r1 INIT
within 6 "the other is MASTER" master r2
lab_cable r1 up
within 10 "with carrier it takes over again" only_master r1 r1 r2
ip -n "$LAB-r1" link set eth0 down
within 3 "set down: INIT" in_state r1 INIT
ip -n "$LAB-r1" link set eth0 up
within 10 "set up, it takes over again" only_master r1 r1 r2
sends_soon "and sends"
nok "AF_XDP came through that" log_has r1 'AF_XDP:'

# Its interface.
log_mark r1
lab_unplug r1
within 5 "taken out: INIT" in_state r1 INIT
within 6 "the other is MASTER" master r2
lab_plug r1
within 15 "put in again: takes over" only_master r1 r1 r2
within 5 "and sends through AF_XDP" xdp_socket r1
sends_soon "really"
log_mark r1
ip -n "$LAB-r1" link set eth0 name eth7
within 5 "renamed: INIT" in_state r1 INIT
ip -n "$LAB-r1" link set eth7 name eth0
within 15 "renamed back: takes over" only_master r1 r1 r2
within 15 "through AF_XDP, once its old queue is free" xdp_socket r1

# Its end.
log_mark r2
start=$(now_ms)
ok "TERM ends it" stop r1 TERM
within 5 "it bowed out" seen_since "$start" 'advert 10.77.0.1 .*advbase=255 advskew=255 .*hmac=good'
within 5 "the other is MASTER" master r2
is "nothing is left" "$(left_on r1)" ""

# Without carrier and told to go on: the frames that AF_XDP would lose go through AF_PACKET, which loses them as well.
xcarp r1 --tx=xsk -S -P -r 2
within 10 "with --ignoreifstate: MASTER" master r1
within 5 "through AF_XDP" xdp_socket r1
lab_cable r1 down
within 5 "without carrier: through AF_PACKET" log_has r1 'AF_XDP: .*; sending through AF_PACKET'
within 3 "and no advert counts as sent" log_has r1 'cannot send adverts: no carrier'
lab_cable r1 up
sends_soon "with carrier its adverts are heard again"
stop r1 TERM

fails r1 "$XCARP" --tx=xdp -i eth0 -s 10.77.0.1 -v 1 -p "$PASSWORD" -a "$VIP"
is "--tx=xdp is refused" "$STATUS" 1
like "with what would be right" "$ERROR" '--tx xdp: must be auto, packet, bpf or xsk'
xcarp r1 --tx=packet -P -r 2
within 10 "--tx=packet: MASTER" master r1
nok "not a word of AF_XDP" log_has r1 AF_XDP
stop r1 TERM
mark=$(now_ms)
xcarp r1 --tx=bpf -P -r 2
within 10 "--tx=bpf: MASTER" master r1
sends_soon "its adverts are good"
