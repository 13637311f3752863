// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "loop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000ull
#define BATCH 32

struct loop {
	int epoll_fd;
	struct loop_source timer;
	uint64_t armed_ns;
	struct epoll_event events[BATCH];
	int event_count;
};

static uint64_t read_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t loop_now_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t loop_realtime_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

static void timer_ready(void *ctx, uint64_t now_ns)
{
	struct loop *loop = ctx;

	(void)now_ns;
	loop->armed_ns = UINT64_MAX;
}

static int add(struct loop *loop, struct loop_source *source, uint32_t how)
{
	struct epoll_event event = { .events = EPOLLIN | how, .data.ptr = source };

	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) ? -errno : 0;
}

struct loop *loop_new(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int err;

	if (!loop)
		return NULL;
	loop->armed_ns = UINT64_MAX;
	loop->timer = (struct loop_source){ .fd = -1, .ready = timer_ready, .ctx = loop };
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd >= 0)
		loop->timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	/* Its edges are enough: setting it anew forgets what was not read. */
	if (loop->timer.fd >= 0 && !add(loop, &loop->timer, EPOLLET))
		return loop;
	err = errno;
	loop_free(loop);
	errno = err;
	return NULL;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	if (loop->timer.fd >= 0)
		close(loop->timer.fd);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	free(loop);
}

int loop_add(struct loop *loop, struct loop_source *source)
{
	return add(loop, source, 0);
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	for (int i = 0; i < loop->event_count; i++)
		if (loop->events[i].data.ptr == source)
			loop->events[i].data.ptr = NULL;
}

static int arm(struct loop *loop, uint64_t deadline_ns)
{
	struct itimerspec spec = { 0 };

	if (deadline_ns == loop->armed_ns)
		return 0;
	if (deadline_ns != UINT64_MAX) {
		spec.it_value.tv_sec = (time_t)(deadline_ns / NS_PER_S);
		spec.it_value.tv_nsec = (long)(deadline_ns % NS_PER_S);
	}
	if (timerfd_settime(loop->timer.fd, TFD_TIMER_ABSTIME, &spec, NULL))
		return -errno;
	loop->armed_ns = deadline_ns;
	return 0;
}

int loop_wait(struct loop *loop, uint64_t deadline_ns)
{
	bool is_due = deadline_ns <= loop_now_ns();
	int n, err = is_due ? 0 : arm(loop, deadline_ns);

	if (err)
		return err;
	n = epoll_wait(loop->epoll_fd, loop->events, BATCH, is_due ? 0 : -1);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;

	loop->event_count = n;
	for (int i = 0; i < n; i++) {
		struct loop_source *source = loop->events[i].data.ptr;

		/* What the one before did may have taken a while: attaching a program takes milliseconds. */
		if (source)
			source->ready(source->ctx, loop_now_ns());
	}
	loop->event_count = 0;
	return 0;
}
