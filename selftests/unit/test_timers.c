// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The timing wheel against a model that looks at every deadline every time. */
#include "core/timers.h"

#include "../tap.h"
#include "random.h"

#define SEED 0x5eed0002u
#define IDS_MAX 600
#define STEPS 20000
#define SAME_TIME_NS 100000

struct model {
	uint32_t capacity;
	bool any_order; /* some were armed in the past */
	uint64_t deadline_ns[IDS_MAX]; /* TIMERS_NEVER: not armed */
};

static uint64_t model_next(const struct model *model)
{
	uint64_t next = TIMERS_NEVER;

	for (uint32_t id = 0; id < model->capacity; id++)
		if (model->deadline_ns[id] < next)
			next = model->deadline_ns[id];
	return next;
}

static void arm(struct timers *timers, struct model *model, uint32_t id, uint64_t deadline_ns)
{
	timers_arm(timers, id, deadline_ns);
	model->deadline_ns[id] = deadline_ns;
}

static bool pop_agrees(struct timers *timers, struct model *model, uint64_t now_ns)
{
	uint64_t next = model_next(model);
	uint32_t id = UINT32_MAX;
	bool popped = timers_pop(timers, now_ns, &id);

	if (popped != (next != TIMERS_NEVER && next <= now_ns)) {
		diag("pop at %llu: got %d, next is at %llu", (unsigned long long)now_ns, popped,
		     (unsigned long long)next);
		return false;
	}
	if (!popped)
		return true;
	if (id >= model->capacity || model->deadline_ns[id] > now_ns) {
		diag("pop at %llu: got id %u, which is not due", (unsigned long long)now_ns, id);
		return false;
	}
	if (!model->any_order && model->deadline_ns[id] - next > SAME_TIME_NS) {
		diag("pop at %llu: got id %u, due at %llu, before one due at %llu", (unsigned long long)now_ns, id,
		     (unsigned long long)model->deadline_ns[id], (unsigned long long)next);
		return false;
	}
	model->deadline_ns[id] = TIMERS_NEVER;
	return true;
}

/* Deadlines and times anywhere below spread, in any order: a small one makes many equal. */
static bool run_agrees(uint64_t *seed, uint32_t capacity, uint64_t spread)
{
	struct timers *timers = timers_new(capacity);
	static struct model model;
	bool agree = timers != NULL;

	model.capacity = capacity;
	model.any_order = true;
	for (uint32_t id = 0; id < capacity; id++)
		model.deadline_ns[id] = TIMERS_NEVER;
	for (int i = 0; i < STEPS && agree; i++) {
		uint32_t id = random_below(seed, capacity);
		uint64_t at = random_next(seed) % spread;

		switch (random_below(seed, 8)) {
		case 0:
			arm(timers, &model, id, TIMERS_NEVER);
			break;
		case 1:
			/* Earlier or later than it is, by little. */
			if (model.deadline_ns[id] != TIMERS_NEVER && model.deadline_ns[id])
				at = model.deadline_ns[id] + random_below(seed, 3) - 1;
			arm(timers, &model, id, at);
			break;
		case 2:
		case 3:
			agree = pop_agrees(timers, &model, at);
			break;
		case 4:
			agree = pop_agrees(timers, &model, model_next(&model));
			break;
		default:
			arm(timers, &model, id, at);
		}
		if (timers_next(timers) != model_next(&model)) {
			diag("step %d: got next %llu, want %llu", i, (unsigned long long)timers_next(timers),
			     (unsigned long long)model_next(&model));
			agree = false;
		}
	}
	/* What is left comes out in order, and then there is nothing. */
	while (agree && model_next(&model) != TIMERS_NEVER)
		agree = pop_agrees(timers, &model, TIMERS_NEVER);
	agree = agree && pop_agrees(timers, &model, TIMERS_NEVER) && timers_next(timers) == TIMERS_NEVER;
	timers_free(timers);
	return agree;
}

/* As an engine uses it: time goes on, now and then by far; what comes out goes in again, ahead by up to reach. */
static bool course_agrees(uint64_t *seed, uint32_t capacity, uint64_t reach)
{
	struct timers *timers = timers_new(1);
	static struct model model;
	bool agree = timers && timers_grow(timers, capacity);
	uint64_t now_ns = random_next(seed) >> 2;

	model.capacity = capacity;
	model.any_order = false;
	for (uint32_t id = 0; id < capacity; id++)
		model.deadline_ns[id] = TIMERS_NEVER;
	for (int i = 0; i < STEPS && agree; i++) {
		uint32_t id = random_below(seed, capacity);
		uint64_t next = model_next(&model);

		if (next > now_ns || !random_below(seed, 4))
			arm(timers, &model, id, now_ns + SAME_TIME_NS + random_next(seed) % reach);
		agree = timers_next(timers) == model_next(&model);
		if (!random_below(seed, 3))
			now_ns += random_next(seed) % (reach / 8 + 1);
		if (!random_below(seed, 2000))
			now_ns += reach * 5;
		if (!random_below(seed, 3) && model_next(&model) != TIMERS_NEVER && model_next(&model) > now_ns)
			now_ns = model_next(&model);
		while (agree && model_next(&model) <= now_ns && random_below(seed, 20))
			agree = pop_agrees(timers, &model, now_ns);
		agree = agree && timers_next(timers) == model_next(&model);
	}
	timers_free(timers);
	return agree;
}

static void test_course(uint64_t *seed)
{
	static const uint32_t capacities[] = { 1, 2, 50, IDS_MAX };
	static const uint64_t reaches[] = { 1000, 1000000, 10000000, 1000000000, 300000000000, 1ull << 50 };

	for (size_t i = 0; i < sizeof(capacities) / sizeof(*capacities); i++)
		for (size_t j = 0; j < sizeof(reaches) / sizeof(*reaches); j++)
			ok(course_agrees(seed, capacities[i], reaches[j]), "%d steps on, %u ids, up to %llu ns ahead", STEPS,
			   capacities[i], (unsigned long long)reaches[j]);
}

/* Each slot of each level, and its neighbours. */
static void test_levels(void)
{
	struct timers *timers = timers_new(3);
	bool agree = true;
	uint32_t id;

	for (int bit = 0; bit < 63; bit++)
		for (uint64_t factor = 1; factor < 64 && agree; factor++) {
			uint64_t at_ns = factor << bit;

			if (at_ns >> bit != factor || at_ns > UINT64_MAX - 2)
				continue;
			timers_free(timers);
			timers = timers_new(3);
			timers_arm(timers, 0, at_ns + 1);
			timers_arm(timers, 1, at_ns);
			timers_arm(timers, 2, at_ns - 1);
			agree = timers_next(timers) == at_ns - 1 && timers_pop(timers, at_ns - 1, &id) && id == 2 &&
				!timers_pop(timers, at_ns - 1, &id) && timers_pop(timers, at_ns, &id) && id == 1 &&
				!timers_pop(timers, at_ns, &id) && timers_next(timers) == at_ns + 1 &&
				timers_pop(timers, at_ns + 1, &id) && id == 0;
			if (!agree)
				diag("around %llu", (unsigned long long)at_ns);
		}
	ok(agree, "around every power of two and its multiples: each at its nanosecond");
	timers_free(timers);
}

static void test_random(uint64_t *seed)
{
	static const uint32_t capacities[] = { 1, 2, 3, 4, 5, 6, 16, 17, 21, 22, 85, 86, IDS_MAX };
	static const uint64_t spreads[] = { 2, 1000000, 1ull << 30, 1ull << 62 };

	for (size_t i = 0; i < sizeof(capacities) / sizeof(*capacities); i++)
		for (size_t j = 0; j < sizeof(spreads) / sizeof(*spreads); j++)
			ok(run_agrees(seed, capacities[i], spreads[j]),
			   "%d random steps, %u ids, deadlines below %llu", STEPS, capacities[i],
			   (unsigned long long)spreads[j]);
}

static void test_simple(void)
{
	struct timers *timers = timers_new(3);
	uint32_t id = 7;

	is_u64(timers_next(timers), TIMERS_NEVER, "nothing is armed");
	ok(!timers_pop(timers, TIMERS_NEVER, &id) && id == 7, "nothing comes out, ever");
	timers_arm(timers, 1, TIMERS_NEVER);
	is_u64(timers_next(timers), TIMERS_NEVER, "never is not a deadline");

	timers_arm(timers, 1, 100);
	ok(!timers_pop(timers, 99, &id), "not due yet");
	ok(timers_pop(timers, 100, &id) && id == 1, "due at its deadline");
	ok(!timers_pop(timers, 100, &id), "comes out once");

	timers_arm(timers, 0, 50);
	timers_arm(timers, 2, 60);
	timers_arm(timers, 2, 40);
	is_u64(timers_next(timers), 40, "moved ahead");
	timers_arm(timers, 2, 70);
	is_u64(timers_next(timers), 50, "moved back");
	timers_arm(timers, 0, TIMERS_NEVER);
	is_u64(timers_next(timers), 70, "cancelled");
	timers_arm(timers, 0, TIMERS_NEVER);
	is_u64(timers_next(timers), 70, "cancelled twice");
	timers_arm(timers, 1, UINT64_MAX - 1);
	timers_arm(timers, 0, 0);
	ok(timers_pop(timers, 0, &id) && id == 0, "deadline 0 at time 0");
	ok(timers_pop(timers, 70, &id) && id == 2, "the next");
	ok(!timers_pop(timers, UINT64_MAX - 2, &id), "the last deadline that is one is not due before");
	ok(timers_pop(timers, UINT64_MAX - 1, &id) && id == 1, "and then is");
	timers_free(timers);
}

static void test_equal(void)
{
	enum {
		N = 100
	};
	struct timers *timers = timers_new(N);
	bool seen[N] = { false }, once = true;
	uint32_t id;
	int n = 0;

	for (uint32_t i = 0; i < N; i++)
		timers_arm(timers, i, 5);
	while (timers_pop(timers, 5, &id)) {
		once = once && id < N && !seen[id];
		seen[id] = true;
		n++;
	}
	ok(once, "equal deadlines: each id once");
	is_int(n, N, "equal deadlines: all of them");
	timers_free(timers);
}

int main(void)
{
	uint64_t seed = SEED;

	plan(13 * 4 + 4 * 6 + 1 + 14 + 2 + 1);
	diag("seed %#x", SEED);
	test_random(&seed);
	test_course(&seed);
	test_levels();
	test_simple();
	test_equal();
	timers_free(NULL);
	ok(true, "timers_free(NULL)");
	return tap_done();
}
