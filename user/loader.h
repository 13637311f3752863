/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Makes plans in a thread of its own: files may be long, and may lie on a file system that hangs. */
#ifndef XCARP_LOADER_H
#define XCARP_LOADER_H

#include <stdbool.h>
#include <stdint.h>

#include "io/loop.h"
#include "plan.h"

struct loader;

/* The plan ends after this call; what is to stay is taken over out of it, as plan.h says. A plan may have failed. */
typedef void loader_done(void *ctx, struct plan *plan, uint64_t now_ns);

/* make: plan_make() or plan_list(). NULL with errno set. */
struct loader *loader_new(struct loop *loop, plan_maker *make);

/*
 * Starts make, to which the arguments go, and returns at once; done is called from loop_wait(). Until then
 * options, running and what they point to must stay as they are: nothing may be added, changed or removed meanwhile.
 *
 * Returns 0 or -errno: -EBUSY while a plan is being made. It may be of a file that has changed since, so whoever
 * was asked for another reading has to start it after done.
 */
int loader_start(struct loader *loader, const struct options *options, const struct plan_running *running,
		 uint32_t running_count, loader_done *done, void *ctx);

bool loader_busy(const struct loader *loader);

/*
 * Waits for what is under way, but no longer than a second, and does not call done. Returns false where the thread had
 * to be left behind: it may still read what loader_start() was given, which must not be freed before the process ends.
 */
bool loader_free(struct loader *loader);

#endif
