/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One deadline for each of many ids: a 4-ary heap with a place for every id, so that moving or cancelling a
 * deadline needs no search and no allocation. Knows no clock.
 */
#ifndef XCARP_CORE_TIMERS_H
#define XCARP_CORE_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

#define TIMERS_NEVER UINT64_MAX

struct timers;

/* Room for ids 0 to capacity - 1. NULL where memory is short. */
struct timers *timers_new(uint32_t capacity);
void timers_free(struct timers *timers);

/* Sets id's deadline; TIMERS_NEVER cancels it. */
void timers_arm(struct timers *timers, uint32_t id, uint64_t deadline_ns);

/* The earliest deadline, TIMERS_NEVER where there is none. */
uint64_t timers_next(const struct timers *timers);

/* Takes the earliest deadline out if it is due at now_ns. Ids with equal deadlines come in no certain order. */
bool timers_pop(struct timers *timers, uint64_t now_ns, uint32_t *id);

#endif
