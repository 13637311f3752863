/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Frames for the data plane's tests and benchmark: a valid advert of any kind, to be bent from there. */
#ifndef SELFTESTS_FRAMES_H
#define SELFTESTS_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#include <xcarp/carp.h>
#include <xcarp/siphash.h>

#include "core/vip.h"

#define FRAME_BYTES_MAX 256
#define FRAME_TAGS_MAX 3
#define FRAME_IPV4_GROUP_TEXT "224.0.0.18"
#define FRAME_IPV6_GROUP_TEXT "ff02::12"

/* A virtual router's subkey, as libsodium takes it. */
struct strong_key {
	uint32_t id;
	uint8_t bytes[16];
};

/* What an advert's digest is made of. */
struct secret {
	const char *password;
	uint8_t vhid;
	const struct vip *vips;
	size_t n_vips;
};

struct vlan {
	uint16_t tpid; /* 0: no tag here or after */
	uint16_t tci;
};

struct advert {
	struct vlan vlans[FRAME_TAGS_MAX];
	const char *source; /* IPv4 or IPv6, which makes it a frame of that kind */
	const char *group; /* NULL: CARP's own */
	uint8_t options_len; /* IPv4: 0-40, in fours */
	uint8_t advbase, advskew, demote;
	const struct strong_key *strong; /* signs in place of the secret; NULL: does not */
	uint64_t counter;
};

struct frame {
	uint8_t align[2]; /* puts the IP header at a multiple of four */
	uint8_t bytes[FRAME_BYTES_MAX];
	size_t len;
	size_t ip, carp; /* offsets */
	const struct strong_key *strong; /* as in the advert */
	int ip_version;
};

/* Subkeys as the program has them. */
void frame_siphash_keys(struct carp_siphash_keys *keys, const struct strong_key *strong, size_t n_strong);

/* A valid, signed advert. */
void frame_build(struct frame *frame, const struct advert *advert, const struct secret *secret);

/* Mend what a change to the frame has broken. */
void frame_mend_ip_checksum(struct frame *frame);
void frame_mend_checksum(struct frame *frame);
void frame_sign(struct frame *frame, const struct secret *secret);

struct carp_header *frame_carp(struct frame *frame);
void frame_set_payload_len(struct frame *frame, uint16_t len);

/* Cuts the frame after its IP header and puts these bytes there instead, lengths and IP checksum to match. */
void frame_replace_payload(struct frame *frame, uint8_t protocol, const uint8_t *payload, size_t len);

/* An Ethernet frame of another kind. */
void frame_build_arp(struct frame *frame);

#endif
