/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Up and down scripts: started, watched and, when they hang, killed, never waited for. For one virtual router they run
 * in order and one at a time; of what was asked for while one runs or waits, only the last is run. What runs them is another
 * process, the runner: this one asks it to.
 */
#ifndef XCARP_IO_SCRIPTS_H
#define XCARP_IO_SCRIPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/options.h"
#include "engine/engine.h"
#include "io/loop.h"
#include "io/runner.h"

struct scripts;

/* One has run, or could not be, and no other one of its slot is to come. */
typedef void scripts_ended(void *ctx, uint32_t slot, enum script_kind kind);

/* capacity: virtual routers. The runner is taken over. NULL where memory is short. */
struct scripts *scripts_new(struct loop *loop, const struct runner *runner, uint32_t capacity, scripts_ended *ended, void *ctx);

/* Kills what still runs, and ends the runner. */
void scripts_free(struct scripts *scripts);

/* Makes room for more; false where memory is short. */
bool scripts_grow(struct scripts *scripts, uint32_t capacity);

/* Which scripts slot has from now on; options must stay until the next one or scripts_unset(). Returns 0 or -ENOMEM. */
int scripts_set(struct scripts *scripts, uint32_t slot, const struct vr_options *options);

/* One of this slot runs or waits to: scripts_unset() has to wait. */
bool scripts_slot_busy(const struct scripts *scripts, uint32_t slot);
void scripts_unset(struct scripts *scripts, uint32_t slot);

/* Runs FILE INTERFACE VIP [XPARAM], at once or after the one that runs. A kind without a script is nothing to do. */
void scripts_run(struct scripts *scripts, uint32_t slot, enum script_kind kind, uint64_t now_ns);

/* Kills those whose time is over, and starts those that wait: only so many are started at once, and run. */
void scripts_timers(struct scripts *scripts, uint64_t now_ns);

/* When scripts_timers() is to be called next; UINT64_MAX: not for now. */
uint64_t scripts_deadline(const struct scripts *scripts);

/*
 * Has the runner read the file again, before what is new there may be run; done is called from the loop, with 0 or -errno.
 * scripts_keep() is due then: is the new list the one that counts from now on, or the old one? Returns 0 or -errno; then
 * done is not called.
 */
typedef void scripts_read_done(void *ctx, int error, uint64_t now_ns);
int scripts_read(struct scripts *scripts, scripts_read_done *done, void *ctx);
bool scripts_reading(const struct scripts *scripts);
void scripts_keep(struct scripts *scripts, bool is_new);

/*
 * Has the runner take our program off an interface that was moved to another network namespace; one at a time. done is called
 * from the loop, with what moved_take_off() returned, or -errno. Returns 0 or -errno; then done is not called.
 */
typedef void scripts_taken_off(void *ctx, int result);
int scripts_take_off(struct scripts *scripts, const struct moved *moved, scripts_taken_off *done, void *ctx);

/* As process_detach(), for the runner. */
void scripts_detach(struct scripts *scripts, bool leave_directory);

/* Something runs or waits to. */
bool scripts_busy(const struct scripts *scripts);

#endif
