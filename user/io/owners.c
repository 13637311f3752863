// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "owners.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <xcarp/abi.h>

static int open_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

static socklen_t name_owner(struct sockaddr_un *name, uint32_t index)
{
	*name = (struct sockaddr_un){ .sun_family = AF_UNIX };
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			   (size_t)snprintf(name->sun_path + 1, sizeof(name->sun_path) - 1, "xcarp/%u", index));
}

int owner_listen(uint32_t index)
{
	struct sockaddr_un name;
	socklen_t len = name_owner(&name, index);
	int fd = open_socket(), err;

	if (fd < 0)
		return fd;
	if (!bind(fd, (const struct sockaddr *)&name, len) && !listen(fd, SOMAXCONN))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* Anybody may take an abstract name: only root or our own user can be an owner. */
static bool is_ours(int fd, pid_t *pid)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return false;
	*pid = peer.pid;
	return peer.uid == 0 || peer.uid == geteuid();
}

bool owner_lives(uint32_t index, pid_t *pid)
{
	struct sockaddr_un name;
	socklen_t len = name_owner(&name, index);
	int fd = open_socket();
	bool lives;

	if (fd < 0)
		return true;
	if (!connect(fd, (const struct sockaddr *)&name, len))
		lives = is_ours(fd, pid);
	else
		/*
		 * EAGAIN: somebody listens but takes no connections, so there is no telling who. Then the process id
		 * counts, as it was written down: gone is gone, and anything else is left alone.
		 */
		lives = errno == EAGAIN && *pid && (!kill(*pid, 0) || errno == EPERM);
	close(fd);
	return lives;
}

size_t owners_living(pid_t *pids, size_t room)
{
	size_t count = 0;

	for (uint32_t index = 0; index < XCARP_OWNERS_MAX; index++) {
		pid_t pid = 0;

		if (owner_lives(index, &pid) && count++ < room)
			pids[count - 1] = pid;
	}
	return count;
}
