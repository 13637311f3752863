// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "keys.h"

#include <stdlib.h>
#include <string.h>

#include "io/secret.h"

#define BLOCK_KEYS 64 /* what is added at least, once there are some: every block has pages around it that guard it */

/* What a key that is not in use has at its place. */
struct place {
	struct place *next;
};

struct block {
	struct block *next;
	uint32_t count;
	uint8_t *bytes; /* guarded */
};

/* Keys of one length. */
struct pool {
	size_t key_len;
	struct block *blocks;
	struct place *unused;
	uint32_t unused_count;
};

struct keys {
	struct pool hmac;
	struct pool siphash;
};

static struct pool *pool_of(struct keys *keys, uint8_t auth)
{
	return auth == AUTH_HMAC_SHA1 ? &keys->hmac : &keys->siphash;
}

struct keys *keys_new(void)
{
	struct keys *keys = calloc(1, sizeof(*keys));

	if (!keys)
		return NULL;
	keys->hmac.key_len = sizeof(struct carp_hmac_key);
	keys->siphash.key_len = sizeof(struct carp_key);
	return keys;
}

static void free_pool(struct pool *pool)
{
	while (pool->blocks) {
		struct block *block = pool->blocks;

		pool->blocks = block->next;
		secret_free(block->bytes);
		free(block);
	}
}

void keys_free(struct keys *keys)
{
	if (!keys)
		return;
	free_pool(&keys->hmac);
	free_pool(&keys->siphash);
	free(keys);
}

static void put_back(struct pool *pool, void *at)
{
	struct place *place = at;

	place->next = pool->unused;
	pool->unused = place;
	pool->unused_count++;
}

bool keys_reserve(struct keys *keys, uint8_t auth, uint32_t count)
{
	struct pool *pool = pool_of(keys, auth);
	struct block *block;

	if (count <= pool->unused_count)
		return true;
	count -= pool->unused_count;
	if (pool->blocks && count < BLOCK_KEYS)
		count = BLOCK_KEYS;
	block = malloc(sizeof(*block));
	if (!block)
		return false;
	*block = (struct block){ .next = pool->blocks, .count = count };
	block->bytes = secret_alloc(count * pool->key_len);
	if (!block->bytes) {
		free(block);
		return false;
	}
	pool->blocks = block;
	for (uint32_t i = count; i--;)
		put_back(pool, block->bytes + i * pool->key_len);
	return true;
}

const struct carp_key *keys_take(struct keys *keys, uint8_t auth, const struct carp_key *key)
{
	struct pool *pool = pool_of(keys, auth);
	void *place;

	if (!keys_reserve(keys, auth, 1))
		return NULL;
	place = pool->unused;
	pool->unused = pool->unused->next;
	pool->unused_count--;
	memcpy(place, key, pool->key_len);
	return place;
}

const char *keys_difference(const struct carp_key *before, uint8_t auth_before, const struct carp_key *after, uint8_t auth)
{
	bool are_strong = auth_before != AUTH_HMAC_SHA1 && auth != AUTH_HMAC_SHA1;
	bool has_file = are_strong && after->siphash.ids[0];

	if (are_strong && memcmp(before->siphash.ids, after->siphash.ids, sizeof(after->siphash.ids)))
		return "--keyfile changed";
	/* The outer state is of the password alone; without one it is of the first key of the file. */
	if (secret_equal(before->hmac.outer, after->hmac.outer, sizeof(after->hmac.outer)))
		return "";
	return has_file && auth == AUTH_SIPHASH ? "--keyfile changed" : "-p changed";
}

void keys_give(struct keys *keys, uint8_t auth, const struct carp_key *key)
{
	struct pool *pool = pool_of(keys, auth);

	if (!key)
		return;
	explicit_bzero((void *)key, pool->key_len);
	put_back(pool, (void *)key);
}
