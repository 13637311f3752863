// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "vip.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static bool is_unusable_ipv4(const uint8_t *a)
{
	return a[0] == 0 || a[0] == 127 || a[0] >= 224;
}

static bool is_unusable_ipv6(const uint8_t *a)
{
	static const uint8_t loopback[16] = { [15] = 1 }, any[16];

	return a[0] == 0xff || !memcmp(a, any, 16) || !memcmp(a, loopback, 16);
}

/* 1-3 decimal digits and nothing else, or -1. */
static int parse_prefix_len(const char *text)
{
	int len = 0;

	if (!*text || strlen(text) > 3)
		return -1;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		len = len * 10 + (*text - '0');
	}
	return len;
}

/* All bits after the length are as this one; where there is room for it, no host has such an address. */
static bool ends_in(const struct vip *vip, uint8_t bit)
{
	unsigned int bits = (unsigned int)vip_len(vip) * 8;

	for (unsigned int i = vip->prefix_len; i < bits; i++)
		if ((vip->address[i / 8] >> (7 - i % 8) & 1) != bit)
			return false;
	return vip->prefix_len + 2u <= bits;
}

static const char *why_no_host(const struct vip *vip)
{
	if (ends_in(vip, 0))
		return "is the address of the network itself, which no host can have";
	if (vip->ip_version == 4 && ends_in(vip, 1))
		return "is the network's broadcast address, which no host can have";
	return NULL;
}

const char *vip_parse(struct vip *vip, const char *text)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t address_len = slash ? (size_t)(slash - text) : strlen(text);
	int len;

	memset(vip, 0, sizeof(*vip));
	if (address_len >= sizeof(address))
		return "must be an IPv4 or IPv6 address, or ADDRESS/LENGTH";
	memcpy(address, text, address_len);
	address[address_len] = '\0';

	if (inet_pton(AF_INET, address, vip->address) == 1)
		vip->ip_version = 4;
	else if (inet_pton(AF_INET6, address, vip->address) == 1)
		vip->ip_version = 6;
	else
		return "must be an IPv4 or IPv6 address, or ADDRESS/LENGTH";
	if (vip->ip_version == 4 ? is_unusable_ipv4(vip->address) : is_unusable_ipv6(vip->address))
		return "must be a unicast address that a host can have";

	if (!slash) {
		vip->prefix_len = vip->ip_version == 4 ? 32 : 128;
		return NULL;
	}
	len = parse_prefix_len(slash + 1);
	if (len < 1 || len > (vip->ip_version == 4 ? 32 : 128))
		return vip->ip_version == 4 ? "the length after the slash must be 1 to 32" :
					      "the length after the slash must be 1 to 128";
	vip->prefix_len = (uint8_t)len;
	return why_no_host(vip);
}

char *vip_format(const struct vip *vip, bool with_len, char text[VIP_TEXT_LEN])
{
	inet_ntop(vip->ip_version == 6 ? AF_INET6 : AF_INET, vip->address, text, VIP_TEXT_LEN);
	if (with_len) {
		size_t at = strlen(text);

		snprintf(text + at, VIP_TEXT_LEN - at, "/%u", vip->prefix_len);
	}
	return text;
}

bool vip_is_same_network(const struct vip *a, const struct vip *b)
{
	uint32_t differ, at[2];

	if (a->ip_version != 4 || b->ip_version != 4 || a->prefix_len != b->prefix_len || !a->prefix_len || a->prefix_len > 31)
		return false;
	memcpy(&at[0], a->address, sizeof(at[0]));
	memcpy(&at[1], b->address, sizeof(at[1]));
	differ = ntohl(at[0] ^ at[1]);
	return !(differ >> (32 - a->prefix_len));
}

int vip_compare(const struct vip *a, const struct vip *b)
{
	if (a->ip_version != b->ip_version)
		return a->ip_version < b->ip_version ? -1 : 1;
	return memcmp(a->address, b->address, sizeof(a->address));
}
