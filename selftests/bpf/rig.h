/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The real program, loaded but attached to nothing: frames are put through it one at a time. */
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
#define RIG_RING_BYTES 65536
#define RIG_RECORD_BYTES (8 + sizeof(struct xcarp_record)) /* with the ring's own header */
#define RIG_RECORDS_MAX (RIG_RING_BYTES / 64)
#define RIG_IFINDEX 1 /* loopback: a test run needs an interface that exists */
#define RIG_OWN_IPV4 "10.9.0.2"
#define RIG_OWN_IPV6 "fe80::2"

#define VERDICT_NONE (-1) /* other traffic: no counter moved */
#define VERDICT_SEVERAL (-2)

struct xcarp_bpf;
struct ring_buffer;

struct rig {
	struct xcarp_bpf *skel;
	struct ring_buffer *ring;
	struct vr_live *live; /* RIG_SLOTS of them */
	uint32_t ifindex; /* where frames arrive; RIG_IFINDEX unless changed */
	int epoll;
	struct xcarp_record records[RIG_RECORDS_MAX];
	size_t n_records;
};

/* What became of a frame. */
struct outcome {
	int action; /* XDP_PASS, XDP_DROP */
	int verdict; /* enum xcarp_verdict, or VERDICT_NONE */
	int record; /* enum xcarp_record_type; 0: none */
};

/* Loads the program, or bails out of the test. */
void rig_open(struct rig *rig);
void rig_close(struct rig *rig);

/*
 * Puts a virtual router into `vrouters`, `keys` and `live`, as BACKUP. Its own source is RIG_OWN_IPV4 or
 * RIG_OWN_IPV6. where: ip_version is to be given; group 0 stands for CARP's own, ifindex 0 for RIG_IFINDEX.
 */
void rig_add(struct rig *rig, struct vr_key where, struct vr_entry entry, const struct secret *secret);

/* Runs the program once; returns its XDP action. */
int rig_run(const struct rig *rig, const uint8_t *bytes, size_t len);

/* Runs the program once, empties the ring to rig->records, and says what happened. */
struct outcome rig_judge(struct rig *rig, const uint8_t *bytes, size_t len);

uint64_t rig_counter(const struct rig *rig, int index);

/* Empties the ring to rig->records; returns how many there were. */
size_t rig_drain(struct rig *rig);

/* True if the program has woken whoever waits on the ring since this was last asked. Ask before the ring is empty. */
bool rig_woken(const struct rig *rig);

/* "XDP_DROP bad_ttl no record" */
const char *outcome_text(const struct outcome *outcome, char text[64]);

#endif
