// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Counts adverts and gratuitous ARP where they pass, in the kernel: a million frames a second are too many to hand to
 * a process on a machine that is being measured. `onlook` is the filter of a packet socket and keeps every frame from
 * it; `swallow` is an XDP program that counts and drops, for a sender that nobody is to hear.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "watch.h"

#define PROTOCOL_CARP 112 /* VRRP's too */
#define HEAD_LEN 42 /* of a frame: as far as both kinds go */
#define ETHERTYPE 12
#define ARP_SENDER 28
#define ARP_TARGET 38
#define IP_PROTOCOL 23
#define IP_SOURCE 26
#define IP_GROUP 30
#define VHID 35

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct watch_vr);
} vrs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, WATCH_VIPS);
	__type(key, __u32);
	__type(value, struct watch_vip);
} vips SEC(".maps");

static __always_inline void count_advert(const __u8 *head, __u64 now_ns)
{
	bool usual_group = head[IP_GROUP] == 224;
	__u32 index = (usual_group ? 0 : head[IP_GROUP + 2] << 16 | head[IP_GROUP + 3] << 8) | head[VHID];
	__u32 number = head[IP_SOURCE + 3] & (WATCH_HOSTS - 1);
	struct watch_vr *vr = bpf_map_lookup_elem(&vrs, &index);
	struct watch_host *host;

	/* VHID 0: the filler that follows xcarp's bow-out. */
	if (!vr || !head[VHID])
		return;
	host = &vr->hosts[number];
	if (vr->last_host != number) {
		vr->last_host = number;
		host->takeovers++;
	} else if (host->last_ns && (__s64)(now_ns - host->last_ns) > (__s64)host->longest_gap_ns) {
		/* Signed: another CPU may have seen a later one first. */
		host->longest_gap_ns = now_ns - host->last_ns;
	}
	if (!host->first_ns)
		host->first_ns = now_ns;
	host->last_ns = now_ns;
	host->adverts++;
}

static __always_inline void count_announcement(const __u8 *head, __u64 now_ns)
{
	__u32 index = head[ARP_TARGET + 2] << 8 | head[ARP_TARGET + 3];
	struct watch_vip *vip = bpf_map_lookup_elem(&vips, &index);

	for (int i = 0; i < 4; i++) {
		if (head[ARP_SENDER + i] != head[ARP_TARGET + i])
			return;
	}
	if (!vip)
		return;
	if (!vip->first_ns)
		vip->first_ns = now_ns;
	vip->last_ns = now_ns;
	vip->announcements++;
}

static __always_inline void count(const __u8 *head)
{
	__u16 ethertype = (__u16)(head[ETHERTYPE] << 8 | head[ETHERTYPE + 1]);

	if (ethertype == ETH_P_IP && head[IP_PROTOCOL] == PROTOCOL_CARP)
		count_advert(head, bpf_ktime_get_ns());
	else if (ethertype == ETH_P_ARP)
		count_announcement(head, bpf_ktime_get_ns());
}

SEC("socket")
int onlook(struct __sk_buff *skb)
{
	__u8 head[HEAD_LEN];

	if (!bpf_skb_load_bytes(skb, 0, head, sizeof(head)))
		count(head);
	return 0;
}

SEC("xdp.frags")
int swallow(struct xdp_md *ctx)
{
	__u8 head[HEAD_LEN];

	if (!bpf_xdp_load_bytes(ctx, 0, head, sizeof(head)))
		count(head);
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
