/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* epoll and one timerfd: who waits for what. The only reader of the clock. */
#ifndef XCARP_IO_LOOP_H
#define XCARP_IO_LOOP_H

#include <stdint.h>

struct loop;

/* Lives in its owner until loop_remove(). */
struct loop_source {
	int fd;
	void (*ready)(void *ctx, uint64_t now_ns);
	void *ctx;
};

/* CLOCK_MONOTONIC, nanoseconds. */
uint64_t loop_now_ns(void);

/* CLOCK_REALTIME, nanoseconds. */
uint64_t loop_realtime_ns(void);

/* NULL with errno set. */
struct loop *loop_new(void);
void loop_free(struct loop *loop);

/* Calls source->ready whenever its fd is readable. Returns 0 or -errno. */
int loop_add(struct loop *loop, struct loop_source *source);

/* From within any source's ready too: source is not called any more, also if it was ready already. */
void loop_remove(struct loop *loop, struct loop_source *source);

/*
 * Waits until deadline_ns at the latest (UINT64_MAX: for ever; past: not at all) and calls the sources that are
 * ready. Returns 0 or -errno.
 */
int loop_wait(struct loop *loop, uint64_t deadline_ns);

#endif
