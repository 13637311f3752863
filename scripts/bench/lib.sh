# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What the benchmarks share: two routers r1 and r2 in a lab, daemons on them, an onlooker in the switch, results.
#
#	build/bench/NAME.json	rows, and how to show them; scripts/bench/report makes a table and a plot of it
#
# The virtual routers of a run are numbered from 0. The first 255 are in 224.0.0.18, each further 255 in a group of
# their own, 239.77.x.y; so number N is VHID N % 255 + 1. The addresses are 10.78.0.0 and up.
#
# XCARP_FLAGS is added to every command line of xcarp.

set -u
export LC_ALL=C
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BENCH=${0##*/}
cd "$TOP" || exit 1
# shellcheck source=scripts/lab.sh
. scripts/lab.sh

XCARP=$TOP/build/xcarp
UCARP=/usr/sbin/ucarp
KEEPALIVED=/usr/sbin/keepalived
GROUP_SIZE=255
DAEMON_STOP_S=10
declare -A HELPER_IN=() HELPER_OUT=() GOT=()
PIDS=()
QUICK=

# bench_start [--quick]: builds what is needed, checks what must be there.
bench_start() {
	case "$*" in
	'') ;;
	--quick) QUICK=1 ;;
	*) lab_die "usage: $BENCH [--quick]" ;;
	esac
	((EUID == 0)) || lab_die "must be root to make network namespaces (try sudo)"
	[[ -x $UCARP && -x $KEEPALIVED ]] || lab_die "ucarp and keepalived are needed: scripts/setup.sh test"
	make --no-print-directory -s all bench-programs || exit 1
	mkdir -p build/bench
}

# bench_lab GROUPS: the lab and its onlooker, which knows so many groups.
bench_lab() {
	lab_start
	: >"$LAB_DIR/rows"
	bench_hosts
	helper watch switch build/bench/watch br0 "$1"
}

# r1 and r2, new; a multicast group costs a membership, and there are many here.
bench_hosts() {
	local n

	for n in 1 2; do
		lab_host "r$n" "10.77.0.$n/24"
		lab_run "r$n" sysctl -qw net.ipv4.igmp_max_memberships=1000
		ip -n "$LAB-r$n" route add 10.78.0.0/16 dev eth0
	done
}

# quick A B: A for --quick, else B.
quick() {
	if [[ $QUICK ]]; then echo "$1"; else echo "$2"; fi
}

say() {
	printf '%s\n' "$*" >&2
}

# has_option OPTION: does this xcarp know it?
has_option() {
	"$XCARP" --help | grep -q -- "$1"
}

# --- Helpers that are asked -------------------------------------------------------------------------------------

# helper NAME HOST COMMAND...: starts one; see scripts/bench/commands.h.
helper() {
	local name=$1 host=$2 fd

	shift 2
	mkfifo "$LAB_DIR/$name.in" "$LAB_DIR/$name.out" || exit 1
	exec {fd}<>"$LAB_DIR/$name.in"
	HELPER_IN[$name]=$fd
	exec {fd}<>"$LAB_DIR/$name.out"
	HELPER_OUT[$name]=$fd
	setsid nsenter --net="/run/netns/$LAB-$host" "$@" \
		<"$LAB_DIR/$name.in" >"$LAB_DIR/$name.out" 2>>"$LAB_DIR/$name.log" &
}

# ask NAME WORD...: puts the values of the answer into GOT.
# shellcheck disable=SC2034 # for the caller
ask() {
	local name=$1 line word

	shift
	echo "$*" >&"${HELPER_IN[$name]}"
	read -rt 200 -u "${HELPER_OUT[$name]}" line ||
		lab_die "no answer to \"$name $*\": $(cat "$LAB_DIR/$name.log" 2>&1)"
	GOT=()
	for word in $line; do
		GOT[${word%%=*}]=${word#*=}
	done
}

# --- Daemons ----------------------------------------------------------------------------------------------------

# advskew MS: an interval below a second in xcarp's unit, 1/256 s, at least one.
advskew() {
	local skew=$((($1 * 256 + 500) / 1000))

	echo $((skew > 0 ? skew : 1))
}

# interval_us TOOL MS: what the tool makes of it.
interval_us() {
	if [[ $1 == xcarp ]] && (($2 < 1000)); then
		echo $(($(advskew "$2") * 1000000 / 256))
	else
		echo $(($2 * 1000))
	fi
}

# groups N: how many groups so many virtual routers take.
groups() {
	echo $((($1 + GROUP_SIZE - 1) / GROUP_SIZE))
}

# Of both tools that have one process for all. awk makes them: a shell takes minutes for 65,536 virtual routers.
CONFIGURATIONS='
	function group(n) { return n < 255 ? "224.0.0.18" : sprintf("239.77.%d.%d", int(n / 255 / 256), int(n / 255) % 256) }
	function address(n) { return sprintf("10.78.%d.%d/32", int(n / 256), n % 256) }
	function xcarp(n, i) {
		if (n % 255 == 0)
			print "default -i eth0 -p benchmark -m " group(n) " " flags
		printf "-v %d", n % 255 + 1
		for (i = 0; i < vips; i++)
			printf " -a %s", address(n * vips + i)
		print ""
	}
	function keepalived(n, i) {
		print "vrrp_instance v" n " {\nstate BACKUP\nnopreempt\ninterface eth0\npriority 254\nadvert_int " flags
		print "virtual_router_id " n % 255 + 1
		if (n >= 255)
			print "mcast_dst_ip " group(n)
		print "virtual_ipaddress {"
		for (i = 0; i < vips; i++)
			print address(n * vips + i)
		print "}\n}"
	}
	BEGIN { for (n = 0; n < vrs; n++) if (tool == "xcarp") xcarp(n); else keepalived(n) }
'

# configuration TOOL VRS VIPS FLAGS
configuration() {
	awk -v tool="$1" -v vrs="$2" -v vips="$3" -v flags="$4" "$CONFIGURATIONS"
}

# daemon_start TOOL HOST VRS MS VIPS [FLAG...]: VRS virtual routers with VIPS addresses each and an advert every MS
# milliseconds, equal on both hosts and without preemption, so the first to be started is master.
#	--elect-only	they install no addresses
#	--realtime	with real-time priority, as the tool offers it
daemon_start() {
	local tool=$1

	shift
	"${tool}_start" "$@"
	disown "$LAB_PID" # or bash reports its death
}

xcarp_start() {
	local host=$1 vrs=$2 ms=$3 vips=$4 conf=$LAB_DIR/$1.conf timing="-b $(($3 / 1000))" flags=() flag

	shift 4
	((ms >= 1000)) || timing="-b 0 -k $(advskew "$ms")"
	for flag; do
		case $flag in
		--elect-only) timing+=" --no-vip" ;;
		--realtime) flags+=(--realtime) ;;
		esac
	done
	configuration xcarp "$vrs" "$vips" "-s ${LAB_ADDRS[$host]%/*} $timing" >"$conf"
	# shellcheck disable=SC2086 # flags
	lab_spawn "$host" "$LAB_DIR/$host.log" "$XCARP" -c "$conf" -f none ${flags[@]+"${flags[@]}"} ${XCARP_FLAGS-}
}

keepalived_start() {
	local host=$1 vrs=$2 ms=$3 vips=$4 conf=$LAB_DIR/$1.conf

	shift 4
	{
		echo "global_defs {"$'\n'"router_id $host"$'\n'"vrrp_version 3"
		[[ " $* " != *" --realtime "* ]] || echo "vrrp_rt_priority 50"
		echo "}"
		configuration keepalived "$vrs" "$vips" "$(figure %.3f "$ms" 1000)"
	} >"$conf"
	lab_spawn "$host" "$LAB_DIR/$host.log" "$KEEPALIVED" -n -P -l -G -f "$conf" \
		-p "$LAB_DIR/$host.pid" -r "$LAB_DIR/$host-vrrp.pid"
}

# One process a virtual router, and one address each.
ucarp_start() {
	local host=$1 vrs=$2 ms=$3 script

	shift 4
	for script in add del; do
		# shellcheck disable=SC2016 # for the script
		printf '#!/bin/sh\nexec ip address %s "$2/32" dev "$1"\n' $script >"$LAB_DIR/ucarp-$script"
		chmod +x "$LAB_DIR/ucarp-$script"
	done
	local scripts="-u $LAB_DIR/ucarp-add -d $LAB_DIR/ucarp-del -z"
	[[ " $* " == *" --elect-only "* ]] && scripts=
	# shellcheck disable=SC2016 # for the shell there
	lab_spawn "$host" "$LAB_DIR/$host.log" bash -c 'for ((i = 0; i < $1; i++)); do
			setsid "$2" -i eth0 -s "$3" -p benchmark -b "$4" -v $((i + 1)) -a "10.78.$((i / 256)).$((i % 256))" $5 &
		done' ucarp "$vrs" "$UCARP" "${LAB_ADDRS[$host]%/*}" "$((ms / 1000))" "$scripts"
}

# daemon_pids HOST: puts the processes of the daemon there into PIDS.
daemon_pids() {
	local pid name

	PIDS=()
	for pid in $(ip netns pids "$LAB-$1"); do
		read -r name 2>/dev/null <"/proc/$pid/comm" || continue
		[[ $name == xcarp* || $name == ucarp || $name == keepalived* ]] && PIDS+=("$pid")
	done
	return 0
}

# daemon_stop HOST: ends it and takes away what it has left.
daemon_stop() {
	local host=$1 end=$((SECONDS + DAEMON_STOP_S)) signal=TERM

	while daemon_pids "$host" && ((${#PIDS[@]})); do
		((SECONDS < end)) || signal=KILL
		kill -$signal "${PIDS[@]}" 2>/dev/null
		sleep 0.1
	done
	daemon_sweep "$host"
}

# daemon_sweep HOST: what a dead one has left: addresses, and pins.
daemon_sweep() {
	local host=$1

	ip -n "$LAB-$host" -o -4 addr show dev eth0 | awk '$4 ~ /^10\.78\./ { print "addr del", $4, "dev eth0" }' |
		ip -n "$LAB-$host" -force -batch - 2>/dev/null
	rm -rf "$(lab_pins "$host")"
	return 0
}

# --- What they use ----------------------------------------------------------------------------------------------

# cpu_ns PID...: processor time used so far, by all threads. It is utime and stime of /proc/PID/stat, not rounded.
cpu_ns() {
	local pid file ns sum=0

	for pid; do
		for file in /proc/"$pid"/task/*/schedstat; do
			read -r ns _ 2>/dev/null <"$file" && ((sum += ns))
		done
	done
	echo "$sum"
}

# memory PID...: resident, proportional, and of BPF maps, in kB.
memory() {
	local files=() maps=() pid

	for pid; do
		files+=("/proc/$pid/smaps_rollup")
		maps+=(/proc/"$pid"/fdinfo/*)
	done
	awk '/^Rss:/ { rss += $2 } /^Pss:/ { pss += $2 } END { printf "%d %d ", rss, pss }' "${files[@]}" 2>/dev/null
	# A map may be open twice.
	cat "${maps[@]}" 2>/dev/null | awk '/^memlock:/ { bytes = $2 } /^map_id:/ { sizes[$2] = bytes }
		END { for (id in sizes) sum += sizes[id]; printf "%d\n", sum / 1024 }'
}

# machine_ticks: of all cores since the boot: busy, and thereof in softirq; USER_HZ.
machine_ticks() {
	local user nice system irq softirq

	read -r _ user nice system _ _ irq softirq _ </proc/stat
	echo $((user + nice + system + irq + softirq)) "$softirq"
}

# --- Results ----------------------------------------------------------------------------------------------------

# figure FORMAT NUMERATOR DENOMINATOR: null where there is nothing to divide by.
figure() {
	awk -v n="$2" -v d="$3" -v f="$1" 'BEGIN { if (d) printf f, n / d; else printf "null" }'
}

# ranks: of numbers on standard input, one a line: least, median, 95th percentile, largest.
ranks() {
	sort -g | awk '{ v[NR] = $1 } END {
		if (!NR) { print "null null null null"; exit }
		median = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2
		printf "%.2f %.2f %.2f %.2f\n", v[1], median, v[int(NR * 0.95 + 0.999999)], v[NR] }'
}

json_string() {
	local text=${1//\\/\\\\}

	text=${text//\"/\\\"}
	printf '"%s"' "${text//[[:cntrl:]]/ }"
}

# json_value TEXT: a number, a list of numbers or null as such, else a string.
json_value() {
	if [[ $1 =~ ^(-?(0|[1-9][0-9]*)(\.[0-9]+)?|null|\[[0-9.,]*\])$ ]]; then printf '%s' "$1"; else json_string "$1"; fi
}

# row KEY=VALUE...: a result.
row() {
	local pair comma=

	{
		printf '{'
		for pair; do
			printf '%s"%s":' "$comma" "${pair%%=*}"
			json_value "${pair#*=}"
			comma=,
		done
		printf '}\n'
	} >>"${BENCH_ROWS:-$LAB_DIR/rows}"
	say "  $*"
}

# column KEY TITLE, plot KEY=VALUE..., note TEXT: how to show the results.
columns=() plots=() notes=()

column() {
	columns+=("{\"key\":$(json_string "$1"),\"title\":$(json_string "$2")}")
}

plot() {
	local pair parts=()

	for pair; do
		parts+=("\"${pair%%=*}\":$(json_string "${pair#*=}")")
	done
	plots+=("{$(joined "${parts[@]}")}")
}

note() {
	notes+=("$(json_string "$*")")
}

joined() {
	local IFS=,

	echo "$*"
}

version_of() {
	"$@" 2>&1 | grep -oE '[0-9]+(\.[0-9]+)+' | head -n 1
}

# bench_end TITLE: writes the results and shows them.
bench_end() {
	local file=build/bench/$BENCH.json cpu rows=()

	cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
	mapfile -t rows <"$LAB_DIR/rows"
	{
		printf '{"bench":"%s",\n"title":%s,\n"date":"%s",\n' "$BENCH" "$(json_string "$1")" "$(date -u +%Y-%m-%dT%H:%MZ)"
		printf '"quick":%d,\n"machine":{"cpu":%s,"cores":%d,"kernel":%s,"xcarp":%s,"ucarp":%s,"keepalived":%s},\n' \
			"${QUICK:-0}" "$(json_string "${cpu:-unknown}")" "$(nproc)" "$(json_string "$(uname -r)")" \
			"$(json_string "$(version_of "$XCARP" --version)")" \
			"$(json_string "$(version_of "$UCARP" --help)")" \
			"$(json_string "$(version_of "$KEEPALIVED" --version)")"
		printf '"columns":[%s],\n"plots":[%s],\n"notes":[%s],\n"rows":[\n' \
			"$(joined "${columns[@]}")" "$(joined ${plots[@]+"${plots[@]}"})" "$(joined ${notes[@]+"${notes[@]}"})"
		(IFS=$'\n'; sed '$!s/$/,/' <<<"${rows[*]}")
		printf ']}\n'
	} >"$file"
	scripts/bench/report "$file"
}
