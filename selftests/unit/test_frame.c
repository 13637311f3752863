// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Frames, byte for byte: adverts against ucarp's, announcements against what garp.c and RFC 4861 put on the wire. */
#include "core/frame.h"

#include <arpa/inet.h>

#include "../tap.h"
#include "core/auth.h"
#include "vectors.h"

#define COUNT(table) (sizeof(table) / sizeof(*(table)))
#define FRAME_VECTORS 10
#define IP_AT 14
#define CARP_AT 34

static const uint8_t own_mac[FRAME_MAC_LEN] = { 0x02, 0x42, 0xac, 0x11, 0x00, 0x02 };

static uint64_t be(const uint8_t *bytes, int len)
{
	uint64_t value = 0;

	for (int i = 0; i < len; i++)
		value = value << 8 | bytes[i];
	return value;
}

/* RFC 1071: the ones' complement sum over data with a right checksum in it is all ones. */
static uint16_t folded_sum(const uint8_t *bytes, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)be(bytes + i, 2);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static uint32_t ipv4(const char *text)
{
	struct in_addr address;

	inet_pton(AF_INET, text, &address);
	return address.s_addr;
}

static struct carp_key make_key(const char *password, uint8_t vhid, const char *address)
{
	struct carp_key key = { 0 };
	struct vip vip;

	vip_parse(&vip, address);
	auth_hmac_key(&key.hmac, (const uint8_t *)password, strlen(password), vhid, &vip, 1);
	return key;
}

static void test_ucarp(void)
{
	static struct frame_vector vectors[VECTORS_MAX];
	size_t n = vectors_frames(vectors);

	is_int(n, FRAME_VECTORS, "frames of ucarp in the file");
	is_int(FRAME_ADVERT_LEN, VECTOR_FRAME_LEN, "length of an advert");
	for (size_t i = 0; i < FRAME_VECTORS; i++) {
		const struct frame_vector *v = &vectors[i];
		struct frame_advert advert = {
			.broadcast = !strcmp(v->flag, "-M"),
			.source = ipv4("10.9.0.1"),
			.group = ipv4("224.0.0.18"),
			.ip_id = (uint16_t)be(v->frame + IP_AT + 4, 2),
			.vhid = v->vhid,
			.advbase = v->advbase,
			.advskew = v->advskew,
			.counter = be(v->frame + CARP_AT + 8, 8),
		};
		uint8_t frame[FRAME_ADVERT_LEN + 1], want[FRAME_ADVERT_LEN + 1];
		struct carp_key key = { 0 };

		auth_hmac_key(&key.hmac, (const uint8_t *)v->password, strlen(v->password), v->vhid, &v->vip, 1);
		frame_ucarp_mac(advert.source_mac, v->vhid);
		frame[FRAME_ADVERT_LEN] = want[FRAME_ADVERT_LEN] = 0x5a;
		frame_advert(frame, &advert, &key);
		memcpy(want, v->frame, FRAME_ADVERT_LEN);
		is_mem(frame, want, sizeof(want), "ucarp's frame %zu (%s%s)", i, v->password, v->flag);

		/* Another IP id changes that and the IP checksum, nothing else. */
		advert.ip_id ^= 0x0ff0;
		frame_advert(frame, &advert, &key);
		is_int(folded_sum(frame + IP_AT, 20, 0), 0xffff, "  its IP checksum with another id");
		memcpy(want + IP_AT + 4, frame + IP_AT + 4, 2);
		memcpy(want + IP_AT + 10, frame + IP_AT + 10, 2);
		is_int(be(frame + IP_AT + 4, 2), advert.ip_id, "  its id, big-endian");
		is_mem(frame, want, sizeof(want), "  and the rest as before");
	}
}

static const struct {
	const char *group;
	uint8_t mac[FRAME_MAC_LEN];
} groups[] = {
	{ "224.0.0.18", { 0x01, 0x00, 0x5e, 0x00, 0x00, 0x12 } },
	{ "224.0.0.0", { 0x01, 0x00, 0x5e, 0x00, 0x00, 0x00 } },
	{ "239.255.255.255", { 0x01, 0x00, 0x5e, 0x7f, 0xff, 0xff } },
	{ "232.129.1.2", { 0x01, 0x00, 0x5e, 0x01, 0x01, 0x02 } },
	{ "239.128.0.1", { 0x01, 0x00, 0x5e, 0x00, 0x00, 0x01 } },
	{ "224.127.2.3", { 0x01, 0x00, 0x5e, 0x7f, 0x02, 0x03 } },
};

static void test_groups(void)
{
	static const uint8_t broadcast[FRAME_MAC_LEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct carp_key key = make_key("secret", 10, "10.1.1.252");
	struct frame_advert advert = { .source = ipv4("10.1.1.1"), .vhid = 10, .advbase = 1, .counter = 1 };
	uint8_t frame[FRAME_ADVERT_LEN];

	for (size_t i = 0; i < COUNT(groups); i++) {
		advert.group = ipv4(groups[i].group);
		advert.broadcast = false;
		frame_advert(frame, &advert, &key);
		is_mem(frame, groups[i].mac, FRAME_MAC_LEN, "MAC of group %s", groups[i].group);
		is_mem(frame + IP_AT + 16, &advert.group, 4, "  IP destination");
		advert.broadcast = true;
		frame_advert(frame, &advert, &key);
		is_mem(frame, broadcast, FRAME_MAC_LEN, "  broadcast");
		is_mem(frame + IP_AT + 16, &advert.group, 4,
		       "  IP destination of the broadcast is still the group");
	}
}

static void test_fields(void)
{
	struct carp_key key = make_key("secret", 255, "10.1.1.252");
	struct frame_advert advert = {
		.source = ipv4("10.1.2.3"),
		.group = ipv4("224.0.0.18"),
		.ip_id = 0x1234,
		.vhid = 255,
		.advbase = CARP_BOW_OUT,
		.advskew = CARP_BOW_OUT,
		.counter = 0x0102030405060708ull,
	};
	static const uint8_t counter[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	uint8_t frame[FRAME_ADVERT_LEN], md[CARP_MD_LEN];

	memcpy(advert.source_mac, own_mac, FRAME_MAC_LEN);
	frame_advert(frame, &advert, &key);
	is_mem(frame + 6, own_mac, FRAME_MAC_LEN, "the interface's own MAC");
	is_int(frame[CARP_AT + 5], 255, "bow-out: advbase");
	is_int(frame[CARP_AT + 2], 255, "bow-out: advskew");
	is_int(frame[CARP_AT], 0x21, "version and type");
	is_int(frame[CARP_AT + 3], 7, "authlen");
	is_int(frame[CARP_AT + 4], 0, "demote");
	is_mem(frame + CARP_AT + 8, counter, sizeof(counter), "counter, big-endian");
	auth_hmac(&key.hmac, advert.counter, md);
	is_mem(frame + CARP_AT + 16, md, CARP_MD_LEN, "digest");
}

/* Both checksums hold whatever is in the frame. */
static void test_checksums(void)
{
	struct carp_key key = make_key("secret", 10, "10.1.1.252");
	unsigned int wrong = 0;

	for (unsigned int i = 0; i < 70000; i += 7) {
		struct frame_advert advert = {
			.source = ipv4("10.1.2.3") ^ i * 2654435761u,
			.group = ipv4("224.0.0.18"),
			.ip_id = (uint16_t)i,
			.vhid = 10,
			.advbase = (uint8_t)i,
			.advskew = (uint8_t)(i >> 8),
			.counter = i * 0x9e3779b97f4a7c15ull,
		};
		uint8_t frame[FRAME_ADVERT_LEN];

		frame_advert(frame, &advert, &key);
		wrong += folded_sum(frame + IP_AT, 20, 0) != 0xffff;
		wrong += folded_sum(frame + CARP_AT, 36, 0) != 0xffff;
	}
	is_int(wrong, 0, "wrong checksums in 10000 frames");
}

static void test_virtual_mac(void)
{
	static const uint8_t first[FRAME_MAC_LEN] = { 0, 0, 0x5e, 0, 0, 1 };
	static const uint8_t last[FRAME_MAC_LEN] = { 0, 0, 0x5e, 0, 1, 255 };
	uint8_t mac[FRAME_MAC_LEN];

	frame_ucarp_mac(mac, 1);
	is_mem(mac, first, sizeof(mac), "ucarp's virtual MAC of vhid 1");
	frame_bsd_mac(mac, 255);
	is_mem(mac, last, sizeof(mac), "the BSDs' of vhid 255");
}

static void test_arp(void)
{
	static const uint8_t want[] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0x42, 0xac, 0x11, 0x00, 0x02, 0x08, 0x06, /* Ethernet, ARP */
		0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01, /* Ethernet and IPv4, request */
		0x02, 0x42, 0xac, 0x11, 0x00, 0x02, 10, 1, 1, 252, /* sender */
		0x02, 0x42, 0xac, 0x11, 0x00, 0x02, 10, 1, 1, 252, /* target */
	};
	uint8_t frame[FRAME_MAX];
	struct vip vip;

	_Static_assert(sizeof(want) == FRAME_ARP_LEN, "whole frame");
	vip_parse(&vip, "10.1.1.252/24");
	is_int(frame_announce(frame, &vip, own_mac, false), FRAME_ARP_LEN, "gratuitous ARP: length");
	is_mem(frame, want, sizeof(want), "gratuitous ARP");
}

static void test_filler(void)
{
	struct frame_advert advert = { .source = htonl(0x0a090001), .group = htonl(CARP_GROUP_IPV4), .vhid = 7, .advbase = 1 };
	uint8_t frame[FRAME_FILLER_LEN];

	frame_filler(frame, sizeof(frame), &advert);
	is_int(frame[16] << 8 | frame[17], FRAME_FILLER_LEN - 14, "filler: IP length");
	is_int(folded_sum(frame + 14, 20, 0), 0xffff, "filler: IP checksum");
	is_int(frame[34], CARP_VERSION_TYPE, "filler: CARP");
	is_int(frame[35], 0, "filler: for nobody");
}

static void test_na(void)
{
	static const uint8_t start[] = {
		0x33, 0x33, 0x00, 0x00, 0x00, 0x01, 0x02, 0x42, 0xac, 0x11, 0x00, 0x02, 0x86, 0xdd, /* all nodes, IPv6 */
		0x60, 0x00, 0x00, 0x00, 0x00, 0x20, 58, 255, /* 32 bytes of ICMPv6, hop limit 255 */
		0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, /* from the address */
		0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, /* to all nodes */
		136, 0, /* neighbour advertisement */
	};
	static const uint8_t end[] = {
		0x20, 0, 0, 0, /* override; not solicited */
		0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, /* target */
		2, 1, 0x02, 0x42, 0xac, 0x11, 0x00, 0x02, /* its link-layer address */
	};
	static const char *const addresses[] = {
		"2001:db8::10",
		"fe80::5",
		"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
	};
	uint8_t frame[FRAME_MAX];
	struct vip vip;

	_Static_assert(sizeof(start) + 2 + sizeof(end) == FRAME_NA_LEN, "whole frame but for the checksum");
	vip_parse(&vip, "2001:db8::10/64");
	is_int(frame_announce(frame, &vip, own_mac, false), FRAME_NA_LEN, "neighbour advertisement: length");
	is_mem(frame, start, sizeof(start), "neighbour advertisement: before the checksum");
	is_mem(frame + sizeof(start) + 2, end, sizeof(end), "neighbour advertisement: after the checksum");
	frame_announce(frame, &vip, own_mac, true);
	is_int(frame[14 + 40 + 4], 0xa0, "neighbour advertisement of a router: its flags");
	for (size_t i = 0; i < COUNT(addresses); i++) {
		vip_parse(&vip, addresses[i]);
		frame_announce(frame, &vip, own_mac, i % 2);
		/* RFC 8200, 8.1: both addresses, the length and the protocol are summed too. */
		is_int(folded_sum(frame + 54, 32, folded_sum(frame + 22, 32, 32 + 58)), 0xffff,
		       "ICMPv6 checksum for %s", addresses[i]);
	}
}

int main(void)
{
	plan(2 + 4 * FRAME_VECTORS + 4 * COUNT(groups) + 8 + 1 + 2 + 2 + 7 + 4);
	test_ucarp();
	test_groups();
	test_fields();
	test_checksums();
	test_virtual_mac();
	test_arp();
	test_na();
	test_filler();
	return tap_done();
}
