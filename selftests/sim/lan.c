// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One Ethernet segment. A frame goes to everybody else, to each by itself: so that some hear it and others do not, in
 * other orders, or twice. Beside each node there is a client with an ARP cache, who hears what the node hears.
 */
#include <stdlib.h>
#include <string.h>

#include "core/auth.h"
#include "sim.h"

#define NO_FRAME UINT32_MAX
#define CARP_AT (14 + 20)
#define SOURCE_AT 26
#define ARP_SENDER_AT 28
#define NA_TARGET_AT 62

static bool is_advert(const uint8_t *bytes, size_t len)
{
	return len == FRAME_ADVERT_LEN && bytes[12] == 0x08 && bytes[13] == 0x00 && bytes[23] == CARP_IPPROTO;
}

/* By the real key: a digest is looked at once, however many hear the frame. */
static bool is_authentic(const struct world *world, const uint8_t *bytes)
{
	uint16_t vr = world->vr_of_vhid[bytes[CARP_AT + 1]];
	uint8_t md[CARP_MD_LEN];
	uint64_t counter = 0;

	if (vr == NO_VR)
		return false;
	for (int i = 0; i < 8; i++)
		counter = counter << 8 | bytes[CARP_AT + 8 + i];
	auth_hmac(&world->vrs[vr].key.hmac, counter, md);
	return !memcmp(md, bytes + CARP_AT + 16, sizeof(md));
}

static uint32_t frame_take(struct lan *lan)
{
	uint32_t number = lan->first_free;

	if (lan->frame_count && number != NO_FRAME) {
		lan->first_free = lan->frames[number].next_free;
		return number;
	}
	number = lan->frame_count;
	lan->frame_count = number ? number * 2 : 64;
	lan->frames = reallocarray(lan->frames, lan->frame_count, sizeof(*lan->frames));
	if (!lan->frames)
		abort();
	for (uint32_t i = number; i < lan->frame_count; i++)
		lan->frames[i].next_free = i + 1 < lan->frame_count ? i + 1 : NO_FRAME;
	lan->first_free = number + 1;
	return number;
}

static void frame_give(struct lan *lan, uint32_t number)
{
	lan->frames[number].next_free = lan->first_free;
	lan->first_free = number;
}

/* Addresses are made so that their last two bytes tell which they are: see scenario.c. */
static void client_hears(struct world *world, struct node *node, const struct lan_frame *frame)
{
	const uint8_t *vip = frame->bytes + (frame->len == FRAME_ARP_LEN ? ARP_SENDER_AT + 2 : NA_TARGET_AT + 14);

	if (vip[0] < world->vr_count && vip[1] < VIPS_MAX)
		node->cache[vip[0]][vip[1]] = frame->from;
}

static void schedule(struct world *world, uint32_t number, uint8_t to)
{
	struct lan *lan = &world->lan;
	uint64_t at_ns = world->now_ns + LAN_DELAY_NS / 8 + draw(world, LAN_DELAY_NS * 7 / 8);
	uint64_t reads_every_ns = world->nodes[to].reads_every_ns;

	if (lan->delay_ns)
		at_ns += draw(world, lan->delay_ns);
	if (reads_every_ns)
		at_ns += reads_every_ns - at_ns % reads_every_ns;
	lan->frames[number].deliveries++;
	queue_push(world, at_ns, EVENT_FRAME, to, NO_VR, number);
}

void lan_send(struct world *world, uint8_t from, const uint8_t *bytes, size_t len)
{
	struct lan *lan = &world->lan;
	struct lan_frame *frame;
	uint32_t number;

	if (world->nodes[from].cuts)
		return;
	number = frame_take(lan);
	frame = &lan->frames[number];
	*frame = (struct lan_frame){ .len = (uint8_t)len, .from = from };
	memcpy(frame->bytes, bytes, len);
	if (is_advert(bytes, len)) {
		frame->is_authentic = is_authentic(world, bytes);
		world->recorded = grow(world->recorded, &world->recorded_room, world->recorded_count + 1, sizeof(*world->recorded));
		memcpy(world->recorded[world->recorded_count++], bytes, len);
	} else {
		client_hears(world, &world->nodes[from], frame);
	}
	for (uint8_t to = 0; to < world->node_count; to++) {
		if (to == from || lan->blocked[from][to] || (lan->loss && chance(world, lan->loss)))
			continue;
		schedule(world, number, to);
		if (lan->duplication && chance(world, lan->duplication))
			schedule(world, number, to);
	}
	if (!frame->deliveries)
		frame_give(lan, number);
}

static void mend_sum(uint8_t *carp)
{
	uint32_t sum = 0;

	carp[6] = carp[7] = 0;
	for (size_t i = 0; i < sizeof(struct carp_header); i += 2)
		sum += (uint32_t)carp[i] << 8 | carp[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	carp[6] = (uint8_t)(~sum >> 8);
	carp[7] = (uint8_t)~sum;
}

/* Half of the time one and the same for a while, as if somebody lived by it: mostly one of the last. */
static uint32_t draw_recorded(struct world *world)
{
	uint32_t count = world->recorded_count;

	if (chance(world, 3) || world->repeated >= count)
		world->repeated = count - 1 - (uint32_t)draw(world, chance(world, 70) && count > 4 ? 4 : count);
	return chance(world, 50) ? world->repeated : (uint32_t)draw(world, count);
}

/* An attacker sends again what he has recorded, with a better claim or as a bow-out, and as if from somebody else. */
void lan_replay(struct world *world)
{
	uint8_t frame[FRAME_ADVERT_LEN];

	if (!world->recorded_count)
		return;
	memcpy(frame, world->recorded[draw_recorded(world)], sizeof(frame));
	if (chance(world, 50)) {
		bool is_bow_out = chance(world, 30);

		frame[CARP_AT + 2] = is_bow_out ? CARP_BOW_OUT : (uint8_t)draw(world, 21);
		frame[CARP_AT + 5] = is_bow_out ? CARP_BOW_OUT : frame[CARP_AT + 5];
		mend_sum(frame + CARP_AT);
	}
	if (chance(world, 30))
		memcpy(frame + SOURCE_AT, &world->nodes[draw(world, world->node_count)].source, 4);
	else if (chance(world, 20))
		frame[SOURCE_AT + 3] = (uint8_t)draw(world, 256);
	lan_send(world, (uint8_t)draw(world, world->node_count), frame, sizeof(frame));
}

void lan_deliver(struct world *world, uint8_t to, uint32_t number)
{
	struct lan_frame frame = world->lan.frames[number];
	struct node *node = &world->nodes[to];

	if (!--world->lan.frames[number].deliveries)
		frame_give(&world->lan, number);
	if (world->lan.blocked[frame.from][to])
		return;
	if (!is_advert(frame.bytes, frame.len))
		client_hears(world, node, &frame);
	else if (node->cuts)
		return;
	else if (node->host)
		driver_receive(world, node, &frame);
	else
		peer_receive(world, node, &frame);
}

void lan_free(struct lan *lan)
{
	free(lan->frames);
}
