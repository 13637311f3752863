/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Writes JSON as it goes. A library builds a tree first, an allocation a value: for ten thousand virtual routers that is
 * half a million of them, and more code here than this.
 */
#ifndef XCARP_CTL_JSON_H
#define XCARP_CTL_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "ctl/text.h"

/* Each writes a member where it has a name, else an element of an array. Commas come by themselves. */
void json_open(struct text *text, const char *name, char bracket);
void json_close(struct text *text, char bracket);
void json_string(struct text *text, const char *name, const char *value);
void json_u64(struct text *text, const char *name, uint64_t value);
void json_bool(struct text *text, const char *name, bool value);
void json_null(struct text *text, const char *name);
/* Nanoseconds, as a number of seconds. */
void json_seconds(struct text *text, const char *name, uint64_t ns);

/* Writes text anew, a member or element a line. */
void json_indent(struct text *text);

#endif
