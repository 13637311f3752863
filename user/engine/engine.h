/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All virtual routers of a controller: turns what adapters report into steps of the election, and carries the
 * election's actions out through struct ports. It reads no clock, opens nothing and never waits; time comes in as
 * now_ns, CLOCK_MONOTONIC.
 *
 * Actions are collected while events are taken and carried out by engine_commit(): adverts at once for all, then
 * addresses, announcements and scripts, a bounded piece at each call, so that a thousand take-overs hold up no advert.
 */
#ifndef XCARP_ENGINE_H
#define XCARP_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xcarp/abi.h>

#include "core/frame.h"
#include "core/options.h"
#include "core/vip.h"

struct engine;

enum script_kind {
	SCRIPT_UP,
	SCRIPT_DOWN,
};

/* Which virtual router a log line is about, for logs that have fields. */
struct log_subject {
	const char *interface;
	uint32_t group; /* network order */
	uint8_t vhid;
	const char *state; /* that it has just entered, in memory that stays; NULL: the line is about something else */
};

/* The engine's way out. None of these waits; failures come back through the engine_*() reports. */
struct ports {
	void *ctx;
	bool debug; /* LOG_DEBUG lines are wanted */

	uint64_t (*random64)(void *ctx);
	/* CLOCK_REALTIME: adverts' counters follow it, so that they rise across restarts and from one node to the next. */
	uint64_t (*realtime_ns)(void *ctx);
	/* What the driver remembers of counters: its runs, then that of strict mode. False: it cannot be had. */
	bool (*heard_runs)(void *ctx, uint32_t index, struct replay_run runs[REPLAY_RUNS + 1]);
	/* Takes all ring records, each through engine_record(). */
	void (*drain)(void *ctx, uint64_t now_ns);
	/* Queues a frame. The fate of an advert comes back through engine_sent(), at the latest in frames_flush(). */
	void (*frame_send)(void *ctx, uint32_t index, uint32_t ifindex, bool is_advert, const uint8_t *frame, size_t len);
	void (*frames_flush)(void *ctx, uint64_t now_ns);
	/* Sends the same frame count times, as far as the kernel takes it; of no further interest. */
	void (*frame_repeat)(void *ctx, uint32_t ifindex, const uint8_t *frame, size_t len, unsigned int count);
	/*
	 * Queued until vips_flush(), and carried out flush by flush; engine_vips_done() follows, at once or later. A refused
	 * addition comes back through engine_vip_failed().
	 */
	void (*vip_add)(void *ctx, uint32_t index, uint32_t ifindex, const struct vip *vip);
	void (*vip_del)(void *ctx, uint32_t index, uint32_t ifindex, const struct vip *vip);
	void (*vips_flush)(void *ctx);
	void (*script_run)(void *ctx, uint32_t index, enum script_kind kind, uint64_t now_ns);
	/* priority: syslog's LOG_*. subject: NULL: no virtual router in particular. */
	void (*log)(void *ctx, int priority, const struct log_subject *subject, const char *line);
	/* A transition or a notice, for the journal; sequence, slot and owner are filled in by the port. */
	void (*journal)(void *ctx, uint32_t index, struct journal_entry *entry);
	/* Another host has announced an address of this virtual router, which is MASTER: for whoever asks. */
	void (*duplicate)(void *ctx, uint32_t index, const struct xcarp_record *duplicate);
};

/*
 * capacity: virtual routers, 1 or more. ports and stats (the controller's entry of `owners`) must outlive the engine.
 * NULL where memory is short.
 */
struct engine *engine_new(const struct ports *ports, uint32_t capacity, struct xcarp_owner *stats);
void engine_free(struct engine *engine);

/* Makes room for more; false where memory is short, and then nothing has changed. */
bool engine_grow(struct engine *engine, uint32_t capacity);

/*
 * Adds a virtual router in INIT under a number below capacity that is not in use; its election starts with the first
 * engine_link(). *options, *key and *live (the virtual router's entry in the map, or any memory that nothing else writes)
 * must stay until engine_remove(). Where *live says MASTER, it is as a controller left it that has just died: if the link
 * is up and heir_may_go_on() still, the virtual router then goes on as MASTER. It does not touch its addresses, unless
 * engine_resync_end() finds that some are missing, and runs its up script only where that was still to be done, or where the
 * addresses are the script's and some are on no interface. Returns 0 or -ENOMEM.
 */
int engine_add(struct engine *engine, uint32_t index, const struct vr_options *options,
	       const struct carp_key *key, struct vr_live *live, uint64_t now_ns);

/* One that was stopped and is not busy any more, or was never added. */
void engine_remove(struct engine *engine, uint32_t index);

/*
 * The virtual router goes on with other options and perhaps another key; who it is has stayed. What it sends, waits for
 * and holds follows at the next engine_commit(). The old options and key are of no use any more on return.
 */
void engine_update(struct engine *engine, uint32_t index, const struct vr_options *options,
		   const struct carp_key *key, uint64_t now_ns);

/* The end: what was to be told a second after its like is told now. */
void engine_tell_rest(struct engine *engine);

/* Actions of this virtual router, or of any, are not carried out yet. */
bool engine_is_busy(const struct engine *engine, uint32_t index);
bool engine_any_busy(const struct engine *engine);

/* What the host's link is like now. ifindex 0: there is none; up: can carry adverts. */
struct engine_link {
	uint32_t ifindex;
	bool up;
	bool lacks_carrier; /* what is sent is dropped by the kernel, which says that it was sent */
	bool is_ipv6_router; /* announced with IPv6 addresses: hosts drop a default router that says it is none */
	uint32_t path; /* of a bond: the slave that frames take; 0: no one path */
	uint8_t mac[FRAME_MAC_LEN];
};

void engine_link(struct engine *engine, uint32_t index, const struct engine_link *link, uint64_t now_ns);

/*
 * The interface of engine_link() is there, but can no longer be used: a master bows out and takes its addresses off it.
 * From then on it is as after engine_link() with ifindex 0.
 */
void engine_link_withdrawn(struct engine *engine, uint32_t index, uint64_t now_ns);

/* What ports->script_run() asked for last has run, or could not be. */
void engine_script_ended(struct engine *engine, uint32_t index, enum script_kind kind);

/* One ring record: an advert, a notice of refused ones, or another host that has an address of ours. */
void engine_record(struct engine *engine, const struct xcarp_record *record, uint64_t now_ns);

/* What became of an advert that frame_send took: 0 or -errno. */
void engine_sent(struct engine *engine, uint32_t index, int error, uint64_t now_ns);

/* An address appeared on an interface or left it, as the kernel tells it, ours or not. */
void engine_address(struct engine *engine, uint32_t ifindex, const struct vip *vip, bool present, uint64_t now_ns);

/*
 * An IPv4 address of the host's own has come after those that are there: they change places with it, so that it is the source
 * of what the host sends. Of all networks if it is the first of the host's own on the interface, else those of its network.
 */
void engine_own_address(struct engine *engine, uint32_t ifindex, const struct vip *address, bool is_first, uint64_t now_ns);

/*
 * An address is on the interface that the kernel does not tell to be a process like ours's; is_certain: it would tell. Told after
 * engine_address(). Returns whether it is, with whatever length, one of a virtual router there.
 */
bool engine_foreign_vip(struct engine *engine, uint32_t ifindex, const struct vip *address, bool is_certain);

/* Is the i-th address of a virtual router there, but the host's own as far as can be seen? It is not to be taken off then. */
bool engine_vip_is_own(const struct engine *engine, uint32_t index, unsigned int i);

/* An IPv4 address that is not ours has come to an interface or left it: it may be virtual routers' source. */
void engine_source_address(struct engine *engine, uint32_t ifindex, const struct vip *address, bool present, uint64_t now_ns);

/* Has any virtual router on the interface this one as its source? */
bool engine_has_source(const struct engine *engine, uint32_t ifindex, const struct vip *address);

/* A vip_del of this virtual router has found the address there, or one that went with it; told before engine_address() tells that it is gone. */
void engine_vip_removed(struct engine *engine, uint32_t index, const struct vip *vip, uint64_t now_ns);

/*
 * Notifications were lost: all addresses are told again between these two, and what is not told is gone.
 */
void engine_resync_begin(struct engine *engine);
void engine_resync_end(struct engine *engine, uint64_t now_ns);

/*
 * All that vips_flush() has asked for is carried out or refused, also what it asked for last. took_ns: how long the kernel
 * was at it: by that the engine chooses how many it changes at once.
 */
void engine_vips_done(struct engine *engine, uint64_t took_ns, uint64_t now_ns);

/* The kernel refused vip_add: error is -errno. It is tried again while we are MASTER. */
void engine_vip_failed(struct engine *engine, uint32_t index, const struct vip *vip, int error, uint64_t now_ns);

/* SIGUSR1: logs `MASTER on eth0 id 1`. */
void engine_status(struct engine *engine, uint32_t index);

/* SIGUSR2: bow out, hold, go on. */
void engine_demote(struct engine *engine, uint32_t index, uint64_t now_ns);

/* The host's own address was taken off the interface: a master bows out, as at USR2; or it is back, and ends the hold. */
void engine_source_is(struct engine *engine, uint32_t index, bool is_there, uint64_t now_ns);

/* What xcarpctl asks for. False where generation says that it meant another virtual router. */
bool engine_command(struct engine *engine, uint32_t index, uint32_t generation, enum xcarp_command command,
		    uint64_t now_ns);

/* The virtual router ends: a master bows out. */
void engine_stop(struct engine *engine, uint32_t index, uint64_t now_ns);

/* Sends an advert of every master at once: from then on a successor has its whole down time to come. */
void engine_hand_over(struct engine *engine, uint64_t now_ns);

/* Handles what is due, or so much of it that the caller should look at its other work. Drains the ring before it decides. */
void engine_timers(struct engine *engine, uint64_t now_ns);

/* Carries out what was decided since the last call: all adverts, and a piece of the rest. */
void engine_commit(struct engine *engine, uint64_t now_ns);

/* When engine_timers() and engine_commit() are to be called next; UINT64_MAX: not for now. */
uint64_t engine_deadline(const struct engine *engine);

#endif
