// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ctl/http_request.h"

#include <string.h>

static enum http_verdict read_head(char *bytes, struct http_request *request)
{
	char *method = bytes, *path = strchr(method, ' '), *rest;

	if (path)
		*path++ = '\0';
	rest = path ? strpbrk(path, " ?\r\n") : NULL;
	if (!rest || !strstr(rest + 1, "HTTP/1."))
		return HTTP_BAD;
	*rest = '\0';
	request->path = path;
	request->is_head = !strcmp(method, "HEAD");
	return request->is_head || !strcmp(method, "GET") ? HTTP_FINE : HTTP_NOT_ALLOWED;
}

enum http_verdict http_request_read(char *bytes, size_t len, struct http_request *request)
{
	if (strlen(bytes) != len)
		return HTTP_BAD;
	if (strstr(bytes, "\r\n\r\n") || strstr(bytes, "\n\n"))
		return read_head(bytes, request);
	return len < HTTP_REQUEST_MAX - 1 ? HTTP_MORE : HTTP_TOO_LARGE;
}
