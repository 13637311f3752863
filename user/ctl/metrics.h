/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The state of the maps as OpenMetrics text. */
#ifndef XCARP_CTL_METRICS_H
#define XCARP_CTL_METRICS_H

#include "ctl/snapshot.h"
#include "ctl/text.h"

void metrics_write(struct text *text, const struct snapshot *snapshot);

#endif
