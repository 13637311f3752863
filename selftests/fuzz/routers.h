/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The virtual routers that the program and its judge are asked about: some of every kind, with different details. */
#ifndef SELFTESTS_FUZZ_ROUTERS_H
#define SELFTESTS_FUZZ_ROUTERS_H

#include <stdint.h>

#include "../bpf/rig.h"
#include "judge.h"

/*
 * Fills the judge's list, which is zero or was filled before, and live as it is to be in the map; *seed decides on the
 * details and moves on.
 */
void routers_make(struct judge *judge, struct vr_live live[RIG_SLOTS], uint64_t *seed);

#endif
