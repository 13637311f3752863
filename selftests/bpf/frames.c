// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "frames.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <sodium.h>
#include <string.h>

#include "../reference.h"

static void put(struct frame *frame, const void *bytes, size_t len)
{
	memcpy(frame->bytes + frame->len, bytes, len);
	frame->len += len;
}

static void put_be16(struct frame *frame, uint16_t value)
{
	uint8_t bytes[2] = { (uint8_t)(value >> 8), (uint8_t)value };

	put(frame, bytes, sizeof(bytes));
}

static uint16_t internet_checksum(const uint8_t *bytes, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void put_ethernet(struct frame *frame, const struct vlan vlans[FRAME_TAGS_MAX], uint16_t ethertype)
{
	static const uint8_t to_group4[] = { 0x01, 0x00, 0x5e, 0x00, 0x00, 0x12 };
	static const uint8_t to_group6[] = { 0x33, 0x33, 0x00, 0x00, 0x00, 0x12 };
	static const uint8_t from[] = { 0x00, 0x00, 0x5e, 0x00, 0x01, 0x0a };

	put(frame, ethertype == ETHERTYPE_IPV6 ? to_group6 : to_group4, ETHER_ADDR_LEN);
	put(frame, from, ETHER_ADDR_LEN);
	for (int i = 0; i < FRAME_TAGS_MAX && vlans[i].tpid; i++) {
		put_be16(frame, vlans[i].tpid);
		put_be16(frame, vlans[i].tci);
	}
	put_be16(frame, ethertype);
}

static void put_ipv4(struct frame *frame, const struct advert *advert)
{
	struct iphdr header = {
		.version = 4,
		.ihl = (5u + advert->options_len / 4u) & 0xf,
		.tos = CARP_TOS,
		.tot_len = htons((uint16_t)(sizeof(header) + advert->options_len + sizeof(struct carp_header))),
		.id = htons(0x1234),
		.frag_off = htons(0x4000),
		.ttl = CARP_TTL,
		.protocol = CARP_IPPROTO,
	};

	inet_pton(AF_INET, advert->source, &header.saddr);
	inet_pton(AF_INET, advert->group ? advert->group : FRAME_IPV4_GROUP_TEXT, &header.daddr);
	put(frame, &header, sizeof(header));
	/* No-operations and the end: other than zero, so that a checksum that leaves them out is wrong. */
	for (int i = 1; i <= advert->options_len; i++)
		put(frame, i < advert->options_len ? "\x01" : "\x00", 1);
}

static void put_ipv6(struct frame *frame, const struct advert *advert)
{
	struct ip6_hdr header = {
		.ip6_flow = htonl(0x60000000),
		.ip6_plen = htons(sizeof(struct carp_header)),
		.ip6_nxt = CARP_IPPROTO,
		.ip6_hlim = CARP_TTL,
	};

	inet_pton(AF_INET6, advert->source, &header.ip6_src);
	inet_pton(AF_INET6, advert->group ? advert->group : FRAME_IPV6_GROUP_TEXT, &header.ip6_dst);
	put(frame, &header, sizeof(header));
}

void frame_build(struct frame *frame, const struct advert *advert, const struct secret *secret)
{
	struct carp_header carp = {
		.version_type = advert->strong ? CARP_VERSION_TYPE_STRONG : CARP_VERSION_TYPE,
		.vhid = secret->vhid,
		.advskew = advert->advskew,
		.authlen = CARP_AUTHLEN,
		.demote = advert->demote,
		.advbase = advert->advbase,
		.counter = { htonl((uint32_t)(advert->counter >> 32)), htonl((uint32_t)advert->counter) },
	};

	memset(frame, 0, sizeof(*frame));
	frame->strong = advert->strong;
	frame->ip_version = strchr(advert->source, ':') ? 6 : 4;
	put_ethernet(frame, advert->vlans, frame->ip_version == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
	frame->ip = frame->len;
	if (frame->ip_version == 6)
		put_ipv6(frame, advert);
	else
		put_ipv4(frame, advert);
	frame->carp = frame->len;
	put(frame, &carp, sizeof(carp));
	frame_mend_ip_checksum(frame);
	frame_sign(frame, secret);
}

struct carp_header *frame_carp(struct frame *frame)
{
	return (struct carp_header *)(frame->bytes + frame->carp);
}

void frame_mend_ip_checksum(struct frame *frame)
{
	struct iphdr *header = (struct iphdr *)(frame->bytes + frame->ip);

	if (frame->ip_version != 4)
		return;
	header->check = 0;
	header->check = internet_checksum(frame->bytes + frame->ip, header->ihl * 4);
}

void frame_mend_checksum(struct frame *frame)
{
	struct carp_header *carp = frame_carp(frame);

	carp->checksum = 0;
	carp->checksum = internet_checksum((uint8_t *)carp, sizeof(*carp));
}

void frame_siphash_keys(struct carp_siphash_keys *keys, const struct strong_key *strong, size_t n_strong)
{
	memset(keys, 0, sizeof(*keys));
	for (size_t i = 0; i < n_strong; i++) {
		keys->ids[i] = htonl(strong[i].id);
		for (size_t byte = 0; byte < 16; byte++)
			keys->keys[i][byte / 8] |= (uint64_t)strong[i].bytes[byte] << 8 * (byte % 8);
	}
}

/* The message put together anew, from the bytes of the frame. */
static void sign_strong(struct frame *frame, const struct strong_key *key)
{
	uint8_t message[20 + 16], *carp = frame->bytes + frame->carp;
	size_t source_at = frame->ip_version == 4 ? 12 : 8, source_len = frame->ip_version == 4 ? 4 : 16;

	for (int i = 0; i < 4; i++)
		carp[16 + i] = (uint8_t)(key->id >> (24 - 8 * i));
	memcpy(message, carp, 20);
	message[6] = message[7] = 0;
	memcpy(message + 20, frame->bytes + frame->ip + source_at, source_len);
	crypto_shorthash_siphashx24(carp + 20, message, 20 + source_len, key->bytes);
}

void frame_sign(struct frame *frame, const struct secret *secret)
{
	struct carp_header *carp = frame_carp(frame);
	uint64_t counter = (uint64_t)ntohl(carp->counter[0]) << 32 | ntohl(carp->counter[1]);

	if (frame->strong)
		sign_strong(frame, frame->strong);
	else
		reference_carp_md(carp->md, (const uint8_t *)secret->password, strlen(secret->password), secret->vhid,
				  secret->vips, secret->n_vips, counter);
	frame_mend_checksum(frame);
}

void frame_set_payload_len(struct frame *frame, uint16_t len)
{
	struct iphdr *ipv4 = (struct iphdr *)(frame->bytes + frame->ip);
	struct ip6_hdr *ipv6 = (struct ip6_hdr *)(frame->bytes + frame->ip);

	if (frame->ip_version == 4)
		ipv4->tot_len = htons((uint16_t)(ipv4->ihl * 4 + len));
	else
		ipv6->ip6_plen = htons(len);
	frame_mend_ip_checksum(frame);
}

void frame_replace_payload(struct frame *frame, uint8_t protocol, const uint8_t *payload, size_t len)
{
	struct iphdr *ipv4 = (struct iphdr *)(frame->bytes + frame->ip);
	struct ip6_hdr *ipv6 = (struct ip6_hdr *)(frame->bytes + frame->ip);

	if (frame->ip_version == 4)
		ipv4->protocol = protocol;
	else
		ipv6->ip6_nxt = protocol;
	frame->len = frame->carp;
	put(frame, payload, len);
	frame_set_payload_len(frame, (uint16_t)len);
}

void frame_build_arp(struct frame *frame)
{
	static const uint8_t request[46] = { 0, 1, 8, 0, 6, 4, 0, 1, 0, 0, 0x5e, 0, 1, 10, 10, 1, 1, 252 };

	memset(frame, 0, sizeof(*frame));
	put_ethernet(frame, (struct vlan[FRAME_TAGS_MAX]){ { 0 } }, ETHERTYPE_ARP);
	put(frame, request, sizeof(request));
}
