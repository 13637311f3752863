// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 256 /* in a line and its defaults together */
#define INCLUDE_DEPTH_MAX 16
#define PATH_LEN 1024
#define ERROR_LEN (OPTIONS_ERROR_LEN + PATH_LEN)

struct config_file {
	struct config_file *next;
	char *text;
	char path[];
};

/* Words of a line, as argv: the first is nobody's. */
struct words {
	int count;
	char *argv[WORDS_MAX];
};

struct reader {
	struct config *config;
	const struct config_source *source;
	bool failed;
};

/* One file being read. */
struct scope {
	struct reader *reader;
	const struct config_file *file;
	unsigned int line; /* where the current line starts */
	unsigned int next_line;
	char *rest;
	bool line_over;
	struct words defaults;
	int depth;
};

__attribute__((format(printf, 4, 5))) static void fail(struct reader *reader, const char *file, unsigned int line,
						       const char *format, ...)
{
	char text[ERROR_LEN];
	va_list args;
	int len = line ? snprintf(text, sizeof(text), "%s:%u: ", file, line) : snprintf(text, sizeof(text), "%s: ", file);

	va_start(args, format);
	if (len > 0 && (size_t)len < sizeof(text))
		vsnprintf(text + len, sizeof(text) - (size_t)len, format, args);
	va_end(args);
	reader->failed = true;
	reader->source->error(reader->source->ctx, text);
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
 * line, with *wrong set where a quote has no end.
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
	while (*from && (quote || (!is_blank(*from) && *from != '\n'))) {
		if (*from == '\\' && quote != '\'') {
			to += take_escape(scope, &from, to, quote == '"');
		} else if (quote ? *from == quote : *from == '"' || *from == '\'') {
			quote = quote ? '\0' : *from;
			from++;
		} else {
			scope->next_line += *from == '\n';
			*to++ = *from++;
		}
	}
	end_word(scope, from);
	*to = '\0';
	if (quote)
		*wrong = quote == '"' ? "the \" has no end" : "the ' has no end";
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
		wrong = "too many words; a line and its defaults have at most 255";
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

static void take_vr(struct scope *scope, struct words *words)
{
	struct config *config = scope->reader->config;
	struct config_vr *vr;
	char error[OPTIONS_ERROR_LEN];

	if (!grow(config)) {
		fail(scope->reader, scope->file->path, scope->line, "out of memory");
		return;
	}
	vr = &config->vrs[config->count];
	*vr = (struct config_vr){ .file = scope->file->path, .line = scope->line };
	if (options_parse_vr(&vr->options, words->count, words->argv, error))
		fail(scope->reader, scope->file->path, scope->line, "%s", error);
	else
		config->count++;
}

static void take_defaults(struct scope *scope, struct words *words)
{
	char error[OPTIONS_ERROR_LEN];

	/* Its first word is `default` itself: nobody's, as in argv. */
	if (options_parse_defaults(words->count, words->argv, error)) {
		fail(scope->reader, scope->file->path, scope->line, "%s", error);
		return;
	}
	scope->defaults = *words;
}

static void read_file(struct reader *reader, const char *path, const struct scope *from);

static void found_include(void *ctx, const char *path)
{
	struct scope *scope = ctx;

	read_file(scope->reader, path, scope);
}

/* Patterns are relative to the file that they stand in. */
static void take_include(struct scope *scope, const struct words *words)
{
	const char *file = scope->file->path, *slash = strrchr(file, '/');
	char pattern[PATH_LEN];
	int len;

	if (words->count != 2) {
		fail(scope->reader, file, scope->line, "include: needs one file name or pattern");
		return;
	}
	if (words->argv[1][0] == '/' || !slash)
		len = snprintf(pattern, sizeof(pattern), "%s", words->argv[1]);
	else
		len = snprintf(pattern, sizeof(pattern), "%.*s/%s", (int)(slash - file), file, words->argv[1]);
	if ((size_t)len >= sizeof(pattern)) {
		fail(scope->reader, file, scope->line, "include %.64s...: the name is too long", words->argv[1]);
		return;
	}
	if (!scope->reader->source->expand(scope->reader->source->ctx, pattern, found_include, scope) &&
	    !strpbrk(pattern, "*?["))
		fail(scope->reader, file, scope->line, "include %s: no such file", pattern);
}

static void read_line(struct scope *scope)
{
	struct words words = { .count = 0 };

	if (!read_words(scope, &words) || !words.count)
		return;
	if (!strcmp(words.argv[0], "default")) {
		take_defaults(scope, &words);
	} else if (!strcmp(words.argv[0], "include")) {
		take_include(scope, &words);
	} else if (words.count + scope->defaults.count > WORDS_MAX) {
		fail(scope->reader, scope->file->path, scope->line, "too many words; a line and its defaults have at most 255");
	} else {
		struct words all = scope->defaults;

		memcpy(all.argv + all.count, words.argv, (size_t)words.count * sizeof(*words.argv));
		all.count += words.count;
		take_vr(scope, &all);
	}
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

/* from: the file that includes this one; NULL: none. */
static void read_file(struct reader *reader, const char *path, const struct scope *from)
{
	static char nobody[] = "xcarp";
	struct scope scope = { .reader = reader, .next_line = 1, .depth = from ? from->depth + 1 : 0 };
	const char *why = "out of memory", *told = from ? from->file->path : path;
	unsigned int line = from ? from->line : 0;
	char *text;

	if (scope.depth > INCLUDE_DEPTH_MAX) {
		fail(reader, told, line, "include %s: more than %d files deep; does it include itself?", path,
		     INCLUDE_DEPTH_MAX);
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
	scope.rest = text;
	if (from)
		scope.defaults = from->defaults;
	else
		scope.defaults = (struct words){ .count = 1, .argv = { nobody } };
	while (*scope.rest)
		read_line(&scope);
}

/* Two lines that mean the same virtual router, or the same address on one interface. */

static int compare_places(const struct vr_options *a, const struct vr_options *b)
{
	int order = strcmp(a->interface, b->interface);

	/* Without a name it is the interface that holds the source address. */
	if (!order && !*a->interface)
		order = memcmp(&a->source, &b->source, sizeof(a->source));
	return order;
}

static int compare_identities(const void *x, const void *y)
{
	const struct config_vr *a = *(const struct config_vr *const *)x, *b = *(const struct config_vr *const *)y;
	int order = compare_places(&a->options, &b->options);

	if (!order)
		order = memcmp(&a->options.group, &b->options.group, sizeof(a->options.group));
	return order ? order : (int)a->options.vhid - (int)b->options.vhid;
}

static void refuse_same_vrouters(struct reader *reader)
{
	struct config *config = reader->config;
	const struct config_vr **sorted = calloc(config->count, sizeof(struct config_vr *));

	if (!sorted) {
		fail(reader, config->files->path, 0, "out of memory");
		return;
	}
	for (size_t i = 0; i < config->count; i++)
		sorted[i] = &config->vrs[i];
	qsort(sorted, config->count, sizeof(*sorted), compare_identities);
	for (size_t i = 1; i < config->count; i++) {
		const struct config_vr *a = sorted[i - 1], *b = sorted[i];

		if (compare_identities(&a, &b))
			continue;
		fail(reader, b->file, b->line,
		     "-v %u: %s:%u has this virtual router already; interface, --mcastip and -v together must be unique",
		     b->options.vhid, a->file, a->line);
	}
	free(sorted);
}

/* An address and whose it is to be. */
struct vip_use {
	const struct config_vr *vr;
	const struct vip *vip;
};

static int compare_vip_uses(const void *x, const void *y)
{
	const struct vip_use *a = x, *b = y;
	int order = compare_places(&a->vr->options, &b->vr->options);

	return order ? order : vip_compare(a->vip, b->vip);
}

static void refuse_same_vips(struct reader *reader)
{
	struct config *config = reader->config;
	struct vip_use *uses;
	size_t count = 0;

	for (size_t i = 0; i < config->count; i++)
		count += config->vrs[i].options.vip_count;
	uses = calloc(count, sizeof(*uses));
	if (!uses) {
		fail(reader, config->files->path, 0, "out of memory");
		return;
	}
	count = 0;
	for (size_t i = 0; i < config->count; i++)
		for (unsigned int j = 0; j < config->vrs[i].options.vip_count; j++)
			uses[count++] = (struct vip_use){ &config->vrs[i], &config->vrs[i].options.vips[j] };
	qsort(uses, count, sizeof(*uses), compare_vip_uses);
	for (size_t i = 1; i < count; i++) {
		char text[VIP_TEXT_LEN];

		if (compare_vip_uses(&uses[i - 1], &uses[i]))
			continue;
		fail(reader, uses[i].vr->file, uses[i].vr->line,
		     "-a %s: %s:%u has this address already; one virtual router of an interface must have it",
		     vip_format(uses[i].vip, false, text), uses[i - 1].vr->file, uses[i - 1].vr->line);
	}
	free(uses);
}

int config_check_unique(struct config *config, const struct config_source *source)
{
	struct reader reader = { .config = config, .source = source };

	if (!config->count)
		return 0;
	refuse_same_vrouters(&reader);
	refuse_same_vips(&reader);
	return reader.failed ? -EINVAL : 0;
}

int config_read(struct config *config, const char *path, const struct config_source *source)
{
	struct reader reader = { .config = config, .source = source };

	*config = (struct config){ 0 };
	read_file(&reader, path, NULL);
	if (!reader.failed && !config->count)
		fail(&reader, path, 0, "has no virtual router; a line such as `-i eth0 -s 10.1.1.10 -v 10 -o FILE -a 10.1.1.252` is one");
	return config_check_unique(config, source) || reader.failed ? -EINVAL : 0;
}

void config_free(struct config *config, const struct config_source *source)
{
	while (config->files) {
		struct config_file *file = config->files;

		config->files = file->next;
		source->release(source->ctx, file->text);
		free(file);
	}
	free(config->vrs);
	*config = (struct config){ 0 };
}
