/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a list of virtual routers, read for the first time or anew, changes against what runs. Making a plan changes
 * nothing and logs nothing, so that it can be done in a thread of its own; carrying it out is up to who asked for it.
 */
#ifndef XCARP_PLAN_H
#define XCARP_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xcarp/abi.h>
#include <xcarp/carp.h>

#include "core/config.h"
#include "core/options.h"
#include "io/host.h"

/* One virtual router to add or to change. */
struct plan_vr {
	struct vr_options *options; /* as vr_options_copy() makes them; its interface has a name */
	const struct carp_key *key; /* in the plan's keys; NULL: a change that keeps its key */
	uint32_t index; /* a change: of what runs */
	uint32_t line;
	const char *file; /* NULL: the command line */
};

struct plan_message {
	int priority; /* LOG_* */
	char *line; /* with `file:line: ` first, where it is about one */
};

/*
 * Who carries a plan out may take over options, and keys as a whole: plan_free() leaves alone what is NULL by then. The
 * names of files last as long as the plan.
 */
struct plan {
	struct plan_vr *adds; /* in the order of the files */
	uint32_t add_count;
	struct plan_vr *changes;
	uint32_t change_count;
	uint32_t *removes; /* indexes of what runs, ascending */
	uint32_t remove_count;
	uint32_t unchanged;
	struct carp_key *keys; /* guarded memory; NULL: no new ones */
	uint32_t key_count;
	struct plan_message *messages; /* to be logged, in this order */
	size_t message_count;
	char *list; /* with options->lists: the virtual routers as they are understood, a line each */
	bool failed; /* there were errors, and nothing is to be changed */
	uint32_t waits_for; /* an address, network order, that no interface holds: nothing is to be changed yet; 0: none */
	struct config config; /* by now only the names of its files */
};

/* What runs; its index is its place in the array. */
struct plan_running {
	const struct vr_options *options; /* NULL: the index is not in use */
	const struct carp_key *key;
};

/*
 * Reads the file of options->config and what it includes, or takes the one virtual router of the command line. Finds
 * interfaces by their source address, reads passwords and key files, prepares keys (a tenth of a second and 64 MiB for each
 * password that strong keys are made of), checks scripts, and the interfaces of virtual routers
 * that do not run yet: what runs may be without its interface for the time being. With options->check nothing of the host
 * matters but files and passwords.
 *
 * running may be NULL where running_count is 0. May wait for a slow or hung file system. Uses nothing that another thread
 * changes, if options, running and what they point to stay as they are meanwhile. No password is left in memory, but the
 * command line's.
 *
 * With options->wait, a virtual router may be new whose interface is not there. Where it has no name either, and nothing
 * runs yet, the plan as a whole waits for its address.
 *
 * Returns 0, -EAGAIN with plan->waits_for set, or -EINVAL with plan->failed set and every error in the messages. plan_free() is
 * due either way.
 */
typedef int plan_maker(struct plan *plan, const struct options *options, const struct plan_running *running,
		       uint32_t running_count);
plan_maker plan_make;

/*
 * The list alone, all of it as additions, for who neither needs keys nor touches the host. No password is read, no key made,
 * and nothing checked but the lines themselves. What runs only helps to find interfaces by their addresses.
 */
plan_maker plan_list;

/* The same on a host that is known already. */
int plan_make_on(const struct host *host, struct plan *plan, const struct options *options,
		 const struct plan_running *running, uint32_t running_count);

void plan_free(struct plan *plan);

#endif
