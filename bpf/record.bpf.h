/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An accepted advert's two traces: `live` has the newest one of each virtual router and says who is alive; the
 * ring has every one and says what happened. Only news wakes the controller.
 */
#ifndef XCARP_RECORD_BPF_H
#define XCARP_RECORD_BPF_H

#include "auth.bpf.h"
#include "maps.bpf.h"
#include "parse.bpf.h"
#include "vrouter.bpf.h"

static __always_inline struct xcarp_drops *counters(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&drops, &zero);
}

static __always_inline __u32 interval_256ths(const struct carp_header *carp)
{
	return carp->advbase * 256 + carp->advskew;
}

static __always_inline bool differs_from_live(const struct frame *frame, const struct vr_live *live)
{
	const __u32 *source = (const __u32 *)live->source;

	return frame->source[0] != source[0] || frame->source[1] != source[1] || frame->source[2] != source[2] ||
	       frame->source[3] != source[3] || live->interval_256ths != interval_256ths(frame->carp) ||
	       live->demote != frame->carp->demote;
}

/*
 * Counts an advert. Taking the old value is what makes this a full barrier on every architecture, not only an
 * atomic addition: the caller's stores before it are seen before the caller's stores after it.
 */
static __always_inline void count_accepted_and_order(struct vr_live *live)
{
	__u64 before = __sync_fetch_and_add(&live->accepted, 1);

	__asm__ volatile("" : : "r"(before) : "memory");
}

/*
 * Makes this advert the newest of its virtual router; true if it differs from the one before in what the
 * election looks at, or is the first since the controller changed its state and so may judge it otherwise. Where
 * another CPU is writing just now its advert is as fresh as ours, so ours is not waited for: what it would have
 * been compared with is unknown, and counts as news.
 */
static __always_inline bool live_update(struct vr_live *live, const struct frame *frame, __u64 arrival_ns)
{
	const struct carp_header *carp = frame->carp;
	__u32 seq = *(volatile __u32 *)&live->seq;
	bool news;

	if (seq & 1 || __sync_val_compare_and_swap(&live->seq, seq, seq + 1) != seq) {
		count_accepted_and_order(live);
		return true;
	}
	news = differs_from_live(frame, live) || live->arrival_ns < *(volatile __u64 *)&live->since_ns;
	live->interval_256ths = interval_256ths(carp);
	live->arrival_ns = arrival_ns;
	live->counter = carp_counter(carp);
	__builtin_memcpy(live->source, frame->source, sizeof(live->source));
	live->advbase = carp->advbase;
	live->advskew = carp->advskew;
	live->demote = carp->demote;
	live->ip_version = frame->ipv4 ? 4 : 6;
	count_accepted_and_order(live);
	*(volatile __u32 *)&live->seq = seq + 2;
	return news;
}

static __always_inline bool ring_is_half_full(void)
{
	return bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) >= bpf_ringbuf_query(&events, BPF_RB_RING_SIZE) / 2;
}

static __always_inline void ring_push(const struct frame *frame, const struct vr_entry *vr, __u64 arrival_ns, bool news)
{
	const struct carp_header *carp = frame->carp;
	struct xcarp_record *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
	struct xcarp_drops *count;

	if (!record) {
		count = counters();
		if (count)
			count->ring_full++;
		return;
	}
	record->arrival_ns = arrival_ns;
	record->counter = carp_counter(carp);
	record->slot = vr->slot;
	record->generation = vr->generation;
	__builtin_memcpy(record->source, frame->source, sizeof(record->source));
	record->abi_version = XCARP_ABI_VERSION;
	record->type = RECORD_ADVERT;
	record->reason = 0;
	record->ip_version = frame->ipv4 ? 4 : 6;
	record->advbase = carp->advbase;
	record->advskew = carp->advskew;
	record->demote = carp->demote;
	record->count = 0;
	record->reserved = 0;
	bpf_ringbuf_submit(record, news || ring_is_half_full() ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

static __always_inline enum xcarp_verdict record_advert(const struct frame *frame, const struct vrouter *vr)
{
	struct vr_live *live = vr->live;
	__u64 arrival_ns = bpf_ktime_get_ns();
	bool news = live_update(live, frame, arrival_ns);

	/* The controller's half: it wants all there is while it is master, or has only just taken the slot. */
	news |= *(volatile enum vr_state *)&live->state == MASTER ||
		*(volatile __u32 *)&live->generation != vr->entry->generation;
	ring_push(frame, vr->entry, arrival_ns, news);
	return ACCEPTED;
}

#endif
