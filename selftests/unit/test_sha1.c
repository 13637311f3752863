// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* SHA-1 and HMAC-SHA1 against the published vectors: FIPS 180-4's examples, RFC 3174, RFC 2202. */
#include "../tap.h"
#include "flat_hmac.h"

#define MILLION 1000000u
#define COUNT(table) (sizeof(table) / sizeof(*(table)))

/* A message is text repeated; or, where text is NULL, count times byte. */
struct message {
	const char *name;
	const char *text;
	uint8_t byte;
	size_t count;
};

static const struct {
	struct message message;
	const char *md;
} sha1_rows[] = {
	{ { "empty message", "", 0, 1 }, "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
	{ { "one byte", "a", 0, 1 }, "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8" },
	{ { "abc", "abc", 0, 1 }, "a9993e364706816aba3e25717850c26c9cd0d89d" },
	{ { "448 bits", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 0, 1 },
	  "84983e441c3bd26ebaae4aa1f95129e5e54670f1" },
	{ { "896 bits",
	    "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrst"
	    "nopqrstu",
	    0, 1 },
	  "a49b2446a02c645bf419f995b67091253a04a259" },
	{ { "640 bytes", "0123456701234567012345670123456701234567012345670123456701234567", 0, 10 },
	  "dea356a2cddd90c7a7ecedc5ebb563934f460452" },
	{ { "one million a", NULL, 'a', MILLION }, "34aa973cd4c4daa4f61eeb2bdbad27316534016f" },
};

static const struct {
	struct message key;
	struct message data;
	const char *md;
} hmac_rows[] = {
	{ { "", NULL, 0x0b, 20 }, { "RFC 2202, 1", "Hi There", 0, 1 }, "b617318655057264e28bc0b6fb378c8ef146be00" },
	{ { "", "Jefe", 0, 1 }, { "RFC 2202, 2", "what do ya want for nothing?", 0, 1 },
	  "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79" },
	{ { "", NULL, 0xaa, 20 }, { "RFC 2202, 3", NULL, 0xdd, 50 }, "125d7342b9ac11cd91a39af48aa17b4f63f175d3" },
	{ { "", "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19", 0, 1 },
	  { "RFC 2202, 4", NULL, 0xcd, 50 }, "4c9007f4026250c6bc8414f9bf50c86c2d7235da" },
	{ { "", NULL, 0x0c, 20 }, { "RFC 2202, 5", "Test With Truncation", 0, 1 },
	  "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04" },
};

static uint8_t message_bytes[MILLION];

static size_t spell(uint8_t *bytes, const struct message *message)
{
	size_t len = 0;

	for (size_t i = 0; i < message->count; i++) {
		if (!message->text) {
			bytes[len++] = message->byte;
			continue;
		}
		memcpy(bytes + len, message->text, strlen(message->text));
		len += strlen(message->text);
	}
	return len;
}

static void hex(char text[2 * FLAT_MD_LEN + 1], const uint8_t md[FLAT_MD_LEN])
{
	for (size_t i = 0; i < FLAT_MD_LEN; i++)
		snprintf(text + 2 * i, 3, "%02x", md[i]);
}

/* The compression adds to what it is given, so a chain of two is not two from the start. */
static void test_chaining(void)
{
	uint32_t state[SHA1_STATE_WORDS] = SHA1_INITIAL_STATE, again[SHA1_STATE_WORDS] = SHA1_INITIAL_STATE;
	uint32_t block[SHA1_BLOCK_WORDS] = { 0 };

	sha1_compress(state, block);
	memset(block, 0, sizeof(block));
	sha1_compress(again, block);
	is_mem(again, state, sizeof(state), "the same state and block give the same state");
	memset(block, 0, sizeof(block));
	sha1_compress(again, block);
	ok(memcmp(again, state, sizeof(state)), "a second block moves it on");
}

int main(void)
{
	uint8_t md[FLAT_MD_LEN], key[SHA1_BLOCK_LEN];
	char text[2 * FLAT_MD_LEN + 1];
	size_t len, key_len;

	plan(COUNT(sha1_rows) + COUNT(hmac_rows) + 2);
	for (size_t i = 0; i < COUNT(sha1_rows); i++) {
		len = spell(message_bytes, &sha1_rows[i].message);
		flat_sha1(md, message_bytes, len);
		hex(text, md);
		is_str(text, sha1_rows[i].md, "SHA-1: %s", sha1_rows[i].message.name);
	}
	for (size_t i = 0; i < COUNT(hmac_rows); i++) {
		key_len = spell(key, &hmac_rows[i].key);
		len = spell(message_bytes, &hmac_rows[i].data);
		flat_hmac_sha1(md, key, key_len, message_bytes, len);
		hex(text, md);
		is_str(text, hmac_rows[i].md, "HMAC-SHA1: %s", hmac_rows[i].data.name);
	}
	test_chaining();
	return tap_done();
}
