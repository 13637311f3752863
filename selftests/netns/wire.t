#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What adverts look like on the wire: default, --nomcast, --mcastip, --advert-mac, advbase and advskew.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 21
test_lab r1 client
wire client "vips=$VIP"

# sends NAME REGEX FLAGS...: a master with these flags sends adverts like that, and no other.
sends() {
	local name=$1 regex=$2 mark

	shift 2
	xcarp r1 -r 1 "$@"
	mark=$(now_ms)
	within 8 "$name" seen_since "$mark" "advert 10.77.0.1 $regex hmac=good"
	is "$name: no others" "$(adverts_since "$mark" | grep -vE "$regex")" ""
	stop r1 KILL
}

adverts_since() {
	on_wire 'advert ' | awk -v from="$1" '$1 * 1000 >= from'
}

ten_since() {
	(($(adverts_since "$1" | wc -l) >= 10))
}

mcast='dmac=01:00:5e:00:00:12'
sends "default" "vhid=1 advbase=1 advskew=0 demote=0 counter=[0-9a-f]{16} group=224.0.0.18 ttl=255 smac=00:00:5e:00:00:01 $mcast"
sends "--nomcast" 'vhid=1 .* group=224.0.0.18 .* dmac=ff:ff:ff:ff:ff:ff' -M
sends "--mcastip" 'vhid=1 .* group=239.192.3.4 .* dmac=01:00:5e:40:03:04' --mcastip=239.192.3.4
sends "--real-mac" "vhid=1 .* smac=$(mac r1) $mcast" --real-mac
sends "--advert-mac=bsd" "vhid=1 .* smac=00:00:5e:00:01:01 $mcast" --advert-mac=bsd
sends "--advert-mac=MAC" "vhid=1 .* smac=02:00:5e:10:00:01 $mcast" --advert-mac=02:00:5E:10:00:01
sends "numbers in octal and hexadecimal" "vhid=255 advbase=1 advskew=8 .* smac=00:00:5e:00:00:ff $mcast" -v 0xff -k 010
sends "--advbase" "vhid=1 advbase=2 advskew=250 .*" -b 2 --advskew=250

# Until a peer is heard the counter of every advert is a new one.
: >"$LAB_DIR/wire"
xcarp r1 -r 1
within 8 "three adverts" seen_times 3 'advert 10.77.0.1 vhid=1 advbase=1 '
is "with three counters" "$(on_wire 'advert 10.77.0.1 vhid=1 advbase=1 ' | head -n 3 | grep -o 'counter=[^ ]*' | sort -u | wc -l)" 3

# Less than a second apart.
stop r1 KILL
xcarp r1 -b 0 -k 26
mark=$(now_ms)
within 5 "--advbase=0: adverts after 3 x 26/256 s" seen_since "$mark" 'advert 10.77.0.1 .* advbase=0 advskew=26'
mark=$(now_ms)
within 5 "ten more" ten_since "$mark"
between "ms for ten" "$(adverts_since "$mark" | awk '!n++ { first = $1 } n == 10 { printf "%.0f", ($1 - first) * 1000 }')" 850 2000
