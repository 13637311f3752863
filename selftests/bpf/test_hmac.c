// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The program's HMAC against one that shares no code with it, on random passwords, address lists and counters; and
 * for every place in a hash block at which the counter can begin.
 */
#include <stdio.h>
#include <string.h>

#include <xcarp/sha1.h>

#include "core/auth.h"
#include "frames.h"
#include "../reference.h"
#include "rig.h"
#include "../tap.h"
#include "../unit/random.h"

#define INPUTS 2500
#define SEED 0x78636172706d6163ull

struct input {
	char password[CARP_KEY_MAX + 1];
	struct vip vips[CARP_VIPS_MAX];
	struct secret secret;
	struct advert advert;
};

static void random_input(struct input *input, uint64_t *seed)
{
	size_t password_len = 1 + random_below(seed, CARP_KEY_MAX);

	memset(input, 0, sizeof(*input));
	for (size_t i = 0; i < password_len; i++)
		input->password[i] = (char)(1 + random_below(seed, 255));
	input->secret = (struct secret){ input->password, (uint8_t)(1 + random_below(seed, 255)), input->vips,
					 1 + random_below(seed, CARP_VIPS_MAX) };
	for (size_t i = 0; i < input->secret.n_vips; i++) {
		struct vip *vip = &input->vips[i];

		vip->ip_version = random_below(seed, 2) ? 4 : 6;
		random_bytes(seed, vip->address, vip_len(vip));
		/* Now and then one that is there already. */
		if (i && !random_below(seed, 8))
			*vip = input->vips[random_below(seed, (uint32_t)i)];
	}
	input->advert = (struct advert){ .source = "10.9.0.1", .advbase = 1, .counter = random_next(seed) };
}

static void add(struct rig *rig, const struct secret *secret)
{
	rig_add(rig, (struct vr_key){ .ip_version = 4 }, (struct vr_entry){ .abi_version = XCARP_ABI_VERSION }, secret);
}

static bool is_verdict(struct rig *rig, struct frame *frame, int verdict)
{
	struct outcome got = rig_judge(rig, frame->bytes, frame->len);

	return got.verdict == verdict && got.action == XDP_DROP;
}

static void test_random_inputs(struct rig *rig)
{
	uint64_t seed = SEED;
	size_t refused = 0, taken = 0;

	for (int i = 0; i < INPUTS; i++) {
		struct input input;
		struct frame frame;
		uint32_t bit = random_below(&seed, 8 * CARP_MD_LEN);

		random_input(&input, &seed);
		add(rig, &input.secret);
		frame_build(&frame, &input.advert, &input.secret);
		if (!is_verdict(rig, &frame, ACCEPTED)) {
			refused++;
			diag("input %d: %zu addresses, password of %zu: refused", i, input.secret.n_vips,
			     strlen(input.password));
		}
		frame_carp(&frame)->md[bit / 8] ^= (uint8_t)(1u << bit % 8);
		frame_mend_checksum(&frame);
		if (!is_verdict(rig, &frame, DROP_BAD_HMAC)) {
			taken++;
			diag("input %d: taken with bit %u of its digest turned over", i, bit);
		}
	}
	is_u64(refused, 0, "%d random adverts accepted", INPUTS);
	is_u64(taken, 0, "%d of them with a wrong bit in the digest refused", INPUTS);
}

/* n IPv4 addresses put the counter behind 3 + 4n bytes; 16 lists go once round a block. */
static void test_every_counter_place(struct rig *rig)
{
	struct vip vips[SHA1_BLOCK_WORDS];

	for (uint8_t n = 1; n <= SHA1_BLOCK_WORDS; n++) {
		const struct secret secret = { "secret", 77, vips, n };
		const struct advert advert = { .source = "10.9.0.1", .counter = 0x8899aabbccddeeff };
		struct carp_hmac_key key;
		struct frame frame;
		size_t wrong = 0;

		vips[n - 1] = (struct vip){ 4, 32, { 10, 3, 0, n } };
		auth_hmac_key(&key, (const uint8_t *)secret.password, strlen(secret.password), secret.vhid, vips, n);
		add(rig, &secret);
		frame_build(&frame, &advert, &secret);
		wrong += !is_verdict(rig, &frame, ACCEPTED);
		/* Each byte of the counter has to matter. */
		for (int byte = 0; byte < 8; byte++) {
			((uint8_t *)frame_carp(&frame)->counter)[byte] ^= 0x10;
			frame_mend_checksum(&frame);
			wrong += !is_verdict(rig, &frame, DROP_BAD_HMAC);
			((uint8_t *)frame_carp(&frame)->counter)[byte] ^= 0x10;
		}
		is_u64(wrong, 0, "counter in word %u of %u blocks", key.counter_word, key.tail_blocks);
	}
}

/* The reference's own credentials: RFC 2202, test cases 1, 2, 3 and 6. */
static void test_reference(void)
{
	static const struct {
		uint8_t key_byte, key_len, data_byte, data_len;
		const char *key, *data;
		uint8_t md[REFERENCE_MD_LEN];
	} cases[] = {
		{ 0x0b, 20, 0, 8, NULL, "Hi There",
		  { 0xb6, 0x17, 0x31, 0x86, 0x55, 0x05, 0x72, 0x64, 0xe2, 0x8b,
		    0xc0, 0xb6, 0xfb, 0x37, 0x8c, 0x8e, 0xf1, 0x46, 0xbe, 0x00 } },
		{ 0, 4, 0, 28, "Jefe", "what do ya want for nothing?",
		  { 0xef, 0xfc, 0xdf, 0x6a, 0xe5, 0xeb, 0x2f, 0xa2, 0xd2, 0x74,
		    0x16, 0xd5, 0xf1, 0x84, 0xdf, 0x9c, 0x25, 0x9a, 0x7c, 0x79 } },
		{ 0xaa, 20, 0xdd, 50, NULL, NULL,
		  { 0x12, 0x5d, 0x73, 0x42, 0xb9, 0xac, 0x11, 0xcd, 0x91, 0xa3,
		    0x9a, 0xf4, 0x8a, 0xa1, 0x7b, 0x4f, 0x63, 0xf1, 0x75, 0xd3 } },
		{ 0xaa, 80, 0, 54, NULL, "Test Using Larger Than Block-Size Key - Hash Key First",
		  { 0xaa, 0x4a, 0xe5, 0xe1, 0x52, 0x72, 0xd0, 0x0e, 0x95, 0x70,
		    0x56, 0x37, 0xce, 0x8a, 0x3b, 0x55, 0xed, 0x40, 0x21, 0x12 } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint8_t key[80], data[54], md[REFERENCE_MD_LEN];

		memset(key, cases[i].key_byte, sizeof(key));
		memset(data, cases[i].data_byte, sizeof(data));
		if (cases[i].key)
			memcpy(key, cases[i].key, cases[i].key_len);
		if (cases[i].data)
			memcpy(data, cases[i].data, cases[i].data_len);
		reference_hmac_sha1(md, key, cases[i].key_len, data, cases[i].data_len);
		is_mem(md, cases[i].md, sizeof(md), "the reference, with a key of %u bytes", cases[i].key_len);
	}
}

static void test_program(struct rig *rig)
{
	rig_open(rig);
	test_random_inputs(rig);
	test_every_counter_place(rig);
	rig_close(rig);
}

int main(void)
{
	plan(4 + RIG_HOOKS * (2 + SHA1_BLOCK_WORDS));
	test_reference();
	rig_each_hook(test_program);
	return tap_done();
}
