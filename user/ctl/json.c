// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ctl/json.h"

#include <string.h>

#define INDENT 2

/* Names are our own and need no escapes. */
static void begin(struct text *text, const char *name)
{
	char last = text->len ? text->bytes[text->len - 1] : '\n';

	if (!strchr("{[\n", last))
		text_add_bytes(text, ",", 1);
	if (!name)
		return;
	text_add_bytes(text, "\"", 1);
	text_add(text, name);
	text_add_bytes(text, "\":", 2);
}

void json_open(struct text *text, const char *name, char bracket)
{
	begin(text, name);
	text_add_bytes(text, &bracket, 1);
}

void json_close(struct text *text, char bracket)
{
	text_add_bytes(text, &bracket, 1);
}

void json_string(struct text *text, const char *name, const char *value)
{
	begin(text, name);
	text_add_bytes(text, "\"", 1);
	for (const char *c = value; *c; c++) {
		if ((unsigned char)*c < ' ')
			text_printf(text, "\\u%04x", *c);
		else if (*c == '"' || *c == '\\')
			text_add_bytes(text, (const char[]){ '\\', *c }, 2);
		else
			text_add_bytes(text, c, 1);
	}
	text_add_bytes(text, "\"", 1);
}

void json_u64(struct text *text, const char *name, uint64_t value)
{
	begin(text, name);
	text_u64(text, value);
}

void json_bool(struct text *text, const char *name, bool value)
{
	begin(text, name);
	text_add(text, value ? "true" : "false");
}

void json_null(struct text *text, const char *name)
{
	begin(text, name);
	text_add(text, "null");
}

void json_seconds(struct text *text, const char *name, uint64_t ns)
{
	begin(text, name);
	text_seconds(text, ns);
}

static void add_line(struct text *text, size_t depth)
{
	text_add_bytes(text, "\n", 1);
	text_pad(text, depth * INDENT);
}

void json_indent(struct text *text)
{
	struct text compact = *text;
	bool is_quoted = false;
	size_t depth = 0;

	*text = (struct text){ 0 };
	for (const char *at = compact.bytes; at && *at; at++) {
		bool is_bracket = !is_quoted && strchr("{[]}", *at), is_empty = is_bracket && strchr("]}", at[1]);

		if (*at == '"')
			is_quoted = !is_quoted;
		if (is_bracket && strchr("]}", *at) && !strchr("{[", at[-1]))
			add_line(text, --depth);
		text_add_bytes(text, at, 1);
		if (is_quoted && *at == '\\' && at[1])
			text_add_bytes(text, ++at, 1);
		else if (!is_quoted && *at == ':')
			text_add_bytes(text, " ", 1);
		else if (!is_quoted && *at == ',')
			add_line(text, depth);
		else if (is_bracket && strchr("{[", *at) && !is_empty)
			add_line(text, ++depth);
	}
	text_free(&compact);
}
