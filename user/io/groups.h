/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Multicast groups that interfaces listen to, so that the NIC and the switches before it pass them on. ucarp joins in the
 * same cases.
 */
#ifndef XCARP_IO_GROUPS_H
#define XCARP_IO_GROUPS_H

#include <stdint.h>

struct groups;

/* NULL where memory is short. */
struct groups *groups_new(void);

/* Leaves all of them. */
void groups_free(struct groups *groups);

/* An interface is in a group until as many have left it as have joined. group: network order. Returns 0 or -errno. */
int groups_join(struct groups *groups, uint32_t ifindex, uint32_t group);
void groups_leave(struct groups *groups, uint32_t ifindex, uint32_t group);

#endif
