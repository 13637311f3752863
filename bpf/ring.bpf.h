/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Room in the ring of a virtual router's owner. A record wakes its owner only where that has caught up with the ring: who
 * is behind is awake already, and a wake costs over a microsecond.
 */
#ifndef XCARP_RING_BPF_H
#define XCARP_RING_BPF_H

#include <bpf/bpf_helpers.h>

#include "maps.bpf.h"

/* NULL where the ring is full, or there is none: its owner is dead. */
static __always_inline struct xcarp_record *ring_reserve(__u32 owner)
{
	void *ring = bpf_map_lookup_elem(&events, &owner);

	return ring ? bpf_ringbuf_reserve(ring, sizeof(struct xcarp_record), 0) : NULL;
}

#endif
