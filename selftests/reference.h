/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HMAC-SHA1 as RFC 2104 and FIPS 180-4 spell it, a byte string in and a digest out. It shares no code with what
 * it is there to judge.
 */
#ifndef SELFTESTS_REFERENCE_H
#define SELFTESTS_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

#include "core/vip.h"

#define REFERENCE_MD_LEN 20

void reference_sha1(uint8_t md[REFERENCE_MD_LEN], const uint8_t *message, size_t len);
void reference_hmac_sha1(uint8_t md[REFERENCE_MD_LEN], const uint8_t *key, size_t key_len, const uint8_t *message,
			 size_t len);

/* An advert's digest, from what a user would say. The VIPs come in any order and may repeat. */
void reference_carp_md(uint8_t md[REFERENCE_MD_LEN], const uint8_t *password, size_t password_len, uint8_t vhid,
		       const struct vip *vips, size_t n, uint64_t counter);

#endif
