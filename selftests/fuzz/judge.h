/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What has to become of a frame, by the wire's facts and the manual's list of verdicts: bytes in, a verdict out, and
 * what `live` and the ring say afterwards. It shares no code with bpf/, which it is there to judge, and is written for
 * being right at a glance, not for speed.
 */
#ifndef SELFTESTS_FUZZ_JUDGE_H
#define SELFTESTS_FUZZ_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xcarp/abi.h>

#include "../bpf/frames.h"

#define JUDGE_VRS_MAX 24
#define JUDGE_VIPS_MAX 64
#define JUDGE_RECORDS_MAX 2 /* of one frame */
#define JUDGE_STRANGERS_MAX 65536 /* of a round; a power of two */

/* What has to be remembered of a virtual router to tell old adverts from new ones. */
struct judge_memory {
	struct judge_run {
		uint64_t low, high;
	} runs[3]; /* through which somebody has counted; the newest first, both 0: none */
	struct judge_gap {
		uint64_t from, to;
	} gaps[4]; /* what runs went on without lies between these; the same number twice: none */
	unsigned int next_gap;
	struct judge_peer {
		uint8_t address[16];
		uint64_t last; /* counter */
		uint64_t since_ns; /* when that was first heard */
		uint64_t heard_ns; /* 0: there is none */
		unsigned int interval_256ths; /* that it said first with its last counter */
		unsigned int changes; /* new counters that came too soon, in a row */
		enum {
			PEER_SENT_ONE, /* which may be the first of anything */
			PEER_COUNTS,
			PEER_IS_RANDOM,
			PEER_REPEATS,
		} habit;
	} peers[4];
	uint64_t retired[4]; /* what who had to make room may still repeat; 0: none */
	unsigned int next_retired;
	struct judge_doubt {
		uint64_t counter, since_ns, heard_ns;
		unsigned int copies; /* 0: none */
	} doubt; /* what might be lived by */
	bool counted_ends[64], xcarp_ends[64]; /* the upper 6 of the lower 16 bits of what was counted through; of xcarps' */
	uint64_t *singles; /* counters that were heard by themselves; from malloc() */
	size_t single_count;
	struct judge_run strict; /* what was taken strictly */
	uint64_t floor, ceiling; /* strict: what the first one heard must lie between; the ceiling at monotonic time 0 */
	bool awaits_first; /* strict */
	uint64_t window_ns; /* wrong signatures of strangers: since when they are counted */
	uint32_t wrong;
	struct judge_notice {
		__u64 notice_ns;
		uint32_t count;
	} notices[GUARD_REASON_COUNT], duplicates;
	struct {
		uint64_t count;
		uint8_t source[16];
	} refusals[XCARP_VERDICT_COUNT]; /* each, told or not */
	uint64_t unanswered_ns; /* since when the controller owes an answer */
	uint64_t fenced; /* questions that were dropped */
};

/* One virtual router, as it was put into the maps. */
struct judge_vr {
	struct vr_key where;
	struct vr_entry entry;
	const struct secret *secret;
	const struct strong_key *strong; /* subkeys, by their ids */
	size_t n_strong;
	struct vr_live
		*live; /* NULL: its slot does not exist. What the map has to hold, kept up to date by judge_frame() */
	struct judge_memory memory;
	bool has_ring;
};

struct judge {
	struct judge_vr vrs[JUDGE_VRS_MAX];
	size_t count;
	struct {
		struct vip_key key;
		struct vip_entry entry;
	} vips[JUDGE_VIPS_MAX];
	size_t vip_count;
	uint64_t vip_endings; /* bit n: who announces an address that ends in n is looked at */
	struct {
		struct vr_key key;
		uint64_t count; /* 0: the place is free */
	} strangers[JUDGE_STRANGERS_MAX];
	size_t stranger_count;
	uint64_t watch_until_ns; /* no question for an address is dropped after that */
};

struct judgement {
	int action; /* XDP_PASS, XDP_DROP */
	int verdict; /* enum xcarp_verdict; -1: other traffic, which nothing counts */
	const struct vr_key *stranger; /* whose frame it is where that is no virtual router of ours; NULL: it is not */
	struct stranger heard; /* what is to be known of it then, but for the time */
	const struct judge_vr *vr; /* whose frame it is, as far as that was found out; NULL: nobody's */
	bool is_ring_full;
	struct xcarp_record records[JUDGE_RECORDS_MAX];
	size_t record_count;
};

/*
 * What only the program knows: when it looked at its clocks, which have to lie between two times. Where these allow two
 * verdicts the one that it came to is right.
 */
struct judge_times {
	uint64_t before_ns, after_ns; /* CLOCK_MONOTONIC, around the run */
	uint64_t behind_ns; /* by so much the program's coarse clock may be behind, before the run */
	uint64_t arrival_ns; /* of an advert that was accepted; 0: none was */
	uint64_t notice_ns; /* of a notice that was due; 0: none was */
	uint64_t window_ns; /* of a count of wrong signatures that began; 0: none did */
	int verdict; /* enum xcarp_verdict, or -1 */
};

struct judgement judge_frame(struct judge *judge, uint32_t ifindex, const uint8_t *bytes, size_t len,
			     const struct judge_times *times);

/* Finds out where IP and CARP header are in a frame of protocol 112; false: it is none. */
bool judge_find(const uint8_t *bytes, size_t len, struct frame *frame);

/* Whoever a frame with this VHID may be from; NULL: nobody. */
const struct judge_vr *judge_vr_of(const struct judge *judge, uint8_t vhid);

#endif
