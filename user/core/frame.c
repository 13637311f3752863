// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "frame.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <string.h>

#include "auth.h"

#define IP_DONT_FRAGMENT 0x4000
#define ICMPV6_PROTOCOL 58
#define ND_NEIGHBOUR_ADVERT 136
#define ND_FLAG_ROUTER 0x80
#define ND_FLAG_OVERRIDE 0x20
#define ND_OPTION_TARGET_LINK_ADDRESS 2

struct arp_frame {
	struct ethhdr eth;
	__be16 hardware;
	__be16 protocol;
	uint8_t hardware_len;
	uint8_t protocol_len;
	__be16 operation;
	uint8_t sender_mac[FRAME_MAC_LEN];
	uint8_t sender[4];
	uint8_t target_mac[FRAME_MAC_LEN];
	uint8_t target[4];
} __attribute__((packed));

struct nd_advert {
	uint8_t type;
	uint8_t code;
	__sum16 checksum;
	uint8_t flags;
	uint8_t reserved[3];
	uint8_t target[16];
	uint8_t option;
	uint8_t option_len; /* 8 bytes */
	uint8_t option_mac[FRAME_MAC_LEN];
};

_Static_assert(sizeof(struct arp_frame) == FRAME_ARP_LEN, "wire format");
_Static_assert(sizeof(struct nd_advert) == 32, "wire format");

static uint32_t sum16(const void *data, size_t len, uint32_t sum)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	return sum;
}

static uint16_t internet_checksum(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void virtual_mac(uint8_t mac[FRAME_MAC_LEN], uint8_t block, uint8_t vhid)
{
	const uint8_t virtual[FRAME_MAC_LEN] = { 0x00, 0x00, 0x5e, 0x00, block, vhid };

	memcpy(mac, virtual, FRAME_MAC_LEN);
}

void frame_ucarp_mac(uint8_t mac[FRAME_MAC_LEN], uint8_t vhid)
{
	virtual_mac(mac, 0x00, vhid);
}

void frame_bsd_mac(uint8_t mac[FRAME_MAC_LEN], uint8_t vhid)
{
	virtual_mac(mac, 0x01, vhid);
}

/* RFC 1112, 6.4: the group's low 23 bits behind 01:00:5e. */
static void group_mac(uint8_t mac[FRAME_MAC_LEN], uint32_t group)
{
	uint32_t low = ntohl(group) & 0x7fffff;
	const uint8_t multicast[FRAME_MAC_LEN] = { 0x01, 0x00, 0x5e, (uint8_t)(low >> 16), (uint8_t)(low >> 8),
						   (uint8_t)low };

	memcpy(mac, multicast, FRAME_MAC_LEN);
}

static struct ethhdr advert_eth(const struct frame_advert *advert)
{
	struct ethhdr eth = { .h_proto = htons(ETH_P_IP) };

	if (advert->broadcast)
		memset(eth.h_dest, 0xff, sizeof(eth.h_dest));
	else
		group_mac(eth.h_dest, advert->group);
	memcpy(eth.h_source, advert->source_mac, sizeof(eth.h_source));
	return eth;
}

static struct iphdr advert_ip(const struct frame_advert *advert, size_t payload_len)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tos = CARP_TOS,
		.tot_len = htons((uint16_t)(sizeof(struct iphdr) + payload_len)),
		.id = htons(advert->ip_id),
		.frag_off = htons(IP_DONT_FRAGMENT),
		.ttl = CARP_TTL,
		.protocol = CARP_IPPROTO,
		.saddr = advert->source,
		.daddr = advert->group,
	};

	ip.check = internet_checksum(sum16(&ip, sizeof(ip), 0));
	return ip;
}

/* md: NULL where advert->is_strong, which needs no digest made before. */
static void put_advert(uint8_t frame[FRAME_ADVERT_LEN], const struct frame_advert *advert, const struct carp_key *key,
		       const uint8_t md[CARP_MD_LEN])
{
	struct ethhdr eth = advert_eth(advert);
	struct iphdr ip = advert_ip(advert, sizeof(struct carp_header));
	struct carp_header carp = {
		.version_type = advert->is_strong ? CARP_VERSION_TYPE_STRONG : CARP_VERSION_TYPE,
		.vhid = advert->vhid,
		.advskew = advert->advskew,
		.authlen = CARP_AUTHLEN,
		.advbase = advert->advbase,
		.counter = { htonl((uint32_t)(advert->counter >> 32)), htonl((uint32_t)advert->counter) },
	};

	if (advert->is_strong)
		auth_siphash(&carp, &key->siphash, advert->source);
	else
		memcpy(carp.md, md, CARP_MD_LEN);
	carp.checksum = internet_checksum(sum16(&carp, sizeof(carp), 0));

	memcpy(frame, &eth, sizeof(eth));
	memcpy(frame + sizeof(eth), &ip, sizeof(ip));
	memcpy(frame + sizeof(eth) + sizeof(ip), &carp, sizeof(carp));
}

void frame_advert(uint8_t frame[FRAME_ADVERT_LEN], const struct frame_advert *advert, const struct carp_key *key)
{
	frame_adverts((uint8_t(*)[FRAME_ADVERT_LEN])frame, advert, &key, 1);
}

void frame_adverts(uint8_t (*frames)[FRAME_ADVERT_LEN], const struct frame_advert *adverts,
		   const struct carp_key *const *keys, unsigned int n)
{
	const struct carp_hmac_key *hmac_keys[FRAME_BATCH];
	uint64_t counters[FRAME_BATCH];
	uint8_t mds[FRAME_BATCH][CARP_MD_LEN];
	unsigned int hmacs = 0, at = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (adverts[i].is_strong)
			continue;
		hmac_keys[hmacs] = &keys[i]->hmac;
		counters[hmacs++] = adverts[i].counter;
	}
	if (hmacs)
		auth_hmac_batch(hmac_keys, counters, mds, hmacs);
	for (unsigned int i = 0; i < n; i++)
		put_advert(frames[i], &adverts[i], keys[i], adverts[i].is_strong ? NULL : mds[at++]);
}

void frame_filler(uint8_t *frame, size_t len, const struct frame_advert *advert)
{
	struct ethhdr eth = advert_eth(advert);
	struct iphdr ip = advert_ip(advert, len - sizeof(eth) - sizeof(ip));
	struct carp_header carp = { .version_type = CARP_VERSION_TYPE, .authlen = CARP_AUTHLEN };

	carp.checksum = internet_checksum(sum16(&carp, sizeof(carp), 0));
	memset(frame, 0, len);
	memcpy(frame, &eth, sizeof(eth));
	memcpy(frame + sizeof(eth), &ip, sizeof(ip));
	memcpy(frame + sizeof(eth) + sizeof(ip), &carp, sizeof(carp));
}

static size_t gratuitous_arp(uint8_t *frame, const struct vip *vip, const uint8_t mac[FRAME_MAC_LEN])
{
	struct arp_frame arp = {
		.eth.h_proto = htons(ETH_P_ARP),
		.hardware = htons(1),
		.protocol = htons(ETH_P_IP),
		.hardware_len = FRAME_MAC_LEN,
		.protocol_len = 4,
		.operation = htons(1),
	};

	memset(arp.eth.h_dest, 0xff, FRAME_MAC_LEN);
	memcpy(arp.eth.h_source, mac, FRAME_MAC_LEN);
	memcpy(arp.sender_mac, mac, FRAME_MAC_LEN);
	memcpy(arp.target_mac, mac, FRAME_MAC_LEN);
	memcpy(arp.sender, vip->address, sizeof(arp.sender));
	memcpy(arp.target, vip->address, sizeof(arp.target));
	memcpy(frame, &arp, sizeof(arp));
	return sizeof(arp);
}

static size_t unsolicited_na(uint8_t *frame, const struct vip *vip, const uint8_t mac[FRAME_MAC_LEN], bool is_router)
{
	static const uint8_t all_nodes[16] = { 0xff, 0x02, [15] = 0x01 };
	static const uint8_t all_nodes_mac[FRAME_MAC_LEN] = { 0x33, 0x33, 0x00, 0x00, 0x00, 0x01 };
	struct ethhdr eth = { .h_proto = htons(ETH_P_IPV6) };
	struct ipv6hdr ip = {
		.version = 6,
		.payload_len = htons(sizeof(struct nd_advert)),
		.nexthdr = ICMPV6_PROTOCOL,
		.hop_limit = 255,
	};
	struct nd_advert na = {
		.type = ND_NEIGHBOUR_ADVERT,
		.flags = ND_FLAG_OVERRIDE | (is_router ? ND_FLAG_ROUTER : 0),
		.option = ND_OPTION_TARGET_LINK_ADDRESS,
		.option_len = 1,
	};
	uint32_t sum = sizeof(na) + ICMPV6_PROTOCOL;

	memcpy(eth.h_dest, all_nodes_mac, FRAME_MAC_LEN);
	memcpy(eth.h_source, mac, FRAME_MAC_LEN);
	memcpy(&ip.saddr, vip->address, sizeof(ip.saddr));
	memcpy(&ip.daddr, all_nodes, sizeof(ip.daddr));
	memcpy(na.target, vip->address, sizeof(na.target));
	memcpy(na.option_mac, mac, FRAME_MAC_LEN);
	sum = sum16(&ip.saddr, sizeof(ip.saddr), sum);
	sum = sum16(&ip.daddr, sizeof(ip.daddr), sum);
	na.checksum = internet_checksum(sum16(&na, sizeof(na), sum));

	memcpy(frame, &eth, sizeof(eth));
	memcpy(frame + sizeof(eth), &ip, sizeof(ip));
	memcpy(frame + sizeof(eth) + sizeof(ip), &na, sizeof(na));
	return FRAME_NA_LEN;
}

size_t frame_announce(uint8_t frame[FRAME_MAX], const struct vip *vip, const uint8_t mac[FRAME_MAC_LEN], bool is_router)
{
	return vip->ip_version == 6 ? unsolicited_na(frame, vip, mac, is_router) : gratuitous_arp(frame, vip, mac);
}
