// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What protects a virtual router from its LAN: adverts that are sent again, floods of forged ones; and what protects the LAN
 * from it: the fence. The rules themselves are in selftests/unit/test_replay.c; here is whether the program keeps to them.
 */
#include <arpa/inet.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "frames.h"
#include "rig.h"
#include "../tap.h"

#define SECOND_NS 1000000000ull
#define WALL 1790000000000000000ull
#define FLOOD 2000 /* wrong digests: as many as the program spends hashes on */

static const struct vip vip4 = { 4, 32, { 10, 1, 1, 252 } }, vip6 = { 6, 128, { 0x20, 0x01, 0x0d, 0xb8, [15] = 0x10 } };
static const struct secret ours = { "secret", 10, &vip4, 1 };

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static void open_with(struct rig *rig, enum replay_mode mode)
{
	struct vr_entry entry = { .abi_version = XCARP_ABI_VERSION, .generation = 7 };

	rig_open(rig);
	rig_add(rig, (struct vr_key){ .ip_version = 4 }, entry, &ours);
	rig->live[0].replay = (uint8_t)mode;
	rig->live[0].fence_after_us = 40000;
}

static struct outcome judge(struct rig *rig, const char *source, uint8_t advskew, uint64_t counter)
{
	struct frame frame;

	frame_build(&frame, &(struct advert){ .source = source, .advbase = 1, .advskew = advskew, .counter = counter }, &ours);
	return rig_judge(rig, frame.bytes, frame.len);
}

static void is_outcome(struct outcome got, const char *want, const char *name)
{
	char text[64];

	is_str(outcome_text(&got, text), want, "%s", name);
}

#define TAKEN "XDP_DROP accepted RECORD_ADVERT"
#define TAKEN_QUIETLY "XDP_DROP accepted no record"

static void test_replay(struct rig *rig)
{
	struct outcome last = { 0 };
	struct frame frame;

	open_with(rig, REPLAY_AUTO);
	is_outcome(judge(rig, "10.9.0.1", 100, WALL), TAKEN, "auto: a first advert");
	for (uint64_t i = 1; i < 100; i++)
		last = judge(rig, "10.9.0.1", 100, WALL + i * SECOND_NS);
	is_outcome(last, TAKEN_QUIETLY, "  and a hundredth");
	is_outcome(judge(rig, "10.9.0.1", 100, WALL + 50 * SECOND_NS), "XDP_DROP replayed RECORD_NOTICE", "an old one: refused, told");
	is_int(rig->records[0].reason, DROP_REPLAYED, "  with its reason");
	is_u64(rig->records[0].count, 1, "  and count");
	is_outcome(judge(rig, "10.9.0.1", 0, WALL + 99 * SECOND_NS), "XDP_DROP replayed no record", "the last one, with a better skew: refused");
	is_outcome(judge(rig, "10.9.0.9", 0, WALL + 99 * SECOND_NS), "XDP_DROP replayed no record", "  also from somebody else");
	/* Refused before it is hashed: its digest is not looked at. */
	frame_build(&frame, &(struct advert){ .source = "10.9.0.1", .advbase = 1, .counter = WALL }, &ours);
	frame_carp(&frame)->md[0] ^= 1;
	frame_mend_checksum(&frame);
	is_outcome(rig_judge(rig, frame.bytes, frame.len), "XDP_DROP replayed no record", "before the hash");
	is_u64(rig->live[0].accepted, 100, "nothing of that is in `live`");
	is_u64(rig->live[0].counter, WALL + 99 * SECOND_NS, "  nor its counter");
	rig->live[0].sent_counter = WALL + 200 * SECOND_NS;
	is_outcome(judge(rig, "10.9.0.9", 0, WALL + 200 * SECOND_NS), "XDP_DROP replayed no record", "our own counter, from somebody else");
	is_outcome(judge(rig, "10.9.0.9", 100, WALL + 200 * SECOND_NS + 1), TAKEN, "above it");
	rig->live[0].replay = REPLAY_OFF;
	is_outcome(judge(rig, "10.9.0.9", 100, WALL), TAKEN_QUIETLY, "off: anything is taken");
	rig_close(rig);
}

#define REPLAY_TESTS 13

static void test_singles(struct rig *rig)
{
	uint64_t counter = 0x9e3779b97f4a7c15;
	unsigned int refused = 0, accepted = 0;

	open_with(rig, REPLAY_AUTO);
	for (uint64_t i = 1; i <= 500; i++)
		accepted += judge(rig, "10.9.0.1", 100, counter * i).verdict == ACCEPTED;
	is_int((int)accepted, 500, "random numbers: all taken");
	for (uint64_t i = 1; i <= 500; i++)
		refused += judge(rig, i % 2 ? "10.9.0.1" : "10.9.0.7", 0, counter * i).verdict == DROP_REPLAYED;
	is_int((int)refused, 500, "  once");
	rig_set_guard(rig, 0, &(struct vr_guard){ .era = 1 });
	is_outcome(judge(rig, "10.9.0.1", 100, counter), TAKEN_QUIETLY, "the slot's next user has not seen them");
	rig_close(rig);
}

#define SINGLES_TESTS 3

static void test_constant(struct rig *rig)
{
	open_with(rig, REPLAY_AUTO);
	judge(rig, "10.9.0.1", 100, 4711);
	is_outcome(judge(rig, "10.9.0.1", 100, 4711), "XDP_DROP accepted RECORD_NOTICE", "one number again: taken, and told");
	is_int(rig->records[0].reason, ACCEPTED, "  as such");
	is_outcome(judge(rig, "10.9.0.1", 100, 4711), TAKEN_QUIETLY, "  once");
	is_outcome(judge(rig, "10.9.0.2", 100, 4711), "XDP_DROP own_source RECORD_NOTICE", "our own source: another host's");
	rig->live[0].sent_counter = 815;
	is_outcome(judge(rig, "10.9.0.2", 100, 815), "XDP_DROP own_source no record", "  and what comes back of our last advert");
	is_outcome(judge(rig, "10.9.0.3", 100, 4711), TAKEN, "another source may repeat it, too: no source is signed");
	judge(rig, "10.9.0.1", 100, 4713);
	is_outcome(judge(rig, "10.9.0.3", 100, 4713), "XDP_DROP replayed RECORD_NOTICE", "  but not one that was counted");
	rig_close(rig);
}

#define CONSTANT_TESTS 7

static void test_strict(struct rig *rig)
{
	struct vr_guard guard = {
		.replay = { .floor = WALL - 60 * SECOND_NS, .ceiling = WALL + 60 * SECOND_NS - now_ns() },
		.era = 1,
	};

	open_with(rig, REPLAY_STRICT);
	rig_set_guard(rig, 0, &guard);
	is_outcome(judge(rig, "10.9.0.1", 100, WALL - 61 * SECOND_NS), "XDP_DROP bad_clock RECORD_NOTICE", "strict: a clock that is off");
	is_u64(rig->records[0].counter, WALL - 61 * SECOND_NS, "  the notice has its counter");
	is_outcome(judge(rig, "10.9.0.1", 100, WALL), TAKEN, "one that is not");
	is_outcome(judge(rig, "10.9.0.4", 100, WALL), "XDP_DROP replayed RECORD_NOTICE", "the same again");
	is_outcome(judge(rig, "10.9.0.4", 100, WALL + 1), TAKEN, "one more");
	rig_close(rig);
}

static int is_locked(struct rig *rig)
{
	struct vr_guard guard;

	rig_get_guard(rig, 0, &guard);
	return (int)guard.replay.is_locked;
}

static void lock(struct rig *rig, unsigned int locked)
{
	struct vr_guard guard;

	rig_get_guard(rig, 0, &guard);
	guard.replay.is_locked = locked;
	rig_set_guard(rig, 0, &guard);
}

/* Another CPU is learning, and does not come to an end with it. */
static void test_lock(struct rig *rig)
{
	open_with(rig, REPLAY_AUTO);
	judge(rig, "10.9.0.1", 100, WALL);
	judge(rig, "10.9.0.1", 100, WALL + 1);
	is_int(is_locked(rig), 0, "unlocked after an advert");
	is_outcome(judge(rig, "10.9.0.1", 100, WALL), "XDP_DROP replayed RECORD_NOTICE", "one that is old");
	is_int(is_locked(rig), 0, "  and after that");
	lock(rig, 1);
	is_outcome(judge(rig, "10.9.0.1", 100, WALL + 2), "XDP_DROP replayed no record", "locked: not taken");
	rig->live[0].replay = REPLAY_OFF;
	is_outcome(judge(rig, "10.9.0.1", 100, WALL), TAKEN_QUIETLY, "  but where all are");
	rig->live[0].replay = REPLAY_STRICT;
	is_outcome(judge(rig, "10.9.0.1", 100, WALL + 3), TAKEN_QUIETLY, "  and where nothing has to be learned");
	is_outcome(judge(rig, "10.9.0.1", 100, WALL + 3), "XDP_DROP replayed no record", "  once");
	rig->live[0].replay = REPLAY_AUTO;
	lock(rig, 0);
	is_outcome(judge(rig, "10.9.0.1", 100, WALL + 4), TAKEN_QUIETLY, "unlocked: taken");
	rig_close(rig);
}

#define LOCK_TESTS 8

/* A strong advert is taken once, whatever --replay says. */
static void test_strong(struct rig *rig)
{
	static const struct strong_key key = { 1, { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 } };
	struct vr_entry entry = { .abi_version = XCARP_ABI_VERSION, .generation = 7, .auth = AUTH_SIPHASH };
	struct advert advert = { .source = "10.9.0.1", .advbase = 1, .counter = WALL, .strong = &key };
	struct frame frame;

	rig_open(rig);
	rig_add_strong(rig, (struct vr_key){ .ip_version = 4 }, entry, &ours, &key, 1);
	rig->live[0].replay = REPLAY_OFF;
	frame_build(&frame, &advert, &ours);
	is_outcome(rig_judge(rig, frame.bytes, frame.len), TAKEN, "a strong advert");
	is_outcome(rig_judge(rig, frame.bytes, frame.len), "XDP_DROP replayed RECORD_NOTICE", "  once");
	advert.counter--;
	frame_build(&frame, &advert, &ours);
	is_outcome(rig_judge(rig, frame.bytes, frame.len), "XDP_DROP replayed no record", "  and none below it");
	rig_close(rig);
}

#define STRONG_TESTS 3

#define STRICT_TESTS 5

static int send_forged(const struct rig *rig, const char *source, uint64_t counter)
{
	struct frame frame;

	frame_build(&frame, &(struct advert){ .source = source, .advbase = 1, .counter = counter }, &ours);
	frame_carp(&frame)->md[3] ^= 4;
	frame_mend_checksum(&frame);
	return rig_run(rig, frame.bytes, frame.len);
}

/* The budget of strangers for this tenth of a second is spent, or that of the one before. */
static void spend(struct rig *rig, uint64_t ago_ns)
{
	struct vr_guard guard;

	rig_get_guard(rig, 0, &guard);
	guard.wrong = FLOOD;
	guard.window_ns = now_ns() - ago_ns;
	rig_set_guard(rig, 0, &guard);
	rig_drain(rig);
}

static void test_flood(struct rig *rig)
{
	struct vr_guard guard;

	open_with(rig, REPLAY_AUTO);
	for (unsigned int i = 0; i < 100; i++)
		send_forged(rig, "10.9.0.66", i);
	rig_get_guard(rig, 0, &guard);
	is_int((int)guard.wrong, 100, "wrong digests of strangers are counted");
	spend(rig, 0);
	send_forged(rig, "10.9.0.66", 1);
	is_u64(rig_counter(rig, DROP_BAD_HMAC), 101, "a flood while nobody is master: each is hashed");
	rig_drain(rig);
	is_outcome(judge(rig, "10.9.0.1", 100, WALL), TAKEN, "  and so who is master is heard");
	spend(rig, 0);
	send_forged(rig, "10.9.0.66", 1);
	is_u64(rig_counter(rig, DROP_FLOOD), 1, "a flood while somebody is: strangers are refused unread");
	rig_drain(rig);
	spend(rig, 0);
	is_outcome(judge(rig, "10.9.0.1", 100, WALL + SECOND_NS), TAKEN_QUIETLY, "the one who is known is heard");
	send_forged(rig, "10.9.0.1", WALL + 2 * SECOND_NS);
	is_u64(rig_counter(rig, DROP_BAD_HMAC), 102, "forged in its name: hashed");
	spend(rig, 0);
	is_int(judge(rig, "10.9.0.77", 100, WALL + 3 * SECOND_NS).verdict, DROP_FLOOD, "a stranger with the password has to wait");
	spend(rig, 200000000);
	is_outcome(judge(rig, "10.9.0.77", 100, WALL + 4 * SECOND_NS), TAKEN, "  for a tenth of a second");
	rig->live[0].state = MASTER;
	rig->live[0].arrival_ns = 0;
	spend(rig, 0);
	is_int(judge(rig, "10.9.0.78", 100, WALL + 5 * SECOND_NS).verdict, DROP_FLOOD, "the same where we are master");
	rig_close(rig);
}

#define FLOOD_TESTS 9

static void build_arp_request(struct frame *frame, const uint8_t target[4], uint8_t operation)
{
	frame_build_arp(frame);
	frame->bytes[21] = operation;
	memcpy(frame->bytes + 38, target, 4);
	frame->len = 42;
}

static void build_solicitation(struct frame *frame, const struct vip *target, uint8_t type)
{
	uint8_t nd[24] = { type };

	frame_build(frame, &(struct advert){ .source = "fe80::1", .group = "ff02::1:ff00:10" }, &ours);
	memcpy(nd + 8, target->address, 16);
	frame_replace_payload(frame, 58, nd, sizeof(nd));
}

static int ask4(const struct rig *rig, uint8_t last_octet, uint8_t operation)
{
	struct frame frame;

	build_arp_request(&frame, (uint8_t[4]){ 10, 1, 1, last_octet }, operation);
	return rig_run(rig, frame.bytes, frame.len);
}

static int ask6(const struct rig *rig, uint8_t type)
{
	struct frame frame;

	build_solicitation(&frame, &vip6, type);
	return rig_run(rig, frame.bytes, frame.len);
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

static void test_fence(struct rig *rig)
{
	struct vr_guard guard;

	open_with(rig, REPLAY_AUTO);
	rig->live[0].state = MASTER;
	rig_add_vip(rig, 0, &vip4, true);
	rig_add_vip(rig, 0, &vip6, true);
	is_int(ask4(rig, 252, 1), XDP_PASS, "a master alone: questions go to the host");
	judge(rig, "10.9.0.1", 0, WALL);
	is_int(ask4(rig, 252, 1), XDP_PASS, "somebody else is heard: not yet");
	pause_ms(60);
	is_int(ask4(rig, 252, 1), XDP_DROP, "no reaction: an ARP request for the address is dropped");
	is_int(ask6(rig, 135), XDP_DROP, "  and a neighbour solicitation");
	is_int(ask4(rig, 251, 1), XDP_PASS, "  one for another address is not");
	is_int(ask4(rig, 252, 2), XDP_PASS, "  nor an ARP reply");
	is_int(ask6(rig, 136), XDP_PASS, "  nor a neighbour advertisement");
	is_u64(rig_counter(rig, DROP_FENCED), 2, "it is counted");
	rig_get_guard(rig, 0, &guard);
	is_u64(guard.fenced, 2, "  for its virtual router, too");
	judge(rig, "10.9.0.1", 0, WALL + SECOND_NS);
	is_int(ask4(rig, 252, 1), XDP_DROP, "a further advert: still");
	rig->live[0].answered_ns = rig->live[0].arrival_ns;
	is_int(ask4(rig, 252, 1), XDP_PASS, "the controller reacts: lifted");
	judge(rig, "10.9.0.1", 0, WALL + 2 * SECOND_NS);
	is_int(ask4(rig, 252, 1), XDP_PASS, "heard again: has its time again");
	rig->live[0].state = BACKUP;
	is_int(ask4(rig, 252, 1), XDP_DROP, "no longer master, the address not yet off: dropped");
	rig_add_vip(rig, 0, &vip4, false);
	is_int(ask4(rig, 252, 1), XDP_PASS, "off: the host may say what it likes");
	rig_add_vip(rig, 0, &vip4, true);
	rig->live[0].state = MASTER;
	rig->live[0].answered_ns = rig->live[0].arrival_ns;
	judge(rig, "10.9.0.1", 0, WALL + 3 * SECOND_NS);
	rig->live[0].interval_256ths = 5;
	pause_ms(120);
	is_int(ask4(rig, 252, 1), XDP_PASS, "the other one is silent: the only master is never fenced");
	rig_close(rig);
}

#define FENCE_TESTS 15

static void test_bow_out(struct rig *rig)
{
	struct frame frame;

	open_with(rig, REPLAY_AUTO);
	rig->live[0].state = MASTER;
	rig_add_vip(rig, 0, &vip4, true);
	frame_build(&frame, &(struct advert){ .source = "10.9.0.1", .advbase = 255, .advskew = 255, .counter = WALL }, &ours);
	rig_run(rig, frame.bytes, frame.len);
	pause_ms(60);
	is_int(ask4(rig, 252, 1), XDP_PASS, "a bow-out fences nobody");
	rig_close(rig);
}

#define BOW_OUT_TESTS 1

static void test(struct rig *rig)
{
	test_replay(rig);
	test_singles(rig);
	test_constant(rig);
	test_lock(rig);
	test_strict(rig);
	test_strong(rig);
	test_flood(rig);
	test_fence(rig);
	test_bow_out(rig);
}

int main(void)
{
	plan(RIG_HOOKS * (REPLAY_TESTS + SINGLES_TESTS + CONSTANT_TESTS + LOCK_TESTS + STRICT_TESTS + STRONG_TESTS + FLOOD_TESTS +
			  FENCE_TESTS + BOW_OUT_TESTS));
	rig_each_hook(test);
	return tap_done();
}
