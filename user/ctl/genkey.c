// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* `genkey`: a line for a file of keys. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "core/keyfile.h"
#include "ctl/command.h"
#include "ctl/text.h"

/* The id is the time: of several keys the newest has the highest, and nobody has to keep count. */
int genkey_run(const struct command_options *options)
{
	char line[16 + 2 * KEYFILE_KEY_LEN];
	uint8_t key[KEYFILE_KEY_LEN];
	int len, status = EXIT_SUCCESS;

	(void)options;
	if (getrandom(key, sizeof(key), 0) != sizeof(key))
		return tell("genkey: no random numbers: %s", strerror(errno));
	len = snprintf(line, sizeof(line), "%u ", (uint32_t)time(NULL));
	for (size_t i = 0; i < sizeof(key); i++)
		len += snprintf(line + len, sizeof(line) - (size_t)len, "%02x", key[i]);
	line[len++] = '\n';
	/* Past stdio, which would keep a copy. */
	if (write(STDOUT_FILENO, line, (size_t)len) != len)
		status = tell("genkey: cannot write the key: %s", strerror(errno));
	explicit_bzero(line, sizeof(line));
	explicit_bzero(key, sizeof(key));
	return status;
}
