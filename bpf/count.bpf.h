/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `drops`: what became of frames. */
#ifndef XCARP_COUNT_BPF_H
#define XCARP_COUNT_BPF_H

#include <xcarp/verifier.h>

#include "maps.bpf.h"

static __always_inline struct xcarp_drops *counters(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&drops, &zero);
}

static __always_inline void count(enum xcarp_verdict verdict)
{
	struct xcarp_drops *all = counters();
	__u64 index = verifier_unknown(verdict);

	if (all && index < XCARP_VERDICT_COUNT)
		((__u64 *)all)[index]++;
}

#endif
