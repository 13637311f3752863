// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "netns.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define HOST_PID_NAMESPACE 0xeffffffcu /* the first one's inode, the same on all kernels */
#define NAME_LEN 32

int netns_own(struct netns *netns)
{
	socklen_t len = sizeof(netns->cookie);
	struct stat status;
	int fd, err = 0;

	if (stat("/proc/thread-self/ns/net", &status))
		return -errno;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* Since 5.14, so that what runs our programs has it. */
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &netns->cookie, &len))
		err = -errno;
	close(fd);
	netns->inode = status.st_ino;
	return err;
}

void netns_name(char name[NETNS_NAME_LEN], const struct netns *netns)
{
	snprintf(name, NETNS_NAME_LEN, "%" PRIu64 "-%" PRIu64, netns->inode, netns->cookie);
}

bool netns_parse(const char *name, struct netns *netns)
{
	char *end;

	*netns = (struct netns){ 0 };
	if (!isdigit((unsigned char)*name))
		return false;
	netns->inode = strtoull(name, &end, 10);
	if (!*end)
		return true;
	if (*end != '-' || !isdigit((unsigned char)end[1]))
		return false;
	netns->cookie = strtoull(end + 1, &end, 10);
	return !*end && netns->cookie;
}

bool netns_sees_all(void)
{
	struct stat status;

	return !stat("/proc/self/ns/pid", &status) && status.st_ino == HOST_PID_NAMESPACE;
}

struct search {
	struct netns wanted;
	uint32_t major, minor; /* of nsfs */
	char name[NAME_LEN]; /* as a mount's root */
	int own_fd;
	bool is_seen; /* one of that inode, which could not be entered */
	bool is_there;
	int err;
};

static int compare_cookie(struct search *search, int fd)
{
	struct netns netns = { 0 };
	int err = setns(fd, CLONE_NEWNET) ? -errno : netns_own(&netns);

	if (setns(search->own_fd, CLONE_NEWNET))
		search->err = -errno;
	search->is_there = netns.cookie == search->wanted.cookie;
	return err ?: netns.inode == search->wanted.inode ? 0 : -ENOENT;
}

/* A file system that does not answer is not asked. */
static bool has_inode(const struct search *search, int dir_fd, const char *path)
{
	struct statx status;

	return !statx(dir_fd, path, AT_STATX_DONT_SYNC | AT_EMPTY_PATH, STATX_INO, &status) &&
	       status.stx_ino == search->wanted.inode && status.stx_dev_major == search->major &&
	       status.stx_dev_minor == search->minor;
}

/* Others decide what a path leads to: opened for good is what is sure to be the namespace. Takes path_fd, an O_PATH one, over. */
static int reopen(const struct search *search, int path_fd)
{
	char path[NAME_LEN];
	int fd = -1;

	if (path_fd < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	if (has_inode(search, path_fd, ""))
		fd = open(path, O_RDONLY | O_CLOEXEC);
	close(path_fd);
	return fd;
}

/*
 * At any time one network namespace has this inode: whose cookie it has, the other one is gone. Takes path_fd over, which may be
 * -1. Returns true: the search is over.
 */
static bool look_into(struct search *search, int path_fd)
{
	int fd = reopen(search, path_fd), err;

	/* Only the cookie would tell it from an earlier one. */
	if (!search->wanted.cookie)
		search->is_there = true;
	search->is_seen = true;
	if (fd < 0)
		return search->is_there;
	err = search->is_there ? 0 : compare_cookie(search, fd);
	close(fd);
	return !err || search->err;
}

static bool look_at(struct search *search, int dir_fd, const char *path)
{
	return has_inode(search, dir_fd, path) && look_into(search, openat(dir_fd, path, O_PATH | O_CLOEXEC));
}

/* Calls look for each entry until it returns true, and returns that. A process that has just ended has none. */
static bool any_entry(struct search *search, int dir_fd, const char *path,
		      bool (*look)(struct search *search, int dir_fd, const char *entry))
{
	int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	bool is_over = false;

	if (!stream) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (!is_over && (entry = readdir(stream)))
		is_over = isdigit((unsigned char)*entry->d_name) && look(search, fd, entry->d_name);
	closedir(stream);
	return is_over;
}

static bool look_at_thread(struct search *search, int dir_fd, const char *thread)
{
	char path[NAME_LEN + 8];

	snprintf(path, sizeof(path), "%.20s/ns/net", thread);
	return look_at(search, dir_fd, path);
}

/* The kernel writes blanks and backslashes as three octal digits. */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++)
		if (*text == '\\' && strspn(text + 1, "01234567") >= 3) {
			*to++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
			text += 3;
		} else {
			*to++ = *text;
		}
	*to = '\0';
}

/* As seen from the process's root, which its owner may have furnished: without what would have to be waited for. */
static int open_mount(int dir_fd, const char *process, const char *point)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_CACHED };
	char path[NAME_LEN + 8];
	int root, fd;

	snprintf(path, sizeof(path), "%.20s/root", process);
	root = openat(dir_fd, path, O_PATH | O_CLOEXEC);
	fd = root < 0 ? -1 : (int)syscall(SYS_openat2, root, point, &how, sizeof(how));
	if (root >= 0)
		close(root);
	return fd;
}

/* A line of mountinfo: its fourth field is the mount's root, the fifth where it is. */
static bool look_at_mount(struct search *search, int dir_fd, const char *process, const char *line)
{
	char root[NAME_LEN], point[PATH_MAX];

	if (!strstr(line, " - nsfs ") || sscanf(line, "%*s %*s %*s %31s %4095s", root, point) != 2 || strcmp(root, search->name))
		return false;
	unescape(point);
	return look_into(search, open_mount(dir_fd, process, point));
}

static bool look_at_mounts(struct search *search, int dir_fd, const char *process)
{
	char path[NAME_LEN + 16], line[PATH_MAX + 512];
	bool is_over = false;
	FILE *file;
	int fd;

	snprintf(path, sizeof(path), "%.20s/mountinfo", process);
	fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	file = fd < 0 ? NULL : fdopen(fd, "r");
	if (!file) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (!is_over && fgets(line, sizeof(line), file))
		is_over = look_at_mount(search, dir_fd, process, line);
	fclose(file);
	return is_over;
}

static bool look_at_process(struct search *search, int dir_fd, const char *process)
{
	char path[NAME_LEN + 16];

	snprintf(path, sizeof(path), "%.20s/task", process);
	if (any_entry(search, dir_fd, path, look_at_thread))
		return true;
	snprintf(path, sizeof(path), "%.20s/fd", process);
	return any_entry(search, dir_fd, path, look_at) || look_at_mounts(search, dir_fd, process);
}

int netns_find(const struct netns *netns)
{
	struct search search = { .wanted = *netns };
	struct stat ours;

	search.own_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (search.own_fd < 0)
		return -errno;
	fstat(search.own_fd, &ours);
	search.major = major(ours.st_dev);
	search.minor = minor(ours.st_dev);
	snprintf(search.name, sizeof(search.name), "net:[%" PRIu64 "]", netns->inode);
	if (!any_entry(&search, AT_FDCWD, "/proc", look_at_process))
		search.is_there = search.is_seen;
	close(search.own_fd);
	return search.err ?: search.is_there;
}
