// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "drops.h"

#include <stddef.h>
#include <string.h>

const char *drop_name(unsigned int verdict)
{
	static const char *const names[] = {
#define X(value, counter) [value] = #counter,
		XCARP_VERDICTS(X)
#undef X
		[XCARP_VERDICT_COUNT] = "ring_full",
	};

	return verdict <= XCARP_VERDICT_COUNT ? names[verdict] : NULL;
}

void drops_sum(struct xcarp_drops *sum, const struct xcarp_drops *of_cpus, unsigned int cpus)
{
	__u64 *counters = (__u64 *)sum;

	memset(sum, 0, sizeof(*sum));
	for (unsigned int cpu = 0; cpu < cpus; cpu++)
		for (unsigned int i = 0; i <= XCARP_VERDICT_COUNT; i++)
			counters[i] += ((const __u64 *)&of_cpus[cpu])[i];
}
