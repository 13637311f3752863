// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ctl/owners.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <xcarp/abi.h>

#include "io/stopped.h"

/* Anybody in the network namespace may take an abstract name. */
static bool is_trusted(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) && (peer.uid == 0 || peer.uid == geteuid());
}

int owner_connect(uint32_t index)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int len = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "xcarp/%u", index);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&name, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1) + (socklen_t)len))
		err = -errno;
	else
		err = is_trusted(fd) ? 0 : -EPERM;
	if (!err)
		return fd;
	close(fd);
	return err;
}

static unsigned int pid_of(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) ? 0 : (unsigned int)peer.pid;
}

bool owners_any(unsigned int *pid)
{
	*pid = 0;
	for (uint32_t index = 0; index < XCARP_OWNERS_MAX; index++) {
		int fd = owner_connect(index);

		if (fd >= 0) {
			*pid = pid_of(fd);
			close(fd);
		}
		if (fd >= 0 || fd == -EAGAIN)
			return true;
	}
	return false;
}

/* The last number of the line NSpid is the pid in the process's own namespace. */
static bool calls_itself(pid_t seen, uint32_t pid)
{
	char path[32], line[256];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", seen);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file)) {
		const char *last = strrchr(line, '\t');

		found = !strncmp(line, "NSpid:", 6) && last && strtoul(last, NULL, 10) == pid;
	}
	fclose(file);
	return found;
}

enum owner_health owner_health(uint32_t index, uint32_t pid)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	int fd = owner_connect(index);
	bool is_alive;

	if (fd < 0)
		return fd == -EAGAIN ? OWNER_STOPPED : OWNER_DEAD;
	/* A pid of 0 cannot be seen from here: then the name alone has to do. */
	is_alive = !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) &&
		   (!peer.pid || (uint32_t)peer.pid == pid || calls_itself(peer.pid, pid));
	close(fd);
	if (!is_alive)
		return OWNER_DEAD;
	return peer.pid && process_is_stopped(peer.pid) ? OWNER_STOPPED : OWNER_RUNS;
}
