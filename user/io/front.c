// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "front.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "io/thread.h"

#define STACK_SIZE (256 * 1024) /* answers of rtnetlink lie there */

struct front {
	struct loop *loop;
	const struct program *program;
	uint32_t owner;
	void (*done)(void *ctx, uint32_t ifindex, bool in_front, int err);
	void *ctx;
	struct loop_source finished; /* an eventfd */
	bool is_busy;
	pthread_t thread;
	/* The thread's while it runs. */
	uint32_t ifindex;
	char name[XCARP_IFNAME_LEN];
	bool in_front;
	int err;
};

static void *thread_main(void *arg)
{
	struct front *front = arg;
	uint64_t one = 1;

	pthread_setname_np(pthread_self(), "xcarp-front");
	front->err = 0;
	if (front->in_front)
		front->err = program_put_in_front(front->program, front->owner, front->ifindex, front->name);
	else
		program_take_from_front(front->program, front->owner, front->ifindex);
	while (write(front->finished.fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	return NULL;
}

static void finished_ready(void *ctx, uint64_t now_ns)
{
	struct front *front = ctx;
	uint64_t count;

	(void)now_ns;
	if (read(front->finished.fd, &count, sizeof(count)) < 0)
		return;
	pthread_join(front->thread, NULL);
	front->is_busy = false;
	front->done(front->ctx, front->ifindex, front->in_front, front->err);
}

struct front *front_new(struct loop *loop, const struct program *program, uint32_t owner,
			void (*done)(void *ctx, uint32_t ifindex, bool in_front, int err), void *ctx)
{
	struct front *front = calloc(1, sizeof(*front));

	if (!front)
		return NULL;
	*front = (struct front){ .loop = loop, .program = program, .owner = owner, .done = done, .ctx = ctx };
	front->finished = (struct loop_source){
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.ready = finished_ready,
		.ctx = front,
	};
	if (front->finished.fd >= 0 && !loop_add(loop, &front->finished))
		return front;
	if (front->finished.fd >= 0)
		close(front->finished.fd);
	free(front);
	return NULL;
}

bool front_ask(struct front *front, uint32_t ifindex, const char *name, bool in_front)
{
	if (front->is_busy)
		return false;
	front->ifindex = ifindex;
	front->in_front = in_front;
	snprintf(front->name, sizeof(front->name), "%s", name);
	front->is_busy = !thread_start(&front->thread, STACK_SIZE, true, thread_main, front);
	return front->is_busy;
}

void front_free(struct front *front)
{
	if (!front)
		return;
	if (front->is_busy)
		pthread_join(front->thread, NULL);
	loop_remove(front->loop, &front->finished);
	close(front->finished.fd);
	free(front);
}
