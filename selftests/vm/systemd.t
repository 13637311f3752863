#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The unit xcarp@.service under systemd itself: start, sandbox, journal, restarts, and what is waited for or given up.
#
#	host: router (10.77.0.1) ---- veth ---- lan (10.77.0.2) in the namespace of a client
#
# vm: seconds=900

export XCARP=/usr/local/sbin/xcarp
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

TRIALS=${TRIALS:-20}
CLIENT=systemd-t
ETC=/etc/xcarp

[[ -d /run/systemd/system ]] || lab_die "systemd is not process 1 here"

clean_up() {
	systemctl stop 'xcarp@t-*' 2>/dev/null
	systemctl kill -s CONT systemd-journald 2>/dev/null
	rm -rf /run/systemd/system/xcarp@t-*.d "$ETC"/t-* /opt/xcarp-t
	rm -f /etc/systemd/system/xcarp-t@.service
	systemctl reset-failed 'xcarp@t-*' 'xcarp-t@*' 2>/dev/null
	systemctl daemon-reload
	ip netns del "$CLIENT" 2>/dev/null
	ip link del router 2>/dev/null
}

end() {
	local status=$? unit

	if ((TAP_FAILED)); then
		for unit in /etc/xcarp/t-*.env; do
			unit=${unit##*/} unit=xcarp@${unit%.env}
			diag "--- $unit"
			diag "$(systemctl status --no-pager -l -n 20 "$unit" 2>&1)"
		done
	fi
	clean_up
	((status || (TAP_FAILED == 0 && TAP_DONE == TAP_PLAN))) || exit 1
}

# unit NAME FLAGS...: its arguments, beside the usual ones
unit() {
	local name=$1

	shift
	echo "XCARP_ARGS=\"-s 10.77.0.1 -o $ETC/t-pass $*\"" >"$ETC/$name.env"
}

# property UNIT NAME
property() {
	systemctl show --value -p "$2" "xcarp@$1"
}

has_property() {
	[[ $(property "$1" "$2") =~ $3 ]]
}

active() {
	[[ $(property "$1" ActiveState) == active ]]
}

has_vip() {
	ip -o -4 addr show dev router | grep -qF " $1/"
}

lacks_vip() {
	! has_vip "$1"
}

plug() {
	ip link add router type veth peer name lan netns "$CLIENT"
	ip addr add 10.77.0.1/24 dev router
	ip link set router up
	ip -n "$CLIENT" addr add 10.77.0.2/24 dev lan
	ip -n "$CLIENT" link set lan up
}

# entries ARGS...: the journal's since the test began
entries() {
	journalctl --sync 2>/dev/null
	journalctl -q --no-pager --since "@$SINCE" "$@"
}

# journal UNIT ARGS...: its lines
journal() {
	entries -u "xcarp@$1" "${@:2}"
}

# journal_has UNIT REGEX ARGS...
journal_has() {
	journal "$1" "${@:3}" | grep -qE -- "$2"
}

# lines UNIT REGEX ARGS...
lines() {
	journal "$1" "${@:3}" | grep -cE -- "$2"
}

# pinging ADDRESS: every 50 ms, until pinged
pinging() {
	ip netns exec "$CLIENT" ping -n -i 0.05 -W 1 "$1" >/run/systemd-t.ping &
	PING=$!
}

# Sets SENT, and LOST.
pinged() {
	local received

	kill -INT "$PING"
	wait "$PING" 2>/dev/null
	read -r SENT received < <(sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) received.*/\1 \2/p' /run/systemd-t.ping)
	# The last one may still be on its way.
	LOST=$((SENT - received > 1 ? SENT - received : 0))
}

new_main() {
	has_property "$1" MainPID "^[1-9]" && [[ $(property "$1" MainPID) != "$2" ]] && active "$1"
}

plan 82
trap end EXIT
trap 'exit 143' TERM INT HUP
clean_up
mkdir -p "$ETC"
(umask 077 && echo "$PASSWORD" >"$ETC/t-pass")
ip netns add "$CLIENT"
plug
SINCE=$(date +%s)
diag "$(systemctl --version | head -n 1), Linux $(uname -r)"

# It starts.
unit t-lan -i router -v 10 -a "$VIP/24" -P -r 15
ok "the unit starts" systemctl start xcarp@t-lan
ok "it is active" active t-lan
within 30 "MASTER, with the address" has_vip "$VIP"
within 5 "which its status says" has_property t-lan StatusText '^1 virtual router: 1 MASTER$'
is "the first try" "$(property t-lan NRestarts)" 0

# The sandbox.
is "systemd finds nothing to say about it" "$(systemd-analyze verify --man=no xcarp@t-lan.service 2>&1)" ""
inside=(nsenter -t "$(property t-lan MainPID)" -m)
like "in its sandbox, bpffs can be written to" "$("${inside[@]}" findmnt -no OPTIONS --target /sys/fs/bpf | tail -n 1)" '^rw'
is "/sys cannot" "$("${inside[@]}" find /sys -mindepth 1 -maxdepth 1 -writable)" ""
like "nor /proc/sys" "$("${inside[@]}" findmnt -no OPTIONS /proc/sys | tail -n 1)" '^ro'
like "but /proc/sys/net" "$("${inside[@]}" findmnt -no OPTIONS /proc/sys/net | tail -n 1)" '^rw'
like "nor /usr" "$("${inside[@]}" findmnt -no OPTIONS /usr | tail -n 1)" '^ro'
score=$(systemd-analyze security --no-pager xcarp@t-lan 2>/dev/null | sed -n 's/.*exposure level.*: \([0-9.]*\) .*/\1/p')
between "exposure by systemd-analyze security, tenths" "${score/./}" 0 49

# The journal.
ok "a transition is a warning" journal_has t-lan 'Switching to state: MASTER' -p warning
ok "the MAC address is none" journal_has t-lan 'Local advertised ethernet address' -p info
nok "which -p warning leaves out" journal_has t-lan 'Local advertised ethernet address' -p warning
is "each line is there once" "$(lines t-lan 'state: MASTER')" 1
is "without a time stamp or level of its own" "$(journal t-lan -o cat | grep 'state: MASTER')" "Switching to state: MASTER (router id 10)"
fields=$(journal t-lan -o json XCARP_STATE=MASTER)
for field in '"XCARP_INTERFACE":"router"' '"XCARP_VHID":"10"' '"PRIORITY":"4"' '"SYSLOG_IDENTIFIER":"xcarp"' \
	'"_SYSTEMD_UNIT":"xcarp@t-lan.service"' '"SYSLOG_FACILITY":"3"'; do
	ok "found by XCARP_STATE=MASTER: $field" grep -qF "$field" <<<"$fields"
done
is "also by the virtual router" "$(entries -o cat XCARP_INTERFACE=router XCARP_VHID=10 XCARP_STATE=BACKUP)" \
	"Switching to state: BACKUP (router id 10)"

# Restarts move nothing.
pinging "$VIP"
pids=$(property t-lan MainPID)
statuses=
for ((trial = 0; trial < TRIALS; trial++)); do
	systemctl restart xcarp@t-lan
	statuses+=$?
	pids+=" $(property t-lan MainPID)"
done
pinged
is "$TRIALS restarts: all succeed" "$statuses" "${statuses//[^0]/}"
is "each is another process" "$(tr ' ' '\n' <<<"$pids" | sort -u | wc -l)" $((TRIALS + 1))
is "that goes on as MASTER" "$(lines t-lan 'Adopted: going on as MASTER')" "$TRIALS"
is "of $SENT pings, one every 50 ms, none is lost" "$LOST" 0
is "no line of the whole is lost to the unit" "$(entries -o cat XCARP_VHID=10 | grep -c 'Adopted')" "$TRIALS"
is "and nothing is an error" "$(lines t-lan . -p err)" 0

# Killed.
pinging "$VIP"
before=$(property t-lan MainPID)
kill -KILL "$before"
within 30 "kill -9: another one comes" new_main t-lan "$before"
within 10 "and goes on as MASTER" has_property t-lan StatusText '1 MASTER'
pinged
is "of $SENT pings none is lost" "$LOST" 0
is "started once more" "$(property t-lan NRestarts)" 1

# Hung.
mkdir -p /run/systemd/system/xcarp@t-lan.service.d
printf '[Service]\nWatchdogSec=4\n' >/run/systemd/system/xcarp@t-lan.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart xcarp@t-lan
before=$(property t-lan MainPID)
kill -STOP "$before"
within 60 "its loop stands still: another one comes" new_main t-lan "$before"
ok "by the watchdog" journal_has t-lan 'Watchdog timeout'
within 30 "MASTER again" has_property t-lan StatusText '1 MASTER'
rm -r /run/systemd/system/xcarp@t-lan.service.d
systemctl daemon-reload

# A journal that hangs, or comes anew.
systemctl restart xcarp@t-lan
within 30 "MASTER once more" has_property t-lan StatusText '1 MASTER'
systemctl kill -s STOP systemd-journald
kill -USR2 "$(property t-lan MainPID)"
within 20 "the journal takes nothing: it goes on, to BACKUP" lacks_vip "$VIP"
within 30 "and to MASTER again" has_vip "$VIP"
systemctl kill -s CONT systemd-journald
within 20 "which the journal learns then" journal_has t-lan 'Demoted: staying out for 3 s'
systemctl restart systemd-journald
kill -USR1 "$(property t-lan MainPID)"
within 20 "a journal started anew has new lines" journal_has t-lan '^MASTER on router id 10' -o cat

# Its interface in another namespace: the sandbox lets it go there.
ip link set router netns "$CLIENT"
within 30 "moved to another namespace: the program is taken off there" journal_has t-lan \
	'router was moved to another network namespace: the program was taken off there' -p info
nok "so it has none" eval 'ip -n "$CLIENT" -d link show dev router | grep prog/xdp'
ip -n "$CLIENT" link set router netns 1
ip link set router up
ip addr add 10.77.0.1/24 dev router
within 60 "moved back: MASTER" has_vip "$VIP"

# Two units on one interface.
unit t-two -i router -v 20 -a 10.77.0.200/24
ok "a second unit on the interface" systemctl start xcarp@t-two
within 30 "has its address" has_vip 10.77.0.200
ok "the first still has its own" has_vip "$VIP"
ok "it is stopped" systemctl stop xcarp@t-two
ok "and takes its own address off" lacks_vip 10.77.0.200
ok "not the other's" has_vip "$VIP"
unit t-two -i router -v 10 -a 10.77.0.200/24
nok "the first's virtual router in the second" eval 'systemctl start xcarp@t-two 2>/dev/null'
ok "is refused, clearly" journal_has t-two "virtual router 10 .*process $(property t-lan MainPID)" -p err
never 2 "and not tried again" has_property t-two NRestarts '[1-9]'

# Reload.
nok "reload without a file fails" eval 'systemctl reload xcarp@t-lan 2>/dev/null'
ok "and says why" journal_has t-lan 'no -c in XCARP_ARGS'
ok "it still runs" active t-lan
printf '%s\n' "default -i router -s 10.77.0.1 -o $ETC/t-pass" '-v 10 -a '"$VIP/24" >"$ETC/t-routers"
echo "XCARP_ARGS=\"-c $ETC/t-routers\"" >"$ETC/t-lan.env"
ok "restarted with a file" systemctl restart xcarp@t-lan
echo '-v 20 -a 10.77.0.200/24' >>"$ETC/t-routers"
ok "which is read again by a reload" systemctl reload xcarp@t-lan
within 30 "the new one is MASTER, too" has_property t-lan StatusText '^2 virtual routers: 2 MASTER$'
echo '-v 30 -k 300' >>"$ETC/t-routers"
systemctl reload xcarp@t-lan
within 10 "a wrong line: told as an error" journal_has t-lan 't-routers:4: -k 300: ' -p err
ok "and what ran goes on" active t-lan
ok "stopped" systemctl stop xcarp@t-lan
ok "nothing of it is left" lacks_vip "$VIP"

# What is waited for.
ip link del router
unit t-late -i router -v 10 -a "$VIP/24"
ok "an interface that is not there: the unit starts" systemctl start xcarp@t-late
within 5 "it waits" has_property t-late StatusText '^1 virtual router: 1 INIT; waits for router$'
is "and says so once" "$(lines t-late 'router: no such interface: waiting for it' -p warning)" 1
never 2 "without being started again and again" has_property t-late NRestarts '[1-9]'
plug
within 90 "the interface comes: MASTER" has_vip "$VIP"
systemctl stop xcarp@t-late
ip addr del 10.77.0.1/24 dev router
unit t-late -v 10 -a "$VIP/24"
ok "an interface by its address, which is not there: the unit starts" systemctl start xcarp@t-late
within 5 "it waits" has_property t-late StatusText '^waits for an interface with 10\.77\.0\.1$'
ok "a stop ends that" systemctl stop xcarp@t-late
is "in peace" "$(property t-late Result)" success
systemctl start xcarp@t-late
ip addr add 10.77.0.1/24 dev router
within 90 "the address comes: MASTER" has_vip "$VIP"
systemctl stop xcarp@t-late

# What is given up.
unit t-wrong -i router -v 10 -a "$VIP/24" -k 300
nok "wrong arguments: the start fails" eval 'systemctl start xcarp@t-wrong 2>/dev/null'
is "the reason is in the unit's journal, once" "$(lines t-wrong '-k 300: must be a number from 0 to 255' -p err)" 1
never 2 "and it is not tried again" has_property t-wrong NRestarts '[1-9]'
nok "no arguments at all: the start fails" eval 'systemctl start xcarp@t-none 2>/dev/null'

# Elsewhere.
unit t-other -i router -v 10 -a "$VIP/24"
mkdir -p /opt/xcarp-t/sbin
cp "$XCARP" /opt/xcarp-t/sbin/xcarp
sed 's|@SBINDIR@|/opt/xcarp-t/sbin|g' "$TOP/scripts/xcarp@.service" >/opt/xcarp-t/xcarp-t@.service
systemctl link /opt/xcarp-t/xcarp-t@.service 2>/dev/null
ok "under another prefix the unit starts" systemctl start xcarp-t@t-other
within 30 "MASTER" has_vip "$VIP"
ok "stopped" systemctl stop xcarp-t@t-other
ok "nothing of it is left" lacks_vip "$VIP"
