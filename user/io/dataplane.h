/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The XDP program and its maps: load, attach, pin, the table of virtual routers, the ring. One controller at a time
 * holds the maps of a network namespace, under /sys/fs/bpf/xcarp/<inode of the namespace>/; what a dead one left there or
 * on an interface is taken away first.
 *
 * Functions that can fail for a reason that the user can mend return -errno and log one line themselves.
 */
#ifndef XCARP_IO_DATAPLANE_H
#define XCARP_IO_DATAPLANE_H

#include <stdbool.h>
#include <stdint.h>

#include <xcarp/abi.h>
#include <xcarp/sha1.h>

#include "core/options.h"
#include "io/loop.h"

struct dataplane;

typedef void (*dataplane_record_fn)(void *ctx, const struct xcarp_record *record, uint64_t now_ns);

struct dataplane_config {
	uint32_t capacity; /* virtual routers */
	enum attach_mode mode;
	bool tap;
	struct loop *loop;
	dataplane_record_fn record;
	void *ctx;
};

/*
 * Takes the network namespace and makes the maps: on success nobody else holds them, and no interface is touched yet.
 * Returns NULL after a logged line.
 */
struct dataplane *dataplane_new(const struct dataplane_config *config);

/* Takes everything down: programs off the interfaces, pins and directory away. */
void dataplane_free(struct dataplane *dp);

/*
 * Puts the program on an interface and joins the groups of its adverts. Loads the program the first time. Returns 0 or
 * -errno after a logged line.
 */
int dataplane_attach(struct dataplane *dp, uint32_t ifindex, const char *name);

/* False where the interface has lost our program to somebody else. */
bool dataplane_is_attached(struct dataplane *dp, uint32_t ifindex);

/* The interface is gone, or no longer ours to use. */
void dataplane_detach(struct dataplane *dp, uint32_t ifindex);

/* slot's place in `live`. NULL before the first dataplane_attach(). */
struct vr_live *dataplane_live(struct dataplane *dp, uint32_t slot);

/*
 * Tells the program of a virtual router on an interface, and takes it away again. Adding one that moved needs the removal
 * first. Returns 0 or -errno after a logged line.
 */
int dataplane_vr_add(struct dataplane *dp, uint32_t slot, const struct vr_options *options, uint32_t ifindex,
		     const struct carp_hmac_key *key);
void dataplane_vr_remove(struct dataplane *dp, uint32_t slot, const struct vr_options *options, uint32_t ifindex);

/* For people who read `vips`: is this address on the interface by our doing? */
void dataplane_vip_held(struct dataplane *dp, uint32_t slot, uint8_t vhid, uint32_t ifindex, const struct vip *vip,
			bool held);

/* Takes all ring records there are now. */
void dataplane_drain(struct dataplane *dp, uint64_t now_ns);

#endif
