/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * CARP on the wire, as ucarp 1.5.2, OpenBSD's ip_carp.c and FreeBSD's ip_carp.c send it, and xcarp's own version 4 of it,
 * which these ignore. Shared by the XDP program and the controller; it may know nothing of either.
 */
#ifndef XCARP_CARP_H
#define XCARP_CARP_H

#include <linux/types.h>

#define CARP_IPPROTO 112 /* VRRP's number too */
#define CARP_TTL 255 /* also the IPv6 hop limit: an advert that was routed is refused */
#define CARP_TOS 0x10

#define CARP_VERSION 2
#define CARP_TYPE_ADVERTISEMENT 1
#define CARP_VERSION_TYPE (CARP_VERSION << 4 | CARP_TYPE_ADVERTISEMENT)
#define CARP_VERSION_STRONG 4 /* neither CARP's nor VRRP's: authenticated by siphash.h, all else the same */
#define CARP_VERSION_TYPE_STRONG (CARP_VERSION_STRONG << 4 | CARP_TYPE_ADVERTISEMENT)
#define CARP_AUTHLEN 7 /* 32-bit words after the checksum */
#define VRRP_VERSION_3 3
#define VRRP_VERSION_TYPE_2 0x21 /* each an advertisement */
#define VRRP_VERSION_TYPE_3 0x31

#define CARP_GROUP_IPV4 0xe0000012u /* 224.0.0.18, host order */
#define CARP_GROUP_IPV6_LOW 0x00000012u /* ff02::12: its last 32 bits, host order */

#define CARP_MD_LEN 20 /* bytes of an HMAC-SHA1 */
#define CARP_TAG_LEN 16 /* bytes of a SipHash, after the 4 of its key's id */
#define CARP_KEY_MAX 20 /* bytes of a password; ucarp stops at 19 */
#define CARP_VIPS_MAX 32 /* addresses one virtual router may have, IPv4 and IPv6 together */
#define CARP_BOW_OUT 255 /* advbase and advskew of the advert that says goodbye */
#define CARP_SKEW_SUPPRESSED 240 /* advertised while sending fails; OpenBSD's CARP_BULK_UPDATE_MIN_DELAY */

/* An advertisement, after the IP header. Multi-byte fields are big-endian. */
struct carp_header {
	__u8 version_type;
	__u8 vhid;
	__u8 advskew; /* 1/256 s */
	__u8 authlen;
	__u8 demote; /* OpenBSD's demotion counter; 0 elsewhere */
	__u8 advbase; /* s */
	__sum16 checksum; /* RFC 1071, over these 36 bytes, for IPv6 too: no pseudo-header */
	__be32 counter[2]; /* high word first */
	union {
		__u8 md[CARP_MD_LEN];
		struct { /* CARP_VERSION_STRONG */
			__be32 key_id;
			__u8 tag[CARP_TAG_LEN];
		};
	};
};

_Static_assert(sizeof(struct carp_header) == 36, "wire format");
_Static_assert(__builtin_offsetof(struct carp_header, checksum) == 6, "wire format");
_Static_assert(__builtin_offsetof(struct carp_header, counter) == 8, "wire format");
_Static_assert(__builtin_offsetof(struct carp_header, md) == 16, "wire format");
_Static_assert(__builtin_offsetof(struct carp_header, tag) == 20, "wire format");

#endif
