// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>

static void ask_for_ordinary(pthread_attr_t *attr)
{
	pthread_attr_setinheritsched(attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(attr, SCHED_OTHER);
	/* Said, or glibc takes the priority of the caller, which this policy does not have. */
	pthread_attr_setschedparam(attr, &(struct sched_param){ 0 });
}

int thread_start(pthread_t *thread, size_t stack_size, bool is_ordinary, void *(*main)(void *arg), void *arg)
{
	sigset_t all, before;
	pthread_attr_t attr;
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, stack_size);
	if (is_ordinary)
		ask_for_ordinary(&attr);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(thread, &attr, main, arg);
	/* Under SCHED_IDLE or SCHED_BATCH, which holds up nobody, it may not be better than the caller. */
	if (err == EPERM && is_ordinary) {
		pthread_attr_setinheritsched(&attr, PTHREAD_INHERIT_SCHED);
		err = pthread_create(thread, &attr, main, arg);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return -err;
}
