/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An accepted advert's two traces: `live` has the newest one of each virtual router and says who is alive; its
 * owner's ring has those that are news and says what happened.
 */
#ifndef XCARP_RECORD_BPF_H
#define XCARP_RECORD_BPF_H

#include "count.bpf.h"
#include "fence.bpf.h"
#include "maps.bpf.h"
#include "parse.bpf.h"
#include "ring.bpf.h"
#include "vrouter.bpf.h"

static __always_inline bool differs_from_live(const struct frame *frame, const struct vr_live *live)
{
	const __u32 *source = (const __u32 *)live->source;

	return frame->source[0] != source[0] || frame->source[1] != source[1] || frame->source[2] != source[2] ||
	       frame->source[3] != source[3] || live->interval_256ths != interval_256ths(frame->carp) ||
	       live->demote != frame->carp->demote;
}

/*
 * Makes this advert the newest of its virtual router; true if it differs from the one before in what the
 * election looks at, or is the first since the controller changed its state and so may judge it otherwise. Where
 * another CPU is writing just now its advert is as fresh as ours, so ours is not waited for: what it would have
 * been compared with is unknown, and counts as news.
 *
 * What an atomic operation returns is looked at, which makes it a full barrier on every architecture, and not only an
 * addition: stores before it are seen before stores after it.
 */
static __always_inline bool live_update(struct vr_live *live, const struct frame *frame, __u64 arrival_ns)
{
	const struct carp_header *carp = frame->carp;
	__u64 accepted = *(volatile __u64 *)&live->accepted;
	bool news;

	if (accepted & LIVE_WRITING ||
	    __sync_val_compare_and_swap(&live->accepted, accepted, accepted | LIVE_WRITING) != accepted) {
		accepted = __sync_fetch_and_add(&live->accepted, 1);
		__asm__ volatile("" : : "r"(accepted) : "memory");
		return true;
	}
	news = differs_from_live(frame, live) || live->arrival_ns < *(volatile __u64 *)&live->since_ns;
	live->interval_256ths = interval_256ths(carp);
	live->is_strong = frame->is_strong;
	live->arrival_ns = arrival_ns;
	live->counter = carp_counter(carp);
	__builtin_memcpy(live->source, frame->source, sizeof(live->source));
	live->advbase = carp->advbase;
	live->advskew = carp->advskew;
	live->demote = carp->demote;
	live->ip_version = frame->ip_version;
	/* Ends the writing, and counts. */
	accepted = __sync_fetch_and_add(&live->accepted, LIVE_WRITING + 1);
	__asm__ volatile("" : : "r"(accepted) : "memory");
	return news;
}

static __always_inline void ring_push(const struct frame *frame, const struct vr_entry *vr, __u64 arrival_ns)
{
	const struct carp_header *carp = frame->carp;
	struct xcarp_record *record = ring_reserve(vr->owner);
	struct xcarp_drops *count;

	if (!record) {
		count = counters();
		if (count)
			count->ring_full++;
		return;
	}
	record->arrival_ns = arrival_ns;
	record->counter = carp_counter(carp);
	record->index = vr->index;
	record->generation = vr->generation;
	__builtin_memcpy(record->source, frame->source, sizeof(record->source));
	record->abi_version = XCARP_ABI_VERSION;
	record->type = RECORD_ADVERT;
	record->reason = 0;
	record->ip_version = frame->ip_version;
	record->advbase = carp->advbase;
	record->advskew = carp->advskew;
	record->demote = carp->demote;
	record->count = 0;
	record->is_strong = frame->is_strong;
	record->reserved = 0;
	bpf_ringbuf_submit(record, 0);
}

static __always_inline enum xcarp_verdict record_advert(const struct frame *frame, const struct vrouter *vr)
{
	struct vr_live *live = vr->live;
	bool is_master = *(volatile enum vr_state *)&live->state == MASTER;
	bool news = live_update(live, frame, vr->arrival_ns);

	if (is_master)
		fence_watch(vr->guard, live, frame->carp, vr->arrival_ns);
	/* The controller's half: it wants all there is while it is master, or has only just taken the slot. */
	news |= is_master || *(volatile __u32 *)&live->generation != vr->entry->generation || vr->entry->every;
	if (news)
		ring_push(frame, vr->entry, vr->arrival_ns);
	return ACCEPTED;
}

#endif
