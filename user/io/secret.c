// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/log.h"

int secret_init(void)
{
	return sodium_init() < 0 ? -EIO : 0;
}

void *secret_alloc(size_t len)
{
	void *memory = sodium_malloc(len);

	if (memory)
		memset(memory, 0, len);
	return memory;
}

void secret_free(void *memory)
{
	sodium_free(memory);
}

void secret_lock(void *memory, size_t len)
{
	sodium_mlock(memory, len);
}

void secret_from_text(struct secret *secret, const char *text)
{
	secret->len = strnlen(text, sizeof(secret->bytes));
	memcpy(secret->bytes, text, secret->len);
}

/* Byte by byte, with no buffer that would keep a copy. */
static const char *read_line(struct secret *secret, int fd)
{
	for (;;) {
		uint8_t byte;
		ssize_t n = read(fd, &byte, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return strerror(errno);
		if (!n || byte == '\n')
			break;
		if (!byte)
			return "its first line must be a password, and has a NUL byte";
		if (secret->len == sizeof(secret->bytes))
			return "its first line must be a password of 1 to 20 characters, and is longer";
		secret->bytes[secret->len++] = byte;
	}
	return secret->len ? NULL : "its first line must be a password of 1 to 20 characters, and is empty";
}

const char *secret_from_file(struct secret *secret, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	const char *wrong;

	if (fd < 0)
		return strerror(errno);
	if (!fstat(fd, &status) && S_ISREG(status.st_mode) && status.st_mode & S_IROTH)
		log_warn("Warning: -o %s: everybody can read it; `chmod 600` it", path);
	secret->len = 0;
	wrong = read_line(secret, fd);
	close(fd);
	return wrong;
}

static const char *read_whole(int fd, char *text, size_t len)
{
	size_t at = 0;

	while (at < len) {
		ssize_t n = read(fd, text + at, len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return strerror(errno);
		if (!n)
			break;
		at += (size_t)n;
	}
	return memchr(text, '\0', at) ? "has a NUL byte; must be text" : NULL;
}

char *secret_read_file(const char *path, const char **why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	char *text = NULL;

	*why = NULL;
	if (fd < 0 || fstat(fd, &status)) {
		*why = strerror(errno);
	} else if (!S_ISREG(status.st_mode)) {
		*why = "must be a file";
	} else {
		text = secret_alloc((size_t)status.st_size + 1);
		*why = text ? read_whole(fd, text, (size_t)status.st_size) : "no guarded memory for it";
	}
	if (fd >= 0)
		close(fd);
	if (!*why)
		return text;
	secret_free(text);
	return NULL;
}

uint64_t secret_random64(void)
{
	uint64_t random;

	randombytes_buf(&random, sizeof(random));
	return random;
}
