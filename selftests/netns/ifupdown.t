#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# In ucarp's place, by a link of that name and nothing else: Debian's ifup and ifdown, with the script of Debian's ucarp package
# in /etc/network/if-up.d, start and end it as they do ucarp. On r1 they have directories of their own in place of
# /etc/network and /run/network:
#
#	r1: eth0 10.77.0.1, ucarp-vip .100      eth1 10.78.0.1, ucarp-vip .100        r2: eth0, the backup
#
# shellcheck disable=SC2016 # eval sees to it

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

VIP2=10.78.0.100

# in_place COMMAND...: on r1, as Debian has it
in_place() {
	lab_run r1 unshare -m --propagation slave sh -c '
		mount --bind "$LAB_DIR/network" /etc/network
		mount --bind "$LAB_DIR/run" /run/network
		mount --bind "$LAB_DIR/share" /usr/share/ucarp
		mount --bind "$0" /usr/sbin/ucarp
		exec "$@"' "$XCARP" "$@" >>"$LAB_DIR/r1.log" 2>&1 </dev/null
}

stanzas() {
	cat >"$LAB_DIR/network/interfaces" <<-END
		auto eth0 eth1
		iface eth0 inet static
			address 10.77.0.1
			netmask 255.255.255.0
			ucarp-vid 1
			ucarp-vip $VIP
			ucarp-password $PASSWORD
			ucarp-advskew $1
			ucarp-master yes
			ucarp-deadratio 2
		iface eth0:ucarp inet static
			address $VIP
			netmask 255.255.255.255
			up echo up >>$LAB_DIR/hooks
			down echo down >>$LAB_DIR/hooks
		iface eth1 inet static
			address 10.78.0.1
			netmask 255.255.255.0
			ucarp-vid 2
			ucarp-vip $VIP2
			ucarp-password $PASSWORD
			ucarp-advskew $1
		iface eth1:ucarp inet static
			address $VIP2
			netmask 255.255.255.255
	END
}

# pids: of r1's ucarps, and no other process of theirs
pids() {
	local pid comm

	for pid in $(ip netns pids "$LAB-r1"); do
		read -r comm 2>/dev/null <"/proc/$pid/comm" && [[ $comm == ucarp ]] && echo "$pid"
	done
}

count_is() {
	(($(pids | wc -l) == $1))
}

# of VHID: the pid of that one
of() {
	local pid

	for pid in $(pids); do
		[[ $(tr '\0' ' ' <"/proc/$pid/cmdline") != *"-v $1 "* ]] || echo "$pid"
	done
}

runs_with() {
	local pid

	for pid in $(pids); do
		[[ $(tr '\0' ' ' <"/proc/$pid/cmdline") == *"-k $1 "* ]] || return 1
	done
}

# again: the arguments of VHID 1, with the password that is wiped there
again() {
	tr '\0' ' ' <"/proc/$(of 1)/cmdline" | sed "s/^[^ ]* //; s/-p *-a/-p $PASSWORD -a/"
}

unplugged() {
	! ip -n "$LAB-r1" link show dev "$1" 2>/dev/null | grep -q .
}

if ! command -v ifup >/dev/null || [[ ! -e /etc/network/if-up.d/ucarp || ! -x $UCARP ]]; then
	echo "1..0 # SKIP needs ifupdown and Debian's ucarp (scripts/setup.sh test)"
	exit 0
fi
plan 78
test_lab r1 r2 client
wire client "vips=$VIP"
ip -n "$LAB-switch" link add r1-eth1 type veth peer name eth1 netns "$LAB-r1"
ip -n "$LAB-switch" link set r1-eth1 up
ip -n "$LAB-r1" addr flush dev eth0
ip -n "$LAB-r1" link set eth0 down
mkdir -p "$LAB_DIR"/{run,share,network/{if-up.d,if-down.d,if-pre-up.d,if-post-down.d}}
cp /etc/network/if-up.d/ucarp "$LAB_DIR/network/if-up.d/"
cp /usr/share/ucarp/vip-up /usr/share/ucarp/vip-down "$LAB_DIR/share/"
: >"$LAB_DIR/hooks"
log_mark r1

# Up, and what it prints.
stanzas 20
ok "ifup -a" in_place ifup -a
is "prints nothing, nor do the scripts" "$(log_of r1)" ""
within 10 "both addresses come" eval 'has_addr r1 $VIP && has_addr r1 $VIP2'
is "by one process each" "$(pids | wc -l)" 2
is "the lines of eth0:ucarp are run" "$(paste -sd, "$LAB_DIR/hooks")" up
xcarp r2 -k 100 -r 2
within 10 "the other host is BACKUP" backup r2
log_mark r1
ok "ifup once more" in_place ifup eth0
is "changes nothing" "$(of 1 | wc -l) $(paste -sd, "$LAB_DIR/hooks")" "1 up"

# Started anew while it runs, as by hand or by a configuration tool.
before=$(of 1)
log_mark r2
ok "the same command once more" in_place sh -c "exec /usr/sbin/ucarp $(again)"
within 5 "one process again" count_is 2
isnt "another one" "$(of 1)" "$before"
within 5 "with the address" has_addr r1 "$VIP"
is "the other host has noticed nothing" "$(log_of r2)" ""

# Another name's start is refused, as ever.
fails r1 "$XCARP" -i eth0 -s 10.77.0.1 -v 1 -p "$PASSWORD" -a "$VIP"
is "a second start by the name xcarp: status" "$STATUS" 1
like "and why" "$ERROR" "virtual router 1 .* already belongs to process $(of 1)"

# A second start that must fail leaves the first one alone.
before=$(of 1)
words=$(again)
log_mark r2
nok "a second start with a pidfile that cannot be made" in_place sh -c "exec /usr/sbin/ucarp $words --pidfile=/proc/nope"
is "the first one lives on" "$(of 1)" "$before"
kill -STOP "$before"
log_mark r1
nok "a second start when the first one is stopped" in_place sh -c "exec /usr/sbin/ucarp $words"
ok "and why" log_has r1 "process $before, which has virtual router 1, is stopped and cannot hand over"
kill -CONT "$before"
never 1 "let go on, it is not ended by what was sent" eval '[[ $(of 1) != "$before" ]]'
ok "it has the address" has_addr r1 "$VIP"

# One that fails when the first one has ended: an address belongs to another process.
daemon r1 "$XCARP" -i eth0 -s 10.77.0.1 -v 9 -p "$PASSWORD" -a 10.77.0.109
within 10 "another virtual router" has_addr r1 10.77.0.109
log_mark r1
: >"$LAB_DIR/hooks"
nok "a second start that wants its address, too" in_place sh -c "exec /usr/sbin/ucarp $words -a 10.77.0.109"
ok "tells that nobody is left" log_has r1 "the start failed after process $before had ended for it"
is "nobody is" "$(of 1)" ""
ok "the address is gone" lacks_addr r1 "$VIP"
is "by the script, which had put it there" "$(paste -sd, "$LAB_DIR/hooks")" down
is "no virtual router is left of it" "$(lab_run r1 "${XCARP}ctl" status eth0/1 2>&1 | grep -c MASTER)" 0
within 10 "the other host is MASTER" master r2
ok "the other virtual router ends" stop r1 TERM
: >"$LAB_DIR/hooks"
ok "and a start with what it had" in_place sh -c "exec /usr/sbin/ucarp $words"
within 15 "has the address again" has_addr r1 "$VIP"
in_place sh -c "exec /usr/sbin/ucarp ${words/ -B/}" &
within 10 "a line says whose the addresses are" log_has r1 "the addresses of virtual router 1 are the scripts' to add and to remove"

# An edited stanza, and down.
stanzas 30
ok "ifdown -a" in_place ifdown -a
within 10 "ends both, as it ended ucarp" count_is 0
is "the lines of eth0:ucarp are run" "$(paste -sd, "$LAB_DIR/hooks")" up,down
ok "the addresses are gone" lacks_addr r1 "$VIP"
within 10 "the other host is MASTER" master r2
is "nothing is left" "$(left_on r1)" ""
ok "ifup -a" in_place ifup -a
within 10 "has it back" has_addr r1 "$VIP"
ok "with the new values" runs_with 30
within 5 "which go out" seen 'advert 10.77.0.1 .*advskew=30 .*hmac=good'

# All at once, again and again.
statuses=
for skew in 31 32 33; do
	stanzas $skew
	in_place sh -c 'ifdown -a; ifup -a'
	statuses+=$?
done
is "ifdown -a; ifup -a, three times: status" "$statuses" 000
within 10 "two processes" count_is 2
ok "with the last values" runs_with 33
within 10 "both addresses" eval 'has_addr r1 $VIP && has_addr r1 $VIP2'
never 1 "and no more of them" eval '! count_is 2'

# The host's own address is renewed: both are heard of in one round.
mark=$(now_ms)
kill -STOP "$(of 1)"
ip -n "$LAB-r1" addr del 10.77.0.1/24 dev eth0
ip -n "$LAB-r1" addr add 10.77.0.1/24 dev eth0
kill -CONT "$(of 1)"
never 1 "own address renewed: no bow-out" seen_since "$mark" 'advert 10.77.0.1 .*advbase=255'
ok "the address stays" has_addr r1 "$VIP"

# The host's own address goes: a bow-out, while there is a link to send it through.
mark=$(now_ms)
ip -n "$LAB-r1" addr del 10.77.0.1/24 dev eth0
within 5 "own address taken off: a bow-out" seen_since "$mark" 'advert 10.77.0.1 .*advbase=255'
within 5 "the other host is MASTER" master r2
like "status says why" "$(lab_run r1 "${XCARP}ctl" status eth0/1)" "this host's own address was taken off the interface"
ip -n "$LAB-r1" addr add 10.77.0.1/24 dev eth0
within 15 "put back: it takes over again" has_addr r1 "$VIP"

# Down, or gone, but not taken out of use.
before=$(of 1)
ip -n "$LAB-r1" link set eth0 down
within 10 "the link down: the other host is MASTER" master r2
is "it lives on" "$(of 1)" "$before"
ip -n "$LAB-r1" link set eth0 up
within 15 "up: it goes on" has_addr r1 "$VIP"
lab_unplug r1
within 10 "the interface vanished" unplugged eth0
never 1 "it lives on" eval '[[ $(of 1) != "$before" ]]'
lab_plug r1
within 15 "it came back: it goes on" has_addr r1 "$VIP"
lab_unplug r1
within 10 "vanished again" unplugged eth0
ip -n "$LAB-switch" link add r1 type veth peer name eth0 netns "$LAB-r1"
ip -n "$LAB-switch" link set r1 master br0 up
stanzas 34
ok "the interface made anew, and ifup" in_place ifup --force eth0
within 15 "the address comes" has_addr r1 "$VIP"
within 5 "one process" eval '[[ $(of 1) && $(of 1) != "$before" && $(of 1) != *[[:space:]]* ]]'
ok "with the values of now" eval '[[ $(tr "\0" " " <"/proc/$(of 1)/cmdline") == *"-k 34 "* ]]'

# A script that hangs keeps nobody waiting for ever.
cat >"$LAB_DIR/share/vip-down" <<'END'
#!/bin/sh
echo hangs >>HOOKS
exec sleep 300
END
sed -i "s|HOOKS|$LAB_DIR/hooks|" "$LAB_DIR/share/vip-down"
ok "ifdown, with a script that hangs" in_place ifdown eth0
within 10 "it does" grep -q hangs "$LAB_DIR/hooks"
cp /usr/share/ucarp/vip-down "$LAB_DIR/share/"
ok "ifup" in_place ifup eth0
within 15 "has the address all the same" has_addr r1 "$VIP"
ok "ifdown -a" in_place ifdown -a
within 15 "ends all" count_is 0

# In another process namespace it has a number that is somebody else here, and it takes no connections: nobody is signalled.
lab_run r1 sysctl -qw net.core.somaxconn=1
ip -n "$LAB-r1" addr add 10.77.0.1/24 dev eth0
ip -n "$LAB-r1" link set eth0 up
apart=(unshare -p -f --kill-child --mount-proc)
in_place "${apart[@]}" /usr/sbin/ucarp -i eth0 -s 10.77.0.1 -v 7 -p "$PASSWORD" -a 10.77.0.107 &
within 10 "one in a process namespace of its own" has_addr r1 10.77.0.107
apart_pid=$(of 7)
kill -STOP "$apart_pid"
for _ in 1 2 3 4; do
	lab_run r1 "${XCARP}ctl" status >/dev/null 2>&1
done
log_mark r1
nok "a start that cannot see it" in_place "${apart[@]}" sh -c "/usr/sbin/ucarp -i eth0 -s 10.77.0.1 -v 7 -p $PASSWORD -a 10.77.0.107; exit \$?"
ok "is refused" log_has r1 'virtual router 7 .* already belongs to process'
nok "and signals nobody" log_has r1 'taking its place'
kill -CONT "$apart_pid"
kill -TERM "$apart_pid"
within 10 "it ends" count_is 0
ok "the other host ends" stop r2 TERM
is "nothing is left" "$(left_on r1)" ""
