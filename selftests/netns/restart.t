#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Restarted on purpose: SIGRTMIN has a controller end without a bow-out, and leave everything to its successor. And what a
# service manager hears: READY, RELOADING, STOPPING, a status, and that the loop goes round.
#
# TRIALS=50 restarts more often.

# shellcheck disable=SC2016 # eval sees to it
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

TRIALS=${TRIALS:-5}

plan 59
test_lab r1 r2 client
wire client
ADOPTED='Adopted: going on as MASTER, last advert [0-9.]+ s ago'
unit=$TOP/scripts/xcarp@.service

# command KEY: the shell command of that line of the unit, as the manager expands it
command_of() {
	sed -n "s/^$1=+\{0,1\}\/bin\/sh -c '\(.*\)'\$/\1/p" "$unit" |
		sed "s/%n/xcarp@restart.service/g; s/%%/%/g; s|@SBINDIR@|$LAB_DIR/bin|g"
}

# by_unit KEY: runs it as the service manager does, for r1
by_unit() {
	lab_run r1 env PATH="$LAB_DIR/bin:$PATH" MAINPID="${PID[r1]}" XCARP_ARGS="$args" sh -c "$(command_of "$1")"
}

bow_outs() {
	on_wire 'advert 10.77.0.1 .*advbase=255' | wc -l
}

# Stand-ins for the installed program and the manager, which has a job of the type in the file `job`.
mkdir "$LAB_DIR/bin"
ln -s "$(realpath "$XCARP")" "$LAB_DIR/bin/xcarp"
hook bin/systemctl <<END
echo "  815 xcarp@other.service restart waiting"
echo "  816 xcarp@restart.service   \$(cat "$LAB_DIR/job") running"
END
args='-i eth0 -s 10.77.0.1 -v 1 -p '"$PASSWORD"' -a '"$VIP"' -P -x "two words"'

# As the unit does it.
xcarp r1 -P -r 8 --pidfile="$LAB_DIR/r1.pid"
within 12 "the first router is MASTER" only_holder r1 r1
xcarp r2 -k 100 -r 8
within 5 "the second is BACKUP" backup r2
log_mark r2
lab_spawn r1 "$LAB_DIR/changes" ip monitor address dev eth0
told() {
	lab_run r1 ip addr add "10.99.0.$((++tick))/32" dev eth0
	grep -q ' 10\.99\.0\.' "$LAB_DIR/changes"
}
tick=0
wait_for 5 told
program=$(xdp_id r1)
echo restart >"$LAB_DIR/job"
adopted=0 statuses=
for ((trial = 0; trial < TRIALS; trial++)); do
	by_unit ExecStop || break
	wait_for 5 gone r1 || break
	wait "${PID[r1]}"
	statuses+=$?
	xcarp r1 -P -r 8 --pidfile="$LAB_DIR/r1.pid"
	wait_for 3 log_has r1 "$ADOPTED" && ((++adopted))
done
is "restarted as the unit does it, $TRIALS times: it went on as MASTER" "$adopted" "$TRIALS"
is "each ended with status 0" "$statuses" "${statuses//[^0]/}"
lab_run r1 ip addr add 10.99.1.1/32 dev eth0
within 5 "all changes are told" grep -q ' 10\.99\.1\.1/' "$LAB_DIR/changes"
nok "the address was never removed" grep -q "^Deleted .* $VIP/" "$LAB_DIR/changes"
is "nobody bowed out" "$(bow_outs)" 0
is "the peer has seen nothing of it" "$(log_of r2)" ""
is "the program in the driver is the same" "$(xdp_id r1)" "$program"
ok "the pidfile is the last one's" grep -qx "${PID[r1]}" "$LAB_DIR/r1.pid"

# A restart that is going to fail is an end.
args='-i eth0 -s 10.77.0.1 -v 1 -p '"$PASSWORD"' -a '"$VIP"' -k 300'
lines=$(by_unit ExecStop 2>&1)
like "with arguments that are wrong: told" "$lines" '-k 300: '
ok "and not handed over" alive r1
args='-i eth0 -s 10.77.0.1 -v 1 -p '"$PASSWORD"' -a '"$VIP"' -P'
echo stop >"$LAB_DIR/job"
ok "so it is at a stop" by_unit ExecStop
ok "both wait for TERM" alive r1
ok "which ends it" stop r1 TERM
within 3 "with a bow-out" seen 'advert 10.77.0.1 .*advbase=255'
within 3 "so that the peer is MASTER" log_has r2 '10\.77\.0\.1 bowed out'
is "nothing is left" "$(left_on r1)" ""

# Nobody comes.
xcarp r1 -P -r 8
within 8 "MASTER again" only_holder r1 r1 r2
log_mark r2
ok "RTMIN: it ends" stop r1 RTMIN
is "with status 0" "$STATUS" 0
like "the log has it" "$(log_of r1)" 'Handing over to a successor, without a bow-out'
ok "the address stays" has_addr r1 "$VIP"
ok "and the program" has_xdp r1
within 12 "no successor: the peer takes over" master r2
like "after its down time" "$(log_of r2)" 'Master is silent: last advert (8\.[3-9]|9|1[0-9])'
xcarp r1
within 3 "one that comes now is BACKUP" backup r1
like "and says what it found" "$(log_of r1)" 'has handed over, and nobody came: its virtual routers \(1\) .* \(1\) are taken away'
ok "without the address" lacks_addr r1 "$VIP"
ok "a BACKUP hands over too" stop r1 RTMIN
xcarp r1
within 3 "to a BACKUP" backup r1
stop r1 TERM
stop r2 TERM
is "nothing is left" "$(left_on r1)" ""

# A script is waited for, by a master that goes on as one.
hook slow <<'END'
while [ ! -e "${0%/*}/go" ]; do sleep 0.05; done
END
xcarp r1 -r 6 -u "$LAB_DIR/slow"
within 5 "MASTER with a script that runs" log_has r1 Spawning
kill -RTMIN "${PID[r1]}"
within 3 "handing over waits for it" log_has r1 'when scripts have ended'
mark=$(now_ms)
within 3 "adverts go on" seen_since $((mark + 1200)) 'advert 10.77.0.1 .*advbase=1 '
ok "and so does the controller" alive r1
touch "$LAB_DIR/go"
within 3 "the script ended: it ends" gone r1
xcarp r1 -r 6 -u "$LAB_DIR/slow"
within 3 "its successor goes on" log_has r1 "$ADOPTED"
nok "and runs no script" log_has r1 Spawning
kill -RTMIN "${PID[r1]}"
stop r1 TERM
is "TERM ends it also while or after it hands over" "$STATUS" 0

# What the manager hears.
listener() {
	lab_spawn r1 "$LAB_DIR/heard" perl -MSocket -e '
		$| = 1;
		my $name = shift;
		$name =~ s/^@/\0/;
		socket my $socket, AF_UNIX, SOCK_DGRAM, 0 or die $!;
		bind $socket, pack_sockaddr_un($name) or die $!;
		print "listening\n";
		while (defined recv $socket, my $message, 4096, 0) { $message =~ tr/\n/ /; print "$message\n" }
	' "$1"
	wait_for 5 grep -q listening "$LAB_DIR/heard"
}
heard() {
	grep -qE -- "$1" "$LAB_DIR/heard"
}
heard_times() {
	(($(grep -cE -- "$2" "$LAB_DIR/heard") >= $1))
}
hook environment <<'END'
env >"${0%/*}/environment.of"
END
printf '%s\n' "-i eth0 -s 10.77.0.1 -p $PASSWORD -v 1 -a $VIP -r 1 -u $LAB_DIR/environment" >"$LAB_DIR/r1.conf"
# The watchdog's pid is that of who execs.
hook start <<END
WATCHDOG_PID=\$\$ exec "$XCARP" -c "$LAB_DIR/r1.conf"
END
for name in "$LAB_DIR/notify" "@$LAB/notify"; do
	listener "$name"
	listening=$LAB_PID
	daemon r1 env NOTIFY_SOCKET="$name" WATCHDOG_USEC=400000 "$LAB_DIR/start"
	within 5 "${name/$LAB_DIR/}: READY" heard '^READY=1$'
	within 5 "the status" heard '^STATUS=1 virtual router: 1 MASTER$'
	within 3 "it is alive" heard_times 5 '^WATCHDOG=1$'
	[[ $name == @* ]] && break
	kill "$listening"
	stop r1 TERM
	: >"$LAB_DIR/heard"
done
within 3 "the script has run" test -s "$LAB_DIR/environment.of"
nok "and cannot speak for it" grep -E 'NOTIFY|WATCHDOG' "$LAB_DIR/environment.of"
args='-c '"$LAB_DIR/r1.conf"''
ok "reloaded as the unit does it" by_unit ExecReload
within 3 "RELOADING, with the time" heard '^RELOADING=1 MONOTONIC_USEC=[0-9]+$'
within 3 "and READY again" heard_times 2 '^READY=1$'
args='-i eth0'
nok "without a file it is refused" eval 'by_unit ExecReload 2>/dev/null'
ok "and nothing is ended" alive r1
kill -STOP "${PID[r1]}"
alive_before=$(grep -c WATCHDOG "$LAB_DIR/heard")
never 1 "stopped, it says no more" heard_times $((alive_before + 2)) '^WATCHDOG=1$'
kill -CONT "${PID[r1]}"
within 3 "gone on, it does" heard_times $((alive_before + 2)) '^WATCHDOG=1$'
# A manager that takes nothing holds nobody up.
kill -STOP "$listening"
within 3 "a manager that hangs: it is MASTER all the same" eval 'mark=$(now_ms); wait_for 2 seen_since $((mark + 1000)) "advert 10.77.0.1 "'
kill -CONT "$listening"
ok "it ends" stop r1 TERM
within 3 "STOPPING" heard '^STOPPING=1$'
is "nothing is left" "$(left_on r1)" ""
