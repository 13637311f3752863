// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The XDP program and the one for tc against judge.c: the same frames, and after each of them the same action, the same counter
 * one higher, the same `live` to the last byte and the same ring record. tc gets them twice, the second time as they come
 * there, with the outer VLAN tag taken out.
 *
 *	differential [--frames N] [--seed SEED] [--round SEED]
 *
 * Seed 0 is another one each time. Rounds of 20,000 frames begin with empty maps and other virtual routers,
 * and each round is run for each hook; --frames counts all of them. A
 * difference ends the run and prints the seed of its round, which --round runs again, and the frame.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../bpf/rig.h"
#include "../tap.h"
#include "../unit/random.h"
#include "judge.h"
#include "mutate.h"
#include "routers.h"
#include "xcarp.skel.h"

#define FRAMES_DEFAULT 400000
#define ROUND_FRAMES 20000
#define TELL_FRAMES 5000000
#define NS_PER_S 1000000000ull
#define TICK_NS 20000000ull
#define COUNTERS (sizeof(struct xcarp_drops) / sizeof(uint64_t))

struct bench {
	struct rig rigs[RIG_HOOKS];
	struct rig *rig;
	struct judge judge;
	struct mutator mutator;
	struct vr_live live[RIG_SLOTS]; /* as it has to be */
	struct xcarp_drops drops;
	uint64_t strangers;
	uint64_t round_seed;
	uint64_t seed; /* for what is done to the maps */
	uint64_t verdicts[XCARP_VERDICT_COUNT + 1]; /* the last one: other traffic */
	uint64_t records[RECORD_DUPLICATE + 1];
	uint64_t frames, frames_of[RIG_HOOKS];
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static void drain(struct bench *b)
{
	for (uint32_t owner = 0; owner < RIG_OWNERS; owner++)
		rig_drain_owner(b->rig, owner);
}

/* As the controller does for one that has just started, with the time of day near where the peers count. */
static void await_first(struct bench *b, struct judge_vr *vr)
{
	struct replay *replay = &b->rig->guards[vr->entry.slot].replay;

	vr->memory.awaits_first = true;
	replay->floor = vr->memory.floor = b->mutator.counters[0] - 200;
	replay->ceiling = vr->memory.ceiling = b->mutator.counters[0] + 10000 - now_ns();
}

static void start_round(struct bench *b, uint64_t seed)
{
	b->round_seed = b->seed = seed;
	routers_make(&b->judge, b->live, &b->seed);
	memset(b->rig->live, 0, sizeof(b->live));
	for (size_t i = 0; i < b->judge.count; i++) {
		const struct judge_vr *vr = &b->judge.vrs[i];

		rig_add_strong(b->rig, vr->where, vr->entry, vr->secret, vr->strong, vr->n_strong);
	}
	for (size_t i = 0; i < b->judge.vip_count; i++)
		rig_add_vip_entry(b->rig, &b->judge.vips[i].key, &b->judge.vips[i].entry);
	memcpy(b->rig->live, b->live, sizeof(b->live));
	*b->rig->fence = (struct xcarp_fence){ .vips = b->judge.vip_endings };
	rig_forget_seen(b->rig);
	rig_forget_strangers(b->rig);
	drain(b);
	b->drops = *b->rig->drops;
	mutate_start(&b->mutator, random_next(&b->seed), &b->judge);
	for (size_t i = 0; i < b->judge.count; i++)
		if (b->judge.vrs[i].live && b->judge.vrs[i].live->replay == REPLAY_STRICT)
			await_first(b, &b->judge.vrs[i]);
}

static struct judge_vr *vr_of_slot(struct bench *b, uint32_t slot)
{
	for (size_t i = 0; i < b->judge.count; i++)
		if (b->judge.vrs[i].live == &b->live[slot])
			return &b->judge.vrs[i];
	return NULL;
}

/* Nobody was heard for so long. */
static void age_sources(struct vr_guard *guard, struct judge_memory *memory, uint64_t by_ns)
{
	for (int i = 0; i < REPLAY_SOURCES; i++) {
		if (!memory->peers[i].heard_ns)
			continue;
		guard->replay.sources[i].since_ns = memory->peers[i].since_ns -= by_ns;
		guard->replay.sources[i].heard_ns = memory->peers[i].heard_ns -= by_ns;
	}
	if (memory->doubt.copies) {
		guard->replay.doubt.since_ns = memory->doubt.since_ns -= by_ns;
		guard->replay.doubt.heard_ns = memory->doubt.heard_ns -= by_ns;
	}
}

/* Between frames: what the controller does to its half of `live`, time that passes, and a flood that went before. */
static void disturb(struct bench *b)
{
	uint32_t slot = random_below(&b->seed, RIG_SLOTS);
	struct judge_memory *memory = &vr_of_slot(b, slot)->memory;
	struct vr_guard *guard = &b->rig->guards[slot];
	struct vr_refusals *refusals = &b->rig->refusals[slot];
	struct vr_live *live = &b->live[slot];

	switch (random_below(&b->seed, 10)) {
	case 0:
		live->state = (enum vr_state)random_below(&b->seed, MASTER + 1);
		break;
	case 1:
		live->since_ns = now_ns();
		break;
	case 2:
		live->generation ^= !random_below(&b->seed, 2);
		break;
	case 3:
		live->sent_counter = (random_below(&b->seed, 2) ? b->mutator.counters[0] : memory->runs[0].high) +
				     random_below(&b->seed, 3) - 1;
		live->down_ns = random_below(&b->seed, 2) * UINT64_C(3000000000);
		break;
	case 4:
		live->answered_ns = now_ns();
		break;
	case 5:
		guard->wrong = memory->wrong = 1990 + random_below(&b->seed, 20);
		guard->window_ns = memory->window_ns = now_ns() - TICK_NS;
		break;
	case 6:
		for (int reason = 0; reason < GUARD_REASON_COUNT; reason++)
			if (memory->notices[reason].notice_ns)
				guard->notices[reason].notice_ns = memory->notices[reason].notice_ns -= 2 * NS_PER_S;
		break;
	case 7:
		if (memory->duplicates.notice_ns)
			refusals->duplicates.notice_ns = memory->duplicates.notice_ns -= 2 * NS_PER_S;
		break;
	case 8:
		age_sources(guard, memory, (1 + random_below(&b->seed, 4)) * NS_PER_S);
		break;
	default:
		if (live->notice_ns)
			live->notice_ns -= 2 * NS_PER_S;
	}
	memcpy(&b->rig->live[slot], live, sizeof(*live));
}

static bool is_between(uint64_t at_ns, const struct judge_times *times, uint64_t behind_ns)
{
	return !at_ns || (at_ns + behind_ns >= times->before_ns && at_ns <= times->after_ns);
}

static int verdict_of(const struct bench *b)
{
	for (int i = 0; i < XCARP_VERDICT_COUNT; i++)
		if (((uint64_t *)b->rig->drops)[i] != ((const uint64_t *)&b->drops)[i])
			return i;
	return -1;
}

/* What only the program knows: when it saw the frame. It has to be true. */
static bool read_times(const struct bench *b, struct judge_times *times)
{
	for (size_t i = 0; i < b->judge.count; i++) {
		const struct judge_vr *vr = &b->judge.vrs[i];
		const struct vr_guard *guard;
		const struct vr_live *live;

		if (!vr->live)
			continue;
		live = &b->rig->live[vr->entry.slot];
		guard = &b->rig->guards[vr->entry.slot];
		if (live->arrival_ns != vr->live->arrival_ns)
			times->arrival_ns = live->arrival_ns;
		/* Refused, but listened to. */
		if (guard->replay.doubt.heard_ns != vr->memory.doubt.heard_ns)
			times->arrival_ns = guard->replay.doubt.heard_ns;
		if (live->notice_ns != vr->live->notice_ns)
			times->notice_ns = live->notice_ns;
		if (guard->window_ns != vr->memory.window_ns)
			times->window_ns = guard->window_ns;
		for (int reason = 0; reason < GUARD_REASON_COUNT; reason++)
			if (guard->notices[reason].notice_ns != vr->memory.notices[reason].notice_ns)
				times->notice_ns = guard->notices[reason].notice_ns;
		if (b->rig->refusals[vr->entry.slot].duplicates.notice_ns != vr->memory.duplicates.notice_ns)
			times->notice_ns = b->rig->refusals[vr->entry.slot].duplicates.notice_ns;
	}
	times->verdict = verdict_of(b);
	return is_between(times->arrival_ns, times, 0) && is_between(times->notice_ns, times, times->behind_ns) &&
	       is_between(times->window_ns, times, times->behind_ns);
}

static void print_bytes(const char *what, const void *bytes, size_t len)
{
	printf("# %s ", what);
	for (size_t i = 0; i < len; i++)
		printf("%02x", ((const uint8_t *)bytes)[i]);
	printf("\n");
}

static const char *verdict_word(int verdict)
{
	static const char *const words[] = {
#define X(value, counter) #counter,
		XCARP_VERDICTS(X)
#undef X
			"ring_full",
	};

	return verdict < 0 ? "nothing" : words[verdict];
}

static void tell_guard(const struct vr_guard *got, const struct judge_memory *want)
{
	for (int i = 0; i < REPLAY_RUNS; i++)
		diag("run %d: got %016llx-%016llx, want %016" PRIx64 "-%016" PRIx64, i, got->replay.runs[i].low,
		     got->replay.runs[i].high, want->runs[i].low, want->runs[i].high);
	for (int i = 0; i < REPLAY_SOURCES; i++)
		diag("source %d: got habit %u last %016llx, want %u %016" PRIx64, i, got->replay.sources[i].habit,
		     got->replay.sources[i].last, want->peers[i].habit, want->peers[i].last);
	diag("doubt: got %016llx %u times, want %016" PRIx64 " %u times", got->replay.doubt.counter, got->replay.doubt.copies,
	     want->doubt.counter, want->doubt.copies);
	diag("wrong: got %u, want %u; unanswered: got %llu, want %" PRIu64 "; fenced: got %llu, want %" PRIu64,
	     got->wrong, want->wrong, got->unanswered_ns, want->unanswered_ns, got->fenced, want->fenced);
}

static void ok_same(const struct bench *b, bool is_same)
{
	ok(is_same, "%" PRIu64 " frames, each judged the same by the program and by the reference", b->frames);
}

static bool tell(const struct bench *b, const struct frame *frame, const struct judgement *j, const char *what)
{
	ok_same(b, false);
	diag("%s: %s: round 0x%016" PRIx64 ", frame %" PRIu64, rig_hook_name(b->rig->hook), what, b->round_seed, b->frames);
	diag("wanted: action %d, %s%s%s", j->action, verdict_word(j->verdict), j->record_count ? ", a record" : "",
	     j->is_ring_full ? ", ring_full" : "");
	for (size_t i = 0; i < COUNTERS; i++)
		if (((uint64_t *)b->rig->drops)[i] != ((const uint64_t *)&b->drops)[i])
			diag("%s: got %+" PRId64 " more than wanted", verdict_word((int)i),
			     (int64_t)(((uint64_t *)b->rig->drops)[i] - ((const uint64_t *)&b->drops)[i]));
	print_bytes("frame", frame->bytes, frame->len);
	for (int slot = 0; slot < RIG_SLOTS; slot++) {
		if (!memcmp(&b->rig->live[slot], &b->live[slot], sizeof(b->live[slot])))
			continue;
		diag("live[%d]", slot);
		print_bytes("  got ", &b->rig->live[slot], sizeof(b->live[slot]));
		print_bytes("  want", &b->live[slot], sizeof(b->live[slot]));
	}
	if (j->vr && j->vr->live)
		tell_guard(&b->rig->guards[j->vr->entry.slot], &j->vr->memory);
	for (size_t i = 0; i < j->record_count; i++)
		print_bytes("record: want", &j->records[i], sizeof(j->records[i]));
	for (size_t i = 0; i < b->rig->n_records; i++)
		print_bytes("record: got ", &b->rig->records[i], sizeof(b->rig->records[i]));
	return false;
}

/* Exactly the records that are wanted, each in the ring of its virtual router's owner. */
static bool check_records(struct bench *b, struct judgement *j, const struct judge_times *times)
{
	for (uint32_t owner = 0; owner < RIG_OWNERS; owner++) {
		size_t wanted = j->record_count && j->vr->entry.owner == owner ? j->record_count : 0;

		if (rig_drain_owner(b->rig, owner) != wanted)
			return false;
		for (size_t i = 0; i < wanted; i++) {
			const struct xcarp_record *got = &b->rig->records[i];

			if (got->arrival_ns < times->before_ns || got->arrival_ns > times->after_ns)
				return false;
			j->records[i].arrival_ns = got->type == RECORD_ADVERT ? times->arrival_ns : got->arrival_ns;
			if (memcmp(got, &j->records[i], sizeof(*got)))
				return false;
			b->records[got->type]++;
		}
	}
	return true;
}

/* What others go by: the controller, and whoever asks for an address. */
static bool check_guards(const struct bench *b)
{
	if (b->rig->fence->watch_until_ns != b->judge.watch_until_ns)
		return false;
	for (size_t i = 0; i < b->judge.count; i++) {
		const struct judge_vr *vr = &b->judge.vrs[i];
		const struct vr_guard *guard = &b->rig->guards[vr->entry.slot];

		if (vr->live &&
		    (guard->unanswered_ns != vr->memory.unanswered_ns || guard->fenced != vr->memory.fenced ||
		     guard->replay.is_locked || guard->replay.doubt.copies != vr->memory.doubt.copies ||
		     guard->replay.doubt.heard_ns != vr->memory.doubt.heard_ns))
			return false;
	}
	return true;
}

static bool check_refusals(const struct bench *b, const struct judge_times *times)
{
	for (size_t i = 0; i < b->judge.count; i++) {
		const struct judge_vr *vr = &b->judge.vrs[i];

		for (int at = 0; vr->live && at < XCARP_REFUSAL_COUNT; at++) {
			const struct vr_refusal *got = &b->rig->refusals[vr->entry.slot].by_verdict[at];
			int verdict = XCARP_REFUSAL_FIRST + at;

			if (got->count != vr->memory.refusals[verdict].count ||
			    memcmp(got->source, vr->memory.refusals[verdict].source, sizeof(got->source)))
				return false;
			if (verdict == times->verdict && got->when_ns > times->after_ns)
				return false;
		}
	}
	return true;
}

static bool check_stranger(struct bench *b, const struct judgement *j, const struct judge_times *times)
{
	struct stranger got;

	if (!j->stranger)
		return true;
	b->strangers++;
	got = rig_stranger(b->rig, j->stranger);
	if (!is_between(got.when_ns, times, times->behind_ns))
		return false;
	got.when_ns = 0;
	return !memcmp(&got, &j->heard, sizeof(got));
}

static bool run_frame(struct bench *b, const struct frame *frame)
{
	/* First, and looked up: a virtual machine gets ticks late. */
	uint64_t coarse_ns = clock_ns(CLOCK_MONOTONIC_COARSE);
	struct judge_times times = { .before_ns = now_ns() };
	struct judgement j = { .verdict = -1 };
	bool are_times_true;
	int action = rig_run(b->rig, frame->bytes, frame->len);

	times.after_ns = now_ns();
	times.behind_ns = times.before_ns - coarse_ns;
	are_times_true = read_times(b, &times);
	j = judge_frame(&b->judge, RIG_IFINDEX, frame->bytes, frame->len, &times);
	if (j.verdict >= 0)
		((uint64_t *)&b->drops)[j.verdict]++;
	b->drops.ring_full += j.is_ring_full;
	b->verdicts[j.verdict >= 0 ? j.verdict : XCARP_VERDICT_COUNT]++;
	if (action != j.action)
		return tell(b, frame, &j, action == XDP_PASS ? "passed" : action == XDP_DROP ? "dropped" : "neither");
	if (memcmp(b->rig->drops, &b->drops, sizeof(b->drops)))
		return tell(b, frame, &j, "counters");
	if (!are_times_true)
		return tell(b, frame, &j, "times that are not now");
	if (memcmp(b->rig->live, b->live, sizeof(b->live)))
		return tell(b, frame, &j, "live");
	if (!check_records(b, &j, &times))
		return tell(b, frame, &j, "records");
	if (!check_guards(b))
		return tell(b, frame, &j, "guard");
	if (!check_refusals(b, &times))
		return tell(b, frame, &j, "refusals");
	if (!check_stranger(b, &j, &times))
		return tell(b, frame, &j, "stranger");
	return true;
}

static bool run_hook(struct bench *b, struct rig *rig, uint64_t seed, uint64_t frames)
{
	b->rig = rig;
	start_round(b, seed);
	for (uint64_t i = 0; i < frames && i < ROUND_FRAMES; i++) {
		struct frame frame;

		if (!random_below(&b->seed, 64))
			disturb(b);
		mutate_next(&b->mutator, &frame);
		if (!rig_takes(rig, frame.bytes, frame.len))
			continue;
		b->frames++;
		b->frames_of[rig->hook]++;
		if (!run_frame(b, &frame))
			return false;
		if (!(b->frames % TELL_FRAMES))
			diag("%" PRIu64 " frames", b->frames);
	}
	return true;
}

static bool run_round(struct bench *b, uint64_t seed, uint64_t frames)
{
	for (int hook = 0; hook < RIG_HOOKS; hook++)
		if (!run_hook(b, &b->rigs[hook], seed, frames / RIG_HOOKS + 1))
			return false;
	return true;
}

/* Every verdict there is has to come up: a check that no frame reaches is no check. */
static bool has_seen_all(const struct bench *b)
{
	bool all = true;

	for (int i = 0; i <= XCARP_VERDICT_COUNT; i++) {
		diag("%-20s %12" PRIu64, i < XCARP_VERDICT_COUNT ? verdict_word(i) : "(other traffic)", b->verdicts[i]);
		all &= b->verdicts[i] > 0;
	}
	for (int hook = 0; hook < RIG_HOOKS; hook++)
		diag("%-20s %12" PRIu64, rig_hook_name((enum rig_hook)hook), b->frames_of[hook]);
	diag("%-20s %12" PRIu64, "(record of an advert)", b->records[RECORD_ADVERT]);
	diag("%-20s %12" PRIu64, "(notice)", b->records[RECORD_NOTICE]);
	diag("%-20s %12" PRIu64, "(duplicate)", b->records[RECORD_DUPLICATE]);
	diag("%-20s %12" PRIu64, "(stranger)", b->strangers);
	return all && b->records[RECORD_ADVERT] && b->records[RECORD_NOTICE] && b->records[RECORD_DUPLICATE] && b->strangers;
}

int main(int argc, char **argv)
{
	static const struct option names[] = {
		{ "frames", required_argument, NULL, 'f' },
		{ "seed", required_argument, NULL, 's' },
		{ "round", required_argument, NULL, 'r' },
		{ 0 },
	};
	static struct bench b;
	uint64_t frames = FRAMES_DEFAULT, seed = 0x5eed0010, round = 0, started_ns;
	bool is_same = true;
	int name;

	while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (name == 'f')
			frames = strtoull(optarg, NULL, 0);
		else if (name == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (name == 'r')
			round = strtoull(optarg, NULL, 0);
		else
			return EXIT_FAILURE;
	}

	seed = seed ?: now_ns();
	plan(round ? 1 : 2);
	diag("--seed 0x%" PRIx64, seed);
	for (int hook = 0; hook < RIG_HOOKS; hook++) {
		rig_choose((enum rig_hook)hook);
		rig_open_counting(&b.rigs[hook]);
	}
	started_ns = now_ns();
	if (round)
		is_same = run_round(&b, round, RIG_HOOKS * ROUND_FRAMES);
	while (!round && is_same && b.frames < frames)
		is_same = run_round(&b, random_next(&seed), frames - b.frames);
	if (is_same)
		ok_same(&b, true);
	diag("%.0f frames a second", (double)b.frames * (double)NS_PER_S / (double)(now_ns() - started_ns));
	if (!round)
		ok(has_seen_all(&b), "every verdict came up");
	for (int hook = 0; hook < RIG_HOOKS; hook++)
		rig_close(&b.rigs[hook]);
	return tap_done();
}
