/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Text that grows: ten thousand virtual routers are written here first and to the outside once. */
#ifndef XCARP_CTL_TEXT_H
#define XCARP_CTL_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct text {
	char *bytes; /* NUL-terminated once something was added; NULL: nothing was */
	size_t len;
	size_t size;
};

/* Where there is no memory these end the process, with a line that says so. */
void text_add(struct text *text, const char *string);
void text_add_bytes(struct text *text, const void *bytes, size_t len);
void text_u64(struct text *text, uint64_t number);
/* Nanoseconds as seconds: 1.5, 0.000000001. */
void text_seconds(struct text *text, uint64_t ns);
void text_pad(struct text *text, size_t columns);
void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline void text_clear(struct text *text)
{
	text->len = 0;
}

/* Writes all of it to standard output. Returns 0 or -errno. */
int text_print(const struct text *text);

void text_free(struct text *text);

/* realloc() of count * size bytes that ends the process where there is no memory. */
void *ctl_realloc(void *memory, size_t count, size_t size);

/* Exit statuses. */
#define CTL_YES 0
#define CTL_NO 1
#define CTL_UNKNOWN 2 /* what was asked for could not be found out, or done */

/* "xcarpctl: ", the line, on standard error. tell() returns CTL_UNKNOWN, tell_no() CTL_NO. */
int tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
int tell_no(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
