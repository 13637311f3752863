/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Can this kernel run the data plane? It is asked for each thing that old ones lack: a distribution's 5.14 may well have what
 * came with 5.18. Its version is for the message alone.
 */
#ifndef XCARP_IO_KERNEL_H
#define XCARP_IO_KERNEL_H

#include <stdbool.h>

#define KERNEL_LINE_LEN 512

enum kernel_feature {
	KERNEL_RING_BUFFER,
	KERNEL_COARSE_CLOCK,
	KERNEL_ATOMICS,
	KERNEL_FRAGS,
	KERNEL_FEATURE_COUNT,
};

/* errors: of each feature 0, or the -errno that the kernel answered. Loads what is tried out, and keeps nothing. */
void kernel_probe(int errors[KERNEL_FEATURE_COUNT]);

/* release: uname's. True: it will do. Otherwise line says what is wrong, in the user's words. */
bool kernel_judge(const char *release, const int errors[KERNEL_FEATURE_COUNT], char line[KERNEL_LINE_LEN]);

#endif
