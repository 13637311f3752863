/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Lines to the syslog daemon, whose socket takes datagrams or is a stream. libc's syslog() opens a socket of the other kind, and a
 * stream anew when its daemon was restarted; our filter refuses streams. So the script runner, which has no filter, opens
 * those for us.
 */
#ifndef XCARP_IO_SYSLOGD_H
#define XCARP_IO_SYSLOGD_H

#include <stdbool.h>
#include <time.h>

#define SYSLOGD_SOCKET "/dev/log"

struct syslogd_line {
	const char *name;
	int facility;
	int priority;
	const struct timespec *when;
	const char *urgency; /* before the text */
	const char *text;
};

/* Of the kind that the daemon has; while there is none, one for datagrams that is connected to nothing. Returns it, or -errno. */
int syslogd_open(const char *path);

/* False: it did not take it. */
bool syslogd_send(int fd, const struct syslogd_line *line);

/*
 * The daemon was restarted: connects fd to it once more. False: there is none, or it needs another socket, which is what
 * *needs_other says.
 */
bool syslogd_reach(int fd, const char *path, bool *needs_other);

/* What syslogd_open() returns to the process at the other end of helper, which has to answer; waits a second at most. */
int syslogd_ask(int helper);

/* The answer. False: nobody asks any more. */
bool syslogd_answer(int asking, const char *path);

#endif
