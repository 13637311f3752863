/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The program on its interfaces. All owners share one; `interfaces` has who uses it where, and whoever ends the last
 * use of an interface takes it off. Everything that changes something here is called with the directory's lock held.
 */
#ifndef XCARP_IO_PROGRAM_H
#define XCARP_IO_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/options.h"
#include "io/maps.h"
#include "io/rtnl.h"
#include "io/xdp.h"

struct program {
	const struct maps *maps;
	enum attach_mode mode;
	struct xdp xdp;
	bool is_told; /* each interface that it is taken off */
	unsigned int taken_off; /* that many */
};

void program_init(struct program *program, const struct maps *maps, enum attach_mode mode, const char *directory);

/* Takes the one that another process has loaded, and `keys` with it. -ENOENT: none has yet. Returns 0 or -errno. */
int program_join(struct program *program, struct maps *maps);

/*
 * Puts ours in the place of the one that was joined, which another version has loaded: on each interface in one step, so that
 * no advert is missed. Nobody else lives. Under a dispatcher the old one stays. Returns 0 or -errno, and then the old one
 * goes on.
 */
int program_renew(struct program *program);

/* What was joined is on its interfaces in the mode that we would have chosen. */
bool program_fits(const struct program *program);

/* Notes the owner's use and attaches the program where it is not there yet. Returns 0 or -errno after a logged line. */
int program_use(struct program *program, uint32_t owner, uint32_t ifindex, const char *name);

/* Ends the owner's use; the last one takes the program off. */
void program_leave(struct program *program, uint32_t owner, uint32_t ifindex);

/* Is it there, whoever has attached it? told: what the kernel told last; where it is not among them, it is asked once more. */
bool program_is_on(const struct program *program, uint32_t owner, uint32_t ifindex, const struct rtnl_programs *told);

/* Of our name, wherever one is: no owner lives. Returns from how many interfaces one was taken off. */
unsigned int program_take_off_leftovers(void);

void program_close(struct program *program);

#endif
