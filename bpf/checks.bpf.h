/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What an advert has to be before a hash is spent on it. It stands here in the order in which it is checked,
 * cheapest first.
 */
#ifndef XCARP_CHECKS_BPF_H
#define XCARP_CHECKS_BPF_H

#include "parse.bpf.h"

static __always_inline bool ip_header_is_consistent(const struct frame *frame)
{
	if (is_ipv4(frame))
		return frame->ipv4->version == 4 && frame->ipv4->ihl >= 5;
	return frame->ipv6->version == 6;
}

static __always_inline __u8 frame_ttl(const struct frame *frame)
{
	return is_ipv4(frame) ? frame->ipv4->ttl : frame->ipv6->hop_limit;
}

static __always_inline bool source_is(const struct frame *frame, const __u8 address[16])
{
	const __u32 *word = (const __u32 *)address;

	return frame->source[0] == word[0] && frame->source[1] == word[1] && frame->source[2] == word[2] &&
	       frame->source[3] == word[3];
}

/* RFC 1071: with the checksum in place, the one's complement sum of the whole is all ones. */
static __always_inline bool checksum_is_good(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

static __always_inline bool ipv4_checksum_is_good(const struct iphdr *ipv4, const void *end)
{
	const __u32 *word = (const __u32 *)ipv4;
	__u64 sum = 0;

	for (int i = 0; i < 5; i++)
		sum += word[i];
	/* Options, up to ten words: nobody sends them, everybody has to take them. */
	if (ipv4->ihl > 5) {
		for (__u32 i = 5; i < 15 && i < ipv4->ihl; i++) {
			if ((const void *)(word + i + 1) > end)
				return false;
			sum += word[i];
		}
	}
	return checksum_is_good(sum);
}

static __always_inline bool carp_checksum_is_good(const struct carp_header *carp)
{
	const __u32 *word = (const __u32 *)carp;
	__u64 sum = 0;

	for (unsigned int i = 0; i < sizeof(*carp) / 4; i++)
		sum += word[i];
	return checksum_is_good(sum);
}

static __always_inline enum xcarp_verdict frame_read_version(struct frame *frame, const struct vr_entry *vr)
{
	__u8 version = frame->carp->version_type >> 4;

	frame->is_strong = version == CARP_VERSION_STRONG;
	if (version == CARP_VERSION)
		return ACCEPTED;
	if (!frame->is_strong)
		return DROP_BAD_VERSION;
	return vr->auth == AUTH_HMAC_SHA1 ? DROP_NOT_ENABLED : ACCEPTED;
}

static __always_inline enum xcarp_verdict check_advert(struct frame *frame, const struct vr_entry *vr)
{
	const struct carp_header *carp = frame->carp;
	enum xcarp_verdict verdict;

	frame_read_source(frame);
	if (is_ipv4(frame) && frame->ipv4->frag_off & bpf_htons(IPV4_FRAG_MORE))
		return DROP_FRAGMENT;
	verdict = frame_read_version(frame, vr);
	if (verdict != ACCEPTED)
		return verdict;
	if ((carp->version_type & 0xf) != CARP_TYPE_ADVERTISEMENT)
		return DROP_BAD_TYPE;
	if (frame_ttl(frame) != CARP_TTL)
		return DROP_BAD_TTL;
	if (!ip_header_is_consistent(frame) || frame_payload_len(frame) != sizeof(*carp))
		return DROP_BAD_LENGTH;
	if ((void *)(carp + 1) > frame->end)
		return DROP_TRUNCATED;
	if (source_is(frame, vr->source))
		return DROP_OWN_SOURCE;
	if (is_ipv4(frame) && !ipv4_checksum_is_good(frame->ipv4, frame->end))
		return DROP_BAD_IP_CHECKSUM;
	if (!carp_checksum_is_good(carp))
		return DROP_BAD_CHECKSUM;
	return ACCEPTED;
}

#endif
