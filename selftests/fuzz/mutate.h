/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Frames for the program and its judge: adverts of every kind, most of them bent in some way. Repeatable by seed. */
#ifndef SELFTESTS_FUZZ_MUTATE_H
#define SELFTESTS_FUZZ_MUTATE_H

#include <stdint.h>

#include "../bpf/frames.h"
#include "judge.h"

#define MUTATE_HISTORY 256

struct mutator {
	uint64_t seed;
	const struct judge *judge; /* whose virtual routers are meant */
	struct frame history[MUTATE_HISTORY]; /* what was heard before, to be played back */
	uint32_t heard;
	uint64_t counters[4]; /* of peers that count up */
};

void mutate_start(struct mutator *mutator, uint64_t seed, const struct judge *judge);

/* The next frame. Its length may be anything from 14 bytes to FRAME_BYTES_MAX. */
void mutate_next(struct mutator *mutator, struct frame *frame);

#endif
