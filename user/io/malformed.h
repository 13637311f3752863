/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Adverts for virtual routers of ours that were refused for what they are like, before it mattered who had signed them: their
 * sender and we do not hear each other, which may be why there are two masters. The driver only counts them, so as to
 * spend nothing on them; now and then the log has the counts.
 */
#ifndef XCARP_IO_MALFORMED_H
#define XCARP_IO_MALFORMED_H

#include <stdint.h>

struct malformed;

/* drops_fd: the map of that name, which must stay open. NULL where it cannot be read, or memory is short. */
struct malformed *malformed_new(int drops_fd);
void malformed_free(struct malformed *malformed);

/* Looks if it is time to; it wakes nobody up for it. malformed: may be NULL. */
void malformed_tell(struct malformed *malformed, uint64_t now_ns);

#endif
