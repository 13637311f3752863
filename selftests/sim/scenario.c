// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a seed stands for: how many there are of what, how they are configured, and what befalls them. */
#include <stdlib.h>
#include <string.h>

#include "core/auth.h"
#include "sim.h"

#define TRIES 50
#define MARGIN_NS (12 * NS_PER_MS) /* of a down time over what a peer's adverts may be apart */

/*
 * A backup must either be able to rely on a master's adverts or know from them that it cannot: a down time that is only just
 * the interval is a configuration that flaps, and rightly.
 */
static bool go_together(const struct election_config *a, const struct election_config *b)
{
	uint64_t apart_ns = interval_ns(oracle_interval(a)), waits_ns = oracle_down_ns(b);

	return waits_ns < apart_ns || waits_ns >= apart_ns + apart_ns / 4 + MARGIN_NS;
}

static bool all_go_together(const struct world *world, uint16_t vr)
{
	for (uint8_t i = 0; i < world->node_count; i++)
		for (uint8_t j = 0; j < world->node_count; j++)
			if (i != j && !go_together(&world->nodes[i].configs[vr], &world->nodes[j].configs[vr]))
				return false;
	return true;
}

static struct election_config draw_config(struct world *world, uint8_t advbase, bool is_level)
{
	struct election_config config = { .advbase = advbase, .dead_ratio = 3, .preempt = chance(world, 40) };

	if (!is_level || !advbase)
		config.advskew = (uint8_t)(advbase ? draw(world, 256) : 8 + draw(world, 40));
	if (!is_level && chance(world, 20))
		config.dead_ratio = (uint16_t)(2 + draw(world, 4));
	if (!is_level && advbase && chance(world, 10))
		config.advbase = (uint8_t)(1 + draw(world, 3));
	return config;
}

/*
 * Two models of which one is a BSD's both yield where they are equal, and would do so again and again if they did it at once. That
 * is theirs; with one of xcarp they may well be equal.
 */
static void part_models(struct world *world, uint16_t vr)
{
	for (uint8_t i = 0; i < world->node_count; i++) {
		for (uint8_t j = 0; j < i; j++) {
			const struct node *a = &world->nodes[i], *b = &world->nodes[j];

			if (a->host || b->host || (a->kind == UCARP && b->kind == UCARP) ||
			    oracle_interval(&a->configs[vr]) != oracle_interval(&b->configs[vr]))
				continue;
			a->configs[vr].advskew = (uint8_t)((a->configs[vr].advskew + 7) % 254);
			j = UINT8_MAX; /* from the first one on */
		}
	}
}

static void draw_configs(struct world *world, uint16_t vr, uint8_t advbase)
{
	bool is_level = chance(world, 35);

	for (int try = 0; try < TRIES; try++) {
		struct election_config first = draw_config(world, advbase, is_level);

		for (uint8_t i = 0; i < world->node_count; i++) {
			struct election_config *config = &world->nodes[i].configs[vr];

			*config = draw_config(world, advbase, is_level);
			if (is_level || chance(world, 15))
				config->advskew = first.advskew;
			if (world->nodes[i].kind == FREEBSD || world->nodes[i].kind == OPENBSD) {
				config->dead_ratio = 3;
				config->advskew = config->advskew == 255 ? 254 : config->advskew;
			}
		}
		part_models(world, vr);
		if (all_go_together(world, vr))
			return;
	}
	for (uint8_t i = 0; i < world->node_count; i++)
		world->nodes[i].configs[vr] = (struct election_config){ .advbase = 1, .advskew = i, .dead_ratio = 3 };
}

static void draw_vr(struct world *world, uint16_t vr)
{
	struct vr_setup *setup = &world->vrs[vr];

	setup->vhid = (uint8_t)(vr + 1);
	setup->vip_count = (uint8_t)(1 + (chance(world, 20) ? draw(world, VIPS_MAX) : 0));
	for (uint8_t i = 0; i < setup->vip_count; i++) {
		setup->vips[i] = (struct vip){ .ip_version = 4, .prefix_len = 24, .address = { 10, 200, (uint8_t)vr, i } };
		if (i == VIPS_MAX - 1)
			setup->vips[i] = (struct vip){
				.ip_version = 6, .prefix_len = 64, .address = { 0xfd, [14] = (uint8_t)vr, [15] = i },
			};
	}
	auth_hmac_key(&setup->key.hmac, (const uint8_t *)"secret", 6, setup->vhid, setup->vips, setup->vip_count);
	world->vr_of_vhid[setup->vhid] = vr;
}

static void *make(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (!memory)
		abort();
	return memory;
}

static void make_host(struct world *world, struct node *node)
{
	static const uint32_t ring_rooms[] = { 8, 64, 1024 };
	struct host *host = make(1, sizeof(*host));

	node->host = host;
	host->world = world;
	host->node = node;
	host->monotonic_ns = NS_PER_S + draw(world, 10000000 * NS_PER_S);
	host->wall_ns = (int64_t)draw(world, NS_PER_S);
	host->ifindex = 2;
	host->next_ifindex = 3;
	host->wake_ns = NEVER;
	host->driver = make(world->vr_count, sizeof(*host->driver));
	host->held = make(world->vr_count, sizeof(*host->held));
	host->ours = make(world->vr_count, sizeof(*host->ours));
	host->options = make(world->vr_count, sizeof(*host->options));
	host->shadows = make(world->vr_count, sizeof(*host->shadows));
	host->ring_room = ring_rooms[draw(world, 3)];
	if (world->vr_count > 4)
		host->ring_room = 4096;
	host->ring = make(host->ring_room, sizeof(*host->ring));
}

static void make_node(struct world *world, uint8_t number, bool is_mixed, enum node_kind only)
{
	struct node *node = &world->nodes[number];
	const uint8_t source[4] = { 10, (uint8_t)draw(world, 3), (uint8_t)draw(world, 3), (uint8_t)(draw(world, 30) * 8 + number) };

	node->number = number;
	node->kind = number && is_mixed ? (enum node_kind)draw(world, NODE_KIND_COUNT) : XCARP;
	if (node->kind != XCARP && only != XCARP)
		node->kind = only;
	world->has_models |= node->kind != XCARP;
	memcpy(&node->source, source, sizeof(source));
	world->has_kind[node->kind] = true;
	node->mac[0] = 0x02;
	node->mac[5] = number;
	node->configs = make(world->vr_count, sizeof(*node->configs));
	node->cache = make(world->vr_count, sizeof(*node->cache));
	memset(node->cache, NO_NODE, world->vr_count * sizeof(*node->cache));
	if (node->kind == XCARP)
		make_host(world, node);
	else
		node->peers = make(world->vr_count, sizeof(*node->peers));
}

/* Most runs are small: what goes wrong, goes wrong between two or three, and many small ones see more than a large one. */
static void draw_sizes(struct world *world)
{
	uint64_t size = draw(world, 4000);

	world->node_count = (uint8_t)(2 + draw(world, 2));
	world->vr_count = (uint16_t)(1 + draw(world, size % 4 ? 1 : 4));
	if (size < 400)
		world->node_count = (uint8_t)(2 + draw(world, 4));
	if (size < 40) {
		world->node_count = (uint8_t)(2 + draw(world, NODES_MAX - 1));
		world->vr_count = (uint16_t)(1 + draw(world, 30));
	}
	if (!size)
		world->vr_count = (uint16_t)(1 + draw(world, VRS_MAX));
}

static void measure(struct world *world)
{
	world->min_interval_ns = NEVER;
	for (uint8_t i = 0; i < world->node_count; i++) {
		for (uint16_t vr = 0; vr < world->vr_count; vr++) {
			const struct election_config *config = &world->nodes[i].configs[vr];
			uint64_t down_ns = peer_down_ns(&world->nodes[i], vr), apart_ns = interval_ns(oracle_interval(config));

			world->max_down_ns = down_ns > world->max_down_ns ? down_ns : world->max_down_ns;
			world->max_interval_ns = apart_ns > world->max_interval_ns ? apart_ns : world->max_interval_ns;
			world->min_interval_ns = apart_ns < world->min_interval_ns ? apart_ns : world->min_interval_ns;
		}
	}
}

/* Who reads late is no later than an interval, and waits for longer than that, or no election could hold. */
static bool may_read_late(const struct world *world, const struct node *node, uint64_t latest_ns)
{
	for (uint16_t vr = 0; vr < world->vr_count; vr++)
		if (peer_down_ns(node, vr) <= world->max_interval_ns + latest_ns)
			return false;
	return node->kind == UCARP;
}

/* As late as an interval, they may be late by one advert each time. */
static void draw_late_readers(struct world *world)
{
	uint64_t latest_ns = world->min_interval_ns < NS_PER_S ? world->min_interval_ns : NS_PER_S;
	uint64_t every_ns = chance(world, 50) ? latest_ns : 1 + draw(world, latest_ns);

	if (chance(world, 30))
		return;
	for (uint8_t i = 0; i < world->node_count; i++) {
		if (!may_read_late(world, &world->nodes[i], latest_ns))
			continue;
		world->nodes[i].reads_every_ns = every_ns;
		world->max_read_ns = every_ns;
	}
}

static void start(struct world *world, struct node *node)
{
	if (node->host)
		host_start(world, node, false);
	else
		peer_start(world, node, true);
}

void scenario_make(struct world *world, uint64_t seed)
{
	enum node_kind only;
	uint8_t advbase;
	bool is_mixed;

	memset(world, 0, sizeof(*world));
	world->seed = world->random = seed;
	world->now_ns = NS_PER_S;
	memset(world->vr_of_vhid, 0xff, sizeof(world->vr_of_vhid));
	draw_sizes(world);
	is_mixed = chance(world, 30);
	/* Half of the mixed ones have models of one kind only. */
	only = (enum node_kind)(chance(world, 50) ? draw(world, NODE_KIND_COUNT) : XCARP);
	world->replay = chance(world, 10) ? REPLAY_OFF : !is_mixed && chance(world, 25) ? REPLAY_STRICT : REPLAY_AUTO;
	advbase = (uint8_t)(chance(world, 50) ? 0 : 1 + draw(world, 2));
	for (uint16_t vr = 0; vr < world->vr_count; vr++)
		draw_vr(world, vr);
	for (uint8_t i = 0; i < world->node_count; i++)
		make_node(world, i, is_mixed, only);
	if (world->has_kind[UCARP] || world->has_kind[FREEBSD])
		advbase = (uint8_t)(advbase ?: 1);
	for (uint16_t vr = 0; vr < world->vr_count; vr++)
		draw_configs(world, vr, advbase);
	measure(world);
	draw_late_readers(world);
	world->fence_after_ms = chance(world, 20) ? 10 : 0;
	faults_draw(world, world->now_ns + world->max_down_ns * (2 + draw(world, 6)));
	for (uint8_t i = 0; i < world->node_count; i++)
		start(world, &world->nodes[i]);
	queue_push(world, world->now_ns, EVENT_AUDIT, NO_NODE, NO_VR, 0);
	queue_push(world, world->settled_ns, EVENT_SETTLED, NO_NODE, NO_VR, 0);
	queue_push(world, world->settled_ns + 2 * world->max_down_ns, EVENT_END, NO_NODE, NO_VR, 0);
}

void scenario_free(struct world *world)
{
	for (uint8_t i = 0; i < world->node_count; i++) {
		free(world->nodes[i].configs);
		free(world->nodes[i].cache);
		free(world->nodes[i].peers);
		host_free(world->nodes[i].host);
	}
	free(world->constants.values);
	free(world->recorded);
	lan_free(&world->lan);
	queue_free(&world->queue);
}

void scenario_print(const struct world *world)
{
	static const char *const kinds[] = { "xcarp", "ucarp", "FreeBSD", "OpenBSD" };

	printf("# seed %llu: %u nodes, %u virtual routers; calm at %.3f, settled at %.3f\n", (unsigned long long)world->seed,
	       world->node_count, world->vr_count, (double)world->calm_ns / NS_PER_S, (double)world->settled_ns / NS_PER_S);
	for (uint8_t i = 0; i < world->node_count; i++) {
		const struct node *node = &world->nodes[i];
		const uint8_t *source = (const uint8_t *)&node->source;

		printf("# node %u %s %u.%u.%u.%u\n", i, kinds[node->kind], source[0], source[1], source[2], source[3]);
		for (uint16_t vr = 0; vr < world->vr_count; vr++)
			printf("#   vr %u: advbase %u advskew %u dead ratio %u%s\n", vr, node->configs[vr].advbase,
			       node->configs[vr].advskew, node->configs[vr].dead_ratio,
			       node->configs[vr].preempt ? " preempt" : "");
	}
	for (uint32_t i = 0; i < world->fault_count; i++) {
		const struct fault *fault = &world->faults[i];

		printf("# %12.6f to %.6f node %u: %s, other %u, value %llu\n", (double)fault->begin_ns / NS_PER_S,
		       (double)fault->end_ns / NS_PER_S, fault->node, fault_name(fault), fault->other,
		       (unsigned long long)fault->value);
	}
}
