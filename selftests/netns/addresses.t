#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The addresses of a master: put back when removed, several, with a prefix length, and none at all with --no-vip.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 138
test_lab r1 client
wire client "vips=$VIP,10.77.0.101,10.77.0.9"

# addr_len ADDR: with which prefix length the master has it
addr_len() {
	ip -n "$LAB-r1" -o -4 addr show dev eth0 | sed -n "s|.* $1/\([0-9]*\) .*|\1|p"
}

all_back() {
	has_addr r1 "$VIP" && has_addr r1 10.77.0.101 && has_addr r1 10.77.0.9
}

# first_is ADDR: from which the host sends to its network
first_is() {
	[[ $(ip -n "$LAB-r1" -4 route get 10.77.0.200) == *" src $1 "* ]]
}

# A later -a joins the first; 10.77.0.9 sorts before it as a number and after it as text.
xcarp r1 -r 1 -a 10.77.0.101/24 -a 10.77.0.9/32
within 5 "MASTER" master r1
for vip in "$VIP" 10.77.0.101 10.77.0.9; do
	within 5 "it has $vip" has_addr r1 "$vip"
	within 5 "and announces it" seen "announce $vip smac=$(mac r1) dmac=ff:ff:ff:ff:ff:ff"
done
is "prefix length as given" "$(addr_len 10.77.0.101)" 24
is "prefix length where none was given" "$(addr_len "$VIP")" 32
within 5 "adverts are signed for all of them" seen 'advert 10.77.0.1 .*hmac=good'
nok "each of them" seen 'advert 10.77.0.1 .*hmac=bad'

for vip in "$VIP" 10.77.0.101; do
	mark=$(now_ms)
	ip -n "$LAB-r1" addr del "$vip/$(addr_len "$vip")" dev eth0
	within 1 "$vip removed by hand: put back" has_addr r1 "$vip"
	within 2 "and announced" seen_since "$mark" "announce $vip "
done
ip -n "$LAB-r1" addr flush dev eth0 scope global
within 2 "all removed: all put back" all_back
ip -n "$LAB-r1" addr add 10.77.0.1/24 dev eth0
within 2 "the host's own comes second, and is the first of its network again" first_is 10.77.0.1
within 2 "with ours as they were" all_back
ok "still MASTER" master r1
ok "it ends" stop r1 TERM
is "nothing is left" "$(left_on r1)$(addr_len 10.77.0.101)$(addr_len 10.77.0.9)" ""

# As of a host that has its address by DHCP, after another one: it is prolonged again and again.
ip -n "$LAB-r1" addr flush dev eth0 scope global
ip -n "$LAB-r1" addr add 10.77.0.50/24 dev eth0
ip -n "$LAB-r1" addr add 10.77.0.1/24 dev eth0
xcarp r1 -r 1 -a 10.77.0.101/24
within 5 "behind an address that is not ours: MASTER" master r1
within 5 "  with its own" has_addr r1 10.77.0.101
ip -n "$LAB-r1" addr change 10.77.0.1/24 dev eth0 valid_lft 3600 preferred_lft 3600
never 1 "the host's own is prolonged: ours stay where they are" log_has r1 'change places'
ok "it ends" stop r1 TERM
ip -n "$LAB-r1" addr del 10.77.0.50/24 dev eth0

# Two processes do so at once, in the kernel's own time.
two() {
	has_addr r1 10.77.0.101 && has_addr r1 10.77.0.102
}
slowly SLOW_ADDRESS_MS=300 xcarp r1 -r 1 -a 10.77.0.101/24
slowly SLOW_ADDRESS_MS=600 lab_spawn r1 "$LAB_DIR/two.log" "$XCARP" -i eth0 -s 10.77.0.1 -v 2 -p "$PASSWORD" -a 10.77.0.102/24 -r 1
slow=$LAB_PID
within 8 "two processes, MASTER both" two
ip -n "$LAB-r1" addr flush dev eth0 scope global
within 5 "  all removed: all put back" two
ip -n "$LAB-r1" addr add 10.77.0.1/24 dev eth0
within 5 "  the host's own becomes the first again" first_is 10.77.0.1
never 2 "  and is not taken along by either" lacks_addr r1 10.77.0.1
kill "$slow"
ok "it ends" stop r1 TERM

# Where what keeps the others cannot be set: own addresses come first, and nothing of theirs goes along.
r1() {
	ip -n "$LAB-r1" "$@"
}

# own_is_whole: with its lifetime, and the routes that have it as their source or go through its network.
own_is_whole() {
	local addresses routes

	addresses=$(r1 -o -4 addr show dev eth0)
	routes=$(r1 -4 route)
	[[ $addresses == *" 10.77.0.1/24 brd 10.77.0.255 scope global dynamic eth0"*"valid_lft 3"???sec* ]] &&
		[[ $addresses != *" 10.77.0.1/32 "* && $routes == *"default via 10.77.0.254 "* ]] &&
		[[ $routes == *"10.9.0.0/16 via 10.77.0.253 dev eth0 src 10.77.0.1"* && $routes == *"10.77.0.0/24 dev eth0 proto kernel"* ]]
}

own_comes() {
	r1 addr add 10.77.0.1/24 brd + dev eth0 valid_lft 3999 preferred_lft 3999
	r1 route add default via 10.77.0.254
	r1 route add 10.9.0.0/16 via 10.77.0.253 src 10.77.0.1
}

own_goes() {
	r1 addr flush dev eth0 scope global
}

# walled FLAGS...: without a writable /proc/sys
walled() {
	daemon r1 unshare -m sh -c 'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$@"' sh \
		"$XCARP" -i eth0 -s 10.77.0.1 -v 1 -p "$PASSWORD" -r 1 "$@"
}

lab_run r1 sysctl -qw net.ipv4.conf.all.promote_secondaries=0 net.ipv4.conf.eth0.promote_secondaries=0
walled -a 10.77.0.101/24
within 8 "without a writable /proc/sys: MASTER" master r1
own_goes
within 3 "  all removed: put back" has_addr r1 10.77.0.101
own_comes
within 3 "  the host's own is the first again" first_is 10.77.0.1
within 3 "  and whole" own_is_whole
within 3 "  with the virtual address behind it" has_addr r1 10.77.0.101
kill -STOP "${PID[r1]}"
own_goes
r1 addr add 10.77.0.101/24 dev eth0
own_comes
kill -CONT "${PID[r1]}"
within 3 "  it came second while the process was stopped: it is the first" first_is 10.77.0.1
r1 addr del 10.77.0.101/24 dev eth0
within 3 "  put back" has_addr r1 10.77.0.101

# As nobody looks: the virtual address is before the host's own when it is to go.
kill_9 r1
own_goes
r1 addr add 10.77.0.101/24 dev eth0
own_comes
ok "  the virtual address is the first" first_is 10.77.0.101
lab_run r1 unshare -m sh -c 'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$@"' sh \
	"$XCARP" --cleanup 2>/dev/null
ok "  --cleanup takes it off" lacks_addr r1 10.77.0.101
within 3 "  and the host's own is whole" own_is_whole
own_goes
r1 addr add 10.77.0.101/24 dev eth0
own_comes
walled -a 10.77.0.101/24 -r 3
within 8 "  at the start it is taken off, and put behind" eval 'master r1 && has_addr r1 10.77.0.101'
ok "  the host's own is the first" first_is 10.77.0.1
ok "  and whole" own_is_whole
kill_9 r1
own_goes
r1 addr add 10.77.0.101/24 dev eth0
own_comes
walled -a 10.77.0.101/24 -r 3
within 8 "  adopted while it is the first" log_has r1 'Adopted'
within 3 "  the host's own is the first again" first_is 10.77.0.1
within 3 "  and whole" own_is_whole
ok "it ends" stop r1 TERM

# As wide as a virtual address may be; own ones of that network come later.
sends_wide_from() {
	[[ $(r1 -4 route get 10.77.9.9) == *" src $1 "* ]]
}

own_goes
own_comes
walled -a 10.77.0.101/16
within 8 "of a wider network: MASTER" master r1
within 3 "  with its address" has_addr r1 10.77.0.101
r1 addr add 10.77.5.5/16 dev eth0
within 3 "  the host gets one of that network, which is the first of it" sends_wide_from 10.77.5.5
ok "it ends" stop r1 TERM
within 3 "  without the virtual address" lacks_addr r1 10.77.0.101
ok "  the host's own are there" eval 'own_is_whole && has_addr r1 10.77.5.5'
r1 addr del 10.77.5.5/16 dev eth0

# Without a network of its own an address is a source as well, if it is the first on its interface.
multicast_from() {
	[[ $(r1 -4 route get 224.0.0.99 oif eth0) == *" src $1 "* ]]
}

xcarp r1 -r 1
within 8 "one of 32 bits: MASTER" master r1
own_goes
within 3 "  all removed: put back" has_addr r1 "$VIP"
own_comes
within 3 "  the host's own is what multicast is sent from" multicast_from 10.77.0.1
within 3 "  with the virtual address behind it" has_addr r1 "$VIP"
ok "it ends" stop r1 TERM
ip -n "$LAB-r1" addr flush dev eth0 scope global
ip -n "$LAB-r1" addr add 10.77.0.1/24 dev eth0

# protocol ADDRESS: of an address of r1, as the kernel tells it; iproute2 before 6.15 does not show it.
protocol() {
	# shellcheck disable=SC2016 # Perl's
	lab_run r1 perl -MSocket=inet_pton -e '
		my $family = $ARGV[0] =~ /:/ ? 10 : 2;
		my $wanted = inet_pton($family, $ARGV[0]);
		my ($s, $buffer);
		socket($s, 16, 3, 0) && send($s, pack("LSSLL CCCCL", 24, 22, 0x301, 1, 0, $family, 0, 0, 0, 0), 0) or die;
		while (recv($s, $buffer, 65536, 0), length $buffer) {
			while (length $buffer) {
				my ($len, $type) = unpack "LS", $buffer;
				exit if $type != 20;
				my ($message, %attr) = substr $buffer, 0, $len;
				for (my $at = 24; $at < $len; ) {
					my ($size, $kind) = unpack "SS", substr $message, $at, 4;
					$attr{$kind} = substr $message, $at + 4, $size - 4;
					$at += ($size + 3) & ~3;
				}
				print unpack("C", $attr{11} // "\0"), "\n" if ($attr{2} // $attr{1}) eq $wanted;
				$buffer = substr $buffer, ($len + 3) & ~3;
			}
		}' "$1"
}

# labelled LABEL N
labelled() {
	[[ $(r1 -o -4 addr show label "eth0:$1" | wc -l) == "$2" ]]
}

has_addr6() {
	r1 -o -6 addr show dev eth0 | grep -q " $1/.* deprecated"
}

r1 addr add fd00:77::1/64 dev eth0 nodad
xcarp r1 -r 1 -a fd00:77::101 -a fd00:77::102/64 -a 10.77.0.101/24 --label=ucarp
within 8 "IPv6, and a label: MASTER" master r1
within 3 "  IPv6 addresses are deprecated" has_addr6 fd00:77::101
within 3 "  with any length" has_addr6 fd00:77::102
like "  the host sends from its own" "$(r1 -6 route get fd00:77::200)" ' src fd00:77::1 '
within 3 "  IPv4 ones have the label" labelled ucarp 2
for vip in "$VIP" 10.77.0.101 fd00:77::101 fd00:77::102; do
	is "  $vip is of protocol 112" "$(protocol "$vip")" 112
done
is "  the host's own of none" "$(protocol 10.77.0.1) $(protocol fd00:77::1)" "0 0"
r1 addr del 10.77.0.101/24 dev eth0
within 3 "  put back with the label" labelled ucarp 2
ok "it ends" stop r1 TERM
like "the prefix route of IPv6 stays" "$(r1 -6 route show fd00:77::/64)" 'fd00:77::/64 dev eth0'
is "and the own address alone" "$(r1 -o -6 addr show dev eth0 scope global | grep -o 'fd00[^ ]*')" fd00:77::1/64
r1 addr del fd00:77::1/64 dev eth0
fails r1 "$XCARP" -i eth0 -s 10.77.0.1 -v 1 -p "$PASSWORD" -a "$VIP" --label=0123456789a
like "a label that is too long is refused" "$STATUS $ERROR" '^1 .*--label 0123456789a: eth0:0123456789a has more than 15 characters'
label_file() {
	echo "-p $PASSWORD -i eth0 -s 10.77.0.1 -r 1 -v 1 -a 10.77.0.101/24 $*" >"$LAB_DIR/label.conf"
}
label_file
daemon r1 "$XCARP" -c "$LAB_DIR/label.conf"
within 8 "a file without a label: MASTER" has_addr r1 10.77.0.101
label_file --label=one
kill -HUP "${PID[r1]}"
within 5 "  a label at a reload" labelled one 1
ok "it ends" stop r1 TERM

# The host's own address as the virtual one, as in the peer's line: nothing is taken off.
refused_own() {
	local name=$1 want=$2 before

	shift 2
	before=$(snapshot r1)
	fails r1 "$XCARP" -i eth0 -v 1 -p "$PASSWORD" -r 1 "$@"
	like "$name: refused" "$STATUS $ERROR" "^1 .*$want"
	unchanged "  and nothing is changed" r1 "$before"
}

r1 route add default via 10.77.0.254
refused_own "the host's own address and a source that it lacks" \
	"-a 10.77.0.1/24: eth0 has 10.77.0.1/24 as this host's own address .*, and -s is 10.77.0.11; .*ip address del 10.77.0.1/24 dev eth0" \
	-s 10.77.0.11 -a 10.77.0.1/24
refused_own "  the same without a length" "-a 10.77.0.1/32: eth0 has 10.77.0.1/24 as this host's own" -s 10.77.0.11 -a 10.77.0.1
r1 addr add 10.78.0.1/24 dev eth0
refused_own "a source of another network, and a gateway behind the address" 'the only one towards a gateway' -s 10.78.0.1 -a 10.77.0.1/24
r1 addr add 10.77.0.2/24 dev eth0
r1 route add 10.9.0.0/16 via 10.77.0.253 src 10.77.0.2
refused_own "the source of a route" 'the source of its routes' -s 10.77.0.1 -a 10.77.0.2/24
r1 addr del 10.77.0.2/24 dev eth0
r1 addr add 10.77.0.3/24 dev eth0 valid_lft 3600 preferred_lft 3600
refused_own "one by DHCP" 'for a limited time' -s 10.77.0.1 -a 10.77.0.3/24
r1 addr del 10.77.0.3/24 dev eth0
r1 addr add fd00:77::1/64 dev eth0 nodad
refused_own "one of IPv6" '-a fd00:77::1/64: eth0 has fd00:77::1/64 as this host.s own' -s 10.77.0.1 -a fd00:77::1/64
refused_own "the broadcast address of the host's network" "-a 10.77.0.255/32: is the broadcast address of the network of eth0's 10.77.0.1/24" \
	-s 10.77.0.1 -a 10.77.0.255
refused_own "its network's" "-a 10.77.0.0/32: is the address of the network of eth0's" -s 10.77.0.1 -a 10.77.0.0
refused_own "the broadcast address of its own" "-a 10.99.0.255/24: is the network's broadcast address" -s 10.77.0.1 -a 10.99.0.255/24

# What others left behind does not look so: before or after the host's own, or of a network of its own.
leftover_goes() {
	xcarp r1 -r 30 -a "$1"
	within 8 "left behind, $2: taken off" lacks_addr r1 "${1%/*}"
	within 3 "  and told" log_has r1 "$1 was there at the start: taken off"
	ok "it ends" stop r1 TERM
}
r1 addr add 10.77.0.101/24 dev eth0
leftover_goes 10.77.0.101/24 "after the host's own"
r1 addr flush dev eth0 scope global
r1 addr add 10.77.0.101/24 dev eth0
r1 addr add 10.77.0.1/24 dev eth0
r1 route add default via 10.77.0.254
leftover_goes 10.77.0.101/24 "before the host's own"
ok "  which stays" first_is 10.77.0.1
r1 addr add 10.79.0.101/24 dev eth0
leftover_goes 10.79.0.101/24 "of a network of its own"

# A line at a reload.
label_file
daemon r1 "$XCARP" -c "$LAB_DIR/label.conf"
within 8 "a file: MASTER" has_addr r1 10.77.0.101
echo "-p $PASSWORD -i eth0 -s 10.77.0.11 -v 2 -a 10.77.0.1/24" >>"$LAB_DIR/label.conf"
kill -HUP "${PID[r1]}"
within 5 "  a line with the host's own at a reload is refused" log_has r1 "label.conf:2: -a 10.77.0.1/24: eth0 has 10.77.0.1/24 as this host's own"
ok "  it stays" first_is 10.77.0.1
label_file --deadratio=2
kill -HUP "${PID[r1]}"
within 5 "  ours, which is there, is not the host's own" log_has r1 'read again: .* 1 changed'
ok "it ends" stop r1 TERM

# The source address goes, or was never there.
status() {
	lab_run r1 "$TOP/build/xcarpctl" status eth0/1
}

says_lack() {
	status | grep -q 'source address  *is not on the interface'
}

xcarp r1 -r 1
within 8 "MASTER" master r1
nok "  status says nothing of the source address" says_lack
r1 addr add 10.77.0.7/24 dev eth0
r1 addr del 10.77.0.1/24 dev eth0
within 5 "  which is taken away: status says so" says_lack
is "  and the log, once" "$(log_count r1 'eth0 does not have the source address 10.77.0.1 .-s. any more')" 1
never 2 "  nothing more is told" log_has r1 'has the source address'
r1 addr add 10.77.0.1/24 dev eth0
within 5 "  put back: told" log_has r1 'eth0 has the source address 10.77.0.1 again'
nok "  and status says nothing" says_lack
ok "it ends" stop r1 TERM
r1 addr del 10.77.0.7/24 dev eth0
daemon r1 "$XCARP" -i eth0 -s 10.77.0.11 -v 1 -p "$PASSWORD" -a "$VIP" -r 1
within 8 "one that is nowhere: told" log_has r1 'eth0 does not hold the source address 10.77.0.11'
within 5 "  and status says so" says_lack
ok "it ends" stop r1 TERM

# The same mistake as above at boot, when addresses come later.
r1 addr flush dev eth0 scope global
daemon r1 "$XCARP" -i eth0 -s 10.77.0.11 -v 1 -p "$PASSWORD" -a 10.77.0.1/24 -r 30
within 8 "before the addresses: BACKUP" backup r1
r1 addr add 10.77.0.1/24 dev eth0
within 5 "  the host's own comes: told" log_has r1 '10.77.0.1/24 is there though we are BACKUP, and -s 10.77.0.11 is not: it stays'
never 1 "  and stays" lacks_addr r1 10.77.0.1
ok "it ends" stop r1 TERM
ok "  the address is still there" has_addr r1 10.77.0.1
r1 addr flush dev eth0 scope global
daemon r1 "$XCARP" -i eth0 -s 10.77.0.11 -v 1 -p "$PASSWORD" -a 10.77.0.101/24 -r 30
within 8 "before the addresses, with one that was left behind: BACKUP" backup r1
r1 addr add 10.77.0.101/24 dev eth0
r1 addr add 10.77.0.11/24 dev eth0
within 5 "  the host's own comes after it, and it is taken off" lacks_addr r1 10.77.0.101
ok "it ends" stop r1 TERM
r1 addr flush dev eth0 scope global
r1 addr add 10.77.0.1/24 dev eth0

# An address that somebody else put there beforehand is a backup's no more than a dead predecessor's is.
ip -n "$LAB-r1" addr add "$VIP/32" dev eth0
xcarp r1 -r 2
within 8 "found at start: taken away from a backup" lacks_addr r1 "$VIP"
within 2 "and said so" log_has r1 "$VIP/32 was there at the start: taken off"
ok "it ends" stop r1 TERM

xcarp r1 -r 1 --no-vip
within 5 "--no-vip: MASTER" master r1
mark=$(now_ms)
within 5 "advertising" seen_since "$mark" 'advert 10.77.0.1 '
ok "without the address" lacks_addr r1 "$VIP"
ok "it ends" stop r1 TERM

# The router flag of IPv6 announcements is the host's, also of a process that finds the program there already.
lab_run r1 sysctl -qw net.ipv6.conf.all.forwarding=1
lab_spawn client "$LAB_DIR/neighbours" tcpdump -l -n -v -i eth0 icmp6
within 5 "somebody listens to neighbour advertisements" grep -q 'listening on' "$LAB_DIR/neighbours"
daemon r1 "$XCARP" -i eth0 -s 10.77.0.1 -v 1 -p "$PASSWORD" -a fd00:77::101 -r 1
within 8 "the first process's: of a router" grep -q 'tgt is fd00:77::101, Flags \[router, override\]' "$LAB_DIR/neighbours"
lab_spawn r1 "$LAB_DIR/second.log" "$XCARP" -i eth0 -s 10.77.0.1 -v 2 -p "$PASSWORD" -a fd00:77::102 -r 1
within 8 "the second's, too" grep -q 'tgt is fd00:77::102, Flags \[router, override\]' "$LAB_DIR/neighbours"
