/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Network namespaces: which one is this, and is another one still there? The inode of one that has ended is the next one's,
 * within a few tries, and what was pinned on a bpffs outlives both. The kernel's cookie never repeats before the next boot,
 * and bpffs does not outlive that. The inode stays part of the name, as it is what people and /proc know.
 */
#ifndef XCARP_IO_NETNS_H
#define XCARP_IO_NETNS_H

#include <stdbool.h>
#include <stdint.h>

#define NETNS_NAME_LEN 48

struct netns {
	uint64_t inode;
	uint64_t cookie; /* 0: not known, as in the names that versions before ABI 7 gave */
};

/* The one that this thread is in. Returns 0 or -errno. */
int netns_own(struct netns *netns);

/* `<inode>-<cookie>`, as its directory of maps is called. */
void netns_name(char name[NETNS_NAME_LEN], const struct netns *netns);

/* The other way round, and of an inode alone. False where it is no such name. */
bool netns_parse(const char *name, struct netns *netns);

/* All processes of the host can be seen from here. */
bool netns_sees_all(void);

/*
 * Returns 1 where a thread is in it, a process has it open or something of it is mounted, as `ip netns add` does; 0: nobody
 * can reach it any more; or -errno. Enters others for a moment: the caller has one thread.
 */
int netns_find(const struct netns *netns);

#endif
