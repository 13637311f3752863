/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A directory of our own on a bpffs, held by one process at a time. */
#ifndef XCARP_IO_BPFFS_H
#define XCARP_IO_BPFFS_H

#define BPFFS_USUAL "/sys/fs/bpf"

struct bpffs_dir {
	int fd; /* holds the lock; -1: not held */
	int netns_fd; /* as well: another mount namespace may have another bpffs */
	char root[64]; /* the bpffs */
	char path[128]; /* the directory */
};

/*
 * Finds or mounts a bpffs, makes xcarp/<inode of this network namespace>/ in it and locks that. Empties it of what a dead
 * holder left. Returns 0 or -errno after a logged line; -EBUSY: another process holds it.
 */
int bpffs_take(struct bpffs_dir *dir);

/* Empties and removes the directory, and xcarp/ if nobody else has one in it. */
void bpffs_drop(struct bpffs_dir *dir);

#endif
