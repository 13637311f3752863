/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a controller is made of, for the three files that put it together: vrouters.c has the list of virtual routers,
 * interfaces.c the interfaces that they are on, xcarp.c everything else.
 */
#ifndef XCARP_CONTROLLER_H
#define XCARP_CONTROLLER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"
#include "core/options.h"
#include "engine.h"
#include "io/dataplane.h"
#include "io/loop.h"
#include "io/rtnl.h"
#include "io/scripts.h"
#include "io/tx_packet.h"

/* A virtual router's slot is its place in the controller's list, in the maps and in every adapter. */
struct slot {
	struct vr_options *options;
	struct interface *interface;
	uint32_t next; /* the interface's next slot, or NO_SLOT */
};

#define NO_SLOT UINT32_MAX

/* An interface that virtual routers name, whether it is there or not. */
struct interface {
	char name[XCARP_IFNAME_LEN];
	struct engine_link link; /* as the kernel told last */
	bool is_ethernet;
	bool is_attached;
	bool is_told; /* in the retelling under way */
	uint64_t attach_again_ns; /* when to try once more; UINT64_MAX: no need */
	uint32_t first; /* slot */
};

struct controller {
	struct options options;
	struct config config; /* -c; empty without */
	struct slot *slots;
	uint32_t slot_count;
	struct interface *interfaces;
	uint32_t interface_count;
	struct carp_hmac_key *keys; /* guarded memory, one a slot */
	uint32_t *source_ifindexes; /* of each slot: where its source address was at start; 0: nowhere */

	struct loop *loop;
	struct rtnl *rtnl;
	struct tx_packet *tx;
	struct scripts *scripts;
	struct dataplane *dataplane;
	struct engine *engine;
	struct ports ports;
	struct rtnl_events rtnl_events;
	struct loop_source signals;

	bool is_stopping;
	bool is_done;
};

/* Where no comment says otherwise, functions return 0, or -errno after a logged line. */

int controller_fail(const char *what, int err);

/* vrouters.c: from the command line or from a file, with their keys. */

int vrouters_list(struct controller *c);

/* Once more, when each has the name of its interface. */
int vrouters_check_unique(struct controller *c);

/* After this no password is in memory; argv's the caller wipes. Every wrong file is told. */
int vrouters_prepare_keys(struct controller *c);

/* Scripts that cannot be run, better now than at the first takeover. */
int vrouters_check_scripts(const struct controller *c);
void vrouters_warn_of_odd_options(const struct controller *c);
void vrouters_free(struct controller *c);

/* `file:line: ` of a virtual router, or nothing where it has none. */
const char *vrouters_place(const struct controller *c, uint32_t slot);

/* interfaces.c */

/* Finds the interface of every virtual router and checks that it can be used. */
int interfaces_find(struct controller *c);

/* Puts the program on each and enters its virtual routers into the maps. */
int interfaces_use(struct controller *c);
void interfaces_tell_engine(struct controller *c, uint64_t now_ns);

/* Those that could not be used a while ago. */
void interfaces_try_again(struct controller *c, uint64_t now_ns);
uint64_t interfaces_deadline(const struct controller *c);
void interfaces_lose(struct controller *c);

/* What rtnetlink tells; around a retelling, the ones that are not told are gone. */
void interfaces_resync_begin(struct controller *c);
void interfaces_resync_end(struct controller *c, uint64_t now_ns);
void interfaces_link(struct controller *c, const struct rtnl_link *link, uint64_t now_ns);
void interfaces_note_source(struct controller *c, uint32_t ifindex, const struct vip *address);

#endif
