// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What an accepted advert leaves behind: the newest one in `live`, and where it is news a record in its owner's ring; and
 * how adverts that are refused for their digest are told of.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "frames.h"
#include "rig.h"
#include "../tap.h"

#define SECOND_NS 1000000000ull
#define GENERATION 7
#define RING_FULL XCARP_VERDICT_COUNT /* the counter behind the verdicts */

static const struct vip vip4 = { 4, 32, { 10, 1, 1, 252 } };
static const struct secret ours = { "secret", 10, &vip4, 1 };
static const struct advert usual = {
	.source = "10.9.0.1", .advbase = 1, .advskew = 100, .demote = 2, .counter = 0x0123456789abcdef
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static void open_with(struct rig *rig, uint8_t ip_version, uint32_t slot)
{
	struct vr_entry entry = { .abi_version = XCARP_ABI_VERSION, .slot = slot, .index = slot, .generation = GENERATION };

	rig_open(rig);
	rig_add(rig, (struct vr_key){ .ip_version = ip_version == 6 ? 6 : 4 }, entry, &ours);
}

/* Sends an advert; returns the XDP action. */
static int send_advert(struct rig *rig, const struct advert *advert)
{
	struct frame frame;

	frame_build(&frame, advert, &ours);
	return rig_run(rig, frame.bytes, frame.len);
}

/* Sends an advert; returns how many records that leaves. */
static size_t recorded(struct rig *rig, const struct advert *advert)
{
	send_advert(rig, advert);
	return rig_drain(rig);
}

static int send_forged(struct rig *rig)
{
	struct frame frame;

	frame_build(&frame, &usual, &ours);
	frame_carp(&frame)->md[3] ^= 4;
	frame_mend_checksum(&frame);
	return rig_run(rig, frame.bytes, frame.len);
}

static void test_live_and_record(struct rig *rig, uint8_t ip_version, const char *source)
{
	static const uint8_t zeros[16];
	struct advert advert = usual;
	uint8_t address[16] = { 0 };
	const struct xcarp_record *record = &rig->records[0];
	const struct vr_live *live;
	uint64_t before, after;

	open_with(rig, ip_version, 3);
	live = &rig->live[3];
	inet_pton(ip_version == 4 ? AF_INET : AF_INET6, source, address);
	advert.source = source;
	before = now_ns();
	send_advert(rig, &advert);
	after = now_ns();

	ok(live->arrival_ns >= before && live->arrival_ns <= after, "IPv%u: arrival is when it arrived", ip_version);
	is_int(live->interval_256ths, 256 + 100, "IPv%u: interval", ip_version);
	is_u64(live->counter, usual.counter, "IPv%u: counter", ip_version);
	is_mem(live->source, address, 16, "IPv%u: source", ip_version);
	is_int(live->advbase, 1, "IPv%u: advbase", ip_version);
	is_int(live->advskew, 100, "IPv%u: advskew", ip_version);
	is_int(live->demote, 2, "IPv%u: demote", ip_version);
	is_int(live->ip_version, ip_version, "IPv%u: IP version", ip_version);
	is_u64(live->accepted, 1, "IPv%u: one accepted", ip_version);
	ok(!live->bad_hmac && !live->notice_ns, "IPv%u: no notice", ip_version);
	ok(live->state == BACKUP && live->generation == GENERATION && !live->since_ns && !live->transitions,
	   "IPv%u: the controller's half is untouched", ip_version);
	ok(!memcmp(&rig->live[2].source, zeros, 16) && !memcmp(&rig->live[4].source, zeros, 16) && !rig->live[2].accepted &&
	   !rig->live[4].accepted, "IPv%u: and so are its neighbours", ip_version);

	is_u64(rig_drain(rig), 1, "IPv%u: one record", ip_version);
	is_u64(record->arrival_ns, live->arrival_ns, "IPv%u: record: arrival", ip_version);
	is_u64(record->counter, usual.counter, "IPv%u: record: counter", ip_version);
	is_int(record->index, 3, "IPv%u: record: index", ip_version);
	is_int(record->generation, GENERATION, "IPv%u: record: generation", ip_version);
	is_mem(record->source, address, 16, "IPv%u: record: source", ip_version);
	is_int(record->abi_version, XCARP_ABI_VERSION, "IPv%u: record: ABI version", ip_version);
	is_int(record->type, RECORD_ADVERT, "IPv%u: record: type", ip_version);
	is_int(record->ip_version, ip_version, "IPv%u: record: IP version", ip_version);
	is_int(record->advbase, 1, "IPv%u: record: advbase", ip_version);
	is_int(record->advskew, 100, "IPv%u: record: advskew", ip_version);
	is_int(record->demote, 2, "IPv%u: record: demote", ip_version);
	ok(!record->reason && !record->count && !record->is_strong && !record->reserved, "IPv%u: record: the rest is zero", ip_version);
	rig_close(rig);
}

#define LIVE_AND_RECORD_TESTS 25

/* Each in turn is sent, twice: the first time it is news, the second time it is not. */
static void test_news(struct rig *rig)
{
	static const struct {
		const char *name;
		struct advert advert;
	} changes[] = {
		{ "the first advert", { .source = "10.9.0.1", .advbase = 1, .advskew = 100 } },
		{ "another source", { .source = "10.9.1.1", .advbase = 1, .advskew = 100 } },
		{ "another advskew", { .source = "10.9.1.1", .advbase = 1, .advskew = 101 } },
		{ "another advbase", { .source = "10.9.1.1", .advbase = 2, .advskew = 101 } },
		{ "a bow-out", { .source = "10.9.1.1", .advbase = 255, .advskew = 255 } },
		{ "another demotion", { .source = "10.9.1.1", .advbase = 255, .advskew = 255, .demote = 1 } },
	};
	struct advert again = changes[0].advert;

	open_with(rig, 4, 0);
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		send_advert(rig, &changes[i].advert);
		ok(rig_woken(rig), "%s wakes", changes[i].name);
		is_u64(rig_drain(rig), 1, "%s is in the ring", changes[i].name);
		again = changes[i].advert;
		again.counter = 99;
		send_advert(rig, &again);
		ok(!rig_woken(rig), "%s wakes once; another counter is no news", changes[i].name);
		is_u64(rig_drain(rig), 0, "%s is there once", changes[i].name);
		is_u64(rig->live[0].counter, 99, "%s: `live` has the newest", changes[i].name);
	}

	rig->live[0].state = MASTER;
	is_u64(recorded(rig, &again), 1, "anything is news to a master");
	rig->live[0].state = BACKUP;
	is_u64(recorded(rig, &again), 0, "and to a backup no more");
	rig->live[0].generation = GENERATION + 1;
	is_u64(recorded(rig, &again), 1, "so it is to a slot that has changed hands");
	rig->live[0].generation = GENERATION;
	rig->live[0].since_ns = rig->live[0].arrival_ns + 1;
	is_u64(recorded(rig, &again), 1, "the first advert in a new state is news");
	is_u64(recorded(rig, &again), 0, "the second is not");
	is_u64(rig_counter(rig, RING_FULL), 0, "what is no news is not missed");
	rig_close(rig);
}

#define NEWS_TESTS (6 * 5 + 6)

/* For debugging: all there is. */
static void test_every(struct rig *rig)
{
	struct vr_entry entry = { .abi_version = XCARP_ABI_VERSION, .generation = GENERATION, .every = 1 };

	rig_open(rig);
	rig_add(rig, (struct vr_key){ .ip_version = 4 }, entry, &ours);
	for (int i = 0; i < 5; i++)
		send_advert(rig, &usual);
	is_u64(rig_drain(rig), 5, "each advert is recorded where each is asked for");
	rig_close(rig);
}

#define EVERY_TESTS 1

/* Each owner has the news of its own virtual routers. */
static void test_owners(struct rig *rig)
{
	static const struct secret theirs = { "secret", 11, &vip4, 1 }, nobodys = { "secret", 12, &vip4, 1 };
	struct vr_entry entry = { .abi_version = XCARP_ABI_VERSION, .generation = GENERATION };
	struct frame frame;

	open_with(rig, 4, 0);
	entry.slot = 1;
	entry.index = 77;
	entry.owner = 1;
	rig_add(rig, (struct vr_key){ .ip_version = 4 }, entry, &theirs);
	entry.slot = 2;
	entry.owner = RIG_OWNERS;
	rig_add(rig, (struct vr_key){ .ip_version = 4 }, entry, &nobodys);

	frame_build(&frame, &usual, &theirs);
	rig_run(rig, frame.bytes, frame.len);
	ok(!rig_woken(rig), "news of another owner's wakes nobody else");
	is_u64(rig_drain(rig), 0, "it is not in this owner's ring");
	is_u64(rig_drain_owner(rig, 1), 1, "but in that one's");
	is_int(rig->records[0].index, 77, "with that one's number for it");
	send_advert(rig, &usual);
	is_u64(rig_drain_owner(rig, 1), 0, "our news is not in that one's");
	is_u64(rig_drain(rig), 1, "but in ours");

	frame_build(&frame, &usual, &nobodys);
	is_int(rig_run(rig, frame.bytes, frame.len), XDP_DROP, "an owner without a ring: its adverts are taken");
	is_u64(rig_counter(rig, RING_FULL), 1, "counted as those of a full ring");
	is_u64(rig->live[2].accepted, 1, "and in `live`");
	frame_carp(&frame)->md[0] ^= 1;
	frame_mend_checksum(&frame);
	is_int(rig_run(rig, frame.bytes, frame.len), XDP_DROP, "forged ones are dropped");
	is_u64(rig_drain(rig) + rig_drain_owner(rig, 1), 0, "and nobody is told");

	rig_remove_ring(rig, 1);
	rig->live[1].state = MASTER;
	frame_build(&frame, &usual, &theirs);
	rig_run(rig, frame.bytes, frame.len);
	is_u64(rig_counter(rig, RING_FULL), 2, "a ring that was taken away takes no record");
	rig_close(rig);
}

#define OWNERS_TESTS 12

/* Every word of an address counts. */
static void test_source_news(struct rig *rig)
{
	static const char *const sources[] = { "fe80::1", "fe80::3", "fe80::1:0:3", "fe80:0:1::1:0:3", "fe81:0:1::1:0:3" };
	struct advert advert = usual;

	open_with(rig, 6, 0);
	for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
		advert.source = sources[i];
		is_u64(recorded(rig, &advert), 1, "from %s", sources[i]);
		is_u64(recorded(rig, &advert), 0, "again from %s", sources[i]);
	}
	rig_close(rig);
}

#define SOURCE_NEWS_TESTS (2 * 5)

/* A writer that stopped half way is what a writer on another CPU looks like. */
static void test_contended(struct rig *rig)
{
	open_with(rig, 4, 0);
	send_advert(rig, &usual);
	rig_woken(rig);
	rig_drain(rig);
	rig->live[0].accepted = LIVE_WRITING + 5;
	rig->live[0].counter = 1;
	is_int(send_advert(rig, &usual), XDP_DROP, "an advert that finds `live` being written is taken");
	is_u64(rig->live[0].counter, 1, "`live` is left to the other writer");
	is_u64(rig->live[0].accepted, LIVE_WRITING + 6, "it is counted");
	ok(rig_woken(rig), "it counts as news");
	is_u64(rig_drain(rig), 1, "it is recorded");
	rig->live[0].accepted &= ~LIVE_WRITING;
	send_advert(rig, &usual);
	ok(rig->live[0].accepted == 7 && rig->live[0].counter == usual.counter, "the next one is written again");
	rig_close(rig);
}

#define CONTENDED_TESTS 6

static void test_notices(struct rig *rig)
{
	const struct xcarp_record *notice = &rig->records[0];
	uint64_t before, after;

	open_with(rig, 4, 5);
	send_advert(rig, &usual);
	rig_woken(rig);
	rig_drain(rig);
	before = now_ns();
	is_int(send_forged(rig), XDP_DROP, "a forged advert is dropped");
	after = now_ns();
	ok(rig_woken(rig), "the first one wakes");
	is_u64(rig_drain(rig), 1, "with one record");
	ok(notice->type == RECORD_NOTICE && notice->reason == DROP_BAD_HMAC, "a notice that says why");
	ok(notice->index == 5 && notice->generation == GENERATION, "and of which virtual router");
	ok(notice->arrival_ns >= before && notice->arrival_ns <= after, "and when");
	is_u64(notice->count, 1, "and how many");
	is_int(notice->abi_version, XCARP_ABI_VERSION, "and in which version");
	ok(notice->ip_version == 4 && !memcmp(notice->source, (const uint8_t[16]){ 10, 9, 0, 1 }, 16), "and from whom");
	is_u64(rig->live[5].bad_hmac, 0, "none is left to be told");

	for (int i = 0; i < 5; i++)
		send_forged(rig);
	is_u64(rig_drain(rig), 0, "five more within the second: no notice");
	ok(!rig_woken(rig), "no wake");
	is_u64(rig->live[5].bad_hmac, 5, "but they are counted");
	rig->live[5].notice_ns -= XCARP_NOTICE_INTERVAL_NS;
	send_forged(rig);
	is_u64(rig_drain(rig), 1, "a second later: one notice");
	is_u64(notice->count, 6, "with all six");
	is_u64(rig_counter(rig, DROP_BAD_HMAC), 7, "`drops` has all seven");
	ok(rig->live[5].accepted == 1, "`live` knows only the good one");
	rig_close(rig);
}

#define NOTICE_TESTS 17

static void test_full_ring(struct rig *rig)
{
	const size_t room = RIG_RING_BYTES / RIG_RECORD_BYTES;
	struct advert advert = usual;
	size_t sent = 0, dropped = 0;

	open_with(rig, 4, 0);
	rig->live[0].state = MASTER;
	dropped += send_advert(rig, &advert) == XDP_DROP;
	sent++;
	ok(rig_woken(rig), "the first advert wakes");
	while (!rig_counter(rig, RING_FULL) && sent < 2 * room) {
		advert.counter++;
		dropped += send_advert(rig, &advert) == XDP_DROP;
		sent++;
	}
	ok(!rig_woken(rig), "the others do not wake who has not come yet");
	is_u64(dropped, sent, "all are taken");
	is_u64(rig_counter(rig, RING_FULL), 1, "one found the ring full");
	is_u64(rig->live[0].counter, advert.counter, "it is in `live` all the same");
	is_u64(rig->live[0].accepted, sent, "all are counted as accepted there");
	is_u64(rig_counter(rig, ACCEPTED), sent, "and in `drops`");
	is_u64(rig_drain(rig), sent - 1, "all but that one are in the ring");
	send_advert(rig, &advert);
	ok(rig_woken(rig), "and then one wakes again");
	is_u64(rig_drain(rig), 1, "and finds room");
	rig_close(rig);
}

#define FULL_RING_TESTS 10

static void test(struct rig *rig)
{
	test_live_and_record(rig, 4, "10.9.0.1");
	test_live_and_record(rig, 6, "fe80::1:2:3:4");
	test_news(rig);
	test_every(rig);
	test_owners(rig);
	test_source_news(rig);
	test_contended(rig);
	test_notices(rig);
	test_full_ring(rig);
}

int main(void)
{
	plan(RIG_HOOKS * (2 * LIVE_AND_RECORD_TESTS + NEWS_TESTS + EVERY_TESTS + OWNERS_TESTS + SOURCE_NEWS_TESTS + CONTENDED_TESTS +
			  NOTICE_TESTS + FULL_RING_TESTS));
	rig_each_hook(test);
	return tap_done();
}
