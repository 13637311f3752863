// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Tells when the kernel of a host has taken the last of many addresses. See commands.h for how it is asked.
 *
 *	addresses
 *
 *	reset			begins anew
 *	await N SECONDS		until there are N new ones
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "commands.h"

#define RECEIVE_BUFFER (64 << 20) /* room for all of them, should we be late */

struct addresses {
	int socket_fd;
	unsigned int added;
	uint64_t last_ns;
};

static void take(struct addresses *addresses)
{
	static char buffer[1 << 16];
	ssize_t len;

	while ((len = recv(addresses->socket_fd, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0) {
		size_t rest = (size_t)len;

		for (struct nlmsghdr *message = (struct nlmsghdr *)(void *)buffer; NLMSG_OK(message, rest);
		     message = NLMSG_NEXT(message, rest)) {
			if (message->nlmsg_type != RTM_NEWADDR)
				continue;
			addresses->added++;
			addresses->last_ns = now_ns();
		}
	}
	if (len < 0 && errno != EAGAIN)
		die("netlink");
}

static void reset(void *ctx, char **words, int count)
{
	struct addresses *addresses = ctx;

	(void)words;
	(void)count;
	take(addresses);
	addresses->added = 0;
	printf("ok=1");
}

static void await(void *ctx, char **words, int count)
{
	struct addresses *addresses = ctx;
	unsigned int wanted = (unsigned int)atoi(words[1]);
	uint64_t end_ns = now_ns() + (uint64_t)(atof(words[2]) * 1e9);
	struct pollfd fd = { .fd = addresses->socket_fd, .events = POLLIN };

	(void)count;
	while (addresses->added < wanted && now_ns() < end_ns) {
		if (poll(&fd, 1, 10) > 0)
			take(addresses);
	}
	printf("added=%u last_ns=%llu", addresses->added, (unsigned long long)addresses->last_ns);
}

static const struct command commands[] = { { "reset", reset, 1 }, { "await", await, 3 }, { 0 } };

int main(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV4_IFADDR };
	struct addresses addresses = { .socket_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE) };
	int size = RECEIVE_BUFFER;

	if (addresses.socket_fd < 0 || bind(addresses.socket_fd, (struct sockaddr *)&address, sizeof(address)) ||
	    setsockopt(addresses.socket_fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		die("netlink");
	for (;;) {
		struct pollfd fds[] = {
			{ .fd = STDIN_FILENO, .events = POLLIN },
			{ .fd = addresses.socket_fd, .events = POLLIN },
		};

		if (poll(fds, 2, -1) < 0)
			die("poll");
		if (fds[1].revents)
			take(&addresses);
		if (fds[0].revents && !commands_run(commands, &addresses))
			return 0;
	}
}
