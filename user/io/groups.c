// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "groups.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/table.h"

/* Of an interface in a group: shared by the virtual routers there. */
struct membership {
	uint32_t ifindex;
	uint32_t group; /* network order */
	uint32_t users;
	int fd;
};

struct groups {
	struct membership *memberships;
	uint32_t count;
	struct table *numbers; /* of the memberships, by interface and group */
};

struct groups *groups_new(void)
{
	struct groups *groups = calloc(1, sizeof(*groups));

	if (!groups)
		return NULL;
	groups->numbers = table_new(0);
	if (groups->numbers)
		return groups;
	free(groups);
	return NULL;
}

void groups_free(struct groups *groups)
{
	if (!groups)
		return;
	for (uint32_t i = 0; i < groups->count; i++)
		close(groups->memberships[i].fd);
	table_free(groups->numbers);
	free(groups->memberships);
	free(groups);
}

static uint32_t hash_of(uint32_t ifindex, uint32_t group)
{
	return table_hash(table_hash(0, &ifindex, sizeof(ifindex)), &group, sizeof(group));
}

static uint32_t hash_of_number(const struct groups *groups, uint32_t number)
{
	return hash_of(groups->memberships[number].ifindex, groups->memberships[number].group);
}

static struct membership *find(const struct groups *groups, uint32_t ifindex, uint32_t group)
{
	const struct table *numbers = groups->numbers;

	for (uint32_t at = table_first(numbers, hash_of(ifindex, group)); at != TABLE_NONE; at = table_next(numbers, at)) {
		struct membership *membership = &groups->memberships[table_number(numbers, at)];

		if (membership->ifindex == ifindex && membership->group == group)
			return membership;
	}
	return NULL;
}

/* A socket each: the kernel allows only a few memberships a socket, and closing it ends one on an interface that is gone. */
static int open_membership(uint32_t ifindex, uint32_t group)
{
	struct ip_mreqn request = { .imr_multiaddr.s_addr = group, .imr_ifindex = (int)ifindex };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	if (!setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* Doubled at powers of two. */
static int make_room(struct groups *groups)
{
	uint32_t count = groups->count;
	struct membership *grown = groups->memberships;

	if (!(count & (count - 1)))
		grown = reallocarray(grown, count ? 2 * (size_t)count : 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	groups->memberships = grown;
	return 0;
}

int groups_join(struct groups *groups, uint32_t ifindex, uint32_t group)
{
	struct membership *membership = find(groups, ifindex, group);
	int err, fd;

	if (membership) {
		membership->users++;
		return 0;
	}
	err = make_room(groups);
	if (err)
		return err;
	fd = open_membership(ifindex, group);
	if (fd < 0)
		return fd;
	if (!table_put(groups->numbers, hash_of(ifindex, group), groups->count)) {
		close(fd);
		return -ENOMEM;
	}
	groups->memberships[groups->count++] =
		(struct membership){ .ifindex = ifindex, .group = group, .users = 1, .fd = fd };
	return 0;
}

/* The last one takes its place. */
static void take_out(struct groups *groups, uint32_t number)
{
	uint32_t last = groups->count - 1;

	table_remove(groups->numbers, hash_of_number(groups, number), number);
	if (number != last) {
		table_remove(groups->numbers, hash_of_number(groups, last), last);
		groups->memberships[number] = groups->memberships[last];
		/* Two nodes have just become free. */
		table_put(groups->numbers, hash_of_number(groups, number), number);
	}
	groups->count--;
}

void groups_leave(struct groups *groups, uint32_t ifindex, uint32_t group)
{
	struct membership *membership = find(groups, ifindex, group);

	if (!membership || --membership->users)
		return;
	close(membership->fd);
	take_out(groups, (uint32_t)(membership - groups->memberships));
}
