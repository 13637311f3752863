// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The program against adverts that it did not see built: frames of ucarp 1.5.2 as they were on the wire, each of
 * their bits turned over in turn, and digests for address lists that ucarp cannot make.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "frames.h"
#include "rig.h"
#include "../tap.h"
#include "../unit/vectors.h"

#define IP 14
#define CARP 34
#define ANY_REFUSAL (-3)

/* Which counter a frame without options moves if one bit of it is turned over. */
static int verdict_after_flip(size_t at, uint8_t mask)
{
	switch (at) {
	case 0 ... 11: /* MAC addresses */
		return ACCEPTED;
	case 12 ... 13: /* ethertype */
	case IP + 9: /* protocol */
		return VERDICT_NONE;
	case IP: /* a longer header makes an advert of what follows it */
		return mask > 8 || mask == 4 ? DROP_BAD_LENGTH : ANY_REFUSAL;
	case IP + 2 ... IP + 3:
		return DROP_BAD_LENGTH;
	case IP + 6:
		if (mask == 0x20)
			return DROP_FRAGMENT;
		return mask > 0x20 ? DROP_BAD_IP_CHECKSUM : PASS_UNREADABLE;
	case IP + 7:
		return PASS_UNREADABLE;
	case IP + 8:
		return DROP_BAD_TTL;
	case IP + 1:
	case IP + 4 ... IP + 5:
	case IP + 10 ... IP + 15:
		return DROP_BAD_IP_CHECKSUM;
	case IP + 16 ... IP + 19: /* group */
		return PASS_NO_VROUTER;
	case CARP: /* version 2, type 1; 3 is VRRP's */
		if (mask == 0x10)
			return PASS_VRRP;
		return mask > 0x10 ? DROP_BAD_VERSION : DROP_BAD_TYPE;
	case CARP + 1:
		return PASS_NO_VROUTER;
	case CARP + 3:
		return PASS_VRRP;
	default:
		return DROP_BAD_CHECKSUM;
	}
}

/* The same where the checksum was mended: what is signed is refused, what is not is taken. */
static int verdict_after_mended_flip(size_t at)
{
	if (at == CARP + 2 || at == CARP + 4 || at == CARP + 5)
		return ACCEPTED;
	return DROP_BAD_HMAC;
}

static int action_of(int verdict)
{
	return verdict == ACCEPTED || verdict >= DROP_BAD_VERSION ? XDP_DROP : XDP_PASS;
}

static bool as_expected(const struct outcome *got, int verdict)
{
	if (verdict == ANY_REFUSAL)
		return got->verdict != ACCEPTED && got->verdict != VERDICT_NONE && got->action == action_of(got->verdict);
	return got->verdict == verdict && got->action == action_of(verdict);
}

static size_t flip_every_bit(struct rig *rig, const struct frame *whole, bool mended)
{
	size_t wrong = 0;

	for (size_t at = mended ? CARP : 0; at < whole->len; at++) {
		for (int bit = 0; bit < 8; bit++) {
			struct frame frame = *whole;
			struct outcome got;
			char text[64];
			int want;

			/* The checksum itself, and what makes it another router's or another protocol's. */
			if (mended && (at == CARP || at == CARP + 1 || at == CARP + 3 || at == CARP + 6 || at == CARP + 7))
				continue;
			frame.bytes[at] ^= (uint8_t)(1u << bit);
			if (mended)
				frame_mend_checksum(&frame);
			want = mended ? verdict_after_mended_flip(at) : verdict_after_flip(at, (uint8_t)(1u << bit));
			got = rig_judge(rig, frame.bytes, frame.len);
			if (as_expected(&got, want))
				continue;
			wrong++;
			diag("byte %zu bit %d: got %s, want verdict %d", at, bit, outcome_text(&got, text), want);
		}
	}
	return wrong;
}

static void test_ucarp_frame(struct rig *rig, const struct frame_vector *vector)
{
	const struct secret secret = { vector->password, vector->vhid, &vector->vip, 1 };
	struct frame frame = { .len = VECTOR_FRAME_LEN, .ip = IP, .carp = CARP, .ip_version = 4 };
	struct outcome got;
	char text[64];

	memcpy(frame.bytes, vector->frame, VECTOR_FRAME_LEN);
	rig_open(rig);
	rig_add(rig, (struct vr_key){ .ip_version = 4 }, (struct vr_entry){ .abi_version = XCARP_ABI_VERSION }, &secret);
	got = rig_judge(rig, frame.bytes, frame.len);
	is_str(outcome_text(&got, text), "XDP_DROP accepted RECORD_ADVERT", "ucarp's advert of VHID %u", vector->vhid);
	ok(rig->records[0].advbase == vector->advbase && rig->records[0].advskew == vector->advskew,
	   "its interval is %u + %u/256 s", vector->advbase, vector->advskew);
	is_u64(flip_every_bit(rig, &frame, false), 0, "each bit turned over");
	is_u64(flip_every_bit(rig, &frame, true), 0, "each bit turned over and the checksum mended");
	rig_close(rig);
}

/* The digest is the file's; the rest of the frame is of no matter to it. */
static void test_digest(struct rig *rig, const struct digest_vector *vector)
{
	const struct secret secret = { vector->password, vector->vhid, vector->vips, vector->vip_count };
	const struct advert advert = { .source = "10.9.0.1", .advbase = 1, .counter = vector->counter };
	struct outcome got;
	struct frame frame;
	char text[64];

	rig_add(rig, (struct vr_key){ .ip_version = 4 }, (struct vr_entry){ .abi_version = XCARP_ABI_VERSION }, &secret);
	frame_build(&frame, &advert, &secret);
	memcpy(frame_carp(&frame)->md, vector->md, CARP_MD_LEN);
	frame_mend_checksum(&frame);
	got = rig_judge(rig, frame.bytes, frame.len);
	is_str(outcome_text(&got, text), "XDP_DROP accepted RECORD_ADVERT", "digest over %zu addresses, VHID %u",
	       vector->vip_count, vector->vhid);
}

static struct frame_vector frames[VECTORS_MAX];
static struct digest_vector digests[VECTORS_MAX];
static size_t n_frames, n_digests;

static void test(struct rig *rig)
{
	for (size_t i = 0; i < n_frames; i++)
		test_ucarp_frame(rig, &frames[i]);
	rig_open(rig);
	for (size_t i = 0; i < n_digests; i++)
		test_digest(rig, &digests[i]);
	rig_close(rig);
}

int main(void)
{
	n_frames = vectors_frames(frames);
	n_digests = vectors_digests(digests);
	plan((unsigned int)(RIG_HOOKS * (4 * n_frames + n_digests)));
	rig_each_hook(test);
	return tap_done();
}
