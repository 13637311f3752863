/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Of a virtual router whose controller is dead: may whoever comes now go on as its master? It may where no peer can have
 * taken over yet, as far as can be seen from here: the last advert is younger than the down time, and none of another
 * master has come since.
 */
#ifndef XCARP_CORE_HEIR_H
#define XCARP_CORE_HEIR_H

#include <stdbool.h>
#include <stdint.h>

#include <xcarp/abi.h>

/* live: as the dead one left it; the driver may be writing its half. now_ns: CLOCK_MONOTONIC. */
bool heir_may_go_on(const struct vr_live *live, uint64_t now_ns);

/* Until when, where nothing is heard before that; of a MASTER. */
uint64_t heir_deadline_ns(const struct vr_live *live);

#endif
