// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "timers.h"

#include <stdlib.h>

#define ARITY 4
#define ABSENT UINT32_MAX

struct timers {
	uint32_t count;
	uint32_t *heap; /* ids, earliest first */
	uint32_t *place; /* of an id in heap, or ABSENT */
	uint64_t *deadline_ns; /* of an id */
};

struct timers *timers_new(uint32_t capacity)
{
	struct timers *timers = calloc(1, sizeof(*timers));

	if (!timers)
		return NULL;
	timers->heap = calloc(capacity, sizeof(*timers->heap));
	timers->place = calloc(capacity, sizeof(*timers->place));
	timers->deadline_ns = calloc(capacity, sizeof(*timers->deadline_ns));
	if (!timers->heap || !timers->place || !timers->deadline_ns) {
		timers_free(timers);
		return NULL;
	}
	for (uint32_t id = 0; id < capacity; id++)
		timers->place[id] = ABSENT;
	return timers;
}

void timers_free(struct timers *timers)
{
	if (!timers)
		return;
	free(timers->heap);
	free(timers->place);
	free(timers->deadline_ns);
	free(timers);
}

static void put(struct timers *timers, uint32_t place, uint32_t id)
{
	timers->heap[place] = id;
	timers->place[id] = place;
}

static void sift_up(struct timers *timers, uint32_t place, uint32_t id)
{
	while (place) {
		uint32_t parent = (place - 1) / ARITY;

		if (timers->deadline_ns[timers->heap[parent]] <= timers->deadline_ns[id])
			break;
		put(timers, place, timers->heap[parent]);
		place = parent;
	}
	put(timers, place, id);
}

static uint32_t earliest_child(const struct timers *timers, uint32_t place)
{
	uint32_t first = place * ARITY + 1, best = ABSENT;

	for (uint32_t child = first; child < first + ARITY && child < timers->count; child++)
		if (best == ABSENT ||
		    timers->deadline_ns[timers->heap[child]] < timers->deadline_ns[timers->heap[best]])
			best = child;
	return best;
}

static void sift_down(struct timers *timers, uint32_t place, uint32_t id)
{
	for (;;) {
		uint32_t child = earliest_child(timers, place);

		if (child == ABSENT || timers->deadline_ns[timers->heap[child]] >= timers->deadline_ns[id])
			break;
		put(timers, place, timers->heap[child]);
		place = child;
	}
	put(timers, place, id);
}

/* id has a place but its deadline changed. */
static void settle(struct timers *timers, uint32_t id)
{
	uint32_t place = timers->place[id];

	sift_up(timers, place, id);
	if (timers->place[id] == place)
		sift_down(timers, place, id);
}

static void take_out(struct timers *timers, uint32_t id)
{
	uint32_t place = timers->place[id], last = timers->heap[--timers->count];

	timers->place[id] = ABSENT;
	if (last == id)
		return;
	put(timers, place, last);
	settle(timers, last);
}

void timers_arm(struct timers *timers, uint32_t id, uint64_t deadline_ns)
{
	if (timers->place[id] == ABSENT) {
		if (deadline_ns == TIMERS_NEVER)
			return;
		timers->deadline_ns[id] = deadline_ns;
		sift_up(timers, timers->count++, id);
		return;
	}
	if (deadline_ns == TIMERS_NEVER) {
		take_out(timers, id);
		return;
	}
	timers->deadline_ns[id] = deadline_ns;
	settle(timers, id);
}

uint64_t timers_next(const struct timers *timers)
{
	return timers->count ? timers->deadline_ns[timers->heap[0]] : TIMERS_NEVER;
}

bool timers_pop(struct timers *timers, uint64_t now_ns, uint32_t *id)
{
	if (timers_next(timers) > now_ns || !timers->count)
		return false;
	*id = timers->heap[0];
	take_out(timers, *id);
	return true;
}
