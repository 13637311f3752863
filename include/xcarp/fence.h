/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * May this host answer for a virtual address that it holds? Not where somebody else is master and our controller, which
 * thinks that we are, does not react: it is stopped, hangs or is dead. Then the driver keeps questions for the address from
 * the host's stack, so that only the new master answers.
 *
 * The only master is never fenced: whoever is the other one has to have been heard within three of its intervals.
 */
#ifndef XCARP_FENCE_H
#define XCARP_FENCE_H

#include <stdbool.h>

#include "abi.h"

#define FENCE_ALIVE_INTERVALS 3

#ifdef __bpf__
#define FENCE_READ(x) (*(const volatile __typeof__(x) *)&(x))
#else
#define FENCE_READ(x) __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#endif

/* For how long after an advert its sender counts as alive. */
static inline __attribute__((always_inline)) __u64 fence_alive_ns(__u32 interval_256ths)
{
	return FENCE_ALIVE_INTERVALS * (__u64)interval_256ths * (1000000000ull / 256);
}

/*
 * An advert of somebody else was accepted. Returns since when the controller owes an answer, for *unanswered_ns: since this
 * one, if it has answered all before. A bow-out claims nothing.
 */
static inline __attribute__((always_inline)) __u64 fence_unanswered(__u64 unanswered_ns, __u64 answered_ns, __u64 arrival_ns,
								    bool is_bow_out)
{
	if (is_bow_out)
		return 0;
	return unanswered_ns > answered_ns ? unanswered_ns : arrival_ns;
}

static inline __attribute__((always_inline)) bool fence_holds(const struct vr_live *live, __u64 unanswered_ns, __u64 now_ns)
{
	/* The address is still there, but is being taken off. */
	if (FENCE_READ(live->state) != MASTER)
		return true;
	return unanswered_ns > FENCE_READ(live->answered_ns) &&
	       (__s64)(now_ns - unanswered_ns) > (__s64)(live->fence_after_us * 1000ull) &&
	       now_ns - live->arrival_ns < fence_alive_ns(live->interval_256ths) + live->fence_after_us * 1000ull;
}

#endif
