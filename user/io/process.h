/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a daemon does to its process: background, pidfile, scheduling. */
#ifndef XCARP_IO_PROCESS_H
#define XCARP_IO_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* No core dumps, no ptrace by other users, no death by a closed pipe. */
void process_harden(void);

/* For process_rename(): main()'s. */
void process_keep_arguments(int argc, char **argv);

/*
 * A process of another kind than the one that was started: `ps`, pidof and killall know it by this name and by no argument. What
 * argv had is gone.
 */
void process_rename(const char *name);

/*
 * Goes on in the background: the caller's process stays until the new one calls process_ready() and then exits with 0;
 * if the new one ends before that, with 1. Returns in the new one: 0, or -errno in the old one.
 */
int process_daemonize(void);

/*
 * Lets the waiting parent go, after process_detach(). Nothing without process_daemonize().
 */
void process_ready(bool leave_directory);

/*
 * Takes stdin, stdout and stderr off the terminal, and leaves the working directory for the root's unless relative names
 * will be needed again. Returns 0 or -errno.
 */
int process_detach(bool leave_directory);

/*
 * As many open files as may be asked for: each group of each interface takes one. Processes forked before keep what they
 * have.
 */
void process_allow_files(void);

/*
 * SCHED_FIFO at a priority of 1 to 99, and memory that stays where it is. Returns NULL, or what is wrong as a phrase for a
 * warning.
 */
const char *process_realtime(int priority);

/* What this thread starts from now on has no part in its SCHED_FIFO, where it has that. */
void process_realtime_alone(void);

/*
 * Writes our process id to path, which must be no other running process's: the file stays locked. Returns NULL, or what is
 * wrong as a phrase for an error message.
 */
const char *process_pidfile_write(const char *path);

/* The running process that has written path, as it calls itself; 0: none. */
pid_t process_pidfile_holder(const char *path);

/* Where that is, as an absolute path; NULL: nowhere. */
const char *process_pidfile(void);

/* Removes what process_pidfile_write() wrote, wherever we have gone since. */
void process_pidfile_remove(void);

#endif
