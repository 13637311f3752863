// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Frames of protocol 112 go on as if another interface had received them, behind its driver: the one whose index is PAST_OFFSET
 * less than that of the interface that this is attached to.
 */
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define PAST_OFFSET 1000

SEC("tc")
int past(struct __sk_buff *skb)
{
	__u8 protocol = 0;

	if (skb->protocol != bpf_htons(ETH_P_IP) ||
	    bpf_skb_load_bytes(skb, ETH_HLEN + offsetof(struct iphdr, protocol), &protocol, sizeof(protocol)) || protocol != 112)
		return TC_ACT_OK;
	return (int)bpf_redirect(skb->ifindex - PAST_OFFSET, BPF_F_INGRESS);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
