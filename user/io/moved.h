/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An interface that was moved to another network namespace takes our program along. It is taken off there by a process that
 * enters that namespace, and so has to have the privileges for it and to end afterwards.
 */
#ifndef XCARP_IO_MOVED_H
#define XCARP_IO_MOVED_H

#include <stdint.h>

/* As one process asks another for it. */
struct moved {
	int32_t nsid; /* what the namespace that it has left calls the one where it is */
	uint32_t ifindex; /* its number there */
	uint32_t xdp_id; /* of our programs; 0: not known, or none */
	uint32_t tc_id;
	uint32_t in_dispatcher; /* 1: the one of xdp_id is a part of libxdp's dispatcher */
	uint32_t set_gro; /* 1: GRO was turned on for it */
	uint32_t old_ifindex; /* its number before */
};

/*
 * Takes off what has these numbers and our names, and nothing else. May wait for locks of the kernel and of libxdp, and leaves
 * the process in that namespace. 1: something was there, and is off; 0: nothing was; -ENODEV: the interface is not there any
 * more; as nsid_open(); -ENOENT: in a dispatcher that libxdp cannot read there; or another -errno.
 */
int moved_take_off(const struct moved *moved);

#endif
