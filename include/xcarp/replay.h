/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Is an advert's counter fresh? For the driver, and for whoever wants to know what the driver will say. CARP's digest covers
 * nothing that changes but the counter, so this is all that tells an old advert from a new one; its source and interval
 * may have been written anew.
 *
 * How peers count: xcarp's counter follows the time of day and is above all that it has heard or sent. ucarp and FreeBSD
 * take a random number for each advert until they have heard one, and count up from the last one heard from then on.
 * OpenBSD repeats one number. So in a virtual router there are
 *
 *	runs	ranges of numbers through which somebody has counted. Whatever lies in one, or a little below, has been
 *		used before, whoever it seems to come from: this takes no memory that could run out. Three are known, so
 *		that a start at another place forgets nothing.
 *	holes	what a run leaves out when it goes far on: nobody has been heard with that. Who has not heard that advert, or
 *		has heard an older one since, goes on counting there. Of several peers who answer several of our adverts each
 *		may go on from another one, and one's answer to the other leads back to an older one.
 *	single	numbers that lie elsewhere: they may be random ones. Those that were heard are kept one by one, outside of
 *		this (the map `seen`), as many as there is room for.
 *	constant numbers, believed of a source that has never sent anything else.
 *
 * Who sends when we do does not know our last number, and ucarp, which hears up to a second late, not the ones before it. So
 * below what we sent last a number may be fresh: one a little below, or the next of a run or a source. Unless it is one of
 * ours: those all end alike, in 16 bits made of our address, so that none of them has to be remembered.
 *
 * A number is compared by its distance from another, modulo 2^64: counting goes over the end.
 */
#ifndef XCARP_REPLAY_H
#define XCARP_REPLAY_H

#include <linux/types.h>
#include <stdbool.h>

#include <xcarp/verifier.h>

#define REPLAY_RUNS 3
#define REPLAY_HOLES 4
#define REPLAY_LOCK_TRIES 64 /* a microsecond */
#define REPLAY_SOURCES 4

/*
 * What goes on counting is at most so far ahead: 18 minutes of the time of day, in nanoseconds. A random number is by chance
 * with a probability of 2^-24.
 */
#define REPLAY_AHEAD (1ull << 40)
/* And what lies so far below a run, 5 hours, is from before it was first heard. */
#define REPLAY_BEHIND (1ull << 44)
/* What was heard of us so long before our last advert may still be counted from, besides the time between two of ours. */
#define REPLAY_LAG_NS (1ull << 36)
/* Who counts adverts is at most so far ahead of the last one that was heard. */
#define REPLAY_NEXT (1ull << 16)
/*
 * In a hole less far: an xcarp ahead of the time of day makes steps of 2^16, until that has caught up, and then a long one. It
 * would be heard for a while, and then not, with nothing having happened.
 */
#define REPLAY_NEXT_LATE (1ull << 15)
/* Who answers one of our adverts is at most so far ahead of it. */
#define REPLAY_NEXT_ANSWER 256
#define REPLAY_END_MASK 0xffffull
/* Ours of nine years are known by their end; a random number is taken for one of them with a probability of 2^-22. */
#define REPLAY_OWN_SPAN (1ull << 58)
/* Who goes on from our own goes on with a run of the last hundred days: that must not be forgotten for it. */
#define REPLAY_RUN_GAP (1ull << 53)
/* A constant number changes with a reboot; what changes it sooner is not constant. */
#define REPLAY_REBOOT_NS 10000000000ull

enum replay_mode {
	REPLAY_OFF,
	REPLAY_AUTO,
	REPLAY_STRICT, /* above all that was seen */
};

/* Inclusive; both 0: none. */
struct replay_run {
	__u64 low;
	__u64 high;
};

enum replay_habit {
	HABIT_NONE, /* the place is free */
	HABIT_FIRST, /* one advert was heard, with a number by itself */
	HABIT_COUNTING,
	HABIT_RANDOM,
	HABIT_CONSTANT,
};

/* Who has authenticated. */
struct replay_source {
	__u32 address[4]; /* network order, zeros after an IPv4 one */
	__u64 last; /* counter */
	__u64 heard_ns;
	__u8 habit; /* enum replay_habit */
	__u8 reserved[7];
};

_Static_assert(sizeof(struct replay_source) == 40, "part of a map value");

struct replay {
	struct replay_run runs[REPLAY_RUNS]; /* the newest first */
	struct replay_run holes[REPLAY_HOLES]; /* between the two numbers; empty where they are the same */
	__u32 next_hole; /* which one makes room; counts on */
	__u32 is_locked; /* 1: a CPU is learning from an advert */
	/*
	 * What was taken in strict mode: apart from the runs, because a strong advert may come after a ucarp's high numbers,
	 * or after a recording of them.
	 */
	struct replay_run strict;
	__u64 floor; /* strict: above it, too */
	__u64 ceiling; /* strict, until an advert was taken: not above it, at monotonic time 0; 0: one was taken */
	struct replay_source sources[REPLAY_SOURCES];
};

_Static_assert(sizeof(struct replay) == 152 + 40 * REPLAY_SOURCES, "part of a map value");

enum replay_answer {
	REPLAY_COUNTS, /* fresh: it goes on from a run, whose number is told */
	REPLAY_LATE, /* fresh: it goes on in a hole */
	REPLAY_REPEATS, /* believed: its source repeats one number */
	REPLAY_SINGLE, /* fresh unless it was seen */
	REPLAY_OLD,
	REPLAY_BAD_CLOCK, /* strict: too far from our time of day for a first one */
};

_Static_assert(REPLAY_RUNS == 3 && REPLAY_HOLES == 4 && !(REPLAY_SOURCES & (REPLAY_SOURCES - 1)), "as is counted on below");

#define REPLAY_INLINE static inline __attribute__((always_inline))

/* In range for the verifier, too. */
REPLAY_INLINE __u64 replay_place(__u32 place)
{
	return verifier_unknown(place) & (REPLAY_SOURCES - 1);
}

/* The place of a source; REPLAY_SOURCES: not known. */
REPLAY_INLINE __u32 replay_find(const struct replay *replay, const __u32 address[4])
{
	__u32 place = REPLAY_SOURCES;

#pragma GCC unroll 4
	for (__u32 i = 0; i < REPLAY_SOURCES; i++) {
		const struct replay_source *source = &replay->sources[i];

		if (source->address[0] == address[0] && source->habit != HABIT_NONE && source->address[1] == address[1] &&
		    source->address[2] == address[2] && source->address[3] == address[3])
			place = i;
	}
	return place;
}

REPLAY_INLINE bool replay_is_run(const struct replay_run *run)
{
	return run->low || run->high;
}

REPLAY_INLINE bool replay_is_behind(__u64 low, __u64 high, __u64 counter)
{
	__u64 from = low - REPLAY_BEHIND;

	return counter - from <= high - from;
}

REPLAY_INLINE bool replay_goes_on(__u64 high, __u64 counter)
{
	return counter - high - 1 < REPLAY_AHEAD;
}

/* Of our numbers, which all end in the same way, the smallest one that is not below. end: up to REPLAY_END_MASK. */
REPLAY_INLINE __u64 replay_own_counter(__u64 at_least, __u64 end)
{
	return at_least + ((end - at_least) & REPLAY_END_MASK);
}

/* Is it one of ours, up to the last? */
REPLAY_INLINE bool replay_is_own(__u64 sent, __u64 counter)
{
	return sent && sent - counter < REPLAY_OWN_SPAN && !((sent ^ counter) & REPLAY_END_MASK);
}

/* The next one of who counts adverts. */
REPLAY_INLINE bool replay_is_next(__u64 high, __u64 counter)
{
	return counter - high - 1 < REPLAY_NEXT;
}

REPLAY_INLINE bool replay_is_in_hole(const struct replay_run *hole, __u64 counter)
{
	__s64 from_low = (__s64)(counter - hole->low), width = (__s64)(hole->high - hole->low);

	return from_low > 0 && from_low < width;
}

/* Does it go on in a hole, or from one of our own there? Others may have gone on further than our last. */
REPLAY_INLINE bool replay_is_late(const struct replay *replay, __u64 sent, __u64 lag_ns, __u64 counter)
{
	bool is_answer = sent && sent + REPLAY_NEXT_ANSWER - counter <= lag_ns + REPLAY_NEXT_ANSWER &&
			 ((counter - sent - 1) & REPLAY_END_MASK) < REPLAY_NEXT_ANSWER;
	bool is_late = false;

#pragma GCC unroll 4
	for (int i = 0; i < REPLAY_HOLES; i++) {
		const struct replay_run *hole = &replay->holes[i];

		is_late |= replay_is_in_hole(hole, counter) && (is_answer || counter - hole->low <= REPLAY_NEXT_LATE);
	}
	return is_late;
}

REPLAY_INLINE enum replay_answer replay_look_strict(const struct replay *replay, __u64 sent, __u64 lag_ns, __u64 counter,
						    __u64 now_ns)
{
	if (replay->ceiling && (counter <= replay->floor || counter > replay->ceiling + now_ns))
		return REPLAY_BAD_CLOCK;
	if (counter <= replay->strict.high || counter <= replay->floor)
		return REPLAY_OLD;
	if (counter > sent)
		return REPLAY_COUNTS;
	if (replay_is_own(sent, counter))
		return REPLAY_OLD;
	return sent - counter <= lag_ns || replay_is_next(replay->strict.high, counter) ? REPLAY_COUNTS : REPLAY_OLD;
}

REPLAY_INLINE bool replay_is_behind_any(const struct replay *replay, __u64 counter)
{
	bool is_behind = false;

#pragma GCC unroll 3
	for (int i = 0; i < REPLAY_RUNS; i++) {
		const struct replay_run *known = &replay->runs[i];

		is_behind |= replay_is_run(known) && replay_is_behind(known->low, known->high, counter);
	}
	return is_behind;
}

/* The nearest run below, if it is by less than *distance; that is its own then. REPLAY_RUNS: there is none. */
REPLAY_INLINE __u32 replay_run_below(const struct replay *replay, __u64 counter, __u64 *distance)
{
	__u32 run = REPLAY_RUNS;

#pragma GCC unroll 3
	for (__u32 i = 0; i < REPLAY_RUNS; i++) {
		const struct replay_run *known = &replay->runs[i];

		if (replay_is_run(known) && counter - known->high - 1 < *distance) {
			*distance = counter - known->high - 1;
			run = i;
		}
	}
	return run;
}

/*
 * Changes nothing. source: its place, or REPLAY_SOURCES. sent: the newest counter of our own; 0: none. lag_ns: how far below
 * it a peer may be that has not heard it yet. now_ns: CLOCK_MONOTONIC, for strict alone. *run: with REPLAY_COUNTS, which run
 * it goes on from; REPLAY_RUNS: from our own, or from what was taken in strict mode.
 */
REPLAY_INLINE enum replay_answer replay_look(const struct replay *replay, bool is_strict, __u32 source, __u64 sent,
					     __u64 lag_ns, __u64 counter, __u64 now_ns, __u32 *run)
{
	__u64 distance = REPLAY_AHEAD;
	__u32 below = replay_run_below(replay, counter, &distance), goes_on = REPLAY_RUNS + 1;
	bool is_next = distance < REPLAY_NEXT;

	*run = 0;
	if (is_strict)
		/* The runs are of the time before --replay=strict. */
		return replay_is_behind_any(replay, counter) ? REPLAY_OLD :
							       replay_look_strict(replay, sent, lag_ns, counter, now_ns);
	if (source < REPLAY_SOURCES) {
		const struct replay_source *known = &replay->sources[replay_place(source)];

		if (known->last == counter && (known->habit == HABIT_CONSTANT || known->habit == HABIT_FIRST))
			return REPLAY_REPEATS;
		is_next |= replay_is_next(known->last, counter);
	}
	if (replay_is_own(sent, counter))
		return REPLAY_OLD;
	if (sent && replay_goes_on(sent, counter))
		goes_on = REPLAY_RUNS;
	if (replay->strict.high) {
		if (replay_is_behind(replay->strict.low, replay->strict.high, counter))
			return REPLAY_OLD;
		if (replay_goes_on(replay->strict.high, counter))
			goes_on = REPLAY_RUNS;
	}
	if (below < REPLAY_RUNS)
		goes_on = below;
	if (replay_is_behind_any(replay, counter))
		return replay_is_late(replay, sent, lag_ns, counter) ? REPLAY_LATE : REPLAY_OLD;
	if (sent && replay_is_behind(sent, sent, counter) && !is_next && sent - counter > lag_ns)
		return REPLAY_OLD;
	/* A random number lies there with a probability of 2^-28. */
	if (goes_on > REPLAY_RUNS && sent && sent - counter <= lag_ns)
		goes_on = REPLAY_RUNS;
	if (goes_on > REPLAY_RUNS)
		return REPLAY_SINGLE;
	*run = goes_on;
	return REPLAY_COUNTS;
}

/*
 * Learning changes several words: one CPU does it at a time, and looks again before. False where another one takes
 * longer for it than it ever should.
 */
REPLAY_INLINE bool replay_lock(struct replay *replay)
{
	for (int i = 0; i < REPLAY_LOCK_TRIES; i++)
		if (!__sync_val_compare_and_swap(&replay->is_locked, 0, 1))
			return true;
	return false;
}

REPLAY_INLINE void replay_unlock(struct replay *replay)
{
	__sync_val_compare_and_swap(&replay->is_locked, 1, 0);
}

REPLAY_INLINE void replay_add_hole(struct replay *replay, __u64 low, __u64 high)
{
	struct replay_run *hole = &replay->holes[verifier_unknown(replay->next_hole++) & (REPLAY_HOLES - 1)];

	hole->low = low;
	hole->high = high;
}

/* A run has gone on from one number to another; no other one lies in between. */
REPLAY_INLINE void replay_leave_hole(struct replay *replay, __u64 low, __u64 high)
{
	if (high - low > REPLAY_NEXT_LATE)
		replay_add_hole(replay, low, high);
}

/* In a run that is forgotten numbers may be used without being missed in its holes. */
REPLAY_INLINE void replay_fill_holes(struct replay *replay)
{
#pragma GCC unroll 4
	for (int i = 0; i < REPLAY_HOLES; i++)
		replay->holes[i].high = replay->holes[i].low;
}

REPLAY_INLINE void replay_begin_run(struct replay *replay, __u64 low, __u64 high)
{
	if (replay_is_run(&replay->runs[REPLAY_RUNS - 1]))
		replay_fill_holes(replay);
#pragma GCC unroll 3
	for (int i = REPLAY_RUNS - 1; i > 0; i--)
		replay->runs[i] = replay->runs[i - 1];
	replay->runs[0].low = low || high ? low : ~0ull; /* 0 twice is no run */
	replay->runs[0].high = high;
	replay_leave_hole(replay, low, high);
}

/* It goes on from a run. */
REPLAY_INLINE void replay_move_run(struct replay *replay, __u32 run, __u64 counter)
{
	__u64 *high = run == 2 ? &replay->runs[2].high : run == 1 ? &replay->runs[1].high : &replay->runs[0].high;
	__u64 before = *high;

	*high = counter;
	replay_leave_hole(replay, before, counter);
}

/*
 * Where it goes on from what somebody sent before, a run begins there. From a constant number only its own source goes on, which
 * then counts: somebody may have repeated that one advert, until the next was heard. Others repeat the one after it.
 */
REPLAY_INLINE bool replay_begins_to_count(struct replay *replay, __u32 place, __u64 counter)
{
#pragma GCC unroll 4
	for (__u32 i = 0; i < REPLAY_SOURCES; i++) {
		const struct replay_source *source = &replay->sources[i];

		if (source->habit != HABIT_NONE && (source->habit != HABIT_CONSTANT || i == place) &&
		    replay_goes_on(source->last, counter)) {
			replay_begin_run(replay, source->last, counter);
			return true;
		}
	}
	return false;
}

/* It goes on from our own, or from what was taken in strict mode: with the nearest run below, if there is one. */
REPLAY_INLINE void replay_go_on(struct replay *replay, __u32 place, __u64 counter)
{
	bool has_forgotten = replay_is_run(&replay->runs[REPLAY_RUNS - 1]);
	__u64 distance = REPLAY_RUN_GAP - 1;
	__u32 run = replay_run_below(replay, counter, &distance);

	if (run < REPLAY_RUNS) {
		replay_move_run(replay, run, counter);
	} else if (!replay_begins_to_count(replay, place, counter)) {
		replay_begin_run(replay, counter, counter);
		/* Others may still answer what we sent before. */
		if (!has_forgotten)
			replay_leave_hole(replay, counter - REPLAY_LAG_NS, counter);
	}
}

REPLAY_INLINE bool replay_take_strict(struct replay *replay, __u64 counter)
{
	__u64 before = *(volatile __u64 *)&replay->strict.high;

	replay->ceiling = 0;
	if (counter <= before)
		return false;
	if (!before)
		replay->strict.low = counter;
	return __sync_val_compare_and_swap(&replay->strict.high, before, counter) == before;
}

/* It goes on in a hole, of which that from there on is left, and what lies far below. */
REPLAY_INLINE void replay_take_late(struct replay *replay, __u64 counter)
{
	bool is_taken = false;

#pragma GCC unroll 4
	for (int i = 0; i < REPLAY_HOLES; i++) {
		struct replay_run *hole = &replay->holes[i];
		__u64 high = hole->high;

		if (is_taken || !replay_is_in_hole(hole, counter))
			continue;
		is_taken = true;
		if (counter - hole->low <= REPLAY_NEXT_LATE) {
			hole->low = counter;
		} else {
			hole->high = counter;
			replay_add_hole(replay, counter, high);
		}
	}
}

/* Has it to be kept in `seen`? What goes on from a run, or in a hole, must only not be there. */
REPLAY_INLINE bool replay_is_by_itself(enum replay_answer answer, __u32 run)
{
	return answer == REPLAY_SINGLE || (answer == REPLAY_COUNTS && run >= REPLAY_RUNS);
}

/* A fresh one, by what replay_look() has answered, of the source at a place. Returns what it is for its source. */
REPLAY_INLINE enum replay_answer replay_take(struct replay *replay, __u32 place, enum replay_answer answer, __u32 run,
					     __u64 counter)
{
	if (answer == REPLAY_SINGLE)
		return replay_begins_to_count(replay, place, counter) ? REPLAY_COUNTS : REPLAY_SINGLE;
	if (answer == REPLAY_LATE)
		replay_take_late(replay, counter);
	else if (run < REPLAY_RUNS)
		replay_move_run(replay, run, counter);
	else
		replay_go_on(replay, place, counter);
	return answer;
}

REPLAY_INLINE enum replay_habit replay_habit_after(const struct replay_source *source, enum replay_answer answer,
						   __u64 now_ns, __u64 down_ns)
{
	__s64 silent_ns = (__s64)(now_ns - source->heard_ns); /* another CPU may have heard it a little later */

	if (answer == REPLAY_COUNTS || answer == REPLAY_LATE)
		return HABIT_COUNTING;
	if (answer == REPLAY_REPEATS)
		return HABIT_CONSTANT;
	if (source->habit == HABIT_NONE)
		return HABIT_FIRST;
	if (source->habit == HABIT_CONSTANT && silent_ns > (__s64)REPLAY_REBOOT_NS)
		return HABIT_CONSTANT;
	/* Of whom one was heard, he may only be slow. */
	if (source->habit == HABIT_FIRST && silent_ns > (__s64)(REPLAY_REBOOT_NS + down_ns))
		return HABIT_FIRST;
	return HABIT_RANDOM;
}

/*
 * The source of an authentic advert. down_ns: how long we wait for a silent master. Who was not heard for longest makes room
 * for one that is not known.
 */
REPLAY_INLINE void replay_take_source(struct replay *replay, __u32 place, const __u32 address[4], enum replay_answer answer,
				      __u64 counter, __u64 now_ns, __u64 down_ns)
{
	struct replay_source *source;
	bool is_new = place >= REPLAY_SOURCES;

	if (is_new) {
		place = 0;
#pragma GCC unroll 4
		for (__u32 i = 1; i < REPLAY_SOURCES; i++)
			if (replay->sources[i].heard_ns < replay->sources[replay_place(place)].heard_ns)
				place = i;
	}
	source = &replay->sources[replay_place(place)];
	if (is_new) {
		source->habit = HABIT_NONE;
		source->address[0] = address[0];
		source->address[1] = address[1];
		source->address[2] = address[2];
		source->address[3] = address[3];
	}
	source->habit = (__u8)replay_habit_after(source, answer, now_ns, down_ns);
	source->last = counter;
	source->heard_ns = now_ns;
}

#endif
