// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "malformed.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <xcarp/abi.h>

#include "core/drops.h"
#include "io/log.h"

#define LOOK_NS 10000000000ull
#define LINE_LEN 512

struct malformed {
	int drops_fd;
	unsigned int cpus;
	uint64_t look_ns; /* not before */
	struct xcarp_drops told;
	struct xcarp_drops of_cpus[];
};

/* Of another version are SipHash's where it is not enabled, and that has a line of its own. */
static bool is_malformed(enum xcarp_verdict verdict)
{
	switch (verdict) {
	case DROP_BAD_TYPE:
	case DROP_BAD_TTL:
	case DROP_FRAGMENT:
	case DROP_BAD_LENGTH:
	case DROP_TRUNCATED:
	case DROP_BAD_IP_CHECKSUM:
	case DROP_BAD_CHECKSUM:
		return true;
	default:
		return false;
	}
}

static bool read_sum(struct malformed *malformed, struct xcarp_drops *drops)
{
	uint32_t zero = 0;

	if (bpf_map_lookup_elem(malformed->drops_fd, &zero, malformed->of_cpus))
		return false;
	drops_sum(drops, malformed->of_cpus, malformed->cpus);
	return true;
}

struct malformed *malformed_new(int drops_fd)
{
	int cpus = libbpf_num_possible_cpus();
	struct malformed *malformed;

	if (cpus <= 0)
		return NULL;
	malformed = calloc(1, sizeof(*malformed) + (size_t)cpus * sizeof(*malformed->of_cpus));
	if (!malformed)
		return NULL;
	malformed->drops_fd = drops_fd;
	malformed->cpus = (unsigned int)cpus;
	if (read_sum(malformed, &malformed->told))
		return malformed;
	free(malformed);
	return NULL;
}

void malformed_free(struct malformed *malformed)
{
	free(malformed);
}

void malformed_tell(struct malformed *malformed, uint64_t now_ns)
{
	struct xcarp_drops drops;
	char line[LINE_LEN];
	size_t len = 0;

	if (!malformed || now_ns < malformed->look_ns)
		return;
	malformed->look_ns = now_ns + LOOK_NS;
	if (!read_sum(malformed, &drops))
		return;
	for (enum xcarp_verdict verdict = 0; verdict < XCARP_VERDICT_COUNT; verdict++) {
		uint64_t count = ((const uint64_t *)&drops)[verdict] - ((const uint64_t *)&malformed->told)[verdict];

		if (count && is_malformed(verdict))
			len += (size_t)snprintf(line + len, sizeof(line) - len, "%s%s %llu", len ? ", " : "", drop_name(verdict),
						(unsigned long long)count);
	}
	malformed->told = drops;
	if (len)
		log_warn("Malformed adverts for virtual routers of this host refused: %s (see DATA PATH in xcarp(8))", line);
}
