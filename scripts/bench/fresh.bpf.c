// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The same frame again and again would be an old one: this puts the next of many adverts into it, and goes on to the
 * program that is measured.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include <xcarp/carp.h>

#include "fresh.h"

struct carp_header adverts[FRESH_ADVERTS];
__u32 next;

struct then {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
};

struct then then SEC(".maps");
struct then then_tc SEC(".maps");

static __always_inline void put_next(__u8 *data, __u8 *end)
{
	__u8 *carp = data + FRESH_CARP_OFFSET;
	__u32 i = next;

	if (i >= FRESH_ADVERTS || carp + sizeof(struct carp_header) > end)
		return;
	next = i + 1;
	/* In whole words: who reads a word that was just written in pieces waits for it. */
	for (__u32 at = 0; at < sizeof(struct carp_header) - 4; at += 8)
		*(__u64 *)(carp + at) = *(__u64 *)((__u8 *)&adverts[i] + at);
	*(__u32 *)(carp + 32) = *(__u32 *)((__u8 *)&adverts[i] + 32);
}

SEC("xdp.frags")
int fresh(struct xdp_md *xdp)
{
	put_next((__u8 *)(long)xdp->data, (__u8 *)(long)xdp->data_end);
	bpf_tail_call_static(xdp, &then, 0);
	return XDP_ABORTED;
}

SEC("tc")
int fresh_tc(struct __sk_buff *skb)
{
	put_next((__u8 *)(long)skb->data, (__u8 *)(long)skb->data_end);
	bpf_tail_call_static(skb, &then_tc, 0);
	return TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
