// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Frames, one after the other, through the XDP program as it is compiled for the host, and each before judge.c:
 * action, counters, `live` and record must be what it says. The input's first byte chooses the virtual routers'
 * details. A frame may be mended and signed first, so that what comes after checksums and signatures is reached too.
 */
#include "fuzz.h"

#include <arpa/inet.h>

#include "../bpf/frames.h"
#include "core/auth.h"
#include "host_program.h"
#include "judge.h"
#include "routers.h"

#define FRAMES_MAX 64
#define FRAME_MIN 14
#define START_NS 1000000000000ull
#define MEND_IP 1
#define MEND_CARP 2
#define SIGN 4
#define MOVE_CLOCK 8
#define DISTURB 16

_Static_assert(HOST_SLOTS == RIG_SLOTS && HOST_RINGS == RIG_OWNERS && HOST_VROUTERS >= JUDGE_VRS_MAX, "the same maps");

struct world {
	struct judge judge;
	struct vr_live live[RIG_SLOTS]; /* as it has to be */
	struct xcarp_drops drops;
};

static void add(const struct judge_vr *vr)
{
	const struct secret *secret = vr->secret;
	struct carp_key *key;

	host_maps.vrouters[host_maps.vrouter_count].key = vr->where;
	host_maps.vrouters[host_maps.vrouter_count++].entry = vr->entry;
	if (!vr->live)
		return;
	key = &host_maps.keys[vr->entry.slot];
	EXPECT(!auth_hmac_key(&key->hmac, (const uint8_t *)secret->password, strlen(secret->password), secret->vhid,
			      secret->vips, secret->n_vips));
	frame_siphash_keys(&key->siphash, vr->strong, vr->n_strong);
}

static void start(struct world *w, uint8_t choice)
{
	uint64_t seed = choice;

	w->drops = (struct xcarp_drops){ 0 };
	memset(&host_maps, 0, sizeof(host_maps));
	routers_make(&w->judge, w->live, &seed);
	for (size_t i = 0; i < w->judge.count; i++)
		add(&w->judge.vrs[i]);
	memcpy(host_maps.live, w->live, sizeof(w->live));
	host_maps.vip_count = w->judge.vip_count;
	memcpy(host_maps.vips, w->judge.vips, sizeof(w->judge.vips));
	host_maps.fence.vips = w->judge.vip_endings;
	host_maps.now_ns = START_NS;
}

static void move_clock(struct fuzz_input *input)
{
	static const uint64_t steps_ns[] = { 1, 1000, 4000000, 300000000, 1100000000, 12000000000 };

	host_maps.now_ns += steps_ns[fuzz_byte(input) % (sizeof(steps_ns) / sizeof(*steps_ns))];
}

static void await_first(struct judge_memory *memory, struct vr_guard *guard, uint64_t counter)
{
	memory->awaits_first = true;
	guard->replay.floor = memory->floor = counter;
	guard->replay.ceiling = memory->ceiling = counter + 1000 - START_NS;
}

/* The controller's half of `live`, and a flood that went before. */
static void disturb(struct world *w, struct fuzz_input *input)
{
	uint8_t slot = fuzz_byte(input) % RIG_SLOTS, what = fuzz_byte(input);
	struct judge_memory *memory = &w->judge.vrs[slot].memory;
	struct vr_guard *guard = &host_maps.guards[slot];
	struct vr_live *live = &w->live[slot];
	uint64_t counter;

	fuzz_take(input, &counter, sizeof(counter));
	live->state = (enum vr_state)((what & 3) % (MASTER + 1));
	if (what & 4)
		live->since_ns = host_maps.now_ns;
	if (what & 8)
		live->generation ^= 1;
	if (what & 16)
		live->answered_ns = host_maps.now_ns;
	if (what & 32) {
		live->sent_counter = counter;
		live->down_ns = counter & UINT32_MAX;
	}
	if (what & 64)
		await_first(memory, guard, counter);
	if (what & 128) {
		guard->wrong = memory->wrong = 1999;
		guard->window_ns = memory->window_ns = host_maps.now_ns;
	}
	memcpy(&host_maps.live[slot], live, sizeof(*live));
}

static void mend(const struct world *w, struct frame *frame, uint8_t how)
{
	const struct judge_vr *vr;

	if (!judge_find(frame->bytes, frame->len, frame))
		return;
	vr = judge_vr_of(&w->judge, frame->bytes[frame->carp + 1]);
	if (how & MEND_CARP)
		frame_mend_checksum(frame);
	if (how & SIGN && vr) {
		if (frame->bytes[frame->carp] >> 4 == CARP_VERSION_STRONG && vr->n_strong)
			frame->strong = &vr->strong[how >> 5 < vr->n_strong ? how >> 5 : 0];
		frame_sign(frame, vr->secret);
	}
	if (how & MEND_IP)
		frame_mend_ip_checksum(frame);
}

static void check_records(struct judgement *j)
{
	EXPECT(host_maps.record_count == j->record_count);
	for (size_t i = 0; i < j->record_count; i++) {
		j->records[i].arrival_ns = host_maps.now_ns;
		EXPECT(host_maps.records[i].owner == j->vr->entry.owner);
		EXPECT(!memcmp(&host_maps.records[i].record, &j->records[i], sizeof(j->records[i])));
	}
}

static void check_guards(const struct judge *judge)
{
	EXPECT(host_maps.fence.watch_until_ns == judge->watch_until_ns);
	for (size_t i = 0; i < judge->count; i++) {
		const struct judge_vr *vr = &judge->vrs[i];

		if (!vr->live)
			continue;
		EXPECT(host_maps.guards[vr->entry.slot].unanswered_ns == vr->memory.unanswered_ns);
		EXPECT(host_maps.guards[vr->entry.slot].fenced == vr->memory.fenced);
	}
}

static void check_refusals(const struct judge *judge)
{
	for (size_t i = 0; i < judge->count; i++) {
		const struct judge_vr *vr = &judge->vrs[i];

		for (int at = 0; vr->live && at < XCARP_REFUSAL_COUNT; at++) {
			const struct vr_refusal *got = &host_maps.refusals[vr->entry.slot].by_verdict[at];

			EXPECT(got->count == vr->memory.refusals[XCARP_REFUSAL_FIRST + at].count);
			EXPECT(!memcmp(got->source, vr->memory.refusals[XCARP_REFUSAL_FIRST + at].source, sizeof(got->source)));
		}
	}
}

static void check_stranger(struct judgement *j)
{
	bool is_found = !j->stranger;

	j->heard.when_ns = host_maps.now_ns;
	for (size_t i = 0; !is_found && i < host_maps.stranger_count; i++)
		is_found = !memcmp(&host_maps.strangers[i].key, j->stranger, sizeof(*j->stranger)) &&
			   !memcmp(&host_maps.strangers[i].stranger, &j->heard, sizeof(j->heard));
	EXPECT(is_found);
}

static void run(struct world *w, const struct frame *frame)
{
	const struct judge_times now = {
		.before_ns = host_maps.now_ns,
		.after_ns = host_maps.now_ns,
		.arrival_ns = host_maps.now_ns,
		.notice_ns = host_maps.now_ns,
		.window_ns = host_maps.now_ns,
	};
	int action = host_run(RIG_IFINDEX, frame->bytes, frame->len);
	struct judgement j = judge_frame(&w->judge, RIG_IFINDEX, frame->bytes, frame->len, &now);

	if (j.verdict >= 0)
		((uint64_t *)&w->drops)[j.verdict]++;
	w->drops.ring_full += j.is_ring_full;
	EXPECT(action == j.action);
	EXPECT(!memcmp(&host_maps.drops, &w->drops, sizeof(w->drops)));
	EXPECT(!memcmp(host_maps.live, w->live, sizeof(w->live)));
	check_records(&j);
	check_guards(&w->judge);
	check_refusals(&w->judge);
	check_stranger(&j);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct fuzz_input input = { bytes, len };
	static struct world w;

	start(&w, fuzz_byte(&input));
	for (int i = 0; input.len && i < FRAMES_MAX; i++) {
		struct frame frame = { .len = 0 };
		uint8_t how = fuzz_byte(&input), frame_len = fuzz_byte(&input);

		if (how & MOVE_CLOCK)
			move_clock(&input);
		if (how & DISTURB)
			disturb(&w, &input);
		frame.len = frame_len < FRAME_MIN ? FRAME_MIN : frame_len;
		fuzz_take(&input, frame.bytes, frame.len);
		mend(&w, &frame, how);
		run(&w, &frame);
	}
	return 0;
}
