#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Adverts with a better skew that are wrong in one respect: none moves the master, each is counted for what it is.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

# mutation, its counter, further keys for the frames
kinds='
hmac      bad_hmac
password  bad_hmac
viplist   bad_hmac
vhid      pass_no_vrouter
group     pass_no_vrouter
ttl       bad_ttl
ipcsum    bad_ip_checksum
csum      bad_checksum
version   not_enabled
type      bad_type
authlen   pass_vrrp
vrrp3     pass_vrrp
truncate  truncated
length    bad_length
fragment  fragment
none      own_source         src=10.77.0.1'

plan $(($(grep -c . <<<"$kinds") * 2 + 17))
test_lab r1 client
wire client "vips=$VIP"

# spoof KEY=VALUE...: from the client, with a better skew than the master's
spoof() {
	lab_run client "$FRAMES" send eth0 "vips=$VIP" "$@"
}

xcarp r1 -r 1 -k 100
within 6 "MASTER" master r1
# With a valid peer about, what is refused does not hide behind a first advert.
spoof src=10.77.0.66 advskew=200 >/dev/null
within 2 "a valid, worse advert is accepted" counted r1 accepted 1
ok "and changes nothing" master r1

while read -r mutation counter extra; do
	[[ $mutation ]] || continue
	before=$(drops r1)
	# shellcheck disable=SC2086 # none or one
	spoof "mutate=$mutation" count=50 rate=50 $extra >/dev/null
	moved=$(diff <(echo "$before") <(drops r1) | sed -n 's/^[<>] //p' | awk -F= '
		$1 in first { printf "%s+%d ", $1, $2 - first[$1] }
		{ first[$1] = $2 }')
	is "$mutation${extra:+ with $extra}: 50 of them are counted" "$moved" "$counter+50 "
	ok "and move nothing" master r1
done <<<"$kinds"
within 5 "what nobody had to sign is told, with where and from whom" log_has r1 'Malformed adverts refused: [0-9]+, the last from 10\.77\.0\.[0-9]+ \(bad_ttl[,)]'
is "INIT, BACKUP, MASTER, and nothing since" "$(log_count r1 'Switching to state')" 3
ok "and has the address" has_addr r1 "$VIP"

# The log while 1000 forged adverts a second come in.
log_mark r1
spoof src=10.77.0.68 mutate=hmac count=4000 rate=1000 >/dev/null
lines=$(log_of r1 | wc -l)
between "log lines in 4 s of them" "$lines" 1 3
like "how many there were is in status" "$(lab_run r1 "${XCARP%/*}/xcarpctl" status eth0/1)" 'bad_hmac [4-9][0-9]{3}, the last from 10\.77\.0\.68'
is "still MASTER" "$(log_count r1 'Switching to state')" 0
between "it has burnt little on them, ticks" "$(awk '{ print $14 + $15 }' "/proc/${PID[r1]}/stat")" 0 100

# A good one.
log_mark r1
sent=$(spoof src=10.77.0.67 advskew=1)
sent=$((${sent/./} / 1000))
within 2 "one good advert, better: BACKUP" seen_state r1 BACKUP
between "after ms" $(($(state_ms r1 BACKUP) - sent)) 0 900
within 2 "the address is gone" lacks_addr r1 "$VIP"
within 2 "it had the last word" seen_since "$sent" 'advert 10.77.0.1 '

# The map as a person sees it.
within 4 "MASTER again" master r1
live=$(bpftool map dump pinned "$(lab_pins r1)/live")
like "live: the state has its name" "$live" '"state": "MASTER"'
like "live: the interface too" "$live" '"interface": .*eth0'
