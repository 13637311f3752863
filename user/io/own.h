/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which addresses are the host's own, and would take it off the net if a virtual router took them off. What another program has
 * left behind looks much the same: the routes tell the difference.
 */
#ifndef XCARP_IO_OWN_H
#define XCARP_IO_OWN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/vip.h"

struct own;

/* The host's addresses as of now. NULL: they could not be read, with *err -errno. */
struct own *own_read(int *err);
void own_free(struct own *own);

/*
 * Why the address that a virtual router on the interface is to have, whose source (IPv4, network order) is another, is the host's own:
 * a phrase, with the address as it is on the interface in *found. NULL: it is not there, or was left behind.
 */
const char *own_why(struct own *own, const char *interface, const struct vip *vip, uint32_t source, struct vip *found);

/* It names a network of the interface's, or is its broadcast address: a phrase, with the host's address there in *found. NULL: neither. */
const char *own_no_host(struct own *own, const char *interface, const struct vip *vip, struct vip *found);

#endif
