// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "loader.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "io/thread.h"

#define STACK_SIZE (512 * 1024) /* files that include files, 16 deep */
#define FREE_WAIT_S 1
#define LARGE (128 * 1024) /* bytes */

struct loader {
	struct loop *loop;
	plan_maker *make;
	struct loop_source finished; /* an eventfd */
	pthread_t thread;
	bool is_busy;
	loader_done *done;
	void *ctx;
	/* The thread's while it runs. */
	const struct options *options;
	const struct plan_running *running;
	uint32_t running_count;
	struct plan plan;
};

static void *thread_main(void *arg)
{
	struct loader *loader = arg;
	uint64_t one = 1;

	loader->make(&loader->plan, loader->options, loader->running, loader->running_count);
	while (write(loader->finished.fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	return NULL;
}

static void finished_ready(void *ctx, uint64_t now_ns)
{
	struct loader *loader = ctx;
	uint64_t count;
	struct plan plan;

	if (read(loader->finished.fd, &count, sizeof(count)) != sizeof(count))
		return;
	pthread_join(loader->thread, NULL);
	/* Not busy any more, so that done may start the next. */
	plan = loader->plan;
	loader->is_busy = false;
	loader->done(loader->ctx, &plan, now_ns);
	plan_free(&plan);
}

struct loader *loader_new(struct loop *loop, plan_maker *make)
{
	struct loader *loader = calloc(1, sizeof(*loader));
	int err;

	if (!loader)
		return NULL;
	/* Else malloc() learns from a first large block to keep the ones after it: 9 MB of 65,536 virtual routers. */
	mallopt(M_MMAP_THRESHOLD, LARGE);
	loader->loop = loop;
	loader->make = make;
	loader->finished = (struct loop_source){
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.ready = finished_ready,
		.ctx = loader,
	};
	if (loader->finished.fd < 0) {
		err = errno;
		free(loader);
		errno = err;
		return NULL;
	}
	err = loop_add(loop, &loader->finished);
	if (!err)
		return loader;
	close(loader->finished.fd);
	free(loader);
	errno = -err;
	return NULL;
}

int loader_start(struct loader *loader, const struct options *options, const struct plan_running *running,
		 uint32_t running_count, loader_done *done, void *ctx)
{
	int err;

	if (loader->is_busy)
		return -EBUSY;
	loader->options = options;
	loader->running = running;
	loader->running_count = running_count;
	loader->done = done;
	loader->ctx = ctx;
	err = thread_start(&loader->thread, STACK_SIZE, true, thread_main, loader);
	loader->is_busy = !err;
	return err;
}

bool loader_busy(const struct loader *loader)
{
	return loader->is_busy;
}

bool loader_free(struct loader *loader)
{
	struct timespec until;

	if (!loader)
		return true;
	loop_remove(loader->loop, &loader->finished);
	if (loader->is_busy) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += FREE_WAIT_S;
		/* A thread that hangs in a file system cannot be ended: it keeps its loader until the process ends. */
		if (pthread_clockjoin_np(loader->thread, NULL, CLOCK_MONOTONIC, &until)) {
			pthread_detach(loader->thread);
			return false;
		}
		plan_free(&loader->plan);
	}
	close(loader->finished.fd);
	free(loader);
	return true;
}
