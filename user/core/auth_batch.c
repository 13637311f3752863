// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Signs several adverts at once: SHA-1 is one long chain in which each round waits for the one before, but chains of
 * different adverts have nothing to do with one another. Each is a lane of a vector. Built for what processors commonly
 * have, and chosen when the program runs.
 */
#include <endian.h>
#include <string.h>

#include "auth.h"

#define LANES 8
#define LANES_MIN 3 /* fewer cost less one by one */

typedef uint32_t lanes __attribute__((vector_size(LANES * sizeof(uint32_t))));

/* Of the lanes' messages, the part from the first block with the counter on; and what is hashed after it. */
struct messages {
	lanes inner[SHA1_STATE_WORDS];
	lanes outer[SHA1_STATE_WORDS];
	lanes blocks[2][SHA1_BLOCK_WORDS];
	lanes has_second; /* all ones where there are two blocks */
	bool any_second;
};

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* A macro: the convention for passing such vectors differs between processors, and compilers warn of it. */
#define ROL(x, n) ((x) << (n) | (x) >> (32 - (n)))

/* Overwrites block, the schedule's first words. */
ALWAYS_INLINE void compress(lanes state[SHA1_STATE_WORDS], lanes block[SHA1_BLOCK_WORDS])
{
	lanes a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];

#pragma GCC unroll 80
	for (int i = 0; i < 80; i++) {
		lanes f, x = block[i & 15];

		if (i >= 16) {
			x ^= block[(i + 2) & 15] ^ block[(i + 8) & 15] ^ block[(i + 13) & 15];
			x = ROL(x, 1);
			block[i & 15] = x;
		}
		if (i < 20)
			f = (d ^ (b & (c ^ d))) + 0x5a827999;
		else if (i < 40)
			f = (b ^ c ^ d) + 0x6ed9eba1;
		else if (i < 60)
			f = ((b & c) | (d & (b | c))) + 0x8f1bbcdc;
		else
			f = (b ^ c ^ d) + 0xca62c1d6;
		x += f + e + ROL(a, 5);
		e = d;
		d = c;
		c = ROL(b, 30);
		b = a;
		a = x;
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
}

ALWAYS_INLINE void hash(struct messages *m)
{
	lanes first[SHA1_STATE_WORDS], block[SHA1_BLOCK_WORDS];

	compress(m->inner, m->blocks[0]);
	if (m->any_second) {
		memcpy(first, m->inner, sizeof(first));
		compress(m->inner, m->blocks[1]);
		for (int i = 0; i < SHA1_STATE_WORDS; i++)
			m->inner[i] = (m->inner[i] & m->has_second) | (first[i] & ~m->has_second);
	}
	/* The outer message is the opad block and these 20 bytes: 84 bytes in all. */
	memset(block, 0, sizeof(block));
	memcpy(block, m->inner, sizeof(m->inner));
	block[5] += 0x80000000;
	block[15] += (SHA1_BLOCK_LEN + CARP_MD_LEN) * 8;
	compress(m->outer, block);
}

static void hash_plain(struct messages *m)
{
	hash(m);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void hash_avx2(struct messages *m)
{
	hash(m);
}

/* Vectors of the same length, but with a rotation and twice the registers. */
__attribute__((target("avx512f,avx512vl"))) static void hash_avx512(struct messages *m)
{
	hash(m);
}

static void (*best_hash(void))(struct messages *m)
{
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"))
		return hash_avx512;
	return __builtin_cpu_supports("avx2") ? hash_avx2 : hash_plain;
}
#else
static void (*best_hash(void))(struct messages *m)
{
	return hash_plain;
}
#endif

static void fill_lane(struct messages *m, unsigned int lane, const struct carp_hmac_key *key, uint64_t counter)
{
	uint32_t at = key->counter_word, second = key->tail_blocks == 2;
	uint32_t words[2 * SHA1_BLOCK_WORDS];

	memcpy(words, key->tail, sizeof(words));
	words[at] |= (uint32_t)(counter >> 56);
	words[at + 1] |= (uint32_t)(counter >> 24);
	words[at + 2] |= (uint32_t)(counter << 8);
	for (int i = 0; i < SHA1_STATE_WORDS; i++) {
		m->inner[i][lane] = key->inner[i];
		m->outer[i][lane] = key->outer[i];
	}
	for (int i = 0; i < SHA1_BLOCK_WORDS; i++)
		m->blocks[0][i][lane] = words[i];
	for (int i = 0; second && i < SHA1_BLOCK_WORDS; i++)
		m->blocks[1][i][lane] = words[SHA1_BLOCK_WORDS + i];
	m->has_second[lane] = second ? ~0u : 0;
	m->any_second |= second;
	explicit_bzero(words, sizeof(words));
}

static void hash_some(const struct carp_hmac_key *const *keys, const uint64_t *counters, uint8_t (*mds)[CARP_MD_LEN],
		      unsigned int n)
{
	static void (*hash_lanes)(struct messages *m);
	struct messages m;

	if (!hash_lanes)
		hash_lanes = best_hash();
	/* Lanes that are not in use are hashed too, but nobody looks at them. */
	memset(&m, 0, sizeof(m));
	for (unsigned int lane = 0; lane < n; lane++)
		fill_lane(&m, lane, keys[lane], counters[lane]);
	hash_lanes(&m);
	for (unsigned int lane = 0; lane < n; lane++) {
		uint32_t words[SHA1_STATE_WORDS];

		for (int i = 0; i < SHA1_STATE_WORDS; i++)
			words[i] = htobe32(m.outer[i][lane]);
		memcpy(mds[lane], words, CARP_MD_LEN);
	}
	explicit_bzero(&m, sizeof(m));
}

void auth_hmac_batch(const struct carp_hmac_key *const *keys, const uint64_t *counters, uint8_t (*mds)[CARP_MD_LEN],
		     unsigned int n)
{
	for (; n >= LANES_MIN; n -= n < LANES ? n : LANES) {
		unsigned int some = n < LANES ? n : LANES;

		hash_some(keys, counters, mds, some);
		keys += some;
		counters += some;
		mds += some;
	}
	for (unsigned int i = 0; i < n; i++)
		auth_hmac(keys[i], counters[i], mds[i]);
}
