// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A packet on the control socket, read by either side. */
#include "fuzz.h"

#include "core/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	/* As received: in a buffer of its full size, of which only the packet is filled. */
	struct xcarp_request *request = calloc(1, sizeof(*request));
	struct xcarp_reply reply = { 0 };
	uint32_t asked = len ? bytes[0] : 0, done;
	int err;

	EXPECT(request);
	memcpy(request, bytes, len < sizeof(*request) ? len : sizeof(*request));
	if (request_is_whole(request, len)) {
		EXPECT(request->command >= COMMAND_DEMOTE && request->command <= COMMAND_RELEASE);
		EXPECT(request->count <= XCARP_REQUEST_MAX && len <= sizeof(*request));
		EXPECT((const uint8_t *)&request->vrouters[request->count] == (const uint8_t *)request + len);
	}
	memcpy(&reply, bytes, len < sizeof(reply) ? len : sizeof(reply));
	err = reply_read(&reply, len, asked, &done);
	EXPECT(done <= asked && err <= 0 && strerror(-err));
	free(request);
	return 0;
}
