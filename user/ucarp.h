/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is different for a process that was started by the name `ucarp`, in the place of ucarp: scripts and boot files
 * expect that ifdown ends it and that ifup starts it with the words that stand there now.
 */
#ifndef XCARP_UCARP_H
#define XCARP_UCARP_H

#include <stdbool.h>
#include <stdint.h>

#include "controller.h"

/*
 * Another process of that name has the virtual router that c is about to have: it hands over and ends. Waits for that, for
 * seconds if need be, so this is for the start, when nothing else of it is left that may fail for a reason that can be known
 * before. Returns 0, or -errno after a logged line.
 */
int ucarp_replace(struct controller *c);

/* The start failed after that: takes away what the one before has left, and tells of it. Its down script is run by the loop. */
void ucarp_give_up(struct controller *c, uint64_t now_ns);

/* Virtual routers run: the next process of that name finds this one. */
void ucarp_note(struct controller *c);

/*
 * What rtnetlink tells of addresses. A master whose own address is taken off the interface bows out: the link is often the
 * next to go, and then nothing can be sent any more.
 */
void ucarp_address(struct controller *c, uint32_t ifindex, const struct vip *address, bool present, uint64_t now_ns);
void ucarp_resync_begin(struct controller *c);
void ucarp_resync_end(struct controller *c, uint64_t now_ns);

/* One that is put on again in the same moment is no reason. When to be called next; UINT64_MAX: not for now. */
uint64_t ucarp_deadline(const struct controller *c);
void ucarp_timers(struct controller *c, uint64_t now_ns);

/*
 * The interface was taken down by the administrator and the host's own address off it, as ifdown does. An interface that
 * vanishes or is only down does not count.
 */
bool ucarp_is_unconfigured(const struct controller *c, uint64_t now_ns);

#endif
