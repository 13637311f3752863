/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The process that runs scripts, with the privileges that xcarp was started with, so that the one that talks to the network
 * can do without. It runs what the configuration says and nothing else: what the plan had when it was started, and what it
 * has read itself since. It also takes our program off interfaces that were moved to another network namespace, see
 * take_off.h. It ends with the controller.
 */
#ifndef XCARP_RUNNER_H
#define XCARP_RUNNER_H

#include "io/runner.h"
#include "plan.h"
#include "take_off.h"

/*
 * Starts it. Call it with the plan that is about to be carried out, in a process of one thread and before that grows. options
 * and argv must not change any more. work: as of take_off_init(). Returns 0 or -errno.
 */
int runner_start(struct runner *runner, const struct options *options, struct plan *plan, take_off_work *work);

#endif
