/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The fence: questions for a virtual address (ARP requests, neighbour solicitations) do not reach the host while it must not
 * answer them; see include/xcarp/fence.h. Nobody looks at them until a master has heard somebody else.
 */
#ifndef XCARP_FENCE_BPF_H
#define XCARP_FENCE_BPF_H

#include <xcarp/fence.h>

#include "count.bpf.h"
#include "maps.bpf.h"
#include "parse.bpf.h"

#define FENCE_WATCH_NS 1000000000ull /* beyond the time for which the other one counts as alive */
#define ARP_REQUEST 1
#define ND_NEIGHBOUR_SOLICIT 135

struct arp_question {
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_len;
	__u8 protocol_len;
	__be16 operation;
	__u8 sender_mac[ETH_ALEN];
	__u8 sender[4];
	__u8 target_mac[ETH_ALEN];
	__u8 target[4];
};

_Static_assert(sizeof(struct arp_question) == 28, "wire format");

struct nd_question {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	__u8 reserved[4];
	__u8 target[16];
};

static __always_inline struct xcarp_fence *fence_entry(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&fence, &zero);
}

/* We are master, or were until a moment ago, and have heard somebody else. */
static __always_inline void fence_watch(struct vr_guard *of, const struct vr_live *live, const struct carp_header *carp,
					__u64 arrival_ns)
{
	bool is_bow_out = carp->advbase == CARP_BOW_OUT && carp->advskew == CARP_BOW_OUT;
	struct xcarp_fence *watch = fence_entry();
	__u64 until_ns = arrival_ns + fence_alive_ns(carp->advbase * 256 + carp->advskew) + FENCE_WATCH_NS;

	of->unanswered_ns = fence_unanswered(of->unanswered_ns, *(volatile __u64 *)&live->answered_ns, arrival_ns,
						is_bow_out);
	if (watch && !is_bow_out && *(volatile __u64 *)&watch->watch_until_ns < until_ns)
		*(volatile __u64 *)&watch->watch_until_ns = until_ns;
}

static __always_inline bool is_fenced(const struct vip_key *key)
{
	const struct vip_entry *vip = bpf_map_lookup_elem(&vips, key);
	struct vr_guard *holders_guard;
	struct vr_live *holder;
	__u32 slot;

	if (!vip || !vip->held)
		return false;
	slot = vip->slot;
	holder = bpf_map_lookup_elem(&live, &slot);
	holders_guard = bpf_map_lookup_elem(&guard, &slot);
	if (!holder || !holders_guard || !fence_holds(holder, holders_guard->unanswered_ns, bpf_ktime_get_ns()))
		return false;
	__sync_fetch_and_add(&holders_guard->fenced, 1);
	return true;
}

/* next: what follows the Ethernet header and its tags. False where it is no question for an address. */
static __always_inline bool read_question(struct vip_key *key, enum frame_kind kind, void *next, void *end)
{
	if (kind == ARP_FRAME) {
		struct arp_question *arp = next;

		if ((void *)(arp + 1) > end || arp->operation != bpf_htons(ARP_REQUEST) || arp->protocol != bpf_htons(ETH_P_IP))
			return false;
		key->ip_version = 4;
		__builtin_memcpy(key->address, arp->target, sizeof(arp->target));
	} else {
		struct ipv6hdr *ipv6 = next;
		struct nd_question *nd = (void *)(ipv6 + 1);

		if ((void *)(nd + 1) > end || nd->type != ND_NEIGHBOUR_SOLICIT)
			return false;
		key->ip_version = 6;
		__builtin_memcpy(key->address, nd->target, sizeof(nd->target));
	}
	return true;
}

static __always_inline bool may_be_answered(const struct frame *frame, enum frame_kind kind, const struct hook *hook)
{
	struct xcarp_fence *watch = fence_entry();
	struct vip_key key = {};

	if (!watch || !watch->watch_until_ns)
		return true;
	/* The cheap clock will do here: the watch ends long after the last one for whom it is kept counts as alive. */
	if (bpf_ktime_get_coarse_ns() > watch->watch_until_ns)
		return true;
	key.ifindex = hook_ifindex(hook);
	if (!read_question(&key, kind, frame->next, frame->end) || !is_fenced(&key))
		return true;
	count(DROP_FENCED);
	return false;
}

#endif
