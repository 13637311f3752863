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
 *	constant numbers, believed where a source repeats the newest one of its own. It may take another one at any time, when
 *		its interface is made anew. After three new ones in a row, each soon after the one before, none is: so does who
 *		takes random ones, and the last one of a dead one must not be worth repeating. Silence ends that. Sources are
 *		not signed: what one repeats others may, too, or who writes another one over it would silence it.
 *
 * What lies below a run or our own, but was never heard, is only in doubt: a constant number lies anywhere. It is believed
 * once it has been repeated for a while, as a living peer does who has nothing else to send, if it does not end as an xcarp's
 * number. doc/replay.md says what each peer
 * may do, how long it is not heard at most, and what that is worth to an attacker.
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
/* Who is silent for so many of its own intervals is taken for dead by its peers. */
#define REPLAY_DEAD_INTERVALS 3
/* A source that takes a new number so often, each soon after the one before, takes random ones. */
#define REPLAY_CHANGES 3
/* A number in doubt is believed when so many adverts had it. */
#define REPLAY_COPIES 3
#define REPLAY_BOW_OUT_256THS 0xffff
#define REPLAY_RETIRED 4
#define REPLAY_END_SHIFT 10 /* 64 kinds of ends */

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
	HABIT_FIRST, /* its newest number stands by itself, and may be the first of anything */
	HABIT_COUNTING,
	HABIT_RANDOM,
	HABIT_CONSTANT,
};

/* Who has authenticated. */
struct replay_source {
	__u32 address[4]; /* network order, zeros after an IPv4 one */
	__u64 last; /* counter */
	__u64 heard_ns;
	__u64 since_ns; /* when it was first heard with its last counter */
	__u16 interval_256ths; /* that it claimed with that */
	__u8 habit; /* enum replay_habit */
	__u8 changes; /* new numbers by themselves in a row, each soon after the one before */
	__u8 reserved[4];
};

_Static_assert(sizeof(struct replay_source) == 48, "part of a map value");

/* The number that is being listened to, whether somebody lives by it. */
struct replay_doubt {
	__u64 counter;
	__u64 since_ns;
	__u64 heard_ns;
	__u32 copies; /* 0: there is none */
	__u32 reserved;
};

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
	__u64 retired[REPLAY_RETIRED]; /* of sources that had to make room: numbers that they may still repeat; 0: none */
	struct replay_doubt doubt;
	__u64 ends; /* the last 16 bits of what was counted through, by REPLAY_END_SHIFT: one bit a kind */
	__u64 xcarp_ends; /* the same of xcarps' numbers, also of those that were refused when they were sent */
	__u32 next_retired; /* which one makes room; counts on */
	__u32 reserved;
};

_Static_assert(sizeof(struct replay) == 152 + 48 * REPLAY_SOURCES + 8 * REPLAY_RETIRED + 32 + 24, "part of a map value");

enum replay_answer {
	REPLAY_COUNTS, /* fresh: it goes on from a run, whose number is told */
	REPLAY_LATE, /* fresh: it goes on in a hole */
	REPLAY_REPEATS, /* believed: its source repeats one number */
	REPLAY_SINGLE, /* fresh unless it was seen */
	REPLAY_DOUBTED, /* old unless it was never seen, and replay_settle() says otherwise */
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

/* Does somebody repeat it, or may he, for all that is known? */
REPLAY_INLINE bool replay_is_constant(const struct replay *replay, __u64 counter)
{
	bool is_constant = false;

#pragma GCC unroll 4
	for (int i = 0; i < REPLAY_SOURCES; i++) {
		const struct replay_source *known = &replay->sources[i];

		is_constant |= known->last == counter && (known->habit == HABIT_CONSTANT || known->habit == HABIT_FIRST);
	}
	return is_constant;
}

/* Or could somebody who is not known any more? */
REPLAY_INLINE bool replay_is_retired(const struct replay *replay, __u64 counter)
{
	bool is_retired = false;

#pragma GCC unroll 4
	for (int i = 0; i < REPLAY_RETIRED; i++)
		is_retired |= replay->retired[i] == counter;
	return is_retired && counter;
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

/*
 * How an xcarp's numbers end, by its IPv4 address in network order: far from other nodes' (Fibonacci hashing), so that who
 * counts on from one does not come upon another.
 */
REPLAY_INLINE __u64 replay_end_of(__u32 source)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	source = __builtin_bswap32(source);
#endif
	return (source * 2654435769u) >> 16;
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

/* Who has been heard once, or repeats one number, may have counted up to that. */
REPLAY_INLINE bool replay_is_behind_source(const struct replay *replay, __u64 counter)
{
	bool is_behind = false;

#pragma GCC unroll 4
	for (int i = 0; i < REPLAY_SOURCES; i++) {
		const struct replay_source *known = &replay->sources[i];

		is_behind |= known->habit != HABIT_NONE && replay_is_behind(known->last, known->last, counter);
	}
	return is_behind;
}

REPLAY_INLINE __u64 replay_end_bit(__u64 counter)
{
	return 1ull << ((counter & REPLAY_END_MASK) >> REPLAY_END_SHIFT);
}

/* May it have been heard? What lies below a run was not; and in one, what ends like nothing that was. */
REPLAY_INLINE bool replay_may_be_heard(const struct replay *replay, __u64 counter)
{
	bool is_in_run = false;

#pragma GCC unroll 3
	for (int i = 0; i < REPLAY_RUNS; i++) {
		const struct replay_run *known = &replay->runs[i];

		is_in_run |= replay_is_run(known) && counter - known->low <= known->high - known->low;
	}
	return is_in_run && replay->ends & replay_end_bit(counter);
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
	if (replay_is_constant(replay, counter) || replay_is_retired(replay, counter))
		return REPLAY_REPEATS;
	if (source < REPLAY_SOURCES)
		is_next |= replay_is_next(replay->sources[replay_place(source)].last, counter);
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
	if (replay_is_behind_any(replay, counter)) {
		if (replay_is_late(replay, sent, lag_ns, counter))
			return REPLAY_LATE;
		return replay_may_be_heard(replay, counter) ? REPLAY_OLD : REPLAY_DOUBTED;
	}
	if (sent && replay_is_behind(sent, sent, counter) && !is_next && sent - counter > lag_ns)
		return REPLAY_DOUBTED;
	if (replay_is_behind_source(replay, counter))
		return REPLAY_DOUBTED;
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
	replay->ends |= replay_end_bit(low) | replay_end_bit(high);
	replay_leave_hole(replay, low, high);
}

/* It goes on from a run. */
REPLAY_INLINE void replay_move_run(struct replay *replay, __u32 run, __u64 counter)
{
	__u64 *high = run == 2 ? &replay->runs[2].high : run == 1 ? &replay->runs[1].high : &replay->runs[0].high;
	__u64 before = *high;

	*high = counter;
	replay->ends |= replay_end_bit(counter);
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

	replay->ends |= replay_end_bit(counter);
	/* Our own may have left the hole below a run. */
#pragma GCC unroll 3
	for (int i = 0; i < REPLAY_RUNS; i++)
		if (replay_is_run(&replay->runs[i]) && replay->runs[i].low - counter - 1 < REPLAY_LAG_NS)
			replay->runs[i].low = counter;
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

/* How long a source has to be silent to be dead, by its own interval and by ours. */
REPLAY_INLINE __u64 replay_patience_ns(__u16 interval_256ths, __u64 down_ns)
{
	__u64 own_ns = REPLAY_DEAD_INTERVALS * (__u64)interval_256ths * (1000000000ull / 256);

	return interval_256ths == REPLAY_BOW_OUT_256THS || own_ns < down_ns ? down_ns : own_ns;
}

/* Another CPU may have heard it a little later. */
REPLAY_INLINE bool replay_is_silent(__u64 heard_ns, __u64 now_ns, __u64 patience_ns)
{
	return (__s64)(now_ns - heard_ns) >= (__s64)patience_ns;
}

/* An authentic advert, as far as its source is concerned. */
struct replay_advert {
	const __u32 *address;
	__u64 counter;
	__u64 now_ns;
	__u64 down_ns; /* how long we wait for a silent master */
	__u16 interval_256ths;
};

/* An xcarp's number is told by its end, and that of who answers it at once. */
REPLAY_INLINE void replay_note_xcarp(struct replay *replay, const struct replay_advert *advert)
{
	__u64 end = replay_end_of(advert->address[0]);

	if (!advert->address[1] && !advert->address[2] && !advert->address[3] && (advert->counter & REPLAY_END_MASK) == end)
		replay->xcarp_ends |= replay_end_bit(end) | replay_end_bit(end + REPLAY_NEXT_ANSWER - 1);
}

/*
 * An authentic one that is in doubt, and was not seen. It is fresh if its source lives, and goes on by a long step below our
 * own: its clock has caught up with its counter. It is believed if nothing else is known of its source that lives, and it has
 * been repeated in due rhythm, as no xcarp does; another one has to wait until the first has been silent.
 */
REPLAY_INLINE enum replay_answer replay_settle(struct replay *replay, __u32 place, __u64 sent,
					       const struct replay_advert *advert)
{
	const __u64 counter = advert->counter, now_ns = advert->now_ns, down_ns = advert->down_ns;
	const __u64 patience_ns = replay_patience_ns(advert->interval_256ths, down_ns);
	struct replay_doubt *doubt = &replay->doubt;

	replay_note_xcarp(replay, advert);
	if (place < REPLAY_SOURCES) {
		const struct replay_source *known = &replay->sources[replay_place(place)];

		if (!replay_is_silent(known->heard_ns, now_ns, replay_patience_ns(known->interval_256ths, down_ns)))
			return replay_goes_on(known->last, counter) && !replay_is_behind_any(replay, counter) ? REPLAY_COUNTS :
														 REPLAY_OLD;
	}
	if (replay->xcarp_ends & replay_end_bit(counter) ||
	    (sent && ((counter - sent) & REPLAY_END_MASK) < REPLAY_NEXT_ANSWER))
		return REPLAY_OLD;
	if (doubt->counter != counter && doubt->copies && !replay_is_silent(doubt->heard_ns, now_ns, down_ns))
		return REPLAY_OLD;
	if (doubt->counter != counter || !doubt->copies || replay_is_silent(doubt->heard_ns, now_ns, patience_ns)) {
		doubt->counter = counter;
		doubt->since_ns = now_ns;
		doubt->copies = 0;
	}
	doubt->heard_ns = now_ns;
	doubt->copies++;
	if (doubt->copies < REPLAY_COPIES || !replay_is_silent(doubt->since_ns, now_ns, patience_ns / 2))
		return REPLAY_OLD;
	doubt->copies = 0;
	return REPLAY_REPEATS;
}

/*
 * A number by itself: how many in a row came soon after the one before was first heard, by what that claimed. Who takes random ones
 * takes the next after an interval; whose interface was made anew is silent for three, if it hears nobody worse.
 */
REPLAY_INLINE __u8 replay_changes_after(const struct replay_source *source, __u64 now_ns, __u64 down_ns)
{
	const __u64 patience_ns = replay_patience_ns(source->interval_256ths, source->interval_256ths ? 0 : down_ns);

	if (source->habit == HABIT_NONE || replay_is_silent(source->since_ns, now_ns, patience_ns))
		return 0;
	return source->habit == HABIT_RANDOM ? REPLAY_CHANGES : source->changes + 1;
}

REPLAY_INLINE void replay_retire(struct replay *replay, const struct replay_source *source)
{
	if ((source->habit == HABIT_FIRST || source->habit == HABIT_CONSTANT) && !replay_is_retired(replay, source->last))
		replay->retired[verifier_unknown(replay->next_retired++) & (REPLAY_RETIRED - 1)] = source->last;
}

/* It has another one now. */
REPLAY_INLINE void replay_forget_retired(struct replay *replay, __u64 counter)
{
#pragma GCC unroll 4
	for (int i = 0; i < REPLAY_RETIRED; i++)
		if (replay->retired[i] == counter)
			replay->retired[i] = 0;
}

REPLAY_INLINE void replay_change_habit(struct replay_source *source, enum replay_answer answer, __u64 now_ns, __u64 down_ns)
{
	if (answer == REPLAY_SINGLE) {
		source->changes = replay_changes_after(source, now_ns, down_ns);
		source->habit = source->changes < REPLAY_CHANGES ? HABIT_FIRST : HABIT_RANDOM;
	} else if (answer == REPLAY_REPEATS) {
		source->habit = HABIT_CONSTANT;
	} else {
		source->habit = HABIT_COUNTING;
		source->changes = 0;
	}
}

/* Who was not heard for longest makes room for one that is not known. */
REPLAY_INLINE void replay_take_source(struct replay *replay, __u32 place, enum replay_answer answer,
				      const struct replay_advert *advert)
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
		replay_retire(replay, source);
		source->habit = HABIT_NONE;
		source->address[0] = advert->address[0];
		source->address[1] = advert->address[1];
		source->address[2] = advert->address[2];
		source->address[3] = advert->address[3];
		source->changes = 0;
		source->interval_256ths = 0;
	} else if (source->last != advert->counter && (source->habit == HABIT_FIRST || source->habit == HABIT_CONSTANT)) {
		replay_forget_retired(replay, source->last);
	}
	replay_change_habit(source, answer, advert->now_ns, advert->down_ns);
	/* What is repeated may claim what it likes. */
	if (is_new || source->last != advert->counter) {
		source->since_ns = advert->now_ns;
		if (advert->interval_256ths != REPLAY_BOW_OUT_256THS)
			source->interval_256ths = advert->interval_256ths;
	}
	source->last = advert->counter;
	source->heard_ns = advert->now_ns;
	replay_note_xcarp(replay, advert);
}

#endif
