// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "driver.h"

#include <string.h>

#include "io/offloads.h"

/* vmxnet3, in 6.12 and 7.2: its queues are set up anew without it. */
bool driver_forgets_program(const char *interface)
{
	struct offloads offloads;

	return !offloads_read(interface, &offloads) && !strcmp(offloads.driver, "vmxnet3");
}
