/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Was this advert signed with our key? The expensive question, so the last one. A flood of forged adverts is
 * told to the controller by one notice a second, not by one record each.
 */
#ifndef XCARP_AUTH_BPF_H
#define XCARP_AUTH_BPF_H

#include "maps.bpf.h"
#include "parse.bpf.h"
#include "vrouter.bpf.h"

static __always_inline __u64 carp_counter(const struct carp_header *carp)
{
	return (__u64)bpf_ntohl(carp->counter[0]) << 32 | bpf_ntohl(carp->counter[1]);
}

static __always_inline bool hmac_is_good(const struct carp_header *carp, const struct carp_hmac_key *key)
{
	const __be32 *sent = (const __be32 *)carp->md;
	__u32 md[SHA1_STATE_WORDS];
	__u32 difference = 0;

	carp_hmac(key, carp_counter(carp), md);
	/* Every word is looked at, whatever the first ones said: the time taken tells a forger nothing. */
	for (int i = 0; i < SHA1_STATE_WORDS; i++)
		difference |= bpf_ntohl(sent[i]) ^ md[i];
	return difference == 0;
}

/* Of all CPUs that refuse adverts at this moment, the one that moves notice_ns on sends the notice. */
static __always_inline void notice_refusal(const struct frame *frame, const struct vrouter *vr,
					   enum xcarp_verdict reason)
{
	struct vr_live *live = vr->live;
	__u64 now = bpf_ktime_get_coarse_ns(); /* a tick will do, at a tenth of the cost: this is where floods end */
	__u64 last = *(volatile __u64 *)&live->notice_ns;
	struct xcarp_record *record;

	__sync_fetch_and_add(&live->bad_hmac, 1);
	/* Signed: another CPU's clock reading may be a little ahead of ours. */
	if (last && (__s64)(now - last) < (__s64)XCARP_NOTICE_INTERVAL_NS)
		return;
	if (__sync_val_compare_and_swap(&live->notice_ns, last, now) != last)
		return;
	record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
	if (!record)
		return; /* the next notice has the count */
	__builtin_memset(record, 0, sizeof(*record));
	record->arrival_ns = bpf_ktime_get_ns();
	record->slot = vr->entry->slot;
	record->generation = vr->entry->generation;
	record->abi_version = XCARP_ABI_VERSION;
	record->type = RECORD_NOTICE;
	record->reason = reason;
	__builtin_memcpy(record->source, frame->source, sizeof(record->source));
	record->ip_version = frame->ipv4 ? 4 : 6;
	record->count = __sync_lock_test_and_set(&live->bad_hmac, 0);
	bpf_ringbuf_submit(record, BPF_RB_FORCE_WAKEUP);
}

static __always_inline enum xcarp_verdict authenticate(const struct frame *frame, const struct vrouter *vr)
{
	if (hmac_is_good(frame->carp, vr->key))
		return ACCEPTED;
	notice_refusal(frame, vr, DROP_BAD_HMAC);
	return DROP_BAD_HMAC;
}

#endif
