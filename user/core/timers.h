/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One deadline for each of many ids, at the same small cost however many there are: arming, moving, cancelling and taking
 * one out search nothing and allocate nothing. Knows no clock.
 */
#ifndef XCARP_CORE_TIMERS_H
#define XCARP_CORE_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

#define TIMERS_NEVER UINT64_MAX

struct timers;

/* Room for ids 0 to capacity - 1. NULL where memory is short. */
struct timers *timers_new(uint32_t capacity);
/* Makes room for more; false where memory is short. */
bool timers_grow(struct timers *timers, uint32_t capacity);
void timers_free(struct timers *timers);

/* Sets id's deadline; TIMERS_NEVER cancels it. */
void timers_arm(struct timers *timers, uint32_t id, uint64_t deadline_ns);

/* The earliest deadline, TIMERS_NEVER where there is none. */
uint64_t timers_next(struct timers *timers);

/*
 * Takes one that is due at now_ns out; again and again, it takes all. Those that lie within a ten-thousandth of a second of
 * each other, or were in the past when they were armed, come in no certain order, all others as they are due.
 */
bool timers_pop(struct timers *timers, uint64_t now_ns, uint32_t *id);

#endif
