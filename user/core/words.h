/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What somebody meant who mistyped a word. */
#ifndef XCARP_CORE_WORDS_H
#define XCARP_CORE_WORDS_H

#include <stddef.h>

/* Insertions, deletions, replacements and swaps of neighbours from one to the other; of at most 31 characters each. */
unsigned int words_distance(const char *a, const char *b);

/* The name that begins so, or is near enough to be meant; NULL: none is. names may hold NULLs. */
const char *words_nearest(const char *word, const char *const *names, size_t count);

#endif
