#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Hosts in network namespaces, on one bridge. Sourced by the demo, the tests and the benchmarks.
#
#	   r1             r2           client        a host is a namespace:  xc<pid>-r1, ...
#	  eth0           eth0           eth0         with an address on eth0
#	   |              |              |           (veth)
#	 [ r1 ]--------[ r2 ]--------[ client ]      ports of br0, in the namespace xc<pid>-switch
#
# <pid> is that of the shell that called lab_start, so labs run side by side. Whatever runs in one of those
# namespaces belongs to the lab, and nothing else does: lab_stop ends those processes, then removes the
# namespaces, the pins of their controllers and the scratch directory. It runs when the shell ends; where the
# shell is killed with -9, a watcher does the same.
#
# A command enters a host through nsenter, not `ip netns exec`: that one remounts /sys and hides /sys/fs/bpf.

LAB_PINS=/sys/fs/bpf/xcarp

lab_die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# Starts a lab: sets LAB (the prefix) and LAB_DIR (scratch, gone with the lab).
lab_start() {
	declare -g LAB LAB_DIR
	declare -gA LAB_ADDRS=()

	((EUID == 0)) || lab_die "must be root to make network namespaces (try sudo)"
	LAB=xc$$
	LAB_DIR=$(mktemp -d "${TMPDIR:-/tmp}/$LAB.XXXXXX") || exit 1
	: >"$LAB_DIR/namespaces"
	trap lab_stop EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	setsid bash "${BASH_SOURCE[0]}" watch $$ "$LAB_DIR" </dev/null >/dev/null 2>&1 &
	disown $!
	lab_netns switch
	ip -n "$LAB-switch" link add br0 type bridge stp_state 0 mcast_snooping 0 || exit 1
	ip -n "$LAB-switch" link set br0 up
	# A switch looks at no IP header, and lets broken ones through; br_netfilter does not.
	lab_run switch sysctl -qw net.bridge.bridge-nf-call-iptables=0 2>/dev/null
	return 0
}

lab_stop() {
	((BASHPID == $$)) || return 0
	disown -a # bash would report each of them as killed
	lab_clean "$LAB_DIR"
}

# lab_netns NAME: an empty namespace of the lab, loopback up.
lab_netns() {
	local ns=$LAB-$1

	# Of an earlier lab whose watcher was killed too; its pid is ours now.
	[[ ! -e /run/netns/$ns ]] || ip netns del "$ns"
	echo "$ns" >>"$LAB_DIR/namespaces"
	if ! ip netns add "$ns" || ! ip -n "$ns" link set lo up; then
		lab_die "cannot make the network namespace $ns"
	fi
}

# lab_host NAME ADDR/LEN...: a host on the bridge, its eth0 up.
lab_host() {
	local name=$1

	shift
	lab_netns "$name"
	LAB_ADDRS[$name]=$*
	lab_plug "$name"
}

# lab_plug HOST: makes eth0 and its addresses, as when a card is put in; lab_unplug takes it out. It is the same
# card again: neighbours remember its MAC, which is 02:00 and the first address.
lab_plug() {
	local name=$1 addr mac

	addr=${LAB_ADDRS[$name]%%/*}
	# shellcheck disable=SC2086 # four numbers
	printf -v mac '02:00:%02x:%02x:%02x:%02x' ${addr//./ }
	if ! ip -n "$LAB-switch" link add "$name" type veth peer name eth0 netns "$LAB-$name" address "$mac" ||
		! ip -n "$LAB-switch" link set "$name" master br0 up; then
		lab_die "cannot connect $name"
	fi
	for addr in ${LAB_ADDRS[$name]}; do
		ip -n "$LAB-$name" addr add "$addr" dev eth0 || lab_die "cannot give $name the address $addr"
	done
	ip -n "$LAB-$name" link set eth0 up
}

lab_unplug() {
	ip -n "$LAB-switch" link del "$1"
}

# lab_cable HOST up|down: down is a pulled cable, eth0 has no carrier.
lab_cable() {
	ip -n "$LAB-switch" link set "$1" "$2"
}

# lab_isolate on|off HOST...: these hosts hear each other no more, but still everybody else.
lab_isolate() {
	local how=$1 name

	shift
	for name; do
		bridge -n "$LAB-switch" link set dev "$name" isolated "$how" || lab_die "cannot isolate $name"
	done
}

# lab_run HOST COMMAND...
lab_run() {
	local name=$1

	shift
	nsenter --net="/run/netns/$LAB-$name" "$@"
}

# lab_spawn HOST LOG COMMAND...: in the background, in a session of its own; sets LAB_PID. Output is appended to
# the file LOG. bash starts background commands with INT and QUIT ignored, which a daemon would inherit.
lab_spawn() {
	local name=$1 log=$2

	shift 2
	setsid nsenter --net="/run/netns/$LAB-$name" env --default-signal=INT,QUIT,HUP "$@" </dev/null >>"$log" 2>&1 &
	# shellcheck disable=SC2034 # for the caller
	LAB_PID=$!
}

# lab_capture HOST FILE [FILTER]: a pcap of what the host's stack sees. XDP takes frames before that.
lab_capture() {
	local name=$1 file=$2

	shift 2
	lab_spawn "$name" "$file.log" tcpdump -n -i eth0 -U -w "$file" "$@"
}

# lab_answers HOST SOURCE ADDRESS FIRST_MS MOMENT_MS: the MACs of those who answer HOST's ARP request for ADDRESS. The first one
# has FIRST_MS; after each it is waited MOMENT_MS for another.
lab_answers() {
	lab_run "$1" perl -e '
		use Socket;
		my ($source, $target, $first, $moment) = @ARGV;
		socket my $s, 17, SOCK_RAW, unpack("S", pack "n", 0x0806) or die $!;
		my $request = pack "a16 x24", "eth0";
		ioctl $s, 0x8933, $request or die $!;
		my $to = pack "S n i S C2 a8", 17, 0x0806, unpack("x16 i", $request), 0, 0, 6, "\xff" x 6;
		bind $s, $to or die $!;
		my $mac = "\x02\0" . inet_aton($source);
		send $s, "\xff" x 6 . $mac . pack("n", 0x0806) . pack("n n C2 n", 1, 0x0800, 6, 4, 1) .
			$mac . inet_aton($source) . "\0" x 6 . inet_aton($target), 0, $to or die $!;
		my %who;
		vec(my $set = "", fileno $s, 1) = 1;
		while (select(my $ready = $set, undef, undef, (%who ? $moment : $first) / 1000) > 0) {
			recv $s, my $frame, 2048, 0;
			my ($op, $smac, $sender) = unpack "x20 n a6 a4", $frame;
			$who{unpack "H*", $smac} = 1 if $op == 2 && $sender eq inet_aton $target;
		}
		print join " ", sort keys %who;
	' "${@:2}"
}

# The directory of the host's pinned maps. $XCARP is the xcarp beside whose xcarpctl knows.
lab_pins() {
	"${XCARP:+${XCARP%/*}/}xcarpctl" -n "$LAB-$1" pins
}

# lab_clean DIR: ends a lab; does nothing where that has been done.
lab_clean() {
	local dir=$1 ns pids inode try

	[[ -e $dir/namespaces ]] || return 0
	while read -r ns; do
		[[ -e /run/netns/$ns ]] || continue
		for ((try = 0; try < 100; try++)); do
			pids=$(ip netns pids "$ns" 2>/dev/null)
			[[ $pids ]] || break
			# shellcheck disable=SC2086 # one word a process
			kill -KILL $pids 2>/dev/null
			sleep 0.02
		done
		inode=$(stat -Lc %i "/run/netns/$ns")
		# The number may be another namespace's as soon as this one is gone. What earlier ones left by it is nobody's.
		[[ ! $inode ]] || rm -rf "${LAB_PINS:?}/$inode"-*
		ip netns del "$ns"
	done <"$dir/namespaces"
	rmdir "$LAB_PINS" 2>/dev/null
	rm -rf "$dir"
}

# lab_watch PID DIR: cleans up after a lab that did not. pidfd_open is call 434 everywhere but on Alpha.
lab_watch() {
	perl -e '
		my $fd = syscall(434, $ARGV[0] + 0, 0);
		exit if $fd < 0;
		vec(my $set = "", $fd, 1) = 1;
		1 while select($set, undef, undef, undef) < 0;
	' "$1"
	lab_clean "$2"
}

if [[ ${BASH_SOURCE[0]} == "$0" && ${1-} == watch ]]; then
	lab_watch "$2" "$3"
fi
