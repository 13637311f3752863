// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Somebody else's program at the same ingress, behind ours: what does it get to see? */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

__u64 frames;
__u64 linear; /* bytes in the first piece of the last one */

SEC("tc")
int behind(struct __sk_buff *skb)
{
	frames++;
	linear = (__u64)((void *)(long)skb->data_end - (void *)(long)skb->data);
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
