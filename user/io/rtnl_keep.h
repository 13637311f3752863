/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An IPv4 address that is the first of its network on an interface takes the others of that network with it when it goes,
 * unless promote_secondaries is on. Where that cannot be set, what would go is put back in the same breath.
 */
#ifndef XCARP_IO_RTNL_KEEP_H
#define XCARP_IO_RTNL_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Requests, one after the other, as they are to be sent. */
struct rtnl_requests {
	char *data;
	size_t len;
	size_t room;
};

/*
 * removals: RTM_DELADDR requests. Appends to before what is to be asked for before them, and to after what is to be asked for
 * after them, so that everything else stays on these interfaces: addresses with all their attributes, first those that are not
 * ours, and the routes that have them as their source. Returns 0, or -errno: what could not be found out is not kept.
 */
int rtnl_keep(const char *removals, size_t removals_len, const uint32_t *ifindexes, unsigned int ifindex_count,
	      struct rtnl_requests *before, struct rtnl_requests *after);

/* Appends; false where memory is short. */
bool rtnl_requests_put(struct rtnl_requests *requests, const void *data, size_t len);

#endif
