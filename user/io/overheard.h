/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Adverts that reach the host's stack. Those of virtual routers of ours should not: see core/deafness.h. The kernel filters for
 * what looks like CARP, so other traffic never wakes anybody, and others' adverts seldom: after a wake there is a pause.
 */
#ifndef XCARP_IO_OVERHEARD_H
#define XCARP_IO_OVERHEARD_H

#include <stdbool.h>
#include <stdint.h>

#include <xcarp/carp.h>

#include "io/loop.h"

struct overheard;

struct overheard_advert {
	uint32_t ifindex;
	uint32_t source; /* network order, like group */
	uint32_t group;
	struct carp_header carp;
};

/* Returns whether it is one to wait for the next of: the pause is short then. */
typedef bool overheard_fn(void *ctx, const struct overheard_advert *advert, uint64_t now_ns);

/* NULL with errno set. */
struct overheard *overheard_new(struct loop *loop, overheard_fn *told, void *ctx);
void overheard_free(struct overheard *overheard);

/* When the pause ends; UINT64_MAX: there is none. */
uint64_t overheard_deadline(const struct overheard *overheard);
void overheard_timers(struct overheard *overheard, uint64_t now_ns);

#endif
