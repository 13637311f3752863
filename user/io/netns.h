/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Network namespaces by their inode number: is anybody or anything in one, or does something name it? */
#ifndef XCARP_IO_NETNS_H
#define XCARP_IO_NETNS_H

#include <stdbool.h>

/* All processes of the host can be seen from here. */
bool netns_sees_all(void);

/*
 * Returns 1 where a thread is in it, a process has it open or something of it is mounted, as `ip netns add` does; 0: nobody
 * can reach it any more; or -errno.
 */
int netns_find(unsigned long inode);

#endif
