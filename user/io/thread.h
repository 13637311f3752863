/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef XCARP_IO_THREAD_H
#define XCARP_IO_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Starts a thread with all signals blocked. Its scheduling is the caller's or, if is_ordinary, SCHED_OTHER whatever that is.
 * Returns 0 or -errno.
 */
int thread_start(pthread_t *thread, size_t stack_size, bool is_ordinary, void *(*main)(void *arg), void *arg);

#endif
