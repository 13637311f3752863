// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "deafness.h"

#define MISSED_MAX 2
#define TRY_ALL_AGAIN_NS 60000000000ull

bool deafness_advert(struct deafness *deafness, uint64_t accepted, bool is_enough, uint64_t now_ns)
{
	if (deafness->heard_ns == now_ns)
		return false;
	if (deafness->accepted != accepted)
		deafness->missed = 0;
	deafness->accepted = accepted;
	deafness->heard_ns = now_ns;
	return ++deafness->missed >= (is_enough ? 1 : MISSED_MAX);
}

enum remedy cure_next(struct cure *cure, bool has_helped, uint64_t now_ns)
{
	bool is_new = has_helped || cure->last == REMEDY_NONE || now_ns - cure->tried_ns >= TRY_ALL_AGAIN_NS;

	if (!is_new && cure->last == REMEDY_REPORT)
		return REMEDY_NONE;
	cure->last = is_new ? REMEDY_ATTACH : cure->last + 1;
	cure->tried_ns = now_ns;
	return cure->last;
}
