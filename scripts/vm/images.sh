# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Makes what a machine boots from, out of the packages that this host's own apt configuration offers; sourced by check and cell.
#
#	base-SUITE      debootstrap's least, and the package lists; the others grow from it
#	build-SUITE     a tree to build xcarp in, with every clang of the suite
#	guest-SUITE     guest.ext4, the userland of a machine
#	kernel-SUITE    vmlinuz, an initrd of busybox and the modules it needs, modules.ext4
#	qemu-SUITE      a newer qemu than the host's, where a NIC needs that

VM_BUILD=(llvm gcc make pkg-config libbpf-dev libxdp-dev libnl-3-dev libnl-route-3-dev libsodium-dev libseccomp-dev libncurses-dev
	libelf-dev zlib1g-dev linux-libc-dev libc6-dev iproute2 procps perl-base bpftool clang build-essential debhelper)
VM_GUEST=(systemd-sysv udev dbus kmod procps iproute2 iputils-ping iputils-arping ethtool bpftool tcpdump perl strace
	libbpf1 libxdp1 libnl-3-200 libnl-route-3-200 '^libsodium[0-9]+$' libseccomp2 libncursesw6 ucarp)
VM_HERE=$VM_TOP/scripts/vm

# debootstrap and the apt of each tree go the way that this host's apt goes.
eval "$(apt-config shell VM_PROXY Acquire::http::Proxy)"
[[ -z ${VM_PROXY-} ]] || export http_proxy=$VM_PROXY

# Suites that move get new packages once a week.
vm_date() {
	[[ $1 != sid ]] || date +%G-%V
}

# vm_mirror SUITE: the first archive in this host's own apt configuration that has it, in VM_MIRROR.
# shellcheck disable=SC2016 # apt's own variable
vm_mirror() {
	local site

	while read -r site; do
		VM_MIRROR=$site
		/usr/lib/apt/apt-helper download-file "$site/dists/$1/Release" "$VM_RUN/Release" >/dev/null 2>&1 && return
	done < <(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | awk '!seen[$0]++')
	return 1
}

vm_make_base() {
	local suite=$1 root=$VM_NEW/root

	vm_mirror "$suite" || {
		vm_say "this host's apt configuration has no archive with $suite"
		return 1
	}
	# Nobody cares for these trees after a crash.
	mkdir -p "$root/etc/dpkg/dpkg.cfg.d" "$root/etc/apt/apt.conf.d"
	printf '%s\n' force-unsafe-io 'path-exclude=/usr/share/locale/*' 'path-exclude=/usr/share/doc/*' 'path-exclude=/usr/share/man/*' \
		>"$root/etc/dpkg/dpkg.cfg.d/vm"
	# A mirror may be weeks behind, or stand still.
	printf '%s\n' 'APT::Install-Recommends "false";' 'APT::Sandbox::User "root";' 'Acquire::Languages "none";' \
		'Acquire::Check-Valid-Until "false";' >"$root/etc/apt/apt.conf.d/vm"
	vm_logged "$suite: debootstrap" debootstrap --variant=minbase "$suite" "$root" "$VM_MIRROR" || return
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
	chmod 755 "$root/usr/sbin/policy-rc.d"
	cp -L /etc/resolv.conf "$root/etc/resolv.conf"
	vm_logged "$suite: package lists" vm_chroot "$root" apt-get -q update
}

vm_base() {
	vm_cached "base-$1" "$(vm_date "$1") $(declare -f vm_make_base)" vm_make_base "$1"
}

# vm_grow SUITE PACKAGE...: $VM_NEW/root is the base and these.
vm_grow() {
	local suite=$1 VM_ENTRY

	shift
	vm_base "$suite" || return
	cp -a --reflink=auto "$VM_ENTRY/root" "$VM_NEW/root" || return
	vm_logged "$suite: install $# packages" vm_chroot "$VM_NEW/root" sh -c 'apt-get -q -y install "$@" && apt-get clean' - "$@"
}

vm_make_build() {
	local suite=$1 VM_ENTRY clangs

	vm_base "$suite" || return
	mapfile -t clangs < <(vm_chroot "$VM_ENTRY/root" apt-cache search --names-only '^clang-[0-9]+$' | cut -d ' ' -f 1)
	vm_grow "$suite" "${VM_BUILD[@]}" "${clangs[@]}" || return
	mkdir -p "$VM_NEW/root/root/xcarp"
}

vm_build() {
	vm_cached "build-$1" "$(vm_date "$1") ${VM_BUILD[*]} $(declare -f vm_make_base vm_grow vm_make_build)" vm_make_build "$1"
}

vm_make_qemu() {
	vm_grow "$1" qemu-system-x86
}

vm_qemu() {
	vm_cached "qemu-$1" "$(vm_date "$1") $(declare -f vm_make_base vm_grow vm_make_qemu)" vm_make_qemu "$1"
}

# vm_ext4 DIRECTORY IMAGE SIZE: without a mount.
vm_ext4() {
	rm -f "$2"
	mke2fs -q -t ext4 -O '^has_journal,^metadata_csum,^64bit,^orphan_file' -m 0 -d "$1" "$2" "$3"
}

vm_make_guest() {
	local suite=$1 root=$VM_NEW/root unit

	shift
	vm_grow "$suite" "$@" || return
	# What a package installs in the machine is to be whole.
	rm -f "$root/etc/dpkg/dpkg.cfg.d/vm" "$root/etc/apt/apt.conf.d/vm" "$root/usr/sbin/policy-rc.d" "$root/etc/resolv.conf"
	rm -rf "$root"/var/lib/apt/lists/*
	: >"$root/etc/fstab"
	echo vm >"$root/etc/hostname"
	echo '127.0.0.1 localhost vm' >"$root/etc/hosts"
	echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
	vm_chroot "$root" passwd -qd root
	mkdir -p "$root/var/log/journal" "$root/etc/systemd/system/serial-getty@ttyS0.service.d" "$root/etc/udev/rules.d"
	printf '[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin root --keep-baud 115200 %%I linux\n' \
		>"$root/etc/systemd/system/serial-getty@ttyS0.service.d/vm.conf"
	cp "$VM_HERE/guest/xcarp-tests.service" "$root/etc/systemd/system/"
	cp "$VM_HERE/guest/nics.rules" "$root/etc/udev/rules.d/10-nics.rules"
	# The tests want a quiet machine; what they need they start.
	for unit in $(cd "$root" && find usr/lib/systemd/system lib/systemd/system -maxdepth 1 -name '*.timer' -printf '%f\n' 2>/dev/null) \
		NetworkManager NetworkManager-wait-online NetworkManager-dispatcher ModemManager wpa_supplicant systemd-networkd \
		systemd-networkd-wait-online systemd-timesyncd keepalived ucarp e2scrub_reap ssh; do
		vm_chroot "$root" systemctl disable "$unit" >/dev/null 2>&1
	done
	vm_chroot "$root" systemctl enable xcarp-tests >/dev/null 2>&1 || return
	vm_logged "$suite: image" vm_ext4 "$root" "$VM_NEW/guest.ext4" 4G || return
	rm -rf "$root"
}

# vm_guest SUITE PACKAGE...: with these beside its own.
vm_guest() {
	local suite=$1

	shift
	vm_cached "guest-$suite" "$(vm_date "$suite") ${VM_GUEST[*]} $* $(cat "$VM_HERE"/guest/{nics.rules,xcarp-tests.service}) \
		$(declare -f vm_make_base vm_grow vm_make_guest vm_ext4)" vm_make_guest "$suite" "${VM_GUEST[@]}" "$@"
}

# vm_make_kernel SUITE: only unpacked; a kernel's package wants to make an initrd that nobody needs.
vm_make_kernel() {
	local suite=$1 VM_ENTRY new=$VM_NEW version packages package n=10 file name

	vm_base "$suite" || return
	mkdir -p "$new/deb" "$new/tree" "$new/initrd/"{bin,modules,proc,sys,dev,root}
	# Newer ones have their modules in a package beside.
	mapfile -t packages < <(vm_chroot "$VM_ENTRY/root" apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts \
		--no-breaks --no-replaces --no-enhances linux-image-amd64 |
		grep -E '^linux-(image|binary|modules)-[0-9]' | sort -u)
	vm_logged "$suite: download ${packages[*]} and busybox-static" vm_chroot_in "$VM_ENTRY/root" "$new/deb" \
		apt-get -q download "${packages[@]}" busybox-static || return
	for package in "$new"/deb/*.deb; do
		dpkg-deb -x "$package" "$new/tree" || return
	done
	mkdir -p "$new/tree/usr/lib"
	[[ -d $new/tree/usr/lib/modules ]] || mv "$new/tree/lib/modules" "$new/tree/usr/lib/" || return
	rm -rf "$new/tree/lib"
	ln -s usr/lib "$new/tree/lib"
	version=$(cd "$new/tree/lib/modules" && echo *)
	depmod -b "$new/tree" "$version" || return
	# Newer ones have the kernel itself beside its modules.
	mv "$new/tree/boot/vmlinuz-$version" "$new/vmlinuz" 2>/dev/null || mv "$new/tree/lib/modules/$version/vmlinuz" "$new/" || return
	echo "$version" >"$new/version"

	while read -r file; do
		name=$((n++))-$(basename "$file")
		case $file in
		*.xz) xz -dc "$file" >"$new/initrd/modules/${name%.xz}" ;;
		*.zst) zstd -qdc "$file" >"$new/initrd/modules/${name%.zst}" ;;
		*) cp "$file" "$new/initrd/modules/$name" ;;
		esac || return
	done < <(for name in virtio_pci virtio_blk crc32c_generic crc32c_cryptoapi ext4; do
		modprobe -d "$new/tree" -S "$version" --show-depends "$name" 2>/dev/null
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }')
	cp "$(find "$new/tree/usr/bin" "$new/tree/bin" -name busybox -type f 2>/dev/null | head -n 1)" "$new/initrd/bin/busybox" || return
	for name in sh mount umount mkdir insmod usleep poweroff switch_root; do
		ln -s busybox "$new/initrd/bin/$name"
	done
	install -m 755 "$VM_HERE/guest/init" "$new/initrd/init"
	(cd "$new/initrd" && find . | cpio -o -H newc --quiet | gzip -1) >"$new/initrd.gz" || return
	vm_logged "$suite: modules of $version" vm_ext4 "$new/tree/usr/lib/modules" "$new/modules.ext4" 1G || return
	rm -rf "$new/deb" "$new/tree" "$new/initrd"
}

# vm_chroot_in ROOT DIRECTORY COMMAND...: the command's working directory is that one, of the host.
vm_chroot_in() {
	# shellcheck disable=SC2016 # the inner shell's
	unshare --mount bash -c '
		root=$1 directory=$2; shift 2
		mount -t tmpfs tmp "$root/mnt" && mount --bind "$directory" "$root/mnt" && mount -t proc proc "$root/proc" &&
			mount --rbind /dev "$root/dev" || exit 1
		exec chroot "$root" sh -c "cd /mnt && exec \"\$@\"" - env ${http_proxy:+http_proxy="$http_proxy"} LC_ALL=C "$@"
	' - "$@" </dev/null
}

vm_kernel() {
	vm_cached "kernel-$1" "$(vm_date "$1") $(cat "$VM_HERE/guest/init") $(declare -f vm_make_base vm_make_kernel vm_ext4)" \
		vm_make_kernel "$1"
}
