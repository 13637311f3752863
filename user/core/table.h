/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Finds numbers by a hash: which virtual routers have this address, which interface has this name. Several numbers may
 * have one hash, so whoever asks compares what they stand for.
 */
#ifndef XCARP_CORE_TABLE_H
#define XCARP_CORE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLE_NONE UINT32_MAX

struct table;

/* With room for so many pairs; it grows by itself. NULL where memory is short. */
struct table *table_new(size_t room);
void table_free(struct table *table);

/* False where memory is short: never within the room. The same pair twice is there twice. */
bool table_put(struct table *table, uint32_t hash, uint32_t number);

/* Takes one such pair out, if there is one. */
void table_remove(struct table *table, uint32_t hash, uint32_t number);

/*
 * All numbers of a hash:  for (uint32_t at = table_first(t, hash); at != TABLE_NONE; at = table_next(t, at)) with
 * table_number(t, at). The table must not change meanwhile.
 */
uint32_t table_first(const struct table *table, uint32_t hash);
uint32_t table_next(const struct table *table, uint32_t at);
uint32_t table_number(const struct table *table, uint32_t at);

/* What is looked for: does the thing with this number stand for it? */
struct table_key {
	uint32_t hash;
	bool (*is)(const void *ctx, uint32_t number);
	const void *ctx;
};

uint32_t table_find(const struct table *table, const struct table_key *key);

/* Puts number in where nothing stands for key yet, and returns TABLE_NONE; else returns the number of what does. */
uint32_t table_enter(struct table *table, const struct table_key *key, uint32_t number);

/* Over several pieces: begins with 0, goes on with what came back. Not made to withstand chosen input. */
uint32_t table_hash(uint32_t hash, const void *bytes, size_t len);

#endif
