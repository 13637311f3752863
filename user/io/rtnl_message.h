/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is in a message of rtnetlink. A message's own nlmsg_len bytes are looked at and none after them. */
#ifndef XCARP_IO_RTNL_MESSAGE_H
#define XCARP_IO_RTNL_MESSAGE_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>

#include "io/rtnl.h"

/* Of RTM_NEWLINK and RTM_DELLINK; the name lies in the message. False where it tells of no link. */
bool rtnl_read_link(struct nlmsghdr *message, struct rtnl_link *link);

/* Of RTM_NEWADDR and RTM_DELADDR. False where it holds no address of a family that we know. */
bool rtnl_read_address(struct nlmsghdr *message, struct vip *vip, uint32_t *ifindex);

/* Of RTM_NEWADDR: it has just come, and another IPv4 address of its network was there before, which is the source of what is sent there. */
bool rtnl_is_second_address(struct nlmsghdr *message);

/* Of RTM_NEWLINK. False where it tells of no link. */
bool rtnl_read_programs(struct nlmsghdr *message, struct rtnl_programs *programs);
bool rtnl_read_carrier(struct nlmsghdr *message, bool *has_carrier);

/* A request about an address that the kernel did not carry out. */
struct rtnl_refusal {
	bool is_addition;
	uint32_t slot;
	uint32_t ifindex;
	struct vip vip;
	int error; /* -errno */
};

/* Of NLMSG_ERROR, which carries the request. */
bool rtnl_read_refusal(struct nlmsghdr *message, struct rtnl_refusal *refusal);

#endif
