// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The same frame again and again would be an old one: this puts the next of many adverts into it, and goes on to the
 * program that is measured.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <xcarp/carp.h>

#include "fresh.h"

struct carp_header adverts[FRESH_ADVERTS];
__u32 next;

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} then SEC(".maps");

SEC("xdp.frags")
int fresh(struct xdp_md *ctx)
{
	__u8 *carp = (__u8 *)(long)ctx->data + FRESH_CARP_OFFSET;
	__u32 i = next;

	if (i >= FRESH_ADVERTS || carp + sizeof(struct carp_header) > (__u8 *)(long)ctx->data_end)
		return XDP_ABORTED;
	next = i + 1;
	/* In whole words: who reads a word that was just written in pieces waits for it. */
	for (__u32 at = 0; at < sizeof(struct carp_header) - 4; at += 8)
		*(__u64 *)(carp + at) = *(__u64 *)((__u8 *)&adverts[i] + at);
	*(__u32 *)(carp + 32) = *(__u32 *)((__u8 *)&adverts[i] + 32);
	bpf_tail_call_static(ctx, &then, 0);
	return XDP_ABORTED;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
