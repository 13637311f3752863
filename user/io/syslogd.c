// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "syslogd.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE_LEN 1024
#define ASK_WAIT_MS 1000

static int connect_to(int fd, const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	return connect(fd, (const struct sockaddr *)&name, sizeof(name)) ? -errno : 0;
}

static int open_stream(const char *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	err = connect_to(fd, path);
	if (!err)
		return fd;
	close(fd);
	return err;
}

int syslogd_open(const char *path)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), stream = -1;

	if (fd < 0)
		return -errno;
	if (connect_to(fd, path) == -EPROTOTYPE)
		stream = open_stream(path);
	if (stream < 0)
		return fd;
	close(fd);
	return stream;
}

static bool is_stream(int fd)
{
	socklen_t len = sizeof(int);
	int type = 0;

	return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) && type == SOCK_STREAM;
}

static bool send_whole(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		text += n;
		len -= (size_t)n;
	}
	return true;
}

bool syslogd_send(int fd, const struct syslogd_line *line)
{
	char text[LINE_LEN], when[32];
	struct tm tm;
	size_t len;

	localtime_r(&line->when->tv_sec, &tm);
	strftime(when, sizeof(when), "%h %e %T", &tm);
	len = (size_t)snprintf(text, sizeof(text), "<%d>%s %s[%d]: %s%s", line->facility | line->priority, when,
			       line->name, getpid(), line->urgency, line->text);
	if (len >= sizeof(text))
		len = sizeof(text) - 1;
	/* In a stream the NUL ends a line. */
	return send_whole(fd, text, len + is_stream(fd));
}

bool syslogd_reach(int fd, const char *path, bool *needs_other)
{
	int err;

	*needs_other = is_stream(fd);
	if (*needs_other)
		return false;
	err = connect_to(fd, path);
	*needs_other = err == -EPROTOTYPE;
	return !err;
}

/* A message of one byte, and a file. */
union rights {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr aligned;
};

int syslogd_ask(int helper)
{
	struct pollfd readable = { .fd = helper, .events = POLLIN };
	union rights rights;
	char byte = 0;
	struct iovec piece = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &piece, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof(rights)
	};
	struct cmsghdr *header;
	int fd, n;

	if (send(helper, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1)
		return -errno;
	do {
		n = poll(&readable, 1, ASK_WAIT_MS);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return -ETIMEDOUT;
	if (recvmsg(helper, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) != 1)
		return -EIO;
	header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof(fd)))
		return -ENOENT;
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

bool syslogd_answer(int asking, const char *path)
{
	union rights rights = { 0 };
	char byte;
	struct iovec piece = { &byte, 1 };
	struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };
	struct cmsghdr *header;
	int fd;

	if (recv(asking, &byte, 1, MSG_DONTWAIT) != 1)
		return errno == EAGAIN || errno == EINTR;
	fd = syslogd_open(path);
	if (fd >= 0) {
		message.msg_control = &rights;
		message.msg_controllen = sizeof(rights);
		header = CMSG_FIRSTHDR(&message);
		*header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
					    .cmsg_type = SCM_RIGHTS,
					    .cmsg_len = CMSG_LEN(sizeof(fd)) };
		memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	}
	sendmsg(asking, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (fd >= 0)
		close(fd);
	return true;
}
