/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From the frame to the advert: Ethernet, up to two VLAN tags, IPv4 or IPv6. It decides what is CARP's business
 * and where things are in the frame; whether they are right is for others to say.
 *
 * Only the frame's first buffer is looked at. A driver that spreads a frame over several (xdp.frags) fills that
 * one first, and it is far longer than any advert.
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

#define VLAN_TAGS_MAX 2
#define VLAN_VID_MASK 0x0fff
#define IPV4_FRAG_MORE 0x2000
#define IPV4_FRAG_OFFSET 0x1fff
#define CARP_MIN_READABLE 4 /* version, VHID and authlen: enough to tell whose packet it is */
#define VRRP2_SEVEN_ADDRESSES_LEN (8 + 7 * 4 + 8)

struct vlan_tag {
	__be16 tci;
	__be16 ethertype; /* of what follows the tag */
};

/* A frame of protocol 112. Of ipv4 and ipv6 one is set; the pointers lie in the packet. */
struct frame {
	void *end;
	struct iphdr *ipv4;
	struct ipv6hdr *ipv6;
	struct carp_header *carp;
	__u16 vlan;
	__u16 inner_vlan;
	__u32 source[4]; /* network order, zeros after an IPv4 address: as the maps have it */
};

static __always_inline bool is_vlan(__be16 ethertype)
{
	return ethertype == bpf_htons(ETH_P_8021Q) || ethertype == bpf_htons(ETH_P_8021AD);
}

/* A tag with VID 0 carries a priority and no VLAN, so it counts as no tag at all. */
static __always_inline void frame_add_vlan(struct frame *frame, __u16 vid)
{
	if (!frame->vlan)
		frame->vlan = vid;
	else
		frame->inner_vlan = vid;
}

/*
 * 4 or 6 for IPv4 and IPv6 frames of protocol 112 whose fixed IP header is whole, 0 for all others. This is all that other traffic
 * goes through, so it is kept short; IPv6 with extension headers is other traffic.
 */
static __always_inline int frame_ip_version_of_112(struct frame *frame, struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	void *next = eth + 1;
	__be16 ethertype;

	/* Every frame has room for an IPv4 header. */
	if (next + sizeof(struct iphdr) > end)
		return 0;
	ethertype = *(__be16 *)(data + offsetof(struct ethhdr, h_proto));
	frame->vlan = 0;
	frame->inner_vlan = 0;

#pragma unroll
	for (int i = 0; i < VLAN_TAGS_MAX; i++) {
		struct vlan_tag *tag = next;

		if (!is_vlan(ethertype))
			break;
		if ((void *)(tag + 1) > end)
			return 0;
		frame_add_vlan(frame, bpf_ntohs(tag->tci) & VLAN_VID_MASK);
		ethertype = tag->ethertype;
		next = tag + 1;
	}

	frame->end = end;
	if (ethertype == bpf_htons(ETH_P_IP)) {
		frame->ipv4 = next;
		return (void *)(frame->ipv4 + 1) <= end && frame->ipv4->protocol == CARP_IPPROTO ? 4 : 0;
	}
	if (ethertype == bpf_htons(ETH_P_IPV6)) {
		frame->ipv6 = next;
		return (void *)(frame->ipv6 + 1) <= end && frame->ipv6->nexthdr == CARP_IPPROTO ? 6 : 0;
	}
	return 0;
}

static __always_inline __u32 ipv4_header_len(const struct iphdr *ipv4)
{
	return ipv4->ihl * 4;
}

/* Bytes after the IP header, as the header has it; negative where it contradicts itself. */
static __always_inline int frame_payload_len(const struct frame *frame)
{
	if (frame->ipv4)
		return (int)bpf_ntohs(frame->ipv4->tot_len) - (int)ipv4_header_len(frame->ipv4);
	return bpf_ntohs(frame->ipv6->payload_len);
}

/* Finds the CARP header and leaves VRRP, which has the same protocol number and group, alone. */
static __always_inline enum xcarp_verdict frame_find_advert(struct frame *frame)
{
	struct carp_header *carp;

	if (frame->ipv4) {
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
	return ACCEPTED;
}

#endif
