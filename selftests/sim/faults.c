// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What can go wrong. Each fault begins and ends; several may overlap, also of one kind. */
#include <string.h>

#include "sim.h"

#define FORGED 20

static struct node *node_of(struct world *world, const struct fault *fault)
{
	return &world->nodes[fault->node];
}

static void each_vr_commanded(struct world *world, const struct fault *fault, enum xcarp_command command)
{
	for (uint16_t vr = 0; vr < world->vr_count; vr++)
		if (fault->vr == NO_VR || fault->vr == vr)
			host_tell(world, node_of(world, fault), &(struct notice){ .kind = NOTICE_COMMAND, .vr = vr, .command = command });
}

/* The LAN. */

static void loss_draw(struct world *world, struct fault *fault)
{
	fault->value = 5 + draw(world, 96);
}

static void loss_begin(struct world *world, const struct fault *fault)
{
	world->lan.loss += (uint32_t)fault->value;
}

static void loss_end(struct world *world, const struct fault *fault)
{
	world->lan.loss -= (uint32_t)fault->value;
}

static void delay_draw(struct world *world, struct fault *fault)
{
	fault->value = 1 + draw(world, chance(world, 50) ? world->min_interval_ns : world->max_down_ns);
}

static void delay_begin(struct world *world, const struct fault *fault)
{
	world->lan.delay_ns += fault->value;
}

static void delay_end(struct world *world, const struct fault *fault)
{
	world->lan.delay_ns -= fault->value;
}

static void duplication_begin(struct world *world, const struct fault *fault)
{
	world->lan.duplication += (uint32_t)fault->value;
}

static void duplication_end(struct world *world, const struct fault *fault)
{
	world->lan.duplication -= (uint32_t)fault->value;
}

static void partition_draw(struct world *world, struct fault *fault)
{
	fault->other = (uint8_t)(1 + draw(world, (1ull << world->node_count) - 2));
}

static void partition(struct world *world, const struct fault *fault, int by)
{
	for (uint8_t i = 0; i < world->node_count; i++)
		for (uint8_t j = 0; j < world->node_count; j++)
			if ((fault->other >> i & 1) != (fault->other >> j & 1))
				world->lan.blocked[i][j] = (uint8_t)(world->lan.blocked[i][j] + by);
}

static void partition_begin(struct world *world, const struct fault *fault)
{
	partition(world, fault, 1);
}

static void partition_end(struct world *world, const struct fault *fault)
{
	partition(world, fault, -1);
}

static void one_way_draw(struct world *world, struct fault *fault)
{
	fault->other = (uint8_t)((fault->node + 1 + draw(world, world->node_count - 1u)) % world->node_count);
}

static void one_way_begin(struct world *world, const struct fault *fault)
{
	world->lan.blocked[fault->node][fault->other]++;
}

static void one_way_end(struct world *world, const struct fault *fault)
{
	world->lan.blocked[fault->node][fault->other]--;
}

/* Adverts with the best of claims, from anybody, that nobody has signed. */
static void forgery_begin(struct world *world, const struct fault *fault)
{
	for (int i = 0; i < FORGED; i++) {
		struct carp_key key = world->vrs[0].key;
		uint8_t frame[FRAME_ADVERT_LEN];
		bool is_bow_out = chance(world, 30);
		struct frame_advert advert = {
			.source = (uint32_t)random_next(&world->random) | 1,
			.group = 0x120000e0,
			.vhid = world->vrs[draw(world, world->vr_count)].vhid,
			.advbase = is_bow_out ? CARP_BOW_OUT : 0,
			.advskew = is_bow_out ? CARP_BOW_OUT : 1,
			.counter = random_next(&world->random),
		};

		key.hmac.inner[0] ^= (uint32_t)random_next(&world->random) | 1;
		frame_advert(frame, &advert, &key);
		lan_send(world, fault->node, frame, sizeof(frame));
	}
}

static void attack_begin(struct world *world, const struct fault *fault)
{
	(void)fault;
	world->was_attacked = true;
	if (!world->attacks++)
		queue_push(world, world->now_ns, EVENT_REPLAY, NO_NODE, NO_VR, 0);
}

static void attack_end(struct world *world, const struct fault *fault)
{
	(void)fault;
	world->attacks--;
}

/* A host's time. */

static void wall_clock_draw(struct world *world, struct fault *fault)
{
	fault->value = random_next(&world->random) >> (22 + draw(world, 20));
	if (chance(world, 50))
		fault->value = -fault->value;
}

static void wall_clock_begin(struct world *world, const struct fault *fault)
{
	node_of(world, fault)->host->wall_ns += (int64_t)fault->value;
}

static void stall_begin(struct world *world, const struct fault *fault)
{
	struct node *node = node_of(world, fault);

	node->stalls++;
	node->is_stalled = true;
}

static void stall_end(struct world *world, const struct fault *fault)
{
	struct node *node = node_of(world, fault);

	if (--node->stalls)
		return;
	node->is_stalled = false;
	if (node->host)
		host_resume(world, node);
	else
		peer_resume(world, node);
}

static void hiccups_begin(struct world *world, const struct fault *fault)
{
	node_of(world, fault)->host->hiccups++;
}

static void hiccups_end(struct world *world, const struct fault *fault)
{
	node_of(world, fault)->host->hiccups--;
}

/* A controller's life. */

static void crash_begin(struct world *world, const struct fault *fault)
{
	struct node *node = node_of(world, fault);

	if (node->host)
		host_crash(world, node);
	else
		peer_stop(world, node, false);
}

static void stop_begin(struct world *world, const struct fault *fault)
{
	struct node *node = node_of(world, fault);

	if (node->host)
		host_stop(world, node);
	else
		peer_stop(world, node, true);
}

static void hand_over_begin(struct world *world, const struct fault *fault)
{
	host_hand_over(world, node_of(world, fault));
}

/* One that was told to stop and has not come to it is killed first. */
static void start_again(struct world *world, const struct fault *fault)
{
	struct node *node = node_of(world, fault);

	if (node->is_running && node->host && node->host->is_told_to_stop)
		host_crash(world, node);
	if (node->is_running)
		return;
	if (node->host)
		host_start(world, node, chance(world, 75));
	else
		peer_start(world, node, chance(world, 50));
}

/* A model's interface, or process, with the next one in its place at once. */
static void made_anew_begin(struct world *world, const struct fault *fault)
{
	struct node *node = node_of(world, fault);

	if (!node->is_running)
		return;
	peer_stop(world, node, chance(world, 50));
	peer_start(world, node, true);
}

/* Its link. */

static void cut_begin(struct world *world, const struct fault *fault)
{
	struct node *node = node_of(world, fault);

	node->cuts++;
	if (node->host)
		host_tell_link(world, node);
	else
		peer_link(world, node);
}

static void cut_end(struct world *world, const struct fault *fault)
{
	struct node *node = node_of(world, fault);

	node->cuts--;
	if (node->host)
		host_tell_link(world, node);
	else
		peer_link(world, node);
}

static void interface_begin(struct world *world, const struct fault *fault)
{
	host_interface(world, node_of(world, fault), false);
}

static void interface_end(struct world *world, const struct fault *fault)
{
	host_interface(world, node_of(world, fault), true);
}

static void withdrawn_begin(struct world *world, const struct fault *fault)
{
	host_tell(world, node_of(world, fault), &(struct notice){ .kind = NOTICE_WITHDRAWN });
}

static void withdrawn_end(struct world *world, const struct fault *fault)
{
	host_tell_link(world, node_of(world, fault));
}

static void sending_draw(struct world *world, struct fault *fault)
{
	fault->value = 20 + draw(world, 81);
}

static void sending_begin(struct world *world, const struct fault *fault)
{
	struct host *host = node_of(world, fault)->host;

	host->send_failures = (uint8_t)(host->send_failures + fault->value);
}

static void sending_end(struct world *world, const struct fault *fault)
{
	struct host *host = node_of(world, fault)->host;

	host->send_failures = (uint8_t)(host->send_failures - fault->value);
}

/* Its addresses. */

static void refusal_begin(struct world *world, const struct fault *fault)
{
	node_of(world, fault)->host->refusals++;
}

static void refusal_end(struct world *world, const struct fault *fault)
{
	struct host *host = node_of(world, fault)->host;

	host->refusals--;
	for (uint16_t vr = 0; vr < world->vr_count; vr++)
		host->shadows[vr].vips_excused_ns = world->now_ns + 2 * NS_PER_S;
}

/* Somebody adds or removes an address, and may then take the link down and up. */
#define TAMPERS_WITH_LINK 256u

static void tamper_draw(struct world *world, struct fault *fault)
{
	fault->vr = (uint16_t)draw(world, world->vr_count);
	fault->value = draw(world, 2 * world->vrs[fault->vr].vip_count) | (chance(world, 30) ? TAMPERS_WITH_LINK : 0);
}

static void tamper_begin(struct world *world, const struct fault *fault)
{
	struct node *node = node_of(world, fault);

	host_tamper(world, node, fault->vr, (uint8_t)(fault->value % TAMPERS_WITH_LINK / 2), fault->value % 2);
	if (!(fault->value & TAMPERS_WITH_LINK))
		return;
	cut_begin(world, fault);
	cut_end(world, fault);
}

/* People. */

static void vr_draw(struct world *world, struct fault *fault)
{
	if (chance(world, 50))
		fault->vr = (uint16_t)draw(world, world->vr_count);
}

static void usr2_begin(struct world *world, const struct fault *fault)
{
	host_tell(world, node_of(world, fault), &(struct notice){ .kind = NOTICE_USR2 });
}

static void demotion_begin(struct world *world, const struct fault *fault)
{
	each_vr_commanded(world, fault, COMMAND_DEMOTE);
}

static void promotion_begin(struct world *world, const struct fault *fault)
{
	each_vr_commanded(world, fault, COMMAND_PROMOTE);
}

static void release_begin(struct world *world, const struct fault *fault)
{
	each_vr_commanded(world, fault, COMMAND_RELEASE);
}

static const struct {
	const char *name;
	void (*draw)(struct world *world, struct fault *fault); /* NULL: there is nothing to */
	void (*begin)(struct world *world, const struct fault *fault);
	void (*end)(struct world *world, const struct fault *fault);
	bool is_xcarps; /* befalls no model */
	bool is_clean; /* takes no frame from a LAN where all have xcarp */
	bool is_ours; /* takes frames from no model either */
} kinds[] = {
	{ "loss", loss_draw, loss_begin, loss_end, false, false, false },
	{ "delay", delay_draw, delay_begin, delay_end, false, false, false },
	{ "duplication", loss_draw, duplication_begin, duplication_end, false, false, false },
	{ "partition", partition_draw, partition_begin, partition_end, false, false, false },
	{ "one-way partition", one_way_draw, one_way_begin, one_way_end, false, false, false },
	{ "forgery", NULL, forgery_begin, NULL, false, true, true },
	{ "replays", NULL, attack_begin, attack_end, false, false, false },
	{ "wall clock set", wall_clock_draw, wall_clock_begin, NULL, true, true, true },
	{ "stall", NULL, stall_begin, stall_end, false, true, false },
	{ "hiccups", NULL, hiccups_begin, hiccups_end, true, true, true },
	{ "kill", NULL, crash_begin, start_again, false, true, true },
	{ "stop", NULL, stop_begin, start_again, false, true, true },
	{ "made anew", NULL, made_anew_begin, NULL, false, true, false },
	{ "hand-over", NULL, hand_over_begin, start_again, true, true, true },
	{ "link down", NULL, cut_begin, cut_end, false, true, false },
	{ "interface gone", NULL, interface_begin, interface_end, true, true, true },
	{ "interface withdrawn", NULL, withdrawn_begin, withdrawn_end, true, true, true },
	{ "sending fails", sending_draw, sending_begin, sending_end, true, false, false },
	{ "addresses refused", NULL, refusal_begin, refusal_end, true, true, true },
	{ "address tampered with", tamper_draw, tamper_begin, NULL, true, true, true },
	{ "USR2", NULL, usr2_begin, NULL, true, true, true },
	{ "demoted until released", vr_draw, demotion_begin, release_begin, true, true, true },
	{ "promoted until released", vr_draw, promotion_begin, release_begin, true, true, true },
};

#define KINDS (sizeof(kinds) / sizeof(*kinds))

const char *fault_name(const struct fault *fault)
{
	return kinds[fault->kind].name;
}

void fault_begin(struct world *world, const struct fault *fault)
{
	trace(world, TRACE_FAULT, fault->node, fault->vr, kinds[fault->kind].name, fault->other, fault->value);
	kinds[fault->kind].begin(world, fault);
}

void fault_end(struct world *world, const struct fault *fault)
{
	if (!kinds[fault->kind].end)
		return;
	trace(world, TRACE_FAULT_OVER, fault->node, fault->vr, kinds[fault->kind].name, fault->other, fault->value);
	kinds[fault->kind].end(world, fault);
}

static uint8_t kind_of(void (*begin)(struct world *world, const struct fault *fault))
{
	uint8_t kind = 0;

	while (kinds[kind].begin != begin)
		kind++;
	return kind;
}

/* Who is strict relies on everybody's clock. */
static bool is_beyond_protection(const struct world *world, uint8_t kind)
{
	return (kinds[kind].begin == made_anew_begin && !world->has_models) ||
	       (kinds[kind].begin == wall_clock_begin && world->replay == REPLAY_STRICT);
}

static uint8_t draw_kind(struct world *world, bool only_clean)
{
	uint8_t kind;

	do
		kind = (uint8_t)draw(world, KINDS);
	while ((only_clean && !kinds[kind].is_clean) || is_beyond_protection(world, kind));
	return kind;
}

static void draw_node(struct world *world, struct fault *fault)
{
	do
		fault->node = (uint8_t)draw(world, world->node_count);
	while ((kinds[fault->kind].is_xcarps && world->nodes[fault->node].kind != XCARP) ||
	       (kinds[fault->kind].begin == made_anew_begin && world->nodes[fault->node].kind == XCARP));
}

/* Somebody stays. */
static bool may_be_for_ever(const struct fault *fault)
{
	return fault->node && (kinds[fault->kind].begin == crash_begin || kinds[fault->kind].begin == stop_begin);
}

static void draw_fault(struct world *world, struct fault *fault, uint64_t horizon_ns, bool only_clean)
{
	*fault = (struct fault){ .kind = draw_kind(world, only_clean), .vr = NO_VR };
	draw_node(world, fault);
	fault->begin_ns = world->now_ns + draw(world, horizon_ns - world->now_ns);
	fault->end_ns = fault->begin_ns + 1 + draw(world, chance(world, 40) ? world->min_interval_ns : 2 * world->max_down_ns);
	fault->is_for_ever = may_be_for_ever(fault) && chance(world, 25);
	if (kinds[fault->kind].draw)
		kinds[fault->kind].draw(world, fault);
}

static uint64_t over_ns(const struct fault *fault)
{
	if (fault->is_for_ever || !kinds[fault->kind].end)
		return fault->begin_ns;
	return fault->end_ns + (kinds[fault->kind].begin == delay_begin ? fault->value : 0);
}

static bool is_clean(const struct world *world, const struct fault *fault)
{
	return world->nodes[fault->node].kind == XCARP ? kinds[fault->kind].is_clean : kinds[fault->kind].is_ours;
}

/*
 * How long it may take, after the last fault, until there is one master: somebody may have to wait for a hold to end, then for
 * his down time, and may find another one who did the same; the better one then tells the other with his next advert. Where
 * sending failed, intervals are as suppression has them, until three adverts were sent. Who counts below what another has
 * heard already (a ucarp after a partition or a replay, a clock set back) is not heard until he has heard the other.
 */
static uint64_t settling_ns(const struct world *world)
{
	uint64_t ns = 2 * world->max_down_ns + 3 * world->max_interval_ns + 3 * world->max_read_ns + 100 * NS_PER_MS;

	if (world->replay != REPLAY_OFF)
		ns += world->max_down_ns + 2 * world->max_interval_ns;
	if (world->may_be_suppressed)
		ns += 4 * (world->max_interval_ns + NS_PER_S);
	for (uint32_t i = 0; i < world->fault_count; i++)
		if (kinds[world->faults[i].kind].begin == usr2_begin)
			return ns + 3 * NS_PER_S;
	return ns;
}

/*
 * An OpenBSD that goes, somebody who counts on from its number, an xcarp that starts and hears only him, and the OpenBSD, back
 * with its number.
 */
static void rehearse(struct world *world)
{
	uint8_t openbsd = 1;

	while (openbsd < world->node_count && world->nodes[openbsd].kind != OPENBSD)
		openbsd++;
	if (openbsd == world->node_count || world->fault_count < 2 || !(world->has_kind[UCARP] || world->has_kind[FREEBSD]))
		return;
	for (int i = 0; i < 2; i++) {
		struct fault *fault = &world->faults[i];

		*fault = (struct fault){ .kind = kind_of(i ? crash_begin : stop_begin), .node = i ? 0 : openbsd, .vr = NO_VR };
		fault->begin_ns = world->now_ns + (i ? 3 : 2) * world->max_down_ns + draw(world, world->max_down_ns);
		fault->end_ns = fault->begin_ns + (i ? 1 : 4 * world->max_down_ns);
	}
}

void faults_draw(struct world *world, uint64_t horizon_ns)
{
	bool only_clean = chance(world, 33);

	world->fault_count = (uint32_t)(chance(world, 80) ? 1 + draw(world, 4) : draw(world, FAULTS_MAX + 1));
	world->is_clean = true;
	world->calm_ns = world->now_ns;
	for (uint32_t i = 0; i < world->fault_count; i++)
		draw_fault(world, &world->faults[i], horizon_ns, only_clean);
	if (world->has_kind[OPENBSD] && chance(world, 30))
		rehearse(world);
	for (uint32_t i = 0; i < world->fault_count; i++) {
		const struct fault *fault = &world->faults[i];

		world->is_clean &= is_clean(world, fault);
		world->may_be_suppressed |= kinds[fault->kind].begin == sending_begin || kinds[fault->kind].begin == interface_begin;
		world->is_asked |= kinds[fault->kind].begin == usr2_begin || kinds[fault->kind].begin == demotion_begin;
		queue_push(world, fault->begin_ns, EVENT_FAULT_BEGINS, fault->node, NO_VR, i);
		if (!fault->is_for_ever)
			queue_push(world, fault->end_ns, EVENT_FAULT_ENDS, fault->node, NO_VR, i);
		if (over_ns(fault) > world->calm_ns)
			world->calm_ns = over_ns(fault);
	}
	world->settled_ns = world->calm_ns + settling_ns(world);
}
