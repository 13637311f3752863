// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Interfaces that were moved to another network namespace, and our program with them. From here it is out of reach: no request
 * goes to another namespace without its file. The script runner is asked to take it off there, for one interface after the other.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller.h"
#include "io/log.h"

#define MOVED "%s was moved to another network namespace"

static const char *reason(int err)
{
	switch (err) {
	case -ESRCH:
		return "no name in /run/netns leads there, and no process is in it";
	case -EACCES:
		return "no name in /run/netns leads there, and without CAP_SYS_PTRACE not all processes could be looked at";
	case -ENODEV:
		return "the interface was not there any more";
	case -ENOENT:
		return "libxdp has nothing pinned of its dispatcher";
	case -ECHILD:
		return "the script runner has died";
	}
	return strerror(-err);
}

/* Commands that do nothing where they find nothing. */
static void log_remedy(const struct move *move, int err)
{
	switch (move->hook) {
	case HOOK_TCX:
		log_warn(MOVED ", and the program is still there (%s): `xcarp --cleanup` in that namespace, or bpftool 7.5's "
			 "`bpftool net detach tcx_ingress dev %s`, takes it off", move->name, reason(err), move->name);
		break;
	case HOOK_XDP_GENERIC:
		log_warn(MOVED ", and the program is still there (%s): `ip link set dev %s xdpgeneric off` in that namespace takes it "
			 "off", move->name, reason(err), move->name);
		break;
	default:
		log_warn(MOVED ", and the program is still there (%s): `ip link set dev %s xdp off` in that namespace takes it off",
			 move->name, reason(err), move->name);
		break;
	}
}

static void log_result(const struct move *move, int result)
{
	if (result > 0)
		log_info(MOVED ": the program was taken off there", move->name);
	else if (!result || move->hook == HOOK_CLSACT)
		log_info(MOVED ": no program of ours is left on it", move->name);
	else
		log_remedy(move, result);
}

/* The first of them. */
static void end(struct controller *c, int result)
{
	struct move move = c->moves[0];

	memmove(c->moves, c->moves + 1, --c->move_count * sizeof(*c->moves));
	if (dataplane_moved_done(c->dataplane, move.ifindex))
		log_result(&move, result);
}

static void taken_off(void *ctx, int result);

static void ask(struct controller *c)
{
	while (c->move_count) {
		int err = scripts_take_off(c->scripts, &c->moves[0].there, taken_off, c);

		if (!err)
			return;
		end(c, err);
	}
}

static void taken_off(void *ctx, int result)
{
	struct controller *c = ctx;

	end(c, result);
	ask(c);
}

void moves_add(struct controller *c, const struct interface *interface, const struct rtnl_link *link)
{
	struct move *grown = reallocarray(c->moves, c->move_count + 1, sizeof(*grown)), *move;

	if (!grown)
		return;
	c->moves = grown;
	move = &grown[c->move_count];
	*move = (struct move){
		.there = { .nsid = link->new_nsid, .ifindex = link->new_ifindex },
		.ifindex = interface->link.ifindex,
	};
	snprintf(move->name, sizeof(move->name), "%s", interface->name);
	if (!dataplane_moved(c->dataplane, interface->link.ifindex, &move->there, &move->hook))
		return;
	if (!c->move_count++)
		ask(c);
}
