// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "keyfile.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

#define BLANKS " \t\r"
#define LINE_END "#\n" /* or the comment at its end */
#define ID_DIGITS_MAX 10

static bool read_id(const char *word, size_t len, uint32_t *id)
{
	uint64_t value = 0;

	if (!len || len > ID_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (word[i] < '0' || word[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(word[i] - '0');
	}
	*id = (uint32_t)value;
	return value && value <= UINT32_MAX;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_key(const char *word, size_t len, uint8_t key[KEYFILE_KEY_LEN])
{
	if (len != 2 * KEYFILE_KEY_LEN)
		return false;
	for (size_t i = 0; i < KEYFILE_KEY_LEN; i++) {
		int high = hex_digit(word[2 * i]), low = hex_digit(word[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		key[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static const char *next_word(const char **at, size_t *len)
{
	const char *word;

	*at += strspn(*at, BLANKS);
	word = *at;
	*len = strcspn(word, BLANKS LINE_END);
	*at += *len;
	return word;
}

static bool refuse(char wrong[KEYFILE_WRONG_LEN], const char *right)
{
	snprintf(wrong, KEYFILE_WRONG_LEN, "%s", right);
	return false;
}

static bool take_key(struct keyring *ring, const char **at, char wrong[KEYFILE_WRONG_LEN])
{
	size_t id_len, key_len, rest_len;
	const char *id_word = next_word(at, &id_len), *key_word = next_word(at, &key_len);
	uint32_t id;

	next_word(at, &rest_len);
	/* What stands where an id should be may be a key: neither is shown. */
	if (!read_id(id_word, id_len, &id))
		return refuse(wrong, "must begin with a key's id, a number from 1 to 4294967295");
	for (unsigned int i = 0; i < ring->count; i++) {
		if (ring->ids[i] != id)
			continue;
		snprintf(wrong, KEYFILE_WRONG_LEN, "%u: is given twice; each key must have an id of its own", id);
		return false;
	}
	if (ring->count == CARP_SIPHASH_KEYS_MAX)
		return refuse(wrong, "is one key too many; at most 4 are valid at once");
	if (rest_len || !read_key(key_word, key_len, ring->keys[ring->count])) {
		snprintf(wrong, KEYFILE_WRONG_LEN, "%u: after the id must come the key, 64 hexadecimal digits, and nothing else", id);
		return false;
	}
	ring->ids[ring->count++] = id;
	return true;
}

int keyfile_parse(struct keyring *ring, const char *text, unsigned int *line, char wrong[KEYFILE_WRONG_LEN])
{
	memset(ring, 0, sizeof(*ring));
	*line = 1;
	for (const char *at = text + text_bom_len(text); *at; *line += 1) {
		at += strspn(at, BLANKS);
		if (!strchr(LINE_END, *at) && !take_key(ring, &at, wrong))
			return -EINVAL;
		at += strcspn(at, "\n");
		at += *at == '\n';
	}
	*line = 0;
	if (ring->count)
		return 0;
	refuse(wrong, "has no key; must have lines with an id and 64 hexadecimal digits, as `xcarpctl genkey` prints them");
	return -EINVAL;
}
