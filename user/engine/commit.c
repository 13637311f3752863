// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Carries decisions out. Adverts go first, all of them, signed and sent in batches. Then each virtual router stands in
 * line for its addresses; a piece of that line waits for the kernel, which may take its time. When that is done their
 * scripts run, and they stand in line for their announcements, which are paced for the switch's sake. A call does a bounded
 * piece of each line, so that timers and adverts have their turn in between.
 */
#include <arpa/inet.h>
#include <string.h>

#include "engine/vrouter.h"

#define VIPS_AT_ONCE_MAX 64
#define VIPS_TIME_NS NS_PER_MS /* with thousands of addresses on an interface, one more can take a third of this */
#define ANNOUNCE_BURST 32 /* frames in ANNOUNCE_PACE_NS: at 32,000 a second under 3% of a gigabit's frames */
#define ANNOUNCE_PACE_NS NS_PER_MS

#define ACT_SEND (ACT_ADVERT | ACT_BOW_OUT)
#define ACT_VIPS (ACT_VIPS_ADD | ACT_VIPS_DEL)
#define ACT_SCRIPTS (ACT_UP_SCRIPT | ACT_DOWN_SCRIPT)

static void join_line(struct engine *engine, struct vrouter *vr, enum line_kind kind)
{
	struct line *line = &engine->lines[kind];

	if (vr->waits[kind])
		return;
	vr->waits[kind] = true;
	vr->next[kind] = TABLE_NONE;
	if (line->first == TABLE_NONE)
		line->first = vr->index;
	else
		engine->vrouters[line->last]->next[kind] = vr->index;
	line->last = vr->index;
}

/* The one whose turn it is, out of the line. NULL: nobody waits. */
static struct vrouter *next_in_line(struct engine *engine, enum line_kind kind)
{
	struct line *line = &engine->lines[kind];
	struct vrouter *vr;

	if (line->first == TABLE_NONE)
		return NULL;
	vr = engine->vrouters[line->first];
	line->first = vr->next[kind];
	vr->waits[kind] = false;
	return vr;
}

static void run_scripts(struct engine *engine, struct vrouter *vr, uint64_t now_ns)
{
	if (vr->pending & ACT_UP_SCRIPT)
		engine->ports->script_run(engine->ports->ctx, vr->index, SCRIPT_UP, now_ns);
	if (vr->pending & ACT_DOWN_SCRIPT)
		engine->ports->script_run(engine->ports->ctx, vr->index, SCRIPT_DOWN, now_ns);
	vr->pending &= (uint8_t)~ACT_SCRIPTS;
}

/* What was decided before and not done yet, and is no longer meant. */
static void supersede(struct engine *engine, struct vrouter *vr, unsigned int actions, uint64_t now_ns)
{
	if (actions & ACT_VIPS_DEL)
		vr->pending &= (uint8_t)~(ACT_VIPS_ADD | ACT_ANNOUNCE);
	if (actions & ACT_VIPS_ADD)
		vr->pending &= (uint8_t)~ACT_VIPS_DEL;
	/* Scripts are not skipped: who counts on pairs of up and down gets them, in order. */
	if (actions & ACT_SCRIPTS)
		run_scripts(engine, vr, now_ns);
}

void commit_queue(struct engine *engine, struct vrouter *vr, unsigned int actions, uint64_t now_ns)
{
	supersede(engine, vr, actions, now_ns);
	vr->pending |= (uint8_t)actions;
	if (actions & ACT_ANNOUNCE)
		vr->announced = 0;
	if (vr->pending & ACT_SEND && !vr->is_queued) {
		vr->is_queued = true;
		engine->advert_list[engine->advert_count++] = vr->index;
	}
	/* Scripts and announcements of who waits for the kernel follow when that is done. */
	if (vr->pending & ACT_VIPS || (vr->pending & ACT_SCRIPTS && !vr->waits[FOR_KERNEL]))
		join_line(engine, vr, FOR_VIPS);
	else if (vr->pending & ACT_ANNOUNCE && !vr->waits[FOR_KERNEL])
		join_line(engine, vr, FOR_ANNOUNCEMENT);
}

/* Adverts. */

struct batch {
	uint64_t realtime_ns;
	unsigned int count;
	struct vrouter *vrouters[FRAME_BATCH];
	struct frame_advert adverts[FRAME_BATCH];
	const struct carp_key *keys[FRAME_BATCH];
	uint8_t frames[FRAME_BATCH][FRAME_ADVERT_LEN];
};

/*
 * A hybrid logical clock: above all that was seen, and no further behind real time than that forces it to be. All of ours
 * end alike.
 *
 * A backup is told only of adverts that are news, but the driver has the newest one's counter.
 */
static uint64_t next_counter(struct vrouter *vr, uint64_t realtime_ns)
{
	uint64_t sent = vr->live->sent_counter;
	/* Another source address does not change it: what was sent from the one before stays ours. */
	uint64_t end = sent ? sent & REPLAY_END_MASK : replay_end_of(vr->options->source);
	uint64_t next;

	vrouter_top_counter(vr, __atomic_load_n(&vr->live->counter, __ATOMIC_RELAXED), vr->live->is_strong, realtime_ns);
	next = replay_own_counter(vr->counter < realtime_ns ? realtime_ns : vr->counter + 1, end);
	/* After the last number there is it begins anew. */
	vr->counter = next > vr->counter ? next : replay_own_counter(realtime_ns, end);
	return vr->counter;
}

static void describe_advert(struct engine *engine, const struct vrouter *vr, struct frame_advert *advert)
{
	*advert = (struct frame_advert){
		.broadcast = vr->options->broadcast,
		.source = vr->options->source,
		.group = vr->options->group,
		.ip_id = engine->ip_id++,
		.vhid = vr->options->vhid,
		.is_strong = vr->options->auth >= AUTH_SEND_SIPHASH,
	};
	election_claim(&vr->election, &vr->config, &advert->advbase, &advert->advskew);
	vr_options_advert_mac(vr->options, vr->link.mac, advert->source_mac);
}

static void send_batch(struct engine *engine, struct batch *batch)
{
	const struct ports *ports = engine->ports;

	frame_adverts(batch->frames, batch->adverts, batch->keys, batch->count);
	for (unsigned int i = 0; i < batch->count; i++) {
		const struct vrouter *vr = batch->vrouters[i];
		const struct frame_advert *advert = &batch->adverts[i];

		if (ports->debug)
			engine_debug(engine, "sending an advert on %s: vhid %u advbase %u advskew %u counter %016llx",
				     vr->options->interface, advert->vhid, advert->advbase, advert->advskew,
				     (unsigned long long)advert->counter);
		ports->frame_send(ports->ctx, vr->index, vr->link.ifindex, true, batch->frames[i], FRAME_ADVERT_LEN);
	}
	batch->count = 0;
}

static void add_advert(struct engine *engine, struct batch *batch, struct vrouter *vr, bool is_bow_out)
{
	struct frame_advert *advert;

	if (!vr->link.ifindex)
		return;
	if (batch->count == FRAME_BATCH)
		send_batch(engine, batch);
	advert = &batch->adverts[batch->count];
	describe_advert(engine, vr, advert);
	if (is_bow_out)
		advert->advbase = advert->advskew = CARP_BOW_OUT;
	advert->counter = next_counter(vr, batch->realtime_ns);
	/* Before it leaves: the driver must know it by the time that somebody could send it back. */
	__atomic_store_n(&vr->live->sent_counter, advert->counter, __ATOMIC_RELEASE);
	batch->keys[batch->count] = vr->key;
	batch->vrouters[batch->count++] = vr;
}

/* Once for all that bow out on an interface: *filled_for is the last one that it was done for. */
static void send_fillers(struct engine *engine, const struct vrouter *vr, const struct vrouter **filled_for)
{
	struct frame_advert advert;
	uint8_t frame[FRAME_FILLER_LEN];

	if (!vr->options->wake_ucarp || !vr->link.ifindex)
		return;
	if (*filled_for && (*filled_for)->link.ifindex == vr->link.ifindex &&
	    (*filled_for)->options->group == vr->options->group)
		return;
	*filled_for = vr;
	describe_advert(engine, vr, &advert);
	frame_filler(frame, sizeof(frame), &advert);
	engine->ports->frame_repeat(engine->ports->ctx, vr->link.ifindex, frame, sizeof(frame), FRAME_FILLERS);
}

/* Returns how many bowed out: they are moved to the front of the list. */
static uint32_t send_adverts(struct engine *engine, uint64_t now_ns)
{
	struct batch batch;
	uint32_t bow_outs = 0;

	batch.count = 0;
	batch.realtime_ns = engine->ports->realtime_ns(engine->ports->ctx);
	for (uint32_t i = 0; i < engine->advert_count; i++) {
		struct vrouter *vr = engine->vrouters[engine->advert_list[i]];

		if (vr->pending & ACT_ADVERT)
			add_advert(engine, &batch, vr, false);
		if (vr->pending & ACT_BOW_OUT) {
			add_advert(engine, &batch, vr, true);
			engine->advert_list[bow_outs++] = vr->index;
		}
		vr->pending &= (uint8_t)~ACT_SEND;
		vr->is_queued = false;
	}
	if (batch.count)
		send_batch(engine, &batch);
	engine->advert_count = 0;
	engine->ports->frames_flush(engine->ports->ctx, now_ns);
	return bow_outs;
}

/* Addresses. */

static unsigned int change_vips(struct engine *engine, struct vrouter *vr)
{
	const struct ports *ports = engine->ports;
	bool is_addition = vr->pending & ACT_VIPS_ADD, is_wanted = vr->pending & ACT_VIPS;

	vr->pending &= (uint8_t)~ACT_VIPS;
	if (!is_wanted || !vr->options->manage_vips || !vr->link.ifindex)
		return 0;
	for (unsigned int i = 0; i < vr->options->vip_count; i++) {
		if (is_addition)
			ports->vip_add(ports->ctx, vr->index, vr->link.ifindex, &vr->options->vips[i]);
		else if (!vips_is_own(vr, i))
			ports->vip_del(ports->ctx, vr->index, vr->link.ifindex, &vr->options->vips[i]);
	}
	return vr->options->vip_count;
}

static void announce_in_turn(struct engine *engine, struct vrouter *vr)
{
	if (vr->pending & ACT_ANNOUNCE)
		join_line(engine, vr, FOR_ANNOUNCEMENT);
}

/* With their addresses, virtual routers may run their scripts and be announced. */
static void leave_kernel(struct engine *engine, uint64_t now_ns)
{
	struct vrouter *vr;

	while ((vr = next_in_line(engine, FOR_KERNEL))) {
		/* Who waits for other addresses by now comes back with them. */
		if (vr->pending & ACT_VIPS)
			continue;
		run_scripts(engine, vr, now_ns);
		announce_in_turn(engine, vr);
	}
}

static void pace_vips(struct engine *engine, uint64_t took_ns)
{
	if (took_ns > VIPS_TIME_NS && engine->vips_at_once > VIPS_AT_ONCE_MIN)
		engine->vips_at_once /= 2;
	else if (took_ns < VIPS_TIME_NS / 2 && engine->vips_at_once < VIPS_AT_ONCE_MAX)
		engine->vips_at_once *= 2;
}

void commit_await(struct engine *engine, struct vrouter *vr)
{
	join_line(engine, vr, FOR_KERNEL);
}

bool commit_may_ask(const struct engine *engine)
{
	return engine->lines[FOR_VIPS].first != TABLE_NONE && engine->lines[FOR_KERNEL].first == TABLE_NONE;
}

static void serve_vips(struct engine *engine, uint64_t now_ns)
{
	struct vrouter *vr;
	unsigned int count = 0, changes = 0;

	if (!commit_may_ask(engine))
		return;
	while (count < VIPS_AT_ONCE_MAX && changes < engine->vips_at_once && (vr = next_in_line(engine, FOR_VIPS))) {
		count++;
		/* It was served at once, before its turn. */
		if (!(vr->pending & (ACT_VIPS | ACT_SCRIPTS))) {
			announce_in_turn(engine, vr);
			continue;
		}
		changes += change_vips(engine, vr);
		join_line(engine, vr, FOR_KERNEL);
	}
	if (changes)
		engine->ports->vips_flush(engine->ports->ctx);
	else
		leave_kernel(engine, now_ns);
}

void engine_vips_done(struct engine *engine, uint64_t took_ns, uint64_t now_ns)
{
	if (engine->lines[FOR_KERNEL].first == TABLE_NONE)
		return;
	pace_vips(engine, took_ns);
	leave_kernel(engine, now_ns);
}

/* Announcements. */

/* At most budget frames; returns how many. */
static unsigned int announce(struct engine *engine, struct vrouter *vr, unsigned int budget)
{
	unsigned int sent = 0;

	while (vr->link.ifindex && vr->announced < vr->options->vip_count && sent < budget) {
		uint8_t frame[FRAME_MAX];
		size_t len = frame_announce(frame, &vr->options->vips[vr->announced++], vr->link.mac,
					    vr->link.is_ipv6_router);

		engine->ports->frame_send(engine->ports->ctx, vr->index, vr->link.ifindex, false, frame, len);
		sent++;
	}
	if (!vr->link.ifindex || vr->announced >= vr->options->vip_count)
		vr->pending &= (uint8_t)~ACT_ANNOUNCE;
	return sent;
}

static void serve_announcements(struct engine *engine, uint64_t now_ns)
{
	struct vrouter *vr;
	unsigned int sent = 0;

	if (engine->lines[FOR_ANNOUNCEMENT].first == TABLE_NONE || now_ns < engine->announce_ns)
		return;
	while (sent < ANNOUNCE_BURST && (vr = next_in_line(engine, FOR_ANNOUNCEMENT))) {
		/* Who waits for other addresses by now comes back with them. */
		if (!(vr->pending & ACT_ANNOUNCE) || vr->pending & ACT_VIPS || vr->waits[FOR_KERNEL])
			continue;
		sent += announce(engine, vr, ANNOUNCE_BURST - sent);
		if (vr->pending & ACT_ANNOUNCE)
			join_line(engine, vr, FOR_ANNOUNCEMENT);
	}
	if (!sent)
		return;
	engine->announce_ns = now_ns + ANNOUNCE_PACE_NS;
	engine->ports->frames_flush(engine->ports->ctx, now_ns);
}

void engine_commit(struct engine *engine, uint64_t now_ns)
{
	const struct vrouter *filled_for = NULL;
	uint32_t bow_outs = engine->advert_count ? send_adverts(engine, now_ns) : 0;

	serve_vips(engine, now_ns);
	for (uint32_t i = 0; i < bow_outs; i++)
		send_fillers(engine, engine->vrouters[engine->advert_list[i]], &filled_for);
	serve_announcements(engine, now_ns);
}

void commit_at_once(struct engine *engine, struct vrouter *vr, uint64_t now_ns)
{
	engine_commit(engine, now_ns);
	if (change_vips(engine, vr)) {
		join_line(engine, vr, FOR_KERNEL);
		engine->ports->vips_flush(engine->ports->ctx);
	}
	if (vr->waits[FOR_KERNEL])
		return;
	run_scripts(engine, vr, now_ns);
	if (!(vr->pending & ACT_ANNOUNCE))
		return;
	announce(engine, vr, CARP_VIPS_MAX);
	engine->ports->frames_flush(engine->ports->ctx, now_ns);
}

void commit_forget(struct vrouter *vr)
{
	vr->pending &= (uint8_t)~(ACT_VIPS | ACT_ANNOUNCE);
}

bool engine_is_busy(const struct engine *engine, uint32_t index)
{
	const struct vrouter *vr = engine->vrouters[index];

	return vr->pending || vr->waits[FOR_VIPS] || vr->waits[FOR_KERNEL] || vr->waits[FOR_ANNOUNCEMENT];
}

bool engine_any_busy(const struct engine *engine)
{
	for (int kind = 0; kind < LINE_COUNT; kind++)
		if (engine->lines[kind].first != TABLE_NONE)
			return true;
	return engine->advert_count;
}
