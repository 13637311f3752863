/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The XDP program, compiled for the host: libFuzzer sees where it goes, sanitizers what it does, and the clock stands
 * still until it is moved. What the verifier promises is not checked here; differential.c runs what the kernel runs.
 */
#ifndef SELFTESTS_FUZZ_HOST_PROGRAM_H
#define SELFTESTS_FUZZ_HOST_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include <xcarp/abi.h>

#define HOST_SLOTS 16
#define HOST_VROUTERS 32
#define HOST_RINGS 2 /* owners with one */
#define HOST_RECORDS 4 /* of one frame */
#define HOST_SEEN 256
#define HOST_VIPS 64
#define HOST_STRANGERS 64

struct host_maps {
	struct {
		struct vr_key key;
		struct vr_entry entry;
	} vrouters[HOST_VROUTERS];
	size_t vrouter_count;
	struct carp_key keys[HOST_SLOTS];
	struct vr_live live[HOST_SLOTS];
	struct vr_guard guards[HOST_SLOTS];
	struct vr_refusals refusals[HOST_SLOTS];
	struct {
		struct vr_key key;
		struct stranger stranger;
	} strangers[HOST_STRANGERS];
	size_t stranger_count;
	struct seen_key seen[HOST_SEEN];
	size_t seen_count;
	struct {
		struct vip_key key;
		struct vip_entry entry;
	} vips[HOST_VIPS];
	size_t vip_count;
	struct xcarp_fence fence;
	struct xcarp_drops drops;
	struct {
		uint32_t owner;
		struct xcarp_record record;
	} records[HOST_RECORDS];
	size_t record_count;
	uint64_t now_ns;
};

extern struct host_maps host_maps;

/* Returns the XDP action. A byte read before or after the frame's own ends the process. */
int host_run(uint32_t ifindex, const uint8_t *bytes, size_t len);

#endif
