/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From the frame to the advert: Ethernet, up to two VLAN tags, IPv4 or IPv6. It decides what is CARP's business
 * and where things are in the frame; whether they are right is for others to say.
 *
 * Only the frame's first buffer is looked at. A driver that spreads a frame over several (xdp.frags) fills that
 * one first, and it is far longer than any advert. An skb's may be shorter: see linear.bpf.h.
 */
#ifndef XCARP_PARSE_BPF_H
#define XCARP_PARSE_BPF_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include <xcarp/abi.h>
#include <xcarp/carp.h>

#include "hook.bpf.h"

#define VLAN_TAGS_MAX 2
#define VLAN_VID_MASK 0x0fff
#define IPV4_FRAG_MORE 0x2000
#define IPV4_FRAG_OFFSET 0x1fff
#define CARP_MIN_READABLE 4 /* version, VHID and authlen: enough to tell whose packet it is */
#define ICMPV6_PROTOCOL 58
#define VRRP2_SEVEN_ADDRESSES_LEN (8 + 7 * 4 + 8)

struct vlan_tag {
	__be16 tci;
	__be16 ethertype; /* of what follows the tag */
};

_Static_assert(VLAN_TAGS_MAX * sizeof(struct vlan_tag) <= sizeof(struct iphdr), "who has room for one has room for the other");

/* A frame of protocol 112. The pointers lie in the packet. */
struct frame {
	void *end;
	struct vlan_tag *tags; /* those that are still in it */
	void *next; /* what follows the Ethernet header and its tags */
	__u32 tag_count;
	__u8 ip_version; /* of the two headers it has this one */
	struct iphdr *ipv4;
	struct ipv6hdr *ipv6;
	struct carp_header *carp;
	__u16 vlan;
	__u16 inner_vlan;
	__u32 source[4]; /* network order, zeros after an IPv4 address: as the maps have it */
	bool is_strong; /* of CARP_VERSION_STRONG; known once it is checked */
};

static __always_inline bool is_ipv4(const struct frame *frame)
{
	return frame->ip_version == 4;
}

static __always_inline bool is_vlan(__be16 ethertype)
{
	return ethertype == bpf_htons(ETH_P_8021Q) || ethertype == bpf_htons(ETH_P_8021AD);
}

static __always_inline __u16 vlan_id(const struct frame *frame, __u32 tag)
{
	return frame->tag_count > tag ? bpf_ntohs(frame->tags[tag].tci) & VLAN_VID_MASK : 0;
}

/* A tag with VID 0 carries a priority and no VLAN, so it counts as no tag at all. */
static __always_inline void frame_read_vlans(struct frame *frame, const struct hook *hook)
{
	__u16 outer, inner;

	if (hook_has_stripped_tag(hook)) {
		outer = hook_stripped_tci(hook) & VLAN_VID_MASK;
		inner = vlan_id(frame, 0);
	} else {
		outer = vlan_id(frame, 0);
		inner = vlan_id(frame, 1);
	}
	frame->vlan = outer ?: inner;
	frame->inner_vlan = outer ? inner : 0;
}

enum frame_kind {
	OTHER_TRAFFIC,
	TOO_SHORT, /* to tell; where all of the frame is there, that is other traffic */
	ADVERT_IPV4, /* of protocol 112, its fixed IP header whole */
	ADVERT_IPV6,
	ARP_FRAME,
	ICMPV6_FRAME, /* its IP header whole */
};

/*
 * This is all that other traffic goes through, so it is kept short; IPv6 with extension headers is other traffic. A tag that was
 * stripped counts as one of VLAN_TAGS_MAX.
 */
static __always_inline enum frame_kind frame_kind_of(struct frame *frame, const struct hook *hook, void *data, void *end)
{
	struct ethhdr *eth = data;
	void *next = eth + 1;
	__be16 ethertype;

	/* Every frame has room for an IPv4 header, and so for the tags. */
	if (next + sizeof(struct iphdr) > end)
		return TOO_SHORT;
	ethertype = *(__be16 *)(data + offsetof(struct ethhdr, h_proto));
	frame->tags = next;
	frame->tag_count = 0;

#pragma unroll
	for (int i = 0; i < VLAN_TAGS_MAX; i++) {
		if (!is_vlan(ethertype) || (i == VLAN_TAGS_MAX - 1 && hook_has_stripped_tag(hook)))
			break;
		ethertype = frame->tags[i].ethertype;
		next = &frame->tags[i + 1];
		frame->tag_count = i + 1;
	}

	frame->end = end;
	frame->next = next;
	if (ethertype == bpf_htons(ETH_P_IP)) {
		frame->ipv4 = next;
		if ((void *)(frame->ipv4 + 1) > end)
			return TOO_SHORT;
		return frame->ipv4->protocol == CARP_IPPROTO ? ADVERT_IPV4 : OTHER_TRAFFIC;
	}
	if (ethertype == bpf_htons(ETH_P_IPV6)) {
		frame->ipv6 = next;
		if ((void *)(frame->ipv6 + 1) > end)
			return TOO_SHORT;
		if (frame->ipv6->nexthdr == CARP_IPPROTO)
			return ADVERT_IPV6;
		return frame->ipv6->nexthdr == ICMPV6_PROTOCOL ? ICMPV6_FRAME : OTHER_TRAFFIC;
	}
	return ethertype == bpf_htons(ETH_P_ARP) ? ARP_FRAME : OTHER_TRAFFIC;
}

static __always_inline __u64 carp_counter(const struct carp_header *carp)
{
	return (__u64)bpf_ntohl(carp->counter[0]) << 32 | bpf_ntohl(carp->counter[1]);
}

static __always_inline __u32 ipv4_header_len(const struct iphdr *ipv4)
{
	return ipv4->ihl * 4;
}

/* Bytes after the IP header, as the header has it; negative where it contradicts itself. */
static __always_inline int frame_payload_len(const struct frame *frame)
{
	if (is_ipv4(frame))
		return (int)bpf_ntohs(frame->ipv4->tot_len) - (int)ipv4_header_len(frame->ipv4);
	return bpf_ntohs(frame->ipv6->payload_len);
}

static __always_inline void frame_read_source(struct frame *frame)
{
	if (is_ipv4(frame)) {
		frame->source[0] = frame->ipv4->saddr;
		frame->source[1] = 0;
		frame->source[2] = 0;
		frame->source[3] = 0;
	} else {
		for (int i = 0; i < 4; i++)
			frame->source[i] = frame->ipv6->saddr.s6_addr32[i];
	}
}

/* Finds the CARP header and leaves VRRP, which has the same protocol number and group, alone. */
static __always_inline enum xcarp_verdict frame_find_advert(struct frame *frame, const struct hook *hook)
{
	struct carp_header *carp;

	if (is_ipv4(frame)) {
		__u32 len = ipv4_header_len(frame->ipv4);

		if (frame->ipv4->frag_off & bpf_htons(IPV4_FRAG_OFFSET))
			return PASS_UNREADABLE;
		/* A header that claims to be shorter than it is gets refused later, once it is known whose it is. */
		if (len < sizeof(struct iphdr))
			len = sizeof(struct iphdr);
		carp = (void *)frame->ipv4 + len;
	} else {
		carp = (void *)(frame->ipv6 + 1);
	}
	if ((void *)carp + CARP_MIN_READABLE > frame->end)
		return PASS_UNREADABLE;
	frame->carp = carp;

	/* VRRP has its number of addresses where CARP has authlen. */
	if (carp->version_type >> 4 == VRRP_VERSION_3 || carp->authlen != CARP_AUTHLEN)
		return PASS_VRRP;
	/* VRRPv2 with seven addresses has CARP's version and authlen both, and only its length tells. */
	if (carp->version_type >> 4 == CARP_VERSION && frame_payload_len(frame) == VRRP2_SEVEN_ADDRESSES_LEN)
		return PASS_VRRP;
	frame_read_vlans(frame, hook);
	return ACCEPTED;
}

static __always_inline __u16 interval_256ths(const struct carp_header *carp)
{
	return carp->advbase * 256 + carp->advskew;
}

#endif
