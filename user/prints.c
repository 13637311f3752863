// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Fingerprints of passwords, so that two hosts can be seen to have the same one. A thread makes them from the part of a key that
 * is of the password alone: the password itself is wiped long before. What was made is in `live`, so nothing is kept here: a round
 * is for some passwords and all virtual routers that have them, and thousands of passwords take their time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "controller.h"
#include "io/secret.h"
#include "io/thread.h"

#define STACK_SIZE (256 * 1024)
#define PIECE 1024 /* virtual routers at once */
#define PARTS 32 /* passwords a round */

struct parts {
	uint32_t count;
	uint32_t words[PARTS][SHA1_STATE_WORDS];
	uint16_t prints[PARTS]; /* 0: there is no memory to make it */
};

enum step {
	NOTHING_TO_DO,
	COLLECTING, /* passwords that have no fingerprint */
	MAKING, /* by the thread */
	GIVING,
};

struct prints {
	struct controller *c;
	struct loop_source finished; /* an eventfd */
	pthread_t thread;
	enum step step;
	uint32_t at; /* how far it has come */
	bool is_wanted; /* some may have none when the round is over */
	bool is_ending; /* the thread looks at it */
	struct parts *parts; /* guarded memory; the thread's while it runs */
};

static void *thread_main(void *arg)
{
	struct prints *prints = arg;
	struct parts *parts = prints->parts;
	uint64_t one = 1;

	pthread_setname_np(pthread_self(), "xcarp-prints");
	/* Nobody waits for it. */
	sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){ 0 });
	for (uint32_t i = 0; i < parts->count && !__atomic_load_n(&prints->is_ending, __ATOMIC_RELAXED); i++)
		parts->prints[i] = secret_print(parts->words[i], sizeof(parts->words[i]));
	while (write(prints->finished.fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	return NULL;
}

/* Strong keys alone, and from a file, are of no password. */
static bool has_password(const struct plan_running *running)
{
	return running->options->auth != AUTH_SIPHASH || !running->key->siphash.ids[0];
}

/* Its place in the round; count: it has none. */
static uint32_t find_part(const struct parts *parts, const uint32_t *words)
{
	uint32_t i = 0;

	while (i < parts->count && (parts->words[i][0] != words[0] || !secret_equal(parts->words[i], words, sizeof(parts->words[i]))))
		i++;
	return i;
}

static void begin(struct prints *prints, enum step step)
{
	prints->step = step;
	prints->at = NO_INDEX;
}

static void end_round(struct prints *prints)
{
	explicit_bzero(prints->parts, sizeof(*prints->parts));
	prints->step = NOTHING_TO_DO;
}

static void finished_ready(void *ctx, uint64_t now_ns)
{
	struct prints *prints = ctx;
	uint64_t count;

	(void)now_ns;
	if (read(prints->finished.fd, &count, sizeof(count)) != sizeof(count))
		return;
	pthread_join(prints->thread, NULL);
	begin(prints, GIVING);
}

static void look_at(struct prints *prints, uint32_t index)
{
	const struct plan_running *running = &prints->c->running[index];
	struct vr_live *live = dataplane_live(prints->c->dataplane, prints->c->slots[index].map_slot);
	struct parts *parts = prints->parts;
	uint32_t place;

	if (live->password_print || !has_password(running))
		return;
	place = find_part(parts, running->key->hmac.outer);
	if (place < parts->count)
		live->password_print = parts->prints[place];
	else if (prints->step == COLLECTING && parts->count < PARTS)
		memcpy(parts->words[parts->count++], running->key->hmac.outer, sizeof(parts->words[0]));
	else
		prints->is_wanted = true;
}

static void next_step(struct prints *prints)
{
	bool has_failed = prints->step == GIVING && !prints->parts->prints[0];

	if (prints->step == COLLECTING && prints->parts->count) {
		prints->step = MAKING;
		has_failed = thread_start(&prints->thread, STACK_SIZE, true, thread_main, prints);
		if (!has_failed)
			return;
	}
	/* Without a thread, or memory for it, the next round would end like this one. */
	if (has_failed)
		prints->is_wanted = false;
	end_round(prints);
}

void prints_make(struct controller *c)
{
	struct prints *prints = c->prints;

	if (prints->step == NOTHING_TO_DO && prints->is_wanted) {
		prints->is_wanted = false;
		begin(prints, COLLECTING);
	}
	if (prints->step != COLLECTING && prints->step != GIVING)
		return;
	for (unsigned int n = 0; n < PIECE; n++) {
		uint32_t index = vrouters_next(c, prints->at);

		if (index == NO_INDEX) {
			next_step(prints);
			return;
		}
		look_at(prints, index);
		prints->at = index;
	}
}

uint64_t prints_deadline(const struct controller *c)
{
	const struct prints *prints = c->prints;

	return prints->step == COLLECTING || prints->step == GIVING || (prints->step == NOTHING_TO_DO && prints->is_wanted) ?
		       0 : UINT64_MAX;
}

struct prints *prints_new(struct controller *c)
{
	struct prints *prints = calloc(1, sizeof(*prints));
	int err;

	if (!prints)
		return NULL;
	prints->c = c;
	prints->parts = secret_alloc(sizeof(*prints->parts));
	prints->finished = (struct loop_source){
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.ready = finished_ready,
		.ctx = prints,
	};
	if (prints->parts && prints->finished.fd >= 0 && !loop_add(c->loop, &prints->finished))
		return prints;
	err = errno;
	if (prints->finished.fd >= 0)
		close(prints->finished.fd);
	secret_free(prints->parts);
	free(prints);
	errno = err;
	return NULL;
}

void prints_publish(struct controller *c, uint32_t index)
{
	const struct plan_running *running = &c->running[index];
	struct vr_live *live = dataplane_live(c->dataplane, c->slots[index].map_slot);
	bool has_ids = running->options->auth != AUTH_HMAC_SHA1 && running->key->siphash.ids[0];

	live->key_count = 0;
	live->key_id = has_ids ? ntohl(running->key->siphash.ids[0]) : 0;
	for (unsigned int i = 0; has_ids && i < CARP_SIPHASH_KEYS_MAX; i++)
		if (running->key->siphash.ids[i])
			live->key_count++;
	live->password_print = 0;
	c->prints->is_wanted = true;
}

/* One that its thread still has at the end: memory that somebody knows of is no leak. */
static struct prints *volatile left;

void prints_free(struct prints *prints)
{
	if (!prints)
		return;
	loop_remove(prints->c->loop, &prints->finished);
	/* A successor may be waiting for our end: the thread keeps what it has until then. */
	if (prints->step == MAKING) {
		__atomic_store_n(&prints->is_ending, true, __ATOMIC_RELAXED);
		pthread_detach(prints->thread);
		left = prints;
		return;
	}
	close(prints->finished.fd);
	secret_free(prints->parts);
	free(prints);
}
