// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Files with passwords in them: the first line of one, and a whole one as text. */
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "io/secret.h"

static void check_password(const struct secret *secret, const uint8_t *bytes, size_t len)
{
	const uint8_t *newline = memchr(bytes, '\n', len);
	size_t line_len = newline ? (size_t)(newline - bytes) : len;

	EXPECT(secret->len && secret->len <= CARP_KEY_MAX && secret->len == line_len);
	EXPECT(secret_equal(secret->bytes, bytes, line_len) && !memchr(bytes, '\0', line_len));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static int fd = -1;
	static char path[32];
	struct secret secret;
	bool is_public;
	const char *why;
	char *text;

	if (fd < 0) {
		EXPECT(!secret_init());
		fd = memfd_create("passfile", MFD_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	EXPECT(!ftruncate(fd, (off_t)len) && pwrite(fd, bytes, len, 0) == (ssize_t)len);
	if (!secret_from_file(&secret, path, &is_public))
		check_password(&secret, bytes, len);
	text = secret_read_file(path, &why, NULL);
	EXPECT(!text == !!why);
	if (text)
		EXPECT(strlen(text) == len && !memcmp(text, bytes, len));
	secret_free(text);
	return 0;
}
