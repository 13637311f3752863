/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Takes xcarpctl's requests on the owner's socket. Whoever connects is root, this process's own user, or a member of a
 * group; a request is one
 * packet and so is its answer. A client that says nothing holds up nobody: when too many do, the oldest has to go.
 */
#ifndef XCARP_IO_CONTROL_H
#define XCARP_IO_CONTROL_H

#include <sys/types.h>

#include <xcarp/abi.h>

#include "io/loop.h"

struct control;

struct control_events {
	void *ctx;
	/* Returns how many of the virtual routers were found. */
	uint32_t (*request)(void *ctx, enum xcarp_command command, const struct xcarp_request_vr *vrouters, uint32_t count,
			    uint64_t now_ns);
};

#define NO_GROUP ((gid_t)-1)

/* listen_fd stays its owner's; events must outlive it. NULL with errno set. */
struct control *control_new(struct loop *loop, int listen_fd, gid_t group, const struct control_events *events);
void control_free(struct control *control);

#endif
