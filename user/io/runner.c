// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "runner.h"

#include <sodium.h>
#include <string.h>

const char *runner_file(const struct vr_options *options, enum script_kind kind)
{
	return kind == SCRIPT_UP ? options->upscript : options->downscript;
}

/* With its NUL, so that no two lists of strings look the same. */
static void add_string(crypto_generichash_state *state, const char *string)
{
	uint8_t is_there = string != NULL;

	crypto_generichash_update(state, &is_there, sizeof(is_there));
	if (string)
		crypto_generichash_update(state, (const uint8_t *)string, strlen(string) + 1);
}

void runner_digest(uint8_t digest[RUNNER_DIGEST_LEN], const struct vr_options *options, enum script_kind kind)
{
	uint8_t head[] = { kind == SCRIPT_UP, options->vhid, options->vip_count };
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, RUNNER_DIGEST_LEN);
	crypto_generichash_update(&state, head, sizeof(head));
	add_string(&state, runner_file(options, kind));
	add_string(&state, options->interface);
	add_string(&state, options->xparam);
	for (unsigned int i = 0; i < options->vip_count; i++) {
		char text[VIP_TEXT_LEN];

		add_string(&state, vip_format(&options->vips[i], true, text));
	}
	crypto_generichash_final(&state, digest, RUNNER_DIGEST_LEN);
}
