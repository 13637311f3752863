// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A scraper's request that comes in pieces: the input's first byte says how long they are. */
#include "fuzz.h"

#include "ctl/http_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct fuzz_input input = { bytes, len };
	size_t piece = 1 + fuzz_byte(&input), at = 0;
	struct http_request request;
	enum http_verdict verdict = HTTP_MORE;
	char *received = NULL;

	while (verdict == HTTP_MORE && input.len && at < HTTP_REQUEST_MAX - 1) {
		size_t n = piece < input.len ? piece : input.len;

		if (n > HTTP_REQUEST_MAX - 1 - at)
			n = HTTP_REQUEST_MAX - 1 - at;
		/* In memory of just this size, as if the next piece were never to come. */
		received = realloc(received, at + n + 1);
		EXPECT(received);
		fuzz_take(&input, received + at, n);
		at += n;
		received[at] = '\0';
		verdict = http_request_read(received, at, &request);
	}
	EXPECT(verdict != HTTP_MORE || at < HTTP_REQUEST_MAX - 1);
	if (verdict == HTTP_FINE) {
		EXPECT(request.path >= received && request.path + strlen(request.path) < received + at);
		EXPECT(!strpbrk(request.path, " ?\r\n"));
	}
	free(received);
	return 0;
}
