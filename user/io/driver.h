/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What some network drivers do to an XDP program. */
#ifndef XCARP_IO_DRIVER_H
#define XCARP_IO_DRIVER_H

#include <stdbool.h>

/* After the interface was taken down and up, its driver runs the program no more until it is attached anew. Asks for the kernel's lock. */
bool driver_forgets_program(const char *interface);

#endif
