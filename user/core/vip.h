/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A virtual address: what `-a ADDR[/LEN]` names. */
#ifndef XCARP_CORE_VIP_H
#define XCARP_CORE_VIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vip {
	uint8_t ip_version; /* 4 or 6 */
	uint8_t prefix_len;
	uint8_t address[16]; /* network order; IPv4 in the first four bytes, the rest zero */
};

#define VIP_TEXT_LEN 52 /* longest IPv6 address, a slash, three digits, NUL */

/*
 * Reads ADDR or ADDR/LEN. Without LEN the address stands for itself: 32 or 128 bits. Returns NULL, or what would
 * have been right, as a phrase for an error message.
 */
const char *vip_parse(struct vip *vip, const char *text);

/* Writes ADDR, or ADDR/LEN where with_len, to text; returns text. */
char *vip_format(const struct vip *vip, bool with_len, char text[VIP_TEXT_LEN]);

/* Orders IPv4 before IPv6 and each ascending in network order: CARP's order. As memcmp. */
int vip_compare(const struct vip *a, const struct vip *b);

/* The same address with the same length: to the kernel, with another length it is another one. */
static inline bool vip_is_same(const struct vip *a, const struct vip *b)
{
	return !vip_compare(a, b) && a->prefix_len == b->prefix_len;
}

/* Both IPv4, of the same network, in which there is room for more than one. */
bool vip_is_same_network(const struct vip *a, const struct vip *b);

/* Bytes of the address: 4 or 16. */
static inline size_t vip_len(const struct vip *vip)
{
	return vip->ip_version == 6 ? 16 : 4;
}

#endif
