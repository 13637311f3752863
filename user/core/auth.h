/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a password and what an advert's digest covers to the key state that driver and sender share. */
#ifndef XCARP_CORE_AUTH_H
#define XCARP_CORE_AUTH_H

#include <stddef.h>
#include <stdint.h>

#include <xcarp/carp.h>
#include <xcarp/sha1.h>

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

#endif
