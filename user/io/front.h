/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * XDP in front of the tc hook, while a flood lasts. Drivers take milliseconds to attach a program, and the kernel's lock of
 * interfaces may be another's meanwhile: so it is a thread that waits, one for each change.
 */
#ifndef XCARP_IO_FRONT_H
#define XCARP_IO_FRONT_H

#include <stdbool.h>
#include <stdint.h>

#include "io/loop.h"
#include "io/program.h"

struct front;

/* program must outlive it. NULL: it cannot be had. */
struct front *front_new(struct loop *loop, const struct program *program, uint32_t owner,
			void (*done)(void *ctx, uint32_t ifindex, bool in_front, int err), void *ctx);

/* False: the one before is not done yet, or no thread can be had. */
bool front_ask(struct front *front, uint32_t ifindex, const char *name, bool in_front);

/* Waits for the change under way; done is not called for it. */
void front_free(struct front *front);

#endif
