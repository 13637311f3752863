/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `top`: a live screen, or screens as text. */
#ifndef XCARP_CTL_TOP_H
#define XCARP_CTL_TOP_H

#include <stdbool.h>

#include "ctl/filter.h"

struct top_options {
	bool batch; /* no terminal: text to standard output */
	unsigned int count; /* screens; 0: for ever */
	double interval_s;
};

/* Returns the exit status; errors are told. */
int top_run(const struct filter *filter, const struct top_options *options);

#endif
