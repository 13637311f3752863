/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the command line asks for, and the commands that do it. Each returns the exit status, errors told. */
#ifndef XCARP_CTL_COMMAND_H
#define XCARP_CTL_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include <xcarp/abi.h>

#include "ctl/filter.h"

struct command_options {
	struct filter filter;
	bool json;
	bool pretty; /* and indented */
	bool quiet; /* status: the exit status alone */
	bool list; /* check */
	bool all; /* --all: no filter is meant */
	bool since_start; /* monitor: from the oldest entry on */
	uint64_t last; /* monitor: so many entries first */
	bool batch; /* top */
	unsigned int count; /* top: screens; 0: for ever */
	double interval_s; /* top */
	double wait_s; /* demote, promote, release: for the states to follow */
	const char *listen; /* metrics; NULL: standard output */
	const char *user; /* metrics: who serves them */
	const char *file; /* check */
};

int status_run(const struct command_options *options);
int monitor_run(const struct command_options *options);
int metrics_run(const struct command_options *options);
int genkey_run(const struct command_options *options);
int request_run(const struct command_options *options, enum xcarp_command command);

#endif
