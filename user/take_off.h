/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Takes our program off an interface that was moved to another network namespace, in a process of its own: it goes there for
 * good, and whatever it waits for holds up nobody.
 */
#ifndef XCARP_TAKE_OFF_H
#define XCARP_TAKE_OFF_H

#include "io/loop.h"
#include "io/moved.h"

typedef int take_off_work(const struct moved *moved);

struct take_off {
	struct loop *loop;
	take_off_work *work;
	void (*done)(int result); /* as work returned, or -ETIMEDOUT */
	struct loop_source process; /* its pidfd; -1: none */
	int result_fd;
};

/* work: moved_take_off(). */
void take_off_init(struct take_off *take_off, struct loop *loop, take_off_work *work, void (*done)(int result));

/*
 * One at a time. done is called from the loop after some seconds at most, unless the kernel holds the process beyond its death.
 * Returns 0 or -errno, and then done is not called; -EBUSY: there is one.
 */
int take_off_start(struct take_off *take_off, const struct moved *moved);

#endif
