// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "bpffs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "io/log.h"
#include "io/loop.h"

#define LOCK_RETRY_NS 10000000
#define LOCK_TURNS_MAX 12
#define VANISHED_MAX 16

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

void bpffs_empty(const struct bpffs_dir *dir)
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

static void parent_of(const struct bpffs_dir *dir, char parent[sizeof(dir->root) + 8])
{
	snprintf(parent, sizeof(dir->root) + 8, "%s/xcarp", dir->root);
}

/* -ENOENT: removed by another process while we looked. */
static int try_lock(struct bpffs_dir *dir)
{
	char parent[sizeof(dir->root) + 8];
	int err;

	parent_of(dir, parent);
	if ((mkdir(parent, 0700) && errno != EEXIST) || (mkdir(dir->path, 0700) && errno != EEXIST))
		return -errno;
	dir->fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir->fd < 0)
		return -errno;
	if (flock(dir->fd, LOCK_EX | LOCK_NB))
		err = errno == EWOULDBLOCK ? -EAGAIN : -errno;
	else
		err = is_still_there(dir) ? 0 : -ENOENT;
	if (err)
		bpffs_unlock(dir);
	return err;
}

unsigned int bpffs_lock_holder(const struct bpffs_dir *dir)
{
	FILE *locks = fopen("/proc/locks", "re");
	unsigned long inode;
	unsigned int pid, major_number, minor_number, holder = 0;
	struct stat status;
	char line[256];

	if (!locks)
		return 0;
	if (!stat(dir->path, &status))
		while (!holder && fgets(line, sizeof(line), locks))
			if (sscanf(line, "%*u: FLOCK %*s %*s %u %x:%x:%lu", &pid, &major_number, &minor_number, &inode) == 4 &&
			    inode == status.st_ino && makedev(major_number, minor_number) == status.st_dev)
				holder = pid;
	fclose(locks);
	return holder;
}

/* Who has the lock, and how much of a processor that has had so far: in clock ticks, 0 where it is not to be known. */
struct holder {
	unsigned int pid;
	unsigned long long ticks;
};

static struct holder lock_holder(const struct bpffs_dir *dir)
{
	struct holder holder = { .pid = bpffs_lock_holder(dir) };
	unsigned long long user, system;
	char path[64], line[1024], *end;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/stat", holder.pid);
	file = fopen(path, "re");
	if (!file)
		return holder;
	/* A name, which may have blanks and brackets in it, is before the last bracket. */
	if (fgets(line, sizeof(line), file) && (end = strrchr(line, ')')) &&
	    sscanf(end, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) == 2)
		holder.ticks = user + system;
	fclose(file);
	return holder;
}

/* Loading a program takes a slow machine longer than any wait for a stopped process should be. */
static bool has_worked(const struct holder *before, const struct holder *now)
{
	return now->pid && (now->pid != before->pid || now->ticks > before->ticks);
}

int bpffs_lock(struct bpffs_dir *dir, uint64_t wait_ns)
{
	static const struct timespec pause = { .tv_nsec = LOCK_RETRY_NS };
	uint64_t until_ns = loop_now_ns() + wait_ns;
	struct holder before = { 0 }, now;
	int vanished = 0, turns = 0, err;
	bool is_known = false;

	for (;;) {
		err = try_lock(dir);
		if (err == -ENOENT && vanished++ < VANISHED_MAX)
			continue;
		if (err != -EAGAIN || !wait_ns)
			return err;
		if (!is_known)
			before = lock_holder(dir);
		is_known = true;
		if (loop_now_ns() >= until_ns) {
			now = lock_holder(dir);
			if (!has_worked(&before, &now) || ++turns == LOCK_TURNS_MAX)
				return err;
			before = now;
			until_ns += wait_ns;
		}
		nanosleep(&pause, NULL);
	}
}

void bpffs_unlock(struct bpffs_dir *dir)
{
	if (dir->fd >= 0)
		close(dir->fd);
	dir->fd = -1;
}

/* Another process's root is out of reach once privileges are given up, but not what is open. */
static int open_root(struct bpffs_dir *dir)
{
	dir->root_fd = open(dir->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir->root_fd < 0) {
		int err = -errno;

		log_error("%s: %s", dir->root, strerror(-err));
		return err;
	}
	if (strcmp(dir->root, BPFFS_USUAL))
		snprintf(dir->root, sizeof(dir->root), "/proc/self/fd/%d", dir->root_fd);
	return 0;
}

int bpffs_find(struct bpffs_dir *dir)
{
	char name[NETNS_NAME_LEN];
	int err = netns_own(&dir->netns);

	if (err) {
		log_error("cannot tell which network namespace this is: %s%s", strerror(-err),
			  err == -ENOENT ? "; is /proc mounted?" : "");
		return err;
	}
	err = find_root(dir);
	if (err)
		return err;
	netns_name(name, &dir->netns);
	snprintf(dir->name, sizeof(dir->name), "%s/xcarp/%s", dir->root, name);
	err = open_root(dir);
	if (err)
		return err;
	snprintf(dir->path, sizeof(dir->path), "%s/xcarp/%s", dir->root, name);
	return 0;
}

void bpffs_remove(const struct bpffs_dir *dir)
{
	char parent[sizeof(dir->root) + 8];

	bpffs_empty(dir);
	rmdir(dir->path);
	parent_of(dir, parent);
	rmdir(parent);
}

/* In the root of dir, which is known. */
static void for_each_in(const struct bpffs_dir *root, void (*found)(void *ctx, struct bpffs_dir *dir), void *ctx)
{
	struct bpffs_dir dir = { .fd = -1, .root_fd = -1 };
	char parent[sizeof(dir.root) + 8];
	struct dirent *entry;
	DIR *stream;

	memcpy(dir.root, root->root, sizeof(dir.root));
	parent_of(&dir, parent);
	stream = opendir(parent);
	while (stream && (entry = readdir(stream))) {
		if (!netns_parse(entry->d_name, &dir.netns))
			continue;
		snprintf(dir.path, sizeof(dir.path), "%s/%.*s", parent, NETNS_NAME_LEN, entry->d_name);
		snprintf(dir.name, sizeof(dir.name), BPFFS_USUAL "/xcarp/%.*s", NETNS_NAME_LEN, entry->d_name);
		found(ctx, &dir);
	}
	if (stream)
		closedir(stream);
}

int bpffs_for_each(void (*found)(void *ctx, struct bpffs_dir *dir), void *ctx)
{
	struct bpffs_dir dir = { .fd = -1, .root_fd = -1 };
	int err = find_root(&dir);

	if (!err)
		for_each_in(&dir, found, ctx);
	return err;
}

struct removal {
	struct netns own;
	unsigned int count;
};

static void remove_if_earlier(void *ctx, struct bpffs_dir *dir)
{
	struct removal *removal = ctx;

	if (dir->netns.inode != removal->own.inode || !dir->netns.cookie || dir->netns.cookie == removal->own.cookie)
		return;
	bpffs_remove(dir);
	log_info("%s: removed: its network namespace is gone", dir->name);
	removal->count++;
}

unsigned int bpffs_remove_earlier(const struct bpffs_dir *dir)
{
	struct removal removal = { .own = dir->netns };

	for_each_in(dir, remove_if_earlier, &removal);
	return removal.count;
}

bool bpffs_find_old(const struct bpffs_dir *dir, struct bpffs_dir *old)
{
	int len;

	*old = *dir;
	old->netns.cookie = 0;
	len = snprintf(old->path, sizeof(old->path), "%s/xcarp/%" PRIu64, dir->root, dir->netns.inode);
	snprintf(old->name, sizeof(old->name), BPFFS_USUAL "/xcarp/%" PRIu64, dir->netns.inode);
	return (size_t)len < sizeof(old->path) && !access(old->path, F_OK);
}

void bpffs_close(struct bpffs_dir *dir)
{
	if (dir->root_fd >= 0)
		close(dir->root_fd);
	dir->root_fd = -1;
}
