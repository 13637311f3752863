// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the program does with a frame. One row of the table is one frame: a valid advert, what is done to it, and
 * what has to come of it. Then all ways to cut the valid ones short.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "frames.h"
#include "rig.h"
#include "../tap.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof(*(a)))
#define ETH_HEADER_LEN 14

#define DOT1Q(tci) { 0x8100, tci }
#define DOT1AD(tci) { 0x88a8, tci }

#define ACCEPT { XDP_DROP, ACCEPTED, RECORD_ADVERT }
#define ACCEPT_TAP { XDP_PASS, ACCEPTED, RECORD_ADVERT }
#define PASS(verdict) { XDP_PASS, verdict, 0 }
#define PASS_AND_NOTICE(verdict) { XDP_PASS, verdict, RECORD_NOTICE }
#define DROP(verdict) { XDP_DROP, verdict, 0 }
#define DROP_AND_NOTICE(verdict) { XDP_DROP, verdict, RECORD_NOTICE }
#define OTHER_TRAFFIC { XDP_PASS, VERDICT_NONE, 0 }

static const struct vip vip4 = { 4, 32, { 10, 1, 1, 252 } };
static const struct vip vip6 = { 6, 128, { 0x20, 0x01, 0x0d, 0xb8, [15] = 0x10 } };

static const struct secret ours = { "secret", 10, &vip4, 1 };
static const struct secret ours6 = { "secret", 10, &vip6, 1 };
static const struct secret tapped = { "secret", 11, &vip4, 1 };
static const struct secret twin = { "secret", 19, &vip4, 1 };
static const struct secret other_abi = { "secret", 12, &vip4, 1 };
static const struct secret no_such_slot = { "secret", 13, &vip4, 1 };
static const struct secret on_another_interface = { "secret", 14, &vip4, 1 };
static const struct secret foreign = { "secret", 15, &vip4, 1 };
static const struct secret strong = { "secret", 16, &vip4, 1 };
static const struct secret strong6 = { "secret", 16, &vip6, 1 };
static const struct secret sends_weak = { "secret", 17, &vip4, 1 };
static const struct secret sends_strong = { "secret", 18, &vip4, 1 };
static const struct secret wrong_password = { "Secret", 10, &vip4, 1 };
static const struct secret wrong_vips = { "secret", 10, &vip6, 1 };

/* All that know strong keys have the first two. */
static const struct strong_key strong_keys[] = { { 7, "0123456789abcde" }, { 8, "fedcba987654321" } };
static const struct strong_key unknown_key = { 9, "0123456789abcde" };
static const struct strong_key key_of_unused_place = { 0, "" };
static const struct strong_key other_key_of_that_id = { 7, "0123456789abcdE" };

/* The virtual routers of the rig. */
static const struct {
	const struct secret *secret;
	struct vr_key where;
	bool tap;
	bool has_twin;
	uint32_t abi_version;
	uint32_t slot;
	uint8_t auth;
} vrouters[] = {
	{ &ours, { .ip_version = 4 }, .abi_version = XCARP_ABI_VERSION, .slot = 0 },
	{ &ours, { .ip_version = 4, .vlan = 5 }, .abi_version = XCARP_ABI_VERSION, .slot = 1 },
	{ &ours, { .ip_version = 4, .vlan = 5, .inner_vlan = 6 }, .abi_version = XCARP_ABI_VERSION, .slot = 2 },
	{ &ours6, { .ip_version = 6 }, .abi_version = XCARP_ABI_VERSION, .slot = 3 },
	{ &ours6, { .ip_version = 6, .vlan = 5 }, .abi_version = XCARP_ABI_VERSION, .slot = 4 },
	{ &ours6, { .ip_version = 6, .vlan = 5, .inner_vlan = 6 }, .abi_version = XCARP_ABI_VERSION, .slot = 5 },
	{ &tapped, { .ip_version = 4 }, .tap = true, .abi_version = XCARP_ABI_VERSION, .slot = 6 },
	{ &tapped, { .ip_version = 6 }, .tap = true, .abi_version = XCARP_ABI_VERSION, .slot = 7 },
	{ &twin, { .ip_version = 4 }, .has_twin = true, .abi_version = XCARP_ABI_VERSION, .slot = 14 },
	{ &other_abi, { .ip_version = 4 }, .abi_version = XCARP_ABI_VERSION + 1, .slot = 8 },
	{ &no_such_slot, { .ip_version = 4 }, .abi_version = XCARP_ABI_VERSION, .slot = RIG_SLOTS },
	{ &on_another_interface, { .ip_version = 4, .ifindex = 999 }, .abi_version = XCARP_ABI_VERSION, .slot = 9 },
	{ &strong, { .ip_version = 4 }, .abi_version = XCARP_ABI_VERSION, .slot = 10, .auth = AUTH_SIPHASH },
	{ &strong6, { .ip_version = 6 }, .abi_version = XCARP_ABI_VERSION, .slot = 11, .auth = AUTH_SIPHASH },
	{ &sends_weak, { .ip_version = 4 }, .abi_version = XCARP_ABI_VERSION, .slot = 12, .auth = AUTH_ACCEPT_SIPHASH },
	{ &sends_strong, { .ip_version = 4 }, .abi_version = XCARP_ABI_VERSION, .slot = 13, .auth = AUTH_SEND_SIPHASH },
};

/* What can be done to a frame. */

static struct iphdr_bytes {
	uint8_t version_ihl, tos, len[2], id[2], frag[2], ttl, protocol, checksum[2], source[4], destination[4];
} *ipv4(struct frame *frame)
{
	return (struct iphdr_bytes *)(frame->bytes + frame->ip);
}

static void broadcast_mac(struct frame *frame)
{
	memset(frame->bytes, 0xff, 6);
}

static void padded_to_60(struct frame *frame)
{
	memset(frame->bytes + frame->len, 0xa5, 30);
	frame->len += 30;
}

static void ttl_254(struct frame *frame)
{
	if (frame->ip_version == 4)
		ipv4(frame)->ttl = 254;
	else
		frame->bytes[frame->ip + 7] = 254;
	frame_mend_ip_checksum(frame);
}

static void first_fragment(struct frame *frame)
{
	ipv4(frame)->frag[0] = 0x20;
	frame_mend_ip_checksum(frame);
}

static void later_fragment(struct frame *frame)
{
	ipv4(frame)->frag[1] = 0x05;
	frame_mend_ip_checksum(frame);
}

static void later_fragment_with_more(struct frame *frame)
{
	ipv4(frame)->frag[0] = 0x20;
	later_fragment(frame);
}

static void reserved_flag(struct frame *frame)
{
	ipv4(frame)->frag[0] = 0x80;
	frame_mend_ip_checksum(frame);
}

static void set_version_type(struct frame *frame, uint8_t version_type)
{
	frame_carp(frame)->version_type = version_type;
	frame_mend_checksum(frame);
}

static void version_1(struct frame *frame)
{
	set_version_type(frame, 0x11);
}

static void version_3(struct frame *frame)
{
	set_version_type(frame, 0x31);
}

static void version_4(struct frame *frame)
{
	set_version_type(frame, 0x41);
}

static void version_5(struct frame *frame)
{
	set_version_type(frame, 0x51);
}

static void strong_type_2(struct frame *frame)
{
	set_version_type(frame, 0x42);
}

static void type_2(struct frame *frame)
{
	set_version_type(frame, 0x22);
}

static void authlen_8(struct frame *frame)
{
	frame_carp(frame)->authlen = 8;
	frame_mend_checksum(frame);
}

static void payload_len_35(struct frame *frame)
{
	frame_set_payload_len(frame, 35);
}

static void payload_len_37(struct frame *frame)
{
	frame_set_payload_len(frame, 37);
	frame->len++;
}

static void payload_len_0(struct frame *frame)
{
	frame_set_payload_len(frame, 0);
}

static void ipv4_len_shorter_than_header(struct frame *frame)
{
	ipv4(frame)->len[1] = 10;
	frame_mend_ip_checksum(frame);
}

static void ihl_4(struct frame *frame)
{
	ipv4(frame)->version_ihl = 0x44;
}

/* Lengths that agree with each other, and a checksum that is right for the header that is there. */
static void ihl_4_consistent(struct frame *frame)
{
	ipv4(frame)->len[1] = 16 + sizeof(struct carp_header);
	frame_mend_ip_checksum(frame);
	ipv4(frame)->version_ihl = 0x44;
	ipv4(frame)->tos += 1;
}

static void ihl_0(struct frame *frame)
{
	ipv4(frame)->version_ihl = 0x40;
}

static void ip_version_5(struct frame *frame)
{
	frame->bytes[frame->ip] = (uint8_t)(0x50 | (frame->bytes[frame->ip] & 0xf));
	frame_mend_ip_checksum(frame);
}

static void last_byte_missing(struct frame *frame)
{
	frame->len--;
}

static void own_source(struct frame *frame)
{
	if (frame->ip_version == 4)
		inet_pton(AF_INET, RIG_OWN_IPV4, ipv4(frame)->source);
	else
		inet_pton(AF_INET6, RIG_OWN_IPV6, frame->bytes + frame->ip + 8);
	frame_mend_ip_checksum(frame);
}

static void ip_checksum_wrong(struct frame *frame)
{
	ipv4(frame)->checksum[1] ^= 1;
}

static void ip_id_changed(struct frame *frame)
{
	ipv4(frame)->id[0] ^= 0x40;
}

static void last_option_changed(struct frame *frame)
{
	frame->bytes[frame->carp - 1] ^= 1;
}

static void checksum_wrong(struct frame *frame)
{
	frame_carp(frame)->checksum ^= htons(1);
}

static void checksum_zero(struct frame *frame)
{
	frame_carp(frame)->checksum = 0;
}

static void skew_changed(struct frame *frame)
{
	frame_carp(frame)->advskew ^= 1;
}

static void digest_changed(struct frame *frame)
{
	frame_carp(frame)->md[0] ^= 0x80;
	frame_mend_checksum(frame);
}

static void digest_end_changed(struct frame *frame)
{
	frame_carp(frame)->md[CARP_MD_LEN - 1] ^= 1;
	frame_mend_checksum(frame);
}

static void counter_changed(struct frame *frame)
{
	frame_carp(frame)->counter[1] ^= htonl(1);
	frame_mend_checksum(frame);
}

static void signed_with_wrong_password(struct frame *frame)
{
	frame_sign(frame, &wrong_password);
}

static void signed_for_other_vips(struct frame *frame)
{
	frame_sign(frame, &wrong_vips);
}

static void is_udp(struct frame *frame)
{
	static const uint8_t payload[36] = { 0x12, 0x34, 0x00, 0x35, 0x00, 0x24 };

	frame_replace_payload(frame, 17, payload, sizeof(payload));
}

static void is_ipv6_hop_by_hop(struct frame *frame)
{
	uint8_t payload[8 + sizeof(struct carp_header)] = { CARP_IPPROTO, 0, 1, 4 };

	memcpy(payload + 8, frame_carp(frame), sizeof(struct carp_header));
	frame_replace_payload(frame, 0, payload, sizeof(payload));
}

static void is_arp(struct frame *frame)
{
	frame_build_arp(frame);
}

static void other_ethertype(struct frame *frame)
{
	frame->bytes[12] = 0x88;
	frame->bytes[13] = 0x47;
}

/* keepalived: VRID 51, priority 100, one address, simple text authentication. */
static void is_vrrp2(struct frame *frame)
{
	static const uint8_t vrrp[] = { 0x21, 51, 100, 1, 1, 1, 0x6a, 0x2d, 10, 1, 1, 252, '1', '1', '1', '1', 0, 0, 0, 0 };

	frame_replace_payload(frame, CARP_IPPROTO, vrrp, sizeof(vrrp));
}

/* keepalived: VRID 51, priority 100, one address, every 10 ms. */
static void is_vrrp3(struct frame *frame)
{
	static const uint8_t vrrp[] = { 0x31, 51, 100, 1, 0, 1, 0xaa, 0x55, 10, 1, 1, 252 };

	frame_replace_payload(frame, CARP_IPPROTO, vrrp, sizeof(vrrp));
}

/* Our VHID as its VRID and seven addresses: as near to CARP as VRRP comes. */
static void is_vrrp2_with_seven_addresses(struct frame *frame)
{
	static const uint8_t vrrp[44] = { 0x21, 10, 100, 7, 0, 1, 0x12, 0x34, 10, 1, 1, 1, 10, 1, 1, 2, 10, 1, 1, 3 };

	frame_replace_payload(frame, CARP_IPPROTO, vrrp, sizeof(vrrp));
}

static void is_vrrp3_with_seven_addresses(struct frame *frame)
{
	static const uint8_t vrrp[36] = { 0x31, 10, 100, 7, 0, 1, 0x12, 0x34, 10, 1, 1, 1, 10, 1, 1, 2, 10, 1, 1, 3 };

	frame_replace_payload(frame, CARP_IPPROTO, vrrp, sizeof(vrrp));
}

static void three_bytes_of_payload(struct frame *frame)
{
	frame->len = frame->carp + 3;
}

#define IPV4(...) { .source = "10.9.0.1", __VA_ARGS__ }
#define IPV6(...) { .source = "fe80::1", __VA_ARGS__ }
#define TAGS(...) .vlans = { __VA_ARGS__ }

static const struct {
	const char *name;
	struct advert advert;
	const struct secret *secret;
	void (*bend)(struct frame *frame);
	struct outcome want;
} rows[] = {
	{ "IPv4", IPV4(), &ours, NULL, ACCEPT },
	{ "IPv4, 802.1Q", IPV4(TAGS(DOT1Q(5))), &ours, NULL, ACCEPT },
	{ "IPv4, 802.1ad alone", IPV4(TAGS(DOT1AD(5))), &ours, NULL, ACCEPT },
	{ "IPv4, QinQ 88a8 8100", IPV4(TAGS(DOT1AD(5), DOT1Q(6))), &ours, NULL, ACCEPT },
	{ "IPv4, QinQ 8100 8100", IPV4(TAGS(DOT1Q(5), DOT1Q(6))), &ours, NULL, ACCEPT },
	{ "IPv4, QinQ 8100 88a8", IPV4(TAGS(DOT1Q(5), DOT1AD(6))), &ours, NULL, ACCEPT },
	{ "IPv4, priority tag", IPV4(TAGS(DOT1Q(0xe000))), &ours, NULL, ACCEPT },
	{ "IPv4, 802.1Q with a priority", IPV4(TAGS(DOT1Q(0xf005))), &ours, NULL, ACCEPT },
	{ "IPv4, priority tag around a VLAN", IPV4(TAGS(DOT1Q(0xe000), DOT1Q(5))), &ours, NULL, ACCEPT },
	{ "IPv4, VLAN around a priority tag", IPV4(TAGS(DOT1Q(5), DOT1Q(0xe000))), &ours, NULL, ACCEPT },
	{ "IPv4, 4 bytes of options", IPV4(.options_len = 4), &ours, NULL, ACCEPT },
	{ "IPv4, 40 bytes of options", IPV4(.options_len = 40), &ours, NULL, ACCEPT },
	{ "IPv4, QinQ, 40 bytes of options", IPV4(TAGS(DOT1AD(5), DOT1Q(6)), .options_len = 40), &ours, NULL, ACCEPT },
	{ "IPv4, broadcast MAC", IPV4(), &ours, broadcast_mac, ACCEPT },
	{ "IPv4, padding", IPV4(), &ours, padded_to_60, ACCEPT },
	{ "IPv4, 802.1Q, padding", IPV4(TAGS(DOT1Q(5))), &ours, padded_to_60, ACCEPT },
	{ "IPv4, reserved flag", IPV4(), &ours, reserved_flag, ACCEPT },
	{ "IPv4, bow-out", IPV4(.advbase = 255, .advskew = 255), &ours, NULL, ACCEPT },
	{ "IPv4, demoted", IPV4(.demote = 3), &ours, NULL, ACCEPT },
	{ "IPv4, all fields", IPV4(.advbase = 1, .advskew = 100, .counter = 0x0123456789abcdef), &ours, NULL, ACCEPT },
	{ "IPv4, counter of ones", IPV4(.counter = ~0ull), &ours, NULL, ACCEPT },
	{ "IPv4, tap", IPV4(), &tapped, NULL, ACCEPT_TAP },
	{ "IPv6", IPV6(), &ours6, NULL, ACCEPT },
	{ "IPv6, 802.1Q", IPV6(TAGS(DOT1Q(5))), &ours6, NULL, ACCEPT },
	{ "IPv6, QinQ", IPV6(TAGS(DOT1AD(5), DOT1Q(6))), &ours6, NULL, ACCEPT },
	{ "IPv6, priority tag", IPV6(TAGS(DOT1Q(0xe000))), &ours6, NULL, ACCEPT },
	{ "IPv6, padding", IPV6(), &ours6, padded_to_60, ACCEPT },
	{ "IPv6, tap", IPV6(), &tapped, NULL, ACCEPT_TAP },

	{ "ARP", IPV4(), &ours, is_arp, OTHER_TRAFFIC },
	{ "UDP", IPV4(), &ours, is_udp, OTHER_TRAFFIC },
	{ "UDP, QinQ", IPV4(TAGS(DOT1AD(5), DOT1Q(6))), &ours, is_udp, OTHER_TRAFFIC },
	{ "UDP, IPv6", IPV6(), &ours6, is_udp, OTHER_TRAFFIC },
	{ "MPLS", IPV4(), &ours, other_ethertype, OTHER_TRAFFIC },
	{ "IPv6 with an extension header", IPV6(), &ours6, is_ipv6_hop_by_hop, OTHER_TRAFFIC },
	{ "three VLAN tags", IPV4(TAGS(DOT1AD(5), DOT1Q(6), DOT1Q(7))), &ours, NULL, OTHER_TRAFFIC },

	{ "no virtual router of this VHID", IPV4(), &foreign, NULL, PASS(PASS_NO_VROUTER) },
	{ "no virtual router of this VHID, tap", IPV6(), &foreign, NULL, PASS(PASS_NO_VROUTER) },
	{ "no such VLAN", IPV4(TAGS(DOT1Q(7))), &ours, NULL, PASS(PASS_NO_VROUTER) },
	{ "no such VLAN, one of 12 bits", IPV4(TAGS(DOT1Q(0x805))), &ours, NULL, PASS(PASS_NO_VROUTER) },
	{ "no such inner VLAN", IPV4(TAGS(DOT1AD(5), DOT1Q(7))), &ours, NULL, PASS(PASS_NO_VROUTER) },
	{ "VLANs swapped", IPV4(TAGS(DOT1AD(6), DOT1Q(5))), &ours, NULL, PASS(PASS_NO_VROUTER) },
	{ "another interface's", IPV4(), &on_another_interface, NULL, PASS(PASS_NO_VROUTER) },
	{ "another group", IPV4(.group = "224.0.0.19"), &ours, NULL, PASS(PASS_NO_VROUTER) },
	{ "unicast", IPV4(.group = RIG_OWN_IPV4), &ours, NULL, PASS(PASS_NO_VROUTER) },
	{ "another IPv6 group", IPV6(.group = "ff02::13"), &ours6, NULL, PASS(PASS_NO_VROUTER) },
	{ "an IPv6 group of another scope", IPV6(.group = "ff05::12"), &ours6, NULL, PASS(PASS_NO_VROUTER) },
	{ "an IPv6 group that ends alike", IPV6(.group = "ff02::1:0:12"), &ours6, NULL, PASS(PASS_NO_VROUTER) },
	{ "an IPv6 group that begins and ends alike", IPV6(.group = "ff02:0:0:1::12"), &ours6, NULL,
	  PASS(PASS_NO_VROUTER) },
	{ "a slot that does not exist", IPV4(), &no_such_slot, NULL, PASS(PASS_NO_VROUTER) },
	{ "VRRPv2", IPV4(), &ours, is_vrrp2, PASS(PASS_VRRP) },
	{ "VRRPv2, 802.1Q", IPV4(TAGS(DOT1Q(5))), &ours, is_vrrp2, PASS(PASS_VRRP) },
	{ "VRRPv2 with seven addresses", IPV4(), &ours, is_vrrp2_with_seven_addresses, PASS_AND_NOTICE(PASS_VRRP) },
	{ "VRRPv3", IPV4(), &ours, is_vrrp3, PASS(PASS_VRRP) },
	{ "VRRPv3 with seven addresses", IPV4(), &ours, is_vrrp3_with_seven_addresses, PASS_AND_NOTICE(PASS_VRRP) },
	{ "VRRPv3, IPv6", IPV6(), &ours6, is_vrrp3, PASS(PASS_VRRP) },
	{ "version 3", IPV4(), &ours, version_3, PASS_AND_NOTICE(PASS_VRRP) },
	{ "authlen 8", IPV4(), &ours, authlen_8, PASS(PASS_VRRP) },
	{ "later fragment", IPV4(), &ours, later_fragment, PASS(PASS_UNREADABLE) },
	{ "fragment in the middle", IPV4(), &ours, later_fragment_with_more, PASS(PASS_UNREADABLE) },
	{ "three bytes", IPV4(), &ours, three_bytes_of_payload, PASS(PASS_UNREADABLE) },
	{ "three bytes, IPv6", IPV6(), &ours6, three_bytes_of_payload, PASS(PASS_UNREADABLE) },
	{ "an entry of another version", IPV4(), &other_abi, NULL, PASS(PASS_ABI_MISMATCH) },

	{ "first fragment", IPV4(), &ours, first_fragment, DROP_AND_NOTICE(DROP_FRAGMENT) },
	{ "version 1", IPV4(), &ours, version_1, DROP(DROP_BAD_VERSION) },
	{ "version 4", IPV6(), &ours6, version_4, DROP_AND_NOTICE(DROP_NOT_ENABLED) },
	{ "type 2", IPV4(), &ours, type_2, DROP_AND_NOTICE(DROP_BAD_TYPE) },
	{ "TTL 254", IPV4(), &ours, ttl_254, DROP_AND_NOTICE(DROP_BAD_TTL) },
	{ "hop limit 254", IPV6(), &ours6, ttl_254, DROP_AND_NOTICE(DROP_BAD_TTL) },
	{ "35 bytes", IPV4(), &ours, payload_len_35, DROP_AND_NOTICE(DROP_BAD_LENGTH) },
	{ "37 bytes", IPV4(), &ours, payload_len_37, DROP_AND_NOTICE(DROP_BAD_LENGTH) },
	{ "37 bytes, IPv6", IPV6(), &ours6, payload_len_37, DROP_AND_NOTICE(DROP_BAD_LENGTH) },
	{ "no bytes", IPV4(), &ours, payload_len_0, DROP_AND_NOTICE(DROP_BAD_LENGTH) },
	{ "no bytes, IPv6", IPV6(), &ours6, payload_len_0, DROP_AND_NOTICE(DROP_BAD_LENGTH) },
	{ "an IPv4 length of less than its header", IPV4(), &ours, ipv4_len_shorter_than_header, DROP_AND_NOTICE(DROP_BAD_LENGTH) },
	{ "IPv4 header length 16", IPV4(), &ours, ihl_4, DROP_AND_NOTICE(DROP_BAD_LENGTH) },
	{ "IPv4 header length 16, total to match", IPV4(), &ours, ihl_4_consistent, DROP_AND_NOTICE(DROP_BAD_LENGTH) },
	{ "IPv4 header length 0", IPV4(), &ours, ihl_0, DROP_AND_NOTICE(DROP_BAD_LENGTH) },
	{ "IP version 5", IPV4(), &ours, ip_version_5, DROP_AND_NOTICE(DROP_BAD_LENGTH) },
	{ "IP version 5 in IPv6", IPV6(), &ours6, ip_version_5, DROP_AND_NOTICE(DROP_BAD_LENGTH) },
	{ "last byte missing", IPV4(), &ours, last_byte_missing, DROP_AND_NOTICE(DROP_TRUNCATED) },
	{ "last byte missing, IPv6", IPV6(), &ours6, last_byte_missing, DROP_AND_NOTICE(DROP_TRUNCATED) },
	{ "own source", IPV4(), &ours, own_source, DROP_AND_NOTICE(DROP_OWN_SOURCE) },
	{ "own source, IPv6", IPV6(), &ours6, own_source, DROP_AND_NOTICE(DROP_OWN_SOURCE) },
	{ "IP checksum", IPV4(), &ours, ip_checksum_wrong, DROP_AND_NOTICE(DROP_BAD_IP_CHECKSUM) },
	{ "IP id changed", IPV4(), &ours, ip_id_changed, DROP_AND_NOTICE(DROP_BAD_IP_CHECKSUM) },
	{ "a first option changed", IPV4(.options_len = 4), &ours, last_option_changed, DROP_AND_NOTICE(DROP_BAD_IP_CHECKSUM) },
	{ "the last option changed", IPV4(.options_len = 40), &ours, last_option_changed, DROP_AND_NOTICE(DROP_BAD_IP_CHECKSUM) },
	{ "CARP checksum", IPV4(), &ours, checksum_wrong, DROP_AND_NOTICE(DROP_BAD_CHECKSUM) },
	{ "no CARP checksum", IPV4(), &ours, checksum_zero, DROP_AND_NOTICE(DROP_BAD_CHECKSUM) },
	{ "advskew changed", IPV4(), &ours, skew_changed, DROP_AND_NOTICE(DROP_BAD_CHECKSUM) },
	{ "CARP checksum, IPv6", IPV6(), &ours6, checksum_wrong, DROP_AND_NOTICE(DROP_BAD_CHECKSUM) },
	{ "first bit of the digest", IPV4(), &ours, digest_changed, DROP_AND_NOTICE(DROP_BAD_HMAC) },
	{ "last bit of the digest", IPV4(), &ours, digest_end_changed, DROP_AND_NOTICE(DROP_BAD_HMAC) },
	{ "counter changed", IPV4(), &ours, counter_changed, DROP_AND_NOTICE(DROP_BAD_HMAC) },
	{ "wrong password", IPV4(), &ours, signed_with_wrong_password, DROP_AND_NOTICE(DROP_BAD_HMAC) },
	{ "wrong list of VIPs", IPV4(), &ours, signed_for_other_vips, DROP_AND_NOTICE(DROP_BAD_HMAC) },
	{ "wrong HMAC, and the VLAN device above has the same", IPV4(), &twin, digest_changed, { XDP_PASS, DROP_BAD_HMAC, RECORD_NOTICE } },
	{ "wrong TTL, and the VLAN device above has the same", IPV4(), &twin, ttl_254, { XDP_PASS, DROP_BAD_TTL, RECORD_NOTICE } },
	{ "wrong HMAC, tap", IPV4(), &tapped, digest_changed, DROP_AND_NOTICE(DROP_BAD_HMAC) },
	{ "wrong HMAC, IPv6", IPV6(), &ours6, digest_changed, DROP_AND_NOTICE(DROP_BAD_HMAC) },
	{ "wrong HMAC, QinQ", IPV4(TAGS(DOT1AD(5), DOT1Q(6))), &ours, digest_changed, DROP_AND_NOTICE(DROP_BAD_HMAC) },

	{ "strong", IPV4(.strong = strong_keys), &strong, NULL, ACCEPT },
	{ "strong, IPv6", IPV6(.strong = strong_keys), &strong6, NULL, ACCEPT },
	{ "strong, IPv4 options", IPV4(.strong = strong_keys, .options_len = 8), &strong, NULL, ACCEPT },
	{ "strong, the other key", IPV4(.strong = &strong_keys[1]), &strong, NULL, ACCEPT },
	{ "strong, where both are accepted", IPV4(.strong = strong_keys), &sends_weak, NULL, ACCEPT },
	{ "strong, where both are accepted and strong sent", IPV4(.strong = strong_keys), &sends_strong, NULL, ACCEPT },
	{ "HMAC, where both are accepted", IPV4(), &sends_weak, NULL, ACCEPT },
	{ "HMAC, where both are accepted and strong sent", IPV4(), &sends_strong, NULL, ACCEPT },
	{ "strong, where it is not enabled", IPV4(.strong = strong_keys), &ours, NULL, DROP_AND_NOTICE(DROP_NOT_ENABLED) },
	{ "HMAC, where only strong is accepted", IPV4(), &strong, NULL, DROP_AND_NOTICE(DROP_WEAK_AUTH) },
	{ "HMAC, where only strong is accepted, IPv6", IPV6(), &strong6, NULL, DROP_AND_NOTICE(DROP_WEAK_AUTH) },
	{ "wrong HMAC, where both are accepted", IPV4(), &sends_weak, digest_changed, DROP_AND_NOTICE(DROP_BAD_HMAC) },
	{ "strong, no such key", IPV4(.strong = &unknown_key), &strong, NULL, DROP_AND_NOTICE(DROP_UNKNOWN_KEY) },
	{ "strong, the key of unused places", IPV4(.strong = &key_of_unused_place), &strong, NULL, DROP_AND_NOTICE(DROP_UNKNOWN_KEY) },
	{ "strong, another key of that id", IPV4(.strong = &other_key_of_that_id), &strong, NULL, DROP_AND_NOTICE(DROP_BAD_TAG) },
	{ "strong, last bit of the tag", IPV4(.strong = strong_keys), &strong, digest_end_changed, DROP_AND_NOTICE(DROP_BAD_TAG) },
	{ "strong, counter changed", IPV4(.strong = strong_keys), &strong, counter_changed, DROP_AND_NOTICE(DROP_BAD_TAG) },
	{ "strong, TTL 254", IPV4(.strong = strong_keys), &strong, ttl_254, DROP_AND_NOTICE(DROP_BAD_TTL) },
	{ "strong, type 2", IPV4(.strong = strong_keys), &strong, strong_type_2, DROP_AND_NOTICE(DROP_BAD_TYPE) },
	{ "strong, CARP checksum", IPV4(.strong = strong_keys), &strong, checksum_wrong, DROP_AND_NOTICE(DROP_BAD_CHECKSUM) },
	{ "strong, last byte missing", IPV4(.strong = strong_keys), &strong, last_byte_missing, DROP_AND_NOTICE(DROP_TRUNCATED) },
	{ "VRRPv3, where strong is accepted", IPV4(), &strong, is_vrrp3, PASS(PASS_VRRP) },
	{ "VRRPv2 with seven addresses, where strong is accepted", IPV4(), &strong, is_vrrp2_with_seven_addresses, PASS_AND_NOTICE(PASS_VRRP) },
	{ "version 5, where strong is accepted", IPV4(), &strong, version_5, DROP(DROP_BAD_VERSION) },
};

static void setup(struct rig *rig)
{
	rig_open(rig);
	for (size_t i = 0; i < ARRAY_SIZE(vrouters); i++) {
		struct vr_entry entry = {
			.abi_version = vrouters[i].abi_version,
			.slot = vrouters[i].slot,
			.tap = vrouters[i].tap,
			.has_twin = vrouters[i].has_twin,
			.every = 1,
			.auth = vrouters[i].auth,
		};

		rig_add_strong(rig, vrouters[i].where, entry, vrouters[i].secret, strong_keys, entry.auth ? ARRAY_SIZE(strong_keys) : 0);
	}
}

/* A strong advert's counter is above 0. */
static void build_row(struct frame *frame, size_t i)
{
	struct advert advert = rows[i].advert;

	advert.counter = 0x10;
	frame_build(frame, &advert, rows[i].secret);
}

/* As if the last notice were long ago. */
static void forget_notices(struct rig *rig)
{
	for (int slot = 0; slot < RIG_SLOTS; slot++)
		rig->live[slot].notice_ns = 0;
	rig_forget(rig);
}

static bool same(const struct outcome *a, const struct outcome *b)
{
	return a->action == b->action && a->verdict == b->verdict && a->record == b->record;
}

static void test_rows(struct rig *rig, bool reached[XCARP_VERDICT_COUNT])
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char got_text[64], want_text[64];
		struct outcome got;
		struct frame frame;

		build_row(&frame, i);
		if (rows[i].bend)
			rows[i].bend(&frame);
		forget_notices(rig);
		got = rig_judge(rig, frame.bytes, frame.len);
		is_str(outcome_text(&got, got_text), outcome_text(&rows[i].want, want_text), "%s", rows[i].name);
		if (got.verdict >= 0)
			reached[got.verdict] = true;
	}
}

static void test_every_verdict_reached(const bool reached[XCARP_VERDICT_COUNT])
{
	/* What takes more than one frame is in test_guard.c. */
#define X(value, counter) \
	ok(reached[value] || value == DROP_REPLAYED || value == DROP_BAD_CLOCK || value == DROP_FLOOD || \
	   value == DROP_FENCED, "some row ends as " #value);
	XCARP_VERDICTS(X)
#undef X
}

/* The program asks for an IPv4 header's room before it looks at anything. */
static size_t least_len(const struct frame *frame)
{
	size_t len = frame->ip + (frame->ip_version == 4 ? 20 : 40);

	return len < ETH_HEADER_LEN + 20 ? ETH_HEADER_LEN + 20 : len;
}

static struct outcome expect_truncated(const struct frame *frame, size_t len, const struct outcome *whole)
{
	if (len < least_len(frame))
		return (struct outcome)OTHER_TRAFFIC;
	if (len < frame->carp + 4)
		return (struct outcome)PASS(PASS_UNREADABLE);
	if (len < frame->carp + sizeof(struct carp_header))
		return (struct outcome)DROP_AND_NOTICE(DROP_TRUNCATED);
	return *whole;
}

static void test_truncations(struct rig *rig, size_t row)
{
	struct frame frame;
	size_t wrong = 0;

	build_row(&frame, row);
	if (rows[row].bend)
		rows[row].bend(&frame);
	for (size_t len = 0; len <= frame.len; len++) {
		struct outcome want = expect_truncated(&frame, len, &rows[row].want);
		struct outcome got;
		char text[2][64];

		if (!rig_takes(rig, frame.bytes, len))
			continue;
		rig_forget(rig);
		got = rig_judge(rig, frame.bytes, len);
		if (same(&got, &want))
			continue;
		wrong++;
		diag("%zu bytes: got %s, want %s", len, outcome_text(&got, text[0]), outcome_text(&want, text[1]));
	}
	ok(!wrong, "%s, cut to every length", rows[row].name);
}

/* An interface of our own, in a network namespace of our own; its index, or 0. */
static unsigned int make_other_interface(void)
{
	struct ifreq request = { .ifr_name = "other", .ifr_flags = IFF_TAP | IFF_NO_PI };
	int tun;

	if (unshare(CLONE_NEWNET))
		return 0;
	tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (tun < 0 || ioctl(tun, TUNSETIFF, &request))
		return 0;
	return if_nametoindex("other"); /* it lives as long as we do */
}

static void test_other_interface(struct rig *rig)
{
	static const struct advert advert = IPV4();
	unsigned int other = make_other_interface();
	struct outcome got;
	struct frame frame;
	char text[64];

	ok(other > RIG_IFINDEX, "there is another interface: %s", other ? "yes" : strerror(errno));
	frame_build(&frame, &advert, &ours);
	rig->ifindex = other;
	got = rig_judge(rig, frame.bytes, frame.len);
	is_str(outcome_text(&got, text), "XDP_PASS pass_no_vrouter no record", "our advert on another interface");
	rig->ifindex = RIG_IFINDEX;
	got = rig_judge(rig, frame.bytes, frame.len);
	is_str(outcome_text(&got, text), "XDP_DROP accepted RECORD_ADVERT", "and on ours");
}

#define OTHER_INTERFACE_TESTS 3

static void test(struct rig *rig)
{
	bool reached[XCARP_VERDICT_COUNT] = { false };

	setup(rig);
	test_rows(rig, reached);
	test_every_verdict_reached(reached);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].want.verdict == ACCEPTED)
			test_truncations(rig, i);
	test_other_interface(rig);
	rig_close(rig);
}

int main(void)
{
	unsigned int accepted = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		accepted += rows[i].want.verdict == ACCEPTED;
	plan(RIG_HOOKS * ((unsigned int)ARRAY_SIZE(rows) + XCARP_VERDICT_COUNT + accepted + OTHER_INTERFACE_TESTS));
	rig_each_hook(test);
	return tap_done();
}
