// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "auth.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX_MAX (3 + 16 * CARP_VIPS_MAX)
#define COUNTER_LEN 8

static int compare_vips(const void *a, const void *b)
{
	return vip_compare(a, b);
}

/* Big-endian bytes to host-order words; a part of a word at the end is filled with zeros. */
static void bytes_to_words(uint32_t *words, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		words[i / 4] |= (uint32_t)bytes[i] << (24 - 8 * (i % 4));
}

static void hash_key_block(uint32_t state[SHA1_STATE_WORDS], const uint8_t *password, size_t len, uint8_t pad)
{
	static const uint32_t initial[SHA1_STATE_WORDS] = SHA1_INITIAL_STATE;
	uint8_t bytes[SHA1_BLOCK_LEN];
	uint32_t block[SHA1_BLOCK_WORDS] = { 0 };

	memset(bytes, pad, sizeof(bytes));
	for (size_t i = 0; i < len; i++)
		bytes[i] ^= password[i];
	bytes_to_words(block, bytes, sizeof(bytes));
	memcpy(state, initial, sizeof(initial));
	sha1_compress(state, block);
	explicit_bzero(bytes, sizeof(bytes));
	explicit_bzero(block, sizeof(block));
}

/* The addresses in CARP's order, each once. Returns their length; counts: of IPv4 and IPv6 ones. */
static size_t put_vips(uint8_t *bytes, const struct vip *vips, size_t n, uint8_t counts[2])
{
	struct vip sorted[CARP_VIPS_MAX];
	size_t len = 0;

	counts[0] = counts[1] = 0;
	memcpy(sorted, vips, n * sizeof(*vips));
	qsort(sorted, n, sizeof(*sorted), compare_vips);
	for (size_t i = 0; i < n; i++) {
		if (i && !vip_compare(&sorted[i], &sorted[i - 1]))
			continue;
		memcpy(bytes + len, sorted[i].address, vip_len(&sorted[i]));
		len += vip_len(&sorted[i]);
		counts[sorted[i].ip_version == 6]++;
	}
	return len;
}

/* What comes before the counter: the first two bytes are version and type, not the packed first byte of the wire. */
static size_t fixed_prefix(uint8_t prefix[PREFIX_MAX], uint8_t vhid, const struct vip *vips, size_t n)
{
	uint8_t counts[2];
	size_t len = 0;

	prefix[len++] = CARP_VERSION;
	prefix[len++] = CARP_TYPE_ADVERTISEMENT;
	prefix[len++] = vhid;
	return len + put_vips(prefix + len, vips, n, counts);
}

int auth_hmac_key(struct carp_hmac_key *key, const uint8_t *password, size_t password_len, uint8_t vhid,
		  const struct vip *vips, size_t n)
{
	uint8_t prefix[PREFIX_MAX];
	uint32_t block[SHA1_BLOCK_WORDS];
	size_t len, hashed = 0, rest, bits_word;

	if (!password_len || password_len > CARP_KEY_MAX || !n || n > CARP_VIPS_MAX)
		return -EINVAL;

	memset(key, 0, sizeof(*key));
	hash_key_block(key->inner, password, password_len, 0x36);
	hash_key_block(key->outer, password, password_len, 0x5c);

	len = fixed_prefix(prefix, vhid, vips, n);
	for (; len - hashed >= SHA1_BLOCK_LEN; hashed += SHA1_BLOCK_LEN) {
		memset(block, 0, sizeof(block));
		bytes_to_words(block, prefix + hashed, SHA1_BLOCK_LEN);
		sha1_compress(key->inner, block);
	}

	rest = len - hashed;
	bytes_to_words(key->tail, prefix + hashed, rest);
	key->counter_word = (uint32_t)(rest / 4);
	/* Every prefix is 3 bytes and whole words, so the counter is always one byte short of a word boundary. */
	key->tail[(rest + COUNTER_LEN) / 4] |= 0x80u << (24 - 8 * ((rest + COUNTER_LEN) % 4));
	key->tail_blocks = rest + COUNTER_LEN + 1 + 8 <= SHA1_BLOCK_LEN ? 1 : 2;
	bits_word = key->tail_blocks * SHA1_BLOCK_WORDS - 1;
	key->tail[bits_word] = (uint32_t)((SHA1_BLOCK_LEN + len + COUNTER_LEN) * 8);
	return 0;
}

void auth_hmac(const struct carp_hmac_key *key, uint64_t counter, uint8_t md[CARP_MD_LEN])
{
	uint32_t words[SHA1_STATE_WORDS];

	carp_hmac(key, counter, words);
	for (size_t i = 0; i < SHA1_STATE_WORDS; i++)
		words[i] = htobe32(words[i]);
	memcpy(md, words, CARP_MD_LEN);
}

size_t auth_context(uint8_t context[AUTH_CONTEXT_MAX], uint32_t group, uint8_t vhid, const struct vip *vips, size_t n)
{
	static const char purpose[16] = "xcarp siphash 1";
	size_t len = sizeof(purpose);
	uint8_t *counts;

	memcpy(context, purpose, len);
	context[len++] = 4;
	memcpy(context + len, &group, sizeof(group));
	len += sizeof(group);
	context[len++] = vhid;
	counts = context + len;
	len += 2;
	return len + put_vips(context + len, vips, n, counts);
}

void auth_siphash(struct carp_header *carp, const struct carp_siphash_keys *keys, uint32_t source)
{
	__u64 tag[2];

	carp->key_id = keys->ids[0];
	carp_siphash(keys->keys[0], carp, &source, 1, tag);
	for (int i = 0; i < 2; i++)
		tag[i] = htole64(tag[i]);
	memcpy(carp->tag, tag, sizeof(carp->tag));
}

static bool is_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
	uint8_t difference = 0;

	for (size_t i = 0; i < len; i++)
		difference |= a[i] ^ b[i];
	return !difference;
}

static bool hmac_is_good(const struct carp_header *carp, const struct carp_hmac_key *key)
{
	uint64_t counter = (uint64_t)be32toh(carp->counter[0]) << 32 | be32toh(carp->counter[1]);
	uint8_t md[CARP_MD_LEN];

	auth_hmac(key, counter, md);
	return is_equal(md, carp->md, sizeof(md));
}

static bool tag_is_good(const struct carp_header *carp, const struct carp_siphash_keys *keys, uint32_t source)
{
	__u64 tag[2];

	for (int i = 0; i < CARP_SIPHASH_KEYS_MAX; i++) {
		if (keys->ids[i] != carp->key_id || !(keys->keys[i][0] | keys->keys[i][1]))
			continue;
		carp_siphash(keys->keys[i], carp, &source, 1, tag);
		for (int j = 0; j < 2; j++)
			tag[j] = htole64(tag[j]);
		return is_equal((const uint8_t *)tag, carp->tag, sizeof(carp->tag));
	}
	return false;
}

bool auth_is_good(const struct carp_header *carp, const struct carp_key *key, enum xcarp_auth auth, uint32_t source)
{
	if (carp->version_type == CARP_VERSION_TYPE_STRONG)
		return auth != AUTH_HMAC_SHA1 && tag_is_good(carp, &key->siphash, source);
	return carp->version_type == CARP_VERSION_TYPE && auth != AUTH_SIPHASH && hmac_is_good(carp, &key->hmac);
}
