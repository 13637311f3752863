/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * systemd's journal, spoken to as systemd.io/JOURNAL_NATIVE_PROTOCOL has it: a datagram an entry, a line a field. What is a
 * transition and whom it concerns can then be asked for by field, and the journal puts its own time beside it.
 */
#ifndef XCARP_IO_JOURNALD_H
#define XCARP_IO_JOURNALD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xcarp/abi.h>

#define JOURNALD_SOCKET "/run/systemd/journal/socket"

struct journald_entry {
	const char *identifier; /* SYSLOG_IDENTIFIER */
	int facility; /* syslog's LOG_*; -1: none */
	int priority;
	const char *text; /* one line */
	const char *interface; /* of the virtual router that it is about; NULL: none, and the rest is not looked at */
	uint32_t group; /* network order; told where it is not the usual one */
	uint8_t vhid;
	const char *state; /* NULL: no transition */
};

/* Does what goes to this file go to the journal? $JOURNAL_STREAM names the file that the service manager made for that. */
bool journald_is_stream(int fd);

/* A socket, or -errno. path: JOURNALD_SOCKET, but in tests. */
int journald_open(const char *path);

/* Waits while the journal's queue is full. False: it cannot be reached; the next entry may. */
bool journald_send(int fd, const char *path, const struct journald_entry *entry);

#endif
