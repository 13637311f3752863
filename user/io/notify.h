/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a service manager is told: sd_notify(3)'s protocol, a datagram to the socket that $NOTIFY_SOCKET names. Where none is
 * named, nothing is told. Nothing here waits: what the manager does not take at once is told again later.
 */
#ifndef XCARP_IO_NOTIFY_H
#define XCARP_IO_NOTIFY_H

#include <stdint.h>

/* Takes the manager's variables out of the environment: scripts are not to speak for us. */
void notify_open(void);
void notify_close(void);

void notify_ready(uint64_t now_ns);
/* Who has waited after it was ready starts only now, which may take longer than a loop; until it is ready once more. */
void notify_starting(uint64_t now_ns);
void notify_reloading(uint64_t now_ns);
void notify_reloaded(uint64_t now_ns); /* nothing where no reload was told */
void notify_stopping(uint64_t now_ns);

/* One line, for people. Told once a second at most, the newest; when it can be told next, or UINT64_MAX: nobody wants it. */
uint64_t notify_status_due(void);
void notify_status(uint64_t now_ns, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Tells what is due, and, twice in each of the manager's watchdog times, that the caller's loop goes round. */
void notify_timers(uint64_t now_ns);
uint64_t notify_deadline(void);

#endif
