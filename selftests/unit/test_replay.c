// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which counters are fresh, by the rules that the driver goes by: each peer's way of counting, and what is played back. */
#include <xcarp/replay.h>

#include <stdint.h>
#include <string.h>

#include "../tap.h"
#include "random.h"

#define SEED 0x5eed0007u
#define SEEN_MAX 8192
#define NOW UINT64_C(1000000000000)
#define WALL UINT64_C(1790000000000000000)
#define SECOND UINT64_C(1000000000)
#define LAG (SECOND + REPLAY_LAG_NS)
#define OUR_END 7
#define DOWN (3 * SECOND) /* as long as an advert a second */

enum { ANNA = 1, BERT, CARL, DORA, EMIL };

struct driver {
	struct replay replay;
	bool is_strict;
	uint64_t sent;
	uint64_t now_ns;
	uint16_t interval_256ths; /* that all claim */
	uint64_t seen[SEEN_MAX];
	unsigned int seen_count;
	enum replay_answer answer; /* the last one */
};

static void driver_make(struct driver *d)
{
	memset(d, 0, sizeof(*d));
	d->now_ns = NOW;
	d->interval_256ths = 256;
}

static bool was_seen(const struct driver *d, uint64_t counter)
{
	for (unsigned int i = 0; i < d->seen_count; i++)
		if (d->seen[i] == counter)
			return true;
	return false;
}

/* As bpf/guard.bpf.h does it. True: accepted. */
static bool hear(struct driver *d, uint32_t who, uint64_t counter)
{
	uint32_t address[4] = { who }, place = replay_find(&d->replay, address), run;
	const struct replay_advert advert = { address, counter, d->now_ns + SECOND, DOWN, d->interval_256ths };

	d->now_ns += SECOND;
	d->answer = replay_look(&d->replay, d->is_strict, place, d->sent, LAG, counter, d->now_ns, &run);
	if (d->answer == REPLAY_DOUBTED) {
		d->answer = was_seen(d, counter) ? REPLAY_OLD : replay_settle(&d->replay, place, d->sent, &advert);
		run = REPLAY_RUNS;
	}
	if (d->answer == REPLAY_OLD || d->answer == REPLAY_BAD_CLOCK)
		return false;
	if (d->is_strict) {
		if (!replay_take_strict(&d->replay, counter))
			return false;
	} else if (d->answer != REPLAY_REPEATS) {
		if (was_seen(d, counter))
			return false;
		if (replay_is_by_itself(d->answer, run))
			d->seen[d->seen_count++ % SEEN_MAX] = counter;
		d->answer = replay_take(&d->replay, place, d->answer, run, counter);
	}
	replay_take_source(&d->replay, place, d->answer, &advert);
	return true;
}

static unsigned int refused(struct driver *d, uint32_t who, const uint64_t *counters, unsigned int count)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < count; i++)
		n += !hear(d, who, counters[i]);
	return n;
}

/* A whole conversation, and then all of it again from each side. */
static void play_back(struct driver *d, const uint64_t *counters, unsigned int count, const char *what)
{
	is_int(refused(d, ANNA, counters, count), (int)count, "%s: played back, all is refused", what);
	is_int(refused(d, BERT, counters, count), (int)count, "  also from another source");
	is_int(refused(d, EMIL, counters, count), (int)count, "  also from one that nobody knows");
}

static void test_clock(void)
{
	static uint64_t counters[1000];
	struct driver d;

	driver_make(&d);
	for (unsigned int i = 0; i < 1000; i++)
		counters[i] = WALL + (uint64_t)i * SECOND + i % 7;
	is_int(refused(&d, ANNA, counters, 1000), 0, "a clock: all fresh");
	play_back(&d, counters, 1000, "a clock");
	ok(hear(&d, BERT, counters[999] + 1), "the next master goes on from the last one");
	ok(hear(&d, BERT, WALL + 1001 * SECOND), "  by the clock");
	play_back(&d, counters, 1000, "after that");
	ok(!hear(&d, ANNA, WALL - 3600 * SECOND), "from before it was first heard: refused");
	ok(!hear(&d, ANNA, WALL + 500 * SECOND + 12345), "what lies in between: refused");
}

static void test_ucarp_alone(void)
{
	static uint64_t counters[2000];
	uint64_t seed = SEED;
	struct driver d;

	driver_make(&d);
	for (unsigned int i = 0; i < 2000; i++)
		counters[i] = random_next(&seed);
	is_int(refused(&d, ANNA, counters, 2000), 0, "random numbers: all fresh");
	is_int(d.replay.sources[0].habit, HABIT_RANDOM, "  of one that counts at random");
	play_back(&d, counters, 2000, "random numbers");
	ok(!hear(&d, ANNA, counters[1999]), "the last one, again");
	ok(hear(&d, ANNA, random_next(&seed)), "and still it may go on");
}

/* ucarp has heard us, and then sends. */
static void test_ucarp_counts(void)
{
	static uint64_t counters[500];
	struct driver d;

	driver_make(&d);
	d.sent = WALL;
	for (unsigned int i = 0; i < 500; i++)
		counters[i] = WALL + 1 + i;
	is_int(refused(&d, ANNA, counters, 500), 0, "from our counter up: all fresh");
	play_back(&d, counters, 500, "from our counter up");
	ok(!hear(&d, ANNA, WALL), "our own advert with another source: refused");
	ok(!hear(&d, EMIL, WALL - 10 * SECOND), "an older one of ours: refused");
	d.sent = WALL + (2 << 16);
	ok(hear(&d, ANNA, WALL + 501), "one of who has not heard yet what we have sent since: fresh");
	ok(!hear(&d, ANNA, WALL + 501) && !hear(&d, ANNA, WALL + 500), "  once");
	ok(!hear(&d, BERT, WALL + (1 << 16)), "one of our own in between: refused");
	ok(hear(&d, ANNA, WALL + (2 << 16) + 1), "above our last: fresh");
	ok(hear(&d, ANNA, WALL + 502), "  after which it may go on from what it had heard before");
	ok(!hear(&d, ANNA, WALL + 502) && !hear(&d, ANNA, WALL + 501), "  once");
}

/*
 * Of several who count, some go on from an advert that is followed by another one, from which others go on. Both are fresh,
 * and nothing is twice.
 */
static void test_holes(void)
{
	const uint64_t a = replay_own_counter(WALL, OUR_END), b = a + (5 << 16), c = b + (5 << 16);
	uint64_t seed = SEED + 2;
	struct driver d;
	int fresh = 0;

	driver_make(&d);
	d.sent = b;
	ok(hear(&d, ANNA, a + 1) && hear(&d, BERT, b + 1), "one goes on from our last advert, and one from the one before");
	ok(!hear(&d, CARL, a) && !hear(&d, CARL, b), "  ours are refused");
	for (uint64_t i = 2; i <= 20; i++)
		fresh += hear(&d, ANNA, a + i) && hear(&d, BERT, b + i);
	is_int(fresh, 19, "  both are heard from then on");
	for (uint64_t i = 1; i <= 20; i++)
		fresh -= !hear(&d, EMIL, a + i) && !hear(&d, EMIL, b + i);
	is_int(fresh, -1, "  and played back, all is refused");
	ok(!hear(&d, ANNA, a + 21 + REPLAY_NEXT_LATE), "one far on in between");
	ok(hear(&d, ANNA, a + 20 + REPLAY_NEXT_LATE), "  and one that is not");
	ok(!hear(&d, ANNA, a + 21), "  after which those below are old");

	driver_make(&d);
	d.sent = c;
	ok(hear(&d, ANNA, a + 1) && hear(&d, BERT, c + 1), "two are heard first");
	ok(hear(&d, CARL, b + 1) && !hear(&d, DORA, b + 1), "  and one that answers what we sent in between, once");
	ok(hear(&d, ANNA, a + 2) && hear(&d, CARL, b + 2) && hear(&d, BERT, c + 2), "  after which all three go on");
	d.sent += LAG;
	ok(!hear(&d, CARL, b + 70000), "one that does not go on from anything");
	d.sent = c;
	ok(!hear(&d, CARL, b + (2 << 16) + 257), "  nor so far on from one of ours");
	ok(hear(&d, CARL, b + (2 << 16) + 256), "  but almost");

	driver_make(&d);
	d.sent = c + 2 * LAG;
	hear(&d, ANNA, a - SECOND);
	hear(&d, ANNA, c - LAG);
	ok(!hear(&d, BERT, b - 2 * LAG + 1), "an answer to what we sent long ago");

	driver_make(&d);
	hear(&d, ANNA, 100);
	hear(&d, ANNA, 101);
	hear(&d, ANNA, 101 + REPLAY_NEXT_LATE);
	ok(!hear(&d, ANNA, 102), "one that was lost is not waited for");
	hear(&d, ANNA, 102 + 2 * REPLAY_NEXT_LATE);
	ok(hear(&d, BERT, 102 + REPLAY_NEXT_LATE), "  but who is behind by more than that is");
	ok(hear(&d, BERT, 101 + 2 * REPLAY_NEXT_LATE) && !hear(&d, BERT, 102 + 2 * REPLAY_NEXT_LATE), "  until he is where others were");
	ok(hear(&d, BERT, 103 + 2 * REPLAY_NEXT_LATE), "  and beyond");

	driver_make(&d);
	hear(&d, ANNA, UINT64_MAX - 1);
	hear(&d, ANNA, UINT64_MAX);
	hear(&d, ANNA, SECOND);
	ok(hear(&d, BERT, 0) && hear(&d, BERT, 1) && !hear(&d, BERT, 0), "over the end");

	driver_make(&d);
	hear(&d, ANNA, WALL - SECOND);
	fresh = 0;
	for (uint64_t at = WALL, before = WALL, i = 0; i < 1000; i++) {
		fresh += hear(&d, ANNA, at) && !hear(&d, BERT, at) && !hear(&d, BERT, before);
		before = at;
		at += SECOND + random_next(&seed) % 100;
	}
	is_int(fresh, 1000, "one who counts by the clock leaves a hole each time, and nothing of his is in one");
}

/* Two masters that heard each other: each goes on from the other's. */
static void test_split(void)
{
	uint64_t theirs = WALL + 17 * SECOND, heard_by_them = 0;
	unsigned int accepted = 0;
	struct driver d;

	driver_make(&d);
	d.sent = WALL;
	hear(&d, ANNA, theirs);
	for (int i = 0; i < 20; i++) {
		/* Our clock moves on, and a ucarp that has heard us adds one. */
		d.sent = WALL + (uint64_t)(20 + i) * SECOND;
		heard_by_them = d.sent;
		accepted += hear(&d, ANNA, heard_by_them + 1);
	}
	is_int(accepted, 20, "one that goes on from what it has heard of us is heard each time");
}

/* A ucarp hears late: at a time at which both send it counts from what we sent before the last. */
static void test_late(void)
{
	struct driver d;

	driver_make(&d);
	for (uint64_t i = 1; i <= 20; i++) {
		uint64_t before = replay_own_counter(WALL + i * SECOND, OUR_END);

		d.sent = replay_own_counter(before + SECOND, OUR_END);
		ok(hear(&d, ANNA, before + 1) && !hear(&d, BERT, d.sent) && !hear(&d, BERT, before),
		   "late by one of ours, and ours refused, time %d", (int)i);
	}

	driver_make(&d);
	d.sent = WALL;
	ok(hear(&d, ANNA, WALL - LAG + 1), "the oldest of them");
	driver_make(&d);
	d.sent = WALL;
	ok(!hear(&d, ANNA, WALL - LAG - 1), "  and one that is too old");
	ok(!hear(&d, ANNA, WALL - (1 << 16)), "one with our end");
	ok(hear(&d, ANNA, WALL - 256), "  and one without");
	driver_make(&d);
	hear(&d, ANNA, WALL);
	d.sent = WALL + 3600 * SECOND + 77;
	ok(hear(&d, ANNA, WALL + 1), "the second one of who has not heard of us at all");
	ok(hear(&d, ANNA, WALL + 2), "  and the next");
	ok(!hear(&d, BERT, WALL + 2) && !hear(&d, BERT, WALL + 1), "  once");
	ok(!hear(&d, ANNA, WALL + 3 + REPLAY_NEXT), "  but not one far on");
	ok(hear(&d, ANNA, WALL + 2 + REPLAY_NEXT), "  only a little");

	driver_make(&d);
	d.sent = 100;
	ok(!hear(&d, ANNA, 100 - UINT64_C(65536)), "below ours, over the end: one of ours");
	ok(hear(&d, ANNA, UINT64_MAX), "  and one that is not");
}

/* However long ago: they are in no run. */
static void test_own_adverts(void)
{
	struct driver d;
	int heard = 0;

	driver_make(&d);
	d.sent = replay_own_counter(WALL, OUR_END);
	for (uint64_t hours = 1; hours < 1000; hours++)
		heard += hear(&d, BERT, replay_own_counter(WALL - hours * 3600 * SECOND, OUR_END));
	is_int(heard, 0, "our own adverts of the last six weeks");
	ok(hear(&d, BERT, replay_own_counter(WALL - 7 * 3600 * SECOND, OUR_END) + 1), "  but somebody else's, never heard");
}

/* Somebody is master for an hour a day, and we are for the rest of it. */
static void test_turns(void)
{
	struct driver d;
	int heard = 0, again = 0;

	driver_make(&d);
	for (uint64_t day = 0; day < 90; day++) {
		d.sent = replay_own_counter(WALL + day * 86400 * SECOND, OUR_END);
		for (uint64_t minute = 1; minute < 60; minute++)
			heard += hear(&d, ANNA, d.sent + minute * 60 * SECOND + 1);
	}
	is_int(heard, 90 * 59, "one who takes turns with us is heard");
	for (uint64_t day = 0; day < 90; day++)
		for (uint64_t minute = 1; minute < 60; minute++)
			again += hear(&d, EMIL, replay_own_counter(WALL + day * 86400 * SECOND, OUR_END) + minute * 60 * SECOND + 1);
	is_int(again, 0, "  once, all of three months");
}

static void test_own_counter(void)
{
	is_u64(replay_own_counter(0, 0), 0, "our number: itself");
	is_u64(replay_own_counter(1, 0), 0x10000, "  the next");
	is_u64(replay_own_counter(0x1ffff, 0xffff), 0x1ffff, "  the same");
	is_u64(replay_own_counter(0x10101, 0x102), 0x10102, "  one on");
	is_u64(replay_own_counter(0x10103, 0x102), 0x20102, "  as far as it can be");
}

static void test_ucarp_restarts(void)
{
	uint64_t seed = SEED + 1;
	struct driver d;

	driver_make(&d);
	hear(&d, ANNA, 1000);
	hear(&d, ANNA, 1001);
	is_int(d.replay.sources[0].habit, HABIT_COUNTING, "counting");
	ok(hear(&d, ANNA, random_next(&seed)), "restarted: at random again");
	ok(hear(&d, ANNA, random_next(&seed)), "  and again");
	ok(!hear(&d, ANNA, 1001), "  but what it had sent before stays old");
	ok(hear(&d, ANNA, 1002), "  and it may go on there");
}

/* A run that lies lower than an older one: who goes on from ours goes on with the nearest below. */
static void test_lower_run(void)
{
	struct driver d;
	uint64_t last;

	driver_make(&d);
	d.sent = replay_own_counter(WALL, OUR_END);
	last = d.sent;
	for (uint64_t i = 1; i <= 5; i++)
		hear(&d, BERT, d.sent + i);
	ok(hear(&d, EMIL, WALL - 6 * 3600 * SECOND) && hear(&d, EMIL, WALL - 6 * 3600 * SECOND + SECOND),
	   "two that were never heard, far below: a run");
	d.sent = replay_own_counter(WALL + 60 * SECOND, OUR_END);
	ok(hear(&d, CARL, last + 5 + REPLAY_AHEAD + SECOND), "from ours one goes on, far above");
	for (uint64_t i = 2; i <= 5; i++)
		ok(!hear(&d, EMIL, last + i), "  the higher run's number %d stays refused", (int)i);
}

static void test_answers(void)
{
	const uint64_t ours = replay_own_counter(WALL, OUR_END);
	struct driver d;

	driver_make(&d);
	d.sent = ours;
	hear(&d, ANNA, ours - 3 * SECOND);
	hear(&d, ANNA, ours + SECOND);
	ok(hear(&d, BERT, ours + 1) && hear(&d, BERT, ours + 2), "an answer to our last, after somebody's higher number");
	ok(!hear(&d, CARL, ours + 1) && !hear(&d, CARL, ours), "  once, and not our own");
}

#define EPISODES 3000
#define STEPS 400

/* Any number near one that matters. */
static uint64_t draw_counter(const struct driver *d, const uint64_t *taken, unsigned int count, uint64_t *seed)
{
	static const uint64_t offsets[] = { 0, 1, 2, 3, 255, 256, 257, 1 << 15, (1 << 15) + 1, 1 << 16, (1 << 16) + 1, SECOND, LAG,
					    1ull << 40, (1ull << 40) + 1, 1ull << 44, 6 * 3600 * SECOND, 1ull << 53 };
	const uint64_t offset = offsets[random_below(seed, random_below(seed, 2) ? 8 : sizeof(offsets) / sizeof(*offsets))];
	const uint64_t bases[] = {
		d->replay.runs[random_below(seed, REPLAY_RUNS)].low,
		d->replay.runs[random_below(seed, REPLAY_RUNS)].high,
		d->replay.holes[random_below(seed, REPLAY_HOLES)].low,
		d->replay.holes[random_below(seed, REPLAY_HOLES)].high,
		d->replay.sources[random_below(seed, REPLAY_SOURCES)].last,
		d->sent - (random_below(seed, 8) << 16),
		count ? taken[random_below(seed, count)] : WALL,
		count ? taken[count - 1] + random_below(seed, 3) : WALL,
	};
	const uint64_t base = bases[random_below(seed, sizeof(bases) / sizeof(*bases))] ?: WALL;

	return random_below(seed, 4) ? base + offset : base - offset;
}

/* Out of what was taken: what is forgotten with a run. */
static unsigned int forget(const struct driver *d, const struct replay_run *run, uint64_t *taken, unsigned int count)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < count; i++)
		if (was_seen(d, taken[i]) || !replay_is_behind(run->low, run->high, taken[i]))
			taken[kept++] = taken[i];
	return kept;
}

/* Whatever is sent, in whichever order: no number is taken twice, but one that its source repeats. */
static void test_once(void)
{
	static struct driver d;
	uint64_t seed = SEED + 3, taken[STEPS];
	unsigned int twice = 0, late = 0;

	for (int episode = 0; episode < EPISODES; episode++) {
		unsigned int count = 0;

		driver_make(&d);
		for (int step = 0; step < STEPS; step++) {
			uint64_t counter = draw_counter(&d, taken, count, &seed);
			const struct replay before = d.replay;
			const struct replay_run *oldest = &before.runs[REPLAY_RUNS - 1];
			bool was_taken = false;

			if (!random_below(&seed, 12) && (int64_t)(counter - d.sent) > 0)
				d.sent = replay_own_counter(counter, OUR_END);
			for (unsigned int i = 0; i < count; i++)
				was_taken |= taken[i] == counter;
			if (!hear(&d, ANNA + random_below(&seed, 6), counter))
				continue;
			late += d.answer == REPLAY_LATE;
			if (d.answer == REPLAY_REPEATS)
				continue;
			if (replay_is_run(oldest) && !memcmp(&before.runs[1], &d.replay.runs[2], sizeof(*oldest)))
				count = forget(&d, oldest, taken, count);
			twice += was_taken;
			taken[count++] = counter;
		}
	}
	is_int((int)twice, 0, "no number twice");
	ok(late > EPISODES, "  of which many went on in holes");
}

static void test_forgotten_run(void)
{
	struct driver d;

	driver_make(&d);
	hear(&d, ANNA, 5000);
	hear(&d, ANNA, 1000000);
	for (uint64_t i = 1; i <= REPLAY_RUNS; i++) {
		hear(&d, EMIL + (uint32_t)i, i << 60);
		hear(&d, EMIL + (uint32_t)i, (i << 60) + 1);
	}
	hear(&d, BERT, 7ull << 60);
	ok(hear(&d, CARL, 5001) && hear(&d, CARL, 5002) && hear(&d, CARL, 5003) && hear(&d, CARL, 2000000), "where a run is forgotten, another begins");
	ok(!hear(&d, DORA, 5002) && !hear(&d, DORA, 5003), "  in which all is refused");
}

static void pass(struct driver *d, uint64_t seconds)
{
	d->now_ns += seconds * SECOND;
}

/* How many of so many repetitions are heard. */
static int hear_again(struct driver *d, uint32_t who, uint64_t counter, unsigned int times)
{
	int heard = 0;

	for (unsigned int i = 0; i < times; i++)
		heard += hear(d, who, counter);
	return heard;
}

#define NUMBER_OF(who) ((uint64_t)(who) << 56)
#define OLD_NUMBER 0x1234567890
#define NEW_NUMBER 0x99999999990
#define NEXT_NUMBER 0x5555555555555555
#define LAST_NUMBER 0x7777777777777777

static void test_constant(void)
{
	struct driver d;

	driver_make(&d);
	is_int(hear_again(&d, ANNA, OLD_NUMBER, 5), 5, "one number, five times");
	is_int(d.replay.sources[0].habit, HABIT_CONSTANT, "believed");
	pass(&d, 60);
	is_int(hear_again(&d, ANNA, NEW_NUMBER, 5), 5, "another one after a reboot");
	ok(!hear(&d, ANNA, OLD_NUMBER) && !hear(&d, BERT, OLD_NUMBER), "  the one before is old");

	driver_make(&d);
	hear(&d, ANNA, WALL);
	hear(&d, ANNA, WALL);
	is_int(d.replay.sources[0].habit, HABIT_CONSTANT, "one advert that somebody repeats looks like a constant number");
	pass(&d, 11);
	ok(hear(&d, ANNA, WALL + 12 * SECOND), "  until the next is heard");
	ok(!hear(&d, ANNA, WALL + 12 * SECOND) && !hear(&d, ANNA, WALL), "  which counts");

	driver_make(&d);
	hear(&d, ANNA, WALL);
	hear(&d, ANNA, WALL + SECOND);
	ok(!hear(&d, ANNA, WALL + SECOND), "one that has counted is not believed to repeat");
	ok(!hear(&d, BERT, WALL + SECOND), "  nor is another");
}

/* OpenBSD's number is another one when its interface is made anew. */
static void test_made_anew(void)
{
	uint64_t seed = SEED + 4;
	struct driver d;

	driver_make(&d);
	hear_again(&d, ANNA, OLD_NUMBER, 4);
	pass(&d, 3);
	is_int(hear_again(&d, ANNA, NEW_NUMBER, 10), 10, "a number for 4 s, silence for 3, another number: heard");
	is_int(hear_again(&d, ANNA, NEXT_NUMBER, 10), 10, "  and another without any silence");
	ok(!hear(&d, ANNA, NEW_NUMBER) && !hear(&d, ANNA, OLD_NUMBER), "  those before are old");
	pass(&d, 17);
	is_int(hear_again(&d, ANNA, LAST_NUMBER, 10), 10, "  and one after 17 s");

	driver_make(&d);
	hear_again(&d, ANNA, OLD_NUMBER, 10);
	ok(hear(&d, ANNA, NEW_NUMBER) && hear(&d, ANNA, NEXT_NUMBER), "made anew twice, and heard once in between");
	is_int(hear_again(&d, ANNA, NEXT_NUMBER, 10), 10, "  heard");
	ok(hear(&d, ANNA, NEW_NUMBER + 5) && hear(&d, ANNA, LAST_NUMBER), "  and then twice more");
	is_int(hear_again(&d, ANNA, LAST_NUMBER, 10), 10, "  as it has repeated its number in between");

	driver_make(&d);
	hear_again(&d, ANNA, OLD_NUMBER, 10);
	hear(&d, ANNA, NEW_NUMBER);
	hear(&d, ANNA, NEXT_NUMBER);
	hear(&d, ANNA, LAST_NUMBER);
	hear(&d, ANNA, LAST_NUMBER + (1ull << 60));
	is_int(hear_again(&d, ANNA, LAST_NUMBER + (1ull << 60), 10), 0, "four in 4 s: that looks random");
	pass(&d, 3);
	hear(&d, ANNA, OLD_NUMBER << 4);
	is_int(hear_again(&d, ANNA, OLD_NUMBER << 4, 10), 10, "  until it has been silent for a down time");

	driver_make(&d);
	for (int i = 0; i < 20; i++)
		hear(&d, ANNA, random_next(&seed));
	pass(&d, 3);
	is_int(hear_again(&d, ANNA, NEW_NUMBER, 10), 10, "where a ucarp was that had heard nobody: heard");
	driver_make(&d);
	for (uint64_t i = 0; i < 20; i++)
		hear(&d, ANNA, WALL + i);
	is_int(hear_again(&d, ANNA, NEW_NUMBER, 10), 10, "where one was that counts: heard");
	is_int(d.replay.sources[0].habit, HABIT_CONSTANT, "  as one that repeats");
}

/* The last random number of a dead ucarp is not worth repeating, whatever was repeated while it lived. */
static void test_dead_random(void)
{
	uint64_t seed = SEED + 5, last = 0;
	struct driver d;
	int repeated = 0;

	driver_make(&d);
	for (int i = 0; i < 10; i++) {
		last = random_next(&seed);
		hear(&d, ANNA, last);
		repeated += hear(&d, ANNA, last);
	}
	is_int(repeated, 3, "random numbers that somebody repeats from the first on: three are believed");
	is_int(hear_again(&d, ANNA, last, 100), 0, "  the last one is not");
	pass(&d, 86400);
	is_int(hear_again(&d, ANNA, last, 100) + hear_again(&d, EMIL, last, 100), 0, "  nor after a day, from whomever");

	/* It says that it comes every 2 s, so 5 s are not long. */
	driver_make(&d);
	d.interval_256ths = 2 * 256;
	for (int i = 0; i < 10; i++) {
		last = random_next(&seed);
		hear(&d, ANNA, last);
		pass(&d, i == 8 ? 4 : 1);
	}
	is_int(hear_again(&d, ANNA, last, 100), 0, "one advert of it was lost before it died");
	driver_make(&d);
	d.interval_256ths = 2 * 256;
	for (int i = 0; i < 10; i++) {
		last = random_next(&seed);
		hear(&d, ANNA, last);
		d.interval_256ths = REPLAY_BOW_OUT_256THS;
		hear(&d, ANNA, last);
		d.interval_256ths = 2 * 256;
	}
	is_int(hear_again(&d, ANNA, last, 100), 0, "what repetitions claim is no interval of its own");
}

/* What lies below what somebody has counted through. */
static void test_doubt(void)
{
	struct driver d;
	uint64_t below = WALL - 5;
	int heard = 0;

	driver_make(&d);
	for (uint64_t i = 0; i < 5; i++)
		hear(&d, BERT, WALL + i);
	is_int(hear_again(&d, ANNA, below, 10), 8, "the number that a FreeBSD had counted from: heard with the third advert");
	ok(hear(&d, BERT, WALL + 5), "  and so is who counted");
	ok(hear(&d, ANNA, below) && !hear(&d, CARL, below + 1), "  but what was never heard in between is not");
	ok(!hear(&d, BERT, WALL + 3), "  nor what was counted");

	driver_make(&d);
	for (uint64_t i = 100; i < 105; i++)
		hear(&d, BERT, WALL + i);
	for (uint64_t i = 0; i < 105; i++)
		heard += hear(&d, ANNA, WALL + i);
	is_int(heard, 0, "a conversation from before it was heard, played back: refused");
	heard = 0;
	for (uint64_t i = 0; i < 105; i++)
		heard += hear_again(&d, EMIL, WALL + i, 2);
	is_int(heard, 0, "  each twice, too");
	is_int(hear_again(&d, ANNA, WALL + 102, 100), 0, "  and one that was heard, for ever");
	hear(&d, BERT, WALL + 105);
	is_int(hear_again(&d, BERT, WALL + 7, 3), 0, "one from before, of a source that lives: refused");

	/* They are too fast, and then too slow, for who waits for 3 s. */
	driver_make(&d);
	hear(&d, BERT, WALL);
	hear(&d, BERT, WALL + 1);
	for (int i = 0; i < 100; i++) {
		d.now_ns -= SECOND - SECOND / 1000;
		heard += hear(&d, ANNA, below);
	}
	is_int(heard, 0, "a hundred in a tenth of a second");
	for (int i = 0; i < 20; i++) {
		pass(&d, 3);
		heard += hear(&d, ANNA, below);
	}
	is_int(heard, 0, "one every 4 s");
	pass(&d, 3);
	hear(&d, CARL, below - 7);
	is_int(hear_again(&d, ANNA, below, 8), 4, "another one has to be silent first");

	/* Years of counting by the time of day, and a number there that does not end like any. */
	driver_make(&d);
	for (uint64_t i = 0; i < 50; i++) {
		hear(&d, BERT, replay_own_counter(WALL + (i << 39), OUR_END));
		hear(&d, CARL, replay_own_counter(WALL + (i << 39) + SECOND, 20 << REPLAY_END_SHIFT) + 1);
	}
	is_int(hear_again(&d, ANNA, replay_own_counter(WALL + (20ull << 39) + 5 * SECOND, 5 << REPLAY_END_SHIFT), 10), 8,
	       "among what was counted, with an end that nobody has");
	is_int(hear_again(&d, DORA, replay_own_counter(WALL + (20ull << 39) + 9 * SECOND, OUR_END), 10), 0, "  with one that somebody has");
	is_int(hear_again(&d, DORA, replay_own_counter(WALL + (20ull << 39) + 9 * SECOND, 20 << REPLAY_END_SHIFT), 10), 0, "  and another");

	/* What was heard late lies below the run that began with a later one. */
	driver_make(&d);
	d.sent = replay_own_counter(WALL, OUR_END);
	hear(&d, BERT, d.sent + 1);
	hear(&d, CARL, d.sent + 1 - (9 << 16));
	is_int(d.answer, REPLAY_LATE, "one that was heard late");
	is_int(hear_again(&d, ANNA, d.sent + 1 - (9 << 16), 10), 0, "  is not heard again");
	driver_make(&d);
	d.sent = replay_own_counter(WALL, OUR_END);
	is_int(hear_again(&d, ANNA, WALL - REPLAY_LAG_NS - 9 * SECOND, 10), 8, "below our own: heard with the third");
}

/* One whose clock had been set back counts in small steps, below ours, until that has caught up. */
static void test_long_step(void)
{
	struct driver d;
	uint64_t at = WALL;

	driver_make(&d);
	hear(&d, ANNA, at);
	hear(&d, ANNA, at += 65536);
	d.sent = replay_own_counter(WALL + 400 * SECOND, OUR_END);
	ok(hear(&d, ANNA, at += 65536), "small steps, far below ours");
	ok(hear(&d, ANNA, at += SECOND / 2), "  and then a long one");
	ok(!hear(&d, ANNA, at) && !hear(&d, BERT, at) && !hear(&d, ANNA, at - 1000), "  once");
	pass(&d, 3);
	ok(!hear(&d, ANNA, at + SECOND), "  but not of one that has been silent for a down time");
}

/* Of more sources than are known, each repeats its number, in turns. */
static void test_retired(void)
{
	struct driver d;
	int heard = 0;

	driver_make(&d);
	for (uint64_t turn = 0; turn < 5; turn++)
		for (uint32_t who = ANNA; who < ANNA + REPLAY_SOURCES + REPLAY_RETIRED; who++)
			heard += hear_again(&d, who, NUMBER_OF(who), turn || who == ANNA ? 5 : 1);
	is_int(heard, 5 + REPLAY_SOURCES + REPLAY_RETIRED - 1 + 4 * 5 * (REPLAY_SOURCES + REPLAY_RETIRED),
	       "eight OpenBSDs, each master in its turn: all heard");

	driver_make(&d);
	for (uint64_t i = 0; i < 5; i++)
		hear(&d, ANNA, WALL + i);
	for (uint32_t who = BERT; who <= EMIL; who++)
		hear(&d, who, NUMBER_OF(who));
	is_int(hear_again(&d, ANNA, WALL + 4, 5), 0, "one that has counted, and is not known any more: refused");
	pass(&d, 60);
	hear_again(&d, BERT, NEW_NUMBER, 3);
	is_int(hear_again(&d, ANNA, NUMBER_OF(BERT), 5), 0, "what somebody had repeated before it took another number");
}

static void test_strict(void)
{
	struct driver d;

	driver_make(&d);
	d.is_strict = true;
	d.replay.floor = WALL - 60 * SECOND;
	d.replay.ceiling = WALL + 60 * SECOND - NOW;
	ok(!hear(&d, ANNA, WALL - 61 * SECOND) && d.answer == REPLAY_BAD_CLOCK, "strict: a first counter too far back");
	ok(!hear(&d, ANNA, WALL + 70 * SECOND) && d.answer == REPLAY_BAD_CLOCK, "  or ahead");
	ok(hear(&d, ANNA, WALL - 59 * SECOND), "  within the skew");
	ok(!hear(&d, ANNA, WALL - 59 * SECOND) && d.answer == REPLAY_OLD, "the same again");
	ok(!hear(&d, BERT, WALL - 59 * SECOND - 1), "one less");
	ok(hear(&d, BERT, WALL - 59 * SECOND + 1), "one more");
	ok(hear(&d, BERT, WALL + 3600 * SECOND), "an hour more, once somebody was heard");
	d.sent = WALL + 3700 * SECOND;
	ok(!hear(&d, ANNA, d.sent), "our own counter");
	ok(hear(&d, ANNA, d.sent + 1), "above our own");

	driver_make(&d);
	hear(&d, ANNA, WALL);
	hear(&d, ANNA, WALL + SECOND);
	d.is_strict = true;
	ok(!hear(&d, ANNA, WALL + SECOND) && !hear(&d, BERT, WALL), "strict from now on: what was heard before is old");
	ok(hear(&d, ANNA, WALL + 2 * SECOND), "  and the next is fresh");
}

/* Strong adverts are judged strictly beside others that are not. */
static void test_strong(void)
{
	struct driver d;

	driver_make(&d);
	ok(hear(&d, ANNA, 1ull << 63) && hear(&d, ANNA, (1ull << 63) + 1), "a ucarp's high numbers, or a recording of them");
	d.is_strict = true;
	ok(hear(&d, BERT, WALL), "a strong advert is heard all the same");
	ok(!hear(&d, BERT, WALL), "  once");
	ok(hear(&d, BERT, WALL + SECOND), "  and the next");
	d.is_strict = false;
	ok(!hear(&d, CARL, WALL + 1), "what lies between them is old, however it is signed");
	ok(hear(&d, CARL, WALL + 2 * SECOND), "another goes on from there");
	ok(hear(&d, ANNA, (1ull << 63) + 2), "and the ucarp from its own");
}

static void test_wrap(void)
{
	struct driver d;

	driver_make(&d);
	ok(hear(&d, ANNA, UINT64_MAX - 2) && hear(&d, ANNA, UINT64_MAX - 1) && hear(&d, ANNA, UINT64_MAX),
	   "up to the last number there is");
	ok(hear(&d, ANNA, 0) && hear(&d, ANNA, 1), "and over it");
	ok(!hear(&d, ANNA, UINT64_MAX) && !hear(&d, ANNA, 0) && !hear(&d, ANNA, 1), "played back, all is refused");
}

/* Runs at several places, one after the other. */
static void test_runs(void)
{
	struct driver d;

	driver_make(&d);
	for (uint64_t i = 1; i <= REPLAY_RUNS; i++) {
		hear(&d, ANNA, i << 60);
		hear(&d, ANNA, (i << 60) + 1);
	}
	for (uint64_t i = 1; i <= REPLAY_RUNS; i++)
		ok(!hear(&d, BERT, i << 60) && !hear(&d, BERT, (i << 60) + 1), "run %d is remembered", (int)i);
	ok(hear(&d, ANNA, (1ull << 60) + 2), "an older run may go on");
}

static void test_sources(void)
{
	struct driver d;

	driver_make(&d);
	hear(&d, ANNA, WALL);
	for (uint32_t who = ANNA; who <= EMIL; who++)
		hear(&d, who, WALL + who);
	is_int((int)replay_find(&d.replay, (uint32_t[4]){ ANNA }), REPLAY_SOURCES, "who was not heard for longest is forgotten");
	ok(replay_find(&d.replay, (uint32_t[4]){ BERT }) < REPLAY_SOURCES && replay_find(&d.replay, (uint32_t[4]){ EMIL }) < REPLAY_SOURCES,
	   "the others are known");
	is_int((int)replay_find(&d.replay, (uint32_t[4]){ BERT, 0, 0, 1 }), REPLAY_SOURCES, "every word of an address counts");
	ok(!hear(&d, ANNA, WALL + ANNA), "what the forgotten one sent is still old");
}

int main(void)
{
	plan(6 + 6 + 7 + 11 + 20 + 2 + 6 + 2 + 2 + 1 + 20 + 11 + 5 + 2 + 2 + 2 + 3 + 9 + 13 + 5 + 17 + 4 + 3 + 11 + 7 + 3 + 4 + 4);
	test_clock();
	test_ucarp_alone();
	test_ucarp_counts();
	test_holes();
	test_forgotten_run();
	test_lower_run();
	test_answers();
	test_once();
	test_split();
	test_late();
	test_own_counter();
	test_own_adverts();
	test_turns();
	test_ucarp_restarts();
	test_constant();
	test_made_anew();
	test_dead_random();
	test_doubt();
	test_long_step();
	test_retired();
	test_strict();
	test_strong();
	test_wrap();
	test_runs();
	test_sources();
	return tap_done();
}
