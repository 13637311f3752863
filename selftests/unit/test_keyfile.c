// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Files of keys: what is in a good one, what a bad one is told and where, and that no part of a key is ever told. */
#include "core/keyfile.h"

#include <errno.h>

#include "../tap.h"

#define COUNT(table) (sizeof(table) / sizeof(*(table)))
#define KEY_1 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_F "FFfeFDfcFBfaF9f8F7f6F5f4F3f2F1f0EFeeEDecEBeaE9e8E7e6E5e4E3e2E1e0"
#define KEY_LEN 64

static const struct {
	const char *text;
	unsigned int count;
	uint32_t first, last; /* ids */
} good[] = {
	{ "1 " KEY_1, 1, 1, 1 },
	{ "1 " KEY_1 "\n", 1, 1, 1 },
	{ "\xef\xbb\xbf" "1 " KEY_1 "\r\n", 1, 1, 1 },
	{ "\xef\xbb\xbf# with a byte order mark\n1 " KEY_1 "\n", 1, 1, 1 },
	{ "4294967295\t" KEY_F "\r\n", 1, 4294967295u, 4294967295u },
	{ "# two\n\n  7  " KEY_1 "  # the new one\n\t#\n 0000000003 " KEY_F "#old\n\n", 2, 7, 3 },
	{ "1 " KEY_1 "\n2 " KEY_1 "\n3 " KEY_1 "\n4 " KEY_1 "\n#5 " KEY_1 "\n", 4, 1, 4 },
};

static void test_good(void)
{
	for (size_t i = 0; i < COUNT(good); i++) {
		struct keyring ring;
		char wrong[KEYFILE_WRONG_LEN] = "";
		unsigned int line;

		if (!is_int(keyfile_parse(&ring, good[i].text, &line, wrong), 0, "good %zu", i))
			diag("  %u: %s", line, wrong);
		ok(ring.count == good[i].count && ring.ids[0] == good[i].first && ring.ids[good[i].count - 1] == good[i].last,
		   "  its ids");
	}
}

static void test_bytes(void)
{
	struct keyring ring;
	char wrong[KEYFILE_WRONG_LEN];
	unsigned int line;
	uint8_t up[KEYFILE_KEY_LEN], down[KEYFILE_KEY_LEN];

	for (uint8_t i = 0; i < KEYFILE_KEY_LEN; i++) {
		up[i] = i;
		down[i] = (uint8_t)(0xff - i);
	}
	keyfile_parse(&ring, "1 " KEY_1 "\n2 " KEY_F, &line, wrong);
	is_mem(ring.keys[0], up, sizeof(up), "the first key");
	is_mem(ring.keys[1], down, sizeof(down), "the second, in digits of either case");
}

static const struct {
	const char *text;
	unsigned int line;
	const char *wrong;
} bad[] = {
	{ "", 0, "has no key" },
	{ "# nothing\n\n", 0, "has no key" },
	{ "0 " KEY_1, 1, "must begin with a key's id" },
	{ "\n4294967296 " KEY_1, 2, "must begin with a key's id" },
	{ "18446744073709551617 " KEY_1, 1, "must begin with a key's id" },
	{ "-1 " KEY_1, 1, "must begin with a key's id" },
	{ "0x1 " KEY_1, 1, "must begin with a key's id" },
	{ KEY_1, 1, "must begin with a key's id" },
	{ KEY_1 " 1", 1, "must begin with a key's id" },
	{ "1\n", 1, "1: after the id must come the key" },
	{ "1 # " KEY_1 "\n", 1, "1: after the id must come the key" },
	{ "1 " KEY_1 "0", 1, "1: after the id must come the key" },
	{ "1 0" KEY_1, 1, "1: after the id must come the key" },
	{ "\n#\n12 " KEY_1 " x\n", 3, "12: after the id must come the key" },
	{ "1 g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 1, "1: after the id must come the key" },
	{ "1 " KEY_1 "\n2 " KEY_1 "\n1 " KEY_F, 3, "1: is given twice" },
	{ "1 " KEY_1 "\n2 " KEY_1 "\n3 " KEY_1 "\n4 " KEY_1 "\n5 " KEY_1, 5, "is one key too many" },
};

/* Six digits of either key in a row. */
static bool tells_key(const char *text)
{
	for (int at = 0; at + 6 <= KEY_LEN; at++) {
		char part[7];

		for (int key = 0; key < 2; key++) {
			memcpy(part, (key ? KEY_1 : KEY_F) + at, 6);
			part[6] = '\0';
			if (strstr(text, part))
				return true;
		}
	}
	return false;
}

static void test_bad(void)
{
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct keyring ring;
		char wrong[KEYFILE_WRONG_LEN];
		unsigned int line;
		int rc = keyfile_parse(&ring, bad[i].text, &line, wrong);

		if (!ok(rc == -EINVAL && line == bad[i].line && !strncmp(wrong, bad[i].wrong, strlen(bad[i].wrong)),
			"bad %zu: %s", i, bad[i].wrong))
			diag("  got %d, line %u: %s", rc, line, wrong);
		ok(!tells_key(wrong), "  without a part of a key");
	}
}

int main(void)
{
	plan(2 * COUNT(good) + 2 + 2 * COUNT(bad));
	test_good();
	test_bytes();
	test_bad();
	return tap_done();
}
