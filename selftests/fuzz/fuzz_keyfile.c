// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A file of keys. */
#include "fuzz.h"

#include <errno.h>

#include "core/keyfile.h"

static void check_ring(const struct keyring *ring)
{
	EXPECT(ring->count >= 1 && ring->count <= CARP_SIPHASH_KEYS_MAX);
	for (unsigned int i = 0; i < ring->count; i++) {
		EXPECT(ring->ids[i]);
		for (unsigned int j = 0; j < i; j++)
			EXPECT(ring->ids[j] != ring->ids[i]);
	}
}

static unsigned int count_lines(const char *text)
{
	unsigned int lines = 1;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

/* No piece of the file that could be one of a key's. An id, which has up to ten digits, may be told. */
static void check_wrong(const char *wrong, const char *text)
{
	EXPECT(*wrong && strlen(wrong) < KEYFILE_WRONG_LEN && fuzz_is_one_line(wrong));
	for (; strlen(text) >= 11; text++) {
		char piece[12] = { 0 };

		memcpy(piece, text, 11);
		if (strspn(piece, "0123456789abcdefABCDEF") == 11)
			EXPECT(!strstr(wrong, piece));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	char *text = fuzz_string(bytes, strnlen((const char *)bytes, len)), wrong[KEYFILE_WRONG_LEN] = "";
	struct keyring ring;
	unsigned int line;
	int err = keyfile_parse(&ring, text, &line, wrong);

	if (err) {
		EXPECT(err == -EINVAL && line <= count_lines(text));
		check_wrong(wrong, text);
	} else {
		check_ring(&ring);
	}
	free(text);
	return 0;
}
