/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Passwords and keys in libsodium's guarded memory: locked, left out of core dumps, wiped when freed. After secret_init()
 * all of this may be used by several threads, as libsodium may.
 */
#ifndef XCARP_IO_SECRET_H
#define XCARP_IO_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xcarp/carp.h>

#define SECRET_KEY_LEN 32

struct secret {
	size_t len;
	uint8_t bytes[CARP_KEY_MAX];
};

/* Once, before the rest. Returns 0 or -EIO. */
int secret_init(void);

/* Guarded memory of len bytes, zero. NULL where the host gives none. secret_free() wipes it. */
void *secret_alloc(size_t len);
void secret_free(void *memory);

/* Locks it again after a fork(). */
void secret_lock(void *memory, size_t len);

void secret_from_text(struct secret *secret, const char *text);

/*
 * The first line of a file, without its newline. Returns NULL, or what is wrong as a phrase for an error message. Waits
 * for a pipe and for a file system that hangs. *is_public: everybody may read it.
 */
const char *secret_from_file(struct secret *secret, const char *path, bool *is_public);

enum secret_source {
	SECRET_LINE, /* of a file: blanks around it are a slip */
	SECRET_WORD, /* quoted by somebody who meant it */
};

#define SECRET_ODDITIES_MAX 3

/* What is odd about a password, each a phrase about it for a warning. Returns how many there are. */
size_t secret_oddities(const struct secret *secret, enum secret_source source, const char *odd[SECRET_ODDITIES_MAX]);

/* In constant time. */
bool secret_equal(const void *a, const void *b, size_t len);

/* A whole file as text, in guarded memory; secret_free() it. NULL with *why set to a phrase. is_public may be NULL. */
char *secret_read_file(const char *path, const char **why, bool *is_public);

/*
 * A key from a password, by Argon2id: 2 passes over 64 MiB, with a salt that is the same everywhere, so that all nodes get
 * the same key. Takes a tenth of a second, so not for the main loop. Returns 0, or -ENOMEM.
 */
int secret_stretch(uint8_t key[SECRET_KEY_LEN], const struct secret *password);

/*
 * A number by which a password, or what is made of it alone, is known again: by Argon2id, 16 passes over 4 MiB, with a salt that is
 * the same everywhere. Takes a twentieth of a second. Of 65,535 passwords one has the same, so it says little about which one it
 * is. 0: not enough memory.
 */
uint16_t secret_print(const void *bytes, size_t len);

/* A key of len bytes, 16 to 64, for one context only: keyed BLAKE2b. */
void secret_derive(uint8_t *derived, size_t len, const uint8_t key[SECRET_KEY_LEN], const void *context, size_t context_len);

void secret_random(void *bytes, size_t len);
uint64_t secret_random64(void);

#endif
