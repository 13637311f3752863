// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "netns.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define HOST_PID_NAMESPACE 0xeffffffcu /* the first one's inode, the same on all kernels */
#define NAME_LEN 32

bool netns_sees_all(void)
{
	struct stat status;

	return !stat("/proc/self/ns/pid", &status) && status.st_ino == HOST_PID_NAMESPACE;
}

struct wanted {
	uint64_t inode;
	uint32_t major, minor; /* of nsfs */
	char name[NAME_LEN];
};

/* A file system that does not answer is not asked. */
static bool is_it(int dir_fd, const char *path, const struct wanted *wanted)
{
	struct statx status;

	return !statx(dir_fd, path, AT_STATX_DONT_SYNC, STATX_INO, &status) && status.stx_ino == wanted->inode &&
	       status.stx_dev_major == wanted->major && status.stx_dev_minor == wanted->minor;
}

/* Calls found for each entry until it returns true, and returns that. A process that has just ended has none. */
static bool any_entry(int dir_fd, const char *path, bool (*found)(int dir_fd, const char *entry, const struct wanted *wanted),
		      const struct wanted *wanted)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	bool is_found = false;

	if (!stream) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (!is_found && (entry = readdir(stream)))
		is_found = isdigit((unsigned char)*entry->d_name) && found(fd, entry->d_name, wanted);
	closedir(stream);
	return is_found;
}

static bool thread_is_in(int dir_fd, const char *thread, const struct wanted *wanted)
{
	char path[NAME_LEN + 8];

	snprintf(path, sizeof(path), "%.20s/ns/net", thread);
	return is_it(dir_fd, path, wanted);
}

/* In the fourth field of a line that is of the file system nsfs. */
static bool mounts_have(int dir_fd, const char *path, const struct wanted *wanted)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	bool is_found = false;
	char line[4096];

	if (!file) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (!is_found && fgets(line, sizeof(line), file))
		is_found = strstr(line, wanted->name) && strstr(line, " - nsfs ");
	fclose(file);
	return is_found;
}

static bool process_has(int dir_fd, const char *process, const struct wanted *wanted)
{
	char path[NAME_LEN + 16];

	snprintf(path, sizeof(path), "%.20s/task", process);
	if (any_entry(dir_fd, path, thread_is_in, wanted))
		return true;
	snprintf(path, sizeof(path), "%.20s/fd", process);
	if (any_entry(dir_fd, path, is_it, wanted))
		return true;
	snprintf(path, sizeof(path), "%.20s/mountinfo", process);
	return mounts_have(dir_fd, path, wanted);
}

int netns_find(unsigned long inode)
{
	struct wanted wanted = { .inode = inode };
	struct stat ours;

	if (stat("/proc/self/ns/net", &ours))
		return -errno;
	wanted.major = major(ours.st_dev);
	wanted.minor = minor(ours.st_dev);
	snprintf(wanted.name, sizeof(wanted.name), "net:[%lu]", inode);
	return any_entry(AT_FDCWD, "/proc", process_has, &wanted);
}
