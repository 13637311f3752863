/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * --cleanup: takes away what dead processes left: in this network namespace addresses, programs and maps; of namespaces that
 * are gone themselves, the maps. It never touches what a living process has.
 */
#ifndef XCARP_CLEANUP_H
#define XCARP_CLEANUP_H

#include "core/options.h"

/* Returns 0, also where there was nothing, or -errno after a logged line. */
int cleanup_run(enum cleanup_scope scope);

#endif
