#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Example up script, run after xcarp has become master:
#
#	vip-up.sh INTERFACE VIP [NETWORK]
#
# XCARP_VIPS holds all virtual addresses with their lengths, XCARP_VHID the virtual router's id. The addresses are on the
# interface already. A script may run twice in a row, or be cut short, so each step has to stand being done again.

set -eu
interface=$1
vip=$2
network=${3-} # xcarp -x

logger -t vip-up -- "$interface: master of $vip (id ${XCARP_VHID-?})" || true

# Where this host talks to that network itself, it does so from the virtual address.
[ -z "$network" ] || ip route replace "$network" dev "$interface" src "$vip"

# With --no-vip the addresses are this script's business:
#
#	for address in $XCARP_VIPS; do
#		ip address replace "$address" dev "$interface"
#	done
