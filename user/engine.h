/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All virtual routers of a controller: turns what adapters report into steps of the election, and carries the
 * election's actions out through struct ports. It reads no clock, opens nothing and never waits; time comes in as
 * now_ns, CLOCK_MONOTONIC.
 *
 * Actions are collected while events are taken and carried out by engine_commit(), phase by phase over all virtual
 * routers: adverts, addresses, announcements, scripts.
 */
#ifndef XCARP_ENGINE_H
#define XCARP_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xcarp/abi.h>
#include <xcarp/sha1.h>

#include "core/frame.h"
#include "core/options.h"
#include "core/vip.h"

struct engine;

enum script_kind {
	SCRIPT_UP,
	SCRIPT_DOWN,
};

/* The engine's way out. None of these waits; failures come back through the engine_*() reports. */
struct ports {
	void *ctx;
	bool debug; /* LOG_DEBUG lines are wanted */

	uint64_t (*random64)(void *ctx);
	/* Takes all ring records, each through engine_record(). */
	void (*drain)(void *ctx, uint64_t now_ns);
	/* Queues a frame. The fate of an advert comes back through engine_sent(), at the latest in frames_flush(). */
	void (*frame_send)(void *ctx, uint32_t slot, uint32_t ifindex, bool is_advert, const uint8_t *frame, size_t len);
	void (*frames_flush)(void *ctx, uint64_t now_ns);
	/* Sends the same frame count times, as far as the kernel takes it; of no further interest. */
	void (*frame_repeat)(void *ctx, uint32_t ifindex, const uint8_t *frame, size_t len, unsigned int count);
	/* A refused request comes back through engine_vip_failed(). */
	void (*vip_add)(void *ctx, uint32_t slot, uint32_t ifindex, const struct vip *vip);
	void (*vip_del)(void *ctx, uint32_t slot, uint32_t ifindex, const struct vip *vip);
	void (*script_run)(void *ctx, uint32_t slot, enum script_kind kind, uint64_t now_ns);
	/* priority: syslog's LOG_*. */
	void (*log)(void *ctx, int priority, const char *line);
};

/* capacity: virtual routers, 1 or more. ports must outlive the engine. NULL where memory is short. */
struct engine *engine_new(const struct ports *ports, uint32_t capacity);
void engine_free(struct engine *engine);

/*
 * Adds a virtual router in INIT and starts its election. options is copied, but its strings, *key and *live (the
 * virtual router's entry in the map, or any memory that nothing else writes) must stay until engine_free().
 * Returns its slot, or -ENOSPC.
 */
int engine_add(struct engine *engine, const struct vr_options *options, const struct carp_hmac_key *key,
	       struct vr_live *live, uint64_t now_ns);

/* What the host's link is like now. ifindex 0: there is none; up: can carry adverts. */
struct engine_link {
	uint32_t ifindex;
	bool up;
	bool is_ipv6_router; /* announced with IPv6 addresses: hosts drop a default router that says it is none */
	uint8_t mac[FRAME_MAC_LEN];
};

void engine_link(struct engine *engine, uint32_t slot, const struct engine_link *link, uint64_t now_ns);

/*
 * The interface of engine_link() is there, but can no longer be used: a master bows out and takes its addresses off it.
 * From then on it is as after engine_link() with ifindex 0.
 */
void engine_link_withdrawn(struct engine *engine, uint32_t slot, uint64_t now_ns);

/* One ring record: an advert, or a notice of refused ones. */
void engine_record(struct engine *engine, const struct xcarp_record *record, uint64_t now_ns);

/* What became of an advert that frame_send took: 0 or -errno. */
void engine_sent(struct engine *engine, uint32_t slot, int error, uint64_t now_ns);

/* An address appeared on an interface or left it, as the kernel tells it, ours or not. */
void engine_address(struct engine *engine, uint32_t ifindex, const struct vip *vip, bool present, uint64_t now_ns);

/*
 * Notifications were lost: all addresses are told again between these two, and what is not told is gone.
 */
void engine_resync_begin(struct engine *engine);
void engine_resync_end(struct engine *engine, uint64_t now_ns);

/* The kernel refused vip_add: error is -errno. It is tried again while we are MASTER. */
void engine_vip_failed(struct engine *engine, uint32_t slot, const struct vip *vip, int error, uint64_t now_ns);

/* SIGUSR1: logs `MASTER on eth0 id 1`. */
void engine_status(struct engine *engine, uint32_t slot);

/* SIGUSR2: bow out, hold, go on. */
void engine_demote(struct engine *engine, uint32_t slot, uint64_t now_ns);

/* The virtual router ends: a master bows out. */
void engine_stop(struct engine *engine, uint32_t slot, uint64_t now_ns);

/* Handles what is due. Drains the ring before it decides anything. */
void engine_timers(struct engine *engine, uint64_t now_ns);

/* Carries out what was decided since the last call. */
void engine_commit(struct engine *engine, uint64_t now_ns);

/* When engine_timers() is to be called next; UINT64_MAX: not for now. */
uint64_t engine_deadline(const struct engine *engine);

#endif
