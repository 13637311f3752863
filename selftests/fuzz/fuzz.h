/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the fuzz targets share. A target is a program of libFuzzer: sanitizers see what a parser does to memory,
 * EXPECT() what it makes of its input.
 */
#ifndef SELFTESTS_FUZZ_H
#define SELFTESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#define EXPECT(cond)                                                                       \
	do {                                                                               \
		if (!(cond)) {                                                             \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                           \
		}                                                                          \
	} while (0)

/* Memory of exactly this size, so that a byte too many is seen. */
static inline void *fuzz_copy(const void *bytes, size_t len)
{
	void *copy = malloc(len ? len : 1);

	EXPECT(copy);
	if (len)
		memcpy(copy, bytes, len);
	return copy;
}

/* The same as a string. */
static inline char *fuzz_string(const void *bytes, size_t len)
{
	char *copy = malloc(len + 1);

	EXPECT(copy);
	if (len)
		memcpy(copy, bytes, len);
	copy[len] = '\0';
	return copy;
}

/* What is told to people is one line, whatever it quotes. */
static inline bool fuzz_is_one_line(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ')
			return false;
	return true;
}

/* Takes a piece of fixed size off the front; zeros where the input ends before it. */
struct fuzz_input {
	const uint8_t *bytes;
	size_t len;
};

static inline void fuzz_take(struct fuzz_input *input, void *to, size_t size)
{
	size_t n = size < input->len ? size : input->len;

	memset(to, 0, size);
	if (n)
		memcpy(to, input->bytes, n);
	input->bytes += n;
	input->len -= n;
}

static inline uint8_t fuzz_byte(struct fuzz_input *input)
{
	uint8_t byte;

	fuzz_take(input, &byte, 1);
	return byte;
}

#endif
