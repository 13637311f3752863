/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the controller and its script runner say to each other, a packet each, and how they call a script. The controller
 * names no file and no argument: it names a command by its digest, and the runner runs it if a virtual router that it has
 * read of itself has such a command. And it names our program on an interface in another network namespace, to be taken off.
 */
#ifndef XCARP_IO_RUNNER_H
#define XCARP_IO_RUNNER_H

#include <stdint.h>
#include <sys/types.h>

#include "core/options.h"
#include "engine/engine.h"
#include "io/moved.h"

#define RUNNER_DIGEST_LEN 32
#define RUNNER_RUNS_MAX 128 /* twice what the controller lets run: it gives up those that do not die */

/* The controller's end. */
struct runner {
	int fd; /* -1: there is none */
	int log_fd; /* asked by the log's writer for syslog's socket */
	int pidfd;
	pid_t pid;
};

enum runner_ask {
	ASK_RUN = 1, /* digest */
	ASK_KILL, /* with the whole process group */
	ASK_READ, /* the file again; answered. Until ASK_KEEP or ASK_FORGET, old and new commands may be run */
	ASK_KEEP, /* what was read last, and no other */
	ASK_FORGET, /* what was read last */
	ASK_DETACH, /* from the terminal, with value 1 from the working directory too */
	ASK_TAKE_OFF, /* moved; answered, and one at a time */
};

struct runner_request {
	uint32_t ask; /* enum runner_ask */
	uint32_t run; /* the controller's number of it */
	uint32_t slot; /* comes back in the answer */
	uint32_t value;
	union {
		uint8_t digest[RUNNER_DIGEST_LEN];
		struct moved moved;
	};
};

enum runner_tell {
	TELL_FAILED = 1, /* value: errno */
	TELL_REFUSED, /* no such command was configured */
	TELL_ENDED, /* value: CLD_*, status: exit status or signal */
	TELL_READ, /* value: 0 or errno */
	TELL_TAKEN_OFF, /* value: as moved_take_off() returned, or -errno */
};

struct runner_answer {
	uint32_t tell; /* enum runner_tell */
	uint32_t run;
	uint32_t slot;
	int32_t value;
	int32_t status;
};

/* NULL: there is no such script. */
const char *runner_file(const struct vr_options *options, enum script_kind kind);

/* Over everything that a script is given. The virtual router has one of that kind. */
void runner_digest(uint8_t digest[RUNNER_DIGEST_LEN], const struct vr_options *options, enum script_kind kind);

#endif
