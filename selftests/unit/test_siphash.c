// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The tag of strong adverts, as the host computes it, against libsodium over the bytes that siphash.h lists. */
#include <xcarp/siphash.h>

#include <arpa/inet.h>
#include <sodium.h>

#include "../tap.h"
#include "core/auth.h"
#include "random.h"

#define INPUTS 20000
#define SEED 0x5eed0517u

static void words_of(__u64 key[2], const uint8_t bytes[SIPHASH_KEY_LEN])
{
	key[0] = key[1] = 0;
	for (int i = 0; i < SIPHASH_KEY_LEN; i++)
		key[i / 8] |= (uint64_t)bytes[i] << 8 * (i % 8);
}

static void test_random(uint64_t *seed, int source_words)
{
	const size_t len = 20 + 4 * (size_t)source_words;
	unsigned int wrong = 0;

	for (int i = 0; i < INPUTS; i++) {
		uint8_t message[36], bytes[SIPHASH_KEY_LEN], want[CARP_TAG_LEN], got[CARP_TAG_LEN];
		struct carp_header carp;
		__u32 source[4];
		__u64 key[2], tag[2];

		random_bytes(seed, (uint8_t *)&carp, sizeof(carp));
		random_bytes(seed, (uint8_t *)source, sizeof(source));
		random_bytes(seed, bytes, sizeof(bytes));
		memcpy(message, &carp, 20);
		message[6] = message[7] = 0;
		memcpy(message + 20, source, len - 20);
		crypto_shorthash_siphashx24(want, message, len, bytes);

		words_of(key, bytes);
		carp_siphash(key, &carp, source, source_words, tag);
		for (size_t byte = 0; byte < sizeof(got); byte++)
			got[byte] = (uint8_t)(tag[byte / 8] >> 8 * (byte % 8));
		wrong += memcmp(got, want, sizeof(want)) != 0;
	}
	is_int(wrong, 0, "%d random adverts with a source of %d words, as libsodium", INPUTS, source_words);
}

/* By hand, from what the header says; the message is 24 bytes. */
static void test_header(void)
{
	static const uint8_t message[24] = { 0x41, 10, 100, 7, 0, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0x12, 0x34, 10, 9, 0, 1 };
	static const uint8_t bytes[SIPHASH_KEY_LEN] = "0123456789abcde";
	struct carp_siphash_keys keys = { .ids = { htonl(0x1234), htonl(1) } };
	struct carp_header carp = { .version_type = 0x41, .vhid = 10, .advskew = 100, .authlen = 7, .advbase = 1 };
	uint8_t want[CARP_TAG_LEN];

	words_of(keys.keys[0], bytes);
	memcpy(carp.counter, message + 8, 8);
	carp.checksum = 0xffff;
	auth_siphash(&carp, &keys, htonl(0x0a090001));
	crypto_shorthash_siphashx24(want, message, sizeof(message), bytes);
	is_mem(carp.tag, want, sizeof(want), "the first key signs a header and its source, the checksum left out");
	is_int(ntohl(carp.key_id), 0x1234, "  and its id goes with it");
}

static void test_context(void)
{
	static const uint8_t want[] = "xcarp siphash 1\0"
				      "\x04\xe0\x00\x00\x12\x0a\x02\x01"
				      "\x0a\x01\x01\x09\x0a\x01\x01\xfc"
				      "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x05";
	static const struct vip vips[] = {
		{ 6, 64, { 0xfe, 0x80, [15] = 5 } }, { 4, 24, { 10, 1, 1, 252 } }, { 4, 32, { 10, 1, 1, 9 } }, { 4, 32, { 10, 1, 1, 252 } },
	};
	static struct vip most[CARP_VIPS_MAX];
	uint8_t context[AUTH_CONTEXT_MAX];
	size_t len = auth_context(context, htonl(CARP_GROUP_IPV4), 10, vips, 4);

	is_int(len, sizeof(want) - 1, "length of a virtual router's context");
	is_mem(context, want, sizeof(want) - 1, "  its bytes: the VIPs in order, each once");
	for (uint8_t i = 0; i < CARP_VIPS_MAX; i++)
		most[i] = (struct vip){ 6, 128, { 0xfe, 0x80, [15] = i } };
	is_int(auth_context(context, 0, 1, most, CARP_VIPS_MAX), AUTH_CONTEXT_MAX, "  and as long as it can be");
}

int main(void)
{
	uint64_t seed = SEED;

	plan(2 + 2 + 3);
	test_random(&seed, 1);
	test_random(&seed, 4);
	test_header();
	test_context();
	return tap_done();
}
