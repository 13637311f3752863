# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What the netns and interop tests share: TAP, waiting, routers in a lab, and what can be seen of them from outside.
#
# XCARP names the program under test. With XCARP=/usr/sbin/ucarp ucarp stands in for it, which shows whether a
# test tells the truth: it passes where ucarp does the same, and fails where ucarp differs.

set -u
export LC_ALL=C
# A system call that xcarp's filter refuses ends it.
export XCARP_FILTER=kill

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
XCARP=${XCARP:-$TOP/build/xcarp}
FRAMES=$TOP/selftests/frames.pl
UCARP=/usr/sbin/ucarp
VIP=10.77.0.100
PASSWORD=secret

# shellcheck source=scripts/lab.sh
. "$TOP/scripts/lab.sh"

exec {TICK}<> <(:)
declare -A PID=() LOG_MARK=()
TAP_PLAN=0 TAP_DONE=0 TAP_FAILED=0

plan() {
	TAP_PLAN=$1
	echo "1..$1"
}

diag() {
	printf '%s\n' "$*" | sed 's/^/# /'
}

pass() {
	echo "ok $((++TAP_DONE)) - $1"
}

# fail NAME [WHAT WAS SEEN]
fail() {
	echo "not ok $((++TAP_DONE)) - $1"
	((++TAP_FAILED))
	shift
	(($# == 0)) || diag "$@"
	return 1
}

# ok NAME COMMAND...
ok() {
	local name=$1

	shift
	if "$@" >/dev/null; then pass "$name"; else fail "$name" "failed: $*"; fi
}

nok() {
	local name=$1

	shift
	if "$@" >/dev/null; then fail "$name" "must fail: $*"; else pass "$name"; fi
}

# is NAME GOT WANT
is() {
	if [[ $2 == "$3" ]]; then pass "$1"; else fail "$1" " got: $2" $'\n'"want: $3"; fi
}

isnt() {
	if [[ $2 != "$3" ]]; then pass "$1"; else fail "$1" "both: $2"; fi
}

# like NAME GOT REGEX
like() {
	if [[ $2 =~ $3 ]]; then pass "$1"; else fail "$1" " got: $2" $'\n'"want: $3"; fi
}

# between NAME GOT LOW HIGH: integers; tells the figure either way.
between() {
	if [[ $2 && $2 -ge $3 && $2 -le $4 ]]; then
		pass "$1 ($2)"
	else
		fail "$1" " got: ${2:-nothing}" $'\n'"want: $3 to $4"
	fi
}

skip() {
	local n=$1 i

	shift
	for ((i = 0; i < n; i++)); do
		echo "ok $((++TAP_DONE)) # SKIP $*"
	done
}

now_ms() {
	echo $((${EPOCHREALTIME/./} / 1000))
}

# A test waits for a state, so a busy machine needs patience, and an idle one does not notice: every limit is this many times
# what an idle machine could do with. What must happen soon is shown by times that are recorded, not by a limit.
PATIENCE=5

# poll SECONDS COMMAND...: until the command succeeds; for just so long at most.
poll() {
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000))

	shift
	until "$@"; do
		((${EPOCHREALTIME/./} < end)) || return 1
		read -rt 0.03 -u "$TICK" # a sleep that forks nothing: nobody ever writes there
	done
	return 0
}

# wait_for SECONDS COMMAND...: polls. Where SLOWNESS says that the machine is so many times slower, it has so many times as long.
wait_for() {
	poll $(($1 * PATIENCE * ${SLOWNESS:-1})) "${@:2}"
}

# within SECONDS NAME COMMAND...
within() {
	local seconds=$1 name=$2

	shift 2
	if wait_for "$seconds" "$@"; then pass "$name"; else fail "$name" "not within $seconds s, nor $PATIENCE times that: $*"; fi
}

# never SECONDS NAME COMMAND...: the command fails all that time.
never() {
	local seconds=$1 name=$2

	shift 2
	if poll "$seconds" "$@"; then fail "$name" "happened within $seconds s: $*"; else pass "$name"; fi
}

test_end() {
	local status=$? log

	if ((BASHPID == $$ && TAP_FAILED)); then
		for log in "$LAB_DIR"/*.log; do
			[[ -s $log ]] || continue
			diag "--- the end of ${log##*/}:"
			diag "$(tail -n 30 "$log")"
		done
		diag "$(dmesg 2>/dev/null | grep 'type=1326 .*comm="xcarp' | tail -n 3)"
	fi
	lab_stop
	((status || (TAP_FAILED == 0 && TAP_DONE == TAP_PLAN))) || exit 1
}

# test_lab HOST...: a lab with these hosts, 10.77.0.1 for the first, and so on.
test_lab() {
	local host n=0

	[[ -x $XCARP ]] || lab_die "$XCARP is not there: run make"
	lab_start
	export LAB_DIR
	trap test_end EXIT
	for host; do
		lab_host "$host" "10.77.0.$((++n))/24"
	done
}

# one_at_a_time NAME: no other test that says the same runs meanwhile.
one_at_a_time() {
	local lock

	exec {lock}>"${TMPDIR:-/tmp}/xcarp-$1.lock"
	flock "$lock"
}

address() {
	echo "${LAB_ADDRS[$1]%%/*}"
}

mac() {
	ip -n "$LAB-$1" link show dev eth0 2>/dev/null | sed -n 's/.*link.ether \([^ ]*\).*/\1/p'
}

# daemon HOST COMMAND...: one a host at a time; its output is what log_* look at.
daemon() {
	local host=$1

	shift
	log_mark "$host"
	lab_spawn "$host" "$LAB_DIR/$host.log" "$@"
	PID[$host]=$LAB_PID
}

# xcarp HOST FLAGS...: with the usual -i, -s, -v, -p and -a.
xcarp() {
	local host=$1

	shift
	if [[ ${XCARP##*/} == ucarp ]]; then
		ucarp "$host" "${@/#--pidfile=*/-S}"
	else
		daemon "$host" "$XCARP" -i eth0 -s "$(address "$host")" -v 1 -p "$PASSWORD" -a "$VIP" "$@"
	fi
}

# slowly VARIABLE=MS COMMAND...: the command's daemon has a kernel that takes longer; see netns/slow_netlink.c.
slowly() {
	# A sanitizer wants to be loaded first, but does without.
	local -x "$1" LD_PRELOAD=${XCARP%/*}/tests/netns/slow_netlink.so ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0

	[[ -e $LD_PRELOAD ]] || lab_die "$LD_PRELOAD is not there: run make tests"
	shift
	"$@"
}

# ucarp HOST FLAGS...: the same of a real ucarp, with scripts that add and remove the address.
ucarp() {
	local host=$1 script

	shift
	for script in add del; do
		[[ -x $LAB_DIR/ucarp-$script ]] || hook "ucarp-$script" <<-EOF
			ip addr $script "\$2/32" dev "\$1"
		EOF
	done
	daemon "$host" "$UCARP" -i eth0 -s "$(address "$host")" -v 1 -p "$PASSWORD" -a "$VIP" \
		-u "$LAB_DIR/ucarp-add" -d "$LAB_DIR/ucarp-del" "$@"
}

# hook NAME: a script $LAB_DIR/NAME from standard input.
hook() {
	{
		echo '#!/bin/sh'
		cat
	} >"$LAB_DIR/$1"
	chmod +x "$LAB_DIR/$1"
}

# alive HOST: its daemon runs, and is not merely unburied.
alive() {
	local state

	read -r _ _ state _ 2>/dev/null <"/proc/${PID[$1]}/stat" && [[ $state != Z ]]
}

gone() {
	! alive "$1"
}

# stop HOST SIGNAL [SECONDS]: sends it and waits for the end; the exit status is in STATUS, or none.
stop() {
	STATUS=none
	kill "-$2" "${PID[$1]}" 2>/dev/null
	wait_for "${3:-5}" gone "$1" || return 1
	wait "${PID[$1]}" 2>/dev/null
	# shellcheck disable=SC2034 # for the caller
	STATUS=$?
}

# runner HOST: the process id of its daemon's script runner.
runner() {
	pgrep -P "${PID[$1]}" -x xcarp-scripts
}

# alone HOST: nothing runs there but its daemon, with its script runner.
alone() {
	local pid

	for pid in $(ip netns pids "$LAB-$1"); do
		[[ $pid == "${PID[$1]}" || $pid == "$(runner "$1")" ]] || return 1
	done
}

# kill_9 HOST
kill_9() {
	kill -KILL "${PID[$1]}"
	wait "${PID[$1]}" 2>/dev/null # or bash reports it
}

log_mark() {
	touch "$LAB_DIR/$1.log"
	LOG_MARK[$1]=$(wc -l <"$LAB_DIR/$1.log")
}

# fails HOST PROGRAM [ARG...]: runs it to its end, which must come soon; its status is in STATUS, its output in ERROR.
fails() {
	local host=$1

	shift
	# shellcheck disable=SC2034 # for the caller
	ERROR=$(lab_run "$host" timeout -s KILL 60 "$@" 2>&1 </dev/null)
	# shellcheck disable=SC2034
	STATUS=$?
}

# What a host's daemon printed since it was started, or since log_mark.
log_of() {
	tail -n "+$((LOG_MARK[$1] + 1))" "$LAB_DIR/$1.log"
}

log_has() {
	log_of "$1" | grep -qE -- "$2"
}

log_count() {
	log_of "$1" | grep -cE -- "$2"
}

# in_state HOST STATE: its daemon entered that state last. Forks nothing, being asked so often.
in_state() {
	local line n=0 last=

	while read -r line; do
		((n++ < LOG_MARK[$1])) && continue
		# The first form stands for several of the second within a second.
		[[ $line =~ \;\ now\ ([A-Z]+) || $line =~ Switching\ to\ state:\ ([A-Z]+) ]] && last=${BASH_REMATCH[1]}
	done <"$LAB_DIR/$1.log"
	[[ $last == "$2" ]]
}

master() {
	in_state "$1" MASTER
}

backup() {
	in_state "$1" BACKUP
}

left_master() {
	! master "$1"
}

# seen_state HOST STATE: was it in that state since log_mark?
seen_state() {
	log_has "$1" "Switching to state: $2"
}

# state_ms HOST STATE: when its daemon entered it, since log_mark; milliseconds since 1970.
state_ms() {
	local stamp

	stamp=$(log_of "$1" | sed -n "s/: .*Switching to state: $2.*//p" | tail -n 1)
	[[ $stamp ]] && date -d "$stamp" +%s%3N
}

has_addr() {
	ip -n "$LAB-$1" -o -4 addr show | grep -qF " $2/"
}

lacks_addr() {
	! has_addr "$@"
}

# holders HOST...: those of them that have the VIP.
holders() {
	local host

	for host; do
		has_addr "$host" "$VIP" && printf '%s ' "$host"
	done
}

# only_holder HOST AMONG...
only_holder() {
	local host=$1

	shift
	[[ $(holders "$@") == "$host " ]]
}

# only_master HOST AMONG...
only_master() {
	local host=$1 other

	shift
	master "$host" || return 1
	for other; do
		[[ $other == "$host" ]] || ! master "$other" || return 1
	done
}

has_xdp() {
	ip -n "$LAB-$1" -d link show dev eth0 2>/dev/null | grep -q 'prog/xdp'
}

# has_tc HOST: a program or a filter at the ingress of its eth0. bpftool and tc of Debian 12 do not show tcx: call 321 is bpf(), 16
# BPF_PROG_QUERY, 46 BPF_TCX_INGRESS.
has_tc() {
	local ifindex

	ifindex=$(ip -n "$LAB-$1" -o link show dev eth0 2>/dev/null | cut -d: -f1)
	[[ $ifindex ]] || return 1
	[[ $(tc -n "$LAB-$1" filter show dev eth0 ingress 2>/dev/null) ]] || lab_run "$1" perl -e '
		my $query = pack "L4 Q L L Q4", $ARGV[0], 46, (0) x 9;
		exit(syscall(321, 16, $query, length $query) < 0 || !unpack "x24 L", $query);
	' "$ifindex"
}

xdp_id() {
	ip -n "$LAB-$1" -d link show dev eth0 2>/dev/null | sed -n 's/.*prog.xdp id \([0-9]*\) .*/\1/p'
}

# snapshot HOST: all that a controller could change there.
snapshot() {
	# Names of other labs' namespaces come and go.
	{
		ip -n "$LAB-$1" -d link show
		ip -n "$LAB-$1" -4 addr show
	} 2>/dev/null | sed 's/ link-netns[^ ]* [^ ]*//'
	ip -n "$LAB-$1" -4 route show table all
	ls -R "$(lab_pins "$1")" 2>&1
}

# unchanged NAME HOST SNAPSHOT
unchanged() {
	local now difference

	now=$(snapshot "$2")
	if difference=$(diff <(echo "$3") <(echo "$now")); then pass "$1"; else fail "$1" "$difference"; fi
}

# left_on HOST: what of a controller is still to be seen; nothing on a clean host.
left_on() {
	local pins

	pins=$(lab_pins "$1")
	has_addr "$1" "$VIP" && echo "address $VIP"
	has_xdp "$1" && echo "an XDP program on eth0"
	has_tc "$1" && echo "a program at the ingress of eth0"
	[[ $(tc -n "$LAB-$1" qdisc show dev eth0 2>/dev/null) == *clsact* ]] && echo "a clsact on eth0"
	[[ -e $pins ]] && echo "pins: $(ls "$pins")"
	[[ -e $LAB_DIR/$1.pid ]] && echo "a pidfile"
	return 0
}

# counted HOST COUNTER N
counted() {
	[[ $(drops "$1" 2>/dev/null | grep "^$2=") == "$2=$3" ]]
}

# drops HOST: the counters, summed over the CPUs, one `name=value` a line.
drops() {
	bpftool -j map dump pinned "$(lab_pins "$1")/drops" | perl -MJSON::PP -e '
		my %sum;
		for my $cpu (@{(decode_json(join "", <STDIN>))->[0]{formatted}{values}}) {
			$sum{$_} += $cpu->{value}{$_} for keys %{$cpu->{value}};
		}
		print map { "$_=$sum{$_}\n" } sort keys %sum;
	'
}

# wire HOST [KEY=VALUE...]: records adverts and ARP that reach an onlooker, in $LAB_DIR/wire.
wire() {
	local host=$1

	shift
	: >"$LAB_DIR/wire"
	lab_spawn "$host" "$LAB_DIR/wire" "$FRAMES" listen eth0 "$@"
	wait_for 5 grep -qs listening "$LAB_DIR/wire"
}

# on_wire REGEX: the recorded lines, time and all.
on_wire() {
	grep -E -- "$1" "$LAB_DIR/wire"
}

seen() {
	on_wire "$1" >/dev/null
}

# longest_gap REGEX FROM_MS: between two such lines from then on, in ms
longest_gap() {
	on_wire "$1" | awk -v from="$2" '
		{ ms = $1 * 1000 }
		ms < from { next }
		last && ms - last > gap { gap = ms - last }
		{ last = ms }
		END { printf "%.0f", gap }'
}

# seen_times N REGEX
seen_times() {
	(($(on_wire "$2" | wc -l) >= $1))
}

# since_ms MS REGEX: milliseconds from that time to the first such line after it; nothing where there is none.
since_ms() {
	on_wire "$2" | awk -v from="$1" '{ ms = $1 * 1000; if (ms >= from) { printf "%.0f", ms - from; exit } }'
}

# gap_ms MS FROM TO: from the first line like FROM after that time to the next like TO.
gap_ms() {
	local gap= until=$(($(now_ms) + 3000 * PATIENCE))

	# The listener may be a little behind.
	while [[ -z $gap ]] && (($(now_ms) < until)); do
		gap=$(on_wire "$2|$3" | awk -v since="$1" -v from="$2" -v to="$3" '
			{ ms = $1 * 1000 }
			!start && ms >= since && $0 ~ from { start = ms; next }
			start && $0 ~ to { printf "%.0f", ms - start; exit }')
		[[ $gap ]] || read -rt 0.05 -u "$TICK"
	done
	printf '%s' "$gap"
}

seen_since() {
	[[ $(since_ms "$@") ]]
}

# last_ms REGEX: when the last such line came, milliseconds since 1970.
last_ms() {
	on_wire "$1" | tail -n 1 | awk '{ printf "%.0f", $1 * 1000 }'
}
