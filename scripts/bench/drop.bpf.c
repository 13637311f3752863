// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The far end of a cable in the benchmark of sending: the least a receiver can cost on a veth. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int drop(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
