/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One log for all: syslog and stderr, in ucarp's format; or the journal alone, if that is where stderr goes. After
 * log_start_writer() a thread of its own does the writing, so that a full pipe, a stopped terminal, a slow disk or a hung
 * syslog daemon never holds up the caller; lines that find no room are counted and the count is told. Lines come from one
 * thread.
 */
#ifndef XCARP_IO_LOG_H
#define XCARP_IO_LOG_H

#include <stdbool.h>
#include <syslog.h>

struct log_subject;

struct log_config {
	const char *name; /* in syslog; must stay */
	const char *journal; /* the journal's socket; must stay */
	const char *syslog; /* syslog's; must stay */
	int facility; /* LOG_* */
	bool use_syslog;
	bool use_stderr;
	bool debug; /* LOG_DEBUG lines too */
};

void log_open(const struct log_config *config);

/* Is stderr the journal's? */
bool log_is_journal(void);

/* The writer has called begins by the time that this returns. Returns 0 or -errno. Call it after the last fork(). */
int log_start_writer(void (*begins)(void));

/*
 * The process has started and will last. The journal looks up whose entry it has received, and may find that process gone
 * already; of what comes through stderr it knows. Until now, what needs no fields took that way.
 */
void log_settled(void);

/* Stderr gets no line that is less urgent than priority from now on, unless it is the journal. Syslog gets all. */
void log_limit_stderr(int priority);

void log_leave_stderr(void);

/*
 * Before all files are closed, without a writer: in a child that goes on without the parent's, or where it is about to become that.
 * The next line opens what it needs.
 */
void log_let_go(void);

/* From now on syslog's socket is opened by the process at the other end, with syslogd_answer(). Before the writer starts. */
void log_open_by(int helper);

/* Writes what is left, but for no longer than a second. */
void log_close(void);

/* subject: NULL: no virtual router in particular. */
void log_write(int priority, const struct log_subject *subject, const char *line);
void log_printf(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_printf(LOG_ERR, __VA_ARGS__)
#define log_warn(...) log_printf(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_printf(LOG_INFO, __VA_ARGS__)

#endif
