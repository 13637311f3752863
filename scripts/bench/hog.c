// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Takes every core, as a real-time program that went wrong would, for a bounded time:
 *
 *	hog SECONDS PRIORITY	PRIORITY: of SCHED_FIFO
 *
 * The kernel's throttling of real-time tasks stays as it is.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands.h"

static void hog(size_t core, uint64_t end_ns, int priority)
{
	struct sched_param param = { .sched_priority = priority };
	cpu_set_t cores;

	CPU_ZERO(&cores);
	CPU_SET(core, &cores);
	if (sched_setaffinity(0, sizeof(cores), &cores) || sched_setscheduler(0, SCHED_FIFO, &param))
		die("cannot become a real-time process");
	while (now_ns() < end_ns)
		;
	_exit(0);
}

int main(int argc, char **argv)
{
	uint64_t end_ns = now_ns() + (argc == 3 ? (uint64_t)(atof(argv[1]) * 1e9) : 0);
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	int status, failed = 0;

	if (argc != 3) {
		fprintf(stderr, "usage: hog SECONDS PRIORITY\n");
		return 1;
	}
	for (size_t core = 0; core < (size_t)cores; core++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid)
			hog(core, end_ns, atoi(argv[2]));
	}
	while (wait(&status) > 0)
		failed |= status;
	return failed != 0;
}
