/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * SipHash-2-4 with a 128-bit tag (Aumasson and Bernstein; libsodium's crypto_shorthash_siphashx24) over what a strong
 * advert's tag covers, for the host and for clang's BPF target alike.
 *
 * The message, byte by byte as on the wire:
 *
 *	bytes 0-19 of the CARP header, the two of its checksum zero: version and type, VHID, advskew, authlen, demote,
 *	advbase, checksum, counter, key id
 *	the source address of the IP header: 4 bytes for IPv4 (24 in all), 16 for IPv6 (36 in all)
 *
 * IP version, group, VHID and the list of VIPs are in the key: each virtual router has subkeys of its own (auth_context()
 * in user/core/auth.h), so that whoever is configured otherwise has another key.
 */
#ifndef XCARP_SIPHASH_H
#define XCARP_SIPHASH_H

#include <linux/types.h>

#include <xcarp/carp.h>

#define CARP_SIPHASH_KEYS_MAX 4 /* valid at once */
#define SIPHASH_KEY_LEN 16

/*
 * The subkeys of one virtual router. The first one signs, each is accepted. A place that is not in use has a key of
 * zeros, which accepts nothing.
 */
struct carp_siphash_keys {
	__be32 ids[CARP_SIPHASH_KEYS_MAX]; /* as on the wire */
	__u64 keys[CARP_SIPHASH_KEYS_MAX][2]; /* host order, each eight bytes of the subkey read as little-endian */
};

_Static_assert(sizeof(struct carp_siphash_keys) == 80, "part of a map value");

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define SIPHASH_LE32(x) ((__u64)(__u32)(x))
#define SIPHASH_LE64(x) (x)
#else
#define SIPHASH_LE32(x) ((__u64)__builtin_bswap32(x))
#define SIPHASH_LE64(x) __builtin_bswap64(x)
#endif

#define SIPHASH_INLINE static inline __attribute__((always_inline))

SIPHASH_INLINE __u64 siphash_rol(__u64 x, int n)
{
	return x << n | x >> (64 - n);
}

SIPHASH_INLINE void siphash_rounds(__u64 v[4], int n)
{
#pragma GCC unroll 4
	for (int i = 0; i < n; i++) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = siphash_rol(v[1], 13) ^ v[0];
		v[3] = siphash_rol(v[3], 16) ^ v[2];
		v[0] = siphash_rol(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = siphash_rol(v[1], 17) ^ v[2];
		v[3] = siphash_rol(v[3], 21) ^ v[0];
		v[2] = siphash_rol(v[2], 32);
	}
}

SIPHASH_INLINE void siphash_take(__u64 v[4], __u64 word)
{
	v[3] ^= word;
	siphash_rounds(v, 2);
	v[0] ^= word;
}

/*
 * The tag of an advert, as two words in host order; SIPHASH_LE64() of each is what lies on the wire. source: the IP header's
 * words, in network order; source_words: 1 for IPv4, 4 for IPv6.
 */
SIPHASH_INLINE void carp_siphash(const __u64 key[2], const struct carp_header *carp, const __u32 *source, int source_words,
				 __u64 tag[2])
{
	const __u32 *word = (const __u32 *)carp;
	__u64 v[4] = { key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d ^ 0xee, key[0] ^ 0x6c7967656e657261,
		       key[1] ^ 0x7465646279746573 };

	/* Words of four bytes, because the header is no better aligned. Of the second, the last two are the checksum. */
	siphash_take(v, SIPHASH_LE32(word[0]) | (SIPHASH_LE32(word[1]) & 0xffff) << 32);
	siphash_take(v, SIPHASH_LE32(word[2]) | SIPHASH_LE32(word[3]) << 32);
	siphash_take(v, SIPHASH_LE32(word[4]) | SIPHASH_LE32(source[0]) << 32);
	if (source_words == 1) {
		siphash_take(v, 24ull << 56);
	} else {
		siphash_take(v, SIPHASH_LE32(source[1]) | SIPHASH_LE32(source[2]) << 32);
		siphash_take(v, SIPHASH_LE32(source[3]) | 36ull << 56);
	}

	v[2] ^= 0xee;
	siphash_rounds(v, 4);
	tag[0] = v[0] ^ v[1] ^ v[2] ^ v[3];
	v[1] ^= 0xdd;
	siphash_rounds(v, 4);
	tag[1] = v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif
