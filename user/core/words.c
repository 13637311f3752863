// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "words.h"

#include <string.h>

#define WORD_MAX 31

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* The optimal string alignment distance, row by row. */
unsigned int words_distance(const char *a, const char *b)
{
	unsigned int rows[3][WORD_MAX + 1];
	size_t a_len = strnlen(a, WORD_MAX), b_len = strnlen(b, WORD_MAX);

	for (size_t j = 0; j <= b_len; j++)
		rows[0][j] = (unsigned int)j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned int *row = rows[i % 3], *above = rows[(i - 1) % 3], *second = rows[(i + 1) % 3];

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= b_len; j++) {
			row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], second[j - 2] + 1);
		}
	}
	return rows[a_len % 3][b_len];
}

const char *words_nearest(const char *word, const char *const *names, size_t count)
{
	size_t len = strnlen(word, WORD_MAX);
	unsigned int best = len < 3 ? 1 : 2;
	const char *found = NULL;

	if (!len)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		unsigned int distance;

		if (!names[i])
			continue;
		if (!strncmp(names[i], word, len))
			return names[i];
		distance = words_distance(word, names[i]);
		if (distance > best || distance >= len || (found && distance == best))
			continue;
		best = distance;
		found = names[i];
	}
	return found;
}
