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

static const char *reason(const struct move *move, int err)
{
	switch (err) {
	case -ESRCH:
		return "no name in /run/netns leads there, and no process is in it";
	case -EACCES:
		return "no name in /run/netns leads there, and not all processes may be looked at, which takes CAP_SYS_PTRACE";
	case -ENODEV:
		return "it has gone on from there, or was removed";
	case -ENOENT:
		return move->there.in_dispatcher ? "libxdp has no pins of that dispatcher" : "the program was not to be had";
	case -ETIMEDOUT:
		return "it took too long";
	case -ECHILD:
		return "the script runner has died";
	}
	return strerror(-err);
}

/* Of ip's two the wrong one would do nothing, and not say so. */
static void log_remedy(const struct move *move, int err)
{
	char command[128];

	if (move->hook == HOOK_TCX)
		snprintf(command, sizeof(command),
			 "`xcarp --cleanup`, or `bpftool net detach tcx_ingress dev %s` of bpftool 7.5,", move->name);
	else
		snprintf(command, sizeof(command), "`ip link set dev %s %s off`", move->name,
			 move->hook == HOOK_XDP_GENERIC ? "xdpgeneric" : "xdp");
	/* A dispatcher's part ends with its pins, which are removed either way. */
	log_warn(MOVED ", and %s could not be taken off there: %s; %s in that namespace does it", move->name,
		 move->there.in_dispatcher ? "what is left of libxdp's dispatcher" : "the program", reason(move, err), command);
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

/* It came back, and went again. */
static bool is_waiting(const struct controller *c, uint32_t ifindex)
{
	for (uint32_t i = 0; i < c->move_count; i++)
		if (c->moves[i].there.old_ifindex == ifindex)
			return true;
	return false;
}

/* The first of them. */
static void end(struct controller *c, int result)
{
	struct move move = c->moves[0];

	memmove(c->moves, c->moves + 1, --c->move_count * sizeof(*c->moves));
	if (!is_waiting(c, move.there.old_ifindex) && dataplane_moved_done(c->dataplane, move.there.old_ifindex))
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

	if (!grown) {
		log_error(MOVED ", and the program stays on it: %s", interface->name, strerror(ENOMEM));
		return;
	}
	c->moves = grown;
	move = &grown[c->move_count];
	*move = (struct move){
		.there = { .nsid = link->new_nsid, .ifindex = link->new_ifindex, .old_ifindex = interface->link.ifindex },
	};
	snprintf(move->name, sizeof(move->name), "%s", interface->name);
	if (!dataplane_moved(c->dataplane, interface->link.ifindex, &move->there, &move->hook))
		return;
	if (!c->move_count++)
		ask(c);
}
