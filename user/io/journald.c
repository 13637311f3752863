// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "journald.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <xcarp/carp.h>

#define DATAGRAM_LEN 1024

bool journald_is_stream(int fd)
{
	const char *named = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat status;

	return named && sscanf(named, "%llu:%llu", &device, &inode) == 2 && !fstat(fd, &status) && status.st_dev == device &&
	       status.st_ino == inode;
}

static bool reach(int fd, const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	return !connect(fd, (const struct sockaddr *)&name, sizeof(name));
}

int journald_open(const char *path)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	/* Where it is not there yet, the first entry tries again. */
	reach(fd, path);
	return fd;
}

struct datagram {
	char text[DATAGRAM_LEN];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void add(struct datagram *datagram, const char *format, ...)
{
	size_t room = sizeof(datagram->text) - datagram->len;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(datagram->text + datagram->len, room, format, args);
	va_end(args);
	/* One field less, but no half one. */
	if (len > 0 && (size_t)len < room)
		datagram->len += (size_t)len;
}

static void add_vrouter(struct datagram *datagram, const struct journald_entry *entry)
{
	char group[INET_ADDRSTRLEN];

	add(datagram, "XCARP_INTERFACE=%s\nXCARP_VHID=%u\n", entry->interface, entry->vhid);
	if (entry->group != htonl(CARP_GROUP_IPV4))
		add(datagram, "XCARP_GROUP=%s\n", inet_ntop(AF_INET, &entry->group, group, sizeof(group)));
	if (entry->state)
		add(datagram, "XCARP_STATE=%s\n", entry->state);
}

static bool send_whole(int fd, const struct datagram *datagram)
{
	ssize_t n;

	do {
		n = send(fd, datagram->text, datagram->len, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n >= 0;
}

bool journald_send(int fd, const char *path, const struct journald_entry *entry)
{
	struct datagram datagram = { .len = 0 };

	add(&datagram, "MESSAGE=%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=%s\n", entry->text, entry->priority, entry->identifier);
	if (entry->facility >= 0)
		add(&datagram, "SYSLOG_FACILITY=%d\n", LOG_FAC(entry->facility));
	if (entry->interface)
		add_vrouter(&datagram, entry);
	/* Where the socket has been made anew, the old one refuses. */
	return send_whole(fd, &datagram) || (reach(fd, path) && send_whole(fd, &datagram));
}
