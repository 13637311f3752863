// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which virtual routers there are, from the command line or from a file, and the keys that they sign with. */
#include <arpa/inet.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller.h"
#include "core/auth.h"
#include "io/log.h"
#include "io/secret.h"

static char *file_read(void *ctx, const char *path, const char **why)
{
	(void)ctx;
	return secret_read_file(path, why);
}

static void file_release(void *ctx, char *text)
{
	(void)ctx;
	secret_free(text);
}

static size_t file_expand(void *ctx, const char *pattern, void (*found)(void *, const char *), void *found_ctx)
{
	glob_t matches;
	size_t count = 0;

	(void)ctx;
	if (!glob(pattern, 0, NULL, &matches)) {
		count = matches.gl_pathc;
		for (size_t i = 0; i < count; i++)
			found(found_ctx, matches.gl_pathv[i]);
	}
	globfree(&matches);
	return count;
}

static void file_error(void *ctx, const char *line)
{
	(void)ctx;
	log_error("%s", line);
}

static const struct config_source config_files = {
	.read = file_read,
	.release = file_release,
	.expand = file_expand,
	.error = file_error,
};

int vrouters_list(struct controller *c)
{
	bool is_file = c->options.config;
	int err = is_file ? config_read(&c->config, c->options.config, &config_files) : 0;

	if (err)
		return err;
	c->slot_count = is_file ? (uint32_t)c->config.count : 1;
	c->slots = calloc(c->slot_count, sizeof(*c->slots));
	c->source_ifindexes = calloc(c->slot_count, sizeof(*c->source_ifindexes));
	c->interfaces = calloc(c->slot_count, sizeof(*c->interfaces));
	c->keys = secret_alloc(c->slot_count * sizeof(*c->keys));
	if (!c->slots || !c->source_ifindexes || !c->interfaces || !c->keys)
		return controller_fail("virtual routers", -ENOMEM);
	for (uint32_t slot = 0; slot < c->slot_count; slot++)
		c->slots[slot].options = is_file ? &c->config.vrs[slot].options : &c->options.vr;
	return 0;
}

const char *vrouters_place(const struct controller *c, uint32_t slot)
{
	static char text[PATH_MAX + 16];

	if (!c->config.count)
		return "";
	snprintf(text, sizeof(text), "%s:%u: ", c->config.vrs[slot].file, c->config.vrs[slot].line);
	return text;
}

int vrouters_check_unique(struct controller *c)
{
	return config_check_unique(&c->config, &config_files);
}

static int prepare_key(struct controller *c, uint32_t slot, struct secret *password)
{
	struct vr_options *options = c->slots[slot].options;
	const char *wrong = NULL;

	if (options->passfile)
		wrong = secret_from_file(password, options->passfile);
	else
		secret_from_text(password, options->password);
	if (!wrong)
		return auth_hmac_key(&c->keys[slot], password->bytes, password->len, options->vhid, options->vips,
				     options->vip_count);
	log_error("%s-o %s: %s", vrouters_place(c, slot), options->passfile, wrong);
	return -EINVAL;
}

int vrouters_prepare_keys(struct controller *c)
{
	struct secret *password = secret_alloc(sizeof(*password));
	int err = 0;

	if (!password)
		return controller_fail("no guarded memory for the password", -ENOMEM);
	for (uint32_t slot = 0; slot < c->slot_count; slot++)
		err = prepare_key(c, slot, password) ?: err;
	/* Not before: the lines below a default have its password in common. */
	for (uint32_t slot = 0; slot < c->slot_count; slot++) {
		struct vr_options *options = c->slots[slot].options;

		if (options->password)
			explicit_bzero(options->password, strlen(options->password));
		options->password = NULL;
	}
	secret_free(password);
	return err;
}

static int check_script(const struct controller *c, uint32_t slot, const char *option, const char *file)
{
	struct stat status;

	if (!file)
		return 0;
	if (c->options.daemonize && *file != '/') {
		log_error("%s%s %s: must be an absolute path with -B, which changes to the root directory",
			  vrouters_place(c, slot), option, file);
		return -EINVAL;
	}
	if (stat(file, &status) || access(file, X_OK))
		log_warn("%sWarning: %s %s: cannot be run: %s", vrouters_place(c, slot), option, file, strerror(errno));
	else if (!S_ISREG(status.st_mode))
		log_warn("%sWarning: %s %s: cannot be run: is no file", vrouters_place(c, slot), option, file);
	return 0;
}

int vrouters_check_scripts(const struct controller *c)
{
	int err = 0;

	for (uint32_t slot = 0; slot < c->slot_count; slot++) {
		const struct vr_options *options = c->slots[slot].options;

		err = check_script(c, slot, "-u", options->upscript) ?: err;
		err = check_script(c, slot, "-d", options->downscript) ?: err;
	}
	return err;
}

static void warn_of_odd_options(const struct controller *c, uint32_t slot)
{
	const struct vr_options *options = c->slots[slot].options;
	char address[INET_ADDRSTRLEN];

	if (!options->upscript && !options->manage_vips)
		log_warn("%sWarning: no script called when going up", vrouters_place(c, slot));
	if (!options->downscript && !options->manage_vips)
		log_warn("%sWarning: no script called when going down", vrouters_place(c, slot));
	if (c->source_ifindexes[slot] != c->slots[slot].interface->link.ifindex)
		log_warn("%sWarning: %s does not hold the source address %s", vrouters_place(c, slot), options->interface,
			 inet_ntop(AF_INET, &options->source, address, sizeof(address)));
}

void vrouters_warn_of_odd_options(const struct controller *c)
{
	for (uint32_t slot = 0; slot < c->slot_count; slot++)
		warn_of_odd_options(c, slot);
}

void vrouters_free(struct controller *c)
{
	secret_free(c->keys);
	config_free(&c->config, &config_files);
	free(c->slots);
	free(c->source_ifindexes);
	free(c->interfaces);
}
