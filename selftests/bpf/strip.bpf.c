// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Does to a frame what the kernel does before the ingress of an interface, and a test run does not: takes the outer VLAN tag out
 * of it. Then goes on to the program that is tested.
 */
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct outer {
	struct ethhdr eth;
	__be16 tci;
};

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} then SEC(".maps");

SEC("tc")
int strip(struct __sk_buff *skb)
{
	const struct outer *outer = (void *)(long)skb->data;

	if ((void *)(outer + 1) <= (void *)(long)skb->data_end) {
		__be16 ethertype = outer->eth.h_proto;
		__u16 tci = bpf_ntohs(outer->tci);

		/* Popping moves an inner tag out, too, and pushing puts that back in. */
		if ((ethertype == bpf_htons(ETH_P_8021Q) || ethertype == bpf_htons(ETH_P_8021AD)) && !bpf_skb_vlan_pop(skb))
			bpf_skb_vlan_push(skb, ethertype, tci);
	}
	bpf_tail_call_static(skb, &then, 0);
	return TC_ACT_STOLEN;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
