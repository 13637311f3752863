/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The Ethernet frames that a virtual router sends: adverts, and announcements of its addresses. */
#ifndef XCARP_CORE_FRAME_H
#define XCARP_CORE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xcarp/abi.h>
#include <xcarp/carp.h>

#include "vip.h"

#define FRAME_MAC_LEN 6
#define FRAME_ADVERT_LEN (14 + 20 + sizeof(struct carp_header))
#define FRAME_ARP_LEN (14 + 28)
#define FRAME_NA_LEN (14 + 40 + 32)
#define FRAME_MAX FRAME_NA_LEN
#define FRAME_BATCH 64 /* adverts */

/*
 * ucarp reads adverts through libpcap with a timeout of a second: the kernel hands over a block of 256 KiB when it is full
 * or that second is over, and a bow-out lies there for half a second on average. This many frames of this length fill
 * the block (each takes its captured 1500 bytes and a header), and ucarp takes over at once.
 */
#define FRAME_FILLERS 180
#define FRAME_FILLER_LEN 1514

struct frame_advert {
	uint8_t source_mac[FRAME_MAC_LEN];
	bool broadcast; /* ucarp -M: Ethernet broadcast; the IP destination stays the group */
	uint32_t source; /* IPv4, network order */
	uint32_t group; /* IPv4, network order */
	uint16_t ip_id; /* host order */
	uint8_t vhid;
	uint8_t advbase; /* s */
	uint8_t advskew; /* 1/256 s */
	bool is_strong; /* authenticated by SipHash instead of CARP's HMAC-SHA1 */
	uint64_t counter;
};

/* Builds and signs one advert, FRAME_ADVERT_LEN bytes. */
void frame_advert(uint8_t frame[FRAME_ADVERT_LEN], const struct frame_advert *advert, const struct carp_key *key);

/* The same for n of them at once, at most FRAME_BATCH, each with a key of its own. */
void frame_adverts(uint8_t (*frames)[FRAME_ADVERT_LEN], const struct frame_advert *adverts,
		   const struct carp_key *const *keys, unsigned int n);

/*
 * Builds a frame that no CARP takes for anything (VHID 0) but that every one's capture filter lets through, len bytes with
 * all headers. What for: see FRAME_FILLERS.
 */
void frame_filler(uint8_t *frame, size_t len, const struct frame_advert *advert);

/* Virtual MACs: 00:00:5e:00:00:VHID, and 00:00:5e:00:01:VHID, which is that of a VRRP router of the same id, too. */
void frame_ucarp_mac(uint8_t mac[FRAME_MAC_LEN], uint8_t vhid);
void frame_bsd_mac(uint8_t mac[FRAME_MAC_LEN], uint8_t vhid);

/*
 * Announces that vip is at mac: a gratuitous ARP request (sender = target = VIP, sender and target MAC the same,
 * as ucarp's garp.c), or for IPv6 an unsolicited neighbour advertisement with the override flag (RFC 4861, 7.2.6) and,
 * for is_router, the router flag. Returns the frame's length, at most FRAME_MAX.
 */
size_t frame_announce(uint8_t frame[FRAME_MAX], const struct vip *vip, const uint8_t mac[FRAME_MAC_LEN], bool is_router);

#endif
