#!/usr/bin/env perl
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Adverts for tests: makes them, right or wrong in one respect, and shows those on the wire. Independent of the
# program under test on purpose; needs nothing but Perl's core.
#
#	frames.pl send INTERFACE [KEY=VALUE...]    adverts from a packet socket; prints when the last one was sent
#	frames.pl record INTERFACE                 adverts as they come in, a frame in hexadecimal a line
#	frames.pl play INTERFACE FILE [KEY=VALUE...]    such lines again; src= and advskew= write that anew, rate=
#	frames.pl print [KEY=VALUE...]             one frame in hexadecimal
#	frames.pl listen INTERFACE                 adverts, VRRP and ARP as they come in, one line each
#	frames.pl ask INTERFACE SOURCE ADDRESS MS  an ARP request every MS milliseconds; who answered by the next one, a line each
#	frames.pl raw INTERFACE [GROUP]            what a raw socket of protocol 112 gets
#	frames.pl mutations                        the names mutate= takes
#
# A line of listen:
#	TIME advert SOURCE vhid=1 advbase=1 advskew=0 demote=0 counter=... group=... ttl=255 smac=... dmac=... hmac=...
#	TIME vrrp SOURCE version=3 vrid=1 priority=100 group=...
#	TIME announce ADDRESS smac=... dmac=...                  (a gratuitous ARP request)
#	TIME arp request|reply SENDER TARGET smac=...
# TIME is the kernel's receive time, seconds since 1970. hmac=good|bad where `listen` was given pass= and vips=;
# key=ID in its place for a strong advert (version 4).

use strict;
use warnings;
use Digest::SHA qw(hmac_sha1);
use Socket;
use Time::HiRes qw(clock_gettime clock_nanosleep CLOCK_MONOTONIC CLOCK_REALTIME TIMER_ABSTIME);

use constant {
	AF_PACKET => 17,
	ETH_P_ALL => 3,
	ETH_P_IP => 0x0800,
	ETH_P_ARP => 0x0806,
	PACKET_OUTGOING => 4,
	SIOCGIFINDEX => 0x8933,
	SIOCGSTAMPNS => 0x8907,
	IPPROTO_CARP => 112,
};

my %defaults = (
	src => '10.77.0.66', vhid => 1, pass => 'secret', vips => '10.77.0.100', advbase => 1, advskew => 0, demote => 0,
	counter => 'random', # or a number: the first one, counted up from there
	group => '224.0.0.18', ttl => 255, id => 'random', smac => '', dmac => '', mutate => 'none',
	count => 1, rate => 50, # adverts, adverts a second
);

sub checksum {
	my $sum = 0;

	$sum += $_ for unpack 'n*', $_[0] . (length($_[0]) % 2 ? "\0" : '');
	$sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
	return ~$sum & 0xffff;
}

sub carp_hmac {
	my ($pass, $vhid, $vips, $counter) = @_;
	my %once = map { inet_aton($_) => 1 } split /,/, $vips;

	return hmac_sha1(pack('C3', 2, 1, $vhid) . join('', sort keys %once) . $counter, $pass);
}

sub mac { return pack 'H12', $_[0] =~ s/://gr }
sub mac_text { return join ':', unpack '(H2)6', $_[0] }

# What each mutation spoils. One that lies before signing yields an advert that is right in all but that;
# checksums are mended after every other one.
my %mutations = (
	none => {},
	password => { signed => sub { $_[0]{pass} .= 'x' } },
	viplist => { signed => sub { $_[0]{vips} .= ',192.0.2.1' } },
	vhid => { signed => sub { $_[0]{vhid} = $_[0]{vhid} % 255 + 1 } },
	group => { signed => sub { $_[0]{group} = '224.0.0.19' } },
	ttl => { signed => sub { $_[0]{ttl}-- } },
	hmac => { carp => sub { substr($_[0], 35, 1) ^= "\1" } },
	version => { carp => sub { substr($_[0], 0, 1) = "\x41" } },
	vrrp3 => { carp => sub { substr($_[0], 0, 1) = "\x31" } },
	type => { carp => sub { substr($_[0], 0, 1) = "\x22" } },
	authlen => { carp => sub { substr($_[0], 3, 1) = "\6" } },
	csum => { sum => sub { substr($_[0], 7, 1) ^= "\1" } },
	fragment => { ip => sub { substr($_[0], 6, 2) = "\x20\0" } },
	length => { ip => sub { substr($_[0], 2, 2) = pack 'n', 52 } },
	ipcsum => { frame => sub { substr($_[0], 25, 1) ^= "\1" } },
	truncate => { frame => sub { substr($_[0], -4) = '' } },
);

sub frame {
	my %f = %{$_[0]};
	my $counter = $f{counter} eq 'random' ? pack('N2', rand 2**32, rand 2**32) : pack('Q>', $f{counter});
	my $spoil = $mutations{$f{mutate}} or die "frames.pl: mutate=$f{mutate}: must be one of @{[sort keys %mutations]}\n";

	$spoil->{signed}->(\%f) if $spoil->{signed};
	my $carp = pack 'C6 n a8 a20', 0x21, @f{qw(vhid advskew)}, 7, @f{qw(demote advbase)}, 0, $counter,
		carp_hmac($f{pass}, $f{vhid}, $f{vips}, $counter);
	$spoil->{carp}->($carp) if $spoil->{carp};
	substr($carp, 6, 2) = pack 'n', checksum($carp);
	$spoil->{sum}->($carp) if $spoil->{sum};

	my $id = $f{id} eq 'random' ? rand 65536 : $f{id};
	my $ip = pack 'C2 n3 C2 n a4 a4', 0x45, 0x10, 20 + length $carp, $id, 0x4000, $f{ttl}, IPPROTO_CARP, 0,
		inet_aton($f{src}), inet_aton($f{group});
	$spoil->{ip}->($ip) if $spoil->{ip};
	substr($ip, 10, 2) = pack 'n', checksum($ip);

	my $group = unpack 'N', inet_aton($f{group});
	my $dmac = $f{dmac} ? mac($f{dmac}) : pack 'n N', 0x0100, 0x5e000000 | $group & 0x7fffff;
	my $smac = $f{smac} ? mac($f{smac}) : pack 'C6', 0, 0, 0x5e, 0, 1, $f{vhid};
	my $frame = $dmac . $smac . pack('n', ETH_P_IP) . $ip . $carp;
	$spoil->{frame}->($frame) if $spoil->{frame};
	return $frame;
}

sub packet_socket {
	my ($interface) = @_;
	my $request = pack 'a16 x24', $interface;

	socket my $socket, AF_PACKET, SOCK_RAW, unpack('S', pack 'n', ETH_P_ALL) or die "frames.pl: packet socket: $!\n";
	ioctl $socket, SIOCGIFINDEX, $request or die "frames.pl: $interface: $!\n";
	my $ifindex = unpack 'x16 i', $request;
	bind $socket, pack 'S n i S C2 a8', AF_PACKET, ETH_P_ALL, $ifindex, 0, 0, 0, '' or die "frames.pl: $interface: $!\n";
	return $socket;
}

# Turns the kernel's timestamps on as well as reading one.
sub timestamp {
	my $stamp = "\0" x 16;

	ioctl $_[0], SIOCGSTAMPNS, $stamp or return 0;
	return sprintf '%d.%09d', unpack 'q2', $stamp;
}

sub parse_options {
	my %f = %defaults;

	for (@_) {
		my ($key, $value) = /^(\w+)=(.*)/ or die "frames.pl: $_: must be KEY=VALUE\n";
		exists $f{$key} or die "frames.pl: $key: must be one of @{[sort keys %f]}\n";
		$f{$key} = $value;
	}
	return \%f;
}

sub send_adverts {
	my $socket = packet_socket(shift);
	my $f = parse_options(@_);
	my $start = clock_gettime(CLOCK_MONOTONIC);
	my $sent;

	for my $n (0 .. $f->{count} - 1) {
		clock_nanosleep(CLOCK_MONOTONIC, 1e9 * ($start + $n / $f->{rate}), TIMER_ABSTIME) if $n;
		my $frame = frame($f);
		$sent = clock_gettime(CLOCK_REALTIME);
		send $socket, $frame, 0 or die "frames.pl: send: $!\n";
		$f->{counter}++ if $f->{counter} ne 'random';
	}
	printf "%.6f\n", $sent;
}

sub record {
	my $socket = packet_socket(shift);

	print "listening\n";
	while (defined(my $from = recv $socket, my $frame, 2048, 0)) {
		next if length $frame != 70 || (unpack 'x10 C', $from) == PACKET_OUTGOING;
		next if unpack('x12 n', $frame) != ETH_P_IP || unpack('x23 C', $frame) != IPPROTO_CARP;
		print unpack('H*', $frame), "\n";
	}
	die "frames.pl: recv: $!\n";
}

# All checksums are mended: what is left for the receiver to go by is the digest, which is right, and the counter.
sub rewrite {
	my ($frame, %new) = @_;

	substr($frame, 26, 4) = inet_aton($new{src}) if defined $new{src};
	substr($frame, 36, 1) = pack 'C', $new{advskew} if defined $new{advskew};
	for my $part ([14, 20, 24], [34, 36, 40]) {
		my ($start, $len, $sum) = @$part;
		substr($frame, $sum, 2) = "\0\0";
		substr($frame, $sum, 2) = pack 'n', checksum(substr $frame, $start, $len);
	}
	return $frame;
}

sub play {
	my $socket = packet_socket(shift);
	my $file = shift;
	my %new = map { /^(src|advskew|rate)=(.*)/ ? ($1, $2) : die "frames.pl: $_: must be src=, advskew= or rate=\n" } @_;
	my $start = clock_gettime(CLOCK_MONOTONIC);
	my $n = 0;

	open my $frames, '<', $file or die "frames.pl: $file: $!\n";
	while (<$frames>) {
		next unless /^([0-9a-f]{140})$/;
		clock_nanosleep(CLOCK_MONOTONIC, 1e9 * ($start + $n / ($new{rate} || 200)), TIMER_ABSTIME) if $n++;
		send $socket, rewrite(pack('H*', $1), %new), 0 or die "frames.pl: send: $!\n";
	}
	print "$n\n";
}

sub describe_ip {
	my ($eth, $ip, $key) = @_;
	my ($version_ihl, $ttl, $proto, $src, $dst) = unpack 'C x7 C2 x2 a4 a4', $ip;
	return if length $ip < 40 || $proto != IPPROTO_CARP;
	my $l4 = substr $ip, 4 * ($version_ihl & 15);
	my ($type, $vhid, $advskew, $authlen, $demote, $advbase) = unpack 'C6', $l4;
	my ($from, $group) = (inet_ntoa($src), inet_ntoa($dst));

	return sprintf 'vrrp %s version=%d vrid=%d priority=%d group=%s', $from, $type >> 4, $vhid, $advskew, $group
		if $type >> 4 == 3 || $authlen != 7;
	return if length $l4 < 36;
	my $hmac = '';
	if ($type >> 4 == 4) {
		$hmac = ' key=' . unpack 'N', substr $l4, 16, 4;
	} elsif (defined $key) {
		my $good = carp_hmac($key->{pass}, $vhid, $key->{vips}, substr $l4, 8, 8) eq substr $l4, 16, 20;
		$hmac = ' hmac=' . ($good ? 'good' : 'bad');
	}
	return sprintf 'advert %s vhid=%d advbase=%d advskew=%d demote=%d counter=%016x group=%s ttl=%d smac=%s dmac=%s%s', $from,
		$vhid, $advbase, $advskew, $demote, unpack('Q>', substr $l4, 8, 8), $group, $ttl, mac_text(substr $eth, 6, 6),
		mac_text(substr $eth, 0, 6), $hmac;
}

sub describe_arp {
	my ($eth, $arp) = @_;
	return if length $arp < 28;
	my ($op, $sender, $target) = unpack 'x6 n x6 a4 x6 a4', $arp;
	my ($smac, $dmac) = (mac_text(substr $eth, 6, 6), mac_text(substr $eth, 0, 6));

	return sprintf 'announce %s smac=%s dmac=%s', inet_ntoa($sender), $smac, $dmac if $op == 1 && $sender eq $target;
	return sprintf 'arp %s %s %s smac=%s', $op == 1 ? 'request' : 'reply', inet_ntoa($sender), inet_ntoa($target), $smac;
}

sub listen_interface {
	my $socket = packet_socket(shift);
	# SO_RCVBUFFORCE, 8 MB: the packets that follow a bow-out overrun the usual buffer, and hide what comes after.
	setsockopt $socket, Socket::SOL_SOCKET, 33, pack 'i', 8 << 20 or die "frames.pl: receive buffer: $!\n";
	my $key = @_ ? parse_options(@_) : undef;

	timestamp($socket);
	print "listening\n";
	while (defined(my $from = recv $socket, my $frame, 2048, 0)) {
		my $time = timestamp($socket);
		next if length $frame < 34 || (unpack 'x10 C', $from) == PACKET_OUTGOING;
		my ($eth, $payload) = unpack 'a14 a*', $frame;
		my $ethertype = unpack 'x12 n', $eth;
		my $line = $ethertype == ETH_P_IP ? describe_ip($eth, $payload, $key) : $ethertype == ETH_P_ARP ? describe_arp($eth, $payload) : undef;
		print "$time $line\n" if defined $line;
	}
	die "frames.pl: recv: $!\n";
}

# The MAC is that of the lab's host with the address SOURCE.
sub ask {
	my ($interface, $source, $address, $ms) = @_;
	my $socket = packet_socket($interface);
	my $mac = pack('C2', 2, 0) . inet_aton($source);
	my $request = "\xff" x 6 . $mac . pack('n3 C2 n', ETH_P_ARP, 1, ETH_P_IP, 6, 4, 1) . $mac . inet_aton($source) . "\0" x 6 .
		inet_aton($address);

	vec(my $readable = '', fileno $socket, 1) = 1;
	for (;;) {
		my ($time, $end) = (clock_gettime(CLOCK_REALTIME), clock_gettime(CLOCK_MONOTONIC) + $ms / 1000);
		my %answered;
		send $socket, $request, 0 or die "frames.pl: send: $!\n";
		while ((my $left = $end - clock_gettime(CLOCK_MONOTONIC)) > 0) {
			select(my $ready = $readable, undef, undef, $left) > 0 or next;
			defined(recv $socket, my $frame, 2048, 0) or die "frames.pl: recv: $!\n";
			next if length $frame < 42 || unpack('x12 n', $frame) != ETH_P_ARP;
			my ($op, $smac, $sender) = unpack 'x20 n a6 a4', $frame;
			$answered{mac_text($smac)} = 1 if $op == 2 && $sender eq inet_aton($address);
		}
		printf "%.3f %s\n", $time, join ' ', sort keys %answered;
	}
}

sub listen_raw {
	my ($interface, $group) = (@_, '224.0.0.18');
	my $request = pack 'a16 x24', $interface;

	socket my $socket, AF_INET, SOCK_RAW, IPPROTO_CARP or die "frames.pl: raw socket: $!\n";
	ioctl $socket, SIOCGIFINDEX, $request or die "frames.pl: $interface: $!\n";
	my $member = pack 'a4 a4 i', inet_aton($group), "\0" x 4, unpack 'x16 i', $request;
	setsockopt $socket, Socket::IPPROTO_IP, Socket::IP_ADD_MEMBERSHIP, $member or die "frames.pl: join $group: $!\n";
	print "listening\n";
	while (defined(recv $socket, my $packet, 2048, 0)) {
		my $line = describe_ip("\0" x 14, $packet);
		print time, " $line\n" if defined $line;
	}
	die "frames.pl: recv: $!\n";
}

$| = 1;
my %commands = (
	send => \&send_adverts,
	print => sub { print unpack('H*', frame(parse_options(@_))), "\n" },
	listen => \&listen_interface,
	record => \&record,
	play => \&play,
	ask => \&ask,
	raw => \&listen_raw,
	mutations => sub { print "$_\n" for sort keys %mutations },
);
my $command = $commands{shift // ''} or die "usage: frames.pl send|record|play|print|listen|ask|raw|mutations ...\n";
$command->(@ARGV);
