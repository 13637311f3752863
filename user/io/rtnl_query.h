/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel answers at once about one link. */
#ifndef XCARP_IO_RTNL_QUERY_H
#define XCARP_IO_RTNL_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "io/rtnl_message.h"

/* The XDP programs of one interface. Returns 0 or -errno. libbpf's query has the kernel tell of all interfaces there are. */
int rtnl_query_programs(uint32_t ifindex, struct rtnl_programs *programs);

/* Is there any filter in its clsact? Not to know counts as yes. */
bool rtnl_has_filters(uint32_t ifindex);

/* Its carrier, whatever its administrator has said. Returns 0 or -errno. */
int rtnl_query_carrier(uint32_t ifindex, bool *has_carrier);

/*
 * Asks for a list by the request in query, and has take() each message of the answer. Returns 0, -errno, or what take() returned
 * if that was not 0: then it was the last.
 */
typedef int rtnl_take(void *ctx, struct nlmsghdr *message);
int rtnl_dump(const struct nlmsghdr *query, rtnl_take *take, void *ctx);

#endif
