// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The timer heap against a model that looks at every deadline every time. */
#include "core/timers.h"

#include "../tap.h"
#include "random.h"

#define SEED 0x5eed0002u
#define IDS_MAX 600
#define STEPS 20000

struct model {
	uint32_t capacity;
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

/* Ids with equal deadlines come in no certain order, so the model only says whether this one could be next. */
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
	if (id >= model->capacity || model->deadline_ns[id] != next) {
		diag("pop at %llu: got id %u, which is not due first", (unsigned long long)now_ns, id);
		return false;
	}
	model->deadline_ns[id] = TIMERS_NEVER;
	return true;
}

/* spread: deadlines are 0 to spread - 1, so that a small one makes many equal. */
static bool run_agrees(uint64_t *seed, uint32_t capacity, uint32_t spread)
{
	struct timers *timers = timers_new(capacity);
	static struct model model;
	bool agree = timers != NULL;

	model.capacity = capacity;
	for (uint32_t id = 0; id < capacity; id++)
		model.deadline_ns[id] = TIMERS_NEVER;
	for (int i = 0; i < STEPS && agree; i++) {
		uint32_t id = random_below(seed, capacity);
		uint64_t at = random_below(seed, spread);

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

static void test_random(uint64_t *seed)
{
	static const uint32_t capacities[] = { 1, 2, 3, 4, 5, 6, 16, 17, 21, 22, 85, 86, IDS_MAX };
	static const uint32_t spreads[] = { 2, 30, 1000000 };

	for (size_t i = 0; i < sizeof(capacities) / sizeof(*capacities); i++)
		for (size_t j = 0; j < sizeof(spreads) / sizeof(*spreads); j++)
			ok(run_agrees(seed, capacities[i], spreads[j]),
			   "%d random steps, %u ids, deadlines below %u", STEPS, capacities[i], spreads[j]);
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

	plan(13 * 3 + 14 + 2 + 1);
	diag("seed %#x", SEED);
	test_random(&seed);
	test_simple();
	test_equal();
	timers_free(NULL);
	ok(true, "timers_free(NULL)");
	return tap_done();
}
