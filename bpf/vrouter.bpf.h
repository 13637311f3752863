/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whose advert is this? */
#ifndef XCARP_VROUTER_BPF_H
#define XCARP_VROUTER_BPF_H

#include "maps.bpf.h"
#include "parse.bpf.h"

#define IPV6_LINK_LOCAL_GROUPS 0xff020000u /* the first word of ff02::/96; two of zeros follow */

/* All that is known of one virtual router, and of the advert with regard to it. */
struct vrouter {
	const struct vr_entry *entry;
	const struct carp_key *key;
	struct vr_live *live;
	struct vr_guard *guard;
	__u32 place; /* of the source in the guard; REPLAY_SOURCES: not known */
	__u64 arrival_ns; /* known once it has been authenticated */
};

/* False where no virtual router can be meant. */
static __always_inline bool frame_read_group(const struct frame *frame, __be32 *group)
{
	const __be32 *words;

	if (is_ipv4(frame)) {
		*group = frame->ipv4->daddr;
		return true;
	}
	words = frame->ipv6->daddr.s6_addr32;
	*group = words[3];
	return words[0] == bpf_htonl(IPV6_LINK_LOCAL_GROUPS) && !words[1] && !words[2];
}

/* Other routers' business, mostly. But who has taken one number for another finds it here. */
static __noinline int note_stranger(const struct vr_key *key, const struct stranger *heard)
{
	struct stranger *known;

	if (!key || !heard)
		return 0;
	known = bpf_map_lookup_elem(&strangers, key);
	if (!known) {
		bpf_map_update_elem(&strangers, key, heard, BPF_ANY);
		return 0;
	}
	__sync_fetch_and_add(&known->count, 1);
	known->when_ns = heard->when_ns;
	__builtin_memcpy(known->source, heard->source, sizeof(known->source));
	known->version = heard->version;
	known->advbase = heard->advbase;
	known->advskew = heard->advskew;
	return 0;
}

static __always_inline void tell_stranger(struct frame *frame, const struct vr_key *key)
{
	struct stranger heard = {
		.count = 1,
		.when_ns = bpf_ktime_get_coarse_ns(),
		.version = frame->carp->version_type >> 4,
		.advskew = frame->carp->advskew,
	};

	if ((void *)(frame->carp + 1) <= frame->end)
		heard.advbase = frame->carp->advbase;
	frame_read_source(frame);
	__builtin_memcpy(heard.source, frame->source, sizeof(heard.source));
	note_stranger(key, &heard);
}

static __always_inline enum xcarp_verdict find_vrouter(struct vrouter *vr, struct frame *frame,
						       const struct hook *hook, bool is_carp)
{
	struct vr_key key = {
		.ifindex = hook_ifindex(hook),
		.ip_version = frame->ip_version,
		.vlan = frame->vlan,
		.inner_vlan = frame->inner_vlan,
		.vhid = frame->carp->vhid,
	};
	__be32 group;

	if (!frame_read_group(frame, &group))
		return PASS_NO_VROUTER;
	/* A word at once: the hash reads words, and a CPU stalls on one that it has just stored in pieces. */
	*(__be32 *)key.group = group;
	vr->entry = bpf_map_lookup_elem(&vrouters, &key);
	if (!vr->entry) {
		/* Nobody has 0, but what pushes a bow-out through ucarp's capture buffer. */
		if (is_carp && key.vhid)
			tell_stranger(frame, &key);
		return PASS_NO_VROUTER;
	}
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
	vr->guard = bpf_map_lookup_elem(&guard, &slot);
	return vr->key && vr->live && vr->guard ? ACCEPTED : PASS_NO_VROUTER;
}

#endif
