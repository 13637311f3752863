#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Several processes of one host share the program and its maps: each virtual router has one owner, whoever is killed is
# cleaned up after, and the last one leaves nothing.
#
# STEPS=200 makes the random part longer, SEED repeats it.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

STEPS=${STEPS:-60}
SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}

plan 76
test_lab r1 r2 client
pins=$(lab_pins r1)

# run N FLAGS...: a process of r1 by the name pN, for virtual router N with address 10.77.0.10N.
run() {
	local n=$1

	shift
	log_mark "p$n"
	lab_spawn r1 "$LAB_DIR/p$n.log" "$XCARP" -i eth0 -s 10.77.0.1 -p "$PASSWORD" -v "$n" -a "10.77.0.10$n" -r 1 -P "$@"
	PID[p$n]=$LAB_PID
}

# begun NAME: it is the program already, and not the shell that is about to start it, which loses signals.
begun() {
	[[ /proc/${PID[$1]}/exe -ef $XCARP ]] || gone "$1"
}

# tried N FLAGS...: the same to its end, which must come soon.
tried() {
	local n=$1

	shift
	fails r1 "$XCARP" -i eth0 -s 10.77.0.1 -p "$PASSWORD" -v "$n" -a "10.77.0.10$n" -r 1 -P "$@"
}

# ends NAME...: with TERM
ends() {
	local name

	for name; do
		stop "$name" TERM || return 1
	done
}

# left: everything of any process of r1
left() {
	left_on r1
	ip -n "$LAB-r1" -o -4 addr show | grep -o '10\.77\.0\.10[0-9]'
}

# live FIELD N: of virtual router N
live() {
	bpftool map dump pinned "$pins/live" | perl -0777 -ne '
		BEGIN { ($field, $vhid) = splice @ARGV, 0, 2 }
		print join ",", map { /"\Q$field\E": "?([^",\n]+)/ }
			grep { /"claimed_by": [1-9]/ && /"vhid": $vhid\b/ } split /"key":/;
	' "$1" "$2"
}

# live_slot VHID: its number; vip_slots ADDRESS: those that an address is entered for
live_slot() {
	bpftool -j map dump pinned "$pins/vrouters" | perl -MJSON::PP -0777 -ne '
		print map { $_->{formatted}{value}{slot} } grep { hex($_->{formatted}{key}{vhid}) == '"$1"' } @{decode_json $_}'
}

vip_slots() {
	bpftool -j map dump pinned "$pins/vips" | perl -MJSON::PP -0777 -ne '
		print map { $_->{formatted}{value}{slot} . " " }
			grep { join(".", @{$_->{formatted}{key}{address}}[0 .. 3]) eq "'"$1"'" } @{decode_json $_}' | sed 's/ $//'
}

fds() {
	find "/proc/${PID[$1]}/fd" -type l | wc -l
}

# The peer hears all of them and is worse.
for n in 1 2 3 4 5; do
	echo "-i eth0 -s 10.77.0.2 -p $PASSWORD -v $n -a 10.77.0.10$n -k 100"
done >"$LAB_DIR/peer.conf"

# Independent.
run 1
within 5 "the first process is MASTER" master p1
run 2
within 5 "the second, of another virtual router, as well" master p2
run 3 -k 50 # joins at the same moment as the next
run 4 -k 50
within 5 "two that start together too" eval 'master p3 && master p4'
nok "the first saw nothing of that" log_has p1 'BACKUP.*MASTER.*BACKUP'
for n in 1 2 3 4; do
	ok "address $n is there" has_addr r1 "10.77.0.10$n"
done
is "\`live\` tells whose each is" "$(live owner_pid 1) $(live owner_pid 2)" "${PID[p1]} ${PID[p2]}"
is "and in words what it is" "$(live state 2)" MASTER
is "and where" "$(live interface 3)" eth0
program=$(xdp_id r1)
is "one program for all" "$(bpftool -j prog show pinned "$pins/program" | sed 's/.*"id":\([0-9]*\).*/\1/')" "$program"
nok "the keys are not pinned" test -e "$pins/keys"
sent=$(drops r1 | sed -n 's/^accepted=//p')
lab_run client "$FRAMES" send eth0 vhid=2 vips=10.77.0.102 advskew=200 count=5 >/dev/null
within 3 "adverts are counted in the shared maps" counted r1 accepted $((sent + 5))

# One owner each.
tried 1 -k 10
is "a virtual router that belongs to another process: status" "$STATUS" 1
like "the error has the whole story" "$ERROR" \
	"eth0: virtual router 1 \(group 224\.0\.0\.18\) already belongs to process ${PID[p1]}; "
is "in one line" "$(wc -l <<<"$ERROR")" 1
ok "the first is still there" eval 'alive p1 && master p1 && has_addr r1 10.77.0.101'
tried 1 -k 10 --mcastip=224.0.0.19 -a 10.77.0.109 --pidfile=/no/such/dir/pid
nok "in another group it is another one" grep -q 'already belongs' <<<"$ERROR"

# And one each of an address, whatever its virtual router and length.
tried 7 -a 10.77.0.102/24
like "an address that belongs to another process" "$ERROR" \
	"eth0: the address 10\.77\.0\.102 already belongs to virtual router 2 of process ${PID[p2]}; "
is "  in one line" "$(wc -l <<<"$ERROR")" 1
ok "  which has it still" eval 'master p2 && has_addr r1 10.77.0.102 && [[ $(vip_slots 10.77.0.102) == "$(live_slot 2)" ]]'
nok "  and nothing of it is left" grep -q . <<<"$(vip_slots 10.77.0.107)"

# The one that made the maps and loaded the program ends: the others go on with both, on new interfaces too.
log_mark p2
ok "the first ends" ends p1
ok "the others' program is still there" test "$(xdp_id r1)" = "$program"
is "its address is not" "$(ip -n "$LAB-r1" -o -4 addr show | grep -c '10\.77\.0\.101')" 0
sent=$(drops r1 | sed -n 's/^not_enabled=//p')
lab_run client "$FRAMES" send eth0 vhid=2 vips=10.77.0.102 mutate=version >/dev/null
within 3 "and does its work" counted r1 not_enabled $((sent + 1))
files=
for ((i = 0; i < 6; i++)); do
	for n in 2 3 4; do log_mark p$n; done
	lab_unplug r1
	wait_for 5 eval 'in_state p2 INIT && in_state p3 INIT && in_state p4 INIT'
	lab_plug r1
	wait_for 10 eval 'master p2 && master p3 && master p4'
	# Not the first time, which may need something that stays.
	[[ $files ]] || files=$(fds p2)
done
ok "the interface taken out and put in six times: all are MASTER" eval 'master p2 && master p3 && master p4'
ok "with the same program" test "$(xdp_id r1)" = "$program"
between "files opened by that" $(($(fds p2) - files + 2)) 0 4

# Killed: the others do not notice, and whoever comes takes over what is left.
log_mark p2
log_mark p3
dead=${PID[p4]}
kill_9 p4
never 2 "kill -9 of one: nothing changes at the others" eval 'log_has p2 . || log_has p3 .'
ok "its address stays" has_addr r1 10.77.0.104
run 4
within 3 "its virtual router can be taken by a new process" log_has p4 "process $dead died without cleaning up.*\(1\).*\(1\)"
within 1 "which is BACKUP first" seen_state p4 BACKUP
within 5 "then MASTER" master p4
within 2 "with the address" has_addr r1 10.77.0.104
ok "the others are still as they were" eval '! log_has p2 . && ! log_has p3 .'

# A stranger on a dead owner's name.
kill_9 p4
lab_spawn r1 "$LAB_DIR/squatter.log" perl -MSocket -e '
	$) = 65534; $> = 65534;
	for my $n (0 .. 9) {
		socket my $socket, AF_UNIX, SOCK_SEQPACKET, 0 or die $!;
		bind $socket, pack_sockaddr_un("\0xcarp/$n") and listen $socket, 5 and push @held, $socket;
	}
	print "holding " . @held . "\n";
	close STDOUT;
	sleep 100;
'
within 5 "a stranger takes the names of owners" grep -qs 'holding [1-9]' "$LAB_DIR/squatter.log"
squatter=$LAB_PID
run 5
within 5 "the dead one is known to be dead all the same" log_has p5 'died without cleaning up'
within 5 "and there is another name" master p5
ok "its address is gone" lacks_addr r1 10.77.0.104
kill "$squatter"

# Another process is at the lock: nothing waits but starts and ends.
flock "$pins" sleep 100 &
holder=$!
sleeper() {
	grep -q "FLOCK .* $holder .*:$(stat -c %i "$pins") " /proc/locks
}
wait_for 5 sleeper
log_mark p5
lab_unplug r1
within 5 "the directory locked: an interface is given up" in_state p5 INIT
lab_plug r1
never 1 "and not taken up again" seen_state p5 BACKUP
ok "nor is anybody held up" eval 'alive p5 && kill -USR1 ${PID[p5]} && wait_for 3 log_has p5 "INIT on eth0 id 5"'
tried 1
is "a start has to give up, for now: status" "$STATUS" 75
like "and says who holds the lock" "$ERROR" "process $holder has had the lock on $pins "
nok "those that run say nothing about it" log_has p5 'lock'
pkill -P "$holder" sleep
wait "$holder" 2>/dev/null
within 15 "unlocked: taken up again" eval 'master p5 && master p3 && master p2'

# Whoever has the lock is busy, as one that loads its program on a slow machine.
perl -e 'use Fcntl ":flock"; alarm 60; open my $dir, "<", $ARGV[0] or die; flock $dir, LOCK_EX or die; 1 while 1' "$pins" &
holder=$!
wait_for 5 sleeper
run 6
never 7 "a start waits for one that works" eval '! alive p6'
nok "and has nothing to say" log_has p6 'lock'
kill "$holder"
wait "$holder" 2>/dev/null
within 20 "and goes on" master p6
stop p6 TERM 10

# Other versions.
bytes=$(bpftool -j map lookup pinned "$pins/abi" key 0 0 0 0 | sed 's/.*"value":\["\([^]]*\)"\].*/\1/; s/","/ /g')
# shellcheck disable=SC2086 # a word a byte
bpftool map update pinned "$pins/abi" key 0 0 0 0 value 0x63 ${bytes#* }
tried 1
is "maps of another ABI: status" "$STATUS" 1
like "both versions" "$ERROR" "ABI 99 \(version [^)]*\).* ABI [0-9]+ \(version"
like "who runs" "$ERROR" "\([^)]*${PID[p5]}"
like "and what to do" "$ERROR" 'end all of them .*then start'
is "in one line" "$(wc -l <<<"$ERROR")" 1
# shellcheck disable=SC2086
bpftool map update pinned "$pins/abi" key 0 0 0 0 value $bytes
rm "$pins/abi"
tried 1
is "pins that somebody has removed: status" "$STATUS" 1
like "who runs" "$ERROR" "\([^)]*${PID[p5]}.*end them first"

# The last one out, after a killed one.
kill_9 p2
ok "two end after another was killed" ends p3 p5
is "nothing is left of any" "$(left)" ""
before=$(snapshot r1)

# Half made, or of another ABI, and nobody lives.
run 1
wait_for 5 master p1
kill_9 p1
rm "$pins/abi" "$pins/program" "$pins/live"
run 2
within 5 "a directory whose maker was killed is made anew" master p2
kill_9 p2
# shellcheck disable=SC2086
bpftool map update pinned "$pins/abi" key 0 0 0 0 value 0x63 ${bytes#* }
run 3
within 5 "and so is one of another ABI whose owners are dead" master p3
ok "it ends" ends p3
is "nothing is left of any" "$(left)" ""

# Starts, ends and kills in random order. Process 5 is left alone.
diag "STEPS=$STEPS SEED=$SEED"
RANDOM=$SEED
declare -A downs=([1]=0 [2]=0 [3]=0 [4]=0 [5]=0) runs=()
surprises=0 starts=0
: >"$LAB_DIR/p5.log"
run 5
wait_for 5 master p5
log_mark r2
lab_spawn r2 "$LAB_DIR/r2.log" "$XCARP" -c "$LAB_DIR/peer.conf"
PID[r2]=$LAB_PID
wait_for 10 log_has r2 'Switching to state: MASTER \(eth0 id 1\)'
for n in 1 2 3 4; do : >"$LAB_DIR/p$n.log"; done
for ((step = 0; step < STEPS; step++)); do
	n=$((RANDOM % 4 + 1))
	if [[ ${runs[$n]-} ]]; then
		alive p$n || { ((++surprises)); diag "step $step: p$n is gone"; }
		if ((RANDOM % 2)); then kill_9 p$n; else kill -TERM "${PID[p$n]}"; fi
		runs[$n]=
		((++downs[$n]))
	else
		[[ -z ${PID[p$n]-} ]] || wait_for 10 gone p$n || { ((++surprises)); diag "step $step: p$n does not end"; }
		run $n
		wait_for 5 begun p$n
		runs[$n]=1
		((++starts))
	fi
	((RANDOM % 3)) || wait_for "$((RANDOM % 2))" false
done
diag "$starts starts, ended or killed: ${downs[*]}"
# What was started last has to become MASTER, however short its predecessors lived.
settled() {
	for n in 1 2 3 4; do [[ -z ${runs[$n]-} ]] || master p$n || return 1; done
}
within 15 "after $STEPS random starts, ends and kills: whoever runs is MASTER" settled
is "nobody ended by itself" "$surprises" 0
is "nobody had an error" "$(grep -h '\[ERROR\]' "$LAB_DIR"/p[1-5].log | head -n 3)" ""
# The first time is before any of them had started.
for n in 1 2 3 4; do
	between "the peer had to take over from p$n" "$(log_count r2 "Switching to state: MASTER \(eth0 id $n\)")" 0 \
		$((downs[$n] + 1))
done
is "never from the one that was left alone" "$(log_count r2 'Switching to state: MASTER \(eth0 id 5\)')" 0
is "which never left MASTER" "$(log_count p5 'Switching to state')" 3
for n in 1 2 3 4; do [[ -z ${runs[$n]-} ]] || stop p$n TERM 10; done
ok "it ends last" ends p5
is "nothing is left" "$(left)" ""
unchanged "all is as before" r1 "$before"
