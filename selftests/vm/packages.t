#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The packages of two versions, by `make deb-pair`: installed, upgraded under traffic, removed, purged.
# The machine itself is the master, its backup and a client are namespaces:
#
#	machine:  pkg0 10.77.0.10, xcarp@pkg      pkg1, ifup with ucarp's words      r1 (backup)    client
#	             |                               |                                 |              |
#	     --------+-------------------------------+---------------------------------+--------------+------  br0
#
# vm: make=deb-pair packages=ifupdown,ucarp seconds=600

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

versions() {
	local deb

	for deb in "$TOP"/build/deb/xcarp_*.deb; do
		dpkg-deb -f "$deb" Version
	done | sort -V
}

# packages VERSION: both, in one step.
packages() {
	dpkg -i "$TOP"/build/deb/xcarp_"$1"_*.deb "$TOP"/build/deb/xcarp-ucarp_"$1"_all.deb >"$LAB_DIR/dpkg.log" 2>&1
}

# All there is on the machine, but what changes by itself, and what dpkg keeps for itself.
everything() {
	find / -xdev \( -path /var/lib/dpkg -o -path /var/log -o -path /var/cache -o -path /var/lib/systemd -o -path /tmp -o -path /root \
		-o -path "$TOP" -o -path /usr/local -o -path "$AWAY" \) -prune -o -print
	find /run /sys/fs/bpf \( -path /run/systemd -o -path /run/udev -o -path /run/user -o -path /run/log -o -path /run/network \) -prune \
		-o -print
}

# plug_machine NAME: an interface of the machine itself, on the lab's switch.
plug_machine() {
	ip -n "$LAB-switch" link add "$1" type veth peer name "$1" netns $$ && ip -n "$LAB-switch" link set "$1" master br0 up &&
		ip link set "$1" up
}

has() {
	ip -o -4 addr show dev "$1" 2>/dev/null | grep -qF " $2/"
}

lacks() {
	! has "$@"
}

status_of() {
	systemctl show --value -p "$1" xcarp@pkg
}

is_unit_in() {
	[[ $(status_of StatusText) == *"1 $1"* ]]
}

# program_of PID: the file that it runs, "(deleted)" where another one is in its place.
program_of() {
	readlink "/proc/$1/exe"
}

ifupdown_pid() {
	cat /run/xcarp-ucarp/pkg1/pid 2>/dev/null
}

nothing_runs() {
	! pgrep -x 'u?carp|xcarp' | grep -qvxF "${PID[r1]-none}"
}

# new_pid OLD COMMAND...: it prints a process id, another one.
new_pid() {
	local pid

	pid=$("${@:2}")
	[[ $pid && $pid != 0 && $pid != "$1" && -e /proc/$pid ]]
}

main_pid() {
	status_of MainPID
}

# What the client's ping lost, and the longest time between two answers, in ms.
ping_lost() {
	sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) received.*/\1 \2/p' "$LAB_DIR/ping.log" | awk '{ print $1 - $2 }'
}

longest_wait() {
	awk -F'[][]' '/ttl=/ { at = $2 * 1000; if (last && at - last > longest) longest = at - last; last = at }
		END { printf "%d", longest }' "$LAB_DIR/ping.log"
}

# Where the processor is emulated a start takes seconds, and a successor has to be there within the down time.
RATIO=15

# The directory of this namespace's maps.
pins=$("$TOP/build/xcarpctl" pins)
AWAY=/var/tmp/usr-local-$$

put_back() {
	systemctl stop 'xcarp@*' 2>/dev/null
	[[ ! -x /usr/libexec/xcarp-ucarp/ifupdown ]] || /usr/libexec/xcarp-ucarp/ifupdown stop
	dpkg -P xcarp-ucarp xcarp >/dev/null 2>&1
	rm -rf /etc/xcarp /etc/network/interfaces.d/pkg1
	# shellcheck disable=SC2114 # of the machine
	[[ ! -e $AWAY ]] || { rm -rf /usr/local && mv "$AWAY" /usr/local; }
	systemctl daemon-reload
}

plan 49
[[ $TOP == /root/xcarp && -d /run/systemd/system ]] || lab_die "for a machine of its own: it removes packages, and what is in /usr/local"
mapfile -t version < <(versions)
old=${version[0]-} new=${version[1]-}
((${#version[@]} == 2)) || lab_die "two versions must be in build/deb: run make deb-pair"
test_lab r1 client
trap 'put_back; test_end' EXIT
# What is in /usr/local comes before the packages' files.
mv /usr/local "$AWAY" && mkdir -p /usr/local/sbin
systemctl daemon-reload
everything | sort >"$LAB_DIR/before"
plug_machine pkg0 && plug_machine pkg1
ip addr add 10.77.0.10/24 dev pkg0

# ucarp's users, before the move.
cat >/etc/network/interfaces.d/pkg1 <<'X'
iface pkg1 inet static
	address 10.77.0.11
	netmask 255.255.255.0
	ucarp-vid 2
	ucarp-vip 10.77.0.102
	ucarp-password 16charsatmost
	ucarp-advskew 0
	ucarp-advbase 1
	ucarp-master yes
	ucarp-deadratio 10
iface pkg1:ucarp inet static
	address 10.77.0.102
	netmask 255.255.255.255
X
ok "ifup with ucarp's package" ifup pkg1
within 60 "the address of pkg1:ucarp comes" has pkg1 10.77.0.102
pkill -x ucarp
within 20 "and goes with ucarp" lacks pkg1 10.77.0.102
ok "ifdown" ifdown pkg1

# Installed: nothing runs.
ok "version $old is installed, in ucarp's place" packages "$old"
is "xcarp tells its version" "$(/usr/sbin/xcarp --version | head -n 1)" "xcarp ${old%\~*}"
is "so does xcarpctl" "$(/usr/sbin/xcarpctl --version | head -n 1)" "xcarpctl ${old%\~*}"
like "xcarp names what else matters" "$(/usr/sbin/xcarp --version | tr '\n' ' ')" 'ABI [0-9]+ libbpf 1\.[0-9.]+ libxdp 1\.[0-9.]+ Linux '
is "ucarp is xcarp" "$(/usr/sbin/ucarp --version | head -n 1)" "xcarp ${old%\~*}"
is "no unit runs" "$(systemctl list-units --plain --no-legend 'xcarp@*')" ""
is "none is enabled" "$(systemctl list-unit-files --plain --no-legend 'xcarp@*' | awk '{ print $2 }')" disabled
ok "nothing else runs" nothing_runs
ok "the manuals are there" test -e /usr/share/man/man8/xcarp.8.gz -a -e /usr/share/man/man8/ucarp.8.gz
is "all files are as they were packed" "$(dpkg -V xcarp xcarp-ucarp)" ""

# A pair by the unit; the same /etc/network/interfaces as before.
echo "$PASSWORD" | install -m 600 /dev/stdin /etc/xcarp/pkg.pass
echo "XCARP_ARGS='-i pkg0 -s 10.77.0.10 -v 1 -o /etc/xcarp/pkg.pass -a $VIP/24 -P -r $RATIO'" >/etc/xcarp/pkg.env
ok "the unit starts" systemctl enable --now xcarp@pkg
within 120 "it is MASTER" is_unit_in MASTER
within 10 "it has the address" has pkg0 "$VIP"
xcarp r1 -k 100 -r "$RATIO"
within 60 "its peer is BACKUP" backup r1
ok "ifup with the same file as before" ifup pkg1
within 60 "the address of pkg1:ucarp comes" has pkg1 10.77.0.102
ok "by xcarp" test "$(program_of "$(ifupdown_pid)")" = /usr/sbin/xcarp

# Upgraded while a client pings.
unit_pid=$(main_pid) hook_pid=$(ifupdown_pid)
ip -o monitor address dev pkg0 >"$LAB_DIR/moves.log" 2>&1 &
monitor=$!
lab_spawn client "$LAB_DIR/ping.log" ping -n -D -i 0.05 "$VIP"
ping=$LAB_PID
within 10 "the client has answers" grep -q ttl= "$LAB_DIR/ping.log"
log_mark r1
ok "version $new is installed" packages "$new"
within 30 "the unit has a new process" new_pid "$unit_pid" main_pid
within 30 "ifup's xcarp, too" new_pid "$hook_pid" ifupdown_pid
within 30 "the unit is MASTER" is_unit_in MASTER
is "by the new program" "$(program_of "$(main_pid)") $(/usr/sbin/xcarp --version | head -n 1)" "/usr/sbin/xcarp xcarp ${new%\~*}"
like "its maps are those of the new version" "$(/usr/sbin/xcarpctl status -j)" "\"version\": ?\"${new%\~*}\""
never 5 "its peer takes nothing over" seen_state r1 MASTER
kill -INT "$ping"
within 10 "the ping ends" grep -q transmitted "$LAB_DIR/ping.log"
kill "$monitor"
is "pings lost" "$(ping_lost)" 0
diag "longest time between two answers, 50 ms apart: $(longest_wait) ms"
is "no address moved" "$(grep -F "$VIP/" "$LAB_DIR/moves.log")" ""
ok "nor that of pkg1:ucarp" has pkg1 10.77.0.102

# ifdown; then the packages go.
ok "ifdown" ifdown pkg1
ok "takes the address off" lacks pkg1 10.77.0.102
nok "and ends xcarp" test -e /run/xcarp-ucarp/pkg1
ok "ifup once more" ifup pkg1
within 60 "has the address" has pkg1 10.77.0.102
log_mark r1
ok "removed" dpkg -r xcarp-ucarp xcarp
within 10 "the peer was told, and is MASTER" log_has r1 'bowed out'
within 10 "pkg1's address is off" lacks pkg1 10.77.0.102
ok "nothing runs" nothing_runs
nok "the address is off" has pkg0 "$VIP"
nok "no program is on the interfaces" grep -q prog/xdp <(ip -d link show)
nok "no maps are pinned" test -e "$pins"
ok "the administrator's files are there" test -e /etc/xcarp/pkg.env -a -e /etc/xcarp/pkg.pass
ok "purged" dpkg -P xcarp-ucarp xcarp
ok "they still are" test -e /etc/xcarp/pkg.env -a -e /etc/xcarp/pkg.pass
rm -r /etc/xcarp
ifdown pkg1 2>/dev/null
rm /etc/network/interfaces.d/pkg1
stop r1 TERM
rmdir /sys/fs/bpf/xdp 2>/dev/null # libxdp's, for r1's program
ip link del pkg0
ip link del pkg1
everything | sort >"$LAB_DIR/after"
is "nothing else is left" "$(comm -13 "$LAB_DIR/before" "$LAB_DIR/after")" ""
