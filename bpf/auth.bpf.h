/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Was this advert signed with a key of ours, in a way that is accepted? The expensive question, so the last one. */
#ifndef XCARP_AUTH_BPF_H
#define XCARP_AUTH_BPF_H

#include "guard.bpf.h"
#include "notice.bpf.h"
#include "parse.bpf.h"
#include "vrouter.bpf.h"

static __always_inline bool hmac_is_good(const struct carp_header *carp, const struct carp_hmac_key *key)
{
	const __be32 *sent = (const __be32 *)carp->md;
	__u32 md[SHA1_STATE_WORDS];
	__u32 difference = 0;

	carp_hmac(key, carp_counter(carp), md);
	/* Every word is looked at, whatever the first ones said: the time taken tells a forger nothing. */
	for (int i = 0; i < SHA1_STATE_WORDS; i++)
		difference |= bpf_ntohl(sent[i]) ^ md[i];
	return difference == 0;
}

static __always_inline enum xcarp_verdict check_hmac(const struct frame *frame, const struct vrouter *vr)
{
	if (vr->entry->auth == AUTH_SIPHASH)
		return DROP_WEAK_AUTH;
	return hmac_is_good(frame->carp, &vr->key->hmac) ? ACCEPTED : DROP_BAD_HMAC;
}

/* NULL: none has this id. */
static __always_inline const __u64 *find_siphash_key(const struct carp_siphash_keys *keys, __be32 id)
{
#pragma unroll
	for (int i = 0; i < CARP_SIPHASH_KEYS_MAX; i++)
		if (keys->ids[i] == id)
			return keys->keys[i];
	return NULL;
}

static __always_inline enum xcarp_verdict check_siphash(const struct frame *frame, const struct vrouter *vr)
{
	const __u32 *sent = (const __u32 *)frame->carp->tag;
	const volatile __u64 *entered = find_siphash_key(&vr->key->siphash, frame->carp->key_id);
	__u64 key[2], tag[2];

	if (!entered)
		return DROP_UNKNOWN_KEY;
	/* Zeros also where it is just being entered: a key that everybody knows must not be good for a moment. */
	key[0] = entered[0];
	key[1] = entered[1];
	if (!(key[0] | key[1]))
		return DROP_UNKNOWN_KEY;
	carp_siphash(key, frame->carp, frame->source, is_ipv4(frame) ? 1 : 4, tag);
	tag[0] ^= SIPHASH_LE32(sent[0]) | SIPHASH_LE32(sent[1]) << 32;
	tag[1] ^= SIPHASH_LE32(sent[2]) | SIPHASH_LE32(sent[3]) << 32;
	return tag[0] | tag[1] ? DROP_BAD_TAG : ACCEPTED;
}

static __always_inline enum xcarp_verdict authenticate(const struct frame *frame, const struct vrouter *vr)
{
	enum xcarp_verdict verdict = frame->is_strong ? check_siphash(frame, vr) : check_hmac(frame, vr);

	if (verdict == ACCEPTED)
		return verdict;
	guard_count_wrong(vr);
	notice_refusal(frame, vr->entry, verdict, &vr->live->bad_hmac, &vr->live->notice_ns);
	return verdict;
}

#endif
