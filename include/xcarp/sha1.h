/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * SHA-1 (FIPS 180-4) and CARP's HMAC schedule (RFC 2104 over the fields that CARP authenticates), for the host
 * and for clang's BPF target alike: no libc, no loops that a verifier cannot bound, words in host order.
 *
 * An advert's digest is HMAC(key, version, type, vhid, IPv4 VIPs, IPv6 VIPs, counter). All but the counter is
 * fixed for a virtual router, so struct carp_hmac_key keeps the hash as it stands before the first block that
 * the counter touches. What is left for each advert is one or two inner blocks and one outer block.
 */
#ifndef XCARP_SHA1_H
#define XCARP_SHA1_H

#include <linux/types.h>

#define SHA1_STATE_WORDS 5
#define SHA1_BLOCK_WORDS 16
#define SHA1_BLOCK_LEN 64

/* Key state of one virtual router; as secret as struct carp_key, which it is part of. */
struct carp_hmac_key {
	__u32 inner[SHA1_STATE_WORDS]; /* after the ipad block and every whole block of the fixed prefix */
	__u32 outer[SHA1_STATE_WORDS]; /* after the opad block */
	__u32 tail[2 * SHA1_BLOCK_WORDS]; /* last block or two, padded, the counter's 8 bytes zero */
	__u32 tail_blocks; /* 1 or 2 */
	__u32 counter_word; /* 0-15: the counter begins at byte 4 * counter_word + 3 of the tail, always */
};

_Static_assert(sizeof(struct carp_hmac_key) == 176, "map value");

/*
 * The BPF target keeps this one copy out of line (three inlined ones would overflow its 512-byte stack) and
 * needs a barrier a round, or clang keeps the whole schedule alive at once and spills it. Hidden instead of static,
 * because clang drops the return value of a static function that nobody asks for, and the verifier then finds what
 * was left in the register. The host, whose blocks may hold a password, wipes the schedule.
 */
#ifdef __bpf__
#define SHA1_FUNC __attribute__((noinline, visibility("hidden")))
#define SHA1_ROUND_END(w) __asm__ volatile("" : : "r"(w) : "memory")
#define SHA1_WIPE(w) ((void)0)
#else
#define SHA1_FUNC static inline
#define SHA1_ROUND_END(w) ((void)0)
#define SHA1_WIPE(w)                                                                                         \
	do {                                                                                                 \
		__builtin_memset(w, 0, sizeof(w));                                                           \
		__asm__ volatile("" : : "r"(w) : "memory");                                                  \
	} while (0)
#endif

/* Makes the compiler finish x before it goes on: left to itself it adds first what is known last. */
#define SHA1_SETTLE(x) __asm__("" : "+r"(x))

static inline __attribute__((always_inline)) __u32 sha1_rol(__u32 x, int n)
{
	return x << n | x >> (32 - n);
}

#define SHA1_INITIAL_STATE { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 }

/*
 * One SHA-1 compression; state and block are host-order words.
 *
 * Written for a machine without a rotate instruction, which BPF is: a and b hold their word twice, one copy above
 * the other, so that one shift rotates. And what a round waits for is the one before it, so each adds last what
 * that one finds last: rol(a, 5), and in the schedule the word of three rounds ago. Together this takes away
 * a third of the time.
 */
SHA1_FUNC int sha1_compress(__u32 state[SHA1_STATE_WORDS], const __u32 block[SHA1_BLOCK_WORDS])
{
	__u64 a = (__u64)state[0] << 32 | state[0], b = (__u64)state[1] << 32 | state[1];
	__u32 c = state[2], d = state[3], e = state[4];
	__u32 w[SHA1_BLOCK_WORDS];

	__builtin_memcpy(w, block, sizeof(w));
	SHA1_ROUND_END(w);

#pragma GCC unroll 80
	for (int i = 0; i < 80; i++) {
		__u32 x, sum;

		x = w[i & 15];
		if (i >= 16) {
			x ^= w[(i + 2) & 15] ^ w[(i + 8) & 15];
			SHA1_SETTLE(x);
			x = sha1_rol(x ^ w[(i + 13) & 15], 1);
			w[i & 15] = x;
		}
		if (i < 20)
			sum = (d ^ ((__u32)b & (c ^ d))) + (e + x + 0x5a827999);
		else if (i < 40)
			sum = ((__u32)b ^ (c ^ d)) + (e + x + 0x6ed9eba1);
		else if (i < 60)
			sum = (((__u32)b & c) | (d & ((__u32)b | c))) + (e + x + 0x8f1bbcdc);
		else
			sum = ((__u32)b ^ (c ^ d)) + (e + x + 0xca62c1d6);
		SHA1_SETTLE(sum);
		sum += (__u32)(a >> 27);
		e = d;
		d = c;
		c = (__u32)(b >> 2);
		b = a;
		a = (__u64)sum << 32;
		SHA1_SETTLE(a);
		a |= sum;
		SHA1_ROUND_END(w);
	}
	state[0] += (__u32)a;
	state[1] += (__u32)b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
	SHA1_WIPE(w);
	return 0;
}

/*
 * The digest of an advert with this counter, host order, as five host-order words (the first is bytes 0-3 of
 * the wire's digest, big-endian).
 */
static inline __attribute__((always_inline)) void carp_hmac(const struct carp_hmac_key *key, __u64 counter,
							    __u32 md[SHA1_STATE_WORDS])
{
	/* One block, and behind it the room for what of the counter belongs to the next. */
	__u32 block[SHA1_BLOCK_WORDS + 2];
	__u32 at = key->counter_word & 15;

	__builtin_memcpy(block, key->tail, sizeof(key->tail) / 2);
	block[SHA1_BLOCK_WORDS] = 0;
	block[SHA1_BLOCK_WORDS + 1] = 0;
	block[at] |= (__u32)(counter >> 56);
	block[at + 1] |= (__u32)(counter >> 24);
	block[at + 2] |= (__u32)(counter << 8);
	__builtin_memcpy(md, key->inner, sizeof(key->inner));
	sha1_compress(md, block);
	if (key->tail_blocks == 2) {
		block[0] = block[SHA1_BLOCK_WORDS] | key->tail[SHA1_BLOCK_WORDS];
		block[1] = block[SHA1_BLOCK_WORDS + 1] | key->tail[SHA1_BLOCK_WORDS + 1];
		__builtin_memcpy(block + 2, key->tail + SHA1_BLOCK_WORDS + 2, (SHA1_BLOCK_WORDS - 2) * sizeof(*block));
		sha1_compress(md, block);
	}

	/* The outer message is the opad block and these 20 bytes: 84 bytes in all. */
	for (int i = 0; i < SHA1_STATE_WORDS; i++)
		block[i] = md[i];
	block[5] = 0x80000000;
	for (int i = 6; i < 15; i++)
		block[i] = 0;
	block[15] = (SHA1_BLOCK_LEN + 20) * 8;
	__builtin_memcpy(md, key->outer, sizeof(key->outer));
	sha1_compress(md, block);
}

#endif
