#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Debian's package ucarp with xcarp in the place of its program, and nothing else changed: at boot, by ifup and ifdown, until the
# package is purged. Then three ways in which ucarp is run where there is no such package: a systemd unit of the kind that forks, a
# cron job with scripts that add and remove the address, an init script with start-stop-daemon.
#
#	machine: nic0 10.77.0.1 ------ wire ------ eth0 10.77.0.2 :r2, a backup
#
# The machine is booted twice; the first time prepares.
#
# vm: nics=e1000e,e1000e packages=ifupdown,ucarp seconds=400

# shellcheck disable=SC2016 # eval sees to it
export XCARP=/usr/local/sbin/xcarp
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

[[ ${NICS-} ]] || { echo "1..0 # SKIP no pair of NICs in this machine"; exit; }
read -ra nics <<<"$NICS"
nic=${nics[0]}
INTERFACES=/etc/network/interfaces

stanzas() {
	cat >$INTERFACES <<-END
		auto lo
		iface lo inet loopback

		auto $nic
		iface $nic inet static
			address 10.77.0.1
			netmask 255.255.255.0
			up ip route add 10.88.0.0/16 via 10.77.0.254
			ucarp-vid 1
			ucarp-vip $VIP
			ucarp-password $PASSWORD
			ucarp-advskew $1
			ucarp-advbase 1
			ucarp-master yes
			ucarp-deadratio 10

		iface $nic:ucarp inet static
			address $VIP
			netmask 255.255.255.0
			up echo up >>/var/tmp/ucarp-hooks
			down echo down >>/var/tmp/ucarp-hooks
	END
}

has() {
	ip -o -4 addr show dev "$nic" | grep -q " $1/"
}

lacks() {
	! has "$1"
}

# pids: of those that run in the machine, but not r2's
pids() {
	pgrep -x ucarp
}

count_is() {
	(($(pids | wc -l) == $1))
}

has_argument() {
	tr '\0' ' ' <"/proc/$(pids)/cmdline" | grep -qF -- " $1 "
}

hooks_are() {
	[[ $(paste -sd, /var/tmp/ucarp-hooks 2>/dev/null) == "$1" ]]
}

# machine_left: what of xcarp is still on the machine
machine_left() {
	has "$VIP" && echo "address $VIP"
	ip -d link show dev "$nic" | grep -q prog/xdp && echo "an XDP program on $nic"
	ls -d /sys/fs/bpf/xcarp/"$(stat -Lc %i /proc/self/ns/net)"* 2>/dev/null
	pids
}

# r2_took_over: as r1 said goodbye, and not after its down time
r2_took_over() {
	log_has r2 '10\.77\.0\.1 bowed out' && master r2
}

case ${VM_BOOT:-1} in
1)
	dpkg-divert --local --rename --add /usr/sbin/ucarp >/dev/null && ln -s "$XCARP" /usr/sbin/ucarp || exit 1
	[[ -e /etc/network/if-up.d/ucarp ]] || exit 1
	rm -f /var/tmp/ucarp-hooks
	stanzas 0
	systemctl enable networking || exit 1
	exit 88
	;;
esac

plan 65
test_lab
lab_netns r2
LAB_ADDRS[r2]=10.77.0.2/24
ip link set dev "${nics[1]}" netns "$LAB-r2" name eth0
ip -n "$LAB-r2" addr add 10.77.0.2/24 dev eth0
ip -n "$LAB-r2" link set eth0 up

# Booted.
within 60 "booted: it runs, by the name ucarp" count_is 1
within 60 "the address comes" has "$VIP"
within 10 "the lines of the alias are run" hooks_are up
is "its program is xcarp" "$(readlink "/proc/$(pids)/exe")" "$XCARP"
is "networking.service is active" "$(systemctl is-active networking)" active
is "pidof finds one" "$(pidof ucarp)" "$(pids)"
within 10 "syslog has it as ucarp" eval 'journalctl -b -q -t ucarp | grep -q "Switching to state: MASTER"'
xcarp r2 -k 100 -r 10
within 60 "the other host is BACKUP" backup r2

# As ucarp's manual has it.
log_mark r2
kill -USR2 "$(pidof ucarp)"
within 10 "USR2: the other host takes over at once" r2_took_over
within 60 "and is pre-empted again" has "$VIP"
within 10 "the lines of the alias are run each time" hooks_are up,down,up
ok "ifup twice" ifup "$nic"
ok "changes nothing" count_is 1

# ifdown, ifup.
stanzas 7
rm /var/tmp/ucarp-hooks
log_mark r2
ok "ifdown -a" ifdown -a --exclude lo
within 20 "it ends" count_is 0
ok "the address is gone" lacks "$VIP"
within 60 "the other host takes over" master r2
diag "at once: $(log_has r2 '10\.77\.0\.1 bowed out' && echo yes || echo no)"
ok "ifup -a" ifup -a
within 60 "it is back" has "$VIP"
ok "with the new values" has_argument "-k 7"
stanzas 8
ok "ifdown -a; ifup -a" eval 'ifdown -a --exclude lo; ifup -a'
within 60 "it is back" has "$VIP"
within 10 "one process" count_is 1
ok "with the new values" has_argument "-k 8"
stanzas 9
ok "systemctl restart networking" systemctl restart networking
within 60 "it is back" has "$VIP"
within 10 "one process" count_is 1
ok "with the new values" has_argument "-k 9"

# Purged.
ok "the package is purged" dpkg -P ucarp
ok "the link is the administrator's" test -L /usr/sbin/ucarp
ifdown "$nic" >/dev/null 2>&1
within 20 "ifdown ends it" count_is 0
ok "ifup" ifup "$nic"
is "starts it no more" "$(pids)" ""
within 10 "nothing is left" eval '[[ -z $(machine_left) ]]'
sed -i '/ucarp-/d' $INTERFACES

# A unit that has it go to the background.
cat >/usr/local/sbin/vip-up.sh <<'END'
#!/bin/sh
/sbin/ip addr add "$2"/24 dev "$1"
END
cat >/usr/local/sbin/vip-down.sh <<'END'
#!/bin/sh
/sbin/ip addr del "$2"/24 dev "$1"
END
chmod 755 /usr/local/sbin/vip-*.sh
install -m 600 /dev/stdin /etc/ucarp.pass <<<"$PASSWORD"
scripts=(--upscript=/usr/local/sbin/vip-up.sh --downscript=/usr/local/sbin/vip-down.sh)
cat >/etc/systemd/system/ucarp-vip.service <<END
[Unit]
Description=UCARP
After=network.target

[Service]
Type=forking
ExecStart=/usr/sbin/ucarp --interface=$nic --srcip=10.77.0.1 --vhid=1 --passfile=/etc/ucarp.pass --addr=$VIP ${scripts[*]} --preempt --advbase=1 --deadratio=10 --shutdown --daemonize
Restart=always
END
systemctl daemon-reload
log_mark r2
ok "a unit of Type=forking" systemctl start ucarp-vip
within 60 "has the address" has "$VIP"
is "the unit knows its process" "$(systemctl show --value -p MainPID ucarp-vip)" "$(pids)"
within 60 "the other host is BACKUP" backup r2
log_mark r2
ok "stopped" systemctl stop ucarp-vip
within 20 "the address is gone" lacks "$VIP"
within 10 "the other host takes over at once" r2_took_over
is "nothing is left" "$(machine_left)" ""
rm /etc/systemd/system/ucarp-vip.service
systemctl daemon-reload

# A cron job that starts it where it does not run, as once a minute.
job="pgrep ucarp >/dev/null || /usr/sbin/ucarp -i $nic -s 10.77.0.1 -v 1 -p $PASSWORD -a $VIP -u /usr/local/sbin/vip-up.sh -d /usr/local/sbin/vip-down.sh -r 10 -P -z -B"
mail=$(sh -c "$job" 2>&1)
is "the cron job: status" "$?" 0
is "no mail" "$mail" ""
within 60 "it has the address" has "$VIP"
first=$(pids)
ok "once more" sh -c "$job"
is "the same process" "$(pids)" "$first"
within 60 "the other host is BACKUP" backup r2
log_mark r2
ok "ended by its name" pkill -TERM -x ucarp
within 20 "ends it" count_is 0
within 10 "the other host takes over at once" r2_took_over
is "nothing is left" "$(machine_left)" ""

# An init script.
pidfile=/run/ucarp-vip.pid
start=(start-stop-daemon --start --quiet --background --make-pidfile --pidfile $pidfile --exec /usr/sbin/ucarp --
	-i "$nic" -s 10.77.0.1 -v 1 -p "$PASSWORD" -a "$VIP" -u /usr/local/sbin/vip-up.sh -d /usr/local/sbin/vip-down.sh -r 10 -P -z)
ok "an init script's start" "${start[@]}"
within 60 "it has the address" has "$VIP"
is "the pidfile is its own" "$(cat $pidfile)" "$(pids)"
nok "a second start finds it" "${start[@]}"
within 60 "the other host is BACKUP" backup r2
log_mark r2
ok "stop by the pidfile" start-stop-daemon --stop --quiet --retry=TERM/10/KILL/5 --pidfile $pidfile --exec /usr/sbin/ucarp
within 10 "the other host takes over at once" r2_took_over
is "nothing is left" "$(machine_left)" ""
ok "start" "${start[@]}"
within 60 "it has the address" has "$VIP"
ok "stop by the program alone" start-stop-daemon --stop --quiet --retry=TERM/10/KILL/5 --exec /usr/sbin/ucarp
is "nothing is left" "$(machine_left)" ""
is "-v 018 is refused with what to do" "$(/usr/sbin/ucarp -v 018 2>&1)" \
	"xcarp: -v 018: must be a number from 1 to 255; a leading 0 means octal, so write it without"
stop r2 TERM
