/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The keys that virtual routers sign with, in guarded memory. A key stays where it is until it is given back. Those with
 * AUTH_HMAC_SHA1, most often all of them, have no room for a SipHash part: a third of 65,536 keys is 5 MB of locked memory.
 */
#ifndef XCARP_KEYS_H
#define XCARP_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include <xcarp/abi.h>

struct keys;

/* NULL where memory is short. */
struct keys *keys_new(void);

/* Wipes all. */
void keys_free(struct keys *keys);

/* Makes sure that the next count calls of keys_take() with such an auth succeed; false where memory is short. */
bool keys_reserve(struct keys *keys, uint8_t auth, uint32_t count);

/* A copy of *key; with AUTH_HMAC_SHA1 of key->hmac alone. NULL where memory is short. */
const struct carp_key *keys_take(struct keys *keys, uint8_t auth, const struct carp_key *key);

/* Of two keys of one virtual router, with their auth: `-p changed`, `--keyfile changed`, or an empty text. */
const char *keys_difference(const struct carp_key *before, uint8_t auth_before, const struct carp_key *after, uint8_t auth);

/* Wipes it. auth: as it was taken. key may be NULL. */
void keys_give(struct keys *keys, uint8_t auth, const struct carp_key *key);

#endif
