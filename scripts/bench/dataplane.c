// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a frame costs in the data plane, by kind, in nanoseconds from BPF_PROG_TEST_RUN. All kinds take turns in
 * short rounds and the median round counts, so that a busy machine disturbs all alike.
 *
 * The clock is read here, around a system call that runs the program many thousand times, because the kernel's
 * own figure is in whole nanoseconds. Every figure has the test run's loop in it; the column that counts is the
 * difference to the empty program of the same hook: a test run itself costs more for tc, which makes an skb. There, tags are
 * still in the frame, as they are not in life. What is accepted is accepted once: those adverts come each with its own counter and
 * digest, put into the frame by another program that goes before (fresh.bpf.c), and before the empty one too.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <xcarp/abi.h>

#include "core/auth.h"
#include "../../selftests/bpf/frames.h"
#include "bench/empty.skel.h"
#include "bench/fresh.skel.h"
#include "fresh.h"
#include "xcarp.skel.h"

#define ROUNDS 41
#define REPEAT 200000
#define REPEAT_HASH FRESH_ADVERTS
#define RING_BYTES (8 << 20) /* room for all records of a round */
#define LOOPBACK 1
#define ARRAY_SIZE(a) (sizeof(a) / sizeof(*(a)))

enum place {
	XDP,
	TC,
	PLACES,
};

enum slot {
	ONE_BLOCK,
	TWO_BLOCKS,
	STRONG,
	SLOTS,
};

struct bench {
	struct xcarp_bpf *skel;
	struct empty_bpf *empty;
	struct fresh_bpf *fresh;
	uint64_t counter; /* of the next advert; goes on and on */
	struct ring_buffer *ring;
	struct vr_live *live;
	struct vip vips[2 * SLOTS];
	struct secret secrets[SLOTS];
};

struct kind {
	const char *name;
	void (*build)(struct frame *frame, const struct bench *bench);
	unsigned int repeat;
	enum xcarp_verdict verdict; /* what the program has to say, or the figure is of something else */
	bool other_traffic; /* no verdict at all */
	bool empty; /* run by the empty program */
	bool fresh; /* each has its own counter */
	bool watched; /* a master has heard somebody else, and so looks at questions for its addresses */
	enum vr_state state;
};

static void build_advert(struct frame *frame, const struct bench *bench, enum slot slot)
{
	struct advert advert = { .source = "10.9.0.1", .advbase = 1, .counter = bench->counter };

	frame_build(frame, &advert, &bench->secrets[slot]);
}

static void build_accepted(struct frame *frame, const struct bench *bench)
{
	build_advert(frame, bench, ONE_BLOCK);
}

static void build_accepted_two_blocks(struct frame *frame, const struct bench *bench)
{
	build_advert(frame, bench, TWO_BLOCKS);
}

static void build_wrong_hmac(struct frame *frame, const struct bench *bench)
{
	build_advert(frame, bench, ONE_BLOCK);
	frame_carp(frame)->md[19] ^= 1;
	frame_mend_checksum(frame);
}

static void build_wrong_hmac_two_blocks(struct frame *frame, const struct bench *bench)
{
	build_advert(frame, bench, TWO_BLOCKS);
	frame_carp(frame)->md[19] ^= 1;
	frame_mend_checksum(frame);
}

/* The key that signs stands last, the worst place for it. */
static const struct strong_key strong_key = { CARP_SIPHASH_KEYS_MAX, "0123456789abcdef" };

static void build_strong(struct frame *frame, const struct bench *bench)
{
	struct advert advert = {
		.source = "10.9.0.1", .advbase = 1, .strong = &strong_key, .counter = bench->counter
	};

	frame_build(frame, &advert, &bench->secrets[STRONG]);
}

static void build_wrong_tag(struct frame *frame, const struct bench *bench)
{
	build_strong(frame, bench);
	frame_carp(frame)->tag[15] ^= 1;
	frame_mend_checksum(frame);
}

static void build_unknown_key(struct frame *frame, const struct bench *bench)
{
	build_strong(frame, bench);
	frame_carp(frame)->key_id ^= 1;
	frame_mend_checksum(frame);
}

static void build_weak(struct frame *frame, const struct bench *bench)
{
	build_advert(frame, bench, STRONG);
}

static void build_wrong_checksum(struct frame *frame, const struct bench *bench)
{
	build_advert(frame, bench, ONE_BLOCK);
	frame_carp(frame)->checksum ^= 1;
}

static void build_wrong_ttl(struct frame *frame, const struct bench *bench)
{
	build_advert(frame, bench, ONE_BLOCK);
	frame->bytes[frame->ip + 8] = 254;
	frame_mend_ip_checksum(frame);
}

static void build_vrrp(struct frame *frame, const struct bench *bench)
{
	static const uint8_t vrrp3[] = { 0x31, 1, 100, 1, 0, 100, 0, 0, 10, 1, 1, 252 };

	build_advert(frame, bench, ONE_BLOCK);
	frame_replace_payload(frame, CARP_IPPROTO, vrrp3, sizeof(vrrp3));
}

static void build_foreign_vhid(struct frame *frame, const struct bench *bench)
{
	build_advert(frame, bench, ONE_BLOCK);
	frame_carp(frame)->vhid = 77;
	frame_mend_checksum(frame);
}

static void build_traffic(struct frame *frame, const struct bench *bench, const struct advert *advert, uint8_t protocol)
{
	static const uint8_t payload[64] = { 0x12, 0x34, 0x00, 0x35, 0x00, 0x40 };

	frame_build(frame, advert, &bench->secrets[ONE_BLOCK]);
	frame_replace_payload(frame, protocol, payload, sizeof(payload));
}

static void build_udp(struct frame *frame, const struct bench *bench)
{
	build_traffic(frame, bench, &(struct advert){ .source = "10.9.0.1", .group = "10.9.0.2" }, IPPROTO_UDP);
}

static void build_tcp(struct frame *frame, const struct bench *bench)
{
	build_traffic(frame, bench, &(struct advert){ .source = "10.9.0.1", .group = "10.9.0.2" }, IPPROTO_TCP);
}

static void build_udp6(struct frame *frame, const struct bench *bench)
{
	build_traffic(frame, bench, &(struct advert){ .source = "fe80::1", .group = "fe80::2" }, IPPROTO_UDP);
}

static void build_vlan_udp(struct frame *frame, const struct bench *bench)
{
	struct advert advert = { .vlans = { { 0x8100, 5 } }, .source = "10.9.0.1", .group = "10.9.0.2" };

	build_traffic(frame, bench, &advert, IPPROTO_UDP);
}

static void build_qinq_udp(struct frame *frame, const struct bench *bench)
{
	struct advert advert = { .vlans = { { 0x88a8, 5 }, { 0x8100, 6 } }, .source = "10.9.0.1", .group = "10.9.0.2" };

	build_traffic(frame, bench, &advert, IPPROTO_UDP);
}

static void build_arp(struct frame *frame, const struct bench *bench)
{
	(void)bench;
	frame_build_arp(frame);
}

/* In kinds[]. */
#define EMPTY 0
#define EMPTY_FRESH 1

static const struct kind kinds[] = {
	{ "empty program", build_udp, REPEAT, .empty = true },
	{ "empty, fresh adverts", build_accepted, REPEAT_HASH, .empty = true, .fresh = true },
	{ "UDP, IPv4", build_udp, REPEAT, .other_traffic = true },
	{ "UDP, IPv6", build_udp6, REPEAT, .other_traffic = true },
	{ "TCP, IPv4", build_tcp, REPEAT, .other_traffic = true },
	{ "ARP", build_arp, REPEAT, .other_traffic = true },
	{ "ARP, contested master", build_arp, REPEAT, .other_traffic = true, .watched = true },
	{ "UDP, one VLAN tag", build_vlan_udp, REPEAT, .other_traffic = true },
	{ "UDP, two VLAN tags", build_qinq_udp, REPEAT, .other_traffic = true },
	{ "VRRP", build_vrrp, REPEAT, .verdict = PASS_VRRP },
	{ "foreign VHID", build_foreign_vhid, REPEAT, .verdict = PASS_NO_VROUTER },
	{ "wrong TTL", build_wrong_ttl, REPEAT, .verdict = DROP_BAD_TTL },
	{ "wrong checksum", build_wrong_checksum, REPEAT, .verdict = DROP_BAD_CHECKSUM },
	{ "wrong HMAC, one VIP", build_wrong_hmac, REPEAT_HASH, .verdict = DROP_BAD_HMAC },
	{ "wrong HMAC, two blocks", build_wrong_hmac_two_blocks, REPEAT_HASH, .verdict = DROP_BAD_HMAC },
	{ "HMAC, only strong taken", build_weak, REPEAT_HASH, .verdict = DROP_WEAK_AUTH },
	{ "SipHash, unknown key", build_unknown_key, REPEAT_HASH, .verdict = DROP_UNKNOWN_KEY },
	{ "SipHash, wrong tag", build_wrong_tag, REPEAT_HASH, .verdict = DROP_BAD_TAG },
	{ "accepted, one VIP", build_accepted, REPEAT_HASH, .verdict = ACCEPTED, .fresh = true, .state = BACKUP },
	{ "accepted, two blocks", build_accepted_two_blocks, REPEAT_HASH, .verdict = ACCEPTED, .fresh = true, .state = BACKUP },
	{ "accepted, SipHash", build_strong, REPEAT_HASH, .verdict = ACCEPTED, .fresh = true, .state = BACKUP },
	{ "accepted and recorded", build_accepted, REPEAT_HASH, .verdict = ACCEPTED, .fresh = true, .state = MASTER },
};

static int discard(void *context, void *data, size_t len)
{
	(void)context;
	(void)data;
	(void)len;
	return 0;
}

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void fail(const char *what)
{
	fprintf(stderr, "dataplane: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void add_strong_keys(struct carp_siphash_keys *keys)
{
	for (uint32_t i = 0; i < CARP_SIPHASH_KEYS_MAX; i++) {
		keys->ids[i] = htonl(i + 1);
		memcpy(keys->keys[i], strong_key.bytes, sizeof(strong_key.bytes));
	}
}

/* Virtual routers that are equal but for their VIPs: 14 IPv4 addresses make a digest of the most blocks there are. */
static void add_vrouter(struct bench *bench, uint32_t slot, struct vip *vips, size_t n)
{
	struct secret *secret = &bench->secrets[slot];
	struct vr_key key = { .ifindex = LOOPBACK, .group = { 224, 0, 0, 18 }, .ip_version = 4, .vhid = (uint8_t)(slot + 1) };
	struct vr_entry entry = { .abi_version = XCARP_ABI_VERSION, .slot = slot, .source = { 10, 9, 0, 2 } };
	struct carp_key material = { 0 };

	*secret = (struct secret){ "secret", (uint8_t)(slot + 1), vips, n };
	if (slot == STRONG) {
		entry.auth = AUTH_SIPHASH;
		add_strong_keys(&material.siphash);
	}
	if (auth_hmac_key(&material.hmac, (const uint8_t *)secret->password, strlen(secret->password), secret->vhid, vips, n))
		fail("cannot prepare a key");
	if (material.hmac.tail_blocks != (slot == TWO_BLOCKS ? 2 : 1)) {
		errno = EINVAL;
		fail("the key is of the wrong kind");
	}
	if (bpf_map_update_elem(bpf_map__fd(bench->skel->maps.keys), &slot, &material, BPF_ANY) ||
	    bpf_map_update_elem(bpf_map__fd(bench->skel->maps.vrouters), &key, &entry, BPF_ANY))
		fail("cannot fill a map");
}

static void setup(struct bench *bench)
{
	static struct vip vips[14];
	const uint32_t owner = 0;
	int ring;

	for (size_t i = 0; i < ARRAY_SIZE(vips); i++)
		vips[i] = (struct vip){ 4, 32, { 10, 1, 1, (uint8_t)(i + 1) } };

	bench->counter = 1;
	bench->empty = empty_bpf__open_and_load();
	bench->fresh = fresh_bpf__open_and_load();
	bench->skel = xcarp_bpf__open();
	if (!bench->empty || !bench->fresh || !bench->skel)
		fail("cannot load the programs");
	if (bpf_program__set_autoload(bench->skel->progs.xcarp_tc, true) || xcarp_bpf__load(bench->skel))
		fail("cannot load the data plane");
	ring = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ring", 0, 0, RING_BYTES, NULL);
	if (ring < 0 || bpf_map_update_elem(bpf_map__fd(bench->skel->maps.events), &owner, &ring, BPF_ANY))
		fail("cannot make a ring");
	bench->ring = ring_buffer__new(ring, discard, NULL, NULL);
	if (!bench->ring)
		fail("cannot open the ring");
	bench->live = mmap(NULL, SLOTS * sizeof(*bench->live), PROT_READ | PROT_WRITE, MAP_SHARED,
			   bpf_map__fd(bench->skel->maps.live), 0);
	if (bench->live == MAP_FAILED)
		fail("cannot map `live`");
	add_vrouter(bench, ONE_BLOCK, vips, 1);
	add_vrouter(bench, TWO_BLOCKS, vips, ARRAY_SIZE(vips));
	add_vrouter(bench, STRONG, vips, 1);
}

static uint64_t read_counter(const struct bench *bench, size_t index)
{
	int n = libbpf_num_possible_cpus();
	struct xcarp_drops per_cpu[n];
	uint64_t sum = 0;
	uint32_t zero = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(bench->skel->maps.drops), &zero, per_cpu))
		fail("cannot read `drops`");
	for (int cpu = 0; cpu < n; cpu++)
		sum += ((uint64_t *)&per_cpu[cpu])[index];
	return sum;
}

/* The program in front, and behind it this one, and all the adverts. */
static int make_fresh(struct bench *bench, const struct kind *kind, enum place place, int program, struct frame *frame)
{
	const struct bpf_program *first = place == XDP ? bench->fresh->progs.fresh : bench->fresh->progs.fresh_tc;
	const struct bpf_map *then = place == XDP ? bench->fresh->maps.then : bench->fresh->maps.then_tc;
	const uint32_t zero = 0;

	for (uint32_t i = 0; i < kind->repeat; i++) {
		bench->counter++;
		kind->build(frame, bench);
		bench->fresh->bss->adverts[i] = *frame_carp(frame);
	}
	bench->fresh->bss->next = 0;
	if (frame->carp != FRESH_CARP_OFFSET || bpf_map_update_elem(bpf_map__fd(then), &zero, &program, BPF_ANY))
		fail("cannot make fresh adverts");
	return bpf_program__fd(first);
}

static const struct bpf_program *program_of(const struct bench *bench, const struct kind *kind, enum place place)
{
	if (kind->empty)
		return place == XDP ? bench->empty->progs.empty : bench->empty->progs.empty_tc;
	return place == XDP ? bench->skel->progs.xcarp : bench->skel->progs.xcarp_tc;
}

static double run(struct bench *bench, const struct kind *kind, enum place place, struct frame *frame)
{
	struct xdp_md xdp = { .ingress_ifindex = LOOPBACK, .data_end = (uint32_t)frame->len };
	struct __sk_buff skb = { .ifindex = LOOPBACK, .ingress_ifindex = LOOPBACK };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->bytes, .data_size_in = (uint32_t)frame->len,
		    .ctx_in = place == XDP ? (void *)&xdp : (void *)&skb,
		    .ctx_size_in = place == XDP ? sizeof(xdp) : sizeof(skb), .repeat = (int)kind->repeat);
	int fd = bpf_program__fd(program_of(bench, kind, place));
	const struct xcarp_fence fence = { .watch_until_ns = kind->watched ? UINT64_MAX : 0 };
	const uint32_t zero = 0;
	double start;

	if (bpf_map_update_elem(bpf_map__fd(bench->skel->maps.fence), &zero, &fence, BPF_ANY))
		fail("cannot set `fence`");
	for (int slot = 0; slot < SLOTS; slot++)
		bench->live[slot].state = kind->state;
	if (kind->fresh)
		fd = make_fresh(bench, kind, place, fd, frame);
	start = now_ns();
	if (bpf_prog_test_run_opts(fd, &opts))
		fail("cannot run a program");
	return (now_ns() - start) / kind->repeat;
}

static double measure(struct bench *bench, const struct kind *kind, enum place place)
{
	struct frame frame;
	uint64_t seen, judged = 0;
	double ns;

	kind->build(&frame, bench);
	for (size_t i = 0; i < XCARP_VERDICT_COUNT; i++)
		judged -= read_counter(bench, i);
	seen = read_counter(bench, kind->verdict);
	ns = run(bench, kind, place, &frame);
	seen = read_counter(bench, kind->verdict) - seen;
	for (size_t i = 0; i < XCARP_VERDICT_COUNT; i++)
		judged += read_counter(bench, i);
	ring_buffer__consume(bench->ring);
	if (judged != seen || judged != (kind->empty || kind->other_traffic ? 0 : kind->repeat)) {
		fprintf(stderr, "dataplane: %s: the program took it for something else\n", kind->name);
		exit(1);
	}
	return ns;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts the values, too. */
static double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare_doubles);
	return values[n / 2];
}

/*
 * "above empty" is the median of each round's own difference: what a neighbour of this CPU takes away it takes from
 * both. "fastest" is the least disturbed round.
 */
static void print_table(const char *heading, double ns[ARRAY_SIZE(kinds)][ROUNDS])
{
	double above[ARRAY_SIZE(kinds)], empty[2];

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		double differences[ROUNDS];

		for (int round = 0; round < ROUNDS; round++)
			differences[round] = ns[i][round] - ns[kinds[i].fresh ? EMPTY_FRESH : EMPTY][round];
		above[i] = median(differences, ROUNDS);
	}
	empty[false] = median(ns[EMPTY], ROUNDS);
	empty[true] = median(ns[EMPTY_FRESH], ROUNDS);
	printf("%-24s %9s %12s %9s %9s\n", heading, "ns", "above empty", "ratio", "fastest");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		double middle = median(ns[i], ROUNDS);

		printf("%-24s %9.1f %12.1f %9.1f %9.1f\n", kinds[i].name, middle, above[i], middle / empty[kinds[i].fresh], ns[i][0]);
	}
}

int main(void)
{
	static double ns[PLACES][ARRAY_SIZE(kinds)][ROUNDS];
	struct bench bench = { 0 };
	cpu_set_t one_cpu;

	CPU_ZERO(&one_cpu);
	CPU_SET((size_t)sysconf(_SC_NPROCESSORS_ONLN) - 1, &one_cpu);
	sched_setaffinity(0, sizeof(one_cpu), &one_cpu);
	setup(&bench);
	for (int round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
			for (int place = 0; place < PLACES; place++)
				ns[place][i][round] = measure(&bench, &kinds[i], (enum place)place);

	print_table("XDP", ns[XDP]);
	printf("\n");
	print_table("tc", ns[TC]);
	if (read_counter(&bench, XCARP_VERDICT_COUNT)) {
		fprintf(stderr, "dataplane: the ring was full: accepted adverts cost more than this says\n");
		return 1;
	}
	munmap(bench.live, SLOTS * sizeof(*bench.live));
	ring_buffer__free(bench.ring);
	xcarp_bpf__destroy(bench.skel);
	empty_bpf__destroy(bench.empty);
	fresh_bpf__destroy(bench.fresh);
	return 0;
}
