/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef XCARP_USER_VERSION_H
#define XCARP_USER_VERSION_H

/*
 * Prints what a report of a bug has to name, one a line: `program VERSION` first, for scripts; then the version of the maps,
 * those of the BPF libraries in use, and the kernel's.
 */
void version_print(const char *program);

#endif
