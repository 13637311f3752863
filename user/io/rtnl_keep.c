// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "rtnl_keep.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "io/rtnl_query.h"

/* What an interface has, as the kernel tells it. */
struct there {
	const struct nlmsghdr *message;
	struct vip vip;
	uint32_t network; /* network order; that of the other end on a point-to-point link */
	uint8_t scope;
	bool is_second;
	bool is_ours;
};

struct list {
	uint32_t ifindex;
	struct rtnl_requests messages;
	struct there *there;
	size_t count;
};

bool rtnl_requests_put(struct rtnl_requests *requests, const void *data, size_t len)
{
	size_t room = requests->room ? requests->room : 4096;
	char *grown;

	if (!len)
		return true;
	while (room - requests->len < len)
		room *= 2;
	if (room != requests->room) {
		grown = realloc(requests->data, room);
		if (!grown)
			return false;
		requests->data = grown;
		requests->room = room;
	}
	memcpy(requests->data + requests->len, data, len);
	requests->len += len;
	return true;
}

/* Asking. */

struct query {
	struct nlmsghdr header;
	struct ifaddrmsg address;
};

static int take_address(void *ctx, struct nlmsghdr *message)
{
	const struct ifaddrmsg *info = NLMSG_DATA(message);
	struct list *list = ctx;

	if (message->nlmsg_type != RTM_NEWADDR || info->ifa_index != list->ifindex)
		return 0;
	if (!rtnl_requests_put(&list->messages, message, NLMSG_ALIGN(message->nlmsg_len)))
		return -ENOMEM;
	list->count++;
	return 0;
}

static int ask(struct list *list)
{
	const struct query query = {
		.header = { .nlmsg_len = sizeof(query),
			    .nlmsg_type = RTM_GETADDR,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.address = { .ifa_family = AF_INET, .ifa_index = list->ifindex },
	};

	return rtnl_dump(&query.header, take_address, list);
}

static int read_list(struct list *list)
{
	int err = ask(list);
	size_t count = 0, at = 0;

	if (err)
		return err;
	list->there = calloc(list->count + 1, sizeof(*list->there));
	if (!list->there)
		return -ENOMEM;
	while (at < list->messages.len) {
		struct nlmsghdr *message = (struct nlmsghdr *)(list->messages.data + at);
		const struct ifaddrmsg *info = NLMSG_DATA(message);
		struct there *there = &list->there[count];
		uint32_t index;

		at += NLMSG_ALIGN(message->nlmsg_len);
		if (!rtnl_read_address(message, &there->vip, &index) || !rtnl_read_network(message, &there->network))
			continue;
		there->message = message;
		there->scope = info->ifa_scope;
		there->is_second = info->ifa_flags & IFA_F_SECONDARY;
		there->is_ours = rtnl_is_ours(message);
		count++;
	}
	list->count = count;
	return 0;
}

static void free_list(struct list *list)
{
	free(list->messages.data);
	free(list->there);
}

/* Who goes with whom. */

static bool is_removed(const struct there *there, const char *removals, size_t len, uint32_t ifindex)
{
	struct nlmsghdr *message;
	struct vip vip;
	uint32_t index;

	for (size_t at = 0; at < len; at += message->nlmsg_len) {
		message = (struct nlmsghdr *)(removals + at);
		if (rtnl_read_address(message, &vip, &index) && index == ifindex && vip_is_same(&vip, &there->vip))
			return true;
	}
	return false;
}

static bool goes_with(const struct there *there, const struct there *first)
{
	return there->is_second && there->vip.prefix_len == first->vip.prefix_len && there->network == first->network;
}

/* Its address is there with all 32 bits, too. */
static bool is_held(const struct list *list, const struct there *there)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->there[i].vip.prefix_len == 32 && !vip_compare(&list->there[i].vip, &there->vip))
			return true;
	return false;
}

struct request {
	struct nlmsghdr header;
	struct ifaddrmsg info;
	struct rtattr local_attr;
	uint8_t local[4];
	struct rtattr flags_attr;
	uint32_t flags;
	struct rtattr proto_attr;
	uint8_t proto;
	uint8_t padding[3];
};

/* The same address of a network of its own: as long as it is there, the routes that have it as their source stay. */
static bool put_stand_in(struct rtnl_requests *requests, uint16_t type, uint32_t ifindex, const struct there *there)
{
	struct request request = {
		.header = {
			.nlmsg_len = sizeof(request),
			.nlmsg_type = type,
			.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | (type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_EXCL : 0)),
		},
		.info = {
			.ifa_family = AF_INET,
			.ifa_prefixlen = 32,
			.ifa_scope = there->scope,
			.ifa_index = ifindex,
		},
		.local_attr = { .rta_len = RTA_LENGTH(sizeof(request.local)), .rta_type = IFA_LOCAL },
		.flags_attr = { .rta_len = RTA_LENGTH(sizeof(request.flags)), .rta_type = IFA_FLAGS },
		.flags = IFA_F_NOPREFIXROUTE,
		.proto_attr = { .rta_len = RTA_LENGTH(sizeof(request.proto)), .rta_type = RTNL_IFA_PROTO },
		.proto = RTNL_OUR_PROTO,
	};

	memcpy(request.local, there->vip.address, sizeof(request.local));
	return rtnl_requests_put(requests, &request, sizeof(request));
}

/* As it was told: with its flags, label, lifetimes and the rest. */
static bool put_back(struct rtnl_requests *requests, const struct there *there)
{
	size_t at = requests->len;
	struct nlmsghdr *header;

	if (!rtnl_requests_put(requests, there->message, NLMSG_ALIGN(there->message->nlmsg_len)))
		return false;
	header = (struct nlmsghdr *)(requests->data + at);
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL;
	header->nlmsg_seq = 0;
	header->nlmsg_pid = 0;
	return true;
}

struct kept {
	const struct there *there;
	bool has_stand_in;
};

static size_t find_kept(const struct list *list, const char *removals, size_t removals_len, struct kept *kept)
{
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct there *first = &list->there[i];

		if (first->is_second || first->vip.prefix_len > 31 ||
		    !is_removed(first, removals, removals_len, list->ifindex))
			continue;
		for (size_t j = 0; j < list->count; j++)
			if (goes_with(&list->there[j], first) &&
			    !is_removed(&list->there[j], removals, removals_len, list->ifindex))
				kept[count++].there = &list->there[j];
	}
	return count;
}

static int keep_on(const struct list *list, const char *removals, size_t removals_len, struct rtnl_requests *before,
		   struct rtnl_requests *after)
{
	struct kept *kept = calloc(list->count + 1, sizeof(*kept));
	size_t count = kept ? find_kept(list, removals, removals_len, kept) : 0;
	bool is_whole = kept;

	for (size_t i = 0; is_whole && i < count; i++) {
		kept[i].has_stand_in = !is_held(list, kept[i].there);
		if (kept[i].has_stand_in)
			is_whole = put_stand_in(before, RTM_NEWADDR, list->ifindex, kept[i].there);
	}
	for (int ours = 0; ours <= 1; ours++)
		for (size_t i = 0; is_whole && i < count; i++)
			if (kept[i].there->is_ours == ours)
				is_whole = put_back(after, kept[i].there);
	for (size_t i = 0; is_whole && i < count; i++)
		if (kept[i].has_stand_in)
			is_whole = put_stand_in(after, RTM_DELADDR, list->ifindex, kept[i].there);
	free(kept);
	return is_whole ? 0 : -ENOMEM;
}

int rtnl_keep(const char *removals, size_t removals_len, const uint32_t *ifindexes, unsigned int ifindex_count,
	      struct rtnl_requests *before, struct rtnl_requests *after)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < ifindex_count; i++) {
		struct list list = { .ifindex = ifindexes[i] };

		err = read_list(&list);
		/* It is gone, and all its addresses with it. */
		if (err == -ENODEV)
			err = 0;
		else if (!err)
			err = keep_on(&list, removals, removals_len, before, after);
		free_list(&list);
	}
	return err;
}
