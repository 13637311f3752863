/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which network namespace is looked at, and where its maps are pinned. */
#ifndef XCARP_CTL_NETNS_H
#define XCARP_CTL_NETNS_H

#include <sys/types.h>

#define CTL_ERROR_LEN 512
#define PINS_PATH_LEN 128

/*
 * Enters a network namespace: the name of one in /run/netns, a path, or a process id. The mount namespace stays the
 * caller's. Returns 0 or -errno with error filled.
 */
int netns_enter(const char *where, char error[CTL_ERROR_LEN]);

/*
 * The directory of this network namespace's pins. Returns 0; -ENOENT: there is none, then it is the one that is usual; or
 * another -errno. error is filled where it is not 0.
 */
int netns_pins(char path[PINS_PATH_LEN], char error[CTL_ERROR_LEN]);

#endif
