/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Repeatable randomness for tests: splitmix64. */
#ifndef SELFTESTS_UNIT_RANDOM_H
#define SELFTESTS_UNIT_RANDOM_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t random_next(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* 0 to n - 1. */
static inline uint32_t random_below(uint64_t *seed, uint32_t n)
{
	return (uint32_t)(random_next(seed) % n);
}

static inline void random_bytes(uint64_t *seed, uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)random_next(seed);
}

#endif
