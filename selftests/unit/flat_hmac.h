/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * SHA-1 and HMAC-SHA1 over a whole message, by the book (FIPS 180-4, RFC 2104), on top of sha1_compress() alone. The
 * published vectors in test_sha1.c vouch for it; then it judges the precomputed CARP schedule.
 */
#ifndef SELFTESTS_UNIT_FLAT_HMAC_H
#define SELFTESTS_UNIT_FLAT_HMAC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <xcarp/sha1.h>

#define FLAT_MD_LEN 20
#define FLAT_MESSAGE_MAX 1024

static inline void flat_block(uint32_t state[SHA1_STATE_WORDS], const uint8_t bytes[SHA1_BLOCK_LEN])
{
	uint32_t block[SHA1_BLOCK_WORDS];

	for (size_t i = 0; i < SHA1_BLOCK_WORDS; i++)
		block[i] = (uint32_t)bytes[4 * i] << 24 | (uint32_t)bytes[4 * i + 1] << 16 |
			   (uint32_t)bytes[4 * i + 2] << 8 | bytes[4 * i + 3];
	sha1_compress(state, block);
}

static inline void flat_sha1(uint8_t md[FLAT_MD_LEN], const uint8_t *message, size_t len)
{
	uint32_t state[SHA1_STATE_WORDS] = SHA1_INITIAL_STATE;
	uint8_t end[2 * SHA1_BLOCK_LEN] = { 0 };
	size_t at = 0, rest, end_len;

	for (; len - at >= SHA1_BLOCK_LEN; at += SHA1_BLOCK_LEN)
		flat_block(state, message + at);
	rest = len - at;
	end_len = rest + 1 + 8 <= SHA1_BLOCK_LEN ? SHA1_BLOCK_LEN : 2 * SHA1_BLOCK_LEN;
	if (rest)
		memcpy(end, message + at, rest);
	end[rest] = 0x80;
	for (size_t i = 0; i < 8; i++)
		end[end_len - 1 - i] = (uint8_t)((uint64_t)len * 8 >> 8 * i);
	for (at = 0; at < end_len; at += SHA1_BLOCK_LEN)
		flat_block(state, end + at);
	for (size_t i = 0; i < FLAT_MD_LEN; i++)
		md[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}

/* key_len: at most a block. len: at most FLAT_MESSAGE_MAX. */
static inline void flat_hmac_sha1(uint8_t md[FLAT_MD_LEN], const uint8_t *key, size_t key_len,
				  const uint8_t *message, size_t len)
{
	uint8_t inner[SHA1_BLOCK_LEN + FLAT_MESSAGE_MAX], outer[SHA1_BLOCK_LEN + FLAT_MD_LEN];

	memset(inner, 0x36, SHA1_BLOCK_LEN);
	memset(outer, 0x5c, SHA1_BLOCK_LEN);
	for (size_t i = 0; i < key_len; i++) {
		inner[i] ^= key[i];
		outer[i] ^= key[i];
	}
	memcpy(inner + SHA1_BLOCK_LEN, message, len);
	flat_sha1(outer + SHA1_BLOCK_LEN, inner, SHA1_BLOCK_LEN + len);
	flat_sha1(md, outer, sizeof(outer));
}

#endif
