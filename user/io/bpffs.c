// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bpffs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include <xcarp/abi.h>

#include "io/log.h"

#define LOCK_TRIES 16

static bool is_bpffs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == BPF_FS_MAGIC;
}

/*
 * `ip netns exec` puts a fresh /sys over the host's, without its bpffs. The host's is still there for process 1, and
 * that is where people look for the maps.
 */
static int find_root(struct bpffs_dir *dir)
{
	static const char *const roots[] = { BPFFS_USUAL, "/proc/1/root" BPFFS_USUAL };

	for (size_t i = 0; i < sizeof(roots) / sizeof(*roots); i++) {
		if (!is_bpffs(roots[i]))
			continue;
		snprintf(dir->root, sizeof(dir->root), "%s", roots[i]);
		return 0;
	}
	if (mount("bpf", BPFFS_USUAL, "bpf", 0, "mode=0700")) {
		int err = -errno;

		log_error("%s: no BPF file system is mounted and mounting one failed: %s; do `mount -t bpf bpf %s`", BPFFS_USUAL,
			  strerror(-err), BPFFS_USUAL);
		return err;
	}
	log_info("%s: mounted a BPF file system", BPFFS_USUAL);
	snprintf(dir->root, sizeof(dir->root), "%s", BPFFS_USUAL);
	return 0;
}

/* Abstract names belong to the network namespace and vanish with their process. */
static int lock_netns(struct bpffs_dir *dir)
{
	static const struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "\0xcarp" };
	int err;

	dir->netns_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (dir->netns_fd < 0)
		return -errno;
	if (!bind(dir->netns_fd, (const struct sockaddr *)&name, offsetof(struct sockaddr_un, sun_path) + sizeof("\0xcarp") - 1))
		return 0;
	err = errno == EADDRINUSE ? -EWOULDBLOCK : -errno;
	close(dir->netns_fd);
	dir->netns_fd = -1;
	return err;
}

/* Who holds the maps? They tell it. 0: nobody who can be named. */
static unsigned int holder(const struct bpffs_dir *dir)
{
	char path[sizeof(dir->path) + 16];
	struct vr_live live;
	unsigned int first = 0, pid = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/live", dir->path);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return 0;
	if (!bpf_map_lookup_elem(fd, &first, &live))
		pid = live.owner_pid;
	close(fd);
	return pid;
}

static void empty(const struct bpffs_dir *dir)
{
	DIR *stream = opendir(dir->path);
	struct dirent *entry;

	if (!stream)
		return;
	while ((entry = readdir(stream)))
		if (entry->d_type != DT_DIR)
			unlinkat(dirfd(stream), entry->d_name, 0);
	closedir(stream);
}

/* Whoever held the directory last may have removed it between our open() and our lock. */
static bool is_still_there(const struct bpffs_dir *dir)
{
	struct stat opened, named;

	return !fstat(dir->fd, &opened) && !stat(dir->path, &named) && opened.st_ino == named.st_ino;
}

static int lock_directory(struct bpffs_dir *dir)
{
	char parent[sizeof(dir->root) + 8];

	snprintf(parent, sizeof(parent), "%s/xcarp", dir->root);
	for (int i = 0; i < LOCK_TRIES; i++) {
		if ((mkdir(parent, 0700) && errno != EEXIST) || (mkdir(dir->path, 0700) && errno != EEXIST)) {
			if (errno == ENOENT)
				continue;
			return -errno;
		}
		dir->fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir->fd < 0 && errno == ENOENT)
			continue;
		if (dir->fd < 0)
			return -errno;
		if (flock(dir->fd, LOCK_EX | LOCK_NB)) {
			int err = -errno;

			close(dir->fd);
			dir->fd = -1;
			return err;
		}
		if (is_still_there(dir))
			return 0;
		close(dir->fd);
		dir->fd = -1;
	}
	return -EAGAIN;
}

int bpffs_take(struct bpffs_dir *dir)
{
	struct stat netns;
	unsigned int pid;
	int err;

	dir->fd = dir->netns_fd = -1;
	if (stat("/proc/self/ns/net", &netns)) {
		err = -errno;
		log_error("/proc/self/ns/net: %s; is /proc mounted?", strerror(-err));
		return err;
	}
	err = find_root(dir);
	if (err)
		return err;
	snprintf(dir->path, sizeof(dir->path), "%s/xcarp/%lu", dir->root, (unsigned long)netns.st_ino);

	err = lock_netns(dir) ?: lock_directory(dir);
	if (!err) {
		empty(dir);
		return 0;
	}
	if (err != -EWOULDBLOCK) {
		log_error("%s: %s", dir->path, strerror(-err));
		return err;
	}
	pid = holder(dir);
	if (pid)
		log_error("process %u already runs xcarp in this network namespace (%s); end it first", pid, dir->path);
	else
		log_error("another xcarp already runs in this network namespace (%s); end it first", dir->path);
	return -EBUSY;
}

void bpffs_drop(struct bpffs_dir *dir)
{
	char parent[sizeof(dir->root) + 8];

	if (dir->fd >= 0) {
		empty(dir);
		rmdir(dir->path);
		snprintf(parent, sizeof(parent), "%s/xcarp", dir->root);
		rmdir(parent);
		close(dir->fd);
	}
	if (dir->netns_fd >= 0)
		close(dir->netns_fd);
	dir->fd = dir->netns_fd = -1;
}
