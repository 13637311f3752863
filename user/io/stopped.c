// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "stopped.h"

#include <stdio.h>
#include <string.h>

/* The letter of its state follows its name, which may have brackets of its own. */
bool process_is_stopped(pid_t pid)
{
	char path[32], line[256];
	const char *after;
	FILE *file;
	bool got;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	got = fgets(line, sizeof(line), file);
	fclose(file);
	after = got ? strrchr(line, ')') : NULL;
	return after && after[1] == ' ' && (after[2] == 'T' || after[2] == 't');
}
