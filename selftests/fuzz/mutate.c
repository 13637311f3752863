// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "mutate.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

#include "../unit/random.h"
#include "../unit/vectors.h"
#include "core/auth.h"
#include "core/frame.h"

#define COUNT(table) (sizeof(table) / sizeof(*(table)))
#define FRAME_MIN 14

static const char *const sources4[] = { "10.9.0.1", "10.9.0.1", "10.9.0.3", "10.9.0.2" /* our own */, "192.0.2.7" };
static const char *const sources6[] = { "fe80::1", "fe80::1", "fe80::3", "fe80::2" /* our own */, "2001:db8::7" };
static const uint8_t bytes_of_interest[] = { 0,	   1,	 2,    4,    5,	   6,	 7,    8,    10,   17,	 18,   36,
					     44,   56,	 112,  127,  128,  129,	 224,  240,  254,  255,	 0x20, 0x21,
					     0x22, 0x31, 0x41, 0x45, 0x46, 0x4f, 0x60, 0x81, 0x86, 0x88, 0xa8, 0xdd };

static uint32_t below(struct mutator *m, uint32_t n)
{
	return random_below(&m->seed, n);
}

static bool one_in(struct mutator *m, uint32_t n)
{
	return !below(m, n);
}

static uint8_t any_byte(struct mutator *m)
{
	return one_in(m, 2) ? bytes_of_interest[below(m, COUNT(bytes_of_interest))] : (uint8_t)below(m, 256);
}

static const struct judge_vr *any_vr(struct mutator *m)
{
	return &m->judge->vrs[below(m, (uint32_t)m->judge->count)];
}

/* Where frames come from. */

/* Where somebody would be who has not heard our last ones. */
static uint64_t counter_below_our_own(struct mutator *m, const struct judge_vr *vr)
{
	static const uint64_t edges[] = { 1, 1 << 16, (1 << 16) + 1, 1 << 8, (1 << 18) - 1, (1 << 18) - 256, (1 << 18) - 257, 1ull << 36, (1ull << 36) - 1, (1ull << 36) + 1, 1ull << 50,
					  (1ull << 58) - (1 << 16), 1ull << 58 };

	if (!vr->live)
		return 0;
	return vr->live->sent_counter - edges[below(m, COUNT(edges))] - (one_in(m, 2) ? vr->live->down_ns : 0);
}

/* Just where it begins or ends to be a fresh one. */
static uint64_t counter_at_an_edge(struct mutator *m, const struct judge_vr *vr)
{
	static const uint64_t edges[] = { 0, 1, 2, 1 << 15, (1 << 15) + 1, 1 << 16, (1 << 16) + 1, 1ull << 40, (1ull << 40) + 1 };
	const struct judge_run *run = &vr->memory.runs[below(m, 3)];
	const struct judge_gap *gap = &vr->memory.gaps[below(m, COUNT(vr->memory.gaps))];

	switch (below(m, 6)) {
	case 5:
		return (one_in(m, 2) ? gap->from : gap->to) + edges[below(m, COUNT(edges))] - below(m, 3);
	case 0:
		return run->low - (1ull << 44) - below(m, 2);
	case 4:
		return counter_below_our_own(m, vr);
	case 1:
		return (vr->live ? vr->live->sent_counter : 0) + edges[below(m, COUNT(edges))];
	default:
		return run->high + edges[below(m, COUNT(edges))];
	}
}

/* Of peers that count up from different places, mostly. */
static uint64_t any_counter(struct mutator *m, const struct judge_vr *vr)
{
	uint64_t *counter = &m->counters[one_in(m, 2) ? 0 : below(m, COUNT(m->counters))];

	switch (below(m, 8)) {
	case 0:
		return random_next(&m->seed);
	case 1:
		return *counter - below(m, 100);
	case 2:
		return counter_at_an_edge(m, vr);
	default:
		return *counter += 1 + below(m, 3);
	}
}

/* Mostly as the virtual router wants it. */
static bool is_strong(struct mutator *m, const struct judge_vr *vr)
{
	return vr->entry.auth == AUTH_HMAC_SHA1 ? one_in(m, 32) :
	       vr->entry.auth == AUTH_SIPHASH	? !one_in(m, 8) :
						  one_in(m, 2);
}

static const struct strong_key *any_key(struct mutator *m, const struct judge_vr *vr)
{
	static const struct strong_key strangers[] = {
		{ 0, "of a password" }, { 1, "of a stranger" }, { 77, "of nobody here" }, { 0, "" }
	};

	return vr->n_strong && !one_in(m, 8) ? &vr->strong[below(m, (uint32_t)vr->n_strong)] :
					       &strangers[below(m, COUNT(strangers))];
}

static void add_tag(struct mutator *m, struct advert *advert, int *tags, uint16_t vlan)
{
	advert->vlans[(*tags)++] = (struct vlan){
		.tpid = one_in(m, 4) ? 0x88a8 : 0x8100,
		.tci = (uint16_t)(vlan | below(m, 16) << 12),
	};
}

/* With tags of priority only now and then, which say of no VLAN. */
static void add_tags(struct mutator *m, struct advert *advert, const struct vr_key *where)
{
	int tags = 0;

	if (one_in(m, 8))
		add_tag(m, advert, &tags, 0);
	if (where->vlan)
		add_tag(m, advert, &tags, where->vlan);
	if (where->inner_vlan && tags < FRAME_TAGS_MAX)
		add_tag(m, advert, &tags, where->inner_vlan);
	if (tags < FRAME_TAGS_MAX && one_in(m, 16))
		add_tag(m, advert, &tags, one_in(m, 2) ? 0 : 5);
}

static void from_builder(struct mutator *m, struct frame *frame)
{
	const struct judge_vr *vr = any_vr(m);
	bool is_ipv4 = vr->where.ip_version == 4;
	char group[INET6_ADDRSTRLEN];
	struct advert advert = {
		.source = is_ipv4 ? sources4[below(m, COUNT(sources4))] : sources6[below(m, COUNT(sources6))],
		.group = is_ipv4 ? inet_ntop(AF_INET, vr->where.group, group, sizeof(group)) : NULL,
		.options_len = (uint8_t)(one_in(m, 4) ? 4 * below(m, 11) : 0),
		.advbase = one_in(m, 8) ? any_byte(m) : 1,
		.advskew = one_in(m, 4) ? any_byte(m) : 0,
		.demote = one_in(m, 16) ? any_byte(m) : 0,
		.counter = any_counter(m, vr),
	};

	add_tags(m, &advert, &vr->where);
	if (is_strong(m, vr))
		advert.strong = any_key(m, vr);
	frame_build(frame, &advert, vr->secret);
}

/* As the controller itself sends them. */
static void from_controller(struct mutator *m, struct frame *frame)
{
	const struct judge_vr *vr = any_vr(m);
	struct frame_advert advert = {
		.broadcast = one_in(m, 8),
		.ip_id = (uint16_t)below(m, 65536),
		.vhid = vr->secret->vhid,
		.advbase = 1,
		.advskew = (uint8_t)below(m, 256),
		.counter = any_counter(m, vr),
	};
	struct carp_key key;

	advert.is_strong = vr->n_strong && is_strong(m, vr);
	inet_pton(AF_INET, sources4[below(m, COUNT(sources4))], &advert.source);
	memcpy(&advert.group, vr->where.group, sizeof(advert.group));
	frame_ucarp_mac(advert.source_mac, advert.vhid);
	frame_siphash_keys(&key.siphash, vr->strong, vr->n_strong);
	auth_hmac_key(&key.hmac, (const uint8_t *)vr->secret->password, strlen(vr->secret->password), vr->secret->vhid,
		      vr->secret->vips, vr->secret->n_vips);
	*frame = (struct frame){ .len = FRAME_ADVERT_LEN, .ip = 14, .carp = 34, .ip_version = 4 };
	frame_advert(frame->bytes, &advert, &key);
}

static void from_ucarp(struct mutator *m, struct frame *frame)
{
	static struct frame_vector vectors[VECTORS_MAX];
	static size_t count;

	if (!count)
		count = vectors_frames(vectors);
	*frame = (struct frame){ .len = VECTOR_FRAME_LEN, .ip = 14, .carp = 34, .ip_version = 4 };
	memcpy(frame->bytes, vectors[below(m, (uint32_t)count)].frame, VECTOR_FRAME_LEN);
}

static void from_history(struct mutator *m, struct frame *frame)
{
	if (m->heard)
		*frame = m->history[below(m, m->heard < MUTATE_HISTORY ? m->heard : MUTATE_HISTORY)];
	else
		from_ucarp(m, frame);
}

/* VRRP of version 2 or 3, with so many addresses. */
static void from_keepalived(struct mutator *m, struct frame *frame)
{
	uint8_t payload[8 + 4 * 20 + 8] = { 0 };
	uint8_t addresses = (uint8_t)(one_in(m, 2) ? 7 : 1 + below(m, 20));
	bool is_v2 = one_in(m, 2);

	from_builder(m, frame);
	payload[0] = is_v2 ? 0x21 : 0x31;
	payload[1] = frame->bytes[frame->carp + 1];
	payload[2] = 100;
	payload[3] = addresses;
	frame_replace_payload(frame, 112, payload, (size_t)(8 + addresses * 4 + (is_v2 ? 8 : 0)));
}

static void from_nowhere(struct mutator *m, struct frame *frame)
{
	frame_build_arp(frame);
	frame->ip_version = 6;
	if (one_in(m, 2))
		return;
	frame->len = FRAME_MIN + below(m, FRAME_BYTES_MAX - FRAME_MIN);
	random_bytes(&m->seed, frame->bytes, frame->len);
	if (one_in(m, 2))
		memcpy(frame->bytes + 12, one_in(m, 2) ? "\x08\x00" : "\x86\xdd", 2);
}

/* Who has this address, or: I have it, as often as not with our own MAC. What is mended in an advert lies behind the end here. */
static void from_neighbour(struct mutator *m, struct frame *frame)
{
	const struct vip_key *vip = &m->judge->vips[below(m, (uint32_t)m->judge->vip_count)].key;
	struct advert advert = { .source = vip->ip_version == 4 ? sources4[0] : sources6[0] };
	uint8_t arp[28] = { 0, 1, 8, 0, 6, 4, 0, 1, 0, 0, 0x5e, 0, 1, 10, 10, 9, 0, 1 }, discovery[24] = { 135 };
	const uint8_t own_mac[6] = { [5] = (uint8_t)below(m, 4) };
	bool is_claim = one_in(m, 2), has_own_mac = one_in(m, 2);

	frame_build(frame, &advert, any_vr(m)->secret);
	if (has_own_mac)
		memcpy(frame->bytes + 6, own_mac, sizeof(own_mac));
	if (vip->ip_version == 4) {
		memcpy(arp + 24, vip->address, 4);
		if (is_claim)
			memcpy(arp + 14, vip->address, 4);
		if (has_own_mac)
			memcpy(arp + 8, own_mac, sizeof(own_mac));
		memcpy(frame->bytes + 12, "\x08\x06", 2);
		memcpy(frame->bytes + 14, arp, sizeof(arp));
		frame->len = 14 + sizeof(arp);
	} else {
		discovery[0] += is_claim;
		memcpy(discovery + 8, vip->address, 16);
		frame_replace_payload(frame, 58, discovery, sizeof(discovery));
	}
	frame->ip_version = 6;
	frame->carp = FRAME_BYTES_MAX - 64;
}

static void take_frame(struct mutator *m, struct frame *frame)
{
	uint32_t draw = below(m, 32);

	if (draw < 17)
		from_builder(m, frame);
	else if (draw < 21)
		from_controller(m, frame);
	else if (draw < 24)
		from_ucarp(m, frame);
	else if (draw < 29)
		from_history(m, frame);
	else if (draw < 30)
		from_keepalived(m, frame);
	else if (draw < 31)
		from_neighbour(m, frame);
	else
		from_nowhere(m, frame);
}

/* What is done to them. */

static void flip_bit(struct mutator *m, struct frame *frame)
{
	frame->bytes[below(m, (uint32_t)frame->len)] ^= (uint8_t)(1u << below(m, 8));
}

static void set_byte(struct mutator *m, struct frame *frame)
{
	frame->bytes[below(m, (uint32_t)frame->len)] = any_byte(m);
}

/* The part of the header that has fields. */
static void set_carp_byte(struct mutator *m, struct frame *frame)
{
	frame->bytes[frame->carp + below(m, 8)] = any_byte(m);
}

static void set_ip_byte(struct mutator *m, struct frame *frame)
{
	frame->bytes[frame->ip + below(m, frame->ip_version == 4 ? 20 : 40)] = any_byte(m);
}

static void set_counter(struct mutator *m, struct frame *frame)
{
	uint64_t counter = any_counter(m, any_vr(m));

	for (int i = 0; i < 8; i++)
		frame->bytes[frame->carp + 8 + (size_t)i] = (uint8_t)(counter >> (56 - 8 * i));
}

static void cut(struct mutator *m, struct frame *frame)
{
	frame->len = FRAME_MIN + below(m, (uint32_t)frame->len - FRAME_MIN + 1);
}

static void cut_near_the_end(struct mutator *m, struct frame *frame)
{
	size_t less = below(m, 4);

	if (frame->len > FRAME_MIN + less)
		frame->len -= less;
}

static void pad(struct mutator *m, struct frame *frame)
{
	size_t more = below(m, FRAME_BYTES_MAX - (uint32_t)frame->len + 1);

	random_bytes(&m->seed, frame->bytes + frame->len, more);
	frame->len += more;
}

static void set_fragment(struct mutator *m, struct frame *frame)
{
	static const uint8_t words[][2] = { { 0x20, 0 }, { 0, 1 }, { 0x1f, 0xff }, { 0x80, 0 }, { 0x40, 0 }, { 0, 0 } };

	if (frame->ip_version == 4)
		memcpy(frame->bytes + frame->ip + 6, words[below(m, COUNT(words))], 2);
}

static void set_length(struct mutator *m, struct frame *frame)
{
	static const uint16_t lens[] = { 36, 35, 37, 44, 0, 20, 56, 65535 };

	frame_set_payload_len(frame, lens[below(m, COUNT(lens))]);
}

static void insert_tag(struct mutator *m, struct frame *frame)
{
	if (frame->len + 4 > FRAME_BYTES_MAX || frame->carp > 120)
		return;
	memmove(frame->bytes + 16, frame->bytes + 12, frame->len - 12);
	frame->bytes[12] = one_in(m, 2) ? 0x81 : 0x88;
	frame->bytes[13] = frame->bytes[12] == 0x81 ? 0x00 : 0xa8;
	frame->bytes[14] = (uint8_t)(below(m, 16) << 4);
	frame->bytes[15] = one_in(m, 2) ? 0 : any_byte(m);
	frame->len += 4;
	frame->ip += 4;
	frame->carp += 4;
}

static void remove_tag(struct mutator *m, struct frame *frame)
{
	(void)m;
	if (frame->ip < 18 || frame->len < FRAME_MIN + 4)
		return;
	memmove(frame->bytes + 12, frame->bytes + 16, frame->len - 16);
	frame->len -= 4;
	frame->ip -= 4;
	frame->carp -= 4;
}

/* The two forms of zero among them. */
static void set_checksum(struct mutator *m, struct frame *frame)
{
	uint8_t *at = frame->bytes + (one_in(m, 2) ? frame->ip + 10 : frame->carp + 6);

	at[0] = at[1] = one_in(m, 2) ? 0 : 255;
}

/* Makes the rest of the CARP header sum up to all ones, so that its checksum is one of the forms of zero. */
static void sum_to_zero(struct mutator *m, struct frame *frame)
{
	uint8_t *carp = frame->bytes + frame->carp;
	uint32_t sum = 0;

	carp[34] = carp[35] = carp[6] = carp[7] = 0;
	for (size_t i = 0; i < sizeof(struct carp_header); i += 2)
		sum += (uint32_t)carp[i] << 8 | carp[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	carp[34] = (uint8_t)(~sum >> 8);
	carp[35] = (uint8_t)~sum;
	carp[6] = carp[7] = one_in(m, 2) ? 0 : 255;
}

static void (*const mutations[])(struct mutator *m, struct frame *frame) = {
	flip_bit,    flip_bit,	  set_byte,   set_carp_byte,	set_carp_byte, set_ip_byte,
	set_ip_byte, set_counter, cut,	      cut_near_the_end, pad,	       set_fragment,
	set_length,  insert_tag,  remove_tag, set_checksum,	sum_to_zero,
};

/* So that what was done is not found out by a checksum alone. */
static void mend(struct mutator *m, struct frame *frame)
{
	const struct judge_vr *vr = judge_vr_of(m->judge, frame->bytes[frame->carp + 1]);

	if (vr && one_in(m, 4)) {
		frame->strong = frame->bytes[frame->carp] >> 4 == CARP_VERSION_STRONG ? any_key(m, vr) : NULL;
		frame_sign(frame, vr->secret);
	} else if (!one_in(m, 4)) {
		frame_mend_checksum(frame);
	}
	if (!one_in(m, 4))
		frame_mend_ip_checksum(frame);
}

void mutate_start(struct mutator *mutator, uint64_t seed, const struct judge *judge)
{
	mutator->seed = seed;
	mutator->judge = judge;
	mutator->heard = 0;
	for (size_t i = 0; i < COUNT(mutator->counters); i++)
		mutator->counters[i] = random_next(&mutator->seed);
}

void mutate_next(struct mutator *mutator, struct frame *frame)
{
	uint32_t times;

	take_frame(mutator, frame);
	if (one_in(mutator, 8))
		mutator->history[mutator->heard++ % MUTATE_HISTORY] = *frame;
	for (times = one_in(mutator, 3) ? 0 : 1 + below(mutator, 3); times; times--) {
		mutations[below(mutator, COUNT(mutations))](mutator, frame);
		if (one_in(mutator, 2))
			mend(mutator, frame);
	}
}
