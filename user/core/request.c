// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "request.h"

#include <errno.h>

#define ERRNO_MAX 4095

bool request_is_whole(const struct xcarp_request *request, size_t len)
{
	return len >= offsetof(struct xcarp_request, vrouters) && request->abi_version == XCARP_ABI_VERSION &&
	       request->command >= COMMAND_DEMOTE && request->command <= COMMAND_RELEASE &&
	       request->count <= XCARP_REQUEST_MAX &&
	       len == offsetof(struct xcarp_request, vrouters) + request->count * sizeof(request->vrouters[0]);
}

int reply_read(const struct xcarp_reply *reply, size_t len, uint32_t asked, uint32_t *done)
{
	*done = 0;
	if (len != sizeof(*reply) || reply->abi_version != XCARP_ABI_VERSION || reply->done > asked ||
	    reply->error > 0 || reply->error < -ERRNO_MAX)
		return -EPROTO;
	*done = reply->done;
	return reply->error;
}
