/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Passwords and keys in libsodium's guarded memory: locked, left out of core dumps, wiped when freed. */
#ifndef XCARP_IO_SECRET_H
#define XCARP_IO_SECRET_H

#include <stddef.h>
#include <stdint.h>

#include <xcarp/carp.h>

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
 * The first line of a file, without its newline. Returns NULL, or what is wrong as a phrase for an error message. It may
 * wait for a pipe: for the start only.
 */
const char *secret_from_file(struct secret *secret, const char *path);

/* A whole file as text, in guarded memory; secret_free() it. NULL with *why set to a phrase. */
char *secret_read_file(const char *path, const char **why);

uint64_t secret_random64(void);

#endif
