/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef XCARP_IO_FILTER_H
#define XCARP_IO_FILTER_H

#include <stdbool.h>

/*
 * From now on all threads of this process, those to come too, can make only the system calls that a running controller
 * makes; with may_load those that load BPF programs, too. Any other fails with EPERM and is logged by the kernel; if the
 * environment has XCARP_FILTER=kill, as in tests, it ends the process with SIGSYS.
 * Returns 0, or -errno: -EINVAL where the kernel has no filters.
 */
int filter_install(bool may_load);

#endif
