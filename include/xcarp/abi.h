/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the XDP program and the controller share: map keys and values, the ring record, the verdicts. The maps
 * are pinned and typed, so these names are also what a person reads in `bpftool map dump`.
 *
 * All times are CLOCK_MONOTONIC nanoseconds. Integers are host order unless the type says otherwise. An address
 * is 16 bytes in network order; an IPv4 one fills the first four, the rest is zero.
 */
#ifndef XCARP_ABI_H
#define XCARP_ABI_H

#include <linux/types.h>

/* Goes up with every change of a layout or meaning below. */
#define XCARP_ABI_VERSION 1

#define XCARP_IFNAME_LEN 16
/* A little over a second: so a log that takes a line a second takes every notice. */
#define XCARP_NOTICE_INTERVAL_NS 1100000000ull

/*
 * Every way a frame of protocol 112 can leave the program:  X(enum value, counter in `drops`).
 * The manual page explains each word.
 */
#define XCARP_VERDICTS(X)                                                                                    \
	X(ACCEPTED, accepted)                                                                                \
	X(PASS_NO_VROUTER, pass_no_vrouter)                                                                  \
	X(PASS_VRRP, pass_vrrp)                                                                              \
	X(PASS_UNREADABLE, pass_unreadable)                                                                  \
	X(PASS_ABI_MISMATCH, pass_abi_mismatch)                                                              \
	X(DROP_BAD_VERSION, bad_version)                                                                     \
	X(DROP_BAD_TYPE, bad_type)                                                                           \
	X(DROP_BAD_TTL, bad_ttl)                                                                             \
	X(DROP_FRAGMENT, fragment)                                                                           \
	X(DROP_BAD_LENGTH, bad_length)                                                                       \
	X(DROP_TRUNCATED, truncated)                                                                         \
	X(DROP_OWN_SOURCE, own_source)                                                                       \
	X(DROP_BAD_IP_CHECKSUM, bad_ip_checksum)                                                             \
	X(DROP_BAD_CHECKSUM, bad_checksum)                                                                   \
	X(DROP_BAD_HMAC, bad_hmac)

enum xcarp_verdict {
#define X(value, counter) value,
	XCARP_VERDICTS(X)
#undef X
	XCARP_VERDICT_COUNT,
};

/* `drops`: one entry, per CPU. The counters stand in the order of enum xcarp_verdict. */
struct xcarp_drops {
#define X(value, counter) __u64 counter;
	XCARP_VERDICTS(X)
#undef X
	__u64 ring_full; /* accepted, but its record found no room; `live` was updated all the same */
};

_Static_assert(sizeof(struct xcarp_drops) == (XCARP_VERDICT_COUNT + 1) * sizeof(__u64), "indexed by verdict");
_Static_assert(__builtin_offsetof(struct xcarp_drops, bad_hmac) == DROP_BAD_HMAC * sizeof(__u64), "same order");

enum vr_state {
	INIT,
	BACKUP,
	MASTER,
};

/*
 * `vrouters`, key: what makes a virtual router one of its own. Three words, because every advert's is hashed; a bit field
 * is read and written by the same host only.
 */
struct vr_key {
	__u32 ifindex : 29;
	__u32 ip_version : 3; /* 4 or 6 */
	__u8 group[4]; /* IPv4: the group. IPv6: the last 32 bits of ff02::/96 */
	__u32 vlan : 12; /* outer VLAN id; 0: untagged or priority-tagged */
	__u32 inner_vlan : 12; /* QinQ's inner VLAN id; 0: none */
	__u32 vhid : 8;
};

_Static_assert(sizeof(struct vr_key) == 12, "hashed as it lies");

/* `vrouters`, value. */
struct vr_entry {
	__u32 abi_version; /* the program leaves a frame alone where this is not its own */
	__u32 slot; /* index in `live` and the key map */
	__u32 generation; /* copied to ring records; tells a slot's users apart */
	__u8 tap; /* 1: accepted adverts go on to the host's stack */
	__u8 reserved[3]; /* 0 */
	__u8 source[16]; /* our own source address: adverts from it are refused */
};

_Static_assert(sizeof(struct vr_entry) == 32, "map value");

/*
 * `live`: one entry a virtual router, mapped into the controller. The first cache line is the program's, the
 * second the controller's; neither writes the other's.
 */
struct vr_live {
	/* The newest accepted advert. seq is odd while it is being written. */
	__u32 seq;
	__u32 interval_256ths; /* advbase * 256 + advskew */
	__u64 arrival_ns;
	__u64 counter;
	__u8 source[16];
	__u8 advbase;
	__u8 advskew;
	__u8 demote;
	__u8 ip_version;
	__u32 bad_hmac; /* refused since the last notice */
	__u64 notice_ns; /* when the last notice went out */
	__u64 accepted; /* adverts */

	enum vr_state state;
	__u32 generation;
	__u64 since_ns; /* when the state was entered */
	__u64 transitions;
	__u64 adverts_sent;
	char interface[XCARP_IFNAME_LEN];
	__u32 ifindex;
	__u32 owner_pid;
	__u8 vhid;
	__u8 own_advbase;
	__u8 own_advskew;
	__u8 reserved[5];
};

_Static_assert(sizeof(struct vr_live) == 128, "two cache lines");
_Static_assert(__builtin_offsetof(struct vr_live, state) == 64, "one writer a cache line");

/* `vips`, key and value: whose address is this, and do we hold it? */
struct vip_key {
	__u32 ifindex;
	__u8 ip_version; /* 4 or 6 */
	__u8 reserved[3]; /* 0 */
	__u8 address[16];
};

_Static_assert(sizeof(struct vip_key) == 24, "hashed as it lies");

struct vip_entry {
	__u32 slot;
	__u8 vhid;
	__u8 prefix_len;
	__u8 held; /* 1: we are MASTER and the kernel took it from us */
	__u8 reserved; /* 0 */
};

_Static_assert(sizeof(struct vip_entry) == 8, "map value");

enum xcarp_record_type {
	RECORD_ADVERT = 1, /* one accepted advert */
	RECORD_NOTICE = 2, /* adverts for this virtual router are being refused; at most one a second */
};

/* `events`, the ring. */
struct xcarp_record {
	__u64 arrival_ns;
	__u64 counter;
	__u32 slot;
	__u32 generation;
	__u8 source[16];
	__u16 abi_version;
	__u8 type; /* enum xcarp_record_type */
	__u8 reason; /* notice: enum xcarp_verdict */
	__u8 ip_version;
	__u8 advbase;
	__u8 advskew;
	__u8 demote;
	__u32 count; /* notice: refused since the last one */
	__u32 reserved; /* 0 */
};

_Static_assert(sizeof(struct xcarp_record) == 56, "ring record");

#endif
