// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "routers.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "../bpf/rig.h"
#include "../unit/random.h"

#define COUNT(table) (sizeof(table) / sizeof(*(table)))
#define NO_RING 7 /* an owner without one */

static const struct vip vip4[] = { { 4, 32, { 10, 1, 1, 252 } } };
static const struct vip vip6[] = { { 6, 128, { 0x20, 0x01, 0x0d, 0xb8, [15] = 0x10 } } };
static const struct vip love[] = { { 4, 32, { 10, 9, 9, 9 } } };
static const struct vip digits[] = { { 4, 32, { 192, 168, 200, 7 } } };
static const struct vip x[] = { { 4, 32, { 10, 9, 0, 250 } } };
static const struct vip word[] = { { 4, 32, { 10, 1, 12, 7 } } };
/* For each length of the last block something, the longest list among it. */
static struct vip many[CARP_VIPS_MAX];

static const struct secret ours = { "secret", 10, vip4, 1 };
static const struct secret ours6 = { "secret", 10, vip6, 1 };
static const struct secret eleven = { "Secret", 11, vip4, 1 };
static const struct secret eleven6 = { "s", 11, vip6, 1 };
static const struct secret twelve = { "secret", 12, vip4, 1 };
static const struct secret thirteen = { "secret", 13, vip4, 1 };
static const struct secret fourteen = { "secret", 14, vip4, 1 };
static const struct secret twenty = { "0123456789abcdefghij", 20, many, 12 };
static const struct secret twenty_one = { "0123456789abcdefghij", 21, many, 14 };
static const struct secret twenty_two = { "0123456789abcdefghij", 22, many, CARP_VIPS_MAX };
static const struct secret ucarp_love = { "love", 42, love, 1 };
static const struct secret ucarp_digits = { "0123456789abcdefghi", 255, digits, 1 };
static const struct secret ucarp_x = { "x", 1, x, 1 };
static const struct secret ucarp_word = { "pass-word_!%", 27, word, 1 };

static const struct strong_key strong_keys[CARP_SIPHASH_KEYS_MAX] = {
	{ 1, "first of them   " },
	{ 0x12345678, "second of them  " },
	{ UINT32_MAX, "third of them   " },
	{ 7, "fourth of them  " },
};
static const struct strong_key password_key = { 0, "of the password" };

/* Slots are given out in this order. */
static const struct place {
	const struct secret *secret;
	struct vr_key where;
	bool is_of_another_version;
	bool is_nowhere;
} places[] = {
	{ &ours, { .ip_version = 4 }, false, false },
	{ &ours, { .ip_version = 4, .vlan = 5 }, false, false },
	{ &ours, { .ip_version = 4, .vlan = 5, .inner_vlan = 6 }, false, false },
	{ &ours, { .ip_version = 4, .group = { 239, 1, 2, 3 } }, false, false },
	{ &ours6, { .ip_version = 6 }, false, false },
	{ &ours6, { .ip_version = 6, .vlan = 4095, .inner_vlan = 6 }, false, false },
	{ &eleven, { .ip_version = 4 }, false, false },
	{ &eleven6, { .ip_version = 6 }, false, false },
	{ &twenty, { .ip_version = 4 }, false, false },
	{ &twenty_one, { .ip_version = 6 }, false, false },
	{ &twenty_two, { .ip_version = 4, .vlan = 1 }, false, false },
	{ &ucarp_love, { .ip_version = 4 }, false, false },
	{ &ucarp_digits, { .ip_version = 4 }, false, false },
	{ &ucarp_x, { .ip_version = 4 }, false, false },
	{ &ucarp_word, { .ip_version = 4 }, false, false },
	{ &fourteen, { .ip_version = 4, .ifindex = 999 }, false, false },
	{ &twelve, { .ip_version = 4 }, true, true },
	{ &thirteen, { .ip_version = 4 }, false, true },
};

_Static_assert(COUNT(places) <= JUDGE_VRS_MAX, "room for all");

static void make_vips(void)
{
	for (uint8_t i = 0; i < CARP_VIPS_MAX; i++)
		many[i] = i % 3 ? (struct vip){ 4, 32, { 10, 0, i, (uint8_t)(7 * i + 1) } } :
				  (struct vip){ 6, 128, { 0x20, 0x01, i, [15] = (uint8_t)(200 - i) } };
}

/* That of a password, or some of a file. */
static void give_keys(struct judge_vr *vr, uint64_t *seed)
{
	bool has_file = random_below(seed, 2);

	vr->strong = has_file ? strong_keys : &password_key;
	vr->n_strong = has_file ? 1 + random_below(seed, COUNT(strong_keys)) : 1;
}

static struct vr_entry make_entry(const struct place *place, uint32_t number, uint64_t *seed)
{
	struct vr_entry entry = {
		.abi_version = XCARP_ABI_VERSION + place->is_of_another_version,
		.slot = place->is_nowhere ? RIG_SLOTS : number,
		.generation = (uint32_t)random_next(seed),
		.index = (uint32_t)random_next(seed),
		.owner = random_below(seed, 8) ? (uint16_t)random_below(seed, RIG_OWNERS) : NO_RING,
		.auth = (uint8_t)(random_below(seed, 2) ? AUTH_HMAC_SHA1 : random_below(seed, AUTH_MODE_COUNT)),
		.tap = !random_below(seed, 4),
		.every = !random_below(seed, 4),
	};

	if (place->where.ip_version == 4)
		inet_pton(AF_INET, RIG_OWN_IPV4, entry.source);
	else
		inet_pton(AF_INET6, RIG_OWN_IPV6, entry.source);
	return entry;
}

static struct vr_key make_key(const struct place *place)
{
	static const uint8_t group4[4] = { 224, 0, 0, 18 }, group6[4] = { 0, 0, 0, 0x12 };
	struct vr_key where = place->where;

	where.vhid = place->secret->vhid;
	if (!where.ifindex)
		where.ifindex = RIG_IFINDEX;
	if (!where.group[0])
		memcpy(where.group, where.ip_version == 4 ? group4 : group6, 4);
	return where;
}

/* Of two with the same address the first has it. */
static void add_vip(struct judge *judge, const struct judge_vr *vr, const struct vip *vip, uint64_t *seed)
{
	struct vip_key key = { .ifindex = vr->where.ifindex, .ip_version = vip->ip_version };

	memcpy(key.address, vip->address, sizeof(key.address));
	/* Of some the bit is missing: they are not looked at, whatever else would be. */
	if (random_below(seed, 4))
		judge->vip_endings |= UINT64_C(1) << vip->address[vip->ip_version == 6 ? 15 : 3] % 64;
	for (size_t i = 0; i < judge->vip_count; i++)
		if (!memcmp(&judge->vips[i].key, &key, sizeof(key)))
			return;
	judge->vips[judge->vip_count].key = key;
	judge->vips[judge->vip_count++].entry = (struct vip_entry){
		.slot = vr->entry.slot,
		.vhid = vr->where.vhid,
		.prefix_len = vip->prefix_len,
		.held = !!random_below(seed, 4),
	};
}

static void set_limits(struct judge_vr *vr, uint64_t *seed)
{
	static const uint8_t modes[] = { REPLAY_AUTO, REPLAY_AUTO, REPLAY_AUTO, REPLAY_STRICT, REPLAY_OFF };
	static const uint32_t fences_us[] = { 0, 10, 1000, 100000 };

	vr->live->replay = modes[random_below(seed, COUNT(modes))];
	vr->live->fence_after_us = fences_us[random_below(seed, COUNT(fences_us))];
}

void routers_make(struct judge *judge, struct vr_live live[RIG_SLOTS], uint64_t *seed)
{
	make_vips();
	memset(live, 0, RIG_SLOTS * sizeof(*live));
	judge->count = COUNT(places);
	judge->vip_count = 0;
	judge->vip_endings = 0;
	if (judge->stranger_count)
		memset(judge->strangers, 0, sizeof(judge->strangers));
	judge->stranger_count = 0;
	judge->watch_until_ns = 0;
	for (uint32_t i = 0; i < COUNT(places); i++) {
		struct judge_vr *vr = &judge->vrs[i];

		free(vr->memory.singles);
		*vr = (struct judge_vr){
			.secret = places[i].secret,
			.where = make_key(&places[i]),
			.entry = make_entry(&places[i], i, seed),
			.live = places[i].is_nowhere ? NULL : &live[i],
		};
		vr->has_ring = vr->entry.owner < RIG_OWNERS;
		if (vr->entry.auth != AUTH_HMAC_SHA1)
			give_keys(vr, seed);
		if (!vr->live)
			continue;
		vr->live->state = BACKUP;
		vr->live->generation = vr->entry.generation;
		vr->live->index = vr->entry.index;
		vr->live->claimed_by = (uint16_t)(vr->entry.owner + 1);
		vr->live->mac[5] = (uint8_t)random_below(seed, 4);
		set_limits(vr, seed);
		for (size_t vip = 0; vip < vr->secret->n_vips; vip++)
			add_vip(judge, vr, &vr->secret->vips[vip], seed);
	}
}
