#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# virtio with a host's offloads: what each hook takes away is said and comes back, and one TCP stream goes on under all of them.
# What is left of its throughput goes into the table: a figure only on a machine whose clock counts instructions (VM_ICOUNT).
#
#	near: eth0 ------ wire ------ eth0 :far
#
# vm: seconds=600 nics=virtio-offload,virtio-offload

export XCARP=/usr/local/sbin/xcarp
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=scripts/bench/streams.sh
. scripts/bench/streams.sh

[[ ${NICS-} ]] || { echo "1..0 # SKIP no pair of NICs in this machine"; exit; }

# give HOST NIC ADDRESS: the host is a namespace with that NIC alone.
give() {
	lab_netns "$1"
	ip link set dev "$2" netns "$LAB-$1" name eth0 || lab_die "cannot move $2"
	ip -n "$LAB-$1" addr add "$3" dev eth0
	ip -n "$LAB-$1" link set eth0 up
}

features_are() {
	diff <(lab_run near ethtool -k eth0) "$LAB_DIR/without.features"
}

plan 13
test_lab
read -ra nics <<<"$NICS"
give near "${nics[0]}" 10.79.0.1/24
give far "${nics[1]}" 10.79.0.2/24
within 30 "the two hear each other" lab_run far ping -c 1 -W 1 -q 10.79.0.1

# The first stream begins slowly.
stream 1 >/dev/null
streams_rounds "${ROUNDS:-1}" "${SECONDS_A_STREAM:-2}" without tc auto native without-again
like "$(cat "$LAB_DIR/without.features")" 'tcp-segmentation-offload: on' "this virtio segments"
for hook in tc auto native; do
	isnt "$(streams_nth "$LAB_DIR/$hook.rates" 0 3)" 0.000 "$hook: the stream goes on"
done
for hook in tc auto; do
	ok "$hook takes no feature away" diff "$LAB_DIR/without.features" "$LAB_DIR/$hook.features"
	nok "and nothing is said of one" grep -q 'away' "$LAB_DIR/$hook.log"
done
ok "auto says that it took tc" grep -q 'the program is at the tc hook' "$LAB_DIR/auto.log"
ok "native: what its driver stops is said" grep -q 'takes .* away, so all traffic is slower' "$LAB_DIR/native.log"
ok "with the way out" grep -q 'hook=auto avoids that' "$LAB_DIR/native.log"
within 10 "all features are there in the end" features_are
note="one TCP stream, of that without:"
for hook in tc auto native without-again; do
	note+=" $hook $(streams_nth "$LAB_DIR/$hook.ratios" 1 3) ($(streams_nth "$LAB_DIR/$hook.ratios" 0 3) to $(streams_nth "$LAB_DIR/$hook.ratios" 2 3))"
done
echo "# note: $note"
