#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Thousands of virtual routers in one process: they elect, send evenly, fail over, reload and leave. MANY=65000 for more.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

N=${MANY:-2000} # one address each

plan 28
test_lab r1 r2 client

# vrouters HOST FLAGS...: its file
vrouters() {
	local host=$1

	shift
	perl -e '
		my ($n, $source, $flags) = @ARGV;
		print "default -i eth0 -s $source -p secret $flags\n";
		for my $i (0 .. $n - 1) {
			my ($group, $vhid) = (int($i / 255), $i % 255 + 1);
			printf "-m 239.7.%d.%d -v %d -a 10.%d.%d.%d/32\n", $group >> 8, $group & 255, $vhid,
				80 + ($i >> 16), $i >> 8 & 255, $i & 255;
		}
	' "$N" "$(address "$host")" "$*" >"$LAB_DIR/$host.conf"
}

# live HOST: `STATE adverts_sent accepted transitions` of each of its virtual routers
live() {
	bpftool -j map dump pinned "$(lab_pins "$1")/live" 2>/dev/null | perl -0777 -ne '
		while (/"formatted":\{[^{]*\{"accepted":(\d+),.*?"state":"(\w+)".*?"adverts_sent":(\d+),"transitions":(\d+).*?"claimed_by":(\w+)/gs) {
			print "$2 $3 $1 $4\n" if $5 ne "0";
		}'
}

# states_are HOST INIT BACKUP MASTER
states_are() {
	local host=$1

	shift
	[[ $(live "$host" | awk '{ n[$1]++ } END { printf "%d %d %d", n["INIT"], n["BACKUP"], n["MASTER"] }') == "$*" ]]
}

# sum HOST COLUMN: of live
sum() {
	live "$1" | awk -v column="$2" '{ sum += $column } END { printf "%d", sum }'
}

vips() {
	ip -n "$LAB-$1" -o -4 addr show dev eth0 | grep -c ' 10\.8[0-9]\.'
}

vips_are() {
	[[ $(vips "$1") == "$2" ]]
}

rss_kib() {
	awk '/^VmRSS:/ { print $2 }' "/proc/${PID[$1]}/status"
}

vrouters r1 -P -r 2
vrouters r2 -k 100 -r 2
daemon r1 "$XCARP" -c "$LAB_DIR/r1.conf"
within 20 "$N virtual routers are ready" log_has r1 "Ready: $N virtual routers"
within 20 "and become MASTER" states_are r1 0 0 "$N"
within 20 "each with its address" vips_are r1 "$N"
daemon r2 "$XCARP" -c "$LAB_DIR/r2.conf"
within 20 "the peer's are BACKUP" states_are r2 0 "$N" 0
began=$(now_ms) sent=$(sum r1 2) heard=$(sum r2 3) transitions=$(sum r2 4)
poll 4 false
sent=$(($(sum r1 2) - sent)) heard=$(($(sum r2 3) - heard)) took=$(($(now_ms) - began))
between "adverts a second in thousandths of the due" "$((sent * 1000 / took * 1000 / N))" 800 1200
between "of which the peer accepted" "$((heard * 1000 / took * 1000 / N))" 700 1200
is "and none of them took over" "$(sum r2 4)" "$transitions"
if [[ $XCARP == */asan/* ]]; then
	pass "memory is not measured with a sanitizer in it"
else
	between "KiB of memory" "$(rss_kib r1)" 1000 $((12000 + N))
fi

# Spread over their interval: nine of ten twentieths of a second have not many more than their share. The tenth may follow a moment
# in which the host let nobody run.
busy=$(
	lab_run client timeout 3 tcpdump -n -tt -B 8192 -i eth0 'ip proto 112 and src host 10.77.0.1' 2>/dev/null | awk '
		{ slot[sprintf("%.0f", int($1 * 20))]++ }
		END { for (s in slot) print slot[s] }' | sort -n | awk '{ all[NR] = $1 } END { print all[int(NR * 0.9)] + 0 }'
)
between "adverts in a busy 50 ms" "$busy" $((N / 20 - N / 100)) $((N / 10))

# A line changed and a line more.
sed -i "1000s/\$/ -k 1/" "$LAB_DIR/r1.conf"
echo "-v 1 -a 10.77.0.200" >>"$LAB_DIR/r1.conf"
log_mark r1
transitions=$(sum r1 4)
kill -HUP "${PID[r1]}"
within 10 "a reload: one new, one changed" log_has r1 "1 new, 1 changed, 0 removed, $((N - 1)) as they were"
diag "$(log_of r1 | grep 'read again')"
between "state changes: the new one's" "$(($(sum r1 4) - transitions))" 0 2
sed -i '$d' "$LAB_DIR/r1.conf"
log_mark r1
kill -HUP "${PID[r1]}"
within 10 "and away again" log_has r1 "0 new, 0 changed, 1 removed, $N as they were"

# All at once.
log_mark r2
kill_9 r1
within 20 "after kill -9, all of the peer's are MASTER" states_are r2 0 0 "$N"
within 20 "with all addresses" vips_are r2 "$N"
between "lines that tell of it" "$(log_count r2 'Switching to state: MASTER')" 200 $((N - 500))
within 5 "and how many more there were" log_has r2 'more lines of other virtual routers held back'

daemon r1 "$XCARP" -c "$LAB_DIR/r1.conf"
within 20 "restarted, it takes all of them back" states_are r1 0 0 "$N"
within 20 "with all addresses" vips_are r1 "$N"
within 20 "the peer has none" vips_are r2 0
within 20 "and is BACKUP" states_are r2 0 "$N" 0

kill -USR2 "${PID[r1]}"
within 20 "USR2: the peer has all of them" states_are r2 0 0 "$N"
within 20 "and then they come back" states_are r1 0 0 "$N"
ok "TERM ends it" stop r1 TERM 20
is "with status 0" "$STATUS" 0
is "no address is left" "$(vips r1)" 0
is "nor anything else" "$(left_on r1)" ""
within 10 "the peer had all bow-outs" states_are r2 0 0 "$N"
ok "the peer ends" stop r2 TERM 20
