#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The inode of a network namespace that has ended is the next one's, at once, and what was pinned on the bpffs outlives both. A
# new namespace's xcarp has nothing to do with an earlier one's: it adopts nothing, runs its script, takes no address off that it
# finds, and removes what is left of the pins.

# shellcheck disable=SC2016 # eval sees to it
# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

plan 49
test_lab r1 r2
one_at_a_time cleanup # others' would come before ours
xcarpctl=${XCARP%/*}/xcarpctl
OWN=10.77.0.150

hook up <<-'EOF'
	echo up >>"$LAB_DIR/calls"
EOF

inode_of() {
	stat -Lc %i "/run/netns/$LAB-r1"
}

index_of() {
	ip -n "$LAB-r1" -o link show dev eth0 | cut -d: -f1
}

# left_by INODE: the directories named after it.
left_by() {
	find "$LAB_PINS" -mindepth 1 -maxdepth 1 \( -name "$1" -o -name "$1-*" \) 2>/dev/null
}

# reborn: r1's namespace ends, and the pins that it left are called as if the next one had its inode, which that often has. Waiting
# for that would be a race with whoever makes namespaces.
reborn() {
	local inode pins

	inode=$(inode_of)
	pins=$(left_by "$inode")
	lab_unplug r1
	ip netns del "$LAB-r1"
	ip netns add "$LAB-r1"
	before=$LAB_PINS/$(inode_of)${pins#"$LAB_PINS/$inode"}
	[[ $before == "$pins" ]] || mv "$pins" "$before" || return 1
	ip -n "$LAB-r1" link set lo up
	lab_plug r1
}

# leave_master: r1's namespace is a new one, of the same inode as one in which a MASTER was killed.
leave_master() {
	xcarp r1 -r 60 -a "$OWN" -P
	wait_for 10 backup r1 && "$xcarpctl" -n "$LAB-r1" promote 1 -w 5 >/dev/null
	wait_for 5 has_addr r1 "$OWN" || return 1
	index=$(index_of)
	kill_9 r1
	reborn
}

# The pins of a MASTER that held two addresses. One of them is the next namespace's own.
ok "a namespace ends, in which a MASTER was killed; the next one has its inode" leave_master
is "its interface has the same number" "$(index_of)" "$index"
is "what was pinned is still there" "$(left_by "$(inode_of)")" "$before"
ip -n "$LAB-r1" addr add "$OWN/32" dev eth0
xcarp r2 -r 1
within 10 "another host is MASTER" master r2
: >"$LAB_DIR/calls"
xcarp r1 -k 100 -u "$LAB_DIR/up"
within 10 "the new namespace's xcarp is BACKUP" backup r1
never 3 "and never MASTER" seen_state r1 MASTER
nok "it adopted nothing" log_has r1 Adopted
ok "the namespace's own address is still there" has_addr r1 "$OWN"
ok "the virtual one is not" lacks_addr r1 "$VIP"
is "one directory is left" "$(left_by "$(inode_of)")" "$("$xcarpctl" -n "$LAB-r1" pins)"
like "its name has inode and cookie" "$(left_by "$(inode_of)")" "/$(inode_of)-[1-9][0-9]*\$"
ok "the earlier one's removal is told" log_has r1 "${before:-none}: removed: its network namespace is gone"
ok "xcarpctl finds the one that runs" eval '"$xcarpctl" -n "$LAB-r1" status | grep -q "BACKUP"'
ok "also by a process" eval '"$xcarpctl" -n "${PID[r1]}" status | grep -q "BACKUP"'
is "no script has run" "$(cat "$LAB_DIR/calls")" ""
stop r2 TERM
within 10 "the other one has left: it is MASTER" master r1
within 10 "its up script runs" grep -q up "$LAB_DIR/calls"
ok "it ends" stop r1 TERM
is "nothing is left" "$(left_by "$(inode_of)")" ""

# With nobody else there: whoever adopts skips the script.
ok "once more" leave_master
: >"$LAB_DIR/calls"
xcarp r1 -r 1 -u "$LAB_DIR/up"
within 10 "alone in the new namespace: it becomes MASTER" seen_state r1 MASTER
nok "it adopted nothing" log_has r1 Adopted
within 10 "and runs its up script" grep -q up "$LAB_DIR/calls"
ok "it ends" stop r1 TERM

# Cleaning up, from inside.
ok "once more" leave_master
ip -n "$LAB-r1" addr add "$OWN/32" dev eth0
ERROR=$("$xcarpctl" -n "$LAB-r1" cleanup 2>&1)
is "cleanup in the new namespace: status" "$?" 0
like "the earlier one's maps: told" "$ERROR" "${before:-none}: removed: its network namespace is gone"
ok "its own address is still there" has_addr r1 "$OWN"
is "nothing is left" "$(left_by "$(inode_of)")" ""

# And from another one, where a name alone leads to the new namespace.
ok "once more" leave_master
ip -n "$LAB-r1" addr add "$OWN/32" dev eth0
is "what was pinned is still there" "$(left_by "$(inode_of)")" "$before"
ERROR=$("$xcarpctl" -n "$LAB-r2" cleanup --all 2>&1)
is "cleanup --all elsewhere: status" "$?" 0
like "the earlier one's maps: told" "$ERROR" "${before:-none}: removed: its network namespace is gone"
ok "the new one's address is still there" has_addr r1 "$OWN"
is "nothing is left" "$(left_by "$(inode_of)")" ""

# What a mount point is called, or leads to, is its owner's choice, and no sign of a namespace.
pretended=4026599999
mkdir -p "$LAB_PINS/$pretended-77" "$LAB_DIR/mounts"
: >"$LAB_DIR/furnished"
lab_spawn r2 "$LAB_DIR/pretender.log" unshare -m sh -c '
	mount -t tmpfs none "$0/mounts" && : >"$0/mounts/net:[$1]" && mount --bind /proc/self/ns/net "$0/mounts/net:[$1]" &&
		mount -t tmpfs none "$0/mounts" && ln -s "$0/victim" "$0/mounts/net:[$1]" && echo done >"$0/furnished"
	exec sleep 100' "$LAB_DIR" "$pretended"
mkfifo "$LAB_DIR/victim"
within 5 "a process has a mount point of that name" grep -q done "$LAB_DIR/furnished"
ERROR=$(timeout 20 "$xcarpctl" -n "$LAB-r2" cleanup --all 2>&1)
is "cleanup --all: status" "$?" 0
is "what is called so is removed" "$(left_by "$pretended")" ""

# Of a version before ABI 7, which named the directory by the inode alone.
ip -n "$LAB-r1" addr del "$OWN/32" dev eth0
xcarp r1 -a "$OWN" -P -r 1
within 10 "a MASTER of an older version" has_addr r1 "$OWN"
pins=$("$xcarpctl" -n "$LAB-r1" pins)
kill_9 r1
old=$LAB_PINS/$(inode_of)
ok "was killed" mv "$pins" "$old"
xcarp r1 -r 1
within 10 "the next one is MASTER" master r1
ok "what the old one held is off" lacks_addr r1 "$OWN"
ok "that is told" log_has r1 "$old: what dead processes of an older version left is taken away\$"
pins=$("$xcarpctl" -n "$LAB-r1" pins)
kill_9 r1
mv "$pins" "$old"
ERROR=$("$xcarpctl" -n "$LAB-r1" cleanup 2>&1)
is "killed, cleanup: status" "$?" 0
ok "its address is off" lacks_addr r1 "$VIP"
is "nothing is left" "$(left_by "$(inode_of)")" ""
xcarp r1 -r 1
within 10 "one that lives" master r1
pins=$("$xcarpctl" -n "$LAB-r1" pins)
mv "$pins" "$old"
ERROR=$(lab_run r1 "$XCARP" -i eth0 -s 10.77.0.1 -v 2 -p secret -a 10.77.0.102 2>&1)
like "beside it: what to do" "$ERROR" "${PID[r1]}\\) are of an older version, whose maps are in $old; to upgrade, end all of them"
mv "$old" "$pins"
ok "it ends" stop r1 TERM
