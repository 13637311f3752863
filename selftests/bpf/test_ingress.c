// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The tc program at the ingress of a real interface: frames whose bytes lie in two pieces, cut anywhere; tags that the kernel
 * has taken out; frames for other hosts; and a program behind ours, which gets what goes on. The interface is a tap, in a network
 * namespace of its own, which makes an skb of as many pieces as it is written.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "frames.h"
#include "rig.h"
#include "tests/bpf/behind.skel.h"
#include "xcarp.skel.h"
#include "../tap.h"

#define ETH_HEADER_LEN 14
#define NAME "ingress"

static const struct vip vip4 = { 4, 32, { 10, 1, 1, 252 } };
static const struct vip vip6 = { 6, 128, { 0x20, 0x01, 0x0d, 0xb8, [15] = 0x10 } };
static const struct secret ours = { "secret", 10, &vip4, 1 };
static const struct strong_key strong_key = { 7, "0123456789abcdef" };

struct bench {
	struct rig rig;
	struct behind_bpf *behind;
	uint32_t ifindex;
	int tap;
	int verdict; /* of the last frame; VERDICT_NONE: no counter moved */
	bool went_on;
};

static void bail_out(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

/* Without GRO, which would pull the IP header into the first piece before the program sees it. */
static void make_tap(struct bench *b)
{
	struct ethtool_value no_gro = { .cmd = ETHTOOL_SGRO };
	struct ifreq request = { .ifr_name = NAME, .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_NAPI | IFF_NAPI_FRAGS };
	int s;

	if (unshare(CLONE_NEWNET))
		bail_out("cannot make a network namespace");
	b->tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (b->tap < 0 || ioctl(b->tap, TUNSETIFF, &request))
		bail_out("cannot make a tap");
	s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	request.ifr_flags = IFF_UP;
	if (s < 0 || ioctl(s, SIOCSIFFLAGS, &request))
		bail_out("cannot take the tap up");
	request.ifr_data = (void *)&no_gro;
	if (ioctl(s, SIOCETHTOOL, &request))
		bail_out("cannot turn GRO off");
	close(s);
	b->ifindex = if_nametoindex(NAME);
}

/* priority: from 1 */
static void attach(const struct bench *b, const struct bpf_program *program, uint32_t priority)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)b->ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = bpf_program__fd(program), .handle = 1, .priority = priority);

	if (priority == 1 && bpf_tc_hook_create(&hook))
		bail_out("cannot make the clsact");
	if (bpf_tc_attach(&hook, &opts))
		bail_out("cannot attach a program");
}

static void add(struct bench *b, struct vr_key where, uint32_t slot, uint8_t auth)
{
	struct vr_entry entry = { .abi_version = XCARP_ABI_VERSION, .slot = slot, .auth = auth };

	where.ifindex = b->ifindex & 0x1fffffff;
	rig_add_strong(&b->rig, where, entry, &ours, &strong_key, 1);
	b->rig.live[slot].replay = REPLAY_OFF;
}

static void setup(struct bench *b)
{
	make_tap(b);
	rig_choose(RIG_TC);
	rig_open_counting(&b->rig);
	b->rig.ifindex = b->ifindex;
	b->behind = behind_bpf__open_and_load();
	if (!b->behind)
		bail_out("cannot load the program behind");
	attach(b, b->rig.skel->progs.xcarp_tc, 1);
	attach(b, b->behind->progs.behind, 2);
	add(b, (struct vr_key){ .ip_version = 4 }, 0, AUTH_ACCEPT_SIPHASH);
	add(b, (struct vr_key){ .ip_version = 6 }, 1, AUTH_ACCEPT_SIPHASH);
	add(b, (struct vr_key){ .ip_version = 4, .vlan = 5 }, 2, AUTH_HMAC_SHA1);
	add(b, (struct vr_key){ .ip_version = 4, .vlan = 5, .inner_vlan = 6 }, 3, AUTH_HMAC_SHA1);
	rig_add_vip(&b->rig, 0, &vip4, true);
	rig_add_vip(&b->rig, 1, &vip6, true);
}

/* Sends a frame in two pieces, and notes what becomes of it. */
static void put(struct bench *b, const struct frame *frame, size_t first_len)
{
	struct iovec pieces[] = {
		{ (void *)frame->bytes, first_len },
		{ (void *)(frame->bytes + first_len), frame->len - first_len },
	};
	const uint64_t *counters = (const uint64_t *)b->rig.drops;
	uint64_t before[XCARP_VERDICT_COUNT];
	uint64_t frames = b->behind->bss->frames;

	memcpy(before, counters, sizeof(before));
	rig_forget(&b->rig);
	if (writev(b->tap, pieces, first_len < frame->len ? 2 : 1) != (ssize_t)frame->len)
		bail_out("cannot write a frame");
	b->went_on = b->behind->bss->frames != frames;
	b->verdict = VERDICT_NONE;
	for (int i = 0; i < XCARP_VERDICT_COUNT; i++)
		if (counters[i] != before[i])
			b->verdict = b->verdict == VERDICT_NONE ? i : VERDICT_SEVERAL;
}

static void test_pieces(struct bench *b, const char *name, const struct frame *frame, int verdict, bool goes_on)
{
	size_t wrong = 0;

	for (size_t len = ETH_HEADER_LEN; len <= frame->len; len++) {
		put(b, frame, len);
		if (b->verdict == verdict && b->went_on == goes_on)
			continue;
		wrong++;
		diag("cut at %zu: got verdict %d, %s", len, b->verdict, b->went_on ? "goes on" : "does not go on");
	}
	ok(!wrong, "%s: cut anywhere, the same verdict", name);
}

#define IPV4(...) { .source = "10.9.0.1", .counter = 1, __VA_ARGS__ }
#define IPV6(...) { .source = "fe80::1", .counter = 1, __VA_ARGS__ }
#define TAGS(...) .vlans = { __VA_ARGS__ }

static const struct {
	const char *name;
	struct advert advert;
	int verdict;
	bool goes_on;
} adverts[] = {
	{ "IPv4", IPV4(), ACCEPTED, false },
	{ "IPv4, 40 bytes of options", IPV4(.options_len = 40), ACCEPTED, false },
	{ "IPv4, strong", IPV4(.strong = &strong_key), ACCEPTED, false },
	{ "IPv6", IPV6(), ACCEPTED, false },
	{ "IPv6, strong", IPV6(.strong = &strong_key), ACCEPTED, false },
	{ "802.1Q", IPV4(TAGS({ 0x8100, 5 })), ACCEPTED, false },
	{ "802.1ad", IPV4(TAGS({ 0x88a8, 5 })), ACCEPTED, false },
	{ "QinQ, options", IPV4(TAGS({ 0x88a8, 5 }, { 0x8100, 6 }), .options_len = 40), ACCEPTED, false },
	{ "priority tag", IPV4(TAGS({ 0x8100, 0xe000 })), ACCEPTED, false },
	{ "priority tag around a VLAN", IPV4(TAGS({ 0x8100, 0xe000 }, { 0x8100, 5 })), ACCEPTED, false },
	{ "another VLAN", IPV4(TAGS({ 0x8100, 7 })), PASS_NO_VROUTER, true },
	{ "VLANs swapped", IPV4(TAGS({ 0x88a8, 6 }, { 0x8100, 5 })), PASS_NO_VROUTER, true },
	{ "three tags", IPV4(TAGS({ 0x88a8, 5 }, { 0x8100, 6 }, { 0x8100, 7 })), VERDICT_NONE, true },
};

#define ADVERTS (sizeof(adverts) / sizeof(*adverts))

static void test_adverts(struct bench *b)
{
	struct frame frame;

	for (size_t i = 0; i < ADVERTS; i++) {
		frame_build(&frame, &adverts[i].advert, &ours);
		test_pieces(b, adverts[i].name, &frame, adverts[i].verdict, adverts[i].goes_on);
	}
	frame_build(&frame, &adverts[0].advert, &ours);
	frame_carp(&frame)->md[19] ^= 1;
	frame_mend_checksum(&frame);
	test_pieces(b, "forged", &frame, DROP_BAD_HMAC, false);
	frame_build(&frame, &adverts[0].advert, &ours);
	frame.len--;
	test_pieces(b, "last byte missing", &frame, DROP_TRUNCATED, false);
	frame_build(&frame, &adverts[0].advert, &ours);
	memcpy(frame.bytes, (const uint8_t[6]){ 2, 0, 0, 0, 0, 99 }, 6);
	test_pieces(b, "to another host's MAC", &frame, ACCEPTED, false);
}

#define ADVERT_TESTS (ADVERTS + 3)

static void test_questions(struct bench *b)
{
	uint8_t nd[24] = { 135 };
	struct frame frame;

	b->rig.fence->watch_until_ns = UINT64_MAX;
	frame_build_arp(&frame);
	frame.bytes[21] = 1;
	memcpy(frame.bytes + 38, vip4.address, 4);
	test_pieces(b, "an ARP request for an address that is fenced", &frame, DROP_FENCED, false);
	frame.bytes[41] ^= 1;
	test_pieces(b, "one for another address", &frame, VERDICT_NONE, true);
	memcpy(nd + 8, vip6.address, 16);
	frame_build(&frame, &(struct advert){ .source = "fe80::1", .group = "ff02::1:ff00:10" }, &ours);
	frame_replace_payload(&frame, IPPROTO_ICMPV6, nd, sizeof(nd));
	test_pieces(b, "a neighbour solicitation", &frame, DROP_FENCED, false);
	b->rig.fence->watch_until_ns = 0;
}

#define QUESTION_TESTS 3

/* Pulling costs, so other traffic is left as it is. */
static void test_untouched(struct bench *b, const char *name, const char *source, const char *destination)
{
	uint8_t payload[200] = { 0x12, 0x34, 0x00, 0x35, 0x00, sizeof(payload) };
	struct frame frame;

	frame_build(&frame, &(struct advert){ .source = source, .group = destination }, &ours);
	frame_replace_payload(&frame, IPPROTO_UDP, payload, sizeof(payload));
	test_pieces(b, name, &frame, VERDICT_NONE, true);
	put(b, &frame, ETH_HEADER_LEN);
	is_u64(b->behind->bss->linear, ETH_HEADER_LEN, "%s: not a byte is pulled", name);
}

#define UNTOUCHED_TESTS 2

static void test_pulled(struct bench *b)
{
	struct frame frame;

	frame_build(&frame, &(struct advert){ .source = "10.9.0.1", .group = "224.0.0.19" }, &ours);
	put(b, &frame, ETH_HEADER_LEN);
	is_int(b->verdict, PASS_NO_VROUTER, "an advert of another group goes on");
	is_u64(b->behind->bss->linear, frame.len, "and it is what was pulled");
}

#define PULLED_TESTS 2

int main(void)
{
	static struct bench b;

	plan(ADVERT_TESTS + QUESTION_TESTS + 2 * UNTOUCHED_TESTS + PULLED_TESTS);
	setup(&b);
	test_adverts(&b);
	test_questions(&b);
	test_untouched(&b, "UDP", "10.9.0.1", "10.9.0.2");
	test_untouched(&b, "UDP, IPv6", "fe80::1", "fe80::2");
	test_pulled(&b);
	behind_bpf__destroy(b.behind);
	rig_close(&b.rig);
	return tap_done();
}
