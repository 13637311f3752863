/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An skb's bytes may lie in several pieces, of which a program sees the first; some drivers put no more than the Ethernet
 * header there. Pulling more into it costs, so it is done to nothing but what may be an advert or a question for an address.
 */
#ifndef XCARP_LINEAR_BPF_H
#define XCARP_LINEAR_BPF_H

#include "parse.bpf.h"

#define ETHERNET_MAX (sizeof(struct ethhdr) + VLAN_TAGS_MAX * sizeof(struct vlan_tag))
#define IPV4_HEADER_MAX 60
#define ADVERT_MAX (ETHERNET_MAX + IPV4_HEADER_MAX + sizeof(struct carp_header))
#define KIND_MAX (ETHERNET_MAX + sizeof(struct ipv6hdr)) /* tells what kind of frame it is */

static __always_inline bool lacks_bytes(const struct hook *hook)
{
	__u64 linear = (__u64)(hook_data_end(hook) - hook_data(hook));

	return linear < ADVERT_MAX && linear < hook->skb->len;
}

/* From a copy. What is not there of a short frame reads as zeros. */
static __noinline bool may_be_ours(struct __sk_buff *skb)
{
	const struct hook hook = { .at = AT_TC, .skb = skb };
	__u8 copy[KIND_MAX] __attribute__((aligned(8))) = {};
	__u32 len = skb->len;
	struct frame frame;

	if (len > sizeof(copy))
		len = sizeof(copy);
	if (len < sizeof(struct ethhdr) || bpf_skb_load_bytes(skb, 0, copy, len))
		return false;
	return frame_kind_of(&frame, &hook, copy, copy + sizeof(copy)) != OTHER_TRAFFIC;
}

/* All pointers into the frame are void afterwards. Returns 0 or -errno. */
static __always_inline int pull_headers(struct __sk_buff *skb)
{
	__u32 len = skb->len;

	return (int)bpf_skb_pull_data(skb, len < ADVERT_MAX ? len : ADVERT_MAX);
}

#endif
