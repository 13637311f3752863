/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the XDP program, the controllers of a network namespace and xcarpctl share: map keys and values, the ring record,
 * the verdicts, the requests. The maps are pinned and typed, so these names are also what a person reads in `bpftool map
 * dump`.
 *
 * All times are CLOCK_MONOTONIC nanoseconds. Integers are host order unless the type says otherwise. An address
 * is 16 bytes in network order; an IPv4 one fills the first four, the rest is zero.
 */
#ifndef XCARP_ABI_H
#define XCARP_ABI_H

#include <linux/types.h>

#include <xcarp/replay.h>
#include <xcarp/sha1.h>
#include <xcarp/siphash.h>

/* Goes up with every change of a layout or meaning below, and of where the maps are pinned. */
#define XCARP_ABI_VERSION 7

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
	X(DROP_NOT_ENABLED, not_enabled)                                                                     \
	X(DROP_BAD_TYPE, bad_type)                                                                           \
	X(DROP_BAD_TTL, bad_ttl)                                                                             \
	X(DROP_FRAGMENT, fragment)                                                                           \
	X(DROP_BAD_LENGTH, bad_length)                                                                       \
	X(DROP_TRUNCATED, truncated)                                                                         \
	X(DROP_OWN_SOURCE, own_source)                                                                       \
	X(DROP_BAD_IP_CHECKSUM, bad_ip_checksum)                                                             \
	X(DROP_BAD_CHECKSUM, bad_checksum)                                                                   \
	X(DROP_BAD_HMAC, bad_hmac)                                                                           \
	X(DROP_BAD_TAG, bad_tag)                                                                             \
	X(DROP_UNKNOWN_KEY, unknown_key)                                                                     \
	X(DROP_WEAK_AUTH, weak_auth)                                                                         \
	X(DROP_REPLAYED, replayed)                                                                           \
	X(DROP_BAD_CLOCK, bad_clock)                                                                         \
	X(DROP_FLOOD, flood)                                                                                 \
	X(DROP_FENCED, fenced)

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
	__u64 ring_full; /* accepted, but its record found no room, or no ring; `live` was updated all the same */
};

_Static_assert(sizeof(struct xcarp_drops) == (XCARP_VERDICT_COUNT + 1) * sizeof(__u64), "indexed by verdict");
_Static_assert(__builtin_offsetof(struct xcarp_drops, fenced) == DROP_FENCED * sizeof(__u64), "same order");

/* Those by which an advert for a virtual router of ours is refused. Passes are none: the host gets the frame. */
#define XCARP_REFUSAL_FIRST DROP_BAD_VERSION
#define XCARP_REFUSAL_COUNT (DROP_FENCED - XCARP_REFUSAL_FIRST)

enum vr_state {
	INIT,
	BACKUP,
	MASTER,
};

/* What an operator has decided about a virtual router, until it is released. */
enum vr_hold {
	NOT_HELD,
	DEMOTED, /* stays out */
	PROMOTED, /* claims the shortest interval */
};

/*
 * How adverts are authenticated, in the order of a roll-out: each stage and the next understand each other.
 * X(enum value, word of --auth)
 */
#define XCARP_AUTH_MODES(X)                                                                                  \
	X(AUTH_HMAC_SHA1, "hmac-sha1") /* CARP's own, and nothing else */                                    \
	X(AUTH_ACCEPT_SIPHASH, "accept-siphash") /* sends CARP's own, accepts both */                        \
	X(AUTH_SEND_SIPHASH, "send-siphash") /* sends strong ones, accepts both */                           \
	X(AUTH_SIPHASH, "siphash") /* strong ones, and nothing else */

enum xcarp_auth {
#define X(value, word) value,
	XCARP_AUTH_MODES(X)
#undef X
	AUTH_MODE_COUNT,
};

/*
 * Why a virtual router did what it did, or what was noticed about it:  X(enum value, word in `xcarpctl monitor`).
 */
#define XCARP_CAUSES(X)                                                                                      \
	X(CAUSE_NONE, none)                                                                                  \
	X(CAUSE_STARTED, started)                                                                            \
	X(CAUSE_LINK_UP, link_up)                                                                            \
	X(CAUSE_LINK_DOWN, link_down)                                                                        \
	X(CAUSE_WITHDRAWN, interface_withdrawn)                                                              \
	X(CAUSE_MASTER_SILENT, master_silent)                                                                \
	X(CAUSE_PREEMPTION, preemption)                                                                      \
	X(CAUSE_BOW_OUT, bow_out)                                                                            \
	X(CAUSE_MASTER_TOO_SLOW, master_too_slow)                                                            \
	X(CAUSE_PREFERRED_MASTER, preferred_master)                                                          \
	X(CAUSE_NON_PREFERRED_MASTER, non_preferred_master)                                                  \
	X(CAUSE_DEMOTED, demoted)                                                                            \
	X(CAUSE_PROMOTED, promoted)                                                                          \
	X(CAUSE_RELEASED, released)                                                                          \
	X(CAUSE_STOPPED, stopped)                                                                            \
	X(CAUSE_ADOPTED, adopted)                                                                            \
	X(CAUSE_SEND_SUPPRESSED, send_suppressed)                                                            \
	X(CAUSE_SEND_RECOVERED, send_recovered)                                                              \
	X(CAUSE_CONSTANT_COUNTER, constant_counter)                                                          \
	X(CAUSE_FENCED, fenced)                                                                              \
	X(CAUSE_VRRP, vrrp_with_our_id)                                                                      \
	X(CAUSE_DUPLICATE_ADDRESS, duplicate_address)                                                        \
	X(CAUSE_OWN_ADDRESS_GONE, own_address_gone)                                                          \
	X(CAUSE_OWN_ADDRESS_BACK, own_address_back)

enum vr_cause {
#define X(value, word) value,
	XCARP_CAUSES(X)
#undef X
	VR_CAUSE_COUNT,

	/* Adverts were refused: this and their verdict, which has the word. */
	CAUSE_REFUSED = 64,
};

_Static_assert(VR_CAUSE_COUNT <= CAUSE_REFUSED, "one number, one cause");

/* `abi`: one entry, written by the process that made the maps. */
struct xcarp_abi {
	__u32 abi_version; /* of all these maps; this field never moves */
	__u32 capacity; /* virtual routers, of `live` */
	__u64 made_ns;
	char version[16]; /* of the program that made them */
};

_Static_assert(sizeof(struct xcarp_abi) == 32, "map value");

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
	__u32 generation; /* copied to ring records; tells an index's users apart */
	__u32 index; /* the owner's own number of it; copied to ring records */
	__u16 owner; /* index in `owners` and `events` */
	__u8 tap; /* 1: accepted adverts go on to the host's stack */
	__u8 every; /* 1: every accepted advert gets a ring record, not only news */
	__u8 source[16]; /* our own source address: adverts from it are refused */
	__u8 auth; /* enum xcarp_auth */
	__u8 has_twin; /* 1: a VLAN device on this interface has the same VHID and group: what is refused may be meant for that */
	__u8 reserved[2]; /* 0 */
};

_Static_assert(sizeof(struct vr_entry) == 40, "map value");

/*
 * `keys`, indexed like `live`. It lets its holder sign adverts (but not learn the password), so it lives in locked memory,
 * and the map is never pinned.
 */
struct carp_key {
	struct carp_hmac_key hmac;
	struct carp_siphash_keys siphash; /* with AUTH_HMAC_SHA1: zeros in the map, not there in a controller's memory */
};

_Static_assert(sizeof(struct carp_key) == 256, "map value");

#define LIVE_WRITING (1ull << 63)

/*
 * `live`: one entry a virtual router, mapped into the controller. The first cache line is the program's, the
 * others are the controller's; neither writes the other's.
 */
struct vr_live {
	/* Adverts. With LIVE_WRITING the newest one is being written; a copy is one where it is the same before and after. */
	__u64 accepted;
	__u16 interval_256ths; /* advbase * 256 + advskew */
	__u16 is_strong; /* 1: authenticated by SipHash, 0: by HMAC-SHA1 */
	__u32 bad_hmac; /* refused since the last notice, whatever was wrong with how they were authenticated */
	__u64 arrival_ns;
	__u64 counter;
	__u8 source[16];
	__u8 advbase;
	__u8 advskew;
	__u8 demote;
	__u8 ip_version;
	__u32 index; /* of struct vr_entry: the controller's, written as the slot is taken */
	__u64 notice_ns; /* when the last notice went out */

	enum vr_state state;
	__u32 generation;
	__u64 since_ns; /* when the state was entered */
	__u64 adverts_sent;
	__u32 transitions;
	__u32 worst_late_us; /* how late the controller was for its timers, at worst */
	char interface[XCARP_IFNAME_LEN];
	__u32 ifindex; /* 0: the interface is not there */
	__u32 owner_pid;
	__u16 claimed_by; /* its owner's index + 1; 0: the slot is free */
	__u8 vhid;
	__u8 own_advbase;
	__u8 own_advskew;
	__u8 hold; /* enum vr_hold */
	__u8 vip_count;
	__u8 auth; /* enum xcarp_auth */

	__u64 sent_counter; /* of the newest advert that we sent, or are about to; 0: none yet */
	__u64 sent_ns; /* when one last left */
	__u64 answered_ns; /* adverts that arrived up to then have been dealt with */
	__u64 down_ns; /* how long we wait for a silent master, and our peers, presumably, for us */
	__u32 fence_after_us; /* how long the controller may owe an answer, as master */
	__u8 replay; /* enum replay_mode */
	__u8 up_script_due; /* 1: it has still to run, or to run to its end */
	__u8 key_count; /* of --keyfile: keys that are accepted; 0: there is none */
	__u8 lacks_source; /* 1: its interface does not have its source address */
	__u64 adverts_unsent; /* that the kernel would not send, or would have dropped for lack of a carrier */
	__u8 vrrp_source[4]; /* who was heard to send VRRP of this id; 0: nobody */
	__u32 key_id; /* of --keyfile: the key that signs */
	__u16 password_print; /* fingerprint of the password; 0: not made yet, or there is no password */
	__u8 mac[6]; /* of the interface */
};

_Static_assert(sizeof(struct vr_live) == 192, "three cache lines");
_Static_assert(__builtin_offsetof(struct vr_live, state) == 64, "one writer a cache line");
_Static_assert(__builtin_offsetof(struct vr_live, sent_counter) == 128, "what is written with each advert is together");

/* What notices are limited by. */
struct guard_notice {
	__u64 notice_ns; /* when the last one went out */
	__u32 count; /* refused since */
	__u32 reserved; /* 0 */
};

enum guard_reason {
	GUARD_REPLAYED,
	GUARD_BAD_CLOCK,
	GUARD_FLOOD,
	GUARD_OWN_SOURCE,
	GUARD_NOT_ENABLED,
	GUARD_MALFORMED,
	GUARD_VRRP,
	GUARD_REASON_COUNT,
};

/* `refusals`: one entry a virtual router, by slot: of each reason how often, when last, and from whom. The program's own. */
struct vr_refusals {
	struct vr_refusal {
		__u64 count;
		__u64 when_ns; /* by the coarse clock; 0: never */
		__u8 source[16];
	} by_verdict[XCARP_REFUSAL_COUNT]; /* from XCARP_REFUSAL_FIRST on */
	struct guard_notice duplicates; /* other hosts' ARP or NA for an address of ours */
};

_Static_assert(sizeof(struct vr_refusals) == 560, "map value");

/* `strangers`: adverts of virtual routers that this host does not have; the oldest make room. They go on to the host. */
#define XCARP_STRANGERS_MAX 1024

struct stranger {
	__u64 count;
	__u64 when_ns; /* by the coarse clock */
	__u8 source[16]; /* of the newest */
	__u8 version; /* of CARP */
	__u8 advbase;
	__u8 advskew;
	__u8 reserved[5]; /* 0 */
};

_Static_assert(sizeof(struct stranger) == 40, "map value");

/* `guard`: one entry a virtual router, by slot: what protects it from its LAN, and the LAN from it. The program's own. */
struct vr_guard {
	struct replay replay;
	__u64 unanswered_ns; /* since when the controller owes an answer; up to live's answered_ns: it does not */
	__u64 fenced; /* ARP requests and neighbour solicitations that were dropped */
	__u64 window_ns; /* wrong digests from sources that never authenticated: since when they are counted */
	__u32 wrong; /* how many there were since then */
	__u32 era; /* tells the slot's users apart */
	struct guard_notice notices[GUARD_REASON_COUNT];
	__u64 singles; /* its counters in `seen`, or'ed: a higher one is not there */
};

_Static_assert(sizeof(struct vr_guard) == 584, "map value");

/* `seen`: counters that stand by themselves, of all virtual routers; the oldest make room. */
struct seen_key {
	__u64 counter;
	__u32 slot;
	__u32 era; /* of the slot's guard */
};

_Static_assert(sizeof(struct seen_key) == 16, "hashed as it lies");

/* `fence`: one entry. */
struct xcarp_fence {
	__u64 watch_until_ns; /* questions for addresses are looked at; 0: they never had to be */
	__u64 vips; /* bit n: an address of ours ends in n, modulo 64, or did: who announces another one is not looked up */
};

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
	__u8 held; /* 1: it is on the interface by our doing, or may be: from before it is added until it was removed */
	__u8 reserved; /* 0 */
};

_Static_assert(sizeof(struct vip_entry) == 8, "map value");

/* `duplicates`, by struct vip_key: which other host has announced an address while we were its master; the oldest make room. */
#define XCARP_DUPLICATES_MAX 1024

struct duplicate {
	__u64 when_ns; /* the last time */
	__u64 count;
	__u8 mac[6];
	__u8 reserved[2]; /* 0 */
};

_Static_assert(sizeof(struct duplicate) == 24, "map value");

/*
 * `owners`: one entry a controller process, mapped into each. An owner lives as long as its abstract UNIX socket
 * `\0xcarp/<index>` has a listener in this network namespace: that is also where it takes requests.
 */
#define XCARP_OWNERS_MAX 1024
#define XCARP_LATE_BUCKETS 24

struct xcarp_owner {
	__u32 pid; /* 0: free */
	__u32 vrouters; /* how many it has */
	__u64 started_ns;
	__u64 wakeups; /* of its loop */
	__u64 adverts_sent;
	__u64 records; /* taken from its ring */
	__u64 reloads; /* that changed something */
	__u64 worst_late_ns; /* of all its timers */
	__u64 late[XCARP_LATE_BUCKETS]; /* timers by lateness: [0] under 1 us, [n] under 2^n us; the last one all others */
	char version[16];
	__u8 realtime; /* SCHED_FIFO priority; 0: none */
	__u8 handed_over; /* 1: it has ended, and left what it had to a successor that is about to start */
	/* Started by the name `ucarp`: its virtual router, with which the next one of that name takes its place. */
	__u8 vhid; /* 0: by another name */
	__u8 reserved; /* 0 */
	__be32 group;
	char interface[XCARP_IFNAME_LEN];
	__u8 reserved2[40]; /* 0 */
};

_Static_assert(sizeof(struct xcarp_owner) == 328, "map value");

/* Where the program sees an interface's frames. */
enum xcarp_hook {
	HOOK_NONE, /* about to be attached */
	HOOK_XDP_NATIVE,
	HOOK_XDP_GENERIC,
	HOOK_TCX, /* at the ingress: tcx */
	HOOK_CLSACT, /* there, too: a filter of a clsact qdisc */
};

/* `interfaces`: which owner uses the program on which interface. Whoever removes the last one of an interface detaches. */
struct interface_key {
	__u32 ifindex;
	__u32 owner;
};

struct interface_entry {
	__u32 program_id; /* XDP, also in front: of what was there after attaching: the program, or the dispatcher that it is part of */
	enum xcarp_hook hook;
	char name[XCARP_IFNAME_LEN];
	__u8 in_front; /* 1: a flood lasts, so the program is at the XDP hook, too, in native mode */
	__u8 loses_offloads; /* 1: while the program is there, other traffic does without offloads */
	/* What whoever takes the program off undoes. */
	__u8 made_qdisc; /* 1: the clsact was made for it */
	__u8 set_gro; /* 1: GRO was turned on for it */
	__u8 in_dispatcher; /* 1: program_id is a dispatcher's */
	__u8 reserved[3]; /* 0 */
};

_Static_assert(sizeof(struct interface_entry) == 32, "map value");

/*
 * `journal`: the newest transitions of all owners, and what operators asked for; `notices`: what others had a part in, who decide
 * how many there are. Both are mapped into each. Entry 0 is nobody's: its sequence is the
 * number of the newest entry. The entry with number n is at 1 + (n - 1) % (entries of the map - 1); its sequence is n,
 * and 0 while it is being written.
 */
struct journal_entry {
	__u64 sequence;
	__u64 when_ns;
	__u32 slot;
	__u32 ifindex;
	char interface[XCARP_IFNAME_LEN];
	__u8 group[4];
	__u16 vlan;
	__u8 vhid;
	__u8 ip_version; /* 4 or 6, of source; 0: none */
	__u8 from; /* enum vr_state; the same as to: a notice */
	__u8 to;
	__u8 cause; /* enum vr_cause */
	__u8 advbase; /* of the advert from source */
	__u8 advskew;
	__u8 reserved[3]; /* 0 */
	__u32 owner_pid;
	__u32 count; /* a notice: refused since the last one */
	__u8 source[16]; /* who it is about */
};

_Static_assert(sizeof(struct journal_entry) == 80, "map value");

/* It stands in `notices`: who else is on the LAN decides how many of these there are, and they push out none of the others. */
static inline int journal_is_notice(const struct journal_entry *entry)
{
	return entry->from == entry->to && (entry->cause >= CAUSE_REFUSED || entry->cause == CAUSE_CONSTANT_COUNTER ||
					    entry->cause == CAUSE_DUPLICATE_ADDRESS ||
					    entry->cause == CAUSE_NON_PREFERRED_MASTER);
}

enum xcarp_record_type {
	RECORD_ADVERT = 1, /* an accepted advert that is news; with struct vr_entry's every, each accepted one */
	RECORD_NOTICE = 2, /* adverts for this virtual router are being refused; of each reason at most one a second */
	RECORD_DUPLICATE = 3, /* another host has announced an address of it, while it is MASTER; at most one a second */
};

/* `events`: an array of rings, one an owner, by the owner's index. What is in a ring: */
struct xcarp_record {
	__u64 arrival_ns;
	__u64 counter; /* notice: of unknown_key, the key's id; duplicate: the MAC, which ends it in network order */
	__u32 index; /* of struct vr_entry */
	__u32 generation;
	__u8 source[16]; /* duplicate: the address */
	__u16 abi_version;
	__u8 type; /* enum xcarp_record_type */
	__u8 reason; /* notice: enum xcarp_verdict; ACCEPTED: its source repeats one counter, and so could anybody */
	__u8 ip_version;
	__u8 advbase;
	__u8 advskew;
	__u8 demote;
	__u32 count; /* notice: refused since the last one */
	__u16 is_strong; /* 1: authenticated by SipHash, 0: by HMAC-SHA1 */
	__u16 reserved; /* 0 */
};

_Static_assert(sizeof(struct xcarp_record) == 56, "ring record");

/*
 * What xcarpctl asks of an owner: one SOCK_SEQPACKET packet each way. Who asks must be root, the owner's own user, or a
 * member of the group that it was given.
 */
#define XCARP_REQUEST_MAX 512

enum xcarp_command {
	COMMAND_DEMOTE = 1, /* bow out and stay out until released */
	COMMAND_PROMOTE, /* be master until released, or until a still better one is heard */
	COMMAND_RELEASE, /* end either */
};

struct xcarp_request {
	__u32 abi_version;
	__u32 command; /* enum xcarp_command */
	__u32 count; /* of vrouters; the packet ends with the last one. 0: all of this owner's */
	struct xcarp_request_vr {
		__u32 index; /* of struct vr_entry */
		__u32 generation;
	} vrouters[XCARP_REQUEST_MAX];
};

struct xcarp_reply {
	__u32 abi_version;
	__s32 error; /* 0 or -errno: -EPROTO: malformed or of another version, -EPERM: not allowed */
	__u32 done; /* virtual routers that were found; others are gone by now */
};

#endif
