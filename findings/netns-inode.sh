#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A network namespace has the inode of one that has just ended; its cookie is new.
#
# `stat -Lc %i /proc/self/ns/net`, by which a namespace is often named in files, is given again within a few tries once
# everything of the old one is gone. What was filed under it, on a bpffs for example, looks like the new one's own. SO_NETNS_COOKIE
# (since Linux 5.14) does not repeat before the next boot.
#
# Seen with Linux 6.18: 377 inodes in 2,000 namespaces, the first one again after 9, and 2,000 cookies. Runs as root. Fails if no
# inode comes back within 2,000, or if a cookie does.

set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
: >status
apt-get -qq -o APT::Sandbox::User=root -o Dir::State::status="$dir/status" -o Dir::Cache="$dir" install --download-only -y \
	--no-install-recommends util-linux=2.38.1-5+deb12u3 perl-base=5.36.0-7+deb12u4
rm archives/libc6_*
for deb in archives/*.deb; do dpkg-deb -x "$deb" .; done
export PATH=$dir/sbin:$dir/usr/sbin:$dir/usr/bin:$PATH LD_LIBRARY_PATH=$dir/lib/x86_64-linux-gnu:$dir/usr/lib/x86_64-linux-gnu

# One after the other; each is gone before the next begins, but for what the kernel still has to clean up.
for ((n = 0; n < 2000; n++)); do
	# shellcheck disable=SC2016 # perl's
	unshare --net perl -e '
		socket my $socket, 1, 2, 0 or die $!;
		my ($cookie, $len) = ("\0" x 8, pack "I", 8); # no other length will do
		syscall(55, fileno $socket, 1, 71, $cookie, $len) and die $!; # getsockopt() of x86-64
		print +(stat "/proc/self/ns/net")[1], " ", unpack("Q", $cookie), "\n"'
done >seen
inodes=$(cut -d' ' -f1 seen | sort -u | wc -l)
cookies=$(cut -d' ' -f2 seen | sort -u | wc -l)
again=$(awk '{ if ($1 in at) { print NR - at[$1]; exit } at[$1] = NR }' seen)
echo "2000 network namespaces one after the other: $inodes inodes, the first one again ${again:-never} later, $cookies cookies"
[[ $again ]] && ((cookies == 2000)) || {
	echo "there were far fewer inodes than namespaces, and a cookie each" >&2
	exit 1
}
