// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"

#define ARGON2_PASSES 2
#define ARGON2_MEMORY (64 << 20)
#define PRINT_PASSES 16
#define PRINT_MEMORY (4 << 20)
#define PASSWORD_WAIT_MS 5000

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

bool secret_equal(const void *a, const void *b, size_t len)
{
	return !sodium_memcmp(a, b, len);
}

static bool begins_with_bom(const struct secret *secret)
{
	return secret->len >= TEXT_BOM_LEN && !memcmp(secret->bytes, TEXT_BOM, TEXT_BOM_LEN);
}

static const char *odd_begin(const struct secret *secret, enum secret_source source)
{
	if (begins_with_bom(secret))
		return "begins with a byte order mark";
	if (source == SECRET_LINE && secret->bytes[0] == ' ')
		return "begins with a blank";
	return source == SECRET_LINE && secret->bytes[0] == '\t' ? "begins with a tab" : NULL;
}

static const char *odd_end(const struct secret *secret, enum secret_source source)
{
	uint8_t last = secret->bytes[secret->len - 1];

	if (last == '\r')
		return "ends in a carriage return";
	if (source == SECRET_LINE && last == ' ')
		return "ends in a blank";
	return source == SECRET_LINE && last == '\t' ? "ends in a tab" : NULL;
}

static bool is_control(uint8_t byte)
{
	return byte < ' ' || byte == 0x7f;
}

size_t secret_oddities(const struct secret *secret, enum secret_source source, const char *odd[SECRET_ODDITIES_MAX])
{
	size_t count = 0, from = 0, to = secret->len;

	if (!secret->len)
		return 0;
	if ((odd[count] = odd_begin(secret, source))) {
		from++;
		count++;
	}
	if ((odd[count] = odd_end(secret, source))) {
		to--;
		count++;
	}
	while (from < to && !is_control(secret->bytes[from]))
		from++;
	if (from < to)
		odd[count++] = "has a control character in it";
	return count;
}

/* A pipe that nobody writes to, or a terminal, would be waited for. */
static bool has_something(int fd)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	int n;

	do {
		n = poll(&readable, 1, PASSWORD_WAIT_MS);
	} while (n < 0 && errno == EINTR);
	return n;
}

/* Byte by byte, with no buffer that would keep a copy. */
static const char *read_line(struct secret *secret, int fd)
{
	for (;;) {
		uint8_t byte;
		ssize_t n;

		if (!has_something(fd))
			return "nobody writes to it";
		n = read(fd, &byte, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return strerror(errno);
		if (!n || byte == '\n')
			break;
		if (!byte)
			return "its first line must be a password, and has a NUL byte";
		if (secret->len == sizeof(secret->bytes))
			return begins_with_bom(secret) ?
				       "its first line must be a password of 1 to 20 characters, and is longer, with a byte order mark "
				       "before it" :
				       "its first line must be a password of 1 to 20 characters, and is longer";
		secret->bytes[secret->len++] = byte;
	}
	return secret->len ? NULL : "its first line must be a password of 1 to 20 characters, and is empty";
}

static bool is_public_file(const struct stat *status)
{
	return S_ISREG(status->st_mode) && status->st_mode & S_IROTH;
}

const char *secret_from_file(struct secret *secret, const char *path, bool *is_public)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	const char *wrong;

	*is_public = false;
	if (fd < 0)
		return strerror(errno);
	*is_public = !fstat(fd, &status) && is_public_file(&status);
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

char *secret_read_file(const char *path, const char **why, bool *is_public)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
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
	if (!*why && is_public)
		*is_public = is_public_file(&status);
	if (!*why)
		return text;
	secret_free(text);
	return NULL;
}

int secret_stretch(uint8_t key[SECRET_KEY_LEN], const struct secret *password)
{
	static const uint8_t salt[crypto_pwhash_SALTBYTES] = "xcarp siphash 1";

	return crypto_pwhash(key, SECRET_KEY_LEN, (const char *)password->bytes, password->len, salt, ARGON2_PASSES,
			     ARGON2_MEMORY, crypto_pwhash_ALG_ARGON2ID13) ? -ENOMEM : 0;
}

uint16_t secret_print(const void *bytes, size_t len)
{
	static const uint8_t salt[crypto_pwhash_SALTBYTES] = "xcarp print 1";
	uint8_t hash[crypto_pwhash_BYTES_MIN];
	uint16_t print;

	if (crypto_pwhash(hash, sizeof(hash), bytes, len, salt, PRINT_PASSES, PRINT_MEMORY, crypto_pwhash_ALG_ARGON2ID13))
		return 0;
	print = (uint16_t)(hash[0] << 8 | hash[1]);
	explicit_bzero(hash, sizeof(hash));
	return print ? print : 1;
}

void secret_derive(uint8_t *derived, size_t len, const uint8_t key[SECRET_KEY_LEN], const void *context, size_t context_len)
{
	crypto_generichash(derived, len, context, context_len, key, SECRET_KEY_LEN);
}

void secret_random(void *bytes, size_t len)
{
	randombytes_buf(bytes, len);
}

uint64_t secret_random64(void)
{
	/* A system call each would cost more than signing does. */
	static _Thread_local uint64_t drawn[64];
	static _Thread_local unsigned int left;

	if (!left) {
		left = sizeof(drawn) / sizeof(*drawn);
		randombytes_buf(drawn, sizeof(drawn));
	}
	return drawn[--left];
}
