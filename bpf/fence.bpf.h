/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ARP and neighbour discovery, as far as they are about a virtual address. The fence: questions for one (ARP requests,
 * neighbour solicitations) do not reach the host while it must not answer them; see include/xcarp/fence.h. Nobody looks at them
 * until a master has heard somebody else. And another host that says that it has the address of a master here is told of.
 */
#ifndef XCARP_FENCE_BPF_H
#define XCARP_FENCE_BPF_H

#include <xcarp/fence.h>

#include "count.bpf.h"
#include "maps.bpf.h"
#include "notice.bpf.h"
#include "parse.bpf.h"

#define FENCE_WATCH_NS 1000000000ull /* beyond the time for which the other one counts as alive */
#define ARP_REQUEST 1
#define ND_NEIGHBOUR_SOLICIT 135
#define ND_NEIGHBOUR_ADVERT 136

struct arp_packet {
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

_Static_assert(sizeof(struct arp_packet) == 28, "wire format");

struct nd_packet {
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
		struct arp_packet *arp = next;

		if ((void *)(arp + 1) > end || arp->operation != bpf_htons(ARP_REQUEST) || arp->protocol != bpf_htons(ETH_P_IP))
			return false;
		key->ip_version = 4;
		__builtin_memcpy(key->address, arp->target, sizeof(arp->target));
	} else {
		struct ipv6hdr *ipv6 = next;
		struct nd_packet *nd = (void *)(ipv6 + 1);

		if ((void *)(nd + 1) > end || nd->type != ND_NEIGHBOUR_SOLICIT)
			return false;
		key->ip_version = 6;
		__builtin_memcpy(key->address, nd->target, sizeof(nd->target));
	}
	return true;
}

/* Who it says has an address: mac. False where it is no such thing, or can be about none of ours. */
static __always_inline bool read_claim(struct vip_key *key, __u8 mac[ETH_ALEN], enum frame_kind kind, const struct frame *frame,
				       __u64 endings)
{
	if (kind == ARP_FRAME) {
		struct arp_packet *arp = frame->next;

		if ((void *)(arp + 1) > frame->end || arp->protocol != bpf_htons(ETH_P_IP) || !(endings >> (arp->sender[3] & 63) & 1))
			return false;
		key->ip_version = 4;
		__builtin_memcpy(key->address, arp->sender, sizeof(arp->sender));
		__builtin_memcpy(mac, arp->sender_mac, ETH_ALEN);
	} else {
		struct ipv6hdr *ipv6 = frame->next;
		struct nd_packet *nd = (void *)(ipv6 + 1);

		if ((void *)(nd + 1) > frame->end || nd->type != ND_NEIGHBOUR_ADVERT || !(endings >> (nd->target[15] & 63) & 1))
			return false;
		key->ip_version = 6;
		__builtin_memcpy(key->address, nd->target, sizeof(nd->target));
		__builtin_memcpy(mac, ((struct ethhdr *)frame->tags - 1)->h_source, ETH_ALEN);
	}
	return true;
}

static __always_inline void duplicate_push(const struct vr_live *holder, const struct vip_key *key, const __u8 mac[ETH_ALEN],
					   __u32 *count)
{
	struct xcarp_record *record = ring_reserve(holder->claimed_by - 1u);

	if (!record)
		return;
	__builtin_memset(record, 0, sizeof(*record));
	record->arrival_ns = bpf_ktime_get_ns();
	__builtin_memcpy((__u8 *)&record->counter + sizeof(record->counter) - ETH_ALEN, mac, ETH_ALEN);
	record->index = holder->index;
	record->generation = holder->generation;
	record->abi_version = XCARP_ABI_VERSION;
	record->type = RECORD_DUPLICATE;
	__builtin_memcpy(record->source, key->address, sizeof(record->source));
	record->ip_version = key->ip_version;
	record->count = __sync_lock_test_and_set(count, 0);
	bpf_ringbuf_submit(record, 0);
}

static __always_inline bool is_same_mac(const __u8 a[ETH_ALEN], const __u8 b[ETH_ALEN])
{
	return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3] && a[4] == b[4] && a[5] == b[5];
}

/* The master of an address has it alone. What a bond or a switch sends back of our own has our MAC. */
static __always_inline void look_for_duplicate(struct frame *frame, enum frame_kind kind, const struct hook *hook, __u64 endings)
{
	struct vr_refusals *all;
	const struct vip_entry *vip;
	struct vr_live *holder;
	struct vip_key key = {};
	__u8 mac[ETH_ALEN];
	__u32 slot;

	if (!read_claim(&key, mac, kind, frame, endings))
		return;
	frame_read_vlans(frame, hook);
	if (frame->vlan)
		return;
	key.ifindex = hook_ifindex(hook);
	vip = bpf_map_lookup_elem(&vips, &key);
	if (!vip)
		return;
	slot = vip->slot;
	holder = bpf_map_lookup_elem(&live, &slot);
	all = bpf_map_lookup_elem(&refusals, &slot);
	if (!holder || !all || *(volatile enum vr_state *)&holder->state != MASTER || is_same_mac(mac, holder->mac))
		return;
	__sync_fetch_and_add(&all->duplicates.count, 1);
	if (notice_is_due(&all->duplicates.notice_ns, bpf_ktime_get_coarse_ns()))
		duplicate_push(holder, &key, mac, &all->duplicates.count);
}

static __always_inline bool may_be_answered(struct frame *frame, enum frame_kind kind, const struct hook *hook)
{
	struct xcarp_fence *watch = fence_entry();
	struct vip_key key = {};

	if (!watch)
		return true;
	if (watch->vips)
		look_for_duplicate(frame, kind, hook, watch->vips);
	if (!watch->watch_until_ns)
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
