/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The controllers, as their sockets show them. */
#ifndef XCARP_CTL_OWNERS_H
#define XCARP_CTL_OWNERS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Connects to the socket of an owner, without waiting. Returns it, not blocking; -ECONNREFUSED: nobody listens; -EAGAIN:
 * its queue is full, so it lives but does not answer; -EPERM: who listens is neither root nor our own user; or another
 * -errno.
 */
int owner_connect(uint32_t index);

/* Does anybody listen in this network namespace? *pid: the first who does; 0: not to be seen from here. */
bool owners_any(unsigned int *pid);

enum owner_health {
	OWNER_DEAD,
	OWNER_STOPPED, /* by SIGSTOP or a debugger, or its queue is full: it lives, and does nothing */
	OWNER_RUNS,
};

/* Of the process that wrote pid into `owners`. As it sees its pid: it may be in another pid namespace. */
enum owner_health owner_health(uint32_t index, uint32_t pid);

#endif
