/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A network namespace by the number that ours has for it, which is all that the kernel tells of where an interface went. */
#ifndef XCARP_IO_NSID_H
#define XCARP_IO_NSID_H

#include <stdint.h>

/*
 * Looks through those that have a name and those that a process is in, which takes CAP_SYS_PTRACE for others' processes. Returns
 * its file; -ESRCH: none of them is it; -EACCES: nor could all be looked at; or another -errno.
 */
int nsid_open(int32_t nsid);

#endif
