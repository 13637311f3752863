/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What an interface's driver offers to all traffic, and which of it goes while an XDP program is there. Asked and set through
 * ethtool's ioctl; functions return 0 or -errno.
 */
#ifndef XCARP_IO_OFFLOADS_H
#define XCARP_IO_OFFLOADS_H

#include <stdbool.h>
#include <stdint.h>

#define OFFLOADS_BLOCKS 4 /* of 32 features each: more than any kernel has */
#define OFFLOADS_TEXT_LEN 160

struct offloads {
	char driver[32];
	uint32_t active[OFFLOADS_BLOCKS];
};

int offloads_read(const char *interface, struct offloads *offloads);

/* Writes the names of those that native XDP, attached between the two, took away, with ", " between them. False: none. */
bool offloads_lost(const char *interface, const struct offloads *before, const struct offloads *now,
		   char text[OFFLOADS_TEXT_LEN]);

/*
 * A veth takes segmentation offloads from the other end of its pair while it has a program in native mode: nothing of that shows
 * on the interface itself (Linux, drivers/net/veth.c, veth_xdp_set()).
 */
bool offloads_is_veth(const struct offloads *offloads);

int offloads_get_gro(const char *interface, bool *is_on);
int offloads_set_gro(const char *interface, bool on);

#endif
