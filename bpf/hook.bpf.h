/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The two hooks that the program is compiled for, and what differs between them: XDP, where a frame is still as it came, and
 * the ingress of the interface (tc), where the kernel has made an skb of it and taken the outer VLAN tag out. `at` is a
 * constant wherever it is asked, so neither program has code for the other hook.
 */
#ifndef XCARP_HOOK_BPF_H
#define XCARP_HOOK_BPF_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct hook {
	enum {
		AT_XDP,
		AT_TC,
	} at;
	union {
		struct xdp_md *xdp;
		struct __sk_buff *skb;
	};
};

static __always_inline void *hook_data(const struct hook *hook)
{
	return (void *)(long)(hook->at == AT_XDP ? hook->xdp->data : hook->skb->data);
}

static __always_inline void *hook_data_end(const struct hook *hook)
{
	return (void *)(long)(hook->at == AT_XDP ? hook->xdp->data_end : hook->skb->data_end);
}

/* Of the interface that the program is attached to. For a bond, a bridge or a VLAN device that is its own one. */
static __always_inline __u32 hook_ifindex(const struct hook *hook)
{
	return hook->at == AT_XDP ? hook->xdp->ingress_ifindex : hook->skb->ifindex;
}

static __always_inline bool hook_has_stripped_tag(const struct hook *hook)
{
	return hook->at == AT_TC && hook->skb->vlan_present;
}

static __always_inline __u16 hook_stripped_tci(const struct hook *hook)
{
	return (__u16)hook->skb->vlan_tci;
}

#endif
