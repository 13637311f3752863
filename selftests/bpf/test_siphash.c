// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The program's SipHash against libsodium's on random keys and adverts, with each key of several; every bit that the tag
 * covers, turned over; and what sender and program make of each other.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/frame.h"
#include "frames.h"
#include "rig.h"
#include "../tap.h"
#include "../unit/random.h"

#define INPUTS 2000
#define SEED 0x7369706861736821ull
#define VHID 77

static const struct vip vip = { 4, 32, { 10, 1, 1, 252 } };
static const struct secret secret = { "secret", VHID, &vip, 1 };

struct input {
	struct strong_key keys[CARP_SIPHASH_KEYS_MAX];
	char source[INET6_ADDRSTRLEN];
	struct advert advert;
};

static void random_input(struct input *input, uint64_t *seed, int ip_version)
{
	uint8_t address[16];

	memset(input, 0, sizeof(*input));
	for (uint32_t i = 0; i < CARP_SIPHASH_KEYS_MAX; i++) {
		input->keys[i].id = random_below(seed, UINT32_MAX / 4) * 4 + i;
		random_bytes(seed, input->keys[i].bytes, sizeof(input->keys[i].bytes));
	}
	random_bytes(seed, address, sizeof(address));
	inet_ntop(ip_version == 4 ? AF_INET : AF_INET6, address, input->source, sizeof(input->source));
	input->advert = (struct advert){
		.source = input->source,
		.advbase = (uint8_t)random_next(seed),
		.advskew = (uint8_t)random_next(seed),
		.demote = (uint8_t)random_next(seed),
		.strong = input->keys,
		.counter = random_next(seed),
	};
}

static void add(struct rig *rig, uint8_t ip_version, const struct strong_key *keys, size_t n)
{
	struct vr_entry entry = { .abi_version = XCARP_ABI_VERSION, .auth = AUTH_SIPHASH, .every = 1 };

	rig_add_strong(rig, ip_version == 4 ? (struct vr_key){ .ip_version = 4 } : (struct vr_key){ .ip_version = 6 }, entry,
		       &secret, keys, n);
}

static bool is_verdict(struct rig *rig, struct frame *frame, int verdict)
{
	struct outcome got;

	/* Strong adverts are taken once; here it is about their tags. */
	rig_forget(rig);
	got = rig_judge(rig, frame->bytes, frame->len);
	return got.verdict == verdict && got.action == XDP_DROP;
}

static void test_random_inputs(struct rig *rig, uint8_t ip_version)
{
	uint64_t seed = SEED;
	size_t refused = 0, taken = 0, unmarked = 0;

	for (uint32_t i = 0; i < INPUTS; i++) {
		uint32_t signer = i % CARP_SIPHASH_KEYS_MAX, bit = random_below(&seed, 8 * CARP_TAG_LEN);
		struct input input;
		struct frame frame;

		random_input(&input, &seed, ip_version);
		add(rig, ip_version, input.keys, CARP_SIPHASH_KEYS_MAX);
		input.advert.strong = &input.keys[signer];
		frame_build(&frame, &input.advert, &secret);
		if (!is_verdict(rig, &frame, ACCEPTED)) {
			refused++;
			diag("input %u: key %u: refused", i, signer);
		}
		unmarked += rig->n_records != 1 || !rig->records[0].is_strong || !rig->live[0].is_strong;
		frame_carp(&frame)->tag[bit / 8] ^= (uint8_t)(1u << bit % 8);
		frame_mend_checksum(&frame);
		if (!is_verdict(rig, &frame, DROP_BAD_TAG)) {
			taken++;
			diag("input %u: taken with bit %u of its tag turned over", i, bit);
		}
	}
	is_u64(refused, 0, "IPv%u: %d random adverts accepted", ip_version, INPUTS);
	is_u64(unmarked, 0, "IPv%u: and record and live say how", ip_version);
	is_u64(taken, 0, "IPv%u: %d of them with a wrong bit in the tag refused", ip_version, INPUTS);
}

/*
 * Every bit of what the tag covers: the header's first 20 bytes, less those that make it another virtual router's or no
 * advert at all, and the source address.
 */
static void test_every_bit(struct rig *rig, uint8_t ip_version)
{
	const size_t source_at = ip_version == 4 ? 12 : 8, source_len = ip_version == 4 ? 4 : 16;
	uint64_t seed = SEED;
	struct input input;
	struct frame good;
	size_t wrong = 0;

	random_input(&input, &seed, ip_version);
	add(rig, ip_version, input.keys, CARP_SIPHASH_KEYS_MAX);
	frame_build(&good, &input.advert, &secret);
	for (size_t byte = 0; byte < 20 + source_len; byte++) {
		for (int bit = 0; bit < 8; bit++) {
			struct frame frame = good;
			int want = byte >= 16 && byte < 20 ? DROP_UNKNOWN_KEY : DROP_BAD_TAG;

			if (byte < 2 || byte == 3 || byte == 6 || byte == 7)
				continue;
			frame.bytes[byte < 20 ? frame.carp + byte : frame.ip + source_at + byte - 20] ^= (uint8_t)(1 << bit);
			frame_mend_ip_checksum(&frame);
			frame_mend_checksum(&frame);
			if (is_verdict(rig, &frame, want))
				continue;
			wrong++;
			diag("byte %zu, bit %d", byte, bit);
		}
	}
	is_u64(wrong, 0, "IPv%u: no bit of what is covered can be turned over", ip_version);
	ok(is_verdict(rig, &good, ACCEPTED), "IPv%u: the advert as it was sent is taken", ip_version);
}

/* The same advert, sent to another group, is another virtual router's, which has another subkey. */
static void test_group(struct rig *rig)
{
	static const uint8_t other_group[] = { 239, 1, 2, 3 };
	struct vr_key where = { .ip_version = 4 };
	struct vr_entry entry = { .abi_version = XCARP_ABI_VERSION, .auth = AUTH_SIPHASH, .slot = 1 };
	uint64_t seed = SEED;
	struct input input, other;
	struct frame frame;

	random_input(&input, &seed, 4);
	random_input(&other, &seed, 4);
	other.keys[0].id = input.keys[0].id;
	add(rig, 4, input.keys, 1);
	memcpy(where.group, other_group, sizeof(other_group));
	rig_add_strong(rig, where, entry, &secret, other.keys, 1);
	frame_build(&frame, &input.advert, &secret);
	memcpy(frame.bytes + frame.ip + 16, other_group, sizeof(other_group));
	frame_mend_ip_checksum(&frame);
	ok(is_verdict(rig, &frame, DROP_BAD_TAG), "an advert moved to another group is refused");
}

/* A new key is added below, then moved to the top, then the old one is taken away. */
static void test_rotation(struct rig *rig)
{
	uint64_t seed = SEED;
	struct input input;
	struct strong_key turned[2];
	struct frame from_old, from_new;

	random_input(&input, &seed, 4);
	turned[0] = input.keys[1];
	turned[1] = input.keys[0];
	frame_build(&from_old, &input.advert, &secret);
	input.advert.strong = turned;
	frame_build(&from_new, &input.advert, &secret);

	add(rig, 4, input.keys, 1);
	ok(is_verdict(rig, &from_old, ACCEPTED) && is_verdict(rig, &from_new, DROP_UNKNOWN_KEY), "the old key only");
	is_u64(rig->records[0].counter, turned[0].id, "  the notice has the unknown key's id");
	add(rig, 4, input.keys, 2);
	ok(is_verdict(rig, &from_old, ACCEPTED) && is_verdict(rig, &from_new, ACCEPTED), "old and new");
	add(rig, 4, turned, 2);
	ok(is_verdict(rig, &from_old, ACCEPTED) && is_verdict(rig, &from_new, ACCEPTED), "new and old");
	add(rig, 4, turned, 1);
	ok(is_verdict(rig, &from_old, DROP_UNKNOWN_KEY) && is_verdict(rig, &from_new, ACCEPTED), "the new key only");
}

/* The sender's own frames, strong and weak ones in one batch. */
static void test_sender(struct rig *rig)
{
	struct frame_advert adverts[3];
	const struct carp_key *keys[3];
	uint8_t frames[3][FRAME_ADVERT_LEN];
	struct vr_entry entry = { .abi_version = XCARP_ABI_VERSION, .auth = AUTH_SEND_SIPHASH };
	struct carp_key key;
	uint32_t slot = 0;
	uint64_t seed = SEED;
	struct input input;

	random_input(&input, &seed, 4);
	rig_add_strong(rig, (struct vr_key){ .ip_version = 4 }, entry, &secret, input.keys, CARP_SIPHASH_KEYS_MAX);
	rig_key(rig, slot, &key);
	for (uint32_t i = 0; i < 3; i++) {
		keys[i] = &key;
		adverts[i] = (struct frame_advert){
			.source = htonl(0x0a09000b + i),
			.group = htonl(CARP_GROUP_IPV4),
			.vhid = VHID,
			.advbase = 1,
			.advskew = (uint8_t)i,
			.is_strong = i != 1,
			.counter = random_next(&seed),
		};
	}
	frame_adverts(frames, adverts, keys, 3);
	for (int i = 0; i < 3; i++) {
		struct outcome got;

		rig_forget(rig);
		got = rig_judge(rig, frames[i], sizeof(frames[i]));
		ok(got.verdict == ACCEPTED && rig->live[slot].is_strong == (i != 1), "the sender's, %s, is taken",
		   i != 1 ? "strong" : "weak");
	}
}

static void test(struct rig *rig)
{
	rig_open(rig);
	test_random_inputs(rig, 4);
	test_random_inputs(rig, 6);
	test_every_bit(rig, 4);
	test_every_bit(rig, 6);
	test_group(rig);
	test_rotation(rig);
	test_sender(rig);
	rig_close(rig);
}

int main(void)
{
	plan(RIG_HOOKS * (2 * 5 + 1 + 5 + 3));
	rig_each_hook(test);
	return tap_done();
}
