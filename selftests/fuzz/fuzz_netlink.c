// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A datagram of rtnetlink, taken apart as libnl does it before the controller is called. */
#include "fuzz.h"

#include <linux/rtnetlink.h>
#include <netlink/msg.h>

#include <xcarp/abi.h>

#include "io/rtnl_message.h"

static void check_vip(const struct vip *vip)
{
	char text[VIP_TEXT_LEN];

	EXPECT(vip->ip_version == 4 || vip->ip_version == 6);
	EXPECT(strlen(vip_format(vip, true, text)) < sizeof(text));
}

static void take_link(struct nlmsghdr *message)
{
	struct rtnl_programs programs;
	struct rtnl_link link;

	if (rtnl_read_link(message, &link))
		EXPECT(strlen(link.name) < XCARP_IFNAME_LEN);
	rtnl_read_programs(message, &programs);
}

static void take_address(struct nlmsghdr *message)
{
	struct vip vip;
	uint32_t ifindex;

	if (rtnl_read_address(message, &vip, &ifindex))
		check_vip(&vip);
}

static void take_refusal(struct nlmsghdr *message)
{
	struct rtnl_refusal refusal;

	if (!rtnl_read_refusal(message, &refusal))
		return;
	EXPECT(refusal.error < 0 && strerror(-refusal.error));
	check_vip(&refusal.vip);
}

/* Alone in its memory: nothing after its end is its own. */
static void take_message(const struct nlmsghdr *at)
{
	struct nlmsghdr *message = fuzz_copy(at, at->nlmsg_len);

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		take_link(message);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		take_address(message);
		break;
	case NLMSG_ERROR:
		take_refusal(message);
		break;
	}
	free(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct nlmsghdr *datagram = fuzz_copy(bytes, len);
	int left = (int)len;

	for (struct nlmsghdr *at = datagram; nlmsg_ok(at, left); at = nlmsg_next(at, &left))
		take_message(at);
	free(datagram);
	return 0;
}
