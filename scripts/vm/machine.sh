# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Builds xcarp for a userland, boots a machine with it, and watches its tests; sourced by check and cell.
#
# A machine has one disk of each kind (userland, modules, source tree), none of which keeps what it writes, no network to
# the outside, and one more port, over which the tests' output comes. What it costs is the processor: qemu interprets.

# header TEST KEY: what a test's line "# vm: KEY=VALUE" says.
vm_header() {
	sed -n "s/^# vm:.*\<$2=\([^ ]*\).*/\1/p" "$VM_TOP/selftests/vm/$1.t" 2>/dev/null
}

# vm_packages: what all the tests together want in the guests, sorted.
vm_packages() {
	local test

	for test in "$VM_TOP"/selftests/vm/*.t; do
		test=$(basename "$test" .t)
		vm_header "$test" packages
	done | tr ',' '\n' | sed '/^$/d' | sort -u
}

# vm_source DIRECTORY: the source tree, without what was built or committed.
vm_source() {
	mkdir -p "$1" && tar -C "$VM_TOP" --exclude=./build --exclude=./.git -cf - . | tar -C "$1" -xf -
}

# vm_make SUITE TARGET...: in the suite's build tree, in $VM_RUN/SUITE/xcarp.
vm_make() {
	local suite=$1 VM_ENTRY tree=$VM_RUN/$1/xcarp

	shift
	vm_build "$suite" || return
	[[ -d $tree ]] || vm_source "$tree" || return
	# shellcheck disable=SC2016 # the inner shell's
	vm_logged "$suite: make $*" unshare --mount bash -c '
		root=$1 tree=$2; shift 2
		mount --bind "$tree" "$root/root/xcarp" && mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" &&
			mount -t tmpfs tmp "$root/tmp" || exit 1
		exec chroot "$root" make -C /root/xcarp -j "$(nproc)" "$@"
	' - "$VM_ENTRY/root" "$tree" "$@" || return
}

# vm_built SUITE: xcarp for its userland, its program by every clang there, and what VM_TESTS want beside; what make install
# puts where is in build/install.
vm_built() {
	local suite=$1 targets=(all bpf-all) test words

	for test in "${VM_TESTS[@]}"; do
		IFS=, read -ra words <<<"$(vm_header "${test%%:*}" make)"
		targets+=("${words[@]}")
	done
	vm_make "$suite" "${targets[@]}" install DESTDIR=/root/xcarp/build/install
}

# vm_disk SUITE IMAGE: the source tree and what was built of it. The program by other userlands' clangs is in it too: who
# compiled it has nothing to do with where it is loaded.
vm_disk() {
	local disk=$VM_RUN/disk objects

	mkdir "$disk" && cp -a --reflink=auto "$VM_RUN/$1/xcarp" "$disk/" && mv "$disk/xcarp/build/install" "$disk/" || return
	for objects in "$VM_TOP"/build/clang-*/ "$VM_RUN"/*/xcarp/build/clang-*/; do
		[[ ! -d $objects || -e $disk/xcarp/build/$(basename "$objects") ]] || cp -a "$objects" "$disk/xcarp/build/"
	done
	vm_logged "$1: disk with xcarp" vm_ext4 "$disk" "$2" 1G
	rm -rf "$disk"
}

# vm_qemu_command MODEL...: the host's qemu, or a newer one where it lacks one of these NICs, in VM_QEMU.
vm_qemu_command() {
	local model known VM_ENTRY

	VM_QEMU=(qemu-system-x86_64)
	known=$(qemu-system-x86_64 -device help 2>/dev/null)
	for model; do
		[[ $model == virtio* || $known == *"\"$model\""* ]] && continue
		vm_qemu trixie || return
		# shellcheck disable=SC2016 # the inner shell's
		VM_QEMU=(unshare --mount bash -c '
			root=$1 cache=$2; shift 2
			mount --rbind /dev "$root/dev" && mount -t tmpfs tmp "$root/mnt" && mkdir -p "$root/mnt/cache" &&
				mount --rbind "$cache" "$root/mnt/cache" || exit 1
			exec chroot "$root" qemu-system-x86_64 "${@//"$cache"//mnt/cache}"
		' - "$VM_ENTRY/root" "$VM_CACHE")
		return
	done
}

# vm_plan TEST[:MODEL]...: what the machine is to run, in VM_TESTS, and the NICs that it gets for that, in VM_NICS. With a MODEL a
# test gets two of it, without one those of its line "# vm: nics=..."; no test before the colon is a pair for nobody.
vm_plan() {
	local word words wanted name n

	VM_TESTS=() VM_NICS=()
	for word; do
		IFS=: read -ra words <<<"$word"
		if [[ ${words[1]-} ]]; then
			wanted=("${words[1]}" "${words[1]}")
		else
			IFS=, read -ra wanted <<<"$(vm_header "${words[0]}" nics)"
		fi
		name=${words[0]}:${words[1]-}
		for ((n = 0; n < ${#wanted[@]}; n++)); do
			name+=:nic${#VM_NICS[@]}
			VM_NICS+=("${wanted[n]}")
		done
		[[ ! ${words[0]} ]] || VM_TESTS+=("$name")
		# The next one's first NIC begins a new wire.
		((${#VM_NICS[@]} % 2 == 0)) || VM_NICS+=("${wanted[0]}")
	done
}

# vm_wires COMMAND...: runs it in a network namespace in which each "virtio-offload" of VM_NICS has a tap device, tap0 and tap1 on one
# bridge, and so on. Unlike a hub inside qemu those have a host's offloads: segments of 64 kB, checksums left undone. For the
# background: it does not come back.
vm_wires() {
	local n commands='ip link set lo up'

	for ((n = 0; n < ${#VM_NICS[@]}; n++)); do
		[[ ${VM_NICS[n]} == virtio-offload ]] || continue
		((n % 2)) || commands+=" && ip link add br$n up type bridge"
		commands+=" && ip tuntap add tap$n mode tap vnet_hdr && ip link set tap$n up master br$((n / 2 * 2))"
	done
	exec unshare --net bash -c "$commands"' || exit 1; exec "$@"' - "$@"
}

# vm_boot DIRECTORY USERLAND KERNEL: boots a machine for VM_TESTS with VM_NICS; nic0 and nic1 are on one wire, nic2 and nic3 on
# another. Its console is in DIRECTORY/console, the tests' output in DIRECTORY/output. With VM_OPEN=1 the console is the terminal.
# VM_ICOUNT=3 makes the machine's clock count its instructions, 8 (2^3) ns each: what it measures does not depend on the host then.
# VM_ENV has variables for the tests, as STEPS=5 or "STEPS=200 VM_SECONDS=7200"; VM_SECONDS takes the place of their own limit.
vm_boot() {
	local directory=$1 suite=$2 kernel=$3 nics=() n=0 mac model bus wire guest packages VM_ENTRY console append

	vm_kernel "$kernel" || return
	kernel=$VM_ENTRY
	mapfile -t packages < <(vm_packages)
	vm_guest "$suite" "${packages[@]}" || return
	guest=$VM_ENTRY
	mkdir -p "$directory"
	vm_built "$suite" && vm_disk "$suite" "$directory/disk.ext4" && vm_qemu_command "${VM_NICS[@]}" || return
	for model in "${VM_NICS[@]}"; do
		printf -v mac '52:54:00:78:63:%02d' "$n"
		bus=
		# Its virtual functions would be in other devices' slots.
		[[ $model != igb ]] || {
			bus=,bus=port$n
			nics+=(-device "pcie-root-port,id=port$n,chassis=$((n + 1))")
		}
		wire=hubport,id=n$n,hubid=$((n / 2))
		[[ $model != virtio-offload ]] || wire=tap,id=n$n,ifname=tap$n,script=no,downscript=no,vhost=off
		nics+=(-netdev "$wire" -device "${model/#virtio*/virtio-net-pci},netdev=n$n,mac=$mac$bus")
		((n++))
	done
	cat "$kernel/version" >"$directory/version"
	: | tee "$directory/console" >"$directory/output"
	console=(-serial "file:$directory/console")
	append="console=ttyS0 loglevel=4 systemd.show_status=1 panic=0 net.ifnames=0 mitigations=off modprobe.blacklist=kvm_amd,kvm_intel random.trust_cpu=on xcarp.tests=$(IFS=, && echo "${VM_TESTS[*]}")"
	[[ ! ${VM_ENV-} ]] || append+=" xcarp.env=${VM_ENV// /,}"
	if [[ ${VM_OPEN-} ]]; then
		console=(-serial mon:stdio)
		append+=' quiet xcarp.open'
	fi
	[[ " ${VM_NICS[*]-} " != *' virtio-offload '* ]] || VM_QEMU=(vm_wires "${VM_QEMU[@]}")
	"${VM_QEMU[@]}" -accel tcg ${VM_ICOUNT:+-icount "shift=$VM_ICOUNT"} -cpu max -machine q35,sata=off -smp "${VM_CPUS:-1}" -m "${VM_MEMORY:-1024}" -nodefaults -no-user-config -display none \
		-kernel "$kernel/vmlinuz" -initrd "$kernel/initrd.gz" -append "$append" \
		-drive "file=$guest/guest.ext4,format=raw,if=none,id=d0,snapshot=on" -device virtio-blk-pci,drive=d0 \
		-drive "file=$kernel/modules.ext4,format=raw,if=none,id=d1,snapshot=on" -device virtio-blk-pci,drive=d1 \
		-drive "file=$directory/disk.ext4,format=raw,if=none,id=d2,snapshot=on" -device virtio-blk-pci,drive=d2 \
		-device virtio-rng-pci "${console[@]}" \
		-device virtio-serial-pci -chardev "file,id=tests,path=$directory/output" -device virtserialport,chardev=tests,name=xcarp.tests \
		"${nics[@]}" <&0 2>"$directory/qemu" &
	VM_PID=$!
	if [[ ${VM_OPEN-} ]]; then
		wait "$VM_PID"
	else
		vm_watch "$directory"
	fi
}

# vm_watch DIRECTORY: until the machine has ended. However slow it is, it lives as long as it says something; one that has
# said nothing for five minutes is dead. Why it ended before its time is in DIRECTORY/why.
vm_watch() {
	local directory=$1 size last='' since=$SECONDS why=

	while kill -0 "$VM_PID" 2>/dev/null; do
		sleep 1
		size=$(stat -c %s "$directory/console" "$directory/output")
		[[ $size == "$last" ]] || since=$SECONDS
		last=$size
		if grep -aq 'Kernel panic' "$directory/console"; then
			why=$(grep -a -m 1 'Kernel panic' "$directory/console" | tr -d '\r')
		elif ((SECONDS - since > 300)); then
			why="no sign of life for five minutes"
		fi
		[[ ! $why ]] || kill -KILL "$VM_PID"
	done
	rm -f "$directory/disk.ext4"
	wait "$VM_PID" 2>/dev/null || [[ $why ]] || why="qemu: $(head -n 1 "$directory/qemu")"
	[[ ! $why ]] || echo "$why" >"$directory/why"
	return 0
}

# vm_results DIRECTORY: a line "TEST<tab>RESULT<tab>SECONDS<tab>MESSAGE" for each of VM_TESTS, which DIRECTORY/TEST.tap has whole.
vm_results() {
	local directory=$1 test file

	for test in "${VM_TESTS[@]}"; do
		file=$directory/${test//\//-}.tap
		tr -d '\r' <"$directory/output" | awk -v test="$test" '
			$1 == "#vm" && $2 == "begin" { on = $3 == test }
			on && $1 != "#vm" || $3 == test && $2 == "end"
		' >"$file"
		printf '%s\t' "$test"
		awk -v why="$(cat "$directory/why" 2>/dev/null)" '
			$1 == "#vm" { ended = 1; status = $4; seconds = $5 }
			/^1\.\.[0-9]+/ { plan = substr($1, 4) + 0; planned = 1; if (/# SKIP/) { skipped = $0; sub(/.*# SKIP */, "", skipped) } }
			/^(not )?ok / { done++ }
			/^not ok / { failed++; if (!first) { first = $0; sub(/^not ok [0-9]* (- )?/, "", first) } }
			/^ok .*# SKIP/ { skips++; if (!skipped) { skipped = $0; sub(/.*# SKIP */, "", skipped) } }
			/^# note: / { note = note (note ? "; " : "") substr($0, 9) }
			{ if ($1 != "#vm") last = $0 }
			function tell(result, message) { printf "%s\t%s\t%s\n", result, seconds ? seconds : "-", message; told = 1; exit }
			END {
				if (told) exit
				if (!ended) tell("failed", why ? why : "the machine ended before it")
				if (failed) tell("failed", failed " of " plan ": " first)
				if (!planned) tell("failed", "no plan: " last)
				if (done != plan) tell("failed", done + 0 " of " plan " done, then: " last)
				if (status) tell("failed", "exit status " status ": " last)
				if (!plan || skips == plan) tell("unsupported", skipped)
				tell("ok", plan - skips " passed" (skips ? ", " skips " skipped: " skipped : "") (note ? "; " note : ""))
			}
		' "$file"
	done
}
