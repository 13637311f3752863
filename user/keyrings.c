// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "keyrings.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "core/auth.h"

/* Where it comes from and what came of it. */
struct source {
	struct source *next;
	const char *path; /* NULL: of a password */
	struct secret password;
	bool is_wrong;
	struct keyring ring;
};

struct keyrings {
	struct source *sources; /* the newest first */
};

struct keyrings *keyrings_new(void)
{
	return secret_alloc(sizeof(struct keyrings));
}

void keyrings_free(struct keyrings *rings)
{
	if (!rings)
		return;
	while (rings->sources) {
		struct source *source = rings->sources;

		rings->sources = source->next;
		secret_free(source);
	}
	secret_free(rings);
}

static struct source *add(struct keyrings *rings)
{
	struct source *source = secret_alloc(sizeof(*source));

	if (!source)
		return NULL;
	source->next = rings->sources;
	rings->sources = source;
	return source;
}

static bool is_password(const struct source *source, const struct secret *password)
{
	return !source->path && source->password.len == password->len &&
	       secret_equal(source->password.bytes, password->bytes, password->len);
}

const struct keyring *keyrings_of_password(struct keyrings *rings, const struct secret *password)
{
	struct source *source;

	for (source = rings->sources; source; source = source->next)
		if (is_password(source, password))
			return source->is_wrong ? NULL : &source->ring;
	source = add(rings);
	if (!source)
		return NULL;
	source->password = *password;
	source->ring.count = 1;
	source->is_wrong = secret_stretch(source->ring.keys[0], password);
	return source->is_wrong ? NULL : &source->ring;
}

static bool read_file(struct source *source, char remark[KEYRINGS_REMARK_LEN])
{
	char wrong[KEYFILE_WRONG_LEN];
	unsigned int line;
	bool is_public, is_good;
	const char *why;
	char *text = secret_read_file(source->path, &why, &is_public);

	if (!text) {
		snprintf(remark, KEYRINGS_REMARK_LEN, ": %s", why);
		return false;
	}
	is_good = !keyfile_parse(&source->ring, text, &line, wrong);
	secret_free(text);
	if (!is_good && line)
		snprintf(remark, KEYRINGS_REMARK_LEN, ":%u: %s", line, wrong);
	else if (!is_good)
		snprintf(remark, KEYRINGS_REMARK_LEN, ": %s", wrong);
	else if (is_public)
		snprintf(remark, KEYRINGS_REMARK_LEN, ": everybody can read it; `chmod 600` it");
	return is_good;
}

const struct keyring *keyrings_of_file(struct keyrings *rings, const char *path, char remark[KEYRINGS_REMARK_LEN])
{
	struct source *source;

	remark[0] = '\0';
	for (source = rings->sources; source; source = source->next)
		if (source->path && !strcmp(source->path, path))
			return source->is_wrong ? NULL : &source->ring;
	source = add(rings);
	if (!source) {
		snprintf(remark, KEYRINGS_REMARK_LEN, ": no guarded memory for it");
		return NULL;
	}
	source->path = path;
	source->is_wrong = !read_file(source, remark);
	return source->is_wrong ? NULL : &source->ring;
}

static uint64_t le64_at(const uint8_t *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return le64toh(word);
}

void keyring_derive(const struct keyring *ring, const struct vr_options *options, struct carp_siphash_keys *keys)
{
	uint8_t context[AUTH_CONTEXT_MAX], subkey[SIPHASH_KEY_LEN];
	size_t len = auth_context(context, options->group, options->vhid, options->vips, options->vip_count);

	for (unsigned int i = 0; i < ring->count; i++) {
		secret_derive(subkey, sizeof(subkey), ring->keys[i], context, len);
		keys->ids[i] = htonl(ring->ids[i]);
		keys->keys[i][0] = le64_at(subkey);
		keys->keys[i][1] = le64_at(subkey + 8);
	}
	explicit_bzero(subkey, sizeof(subkey));
}

void keyring_fill_password(const struct keyring *ring, struct secret *password)
{
	static const char purpose[] = "xcarp no password";

	password->len = sizeof(password->bytes);
	secret_derive(password->bytes, password->len, ring->keys[0], purpose, sizeof(purpose));
}
