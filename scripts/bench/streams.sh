# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What other traffic pays for xcarp, round after round: for scripts/bench/throughput and selftests/vm/throughput.t, which
# have the lab's hosts `near` and `far` on one wire: eth0 with 10.79.0.1/24 and 10.79.0.2/24.
#
#	$LAB_DIR/HOOK.rates	Gbit/s, a line a round
#	$LAB_DIR/HOOK.ratios	to `without` of the same round

# stream SECONDS: Gbit/s of one TCP stream from `far` to `near`
stream() {
	local port=$((20000 + RANDOM % 20000))

	lab_run near perl -e '
		use Socket;
		socket my $listener, PF_INET, SOCK_STREAM, 0 or die $!;
		bind $listener, sockaddr_in($ARGV[0], INADDR_ANY) or die $!;
		listen $listener, 1 or die $!;
		open my $ready, ">", $ARGV[1] or die $!;
		alarm 60;
		accept my $from, $listener or die $!;
		my ($bytes, $n) = 0;
		$bytes += $n while $n = sysread $from, my $buffer, 1 << 20;
		print "$bytes\n";
	' "$port" "$LAB_DIR/ready" >"$LAB_DIR/received" &
	until [[ -e $LAB_DIR/ready ]]; do sleep 0.02; done
	rm "$LAB_DIR/ready"
	lab_run far perl -e '
		use Socket;
		use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);
		socket my $to, PF_INET, SOCK_STREAM, 0 or die $!;
		connect $to, sockaddr_in($ARGV[0], inet_aton("10.79.0.1")) or die $!;
		my ($buffer, $sent, $begin, $now) = ("x" x (1 << 20), 0, clock_gettime(CLOCK_MONOTONIC));
		do { $sent += syswrite $to, $buffer or die $! } while ($now = clock_gettime(CLOCK_MONOTONIC)) - $begin < $ARGV[1];
		printf "%.3f\n", $sent * 8 / ($now - $begin) / 1e9;
	' "$port" "$1"
	wait $!
}

declare -A STREAMS_OF_ROUND STREAMS_FLAGS=([native]=--hook=xdp [native-no-gro]=--hook=xdp [generic]=--xdp-mode=generic [tc]=--hook=tc [auto]=--hook=auto)

# streams_wait COMMAND...
streams_wait() {
	local end=$((SECONDS + 60 * ${SLOWNESS:-1}))

	until "$@"; do
		((SECONDS < end)) || lab_die "no end of waiting for: $*"
		sleep 0.05
	done
}

streams_gone() {
	[[ ! -e $(lab_pins near) ]]
}

# streams_measure HOOK SECONDS: a stream without xcarp, where HOOK begins so, or with it at that hook; its log is in HOOK.log, the
# interface's features meanwhile in HOOK.features.
streams_measure() {
	local hook=$1 rate log=$LAB_DIR/$1.log

	if [[ $hook != without* ]]; then
		: >"$log"
		lab_spawn near "$log" "$XCARP" -i eth0 -s 10.79.0.1 -v 1 -p secret -a 10.79.0.100 -r 1 -f none "${STREAMS_FLAGS[$hook]}"
		streams_wait grep -q 'state: MASTER' "$log"
		[[ $hook != native-no-gro ]] || lab_run near ethtool -K eth0 gro off
	fi
	lab_run near ethtool -k eth0 >"$LAB_DIR/$hook.features"
	rate=$(stream "$2")
	if [[ $hook != without* ]]; then
		kill "$LAB_PID"
		streams_wait streams_gone
	fi
	echo "$rate" >>"$LAB_DIR/$hook.rates"
	STREAMS_OF_ROUND[$hook]=$rate
}

# streams_rounds ROUNDS SECONDS HOOK...: each round begins with another hook. `without` has to be one.
streams_rounds() {
	local rounds=$1 seconds=$2 round n hook hooks

	shift 2
	hooks=("$@")
	for ((round = 0; round < rounds; round++)); do
		for ((n = 0; n < ${#hooks[@]}; n++)); do
			streams_measure "${hooks[(round + n) % ${#hooks[@]}]}" "$seconds"
		done
		for hook in "${hooks[@]}"; do
			awk -v n="${STREAMS_OF_ROUND[$hook]}" -v d="${STREAMS_OF_ROUND[without]}" \
				'BEGIN { printf "%.4f\n", d ? n / d : 0 }' >>"$LAB_DIR/$hook.ratios"
		done
	done
}

# streams_nth FILE N DECIMALS: of its lines in order, 0 the least and 2 the greatest, 1 the median
streams_nth() {
	sort -g "$1" | awk -v n="$2" -v decimals="$3" '{ all[NR] = $1 } END { printf "%.*f", decimals, all[1 + int((NR - 1) * n / 2)] }'
}
