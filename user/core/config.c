// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"
#include "text.h"

#define WORDS_MAX 256 /* in a line */
#define VIPS_CHUNK 4096
#define INCLUDE_DEPTH_MAX 16
#define FILES_MAX 65536 /* included: a file that is included twice by one that is, and so on, is read very often */
#define PATH_LEN 1024
#define ERROR_LEN (OPTIONS_ERROR_LEN + PATH_LEN)

struct config_file {
	struct config_file *next;
	char *text; /* NULL: given back */
	char path[];
};

/* The addresses of many virtual routers, where they stay. */
struct config_vips {
	struct config_vips *next;
	size_t used;
	struct vip vips[VIPS_CHUNK];
};

/* Words of a line, as argv: the first is nobody's. */
struct words {
	int count;
	char *argv[WORDS_MAX];
};

struct reader {
	struct config *config;
	const struct config_source *source;
	struct options line; /* the one being read */
	unsigned int file_count;
	bool failed;
	bool includes_end; /* they have no end: no other is followed */
};

/* One file being read. */
struct scope {
	struct reader *reader;
	const struct config_file *file;
	unsigned int line; /* where the current line starts */
	unsigned int next_line;
	char *rest;
	bool line_over;
	struct options defaults;
	const struct scope *from; /* the one that includes this one; NULL: none does */
	int depth;
};

/* line: 0 where it is about the whole file. */
__attribute__((format(printf, 4, 0))) static void compose(char text[ERROR_LEN], const char *file, unsigned int line,
							  const char *format, va_list args)
{
	int len = line ? snprintf(text, ERROR_LEN, "%s:%u: ", file, line) : snprintf(text, ERROR_LEN, "%s: ", file);

	if (len > 0 && (size_t)len < ERROR_LEN)
		vsnprintf(text + len, ERROR_LEN - (size_t)len, format, args);
	/* One line, whatever a file or its name has in it. */
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = '?';
}

__attribute__((format(printf, 4, 5))) static void fail(struct reader *reader, const char *file, unsigned int line,
						       const char *format, ...)
{
	char text[ERROR_LEN];
	va_list args;

	va_start(args, format);
	compose(text, file, line, format, args);
	va_end(args);
	reader->failed = true;
	reader->source->error(reader->source->ctx, text);
}

__attribute__((format(printf, 4, 5))) static void remark(struct reader *reader, const char *file, unsigned int line,
							 const char *format, ...)
{
	char text[ERROR_LEN];
	va_list args;

	va_start(args, format);
	compose(text, file, line, format, args);
	va_end(args);
	reader->source->remark(reader->source->ctx, text);
}

/* A backslash and what it stands before; true if that goes into the word. In double quotes it escapes little. */
static bool take_escape(struct scope *scope, char **from, char *to, bool is_quoted)
{
	char next = (*from)[1];

	if (next == '\n') {
		*from += 2;
		scope->next_line++;
		return false;
	}
	if (!next || (is_quoted && !strchr("\"\\$`", next))) {
		*to = *(*from)++;
		return true;
	}
	*to = next;
	*from += 2;
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static char *skip_blanks(struct scope *scope, char *from)
{
	for (;;) {
		if (from[0] == '\\' && from[1] == '\n') {
			from += 2;
			scope->next_line++;
		} else if (is_blank(*from)) {
			from++;
		} else {
			break;
		}
	}
	return *from == '#' ? from + strcspn(from, "\n") : from;
}

/* from is at a newline, at the text's end or at a blank. */
static void end_word(struct scope *scope, char *from)
{
	scope->line_over = !*from || *from == '\n';
	scope->rest = *from ? from + 1 : from;
}

/*
 * The line's next word, unquoted in place: what a word becomes is never longer than what it was. NULL at the end of the
 * line, with *wrong set where a quote has no end: no value has a newline in it, and the lines that follow are to be read too.
 */
static char *next_word(struct scope *scope, const char **wrong)
{
	char *from, *word, *to, quote = '\0';

	if (scope->line_over)
		return NULL;
	from = skip_blanks(scope, scope->rest);
	if (!*from || *from == '\n') {
		end_word(scope, from);
		return NULL;
	}

	word = to = from;
	while (*from && *from != '\n' && (quote || !is_blank(*from))) {
		if (*from == '\\' && quote != '\'') {
			to += take_escape(scope, &from, to, quote == '"');
		} else if (quote ? *from == quote : *from == '"' || *from == '\'') {
			quote = quote ? '\0' : *from;
			from++;
		} else {
			*to++ = *from++;
		}
	}
	end_word(scope, from);
	*to = '\0';
	if (quote)
		*wrong = quote == '"' ? "the \" has no end in this line" : "the ' has no end in this line";
	return quote ? NULL : word;
}

/* False where the line is not to be used; what is wrong with it has been told. */
static bool read_words(struct scope *scope, struct words *words)
{
	const char *wrong = NULL;
	char *word;
	bool is_long = false;

	scope->line = scope->next_line;
	scope->line_over = false;
	while ((word = next_word(scope, &wrong))) {
		if (words->count < WORDS_MAX)
			words->argv[words->count++] = word;
		else
			is_long = true;
	}
	scope->next_line++;
	if (is_long)
		wrong = "too many words; a line has at most 255";
	if (wrong)
		fail(scope->reader, scope->file->path, scope->line, "%s", wrong);
	return !wrong;
}

static bool grow(struct config *config)
{
	size_t room = config->room ? config->room * 2 : 16;
	struct config_vr *vrs;

	if (config->count < config->room)
		return true;
	vrs = reallocarray(config->vrs, room, sizeof(*vrs));
	if (!vrs)
		return false;
	config->vrs = vrs;
	config->room = room;
	return true;
}

/* Memory for so many that stays until config_free(). NULL where it is short. */
static struct vip *take_vips(struct config *config, size_t count)
{
	struct config_vips *chunk = config->vips;

	if (!chunk || chunk->used + count > VIPS_CHUNK) {
		chunk = malloc(sizeof(*chunk));
		if (!chunk)
			return NULL;
		chunk->used = 0;
		chunk->next = config->vips;
		config->vips = chunk;
	}
	chunk->used += count;
	return &chunk->vips[chunk->used - count];
}

static bool add_vr(struct scope *scope, const struct vr_options *options)
{
	struct config *config = scope->reader->config;
	struct vip *vips = take_vips(config, options->vip_count);
	struct config_vr *vr;

	if (!vips || !grow(config))
		return false;
	memcpy(vips, options->vips, options->vip_count * sizeof(*vips));
	vr = &config->vrs[config->count++];
	vr->options = *options;
	vr->options.vips = vips;
	vr->file = scope->file->path;
	vr->line = scope->line;
	return true;
}

static void take_vr(struct scope *scope, struct words *words)
{
	struct options *line = &scope->reader->line;
	char error[OPTIONS_ERROR_LEN];

	if (options_parse_vr(line, &scope->defaults.vr, words->count, words->argv, error))
		fail(scope->reader, scope->file->path, scope->line, "%s", error);
	else if (!add_vr(scope, &line->vr))
		fail(scope->reader, scope->file->path, scope->line, "out of memory");
}

/* The last good ones, with their addresses. */
static void set_defaults(struct options *defaults, const struct options *from)
{
	memcpy(defaults, from, sizeof(*defaults));
	defaults->vr.vips = defaults->vips;
}

static void take_defaults(struct scope *scope, struct words *words)
{
	struct options *line = &scope->reader->line;
	char error[OPTIONS_ERROR_LEN];

	/* Its first word is `default` itself: nobody's, as in argv. */
	if (options_parse_defaults(line, words->count - 1, words->argv + 1, error))
		fail(scope->reader, scope->file->path, scope->line, "%s", error);
	else
		set_defaults(&scope->defaults, line);
}

static void read_file(struct reader *reader, const char *path, const struct scope *from);

static void found_include(void *ctx, const char *path)
{
	struct scope *scope = ctx;

	if (!scope->reader->includes_end)
		read_file(scope->reader, path, scope);
}

/* Patterns are relative to the file that they stand in. */
static void take_include(struct scope *scope, const struct words *words)
{
	const char *file = scope->file->path, *slash = strrchr(file, '/');
	const char *name;
	char pattern[PATH_LEN];
	int len;

	if (words->count != 3) {
		fail(scope->reader, file, scope->line, "include: needs one file name or pattern");
		return;
	}
	name = words->argv[2];
	if (name[0] == '/' || !slash)
		len = snprintf(pattern, sizeof(pattern), "%s", name);
	else
		len = snprintf(pattern, sizeof(pattern), "%.*s/%s", (int)(slash - file), file, name);
	if ((size_t)len >= sizeof(pattern)) {
		fail(scope->reader, file, scope->line, "include %.64s...: the name is too long", name);
		return;
	}
	if (scope->reader->source->expand(scope->reader->source->ctx, pattern, found_include, scope))
		return;
	/* A directory may be empty yet. */
	if (strpbrk(pattern, "*?["))
		remark(scope->reader, file, scope->line, "include %s: no file fits", pattern);
	else
		fail(scope->reader, file, scope->line, "include %s: no such file", pattern);
}

static void read_line(struct scope *scope)
{
	static char nobody[] = "xcarp";
	struct words words;

	words.count = 0;
	words.argv[words.count++] = nobody;
	if (!read_words(scope, &words) || words.count == 1)
		return;
	if (!strcmp(words.argv[1], "default"))
		take_defaults(scope, &words);
	else if (!strcmp(words.argv[1], "include"))
		take_include(scope, &words);
	else
		take_vr(scope, &words);
}

static struct config_file *keep_file(struct config *config, const char *path, char *text)
{
	struct config_file *file = malloc(sizeof(*file) + strlen(path) + 1);

	if (!file)
		return NULL;
	strcpy(file->path, path);
	file->text = text;
	file->next = config->files;
	config->files = file;
	return file;
}

static bool is_being_read(const struct scope *scope, const char *path)
{
	for (; scope; scope = scope->from)
		if (scope->reader->source->is_same(scope->reader->source->ctx, scope->file->path, path))
			return true;
	return false;
}

/* from: the file that includes this one; NULL: none. */
static void read_file(struct reader *reader, const char *path, const struct scope *from)
{
	struct scope scope = { .reader = reader, .next_line = 1, .from = from, .depth = from ? from->depth + 1 : 0 };
	const char *why = "out of memory", *told = from ? from->file->path : path;
	unsigned int line = from ? from->line : 0;
	char *text;

	if (is_being_read(from, path)) {
		reader->includes_end = true;
		fail(reader, told, line, "include %s: this file would include itself", path);
		return;
	}
	if (scope.depth > INCLUDE_DEPTH_MAX || reader->file_count++ == FILES_MAX) {
		reader->includes_end = true;
		fail(reader, told, line, "include %s: more than %d files%s; does it include itself?", path,
		     scope.depth > INCLUDE_DEPTH_MAX ? INCLUDE_DEPTH_MAX : FILES_MAX,
		     scope.depth > INCLUDE_DEPTH_MAX ? " deep" : " in all");
		return;
	}
	text = reader->source->read(reader->source->ctx, path, &why);
	scope.file = text ? keep_file(reader->config, path, text) : NULL;
	if (!scope.file) {
		if (text)
			reader->source->release(reader->source->ctx, text);
		fail(reader, told, line, "%s%s%s", from ? path : "", from ? ": " : "", why);
		return;
	}
	scope.rest = text + text_bom_len(text);
	set_defaults(&scope.defaults, from ? &from->defaults : &reader->line);
	while (*scope.rest)
		read_line(&scope);
}

/* Two lines that mean the same virtual router, or the same address on one interface. */

/* What is looked for among those that came before. */
struct seek {
	const struct config *config;
	const struct vr_options *options;
	const struct vip *vip;
};

/* Without a name it is the interface that holds the source address. */
static bool is_same_place(const struct vr_options *a, const struct vr_options *b)
{
	return !strcmp(a->interface, b->interface) && (*a->interface || a->source == b->source);
}

static uint32_t hash_place(const struct vr_options *options)
{
	return *options->interface ? table_hash(0, options->interface, strlen(options->interface)) :
				     table_hash(0, &options->source, sizeof(options->source));
}

static bool is_vrouter(const void *ctx, uint32_t number)
{
	const struct seek *seek = ctx;
	const struct vr_options *a = seek->options, *b = &seek->config->vrs[number].options;

	return a->vhid == b->vhid && a->group == b->group && is_same_place(a, b);
}

static void refuse_same_vrouters(struct reader *reader)
{
	const struct config *config = reader->config;
	struct table *seen = table_new(config->count);

	if (!seen)
		fail(reader, config->vrs[0].file, 0, "out of memory");
	for (uint32_t i = 0; seen && i < config->count; i++) {
		const struct config_vr *vr = &config->vrs[i], *first;
		struct seek seek = { .config = config, .options = &vr->options };
		struct table_key key = { .hash = hash_place(&vr->options), .is = is_vrouter, .ctx = &seek };
		uint32_t found;

		key.hash = table_hash(key.hash, &vr->options.group, sizeof(vr->options.group));
		key.hash = table_hash(key.hash, &vr->options.vhid, sizeof(vr->options.vhid));
		found = table_enter(seen, &key, i);
		if (found == TABLE_NONE)
			continue;
		first = &config->vrs[found];
		fail(reader, vr->file, vr->line,
		     "-v %u: %s:%u has this virtual router already; interface, --mcastip and -v together must be unique",
		     vr->options.vhid, first->file, first->line);
	}
	table_free(seen);
}

/* The number of an address: its virtual router's, and its place there. */

static bool is_vip(const void *ctx, uint32_t number)
{
	const struct seek *seek = ctx;
	const struct vr_options *options = &seek->config->vrs[number / CARP_VIPS_MAX].options;

	return !vip_compare(seek->vip, &options->vips[number % CARP_VIPS_MAX]) && is_same_place(seek->options, options);
}

static void refuse_same_vip(struct reader *reader, struct table *seen, uint32_t number)
{
	const struct config *config = reader->config;
	const struct config_vr *vr = &config->vrs[number / CARP_VIPS_MAX], *first;
	const struct vip *vip = &vr->options.vips[number % CARP_VIPS_MAX];
	struct seek seek = { .config = config, .options = &vr->options, .vip = vip };
	struct table_key key = { .is = is_vip, .ctx = &seek };
	uint32_t found;
	char text[VIP_TEXT_LEN];

	key.hash = table_hash(hash_place(&vr->options), vip->address, vip_len(vip));
	found = table_enter(seen, &key, number);
	if (found == TABLE_NONE)
		return;
	first = &config->vrs[found / CARP_VIPS_MAX];
	fail(reader, vr->file, vr->line,
	     "-a %s: %s:%u has this address already; one virtual router of an interface must have it",
	     vip_format(vip, false, text), first->file, first->line);
}

static void refuse_same_vips(struct reader *reader)
{
	const struct config *config = reader->config;
	struct table *seen;
	size_t count = 0;

	for (size_t i = 0; i < config->count; i++)
		count += config->vrs[i].options.vip_count;
	seen = table_new(count);
	if (!seen)
		fail(reader, config->vrs[0].file, 0, "out of memory");
	for (uint32_t i = 0; seen && i < config->count; i++)
		for (uint32_t j = 0; j < config->vrs[i].options.vip_count; j++)
			refuse_same_vip(reader, seen, i * CARP_VIPS_MAX + j);
	table_free(seen);
}

static void refuse_same(struct reader *reader)
{
	/* One alone is like no other, and may be the command line's, which has no file. */
	if (reader->config->count < 2)
		return;
	refuse_same_vrouters(reader);
	refuse_same_vips(reader);
}

int config_check_unique(struct config *config, const struct config_source *source)
{
	struct reader reader = { .config = config, .source = source };

	refuse_same(&reader);
	return reader.failed ? -EINVAL : 0;
}

int config_read(struct config *config, const char *path, const struct config_source *source)
{
	static char *nobody[] = { NULL };
	struct reader reader = { .config = config, .source = source };
	char error[OPTIONS_ERROR_LEN];

	*config = (struct config){ 0 };
	options_parse_defaults(&reader.line, 1, nobody, error);
	read_file(&reader, path, NULL);
	if (!reader.failed && !config->count)
		fail(&reader, path, 0, "has no virtual router; a line such as `-i eth0 -s 10.1.1.10 -v 10 -o FILE -a 10.1.1.252` is one");
	refuse_same(&reader);
	return reader.failed ? -EINVAL : 0;
}

void config_forget(struct config *config, const struct config_source *source)
{
	for (struct config_file *file = config->files; file; file = file->next) {
		if (file->text)
			source->release(source->ctx, file->text);
		file->text = NULL;
	}
	while (config->vips) {
		struct config_vips *chunk = config->vips;

		config->vips = chunk->next;
		free(chunk);
	}
	free(config->vrs);
	config->vrs = NULL;
	config->count = config->room = 0;
}

void config_free(struct config *config, const struct config_source *source)
{
	config_forget(config, source);
	while (config->files) {
		struct config_file *file = config->files;

		config->files = file->next;
		free(file);
	}
}
