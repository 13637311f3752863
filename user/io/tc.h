/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The tc hook of interfaces: our program at their ingress, by tcx where the kernel has it (6.6), as a filter of a clsact qdisc
 * before. Other traffic pays next to nothing there and no offload is lost, but the kernel has allocated a packet by then.
 * Functions return 0 or -errno where no comment says otherwise.
 */
#ifndef XCARP_IO_TC_H
#define XCARP_IO_TC_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>

#include <xcarp/abi.h>

#include "io/maps.h"

/* Newer than the headers of Debian 12. */
#define TCX_INGRESS ((enum bpf_attach_type)46) /* BPF_TCX_INGRESS */

#define TC_PROGRAM "xcarp_tc"

struct tc {
	const struct maps *maps;
	int fd; /* the program; -1: not there yet */
	uint32_t id;
	char pin[160];
};

void tc_init(struct tc *tc, const struct maps *maps, const char *directory);

/* Loads the program for these maps, and pins it. tc_join() takes the one that another process has loaded: -ENOENT: none has. */
int tc_load(struct tc *tc);
int tc_join(struct tc *tc);

/*
 * Attaches it, where it is not there yet: *was_there. In front of others' programs, which it lets go on with what it does not
 * take. *hook: HOOK_TCX or HOOK_CLSACT. *made_qdisc: true where the clsact is made for it. After -errno a line is logged.
 */
int tc_attach(struct tc *tc, uint32_t ifindex, const char *name, bool *was_there, enum xcarp_hook *hook,
	      bool *made_qdisc);

/*
 * takes_qdisc: the clsact goes with it, if it has no filter left. 1: it was there, and is off; 0: it was not there. After -errno
 * a line is logged.
 */
int tc_take_off(struct tc *tc, uint32_t ifindex, const char *name, bool takes_qdisc);

/* Puts a program of ours, loaded anew, in the place of the joined one: on an interface, in one step; and as the one to join. */
int tc_renew_at(const struct tc *tc, int new_fd, uint32_t ifindex);
int tc_renewed(struct tc *tc, int new_fd);

/* A program of our name, that no process has. 1: it was there, and is off. */
int tc_take_off_leftover(uint32_t ifindex, const char *name);

/*
 * A file of the program with this number, of whichever hook, if that is its name: others' are not ours to take off. -ENOENT: there
 * is none; -EPERM: it has another name.
 */
int tc_open_named(uint32_t id, const char *name);

void tc_close(struct tc *tc);

#endif
