/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whose advert is this? */
#ifndef XCARP_VROUTER_BPF_H
#define XCARP_VROUTER_BPF_H

#include "maps.bpf.h"
#include "parse.bpf.h"

#define IPV6_LINK_LOCAL_GROUPS 0xff020000u /* the first word of ff02::/96; two of zeros follow */

/* All that is known of one virtual router. */
struct vrouter {
	const struct vr_entry *entry;
	const struct carp_hmac_key *key;
	struct vr_live *live;
};

static __always_inline bool frame_read_group(const struct frame *frame, struct vr_key *key)
{
	if (frame->ipv4) {
		key->ip_version = 4;
		__builtin_memcpy(key->group, &frame->ipv4->daddr, sizeof(key->group));
	} else {
		const __be32 *group = frame->ipv6->daddr.s6_addr32;

		if (group[0] != bpf_htonl(IPV6_LINK_LOCAL_GROUPS) || group[1] || group[2])
			return false;
		key->ip_version = 6;
		__builtin_memcpy(key->group, &group[3], sizeof(key->group));
	}
	return true;
}

static __always_inline enum xcarp_verdict find_vrouter(struct vrouter *vr, const struct frame *frame,
						       const struct xdp_md *ctx)
{
	union {
		struct vr_key key;
		__u64 words[2];
	} build = { .key = {
		.ifindex = ctx->ingress_ifindex,
		.vlan = frame->vlan,
		.inner_vlan = frame->inner_vlan,
		.vhid = frame->carp->vhid,
	} };
	__u64 key[2];

	if (!frame_read_group(frame, &build.key))
		return PASS_NO_VROUTER;
	/* The hash reads words, and a CPU stalls on reading a word that it has just stored in pieces. */
	key[0] = build.words[0];
	key[1] = build.words[1];
	vr->entry = bpf_map_lookup_elem(&vrouters, key);
	if (!vr->entry)
		return PASS_NO_VROUTER;
	if (vr->entry->abi_version != XCARP_ABI_VERSION)
		return PASS_ABI_MISMATCH;
	return ACCEPTED;
}

/* The rest of it, which a refused advert does not need. */
static __always_inline enum xcarp_verdict load_vrouter(struct vrouter *vr)
{
	__u32 slot = vr->entry->slot;

	vr->key = bpf_map_lookup_elem(&keys, &slot);
	vr->live = bpf_map_lookup_elem(&live, &slot);
	return vr->key && vr->live ? ACCEPTED : PASS_NO_VROUTER;
}

#endif
