#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Processes of several containers in one network namespace, as with --net=host: with the host's BPF file system mounted in each of
# them they share maps; without, the second one is refused, and says what to mount.

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

# container HOST NAME own|shared COMMAND...: a process namespace and a /proc of its own, and the BPF file system of that kind
container() {
	local host=$1 name=$2 bpffs=$3

	shift 3
	# shellcheck disable=SC2016 # for that shell
	daemon "$name" nsenter --net="/run/netns/$LAB-$host" unshare --mount --pid --fork --kill-child --mount-proc sh -c '
		[ "$0" = shared ] || mount -t bpf bpf /sys/fs/bpf || exit 99
		exec "$@"' "$bpffs" "$@"
}

# daemon NAME COMMAND...: as lib.sh's, in no namespace of the lab
daemon() {
	log_mark "$1"
	setsid "${@:2}" </dev/null >>"$LAB_DIR/$1.log" 2>&1 &
	PID[$1]=$!
}

# pid_in NAME: of the xcarp in that container
pid_in() {
	pgrep -P "${PID[$1]}" -x xcarp
}

plan 17
test_lab r1
usual=(-i eth0 -s 10.77.0.1 -p "$PASSWORD" -r 8)

container r1 a own "$XCARP" "${usual[@]}" -v 1 -a "$VIP"
within 5 "one in a container: MASTER" has_addr r1 "$VIP"
container r1 b own "$XCARP" "${usual[@]}" -v 2 -a 10.77.0.102
within 5 "another, each with a BPF file system of its own: refused" log_has b 'xcarp processes run in this network namespace'
ok "  it says what to share" log_has b 'mount the host.s /sys/fs/bpf in all of them \(docker run -v /sys/fs/bpf:/sys/fs/bpf\)'
within 5 "  it ends" gone b
ok "  the first one's address is there" has_addr r1 "$VIP"
kill -TERM "$(pid_in a)"
within 5 "the first ends" gone a
is "nothing is left" "$(left_on r1)" ""

container r1 a shared "$XCARP" "${usual[@]}" -v 1 -a "$VIP"
within 5 "with the host's: MASTER" has_addr r1 "$VIP"
container r1 b shared "$XCARP" "${usual[@]}" -v 2 -a 10.77.0.102
within 5 "another: MASTER, too" has_addr r1 10.77.0.102
is "the host sees both" "$(lab_run r1 "${XCARP%/*}/xcarpctl" status -j | grep -oE '"state": ?"MASTER"' | wc -l)" 2
kill -KILL "$(pid_in a)"
within 5 "one is killed" gone a
ok "  its address stays for a successor" has_addr r1 "$VIP"
container r1 a shared "$XCARP" "${usual[@]}" -v 1 -a "$VIP"
within 5 "  its container is started again: it goes on as master" log_has a 'Adopted: going on as MASTER'
kill -TERM "$(pid_in a)"
within 5 "  and ends" gone a
kill -TERM "$(pid_in b)"
within 5 "the other ends" gone b
is "nothing is left of either" "$(left_on r1)" ""
nok "nor of the other" has_addr r1 10.77.0.102
