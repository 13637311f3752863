/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a password and what an advert's signature covers to the key state that driver and sender share. */
#ifndef XCARP_CORE_AUTH_H
#define XCARP_CORE_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xcarp/abi.h>
#include <xcarp/carp.h>
#include <xcarp/sha1.h>
#include <xcarp/siphash.h>

#include "vip.h"

/*
 * Prepares *key for a virtual router. The VIPs may come in any order and repeat: they are hashed IPv4 first, then
 * IPv6, each ascending, each once (OpenBSD's carp_hmac_prepare_ctx).
 *
 * password: 1 to CARP_KEY_MAX bytes, padded with zeros as all CARPs do. n: 1 to CARP_VIPS_MAX.
 * Returns 0, or -EINVAL where one of these is out of range. Leaves nothing of the password on the stack.
 */
int auth_hmac_key(struct carp_hmac_key *key, const uint8_t *password, size_t password_len, uint8_t vhid,
		  const struct vip *vips, size_t n);

/* The 20 bytes of an advert's digest, as they go on the wire. counter: host order. */
void auth_hmac(const struct carp_hmac_key *key, uint64_t counter, uint8_t md[CARP_MD_LEN]);

/* The same for n adverts, each with a key and a counter of its own: several at once cost little more than one. */
void auth_hmac_batch(const struct carp_hmac_key *const *keys, const uint64_t *counters, uint8_t (*mds)[CARP_MD_LEN],
		     unsigned int n);

/* The longest of auth_context(). */
#define AUTH_CONTEXT_MAX (16 + 8 + 16 * CARP_VIPS_MAX)

/*
 * What a strong advert's tag covers of a virtual router besides the advert itself, for its subkeys to be derived from:
 *
 *	"xcarp siphash 1" and a NUL: 16 bytes
 *	4, the IP version of its adverts; group (4 bytes); VHID; how many IPv4 VIPs, how many IPv6 VIPs: 8 bytes
 *	its VIPs, in the order and as often as auth_hmac_key() hashes them
 *
 * group: network order. n: at most CARP_VIPS_MAX. Returns how many bytes it wrote.
 */
size_t auth_context(uint8_t context[AUTH_CONTEXT_MAX], uint32_t group, uint8_t vhid, const struct vip *vips, size_t n);

/*
 * Fills in key id and tag with the first of the keys. All else of the header but the checksum has to be there already.
 * source: IPv4, network order.
 */
void auth_siphash(struct carp_header *carp, const struct carp_siphash_keys *keys, uint32_t source);

/* Is it signed with one of the keys, in a way that auth accepts? As the program decides it, but for whether it is replayed. */
bool auth_is_good(const struct carp_header *carp, const struct carp_key *key, enum xcarp_auth auth, uint32_t source);

#endif
