/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Up and down scripts: started, watched and, when they hang, killed, never waited for. For one virtual router they run
 * in order and one at a time; of what was asked for while one runs, only the last is run after it.
 */
#ifndef XCARP_IO_SCRIPTS_H
#define XCARP_IO_SCRIPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/options.h"
#include "engine.h"
#include "io/loop.h"

struct scripts;

/* capacity: virtual routers. NULL where memory is short. */
struct scripts *scripts_new(struct loop *loop, uint32_t capacity);

/* Kills what still runs. */
void scripts_free(struct scripts *scripts);

/* Which scripts slot has; options must outlive it. */
void scripts_set(struct scripts *scripts, uint32_t slot, const struct vr_options *options);

/* Runs FILE INTERFACE VIP [XPARAM], at once or after the one that runs. A kind without a script is nothing to do. */
void scripts_run(struct scripts *scripts, uint32_t slot, enum script_kind kind, uint64_t now_ns);

/* Kills those whose time is over. */
void scripts_timers(struct scripts *scripts, uint64_t now_ns);

/* When scripts_timers() is to be called next; UINT64_MAX: not for now. */
uint64_t scripts_deadline(const struct scripts *scripts);

/* Something runs or waits to. */
bool scripts_busy(const struct scripts *scripts);

#endif
