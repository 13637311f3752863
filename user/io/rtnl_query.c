// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "rtnl_query.h"

#include <errno.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX 32768 /* no link has so much to tell, without its statistics and virtual functions */

struct query {
	struct nlmsghdr header;
	struct ifinfomsg link;
	struct rtattr mask_attr;
	uint32_t mask;
};

/* 0: it is a link; or -errno. */
static int check_answer(const struct nlmsghdr *answer, size_t len)
{
	const struct nlmsgerr *error = NLMSG_DATA(answer);

	if (len > ANSWER_MAX || !NLMSG_OK(answer, len))
		return -EBADMSG;
	if (answer->nlmsg_type == NLMSG_ERROR)
		return answer->nlmsg_len >= NLMSG_LENGTH(sizeof(*error)) && error->error ? error->error : -EBADMSG;
	return answer->nlmsg_type == RTM_NEWLINK ? 0 : -EBADMSG;
}

/* The answer is there when the question has been sent. */
static int ask(int fd, const struct query *query, char answer[ANSWER_MAX])
{
	ssize_t n;

	if (send(fd, query, sizeof(*query), 0) < 0)
		return -errno;
	n = recv(fd, answer, ANSWER_MAX, MSG_DONTWAIT | MSG_TRUNC);
	return n < 0 ? -errno : check_answer((struct nlmsghdr *)answer, (size_t)n);
}

static int query_link(uint32_t ifindex, char answer[ANSWER_MAX])
{
	const struct query query = {
		.header = { .nlmsg_len = sizeof(query), .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST },
		.link = { .ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex },
		.mask_attr = { .rta_len = RTA_LENGTH(sizeof(query.mask)), .rta_type = IFLA_EXT_MASK },
		.mask = RTEXT_FILTER_SKIP_STATS,
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), err;

	if (fd < 0)
		return -errno;
	err = ask(fd, &query, answer);
	close(fd);
	return err;
}

int rtnl_query_programs(uint32_t ifindex, struct rtnl_programs *programs)
{
	_Alignas(struct nlmsghdr) char answer[ANSWER_MAX];
	int err = query_link(ifindex, answer);

	if (err)
		return err;
	return rtnl_read_programs((struct nlmsghdr *)answer, programs) ? 0 : -EBADMSG;
}

int rtnl_query_carrier(uint32_t ifindex, bool *has_carrier)
{
	_Alignas(struct nlmsghdr) char answer[ANSWER_MAX];
	int err = query_link(ifindex, answer);

	if (err)
		return err;
	return rtnl_read_carrier((struct nlmsghdr *)answer, has_carrier) ? 0 : -EBADMSG;
}

struct filter_query {
	struct nlmsghdr header;
	struct tcmsg tc;
};

/* A dump: it ends with NLMSG_DONE, and its first message is that where there is nothing. */
static bool has_filters_at(int fd, uint32_t ifindex, uint32_t parent)
{
	const struct filter_query query = {
		.header = { .nlmsg_len = sizeof(query), .nlmsg_type = RTM_GETTFILTER, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.tc = { .tcm_family = AF_UNSPEC, .tcm_ifindex = (int)ifindex, .tcm_parent = parent },
	};
	_Alignas(struct nlmsghdr) char answer[ANSWER_MAX];
	const struct nlmsghdr *first = (const struct nlmsghdr *)answer;
	ssize_t n;

	if (send(fd, &query, sizeof(query), 0) < 0)
		return true;
	n = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
	return n < (ssize_t)sizeof(*first) || first->nlmsg_type != NLMSG_DONE;
}

/* A socket each: where there are many, the rest of a dump stays in the first one. */
static bool has_filters(uint32_t ifindex, uint32_t parent)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	bool has = fd < 0 || has_filters_at(fd, ifindex, parent);

	if (fd >= 0)
		close(fd);
	return has;
}

bool rtnl_has_filters(uint32_t ifindex)
{
	return has_filters(ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)) ||
	       has_filters(ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS));
}

/* Lists. */

/* 1: the end of the list. */
static int take_all(struct nlmsghdr *message, size_t len, rtnl_take *take, void *ctx)
{
	int err = 0;

	for (; !err && NLMSG_OK(message, len); message = NLMSG_NEXT(message, len)) {
		const struct nlmsgerr *error = NLMSG_DATA(message);

		if (message->nlmsg_type == NLMSG_DONE)
			return 1;
		if (message->nlmsg_type == NLMSG_ERROR)
			return error->error < 0 ? error->error : -EBADMSG;
		err = take(ctx, message);
	}
	return err;
}

/* The kernel goes on with the list whenever some of it has been read, so that there is always something. */
static int receive_list(int fd, rtnl_take *take, void *ctx)
{
	_Alignas(struct nlmsghdr) char answer[ANSWER_MAX];
	int err = 0;

	while (!err) {
		ssize_t n = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		err = n < 0 ? -errno : take_all((struct nlmsghdr *)answer, (size_t)n, take, ctx);
	}
	return err == 1 ? 0 : err;
}

int rtnl_dump(const struct nlmsghdr *query, rtnl_take *take, void *ctx)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), one = 1, err;

	if (fd < 0)
		return -errno;
	/* The request may name an interface; a kernel that does not know this tells of all. */
	setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
	err = send(fd, query, query->nlmsg_len, 0) < 0 ? -errno : receive_list(fd, take, ctx);
	close(fd);
	return err;
}
