/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The data plane as a controller sees it: interfaces with the XDP program on them, virtual routers in its maps, the ring of
 * news. All processes of a network namespace have these in common, under /sys/fs/bpf/xcarp/<name of the namespace>/; each
 * virtual router belongs to one of them.
 *
 * Functions that can fail for a reason that the user can mend return -errno and log one line themselves. Between
 * dataplane_running() and dataplane_free() nothing waits for another process: what would have to returns -EAGAIN, without a
 * line, and is to be tried again later.
 */
#ifndef XCARP_IO_DATAPLANE_H
#define XCARP_IO_DATAPLANE_H

#include <stdbool.h>
#include <stdint.h>

#include <xcarp/abi.h>

#include "core/options.h"
#include "core/vip.h"
#include "io/loop.h"
#include "io/moved.h"
#include "io/rtnl.h"

struct dataplane;

typedef void (*dataplane_record_fn)(void *ctx, const struct xcarp_record *record, uint64_t now_ns);

struct dataplane_config {
	uint32_t vrouters; /* how many it is going to have: for the ring, and for the maps where it is the first process */
	uint32_t vips; /* of all of them */
	uint32_t capacity_min; /* virtual routers of all processes that the maps have room for at least; 0: as it comes */
	enum hook_choice hook;
	enum attach_mode mode;
	bool tap;
	bool every; /* a record for each accepted advert, not only for news */
	struct loop *loop;
	dataplane_record_fn record;
	/* An address that a dead process held is to go; orphans_off() returns when all of them are off. */
	void (*orphan)(void *ctx, uint32_t ifindex, const struct vip *vip);
	void (*orphans_off)(void *ctx);
	/* dataplane_put_in_front() is done: 0, or -errno as program_put_in_front(). */
	void (*front_done)(void *ctx, uint32_t ifindex, bool in_front, int err);
	void *ctx;
};

/*
 * Joins the processes of this network namespace, or is the first and makes the maps; cleans up after dead ones, through
 * config->orphan too, but for what dataplane_adopt() may ask for. No interface is touched otherwise. Waits a few seconds for
 * a process that is just joining or leaving. Returns NULL after a logged line, with *err set to -errno: -ETIMEDOUT if that
 * process took longer.
 */
struct dataplane *dataplane_new(const struct dataplane_config *config, int *err);

/* From here on nothing waits. */
void dataplane_running(struct dataplane *dp);

/*
 * Takes away what is ours, and all of it if nobody else is left: programs off the interfaces, pins, directory. Waits as
 * dataplane_new() does; what it cannot take away then, the next process does.
 */
void dataplane_free(struct dataplane *dp);

/* Instead: everything stays, for a successor. */
void dataplane_hand_over(struct dataplane *dp);

/* What dead processes left and nobody has adopted, when its time has come, and what was in use; UINT64_MAX: there is nothing. */
uint64_t dataplane_deadline(const struct dataplane *dp);
void dataplane_timers(struct dataplane *dp, uint64_t now_ns);

/*
 * Puts the program on an interface, or uses the one that another process has put there. no_native: why native mode is of no
 * use there, for the user; NULL: it is. Returns 0, -EAGAIN, or -errno after a logged line.
 */
int dataplane_attach(struct dataplane *dp, uint32_t ifindex, const char *name, const char *no_native);

/* The program is on the interface, but does not run: off with it, and attached as above. */
int dataplane_attach_anew(struct dataplane *dp, uint32_t ifindex, const char *name, const char *no_native);

/* False where the interface has lost our program to somebody else. told: what the kernel told of it last. */
bool dataplane_is_attached(struct dataplane *dp, uint32_t ifindex, const struct rtnl_programs *told);

/*
 * A flood lasts on an attached interface: the program is put at its XDP hook, in front of its ingress, by a thread; and taken off
 * there again. False: the thread is busy, or cannot be had; try later. config->front_done follows.
 */
bool dataplane_put_in_front(struct dataplane *dp, uint32_t ifindex, const char *name, bool in_front);

/* Its program is at the tc hook, where XDP in front of it may help. */
bool dataplane_may_have_front(const struct dataplane *dp, uint32_t ifindex);

/* The interface is gone, or no longer ours to use. The program stays as long as another process uses it there. */
void dataplane_detach(struct dataplane *dp, uint32_t ifindex);

/*
 * The interface has gone to another network namespace, with the program: fills in what to take off there, all but nsid and ifindex.
 * *hook: where it was. From here on dataplane_detach() does nothing for it until dataplane_moved_done(): what libxdp has pinned is
 * needed until then, and if we end before, whoever cleans up after us removes it. False: the program was not there.
 */
bool dataplane_moved(struct dataplane *dp, uint32_t ifindex, struct moved *moved, enum xcarp_hook *hook);

/* It was tried. False: the interface has come back meanwhile, and is used as it is. */
bool dataplane_moved_done(struct dataplane *dp, uint32_t ifindex);

/* A place in `live`, from here on ours, and given back. Returns 0, -EAGAIN, or -errno after a logged line. */
int dataplane_slot_take(struct dataplane *dp, uint32_t *slot);
void dataplane_slot_give(struct dataplane *dp, uint32_t slot);

/*
 * Instead of dataplane_slot_take(): takes the slot, where a dead process was MASTER of the virtual router until just now,
 * so that it can be gone on with. dataplane_vr_add() is to follow. Returns 1: done; 0: there is nothing of the kind;
 * -EAGAIN, or -errno after a logged line.
 */
int dataplane_adopt(struct dataplane *dp, const struct vr_options *options, uint32_t ifindex, uint32_t *slot);

/*
 * When the adopted ones are added, with options that still stand: takes those addresses off that are no longer theirs.
 * Returns how many virtual routers were adopted since the last time.
 */
uint32_t dataplane_adopted(struct dataplane *dp);

/* One that was adopted ends before that: its addresses go. */
void dataplane_disown(struct dataplane *dp, uint32_t slot);

/* A process has just ended: what it left, and nobody adopts, is taken away. */
void dataplane_ended(struct dataplane *dp);

/* A dead process's virtual router has no successor: it and its addresses go. */
void dataplane_bury(struct dataplane *dp, const struct vr_options *options, uint32_t ifindex);

/* Which one of this process's virtual routers an untagged advert is for that the program should have kept. group: network order. */
bool dataplane_find(const struct dataplane *dp, uint32_t ifindex, uint32_t group, uint8_t vhid, uint32_t *index);

/*
 * Both interfaces have the virtual router, of whatever process: the lower one's program lets go on what it refuses, to the VLAN
 * device above. False: one of them does not have it.
 */
bool dataplane_note_twin(struct dataplane *dp, uint32_t lower, uint32_t upper, const struct vr_options *options);

struct vr_live *dataplane_live(struct dataplane *dp, uint32_t slot);

/* Our own entry in `owners`; pid, started_ns, version and records are kept here, the rest is the caller's. */
struct xcarp_owner *dataplane_owner(struct dataplane *dp);

/* Listens (SOCK_SEQPACKET) for whoever has requests to this process; says that we live. It stays ours. */
int dataplane_listen_fd(const struct dataplane *dp);

/* The file system of the pins. */
int dataplane_pins_fd(const struct dataplane *dp);

/*
 * The program is a dispatcher's part, or has not been loaded yet: libxdp then attaches it, and calls BPF_PROG_GET_FD_BY_ID,
 * which needs CAP_SYS_ADMIN.
 */
bool dataplane_attaches_by_id(const struct dataplane *dp);

/* Appends to the journal, or the notices, that all processes write. Sets entry->sequence. */
void dataplane_journal(struct dataplane *dp, struct journal_entry *entry);

/* Another host has an address of this virtual router: a record of RECORD_DUPLICATE. For people who read `duplicates`. */
void dataplane_duplicate(struct dataplane *dp, uint32_t slot, const struct xcarp_record *record);

/*
 * Tells the program of a virtual router on an interface. slot: from dataplane_slot_take(); index: the caller's own number,
 * which comes back in records. One that moves needs the removal first. Returns 0, -EAGAIN, or -errno after a logged line;
 * -EEXIST: it, or an address of it, belongs to another process.
 */
int dataplane_vr_add(struct dataplane *dp, uint32_t slot, uint32_t index, const struct vr_options *options,
		     uint32_t ifindex, const struct carp_key *key);

/*
 * Enters its addresses as its own in `vips`, all but those that have an entry: of another virtual router of this process, or of
 * a dead one, which stays. 0; -EEXIST after a logged line for each that another process lives by; or another -errno.
 */
int dataplane_enter_vips(struct dataplane *dp, uint32_t slot, const struct vr_options *options, uint32_t ifindex);

/* Removes the entries that are its own, but for addresses that keep has, too. keep: may be NULL. */
void dataplane_remove_vips(struct dataplane *dp, uint32_t slot, const struct vr_options *options,
			   const struct vr_options *keep, uint32_t ifindex);

/* Its source address, group, key or index is another now; no record of it is lost. Returns as dataplane_vr_add(). */
int dataplane_vr_update(struct dataplane *dp, uint32_t slot, uint32_t index, const struct vr_options *options,
			uint32_t ifindex, const struct carp_key *key);

/* After a successful dataplane_vr_update(), when the addresses that only the old options had are off the interface. */
void dataplane_vr_updated(struct dataplane *dp, uint32_t slot, const struct vr_options *old,
			  const struct vr_options *options, uint32_t ifindex);

/* options and ifindex as they were added. */
void dataplane_vr_remove(struct dataplane *dp, uint32_t slot, const struct vr_options *options, uint32_t ifindex);

/*
 * Is this address on the interface by our doing? For people who read `vips`, and for whoever has to clean up after us: to
 * be told before the address is added, and after it was removed.
 */
void dataplane_vip_held(struct dataplane *dp, uint32_t slot, uint8_t vhid, uint32_t ifindex, const struct vip *vip,
			bool held);

/* Takes all ring records there are now. */
void dataplane_drain(struct dataplane *dp, uint64_t now_ns);

/* What the driver remembers of a virtual router's counters: its runs, then that of strict mode. False: cannot be had. */
bool dataplane_heard_runs(const struct dataplane *dp, uint32_t slot, struct replay_run runs[REPLAY_RUNS + 1]);

/*
 * Would the driver take an advert with this counter, as far as it remembers counters? *may_be_old: it would, and yet anybody may have
 * sent it again: with --replay=off, and of a source that repeats one number.
 */
bool dataplane_is_fresh(const struct dataplane *dp, uint32_t slot, uint32_t source, bool is_strong, uint64_t counter,
			bool *may_be_old);

#endif
