// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ctl/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 4096

static void write_line(const char *format, va_list args)
{
	fputs("xcarpctl: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

int tell(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(format, args);
	va_end(args);
	return CTL_UNKNOWN;
}

int tell_no(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(format, args);
	va_end(args);
	return CTL_NO;
}

void *ctl_realloc(void *memory, size_t count, size_t size)
{
	/* A table of nothing is a pointer too, so NULL keeps meaning failure. */
	void *grown = reallocarray(memory, count ?: 1, size);

	if (!grown)
		exit(tell("out of memory"));
	return grown;
}

static void reserve(struct text *text, size_t more)
{
	size_t needed = text->len + more + 1;

	if (needed <= text->size)
		return;
	while (text->size < needed)
		text->size = text->size ? text->size * 2 : FIRST_SIZE;
	text->bytes = ctl_realloc(text->bytes, text->size, 1);
}

void text_add_bytes(struct text *text, const void *bytes, size_t len)
{
	reserve(text, len);
	memcpy(text->bytes + text->len, bytes, len);
	text->len += len;
	text->bytes[text->len] = '\0';
}

void text_add(struct text *text, const char *string)
{
	text_add_bytes(text, string, strlen(string));
}

/* printf() takes four times as long, and a scrape has a hundred thousand numbers. */
void text_u64(struct text *text, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + number % 10);
	while (number /= 10);
	text_add_bytes(text, digits + at, sizeof(digits) - at);
}

void text_seconds(struct text *text, uint64_t ns)
{
	char digits[] = ".000000000";
	uint64_t fraction = ns % 1000000000u;
	size_t len = strlen(digits);

	text_u64(text, ns / 1000000000u);
	if (!fraction)
		return;
	for (size_t at = len - 1; at; at--, fraction /= 10)
		digits[at] = (char)('0' + fraction % 10);
	while (digits[len - 1] == '0')
		len--;
	text_add_bytes(text, digits, len);
}

void text_pad(struct text *text, size_t columns)
{
	reserve(text, columns);
	memset(text->bytes + text->len, ' ', columns);
	text->len += columns;
	text->bytes[text->len] = '\0';
}

void text_printf(struct text *text, const char *format, ...)
{
	char line[512];
	va_list args, again;
	int len;

	va_start(args, format);
	va_copy(again, args);
	len = vsnprintf(line, sizeof(line), format, args);
	if (len > 0 && (size_t)len < sizeof(line)) {
		text_add_bytes(text, line, (size_t)len);
	} else if (len > 0) {
		reserve(text, (size_t)len);
		vsnprintf(text->bytes + text->len, (size_t)len + 1, format, again);
		text->len += (size_t)len;
	}
	va_end(again);
	va_end(args);
}

int text_print(const struct text *text)
{
	if (text->len && fwrite(text->bytes, 1, text->len, stdout) != text->len)
		return errno ? -errno : -EIO;
	return fflush(stdout) ? -errno : 0;
}

void text_free(struct text *text)
{
	free(text->bytes);
	*text = (struct text){ 0 };
}
