/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the keys of strong authentication come from: files, and passwords through Argon2id. Each file is read once and each
 * password stretched once, however many virtual routers have it. In guarded memory, for as long as a plan is made.
 */
#ifndef XCARP_KEYRINGS_H
#define XCARP_KEYRINGS_H

#include <stdbool.h>

#include "core/keyfile.h"
#include "core/options.h"
#include "io/secret.h"

struct keyrings;

/* NULL where memory is short. */
struct keyrings *keyrings_new(void);

/* Wipes all. */
void keyrings_free(struct keyrings *rings);

/* NULL where memory is short. */
const struct keyring *keyrings_of_password(struct keyrings *rings, const struct secret *password);

#define KEYRINGS_REMARK_LEN 160

/*
 * What is in a file. NULL where that is no use. remark: what is to be told about the file, the first time; as
 * `:LINE: what would be right` or `: what is wrong`. path must stay as long as rings do.
 */
const struct keyring *keyrings_of_file(struct keyrings *rings, const char *path, char remark[KEYRINGS_REMARK_LEN]);

/* One virtual router's subkeys: keyed BLAKE2b over auth_context(), so that each stands for what is configured there. */
void keyring_derive(const struct keyring *ring, const struct vr_options *options, struct carp_siphash_keys *keys);

/* In place of a password where there is none: nobody's, but the same each time. */
void keyring_fill_password(const struct keyring *ring, struct secret *password);

#endif
