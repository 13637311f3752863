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
#include "io/moved.h"
#include "io/rtnl.h"
#include "io/tc.h"
#include "io/xdp.h"

struct program {
	const struct maps *maps;
	enum hook_choice hook;
	enum attach_mode mode;
	struct xdp xdp;
	struct tc tc;
	bool is_told; /* each interface that it is taken off */
	unsigned int taken_off; /* that many */
};

void program_init(struct program *program, const struct maps *maps, enum hook_choice hook, enum attach_mode mode,
		  const char *directory);

/* Loads the one of the tc hook, through which others find `keys`. That of the XDP hook is loaded when it is first attached. */
int program_make(struct program *program);

/* Takes those that other processes have loaded, and `keys` with them. Returns 0 or -errno. */
int program_join(struct program *program, struct maps *maps);

/* What is to be attached yet needs privileges to load programs, and to look for others' by their number. */
bool program_attaches_by_id(const struct program *program);

/* Attaching or detaching would have to wait for another process that does so by libxdp. */
bool program_is_busy(const struct program *program);

/*
 * Puts ours in the place of the one that was joined, which another version has loaded, so that no advert is missed. Nobody
 * else lives. Returns 0 or -errno, and then the old one goes on.
 */
int program_renew(struct program *program);

/* What was joined is on its interfaces in the mode that we would have chosen. */
bool program_fits(const struct program *program);

/*
 * Notes the owner's use and attaches the program where it is not there yet. no_native: as in xdp_attach(). Returns 0 or -errno
 * after a logged line.
 */
int program_use(struct program *program, uint32_t owner, uint32_t ifindex, const char *name, const char *no_native);

/* The same, after it was taken off, whoever else uses it: it is there and of no use as it is. */
int program_use_anew(struct program *program, uint32_t owner, uint32_t ifindex, const char *name, const char *no_native);

/* Ends the owner's use; the last one takes the program off. */
void program_leave(struct program *program, uint32_t owner, uint32_t ifindex);

/*
 * The interface has gone to another namespace, and what the owner used there with it: fills in the numbers of our programs, and
 * what goes with them. *hook: where it was. False: the owner did not use it.
 */
bool program_moved(struct program *program, uint32_t owner, uint32_t ifindex, struct moved *moved, enum xcarp_hook *hook);

/*
 * A flood on an interface where the program is at the tc hook: puts it at the XDP hook, too, if there is nothing, and takes it off
 * there again. Takes as long as the driver does; it may be called from another thread than all else, one call at a time. 0;
 * -EBUSY: the hook has another program, or there is none of ours to attach; -EOPNOTSUPP: attaching could interrupt the link; -ELOOP: adverts that XDP has judged go on
 * to the host, past the tc hook.
 */
bool program_is_at_tc(const struct program *program, uint32_t owner, uint32_t ifindex);
int program_put_in_front(const struct program *program, uint32_t owner, uint32_t ifindex, const char *name);
void program_take_from_front(const struct program *program, uint32_t owner, uint32_t ifindex);

/* Is it there, whoever has attached it? told: what the kernel told last; where it is not among them, it is asked once more. */
bool program_is_on(const struct program *program, uint32_t owner, uint32_t ifindex, const struct rtnl_programs *told);

/* Of our name, wherever one is: no owner lives. Returns from how many interfaces one was taken off. */
unsigned int program_take_off_leftovers(void);

void program_close(struct program *program);

#endif
