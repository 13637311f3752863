// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"

#define WORDS_MAX 2048

void die(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
	exit(1);
}

static void run_line(const struct command *table, void *ctx, char *line)
{
	char *words[WORDS_MAX];
	char *rest = line;
	int count = 0;

	while (count < WORDS_MAX && (words[count] = strtok_r(NULL, " ", &rest)))
		count++;
	while (table->name && (!count || strcmp(table->name, words[0])))
		table++;
	if (table->name && count >= table->least_words)
		table->run(ctx, words, count);
	else
		printf("error=command");
	putchar('\n');
	fflush(stdout);
}

bool commands_run(const struct command *table, void *ctx)
{
	static char buffer[1 << 16];
	static size_t used;
	ssize_t len = read(STDIN_FILENO, buffer + used, sizeof(buffer) - 1 - used);
	char *line = buffer, *end;

	if (len <= 0)
		return false;
	used += (size_t)len;
	buffer[used] = 0;
	for (; (end = strchr(line, '\n')); line = end + 1) {
		*end = 0;
		run_line(table, ctx, line);
	}
	used -= (size_t)(line - buffer);
	memmove(buffer, line, used);
	return used < sizeof(buffer) - 1;
}
