// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ucarp, FreeBSD's and OpenBSD's CARP as far as others notice: election, tie rule and counters, written from what they do
 * and not from our core, with which they share nothing but the key and the announcement.
 */
#include <string.h>

#include "core/auth.h"
#include "sim.h"

#define CARP_AT (14 + 20)
#define SOURCE_AT 26
#define ADVERTS_BEFORE_ANNOUNCEMENT 2
#define RESUME_LATE_NS NS_PER_MS
#define BSD_DEAD_INTERVALS 3
#define TIMER_LATE_NS NS_PER_MS
#define OPENBSD_TICK_NS (10 * NS_PER_MS)

static void write_sum(uint8_t *bytes, size_t len, size_t at)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	bytes[at] = (uint8_t)(~sum >> 8);
	bytes[at + 1] = (uint8_t)~sum;
}

/* How long it waits for a silent master. */
uint64_t peer_down_ns(const struct node *node, uint16_t vr)
{
	const struct election_config *config = &node->configs[vr];

	switch (node->kind) {
	case FREEBSD:
		return interval_ns(BSD_DEAD_INTERVALS * config->advbase * 256u + config->advskew);
	case OPENBSD:
		return interval_ns(BSD_DEAD_INTERVALS * oracle_interval(config));
	default:
		return oracle_down_ns(config);
	}
}

/* Random until a valid advert was heard, then upward from the last one heard; OpenBSD: one number for ever. */
static uint64_t next_counter(struct world *world, const struct node *node, struct peer *peer)
{
	if (node->kind == OPENBSD)
		return peer->counter;
	peer->counter = peer->has_heard ? peer->counter + 1 + peer->counts_twice : random_next(&world->random);
	return peer->counter;
}

static void send_advert(struct world *world, struct node *node, uint16_t vr, uint8_t advbase, uint8_t advskew)
{
	const struct vr_setup *setup = &world->vrs[vr];
	uint64_t counter = next_counter(world, node, &node->peers[vr]);
	uint8_t frame[FRAME_ADVERT_LEN] = {
		0x01, 0x00, 0x5e, 0x00, 0x00, 0x12, 0x00, 0x00, 0x5e, 0x00, 0x00, setup->vhid, 0x08, 0x00,
		0x45, 0x10, 0x00, 0x38, 0x00, 0x00, 0x40, 0x00, 0xff, 112, 0, 0, 0, 0, 0, 0, 224, 0, 0, 18,
		0x21, setup->vhid, advskew, 7, 0, advbase,
	};

	memcpy(frame + SOURCE_AT, &node->source, 4);
	write_sum(frame + 14, 20, 10);
	for (int i = 0; i < 8; i++)
		frame[CARP_AT + 8 + i] = (uint8_t)(counter >> (56 - 8 * i));
	auth_hmac(&setup->key.hmac, counter, frame + CARP_AT + 16);
	write_sum(frame + CARP_AT, sizeof(struct carp_header), 6);
	trace(world, TRACE_SENDS, node->number, vr, NULL, advbase * 256u + advskew, (uint32_t)counter);
	lan_send(world, node->number, frame, sizeof(frame));
}

static void announce(struct world *world, struct node *node, uint16_t vr)
{
	for (uint8_t i = 0; i < world->vrs[vr].vip_count; i++) {
		uint8_t frame[FRAME_MAX];
		size_t len = frame_announce(frame, &world->vrs[vr].vips[i], node->mac, false);

		trace(world, TRACE_ANNOUNCES, node->number, vr, NULL, i, 0);
		lan_send(world, node->number, frame, len);
	}
}

static void arm(struct world *world, struct node *node, uint16_t vr, uint64_t deadline_ns)
{
	deadline_ns += draw(world, node->kind == OPENBSD ? OPENBSD_TICK_NS : TIMER_LATE_NS);
	node->peers[vr].deadline_ns = deadline_ns;
	queue_push(world, deadline_ns, EVENT_PEER, node->number, vr, 0);
}

static void become(struct world *world, struct node *node, uint16_t vr, enum vr_state state)
{
	struct peer *peer = &node->peers[vr];
	const struct election_config *config = &node->configs[vr];

	peer->state = state;
	judge_peer_state(world, node, vr);
	if (state == BACKUP) {
		arm(world, node, vr, world->now_ns + peer_down_ns(node, vr));
		return;
	}
	send_advert(world, node, vr, config->advbase, config->advskew);
	announce(world, node, vr);
	peer->announce_in = node->kind == FREEBSD ? 0 : ADVERTS_BEFORE_ANNOUNCEMENT;
	arm(world, node, vr, world->now_ns + interval_ns(oracle_interval(config)));
}

static void remember_constant(struct world *world, uint64_t counter)
{
	struct counters *constants = &world->constants;

	constants->values = grow(constants->values, &constants->room, constants->count + 1, sizeof(*constants->values));
	constants->values[constants->count++] = counter;
}

/* OpenBSD's number is its interface's; that of the others is gone with the process, or the address. */
void peer_start(struct world *world, struct node *node, bool is_made_anew)
{
	node->is_running = true;
	for (uint16_t vr = 0; vr < world->vr_count; vr++) {
		struct peer *peer = &node->peers[vr];
		uint64_t counter = peer->counter;

		if (node->kind == OPENBSD && (!counter || is_made_anew)) {
			counter = random_next(&world->random);
			remember_constant(world, counter);
		}
		*peer = (struct peer){ .counter = counter, .counts_twice = node->kind == FREEBSD && chance(world, 30) };
		if (node->kind == UCARP || !node->cuts)
			become(world, node, vr, BACKUP);
	}
}

/* ucarp does not look at it. */
void peer_link(struct world *world, struct node *node)
{
	for (uint16_t vr = 0; vr < world->vr_count && node->is_running && node->kind != UCARP; vr++) {
		if (!node->cuts && node->peers[vr].state == INIT)
			become(world, node, vr, BACKUP);
		else if (node->cuts)
			node->peers[vr].state = INIT;
	}
}

void peer_stop(struct world *world, struct node *node, bool bows_out)
{
	for (uint16_t vr = 0; vr < world->vr_count && node->is_running; vr++) {
		if (bows_out && node->kind == OPENBSD && node->peers[vr].state == MASTER)
			send_advert(world, node, vr, CARP_BOW_OUT, CARP_BOW_OUT);
		node->peers[vr].state = INIT;
		node->peers[vr].deadline_ns = world->now_ns;
		judge_peer_state(world, node, vr);
	}
	node->is_running = false;
}

void peer_timer(struct world *world, struct node *node, uint16_t vr)
{
	struct peer *peer = &node->peers[vr];
	const struct election_config *config = &node->configs[vr];

	if (!node->is_running || node->is_stalled || peer->deadline_ns != world->now_ns || peer->state == INIT)
		return;
	if (peer->state == BACKUP) {
		become(world, node, vr, MASTER);
		return;
	}
	send_advert(world, node, vr, config->advbase, config->advskew);
	if (peer->announce_in && !--peer->announce_in)
		announce(world, node, vr);
	arm(world, node, vr, world->now_ns + interval_ns(oracle_interval(config)));
}

void peer_resume(struct world *world, struct node *node)
{
	for (uint16_t vr = 0; vr < world->vr_count && node->is_running; vr++)
		if (node->peers[vr].state != INIT && node->peers[vr].deadline_ns <= world->now_ns)
			arm(world, node, vr, world->now_ns + draw(world, RESUME_LATE_NS));
}

/* Is it so slow that it will be taken for dead? OpenBSD forgets to multiply the skew, and with advbase 0 does not ask. */
static bool is_too_slow(const struct node *node, const struct election_config *config, uint32_t interval)
{
	uint32_t times = node->kind == UCARP ? config->dead_ratio : BSD_DEAD_INTERVALS;

	if (node->kind == OPENBSD && !config->advbase)
		return false;
	return times * config->advbase * 256u + config->advskew < interval;
}

static void backup_hears(struct world *world, struct node *node, uint16_t vr, uint32_t interval)
{
	const struct election_config *config = &node->configs[vr];

	if ((config->preempt && oracle_interval(config) < interval) || is_too_slow(node, config, interval))
		become(world, node, vr, MASTER);
	else
		arm(world, node, vr, world->now_ns + peer_down_ns(node, vr));
}

static void master_hears(struct world *world, struct node *node, uint16_t vr, uint32_t interval, uint32_t source)
{
	const struct election_config *config = &node->configs[vr];

	/* The BSDs yield to an equal one, whoever it is, and say nothing, neither to a better one nor to a worse. */
	if (node->kind != UCARP) {
		if (interval <= oracle_interval(config))
			become(world, node, vr, BACKUP);
		return;
	}

	if (!oracle_is_better(interval, source, oracle_interval(config), node->source)) {
		announce(world, node, vr);
		node->peers[vr].announce_in = ADVERTS_BEFORE_ANNOUNCEMENT;
		return;
	}
	send_advert(world, node, vr, config->advbase, config->advskew);
	become(world, node, vr, BACKUP);
}

/* What comes while it is stopped is lost. */
void peer_receive(struct world *world, struct node *node, const struct lan_frame *frame)
{
	const uint8_t *carp = frame->bytes + CARP_AT;
	uint16_t vr = world->vr_of_vhid[carp[1]];
	uint32_t interval = carp[5] * 256u + carp[2], source;
	uint64_t counter = 0;
	struct peer *peer;

	if (!node->is_running || node->is_stalled || vr == NO_VR || !frame->is_authentic)
		return;
	memcpy(&source, frame->bytes + SOURCE_AT, sizeof(source));
	if (source == node->source)
		return;
	peer = &node->peers[vr];
	for (int i = 0; i < 8; i++)
		counter = counter << 8 | carp[8 + i];
	if (peer->state == INIT || (node->kind == OPENBSD && counter == peer->counter))
		return;
	peer->has_heard = true;
	if (node->kind != OPENBSD)
		peer->counter = counter;
	trace(world, TRACE_ACCEPTS, node->number, vr, NULL, source >> 24, interval);
	if (peer->state == MASTER)
		master_hears(world, node, vr, interval, source);
	else
		backup_hears(world, node, vr, interval);
}
