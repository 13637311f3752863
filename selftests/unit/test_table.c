// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table against a list of pairs, with hashes that meet often. */
#include "core/table.h"

#include "../tap.h"
#include "random.h"

#define SEED 0x5eed0007u
#define PAIRS_MAX 3000
#define STEPS 30000

struct pair {
	uint32_t hash;
	uint32_t number;
};

static size_t count_in_table(const struct table *table, uint32_t hash, uint32_t number)
{
	size_t count = 0;

	for (uint32_t at = table_first(table, hash); at != TABLE_NONE; at = table_next(table, at))
		count += table_number(table, at) == number;
	return count;
}

static bool run_agrees(uint64_t *seed, uint32_t hashes)
{
	static struct pair pairs[PAIRS_MAX];
	struct table *table = table_new(0);
	size_t count = 0;
	bool agree = table;

	for (int i = 0; i < STEPS && agree; i++) {
		struct pair pair = { random_below(seed, hashes), random_below(seed, 50) };
		size_t want = 0;

		if (count < PAIRS_MAX && random_below(seed, 5) < 3) {
			agree = table_put(table, pair.hash, pair.number);
			pairs[count++] = pair;
		} else if (count) {
			size_t at = random_below(seed, (uint32_t)count);

			pair = pairs[at];
			table_remove(table, pair.hash, pair.number);
			pairs[at] = pairs[--count];
		}
		for (size_t j = 0; j < count; j++)
			want += pairs[j].hash == pair.hash && pairs[j].number == pair.number;
		agree = agree && count_in_table(table, pair.hash, pair.number) == want;
	}
	table_free(table);
	return agree;
}

static bool is_even(const void *ctx, uint32_t number)
{
	(void)ctx;
	return number % 2 == 0;
}

int main(void)
{
	struct table_key even = { .hash = 7, .is = is_even };
	struct table *table = table_new(3);
	uint64_t seed = SEED;

	plan(11);
	diag("seed %#x", SEED);
	ok(run_agrees(&seed, 4), "%d random steps, four hashes", STEPS);
	ok(run_agrees(&seed, 1000), "a thousand hashes");
	ok(run_agrees(&seed, UINT32_MAX), "hardly two alike");

	is_u64(table_find(table, &even), TABLE_NONE, "nothing is found in an empty one");
	table_put(table, 7, 3);
	is_u64(table_find(table, &even), TABLE_NONE, "nor where nothing fits");
	is_u64(table_enter(table, &even, 8), TABLE_NONE, "entered");
	is_u64(table_enter(table, &even, 10), 8, "who comes second is told who was first");
	is_u64(table_find(table, &even), 8, "and found");
	table_remove(table, 7, 99);
	table_remove(table, 8, 8);
	is_u64(table_find(table, &even), 8, "removing what is not there changes nothing");
	ok(table_hash(0, "a", 1) != table_hash(0, "b", 1), "other bytes, another hash");
	ok(table_hash(table_hash(0, "a", 1), "b", 1) != table_hash(table_hash(0, "b", 1), "a", 1), "in pieces, in order");
	table_free(table);
	table_free(NULL);
	return tap_done();
}
