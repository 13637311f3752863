#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The unit at boot: when the network is there, and when it is not and comes later. Nothing fails and nothing is started again: what
# is missing is waited for. The machine is booted three times; the first time prepares.
#
# vm: seconds=300

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

RESULTS=/var/lib/xcarp-boot.results
NETWORK=/etc/systemd/network
UNITS=(t-lan t-late t-address)

# check NAME COMMAND...: told with all others after the last boot.
check() {
	local name=$1 result=ok

	shift
	"$@" >/dev/null 2>&1 || result="not ok"
	printf '%s\t%s\n' "$result" "$name" >>"$RESULTS"
	[[ $result == ok ]] || {
		systemctl status --no-pager -l -n 0 'xcarp@t-*' 2>&1
		journalctl --no-pager -b -o short-precise -u 'xcarp@t-*'
	} | sed 's/^/# /'
}

# eventually COMMAND...
eventually() {
	wait_for 12 "$@"
}

# unit NAME FLAGS...: all of them start at once, and the first one loads the program, which an emulated machine takes long for.
unit() {
	echo "XCARP_ARGS=\"-s 10.77.0.1 -o /etc/xcarp/t-pass -r 3 ${*:2}\"" >"/etc/xcarp/$1.env"
}

says() {
	[[ $(systemctl show --value -p StatusText "xcarp@$1") =~ $2 ]]
}

has() {
	ip -o -4 addr show dev xc-lan 2>/dev/null | grep -q " inet $1/"
}

none_failed() {
	local unit

	[[ -z $(systemctl list-units --failed --plain --no-legend 'xcarp@*') ]] || return
	for unit in "${UNITS[@]}"; do
		systemctl is-active --quiet "xcarp@$unit" || return
		[[ $(systemctl show --value -p NRestarts "xcarp@$unit") == 0 ]] || return
	done
}

no_errors() {
	[[ -z $(journalctl -b -q -o cat -p err -u 'xcarp@t-*') ]]
}

prepare() {
	mkdir -p /etc/xcarp "$NETWORK"
	rm -f "$RESULTS"
	printf '[NetDev]\nName=xc-lan\nKind=dummy\n' >"$NETWORK/10-xc-lan.netdev"
	printf '[Match]\nName=xc-lan\n[Network]\nAddress=10.77.0.1/24\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n' \
		>"$NETWORK/10-xc-lan.network"
	(umask 077 && echo boot >/etc/xcarp/t-pass)
	unit t-lan -i xc-lan -v 10 -a 10.77.0.100/24
	unit t-late -i xc-none -v 11 -a 10.77.0.101/24
	unit t-address -v 12 -a 10.77.0.102/24
	systemctl enable systemd-networkd "${UNITS[@]/#/xcarp@}" || exit 1
}

with_network() {
	check "with the network: the one on it is MASTER" eventually has 10.77.0.100
	check "and the one that is known by its address" eventually has 10.77.0.102
	check "which is what their status says" eventually says t-address '^1 virtual router: 1 MASTER$'
	check "the one of an interface that does not come waits" says t-late 'waits for xc-none'
	check "nothing has failed or was started again" none_failed
	check "or has an error to tell" no_errors
}

without_network() {
	check "without the network: one waits for its interface" eventually says t-lan 'waits for xc-lan'
	check "one for its address" eventually says t-address 'waits for an interface with 10\.77\.0\.1$'
	check "nothing has failed or was started again" none_failed
	systemctl start systemd-networkd
	check "it comes: the one is MASTER" eventually has 10.77.0.100
	check "and the other" eventually has 10.77.0.102
	check "nothing has failed or was started again" none_failed
	check "or has an error to tell" no_errors
	systemctl stop "${UNITS[@]/#/xcarp@}"
	check "stopped: nothing is left" eval '! has 10.77.0.100 && ! has 10.77.0.102 && [[ -z $(find /sys/fs/bpf/xcarp -mindepth 1 2>/dev/null) ]]'
}

if [[ ! -e /lib/systemd/systemd-networkd ]]; then
	echo "1..0 # SKIP no systemd-networkd in this machine"
	exit
fi
case ${VM_BOOT:-1} in
1)
	prepare
	exit 88
	;;
2)
	with_network
	systemctl disable systemd-networkd systemd-networkd.socket
	exit 88
	;;
esac
without_network
systemctl disable "${UNITS[@]/#/xcarp@}"
rm -rf "$NETWORK"/10-xc-lan.* /etc/xcarp/t-*
plan 14
while IFS=$'\t' read -r result name; do
	if [[ $result == ok ]]; then pass "$name"; else fail "$name"; fi
done <"$RESULTS"
