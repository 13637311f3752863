/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef XCARP_IO_STOPPED_H
#define XCARP_IO_STOPPED_H

#include <stdbool.h>
#include <sys/types.h>

/* Is the process stopped, by SIGSTOP or a debugger? Signals wait until it goes on. False also if that cannot be found out. */
bool process_is_stopped(pid_t pid);

#endif
