/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A file of keys for strong authentication: `ID HEX` a line, with # comments. The first key signs, each is accepted; so a
 * new one is added below the old one everywhere, then moved above it everywhere, then the old one is removed.
 */
#ifndef XCARP_CORE_KEYFILE_H
#define XCARP_CORE_KEYFILE_H

#include <stdint.h>

#include <xcarp/siphash.h>

#define KEYFILE_KEY_LEN 32
#define KEYFILE_WRONG_LEN 128

/* Keys that are valid at once, before anything is derived from them. */
struct keyring {
	unsigned int count; /* 1 to CARP_SIPHASH_KEYS_MAX */
	uint32_t ids[CARP_SIPHASH_KEYS_MAX]; /* host order; 0: of a password */
	uint8_t keys[CARP_SIPHASH_KEYS_MAX][KEYFILE_KEY_LEN];
};

/*
 * Reads text. Returns 0, or -EINVAL with what would have been right in wrong, and in *line where; 0: the file as a whole.
 * wrong never has a part of a key in it.
 */
int keyfile_parse(struct keyring *ring, const char *text, unsigned int *line, char wrong[KEYFILE_WRONG_LEN]);

#endif
