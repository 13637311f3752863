/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Does the program run at all? It takes every advert of a virtual router off the host's stack. So adverts that reach the stack,
 * while not one is accepted, say that frames go past it: through a bond's slaves, in a driver that has stopped running it, or after
 * it was taken off unnoticed.
 */
#ifndef XCARP_CORE_DEAFNESS_H
#define XCARP_CORE_DEAFNESS_H

#include <stdbool.h>
#include <stdint.h>

/* Of one virtual router; all zero when its program is attached. */
struct deafness {
	uint64_t accepted;
	uint64_t heard_ns;
	uint32_t missed;
};

/*
 * An authentic advert has reached the stack. accepted: how many the program has accepted so far. now_ns: when it was read; several
 * at one time count once. is_enough: one is proof: accepted ones do not go on to the stack (as with --tap), nobody can have sent it
 * again, and adverts are rarer than the moments in which another process attaches the program anew. True: the program does not run.
 */
bool deafness_advert(struct deafness *deafness, uint64_t accepted, bool is_enough, uint64_t now_ns);

/* What to do, one after the other. */
enum remedy {
	REMEDY_NONE,
	REMEDY_ATTACH, /* anew, as it was */
	REMEDY_OTHER_MODE, /* outside the driver */
	REMEDY_REPORT, /* that nothing has helped */
};

/* Of an interface. */
struct cure {
	enum remedy last;
	uint64_t tried_ns;
};

/* What to do now. has_helped: adverts were accepted after the last one. */
enum remedy cure_next(struct cure *cure, bool has_helped, uint64_t now_ns);

#endif
