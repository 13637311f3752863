/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A file of virtual routers: one a line, in the flags of the command line, with a shell's quoting and # comments.
 *
 *	default -i eth0 -s 10.1.1.10 -o /etc/xcarp/pass    flags for the lines below, in place of earlier defaults
 *	-v 10 -a 10.1.1.252/24
 *	include "conf.d/lan-?.conf"                        defaults reach into included files, but not out of them
 *
 * Pure: files come through struct config_source. All errors are told, not only the first.
 */
#ifndef XCARP_CORE_CONFIG_H
#define XCARP_CORE_CONFIG_H

#include <stddef.h>

#include "options.h"

struct config_vr {
	struct vr_options options; /* strings point into the files' texts, vips into the config's */
	const char *file; /* NULL: the command line */
	unsigned int line;
};

struct config {
	struct config_vr *vrs; /* in the order of the files */
	size_t count;
	size_t room;
	struct config_vips *vips;
	struct config_file *files;
};

struct config_source {
	void *ctx;
	/* The file's text, NUL-terminated, or NULL with *why set to a phrase. */
	char *(*read)(void *ctx, const char *path, const char **why);
	/* Gives a text back; it may hold passwords. */
	void (*release)(void *ctx, char *text);
	/* Calls found(found_ctx, path) for each file that fits pattern, in order; returns how many. */
	size_t (*expand)(void *ctx, const char *pattern, void (*found)(void *found_ctx, const char *path), void *found_ctx);
	/* Two names of one file. */
	bool (*is_same)(void *ctx, const char *path, const char *other);
	/* One line, `file:line: option value: what is right`. */
	void (*error)(void *ctx, const char *line);
	/* The same of what may be meant so. */
	void (*remark)(void *ctx, const char *line);
};

/*
 * Reads path and what it includes. Returns 0, or -EINVAL after source->error; config_free() is due either way. Takes no
 * longer than the files are long, also with tens of thousands of lines.
 */
int config_read(struct config *config, const char *path, const struct config_source *source);

/*
 * Refuses two lines that mean the same virtual router, or the same address of one interface. Part of config_read(); once
 * more when every line has the name of its interface. Returns 0, or -EINVAL after source->error.
 */
int config_check_unique(struct config *config, const struct config_source *source);

/* Gives back everything but the names of the files: the file of a config_vr that was copied still is one. */
void config_forget(struct config *config, const struct config_source *source);

void config_free(struct config *config, const struct config_source *source);

#endif
