// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A hierarchical timing wheel (Varghese and Lauck, 1987). Time is cut into ticks, a tick's number into digits of six bits.
 * A deadline lies on the level of the highest digit in which it differs from the wheel's position, in the slot that this
 * digit names: all of one level come before all of the next, and within a level the slots are in order. As the position
 * moves into a slot, what lies there is dealt out to lower levels, so each deadline moves at most once a level. Slots that
 * hold something are marked in a word a level: nothing walks over empty ones, however far time jumps.
 */
#include "timers.h"

#include <stdlib.h>
#include <string.h>

#define TICK_BITS 16 /* 65.5 us */
#define DIGIT_BITS 6
#define SLOTS (1u << DIGIT_BITS)
#define LEVELS ((64 - TICK_BITS + DIGIT_BITS - 1) / DIGIT_BITS)
#define NONE UINT32_MAX
#define ABSENT UINT16_MAX

struct timer {
	uint64_t deadline_ns;
	uint32_t next;
	uint32_t previous;
};

struct timers {
	uint64_t position; /* a tick: nothing is before it but in its own slot of level 0, where what is overdue goes */
	uint64_t used[LEVELS]; /* bit s: slot s holds something */
	uint64_t unsure[LEVELS]; /* bit s: the slot's earliest deadline was taken out, and has to be looked for */
	uint32_t slots[LEVELS * SLOTS]; /* first timer of each */
	uint64_t earliest_ns[LEVELS * SLOTS]; /* deadline in each */
	struct timer *timers;
	uint16_t *places; /* of an id: level and slot, or ABSENT */
	uint32_t capacity;
};

bool timers_grow(struct timers *timers, uint32_t capacity)
{
	struct timer *grown;
	uint16_t *places;

	if (capacity <= timers->capacity)
		return true;
	grown = reallocarray(timers->timers, capacity, sizeof(*grown));
	if (!grown)
		return false;
	timers->timers = grown;
	places = reallocarray(timers->places, capacity, sizeof(*places));
	if (!places)
		return false;
	memset(places + timers->capacity, 0xff, (capacity - timers->capacity) * sizeof(*places));
	timers->places = places;
	timers->capacity = capacity;
	return true;
}

struct timers *timers_new(uint32_t capacity)
{
	struct timers *timers = calloc(1, sizeof(*timers));

	if (!timers)
		return NULL;
	memset(timers->slots, 0xff, sizeof(timers->slots));
	if (timers_grow(timers, capacity))
		return timers;
	timers_free(timers);
	return NULL;
}

void timers_free(struct timers *timers)
{
	if (!timers)
		return;
	free(timers->timers);
	free(timers->places);
	free(timers);
}

static void insert(struct timers *timers, uint32_t id)
{
	uint64_t deadline_ns = timers->timers[id].deadline_ns, tick = deadline_ns >> TICK_BITS, difference;
	uint32_t level, slot, place;

	if (tick < timers->position)
		tick = timers->position;
	difference = tick ^ timers->position;
	level = difference ? (63u - (uint32_t)__builtin_clzll(difference)) / DIGIT_BITS : 0;
	slot = tick >> (level * DIGIT_BITS) & (SLOTS - 1);
	place = level * SLOTS + slot;

	timers->timers[id].previous = NONE;
	timers->timers[id].next = timers->slots[place];
	if (timers->slots[place] != NONE)
		timers->timers[timers->slots[place]].previous = id;
	timers->slots[place] = id;
	timers->places[id] = (uint16_t)place;
	if (!(timers->used[level] & 1ull << slot)) {
		timers->used[level] |= 1ull << slot;
		timers->unsure[level] &= ~(1ull << slot);
		timers->earliest_ns[place] = deadline_ns;
	} else if (deadline_ns < timers->earliest_ns[place]) {
		timers->unsure[level] &= ~(1ull << slot);
		timers->earliest_ns[place] = deadline_ns;
	}
}

static void take_out(struct timers *timers, uint32_t id)
{
	const struct timer *timer = &timers->timers[id];
	uint32_t place = timers->places[id], level = place / SLOTS;
	uint64_t slot = 1ull << place % SLOTS;

	if (timer->previous != NONE)
		timers->timers[timer->previous].next = timer->next;
	else
		timers->slots[place] = timer->next;
	if (timer->next != NONE)
		timers->timers[timer->next].previous = timer->previous;
	if (timers->slots[place] == NONE)
		timers->used[level] &= ~slot;
	else if (timer->deadline_ns == timers->earliest_ns[place])
		timers->unsure[level] |= slot;
	timers->places[id] = ABSENT;
}

void timers_arm(struct timers *timers, uint32_t id, uint64_t deadline_ns)
{
	if (timers->places[id] != ABSENT) {
		if (timers->timers[id].deadline_ns == deadline_ns)
			return;
		take_out(timers, id);
	}
	if (deadline_ns == TIMERS_NEVER)
		return;
	timers->timers[id].deadline_ns = deadline_ns;
	insert(timers, id);
}

/* The slot with the earliest deadlines. False where there is none. */
static bool first_place(const struct timers *timers, uint32_t *level, uint32_t *slot)
{
	for (*level = 0; *level < LEVELS; ++*level) {
		if (!timers->used[*level])
			continue;
		*slot = (uint32_t)__builtin_ctzll(timers->used[*level]);
		return true;
	}
	return false;
}

uint64_t timers_next(struct timers *timers)
{
	uint32_t level, slot, place;

	if (!first_place(timers, &level, &slot))
		return TIMERS_NEVER;
	place = level * SLOTS + slot;
	if (timers->unsure[level] & 1ull << slot) {
		uint64_t earliest_ns = TIMERS_NEVER;

		for (uint32_t id = timers->slots[place]; id != NONE; id = timers->timers[id].next)
			if (timers->timers[id].deadline_ns < earliest_ns)
				earliest_ns = timers->timers[id].deadline_ns;
		timers->earliest_ns[place] = earliest_ns;
		timers->unsure[level] &= ~(1ull << slot);
	}
	return timers->earliest_ns[place];
}

/* The first tick of a slot that lies ahead of the position, or is its own. */
static uint64_t start_of(const struct timers *timers, uint32_t level, uint32_t slot)
{
	uint32_t shift = level * DIGIT_BITS;

	return timers->position >> (shift + DIGIT_BITS) << (shift + DIGIT_BITS) | (uint64_t)slot << shift;
}

/* The position is at the start of this slot: what lies there is dealt out below it. */
static void deal_out(struct timers *timers, uint32_t level, uint32_t slot)
{
	uint32_t id = timers->slots[level * SLOTS + slot];

	timers->slots[level * SLOTS + slot] = NONE;
	timers->used[level] &= ~(1ull << slot);
	while (id != NONE) {
		uint32_t next = timers->timers[id].next;

		insert(timers, id);
		id = next;
	}
}

static bool pop_of(struct timers *timers, uint32_t place, uint64_t now_ns, uint32_t *id)
{
	for (*id = timers->slots[place]; *id != NONE; *id = timers->timers[*id].next) {
		if (timers->timers[*id].deadline_ns > now_ns)
			continue;
		take_out(timers, *id);
		return true;
	}
	return false;
}

bool timers_pop(struct timers *timers, uint64_t now_ns, uint32_t *id)
{
	uint64_t now = now_ns >> TICK_BITS;
	uint32_t level, slot;

	while (first_place(timers, &level, &slot)) {
		uint64_t start = start_of(timers, level, slot);

		/* What lies at the position itself may be overdue, whatever the position. */
		if (start > now && start > timers->position)
			break;
		timers->position = start;
		if (!level)
			return pop_of(timers, slot, now_ns, id);
		deal_out(timers, level, slot);
	}
	/* Nothing lies before it, and from here the way to what is armed next is short. */
	if (now > timers->position)
		timers->position = now;
	return false;
}
