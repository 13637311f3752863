/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The real programs, loaded but attached to nothing: frames are put through one of them, one at a time. */
#ifndef SELFTESTS_RIG_H
#define SELFTESTS_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

#include <xcarp/abi.h>

#include "frames.h"

#define RIG_SLOTS 16
#define RIG_VROUTERS 512
#define RIG_VIPS 128
#define RIG_SEEN 4096
#define RIG_SEEN_COUNTING 65536
#define RIG_STRANGERS_COUNTING 65536
#define RIG_RING_BYTES 65536
#define RIG_RECORD_BYTES (8 + sizeof(struct xcarp_record)) /* with the ring's own header */
#define RIG_RECORDS_MAX (RIG_RING_BYTES / 64)
#define RIG_OWNERS 2 /* with a ring; others have none */
#define RIG_OWNER 0
#define RIG_IFINDEX 1 /* loopback: a test run needs an interface that exists */
#define RIG_OWN_IPV4 "10.9.0.2"
#define RIG_OWN_IPV6 "fe80::2"

#define VERDICT_NONE (-1) /* other traffic: no counter moved */
#define VERDICT_SEVERAL (-2)

/* Which program, and how it gets its frames. */
enum rig_hook {
	RIG_XDP,
	RIG_TC, /* with all VLAN tags still in the frame */
	RIG_TC_STRIPPED, /* with the outer one taken out, as the kernel does it */
	RIG_HOOKS,
};

struct xcarp_bpf;
struct strip_bpf;
struct ring_buffer;

struct rig {
	enum rig_hook hook;
	int program; /* that frames are put through */
	struct xcarp_bpf *skel;
	struct strip_bpf *strip; /* of RIG_TC_STRIPPED */
	struct ring_buffer *rings[RIG_OWNERS];
	int ring_fds[RIG_OWNERS];
	struct vr_live *live; /* RIG_SLOTS of them */
	struct vr_refusals *refusals; /* the same */
	struct xcarp_fence *fence;
	/* Of rig_open_counting(): */
	struct xcarp_drops *drops;
	struct vr_guard *guards; /* RIG_SLOTS of them */
	uint32_t ifindex; /* where frames arrive; RIG_IFINDEX unless changed */
	int epoll; /* of RIG_OWNER's ring */
	struct xcarp_record records[RIG_RECORDS_MAX];
	size_t n_records;
};

/* What became of a frame. */
struct outcome {
	int action; /* XDP_PASS, XDP_DROP */
	int verdict; /* enum xcarp_verdict, or VERDICT_NONE */
	int record; /* enum xcarp_record_type; 0: none */
};

/* Runs tests that open and close the rig, once for each hook. */
void rig_each_hook(void (*test)(struct rig *rig));

/* What rig_open() loads the next time; RIG_XDP unless changed. */
void rig_choose(enum rig_hook hook);

const char *rig_hook_name(enum rig_hook hook);

/* Loads the program, or bails out of the test. */
void rig_open(struct rig *rig);

/*
 * The same, but `drops` is no per-CPU array: it is mapped, and `guard` too, so that a look at them costs nothing. For who
 * runs one frame at a time, millions of them.
 */
void rig_open_counting(struct rig *rig);

void rig_close(struct rig *rig);

/*
 * Puts a virtual router into `vrouters`, `keys` and `live`, as BACKUP. Its own source is RIG_OWN_IPV4 or
 * RIG_OWN_IPV6. where: ip_version is to be given; group 0 stands for CARP's own, ifindex 0 for RIG_IFINDEX.
 */
void rig_add(struct rig *rig, struct vr_key where, struct vr_entry entry, const struct secret *secret);

/* The same with strong keys, at most CARP_SIPHASH_KEYS_MAX. entry.auth says what they are good for. */
void rig_add_strong(struct rig *rig, struct vr_key where, struct vr_entry entry, const struct secret *secret,
		    const struct strong_key *strong, size_t n_strong);

/* What the program has as the key of a slot. */
void rig_key(const struct rig *rig, uint32_t slot, struct carp_key *key);

/* What the program remembers of a virtual router; rig_add() forgets all. */
void rig_set_guard(const struct rig *rig, uint32_t slot, const struct vr_guard *guard);
void rig_forget(const struct rig *rig); /* of all */
void rig_forget_seen(const struct rig *rig);
void rig_get_guard(const struct rig *rig, uint32_t slot, struct vr_guard *guard);

/* What is known of somebody else's virtual router; count 0: nothing. */
struct stranger rig_stranger(const struct rig *rig, const struct vr_key *key);
void rig_forget_strangers(const struct rig *rig);

void rig_add_vip_entry(const struct rig *rig, const struct vip_key *key, const struct vip_entry *entry);
void rig_add_vip(const struct rig *rig, uint32_t slot, const struct vip *vip, bool held);

/* A test run takes no frame without its Ethernet header and, for tc, without the IP header that this says is next. */
bool rig_takes(const struct rig *rig, const uint8_t *bytes, size_t len);

/* Runs the program once; returns XDP_PASS or XDP_DROP, for what tc calls otherwise, too. XDP_ABORTED: anything else. */
int rig_run(const struct rig *rig, const uint8_t *bytes, size_t len);

/* Runs the program once, empties RIG_OWNER's ring to rig->records, and says what happened. */
struct outcome rig_judge(struct rig *rig, const uint8_t *bytes, size_t len);

uint64_t rig_counter(const struct rig *rig, int index);

/* Empties an owner's ring to rig->records; returns how many there were. rig_drain(): RIG_OWNER's. */
size_t rig_drain(struct rig *rig);
size_t rig_drain_owner(struct rig *rig, uint32_t owner);

/* Takes an owner's ring away, as when it has ended. */
void rig_remove_ring(struct rig *rig, uint32_t owner);

/* True if the program has woken RIG_OWNER since this was last asked. Ask before its ring is empty. */
bool rig_woken(const struct rig *rig);

/* "XDP_DROP bad_ttl no record" */
const char *outcome_text(const struct outcome *outcome, char text[64]);

#endif
