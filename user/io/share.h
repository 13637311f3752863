/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Taking part among the processes of a network namespace: the first one makes the maps, the others join, the last one
 * takes everything away, and whoever meets a dead one cleans up after it.
 *
 * Whatever moment a process is killed in, what it had written down before it did anything tells the others what to undo:
 * its process id before its ring and its virtual routers, an interface before the program is on it, an address before the
 * kernel has it. Undoing goes the other way round and can itself be cut off and begun again.
 *
 * What a dead one was MASTER of is not undone before its time (core/heir.h): until then a successor may adopt it as it is.
 * From the one write that puts the successor's name on the slot it is the successor's, and everything that the slot's
 * number stands in goes with it: addresses, key, entry in `vrouters`, whatever owner that one still names. A successor
 * that dies in between leaves a virtual router of a dead owner, as its predecessor had.
 */
#ifndef XCARP_IO_SHARE_H
#define XCARP_IO_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include <xcarp/abi.h>

#include "core/options.h"
#include "core/vip.h"
#include "io/bpffs.h"
#include "io/maps.h"
#include "io/program.h"

#define NO_OWNER XCARP_OWNERS_MAX

struct share {
	struct maps_size size;
	void (*orphan)(void *ctx, uint32_t ifindex, const struct vip *vip); /* an address that a dead process held: to go */
	void (*orphans_off)(void *ctx); /* to return when those are off */
	void *ctx;
	struct bpffs_dir dir;
	struct maps maps;
	struct program program;
	uint32_t owner; /* our index; NO_OWNER: not one yet */
	int listen_fd;
	int ring_fd;
	uint32_t ring_bytes;
	uint32_t slot_hint; /* where a free one may be */
	uint64_t bury_ns; /* when what nobody has adopted is to be taken away; UINT64_MAX: nothing is left of anybody */
	bool is_running; /* nothing waits any more */
};

/*
 * Joins the others, or makes the maps. size, orphan and ctx are set, all else is zero. Returns 0, or -errno after a logged
 * line; share_leave() is due either way.
 */
int share_join(struct share *share, enum hook_choice hook, enum attach_mode mode);

/* The end of this owner, and of everything if it is the last one. Waits. */
void share_leave(struct share *share);

/* The end of this process alone: what it had stays as it is, for a successor. */
void share_hand_over(struct share *share);

/*
 * Instead of joining: takes everything away that the dead left, where nobody lives. orphan and ctx are set, all else is
 * zero. Returns how much that was but for addresses, or -errno after a logged line.
 */
int share_clean(struct share *share);

/* Returns 0; -EAGAIN without a line where it may not wait; or -errno after a logged line. */
int share_lock(struct share *share);
void share_unlock(struct share *share);

/* Whose virtual router an entry of `vrouters` is. */
uint32_t share_owner_of(const struct share *share, const struct vr_entry *entry);

/* The process that has this slot, if it is another one and lives; 0: none. */
uint32_t share_living_owner(const struct share *share, uint32_t slot);

/*
 * A virtual router that a dead process was MASTER of on the interface of this name, and may still be gone on with: from here
 * on it is ours, the slot with all that is in it. Returns 1; 0: there is none; or as share_lock(). Takes the lock.
 */
int share_adopt(struct share *share, const struct vr_key *key, const char *interface, uint32_t *slot);

/*
 * Takes a virtual router away from a dead owner, and all else of that one that is not to be left to a successor. Returns 1:
 * it lives; 0: it is gone; or as share_lock(). Takes the lock.
 */
int share_bury(struct share *share, const struct vr_entry *entry);

/* The same of all dead ones, when share->bury_ns has come; sets that anew. Takes the lock. */
void share_bury_due(struct share *share, uint64_t now_ns);

/* Takes addresses off that an adopted slot holds, as wanted says, and their entries out of `vips`. */
enum vip_fate {
	VIP_STAYS,
	VIP_STAYS_HELD, /* ours to take off, whoever put it there */
	VIP_STAYS_UNHELD, /* on the interface, but no longer by our doing */
	VIP_GOES,
};

void share_sift_vips(struct share *share, enum vip_fate (*fate)(void *ctx, uint32_t slot, const struct vip *vip), void *ctx);

/* Returns 0; -ENOSPC after a logged line; or as share_lock(). May take the lock. */
int share_slot_take(struct share *share, uint32_t *slot);
void share_slot_give(struct share *share, uint32_t slot);

/* For -ENOSPC, or E2BIG of a map. */
void share_log_full(const struct share *share);

#endif
