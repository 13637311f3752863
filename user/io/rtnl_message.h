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

/*
 * All addresses of ours bear this protocol, which `ip address` shows from iproute2 6.15 on: CARP's number among IP's protocols.
 * Linux 5.18 and newer keep it; older ones tell of none.
 */
#define RTNL_OUR_PROTO 112
#define RTNL_IFA_PROTO 11 /* IFA_PROTO, which old headers lack */

/* Of RTM_NEWADDR and RTM_DELADDR: the protocol; 0: none, or the kernel tells of none. */
uint8_t rtnl_read_proto(struct nlmsghdr *message);

static inline bool rtnl_is_ours(struct nlmsghdr *message)
{
	return rtnl_read_proto(message) == RTNL_OUR_PROTO;
}

/* Of the same, IPv4: its network, which on a point-to-point link is the other end's. */
bool rtnl_read_network(struct nlmsghdr *message, uint32_t *network);

/* Of RTM_NEWADDR: another IPv4 address of its network was there before, which is the source of what is sent there. */
bool rtnl_is_second_address(const struct nlmsghdr *message);

/* It has just come. Whoever has its address by DHCP prolongs it again and again, which is told alike. */
bool rtnl_is_new_address(struct nlmsghdr *message);

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
