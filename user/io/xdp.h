/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The XDP hook of interfaces: what is there, and our program put there and taken off, alone or as a part of libxdp's
 * dispatcher. Who uses it where is program.c's to know. Functions return 0 or -errno where no comment says otherwise.
 */
#ifndef XCARP_IO_XDP_H
#define XCARP_IO_XDP_H

#include <stdbool.h>
#include <stdint.h>

#include <xcarp/abi.h>

#include "core/options.h"
#include "io/maps.h"
#include "io/rtnl.h"

struct xcarp_bpf;
struct xdp_program;

#define XDP_EMPTIED 8

struct xdp {
	const struct maps *maps;
	struct xcarp_bpf *skel; /* of the process that loads the program */
	struct xdp_program *program;
	uint32_t id; /* of the program; 0: not loaded yet */
	bool stands_alone; /* loaded, and no dispatcher's part */
	char pin[160];
	uint32_t emptied[XDP_EMPTIED]; /* dispatchers that have lost the pins of the program */
	unsigned int emptied_count; /* counts on */
};

/* What an interface has after attaching. */
struct xdp_found {
	uint32_t id; /* the program's, or that of the dispatcher that it is part of */
	enum xcarp_hook hook; /* HOOK_XDP_NATIVE or HOOK_XDP_GENERIC */
	bool in_dispatcher;
};

void xdp_init(struct xdp *xdp, const struct maps *maps, const char *directory);

/* Takes the program that another process has loaded. -ENOENT: none has yet. */
int xdp_join(struct xdp *xdp);

/*
 * Attaches the program, where it is not there yet: *was_there. Loads it, where no process has. What a dead process left is
 * taken off first. mode: ATTACH_AUTO falls back to generic mode with a warning. no_native: why native mode is of no use there,
 * for the user; NULL: it is. After -errno a line is logged.
 */
int xdp_attach(struct xdp *xdp, uint32_t ifindex, const char *name, enum attach_mode mode, const char *no_native,
	       bool *was_there);

/*
 * For whoever has another hook to fall back to, so without a line: as above, but in native mode, and by itself, not through a
 * dispatcher. xdp_load_alone() comes first. -EBUSY: there is another program.
 */
int xdp_load_alone(struct xdp *xdp);
int xdp_try_native(struct xdp *xdp, uint32_t ifindex, const char *name);

/* The same of a program that is loaded, and where nothing of ours can be left over. And back. */
int xdp_put_in_front(const struct xdp *xdp, uint32_t ifindex);
void xdp_take_from_front(const struct xdp *xdp, uint32_t ifindex);

/* Where libxdp keeps its pins of dispatchers, each in a directory dispatch-IFINDEX-ID. */
void xdp_dispatchers_directory(char directory[128]);

/* Another process attaches or detaches by libxdp, which would make us wait for as long as that takes. */
bool xdp_is_busy(const struct xdp *xdp);

int xdp_find(const struct xdp *xdp, uint32_t ifindex, struct xdp_found *found);

/* Is the program with this id among those that the interface has? */
bool xdp_has(const struct rtnl_programs *programs, uint32_t id);

/* 1: it was there, and is off; 0: it was not there. After -errno a line is logged. */
int xdp_take_off(struct xdp *xdp, uint32_t ifindex, const char *name);

/*
 * The same for a process that cannot open the program: another has loaded it since. id, in_dispatcher: as xdp_find() told then. One
 * in a dispatcher stays, and a line is logged.
 */
int xdp_take_off_by_id(uint32_t ifindex, const char *name, uint32_t id, bool in_dispatcher);

/* Is the program part of the dispatcher that is there, whoever has put that there? */
bool xdp_is_part(const struct xdp *xdp, uint32_t ifindex);

/*
 * A dispatcher that was taken off, or went away with its interface, leaves what libxdp has pinned of it. As long as the
 * program is pinned there, it goes on where the interface was moved to another namespace. Others' pins stay.
 */
void xdp_remove_stale_pins(struct xdp *xdp, uint32_t ifindex);

/*
 * A program of ours loaded anew, to take the place of the joined one; xdp_end_renewal() is due either way. xdp_renew_at() does so
 * on one interface, where it is, without a moment that has none; renewal->id is then what is there. xdp_renewed() makes it the
 * program that others join.
 */
struct xdp_renewal {
	struct xcarp_bpf *skel;
	struct xdp next; /* under a dispatcher */
	uint32_t id;
};

int xdp_load_anew(const struct xdp *xdp, struct xdp_renewal *renewal);
int xdp_renew_at(const struct xdp *xdp, struct xdp_renewal *renewal, uint32_t ifindex);
int xdp_renewed(struct xdp *xdp, struct xdp_renewal *renewal);
void xdp_end_renewal(struct xdp_renewal *renewal);

/* Programs of our name, wherever one is: no process has one. Returns from how many interfaces one was taken off. */
unsigned int xdp_take_off_leftovers(void);

void xdp_close(struct xdp *xdp);

#endif
