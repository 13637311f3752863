// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Fingerprints of passwords, so that two hosts can be seen to have the same one. A thread makes them, one at a time, from the
 * part of a key that is of the password alone: the password itself is wiped long before. What was made is in `live`, so nothing
 * is kept here: virtual routers with one password get it in one round, and thousands of passwords take their time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "controller.h"
#include "io/secret.h"
#include "io/thread.h"

#define STACK_SIZE (256 * 1024)
#define FREE_WAIT_S 1
#define PIECE 1024 /* virtual routers at once */
#define PART_LEN (SHA1_STATE_WORDS * sizeof(uint32_t))

struct prints {
	struct controller *c;
	struct loop_source finished; /* an eventfd */
	pthread_t thread;
	bool is_busy;
	bool is_wanted; /* some may have none */
	bool is_under_way; /* a round */
	uint32_t at; /* how far it has come */
	/* The thread's while it runs. */
	uint32_t *part; /* guarded memory */
	uint16_t print; /* of part; 0: there is none yet */
};

static void *thread_main(void *arg)
{
	struct prints *prints = arg;
	uint64_t one = 1;

	pthread_setname_np(pthread_self(), "xcarp-prints");
	/* Nobody waits for it. */
	sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){ 0 });
	prints->print = secret_print(prints->part, PART_LEN);
	while (write(prints->finished.fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	return NULL;
}

/* Strong keys alone, and from a file, are of no password. */
static bool has_password(const struct plan_running *running)
{
	return running->options->auth != AUTH_SIPHASH || !running->key->siphash.ids[0];
}

static void give_up(struct prints *prints)
{
	prints->is_under_way = prints->is_wanted = false;
}

static void finished_ready(void *ctx, uint64_t now_ns)
{
	struct prints *prints = ctx;
	uint64_t count;

	(void)now_ns;
	if (read(prints->finished.fd, &count, sizeof(count)) != sizeof(count))
		return;
	pthread_join(prints->thread, NULL);
	prints->is_busy = false;
	/* Without memory for this one there is none for the others. */
	if (!prints->print)
		give_up(prints);
}

/* One virtual router of a round. False: the round goes on when its password has been seen to. */
static bool look_at(struct prints *prints, uint32_t index)
{
	const struct plan_running *running = &prints->c->running[index];
	struct vr_live *live = dataplane_live(prints->c->dataplane, prints->c->slots[index].map_slot);

	if (live->password_print || !has_password(running))
		return true;
	if (!prints->print) {
		memcpy(prints->part, running->key->hmac.outer, PART_LEN);
		prints->is_busy = !thread_start(&prints->thread, STACK_SIZE, true, thread_main, prints);
		if (!prints->is_busy)
			give_up(prints);
		return false;
	}
	if (secret_equal(running->key->hmac.outer, prints->part, PART_LEN))
		live->password_print = prints->print;
	else
		prints->is_wanted = true;
	return true;
}

/* A round is for one password: the first that has no fingerprint, and all who have the same. */
void prints_make(struct controller *c)
{
	struct prints *prints = c->prints;

	if (prints->is_busy || (!prints->is_under_way && !prints->is_wanted))
		return;
	if (!prints->is_under_way) {
		prints->is_under_way = true;
		prints->is_wanted = false;
		prints->at = NO_INDEX;
		prints->print = 0;
	}
	for (unsigned int n = 0; n < PIECE; n++) {
		uint32_t index = vrouters_next(c, prints->at);

		if (index == NO_INDEX) {
			prints->is_under_way = false;
			explicit_bzero(prints->part, PART_LEN);
			return;
		}
		if (!look_at(prints, index))
			return;
		prints->at = index;
	}
}

uint64_t prints_deadline(const struct controller *c)
{
	const struct prints *prints = c->prints;

	return !prints->is_busy && (prints->is_under_way || prints->is_wanted) ? 0 : UINT64_MAX;
}

struct prints *prints_new(struct controller *c)
{
	struct prints *prints = calloc(1, sizeof(*prints));

	if (!prints)
		return NULL;
	prints->c = c;
	prints->part = secret_alloc(PART_LEN);
	prints->finished = (struct loop_source){
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.ready = finished_ready,
		.ctx = prints,
	};
	if (prints->part && prints->finished.fd >= 0 && !loop_add(c->loop, &prints->finished))
		return prints;
	if (prints->finished.fd >= 0)
		close(prints->finished.fd);
	secret_free(prints->part);
	free(prints);
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

void prints_free(struct prints *prints)
{
	struct timespec until;

	if (!prints)
		return;
	loop_remove(prints->c->loop, &prints->finished);
	if (prints->is_busy) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += FREE_WAIT_S;
		/* On a busy machine it may have to wait for its turn: it keeps what it has until the process ends. */
		if (pthread_clockjoin_np(prints->thread, NULL, CLOCK_MONOTONIC, &until)) {
			pthread_detach(prints->thread);
			return;
		}
	}
	close(prints->finished.fd);
	secret_free(prints->part);
	free(prints);
}
