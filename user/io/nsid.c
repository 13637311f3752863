// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "nsid.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

struct search {
	int32_t nsid;
	int netlink;
	int fd; /* what was found; -1: nothing yet */
	bool is_denied; /* one could not be looked at */
};

struct query {
	struct nlmsghdr header;
	struct rtgenmsg message;
	_Alignas(RTA_ALIGNTO) struct rtattr attr;
	uint32_t fd;
};

/* Returns false where the file is no network namespace. */
static bool read_number(struct nlmsghdr *answer, size_t len, int32_t *nsid)
{
	static struct nla_policy policy[NETNSA_MAX + 1] = {
		[NETNSA_NSID] = { .type = NLA_U32 },
	};
	struct nlattr *attrs[NETNSA_MAX + 1];

	if (!nlmsg_ok(answer, (int)len) || answer->nlmsg_type != RTM_NEWNSID ||
	    nlmsg_parse(answer, sizeof(struct rtgenmsg), attrs, NETNSA_MAX, policy) < 0 || !attrs[NETNSA_NSID])
		return false;
	*nsid = (int32_t)nla_get_u32(attrs[NETNSA_NSID]);
	return true;
}

/* The kernel gives no number to one that has none. */
static bool is_it(const struct search *search, int fd)
{
	const struct query query = {
		.header = { .nlmsg_len = sizeof(query), .nlmsg_type = RTM_GETNSID, .nlmsg_flags = NLM_F_REQUEST },
		.message = { .rtgen_family = AF_UNSPEC },
		.attr = { .rta_len = RTA_LENGTH(sizeof(query.fd)), .rta_type = NETNSA_FD },
		.fd = (uint32_t)fd,
	};
	_Alignas(struct nlmsghdr) char answer[512];
	int32_t nsid;
	ssize_t n;

	if (send(search->netlink, &query, sizeof(query), 0) < 0)
		return false;
	n = recv(search->netlink, answer, sizeof(answer), MSG_DONTWAIT);
	return n > 0 && read_number((struct nlmsghdr *)answer, (size_t)n, &nsid) && nsid == search->nsid;
}

/* Whatever lies in a directory of names: nothing is waited for. */
static void look_at(struct search *search, int dir_fd, const char *path)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		search->is_denied |= errno == EACCES || errno == EPERM;
	else if (is_it(search, fd))
		search->fd = fd;
	else
		close(fd);
}

static void look_at_name(struct search *search, int dir_fd, const char *name)
{
	if (*name != '.')
		look_at(search, dir_fd, name);
}

static void look_at_process(struct search *search, int dir_fd, const char *process)
{
	char path[32];

	if (!isdigit((unsigned char)*process))
		return;
	snprintf(path, sizeof(path), "%.20s/ns/net", process);
	look_at(search, dir_fd, path);
}

static void look_through(struct search *search, const char *directory,
			 void (*look)(struct search *search, int dir_fd, const char *entry))
{
	DIR *stream = search->fd < 0 ? opendir(directory) : NULL;
	struct dirent *entry;

	if (!stream)
		return;
	while (search->fd < 0 && (entry = readdir(stream)))
		look(search, dirfd(stream), entry->d_name);
	closedir(stream);
}

int nsid_open(int32_t nsid)
{
	struct search search = { .nsid = nsid, .fd = -1 };

	/* NETNSA_NSID_NOT_ASSIGNED, as with one that was just ending. */
	if (nsid < 0)
		return -ESRCH;
	search.netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (search.netlink < 0)
		return -errno;
	look_through(&search, "/run/netns", look_at_name);
	look_through(&search, "/run/docker/netns", look_at_name);
	look_through(&search, "/proc", look_at_process);
	close(search.netlink);
	if (search.fd >= 0)
		return search.fd;
	return search.is_denied ? -EACCES : -ESRCH;
}
