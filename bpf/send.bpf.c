// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Sends a batch of adverts, run by the controller itself (BPF_PROG_RUN). Softirqs are off while a program runs, so all
 * frames of a batch are handed to the device before anything that follows from the first of them is done: on a bridge or a
 * veth pair, where the receiver's work is done on the sender's processor, that halves what a frame costs.
 */
#include <linux/bpf.h>
#include <linux/pkt_sched.h>
#include <bpf/bpf_helpers.h>

#include <xcarp/send.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct send_batch);
} batch SEC(".maps");

SEC("tc")
int send(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct send_batch *all = bpf_map_lookup_elem(&batch, &zero);

	if (!all)
		return 0;
	/* Before the traffic that keeps the interface busy, as through AF_PACKET. */
	skb->priority = TC_PRIO_CONTROL;
	for (__u32 i = 0; i < SEND_BATCH && i < all->count; i++) {
		struct send_frame *frame = &all->frames[i];

		frame->error = (__s32)bpf_skb_store_bytes(skb, 0, frame->bytes, sizeof(frame->bytes), 0);
		if (!frame->error)
			frame->error = (__s32)bpf_clone_redirect(skb, frame->ifindex, 0);
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
