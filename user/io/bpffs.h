/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The directory that the processes of a network namespace share, xcarp/<name of the namespace>/ on a bpffs, and those of
 * others. Its lock is held for the moments in which one of them changes who takes part or where the program is, never longer.
 */
#ifndef XCARP_IO_BPFFS_H
#define XCARP_IO_BPFFS_H

#include <stdbool.h>
#include <stdint.h>

#include "io/netns.h"

#define BPFFS_USUAL "/sys/fs/bpf"

struct bpffs_dir {
	struct netns netns; /* whose it is */
	int fd; /* holds the lock; -1: not held */
	int root_fd; /* the bpffs; -1: not found yet */
	char root[64]; /* its path */
	char path[128]; /* the directory */
	char name[128]; /* the same as people write it */
};

/* Finds or mounts a bpffs and names the directory. Returns 0 or -errno after a logged line. */
int bpffs_find(struct bpffs_dir *dir);

/*
 * Makes the directory where it is missing, and locks it. Tries again for wait_ns where another process has the lock, and
 * for as long again, up to twelve times, where that has worked meanwhile or yet another one has it now; 0: does not wait. Returns 0,
 * -EAGAIN: another process has it, or -errno.
 */
int bpffs_lock(struct bpffs_dir *dir, uint64_t wait_ns);
void bpffs_unlock(struct bpffs_dir *dir);

/*
 * Calls found for the directory of each network namespace. Where none was ever made that is none. Returns 0 or -errno after
 * a logged line.
 */
int bpffs_for_each(void (*found)(void *ctx, struct bpffs_dir *dir), void *ctx);

/*
 * Removes what is left of network namespaces that had the inode of this one, dir's: they are gone, and so is everything that
 * had been theirs but the pins. Returns how many there were.
 */
unsigned int bpffs_remove_earlier(const struct bpffs_dir *dir);

/*
 * Versions before ABI 7 called the directory by the inode alone: old is that one, of this network namespace or of an earlier one
 * with its inode. Returns whether it is there.
 */
bool bpffs_find_old(const struct bpffs_dir *dir, struct bpffs_dir *old);

/* The process that has the lock; 0: nobody who can be named. */
unsigned int bpffs_lock_holder(const struct bpffs_dir *dir);

/* Takes all pins away; the lock is held. */
void bpffs_empty(const struct bpffs_dir *dir);

/* The same, and the directory too, and xcarp/ if nobody else has one in it. */
void bpffs_remove(const struct bpffs_dir *dir);

void bpffs_close(struct bpffs_dir *dir);

#endif
