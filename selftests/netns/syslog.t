#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The syslog daemon is restarted, with a socket of the same kind or of the other: the log goes on. The daemons are stand-ins, and
# xcarp has a /dev of its own with their socket. A system call that its filter refuses ends it.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

# syslogd dgram|stream: a stand-in, with what it hears in $LAB_DIR/heard, after the kind
syslogd() {
	rm -f "$LAB_DIR/dev/log"
	: >"$LAB_DIR/heard"
	setsid setpriv --pdeathsig KILL perl -MIO::Socket::UNIX -MIO::Select -e '
		$| = 1;
		my ($kind, $path) = @ARGV;
		my $type = $kind eq "stream" ? SOCK_STREAM : SOCK_DGRAM;
		my $socket = IO::Socket::UNIX->new(Type => $type, Local => $path, $kind eq "stream" ? (Listen => 5) : ()) or die $!;
		my $all = IO::Select->new($socket);
		print "$kind listens\n";
		while (1) {
			for my $ready ($all->can_read) {
				if ($ready == $socket && $kind eq "stream") {
					$all->add(scalar $socket->accept);
					next;
				}
				my $n = sysread $ready, my $text, 8192;
				if (!$n) {
					$all->remove($ready);
					next;
				}
				print "$kind: $_\n" for split /\0/, $text;
			}
		}
	' "$1" "$LAB_DIR/dev/log" >>"$LAB_DIR/heard" 2>&1 </dev/null &
	DAEMON=$!
	wait_for 5 grep -q "$1 listens" "$LAB_DIR/heard"
}

no_syslogd() {
	kill -KILL "$DAEMON"
	wait "$DAEMON" 2>/dev/null || true
}

# with_dev COMMAND...: r1's, in a /dev that has the stand-in's socket, if there is one
with_dev() {
	# shellcheck disable=SC2016 # for that shell
	lab_run r1 unshare --mount sh -c '
		for node in null zero random urandom; do
			mount --bind "/dev/$node" "$LAB_DIR/dev/$node" || exit
		done
		mount --rbind "$LAB_DIR/dev" /dev && exec "$@"' sh "$@" </dev/null
}

heard() {
	grep -qE "$1" "$LAB_DIR/heard"
}

# goes_on KIND: asks for the state again and again; a line may be lost while nobody is there
goes_on() {
	kill -USR1 "$(<"$LAB_DIR/r1.pid")" && heard "^$1: <30>.*[ ]$ident\[$(<"$LAB_DIR/r1.pid")\]: \[INFO\] MASTER on eth0 id 1\$"
}

alive_still() {
	[[ -e $LAB_DIR/r1.pid ]] && kill -0 "$(<"$LAB_DIR/r1.pid")" 2>/dev/null
}

ended() {
	! alive_still
}

plan 39
test_lab r1
mkdir "$LAB_DIR/dev"
touch "$LAB_DIR"/dev/{null,zero,random,urandom}
ln -s "$(realpath "$XCARP")" "$LAB_DIR/ucarp"
echo "$PASSWORD" >"$LAB_DIR/public.pass"
chmod 644 "$LAB_DIR/public.pass"

for first in dgram stream none; do
	ident=xcarp
	[[ $first != stream ]] || ident=ucarp
	program=$XCARP
	[[ $ident == xcarp ]] || program=$LAB_DIR/ucarp
	[[ $first == none ]] || syslogd $first
	# With something to be told before it goes to the background.
	with_dev "$program" -i eth0 -s 10.77.0.1 -v 1 -o "$LAB_DIR/public.pass" -a "$VIP" -r 1 -B --pidfile="$LAB_DIR/r1.pid" \
		>"$LAB_DIR/r1.log" 2>&1
	is "$first: in the background" "$?" 0
	within 5 "  MASTER" has_addr r1 "$VIP"
	if [[ $first == none ]]; then
		rm -f "$LAB_DIR/dev/log"
	else
		ok "  what was told before is in the log" heard "^$first: <28>.*\[WARNING\] Warning: -o .*: everybody can read it"
		within 5 "  the state is" goes_on $first
		no_syslogd
		kill -USR1 "$(<"$LAB_DIR/r1.pid")"
		kill -USR1 "$(<"$LAB_DIR/r1.pid")"
		ok "  it has gone: all is well" alive_still
	fi
	for next in dgram dgram stream stream dgram; do
		syslogd $next
		within 5 "  now $next: the log goes on" goes_on $next
		no_syslogd
	done
	syslogd stream
	within 5 "  stream again" goes_on stream
	: >"$LAB_DIR/heard"
	kill -TERM "$(<"$LAB_DIR/r1.pid")"
	within 5 "  TERM ends it" ended
	within 5 "  which the log has" heard '^stream: <30>.*leaving$'
	is "  nothing is left" "$(left_on r1)" ""
	no_syslogd
done
