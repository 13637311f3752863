/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Telling the controller that adverts are refused: of each virtual router and reason one record in a little over a second,
 * with the count, however many there are.
 */
#ifndef XCARP_NOTICE_BPF_H
#define XCARP_NOTICE_BPF_H

#include <xcarp/verifier.h>

#include "parse.bpf.h"
#include "ring.bpf.h"
#include "vrouter.bpf.h"

static __always_inline void notice_push(const struct frame *frame, const struct vr_entry *entry, enum xcarp_verdict reason,
					__u32 *count)
{
	struct xcarp_record *record = ring_reserve(entry->owner);

	if (!record)
		return; /* the next notice has the count */
	__builtin_memset(record, 0, sizeof(*record));
	record->arrival_ns = bpf_ktime_get_ns();
	if ((void *)(frame->carp + 1) <= frame->end)
		record->counter = reason == DROP_UNKNOWN_KEY ? bpf_ntohl(frame->carp->key_id) : carp_counter(frame->carp);
	record->index = entry->index;
	record->generation = entry->generation;
	record->abi_version = XCARP_ABI_VERSION;
	record->type = RECORD_NOTICE;
	record->reason = reason;
	__builtin_memcpy(record->source, frame->source, sizeof(record->source));
	record->ip_version = frame->ip_version;
	record->count = count ? __sync_lock_test_and_set(count, 0) : 1;
	bpf_ringbuf_submit(record, 0);
}

/* Of all CPUs that have something to tell at this moment, the one that moves notice_ns on does. */
static __always_inline bool notice_is_due(__u64 *notice_ns, __u64 now)
{
	__u64 last = *(volatile __u64 *)notice_ns;

	/* Signed: another CPU's clock reading may be a little ahead of ours. */
	if (last && (__s64)(now - last) < (__s64)XCARP_NOTICE_INTERVAL_NS)
		return false;
	return __sync_val_compare_and_swap(notice_ns, last, now) == last;
}

/* For who asks later: of each reason how often, when last, and from whom. */
static __always_inline void note_refusal(const struct frame *frame, const struct vr_entry *entry, enum xcarp_verdict reason,
					 __u64 now)
{
	__u64 at = verifier_unknown((__u64)reason - XCARP_REFUSAL_FIRST);
	__u32 slot = entry->slot;
	struct vr_refusals *all = bpf_map_lookup_elem(&refusals, &slot);
	struct vr_refusal *of;

	if (!all || at >= XCARP_REFUSAL_COUNT)
		return;
	of = &all->by_verdict[at];
	__sync_fetch_and_add(&of->count, 1);
	of->when_ns = now;
	__builtin_memcpy(of->source, frame->source, sizeof(of->source));
}

static __always_inline void notice_refusal(const struct frame *frame, const struct vr_entry *entry, enum xcarp_verdict reason,
					   __u32 *count, __u64 *notice_ns)
{
	__u64 now = bpf_ktime_get_coarse_ns(); /* a tick will do, at a tenth of the cost: this is where floods end */

	note_refusal(frame, entry, reason, now);
	__sync_fetch_and_add(count, 1);
	if (notice_is_due(notice_ns, now))
		notice_push(frame, entry, reason, count);
}

#endif
