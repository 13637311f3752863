#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Example down script, run after xcarp has stopped being master, at its start (but with -n not) and, with -z, when a
# master exits:
#
#	vip-down.sh INTERFACE VIP [NETWORK]
#
# xcarp has taken the addresses off the interface already. At the start there is nothing to undo, and that is no error.

set -eu
interface=$1
vip=$2
network=${3-} # xcarp -x

logger -t vip-down -- "$interface: not master of $vip (id ${XCARP_VHID-?})" || true

# The kernel drops a route together with its source address; this is for --no-vip.
[ -z "$network" ] || ip route del "$network" dev "$interface" src "$vip" 2>/dev/null || true

# With --no-vip the addresses are this script's business:
#
#	for address in $XCARP_VIPS; do
#		ip address del "$address" dev "$interface" 2>/dev/null || true
#	done
