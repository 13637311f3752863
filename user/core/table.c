// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "table.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_MIN 16u

struct node {
	uint32_t hash;
	uint32_t number;
	uint32_t next; /* in its bucket, or in the list of free ones */
};

struct table {
	uint32_t room; /* nodes, and buckets: a power of two */
	uint32_t used; /* nodes ever handed out */
	uint32_t free;
	uint32_t *buckets;
	struct node *nodes;
};

static bool make_room(struct table *table, uint32_t room)
{
	struct node *nodes = reallocarray(table->nodes, room, sizeof(*nodes));
	uint32_t *buckets;

	if (!nodes)
		return false;
	table->nodes = nodes;
	buckets = reallocarray(table->buckets, room, sizeof(*buckets));
	if (!buckets)
		return false;
	table->buckets = buckets;
	table->room = room;
	memset(buckets, 0xff, room * sizeof(*buckets));
	/* Grown only when every node is in use. */
	for (uint32_t at = 0; at < table->used; at++) {
		uint32_t *bucket = &buckets[nodes[at].hash & (room - 1)];

		nodes[at].next = *bucket;
		*bucket = at;
	}
	return true;
}

struct table *table_new(size_t room)
{
	struct table *table = calloc(1, sizeof(*table));
	uint32_t power = ROOM_MIN;

	if (!table)
		return NULL;
	while (power < room)
		power *= 2;
	table->free = TABLE_NONE;
	if (make_room(table, power))
		return table;
	table_free(table);
	return NULL;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	free(table->nodes);
	free(table->buckets);
	free(table);
}

static uint32_t take_node(struct table *table)
{
	uint32_t at = table->free;

	if (at != TABLE_NONE) {
		table->free = table->nodes[at].next;
		return at;
	}
	if (table->used == table->room && !make_room(table, table->room * 2))
		return TABLE_NONE;
	return table->used++;
}

bool table_put(struct table *table, uint32_t hash, uint32_t number)
{
	uint32_t at = take_node(table), *bucket;

	if (at == TABLE_NONE)
		return false;
	bucket = &table->buckets[hash & (table->room - 1)];
	table->nodes[at] = (struct node){ .hash = hash, .number = number, .next = *bucket };
	*bucket = at;
	return true;
}

void table_remove(struct table *table, uint32_t hash, uint32_t number)
{
	uint32_t *link = &table->buckets[hash & (table->room - 1)];

	for (; *link != TABLE_NONE; link = &table->nodes[*link].next) {
		uint32_t at = *link;
		struct node *node = &table->nodes[at];

		if (node->hash != hash || node->number != number)
			continue;
		*link = node->next;
		node->next = table->free;
		table->free = at;
		return;
	}
}

static uint32_t same_hash(const struct table *table, uint32_t at, uint32_t hash)
{
	while (at != TABLE_NONE && table->nodes[at].hash != hash)
		at = table->nodes[at].next;
	return at;
}

uint32_t table_first(const struct table *table, uint32_t hash)
{
	return same_hash(table, table->buckets[hash & (table->room - 1)], hash);
}

uint32_t table_next(const struct table *table, uint32_t at)
{
	return same_hash(table, table->nodes[at].next, table->nodes[at].hash);
}

uint32_t table_number(const struct table *table, uint32_t at)
{
	return table->nodes[at].number;
}

uint32_t table_find(const struct table *table, const struct table_key *key)
{
	for (uint32_t at = table_first(table, key->hash); at != TABLE_NONE; at = table_next(table, at))
		if (key->is(key->ctx, table->nodes[at].number))
			return table->nodes[at].number;
	return TABLE_NONE;
}

uint32_t table_enter(struct table *table, const struct table_key *key, uint32_t number)
{
	uint32_t found = table_find(table, key);

	if (found == TABLE_NONE)
		table_put(table, key->hash, number);
	return found;
}

/* FNV-1a, with its bits mixed once more. */
uint32_t table_hash(uint32_t hash, const void *bytes, size_t len)
{
	const uint8_t *byte = bytes;

	hash ^= 2166136261u;
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ byte[i]) * 16777619u;
	hash ^= hash >> 15;
	hash *= 0x2c1b3c6du;
	return hash ^ hash >> 13;
}
