/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Test Anything Protocol for C. A program says plan(n) first, makes n checks and ends with `return tap_done();`.
 * A check that fails tells what it got and what it wanted; one that never ran fails the program.
 */
#ifndef SELFTESTS_TAP_H
#define SELFTESTS_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
	unsigned int planned;
	unsigned int run;
	unsigned int failed;
} tap;

static inline void plan(unsigned int n)
{
	/* So that what a crash leaves behind is whole lines. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	tap.planned = n;
	printf("1..%u\n", n);
}

__attribute__((format(printf, 1, 2))) static inline void diag(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("# ");
	vprintf(format, args);
	printf("\n");
	va_end(args);
}

__attribute__((format(printf, 4, 0))) static inline bool tap_check(bool pass, const char *file, int line,
								   const char *format, va_list args)
{
	tap.run++;
	if (!pass)
		tap.failed++;
	printf("%sok %u - ", pass ? "" : "not ", tap.run);
	vprintf(format, args);
	printf("\n");
	if (!pass)
		diag("  at %s:%d", file, line);
	return pass;
}

__attribute__((format(printf, 4, 5))) static inline bool tap_ok(bool pass, const char *file, int line,
								const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tap_check(pass, file, line, format, args);
	va_end(args);
	return pass;
}

__attribute__((format(printf, 5, 6))) static inline bool tap_is_int(intmax_t got, intmax_t want, const char *file,
								    int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tap_check(got == want, file, line, format, args);
	va_end(args);
	if (got != want)
		diag("  got %jd, want %jd", got, want);
	return got == want;
}

__attribute__((format(printf, 5, 6))) static inline bool tap_is_u64(uint64_t got, uint64_t want, const char *file,
								    int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tap_check(got == want, file, line, format, args);
	va_end(args);
	if (got != want)
		diag("  got %ju, want %ju", (uintmax_t)got, (uintmax_t)want);
	return got == want;
}

__attribute__((format(printf, 5, 6))) static inline bool
tap_is_str(const char *got, const char *want, const char *file, int line, const char *format, ...)
{
	bool pass = got && want ? !strcmp(got, want) : got == want;
	va_list args;

	va_start(args, format);
	tap_check(pass, file, line, format, args);
	va_end(args);
	if (!pass) {
		diag("  got  '%s'", got ? got : "(null)");
		diag("  want '%s'", want ? want : "(null)");
	}
	return pass;
}

__attribute__((format(printf, 6, 7))) static inline bool
tap_is_mem(const void *got, const void *want, size_t len, const char *file, int line, const char *format, ...)
{
	const uint8_t *bytes[2] = { got, want };
	static const char *const words[2] = { "got ", "want" };
	bool pass = !memcmp(got, want, len);
	va_list args;

	va_start(args, format);
	tap_check(pass, file, line, format, args);
	va_end(args);
	for (int i = 0; i < 2 && !pass; i++) {
		printf("#   %s ", words[i]);
		for (size_t at = 0; at < len; at++)
			printf("%02x", bytes[i][at]);
		printf("\n");
	}
	return pass;
}

#define ok(cond, ...) tap_ok((cond), __FILE__, __LINE__, __VA_ARGS__)
#define is_int(got, want, ...) tap_is_int((intmax_t)(got), (intmax_t)(want), __FILE__, __LINE__, __VA_ARGS__)
#define is_u64(got, want, ...) tap_is_u64((got), (want), __FILE__, __LINE__, __VA_ARGS__)
#define is_str(got, want, ...) tap_is_str((got), (want), __FILE__, __LINE__, __VA_ARGS__)
#define is_mem(got, want, len, ...) tap_is_mem((got), (want), (len), __FILE__, __LINE__, __VA_ARGS__)

/* What main() returns. */
static inline int tap_done(void)
{
	if (tap.run != tap.planned)
		diag("%u checks planned, %u made", tap.planned, tap.run);
	if (tap.failed)
		diag("%u of %u checks failed", tap.failed, tap.run);
	return tap.failed || tap.run != tap.planned ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
