/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Giving up what a running controller does not need: capabilities, system calls, files. What it gives up nothing gives
 * back, whatever a bug lets somebody do with it.
 */
#ifndef XCARP_IO_PRIVILEGES_H
#define XCARP_IO_PRIVILEGES_H

#include <stdbool.h>

struct privileges {
	bool reads_files; /* -c: the file, and what it names, whoever they belong to */
	bool attaches_by_id; /* see dataplane_attaches_by_id() */
	int pins_fd; /* the file system of the pins */
	const char *pidfile; /* to be removed at the end; NULL: none */
};

/* NULL, or the capabilities that are missing, as a phrase for an error message. */
const char *privileges_lacking(void);

/* For the whole process but what threads that run already have of their own. Returns 0, or -errno after a logged line. */
int privileges_drop(const struct privileges *needed);

/* For a thread that needs none. */
void privileges_drop_all(void);

#endif
