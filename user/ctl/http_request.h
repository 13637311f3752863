/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What somebody who speaks HTTP asks for. Pure: no socket is known here. */
#ifndef XCARP_CTL_HTTP_REQUEST_H
#define XCARP_CTL_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_REQUEST_MAX 4096 /* bytes, with the NUL after them */

enum http_verdict {
	HTTP_MORE, /* its head is not whole yet */
	HTTP_FINE,
	HTTP_BAD,
	HTTP_NOT_ALLOWED, /* neither GET nor HEAD */
	HTTP_TOO_LARGE,
};

struct http_request {
	const char *path; /* without what follows a question mark; lies in the request */
	bool is_head;
};

/*
 * Reads what has come so far, len bytes of it and a NUL; cuts it into strings once its head is whole. *request is filled
 * where it is fine.
 */
enum http_verdict http_request_read(char *bytes, size_t len, struct http_request *request);

#endif
