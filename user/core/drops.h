/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The map `drops`: what its counters are called, and their sum over all CPUs. */
#ifndef XCARP_CORE_DROPS_H
#define XCARP_CORE_DROPS_H

#include <xcarp/abi.h>

/* A counter of struct xcarp_drops by its place; XCARP_VERDICT_COUNT: ring_full. NULL: there is no such. */
const char *drop_name(unsigned int verdict);

/* of_cpus: as a lookup in the map gives them, one for each possible CPU. */
void drops_sum(struct xcarp_drops *sum, const struct xcarp_drops *of_cpus, unsigned int cpus);

#endif
