// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "heir.h"

#include <xcarp/carp.h>

/* A master that bows out is none any more. */
static bool is_bow_out(const struct vr_live *live)
{
	return __atomic_load_n(&live->interval_256ths, __ATOMIC_RELAXED) == CARP_BOW_OUT * 256u + CARP_BOW_OUT;
}

/* One that the dead controller had an answer to, and stayed MASTER, was worse and has yielded. */
static bool has_heard_master_since(const struct vr_live *live)
{
	uint64_t arrival_ns = __atomic_load_n(&live->arrival_ns, __ATOMIC_RELAXED);

	return arrival_ns > live->sent_ns && arrival_ns > live->answered_ns && !is_bow_out(live);
}

uint64_t heir_deadline_ns(const struct vr_live *live)
{
	return live->sent_ns + live->down_ns;
}

bool heir_may_go_on(const struct vr_live *live, uint64_t now_ns)
{
	return __atomic_load_n(&live->state, __ATOMIC_ACQUIRE) == MASTER && live->sent_ns &&
	       now_ns < heir_deadline_ns(live) && !has_heard_master_since(live);
}
