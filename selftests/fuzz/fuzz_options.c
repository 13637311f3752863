// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The command line: each line of the input is one of argv, in every way that it is read. */
#include "fuzz.h"

#include <errno.h>

#include "core/options.h"

#define WORDS_MAX 300
#define MARK "QZ" /* in no message of ours: a password that has it is known by it */

struct words {
	int argc;
	char *argv[WORDS_MAX + 1];
};

static void split(struct words *words, const uint8_t *bytes, size_t len)
{
	words->argc = 0;
	words->argv[words->argc++] = fuzz_string("xcarp", 5);
	while (len && words->argc < WORDS_MAX) {
		const uint8_t *end = memchr(bytes, '\n', len);
		size_t n = end ? (size_t)(end - bytes) : len;

		/* As exec() has it: no argument holds a NUL. */
		words->argv[words->argc++] = fuzz_string(bytes, strnlen((const char *)bytes, n));
		n += end ? 1 : 0;
		bytes += n;
		len -= n;
	}
	words->argv[words->argc] = NULL;
}

static void forget(struct words *words)
{
	for (int i = 0; i < words->argc; i++)
		free(words->argv[i]);
}

/* In a word, or in one, or its beginning where it is too long to be told whole, and the colon that follows it in an error. */
static bool occurs(const struct words *words, const char *text)
{
	size_t len = strlen(text);

	for (int i = 0; i < words->argc; i++) {
		const char *word = words->argv[i];

		if (strstr(word, text))
			return true;
		if (len && text[len - 1] == ':' && memmem(word, strlen(word), text, len - 1))
			return true;
	}
	return false;
}

/* What is wiped off the process list is not told in an error either. */
static void check_error(const struct words *given, const struct words *wiped, const char *error)
{
	EXPECT(*error && strlen(error) < OPTIONS_ERROR_LEN && fuzz_is_one_line(error));
	for (int i = 0; i < given->argc; i++) {
		const char *secret = given->argv[i] + strlen(wiped->argv[i]);

		if (strlen(secret) >= 4 && strstr(secret, MARK) && !occurs(wiped, secret))
			EXPECT(!strstr(error, secret));
	}
}

static void check_vr(const struct vr_options *vr, bool is_checked)
{
	struct vr_options *copy = vr_options_copy(vr);

	EXPECT(copy && vr_options_equal(vr, copy) && vr_options_same_vr(vr, copy));
	EXPECT(!copy->password && !copy->passfile);
	free(copy);
	EXPECT(strlen(vr->interface) < sizeof(vr->interface) && vr->vip_count <= CARP_VIPS_MAX);
	EXPECT(!vr->password || (*vr->password && strlen(vr->password) <= CARP_KEY_MAX));
	EXPECT(!vr->password || !vr->passfile);
	if (is_checked)
		EXPECT(vr->vhid && vr->vip_count && vr->source && (vr->password || vr->passfile));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static char *nobody[] = { NULL };
	struct words words, wiped;
	struct options options, line, defaults;
	char error[3][OPTIONS_ERROR_LEN];
	int result[3];

	split(&words, bytes, len);
	split(&wiped, bytes, len);
	options_wipe_passwords(wiped.argc, wiped.argv);
	result[0] = options_parse(&options, words.argc, words.argv, error[0]);
	if (!result[0] && !options.help && !options.version && !options.config && !options.cleanup)
		check_vr(&options.vr, true);
	result[1] = options_parse_defaults(&defaults, words.argc, words.argv, error[1]);
	if (!result[1])
		check_vr(&defaults.vr, false);
	result[2] = options_parse_vr(&line, result[1] ? NULL : &defaults.vr, words.argc / 2, words.argv, error[2]);
	if (!result[2] && !line.help && !line.version)
		check_vr(&line.vr, true);
	for (int i = 0; i < 3; i++) {
		EXPECT(!result[i] || result[i] == -EINVAL);
		if (result[i])
			check_error(&words, &wiped, error[i]);
	}
	/* Whatever came before, the next line begins anew. */
	EXPECT(!options_parse_defaults(&defaults, 1, nobody, error[0]) && !defaults.vr.vhid && !defaults.vr.vip_count);
	forget(&words);
	forget(&wiped);
	return 0;
}
