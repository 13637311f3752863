#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What each process may do once it runs, as /proc shows it, and that everything still works: addresses, scripts, a reload,
# interfaces and carriers that come and go, the end. That others can neither trace nor dump it, and that the script runner
# runs nothing but what is configured, and takes no programs off but ours.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 73
test_lab r1 r2 client
wire client

# proc PID FIELD: of /proc/PID/status
proc() {
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"
}

# capabilities PID SET: their numbers
capabilities() {
	perl -e 'my $set = hex shift; print join " ", grep { $set >> $_ & 1 } 0 .. 63' "$(proc "$1" "$2")"
}

# restricted PID
restricted() {
	[[ $(proc "$1" NoNewPrivs) == 1 && $(proc "$1" Seccomp) == "$filtered" ]]
}

# ran TEXT: the scripts' last line
ran() {
	[[ $(tail -n 1 "$LAB_DIR/ran" 2>/dev/null) == "$1" ]]
}

# more_calls N: scripts ran since that many lines
more_calls() {
	(($(wc -l <"$LAB_DIR/ran") > $1))
}

# DAC_READ_SEARCH=2, NET_ADMIN=12, NET_RAW=13, IPC_LOCK=14, SYS_PTRACE=19, SYS_ADMIN=21, PERFMON=38, BPF=39. Locked
# memory without limit is not everywhere to be had. A sanitizer looks for leaks, and is not filtered.
allowed='2 12 13( 14)?'
filtered=2
if [[ $XCARP == *asan* ]]; then
	allowed='2 12 13( 14)? 19'
	filtered=0
fi

hook script <<'EOF'
	{
		sed -n 's/^CapEff:[[:space:]]*//p; s/^NoNewPrivs:[[:space:]]*//p; s/^Seccomp:[[:space:]]*//p' /proc/self/status
		echo "$1 $2 $3"
	} | paste -sd' ' >>"$LAB_DIR/ran"
EOF
own=$(proc $$ CapEff)
as_started="$own $(proc $$ NoNewPrivs) $(proc $$ Seccomp)"
echo "$PASSWORD" >"$LAB_DIR/password"
chmod 600 "$LAB_DIR/password"
chown 65534 "$LAB_DIR/password"
config() {
	printf '%s\n' "default -i eth0 -s 10.77.0.1 -o $LAB_DIR/password -r 2 -P -u $LAB_DIR/script -d $LAB_DIR/script" "$@" >"$LAB_DIR/config"
}
config "-v 1 -a $VIP/24 -x first"

daemon r1 "$XCARP" -c "$LAB_DIR/config" --pidfile="$LAB_DIR/r1.pid"
within 5 "MASTER" master r1
within 5 "the up script has run" ran "$as_started eth0 $VIP first"
pid=${PID[r1]} scripts=$(runner r1)

like "the process keeps" "$(capabilities "$pid" CapEff)" "^$allowed\$"
is "no more are permitted" "$(proc "$pid" CapPrm)" "$(proc "$pid" CapEff)"
is "nor in the bounding set" "$(proc "$pid" CapBnd)" "$(proc "$pid" CapEff)"
is "none are inherited" "$(proc "$pid" CapInh) $(proc "$pid" CapAmb)" "0000000000000000 0000000000000000"
ok "no new privileges, and a filter" restricted "$pid"
threads=
for task in "/proc/$pid/task"/*; do
	[[ $task == */"$pid" ]] && continue
	task=$pid/task/${task##*/}
	threads+="$(<"/proc/$task/comm") "
	ok "no new privileges and the filter for a thread, too" restricted "$task"
	case $threads in
	*'-log ') is "the one that logs has no capabilities" "$(proc "$task" CapPrm)" 0000000000000000 ;;
	*) is "the one that waits for the kernel has the same" "$(proc "$task" CapPrm)" "$(proc "$pid" CapPrm)" ;;
	esac
done
is "there is no other thread" "$threads" "xcarp-log xcarp-netlink "
is "the script runner has what xcarp was started with" "$(proc "$scripts" CapEff)" "$own"
is "and two sockets, the controller's and its log's" "$(find "/proc/$scripts/fd" -lname 'socket:*' | wc -l)" 2
is "it is a child of the controller" "$(proc "$scripts" PPid)" "$pid"

# Others.
as_other() {
	setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all "$@"
}
# /proc/PID/mem is for whoever may trace the process.
may_open() {
	"${@:2}" head -c 0 "/proc/$1" 2>/dev/null
}
ok "who may trace it can open its memory" may_open "$pid/mem" env
nok "another user cannot: it cannot trace it" may_open "$pid/mem" as_other
for file in maps environ fd/0; do
	nok "nor read its $file" may_open "$pid/$file" as_other
done
nok "nor trace the script runner" may_open "$scripts/mem" as_other
nok "root with all capabilities but CAP_SYS_PTRACE cannot either: it is not dumpable" may_open "$pid/mem" \
	setpriv --inh-caps=-sys_ptrace --bounding-set=-sys_ptrace

# The script runner's protocol. ask_runner SOCKET ASK REST: the controller's end of the socket is taken from it.
ask_runner() {
	perl -e '
		my ($pid, $fd, $ask, $rest) = @ARGV;
		my $pidfd = syscall(434, $pid + 0, 0);
		my $socket = syscall(438, $pidfd, $fd + 0, 0);
		open(my $file, "+<&=", $socket) or die "pidfd_getfd: $!";
		send($file, pack("L4 a32", $ask, 4000000000, 0, 0, pack("H*", $rest)), 0) or die "send: $!";
	' "$pid" "$@"
}
socket=
for fd in "/proc/$pid/fd"/*; do
	[[ $(readlink "$fd") == socket:* ]] || continue
	inode=$(readlink "$fd" | tr -dc 0-9)
	peer=$(readlink "/proc/$scripts/fd/3" | sed -n 's/socket:\[\(.*\)\]/\1/p')
	# The two ends of a pair are made one after the other.
	((inode == peer - 1)) && socket=${fd##*/}
done
calls=$(wc -l <"$LAB_DIR/ran")
ok "the script runner is asked for something else" ask_runner "$socket" 1 "$(printf '%064d' 7)"
within 2 "it refuses, and tells" log_has r1 'asked for a command that is not configured: refused'
is "nothing was run" "$(wc -l <"$LAB_DIR/ran")" "$calls"

# Somebody else's program in another network namespace, and after it ours. Calls of bpf(): 13 opens a program, 8 attaches it, 16
# asks for those of the ingress (46).
at_ingress() {
	lab_run elsewhere perl -e '
		my ($ifindex, $id) = @ARGV;
		my $ids = "\0" x 256;
		my $query = pack "L4 P L L Q3", $ifindex, 46, 0, 0, $ids, 64, 0, 0, 0, 0;
		syscall(321, 16, $query, length $query) < 0 and exit 1;
		exit !grep { $_ == $id } unpack "L*", $ids;
	' "$@"
}
attach_ingress() {
	lab_run elsewhere perl -e '
		my ($ifindex, $id) = @ARGV;
		my $open = pack "L4", $id, 0, 0, 0;
		my $fd = syscall(321, 13, $open, length $open);
		my $attach = pack "L8", $ifindex, $fd, 46, 0, 0, 0, 0, 0;
		exit(syscall(321, 8, $attach, length $attach) < 0);
	' "$@"
}
program_id() {
	bpftool prog show pinned "$1" | sed -n 's/^\([0-9]*\):.*/\1/p'
}
lab_netns elsewhere
ip -n "$LAB-elsewhere" link add y0 index 77 type veth peer name y1
ip -n "$LAB-r1" netns set "$LAB-elsewhere" 7
bpftool prog load "${XCARP%/*}/tests/netns/past.bpf.o" "$(lab_pins r1)/others" type classifier
others=$(program_id "$(lab_pins r1)/others")
ours=$(program_id "$(lab_pins r1)/program_tc")
ok "somebody else's program in another namespace" attach_ingress 77 "$others"
ok "and ours" attach_ingress 77 "$ours"
rm "$(lab_pins r1)/others"
take_off() {
	ask_runner "$socket" 7 "$(perl -e 'print unpack "H*", pack "l L7", 7, 77, 0, $ARGV[0], 0, 0, 0, 0' "$1")"
}
# One at a time: while the first is looked at, the second is refused.
gone_when_asked() {
	take_off "$ours"
	! at_ingress 77 "$ours"
}
ok "the script runner is asked to take the first off" take_off "$others"
within 5 "and ours, which goes" gone_when_asked
ok "the other stays" at_ingress 77 "$others"

# Everything still works.
within 2 "the address is there" has_addr r1 "$VIP"
ip -n "$LAB-r1" addr del "$VIP/24" dev eth0
within 2 "taken off by somebody, it is put back" has_addr r1 "$VIP"
config "-v 1 -a $VIP/24 -x second" "-v 2 -a 10.77.0.101 -x new"
log_mark r1
kill -HUP "$pid"
within 5 "a reload" log_has r1 'read again: 2 virtual routers: 1 new, 1 changed'
within 5 "the new one's script is run" ran "$as_started eth0 10.77.0.101 new"
within 2 "its address is there" has_addr r1 10.77.0.101
within 2 "the first one's, too" has_addr r1 "$VIP"
like "with the same capabilities" "$(capabilities "$pid" CapEff)" "^$allowed\$"

log_mark r1
calls=$(wc -l <"$LAB_DIR/ran")
lab_cable r1 down
within 5 "carrier lost: INIT" in_state r1 INIT
within 5 "the addresses are off" lacks_addr r1 "$VIP"
lab_cable r1 up
within 8 "carrier back: MASTER" master r1
within 2 "the address is back" has_addr r1 "$VIP"
within 5 "four scripts were run" more_calls $((calls + 3))

log_mark r1
mark=$(now_ms)
lab_unplug r1
within 5 "the interface gone: INIT" in_state r1 INIT
lab_plug r1
within 8 "the interface back: MASTER" master r1
within 2 "with the program" has_xdp r1
within 2 "and its address" has_addr r1 "$VIP"
within 5 "its adverts are on the wire" seen_since "$mark" 'advert 10.77.0.1 '
lab_run r1 ip link set dev eth0 xdp off
within 8 "the program taken off by somebody: it is put back" has_xdp r1

# A peer takes over and gives it back.
xcarp r2 -r 2 -k 100
within 5 "it is heard by another: BACKUP there" backup r2
ok "TERM ends it" stop r1 TERM
is "with status 0" "$STATUS" 0
within 5 "the other is MASTER" master r2
nok "no call was refused, as far as the kernel's log tells" eval 'dmesg 2>/dev/null | grep -q "type=1326 .* pid=$pid "'
within 5 "the script runner has ended, too" eval '[[ ! -e /proc/$scripts ]]'
is "nothing is left" "$(left_on r1)" ""

# The script runner dies.
xcarp r1 -r 2 -P -z -u "$LAB_DIR/script" -d "$LAB_DIR/script"
within 5 "a virtual router of the command line: MASTER" master r1
scripts=$(runner r1)
like "it keeps, without a file to read" "$(capabilities "${PID[r1]}" CapEff)" "^${allowed#2 }\$"
kill -KILL "$scripts"
within 2 "its script runner is killed, and the log has it" log_has r1 "script runner \(process $scripts\) has died"
ok "still MASTER" master r1
log_mark r1
ok "TERM ends it" stop r1 TERM
is "with status 0" "$STATUS" 0
ok "the script that was due is told" log_has r1 'Unable to run the script .*: the script runner has died; restart xcarp'
is "nothing is left" "$(left_on r1)" ""

# The controller dies.
xcarp r1 -r 2 -P -u "$LAB_DIR/script"
within 5 "once more: MASTER" master r1
scripts=$(runner r1)
kill_9 r1
within 2 "killed, it takes its script runner along" eval '[[ ! -e /proc/$scripts ]]'

# Without scripts and a file; a group may ask.
CTL=$TOP/build/xcarpctl
as_member() {
	lab_run r1 setpriv --reuid=65534 --regid=65534 "$@" "$CTL" release --all 2>&1
}
xcarp r1 -r 2 -P --control-group=65533
within 5 "without scripts: MASTER" master r1
ok "there is a script runner all the same" runner r1
log_mark r1
is "who is in the group by its first one may ask" "$(lab_run r1 setpriv --reuid=65534 --regid=65533 --clear-groups \
	"$CTL" demote --all 2>&1)" "1 virtual router demoted"
within 2 "and it is done" left_master r1
is "who is in it by another" "$(as_member --groups=65533)" "1 virtual router released"
like "nobody else" "$(as_member --groups=65532)" 'only root, the user that it runs as, and the group'
fails r1 "$XCARP" -i eth0 -s 10.77.0.1 -v 2 -p "$PASSWORD" -a 10.77.0.102 --control-group=no-such-group
like "a group that there is not" "$STATUS $ERROR" '^1 .*--control-group no-such-group: no such group; it must be'
ok "TERM ends it" stop r1 TERM
