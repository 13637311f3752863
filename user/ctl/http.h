/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* As much HTTP/1.1 as a scraper needs. Nobody who connects can hold up another for more than a few seconds. */
#ifndef XCARP_CTL_HTTP_H
#define XCARP_CTL_HTTP_H

#include <stdbool.h>

#include "ctl/netns.h"
#include "ctl/text.h"

/* Listens at `10.0.0.1:9100`, `[::1]:9100` or `:9100`. Returns the socket, or -EINVAL or -errno with error filled. */
int http_listen(const char *where, char error[CTL_ERROR_LEN]);

struct http_page {
	void *ctx;
	const char *path; /* all others are not found */
	const char *type;
	/* Writes the page. False: it cannot be had at the moment. */
	bool (*write)(void *ctx, struct text *text);
};

/* Serves one page for ever. Returns -errno where it cannot go on. */
int http_serve(int listen_fd, const struct http_page *page);

#endif
