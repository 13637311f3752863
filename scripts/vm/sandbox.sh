# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A run of the virtual machines: sourced by check and cell. All the work is done by a second process in namespaces of
# its own for mounts and processes. When the first one ends, or is killed in any way, the kernel ends everything in
# there, and with it go the mounts. What is made lies in two places:
#
#	$VM_CACHE/          what runs share: trees, images and kernels, each under a hash of what it was made from
#	$VM_CACHE/run/X/    what is of one run, gone with it; after a kill -9 the next run removes it

set -u
export LC_ALL=C

VM_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
VM_CACHE=${XCARP_VM_CACHE:-$VM_TOP/build/vm}
VM_SELF=${0##*/}

vm_die() {
	echo "$VM_SELF: $*" >&2
	exit 1
}

vm_say() {
	printf '%s  %s\n' "$(date +%T)" "$*" >&2
}

# vm_reap: removes the directories of runs that are over. Whoever runs holds a lock on its own.
vm_reap() {
	local old lock

	for old in "$VM_CACHE"/run/*/; do
		[[ -d $old ]] || continue
		exec {lock}<"$old" || continue
		flock -n "$lock" && rm -rf "$old"
		exec {lock}<&-
	done
}

# vm_sandbox ARGUMENT...: comes back only in the second process, with the directory of the run in VM_RUN.
vm_sandbox() {
	local turn own inside status

	[[ ${VM_RUN-} ]] && return
	((EUID == 0)) || vm_die "must be root to make the machines' file systems (try sudo)"
	"$VM_TOP/scripts/setup.sh" vm || exit 1
	mkdir -p "$VM_CACHE/run" || exit 1
	VM_CACHE=$(cd "$VM_CACHE" && pwd)
	exec {turn}>"$VM_CACHE/run.lock"
	flock "$turn"
	vm_reap
	VM_RUN=$(mktemp -d "$VM_CACHE/run/XXXXXX") || exit 1
	exec {own}<"$VM_RUN"
	flock "$own"
	exec {turn}>&-

	trap 'kill -KILL "${inside:-}" 2>/dev/null; wait; rm -rf "$VM_RUN"' EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	XCARP_VM_CACHE=$VM_CACHE VM_RUN=$VM_RUN setpriv --pdeathsig KILL \
		unshare --mount --pid --fork --kill-child --mount-proc "$0" "$@" <&0 &
	inside=$!
	wait "$inside"
	status=$?
	inside=
	exit "$status"
}

# vm_chroot ROOT COMMAND...: with /proc and /dev, and a /tmp of its own.
vm_chroot() {
	# shellcheck disable=SC2016 # the inner shell's
	unshare --mount bash -c '
		root=$1; shift
		mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" && mount -t tmpfs tmp "$root/tmp" || exit 1
		exec chroot "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
			DEBIAN_FRONTEND=noninteractive ${http_proxy:+http_proxy="$http_proxy"} "$@"
	' - "$@" </dev/null
}

# vm_logged WHAT COMMAND...: its output is shown only if it fails.
vm_logged() {
	local what=$1 log start=$SECONDS

	shift
	log=$(mktemp "$VM_RUN/log.XXXXXX") || exit 1
	vm_say "$what"
	if ! "$@" >"$log" 2>&1; then
		tail -n 60 "$log" >&2
		vm_say "failed: $what"
		return 1
	fi
	((SECONDS - start < 5)) || vm_say "$what: $((SECONDS - start)) s"
	rm -f "$log"
}

# vm_cached NAME KEY MAKER [ARGUMENT...]: MAKER makes the directory $VM_NEW. When it is there, its path is in VM_ENTRY, and
# nobody removes it during this run. Entries that nobody has used for two weeks go.
vm_cached() {
	local name=$1 key=$2 lock old other

	shift 2
	VM_ENTRY=$VM_CACHE/$name-$(printf '%s' "$key" | sha256sum | cut -c 1-12)
	exec {lock}>"$VM_ENTRY.lock"
	flock -s "$lock"
	if [[ ! -e $VM_ENTRY/made ]]; then
		exec {lock}>&-
		exec {lock}>"$VM_ENTRY.lock"
		flock "$lock"
		if [[ ! -e $VM_ENTRY/made ]]; then
			rm -rf "$VM_ENTRY"
			mkdir "$VM_ENTRY" || exit 1
			VM_NEW=$VM_ENTRY "$@" || {
				rm -rf "$VM_ENTRY"
				return 1
			}
		fi
		: >"$VM_ENTRY/made"
		flock -s "$lock"
	fi
	touch "$VM_ENTRY/made"
	for old in "$VM_CACHE/$name"-*/made; do
		[[ $old -ef $VM_ENTRY/made ]] || [[ ! $(find "$old" -mtime +14 2>/dev/null) ]] && continue
		old=${old%/made}
		exec {other}>"$old.lock"
		flock -n "$other" && rm -rf "$old" "$old.lock"
		exec {other}>&-
	done
	return 0
}
