/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which owners live: each listens at an abstract UNIX socket with its index for a name. The name belongs to the network
 * namespace, whatever bpffs and whatever process ids somebody sees, and it ends with its process.
 */
#ifndef XCARP_IO_OWNERS_H
#define XCARP_IO_OWNERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Takes an owner's name and listens. Returns the socket, which does not block; -EADDRINUSE: it is taken; or -errno. */
int owner_listen(uint32_t index);

/* *pid: as it stands in `owners`, or 0; where it lives, as it is seen from here. Not to know counts as alive. */
bool owner_lives(uint32_t index, pid_t *pid);

/* Of all indexes, writes the first few process ids (0: not visible from here); returns how many live. */
size_t owners_living(pid_t *pids, size_t room);

#endif
