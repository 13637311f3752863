// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Files of virtual routers, in memory: a form feed ends each, and its first line is its name. The first is the one
 * that is read; the others are there to be included, by name or by pattern.
 */
#include "fuzz.h"

#include <errno.h>
#include <fnmatch.h>

#include "core/config.h"

#define FILES_MAX 32
#define READS_MAX 100000 /* whatever includes what, it ends before */

struct file {
	char *path;
	char *text;
};

struct world {
	struct file files[FILES_MAX];
	size_t count;
	size_t held; /* texts that were not given back */
	size_t reads;
	size_t errors;
};

static char *world_read(void *ctx, const char *path, const char **why)
{
	struct world *w = ctx;

	EXPECT(++w->reads < READS_MAX);
	for (size_t i = 0; i < w->count; i++) {
		if (strcmp(w->files[i].path, path))
			continue;
		w->held++;
		return fuzz_string(w->files[i].text, strlen(w->files[i].text));
	}
	*why = "No such file or directory";
	return NULL;
}

static void world_release(void *ctx, char *text)
{
	struct world *w = ctx;

	w->held--;
	free(text);
}

static bool world_is_same(void *ctx, const char *path, const char *other)
{
	(void)ctx;
	return !strcmp(path, other);
}

static size_t world_expand(void *ctx, const char *pattern, void (*found)(void *, const char *), void *found_ctx)
{
	struct world *w = ctx;
	size_t count = 0;

	for (size_t i = 0; i < w->count; i++) {
		if (fnmatch(pattern, w->files[i].path, FNM_PATHNAME | FNM_PERIOD))
			continue;
		found(found_ctx, w->files[i].path);
		count++;
	}
	return count;
}

static void world_error(void *ctx, const char *line)
{
	struct world *w = ctx;

	w->errors++;
	EXPECT(*line && fuzz_is_one_line(line));
}

static void world_remark(void *ctx, const char *line)
{
	(void)ctx;
	EXPECT(*line && fuzz_is_one_line(line));
}

/* The name is the first line. */
static void add_file(struct world *w, const uint8_t *bytes, size_t len)
{
	const uint8_t *newline = memchr(bytes, '\n', len);
	size_t name_len = newline ? (size_t)(newline - bytes) : len;
	size_t at = newline ? name_len + 1 : len;

	w->files[w->count++] = (struct file){
		.path = fuzz_string(bytes, strnlen((const char *)bytes, name_len)),
		.text = fuzz_string(bytes + at, strnlen((const char *)bytes + at, len - at)),
	};
}

static void split(struct world *w, const uint8_t *bytes, size_t len)
{
	while (len && w->count < FILES_MAX) {
		const uint8_t *end = memchr(bytes, '\f', len);
		size_t n = end ? (size_t)(end - bytes) : len;

		add_file(w, bytes, n);
		n += end ? 1 : 0;
		bytes += n;
		len -= n;
	}
}

static size_t length(const char *string)
{
	return string ? strlen(string) : 0;
}

static void check_vr(const struct config_vr *vr)
{
	const struct vr_options *options = &vr->options;
	size_t total = length(options->password) + length(options->passfile) + length(options->upscript) +
		       length(options->downscript) + length(options->xparam);

	EXPECT(total < SIZE_MAX && vr->line && vr->file);
	EXPECT(options->vhid && options->vip_count && options->source && (options->password || options->passfile));
	for (size_t i = 0; i < options->vip_count; i++)
		EXPECT(options->vips[i].ip_version == 4 || options->vips[i].ip_version == 6);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct world w = { 0 };
	struct config_source source = {
		.ctx = &w,
		.read = world_read,
		.release = world_release,
		.expand = world_expand,
		.is_same = world_is_same,
		.error = world_error,
		.remark = world_remark,
	};
	struct config config;
	int result;

	split(&w, bytes, len);
	result = config_read(&config, w.count ? w.files[0].path : "none", &source);
	EXPECT(result == (w.errors ? -EINVAL : 0));
	for (size_t i = 0; i < config.count; i++)
		check_vr(&config.vrs[i]);
	if (!result)
		EXPECT(config.count && !config_check_unique(&config, &source));
	config_free(&config, &source);
	EXPECT(!w.held);
	for (size_t i = 0; i < w.count; i++) {
		free(w.files[i].path);
		free(w.files[i].text);
	}
	return 0;
}
