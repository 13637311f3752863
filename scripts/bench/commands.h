/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The helpers of the benchmarks are asked from a shell: a command a line on standard input, its words told apart by
 * spaces, and one line back on standard output. They end when standard input does.
 */
#ifndef BENCH_COMMANDS_H
#define BENCH_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct command {
	const char *name;
	void (*run)(void *ctx, char **words, int count); /* words[0] is the name; prints the answer, without the newline */
	int least_words;
};

static inline uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Writes a line to standard error, with errno's text, and ends the program. */
_Noreturn void die(const char *what);

/*
 * Reads what there is on standard input and runs each whole line as a command of the table, which ends with a row of
 * zeros. Returns false at the end of the input.
 */
bool commands_run(const struct command *table, void *ctx);

#endif
