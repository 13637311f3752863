// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The least an XDP program can do: what the data plane is measured against. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp.frags")
int empty(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
