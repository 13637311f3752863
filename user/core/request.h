/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What xcarpctl and the controller tell each other, before either believes it. Pure: no socket is known here. */
#ifndef XCARP_CORE_REQUEST_H
#define XCARP_CORE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xcarp/abi.h>

/* A packet of len bytes is a request of this version, with as many virtual routers as it says. */
bool request_is_whole(const struct xcarp_request *request, size_t len);

/*
 * Reads the answer to a request about so many virtual routers, a packet of len bytes; *done: how many were found.
 * Returns 0, the -errno that it tells, or -EPROTO where it is no answer of this version.
 */
int reply_read(const struct xcarp_reply *reply, size_t len, uint32_t asked, uint32_t *done);

#endif
