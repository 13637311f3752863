/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the simulation's files share; sim.c says what it is for. Times are the world's own unless they say otherwise. */
#ifndef SELFTESTS_SIM_H
#define SELFTESTS_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <xcarp/abi.h>
#include <xcarp/carp.h>

#include "../unit/random.h"
#include "core/frame.h"
#include "core/options.h"
#include "core/vip.h"
#include "engine/engine.h"

#define NODES_MAX 7
#define VRS_MAX 255
#define VIPS_MAX 3
#define NO_NODE UINT8_MAX
#define NO_VR UINT16_MAX
#define NEVER UINT64_MAX

#define NS_PER_S 1000000000ull
#define NS_PER_MS 1000000ull
#define NS_PER_US 1000ull

/* How late a controller may be that nothing has stopped: for the processor, or by its own work. */
#define LATE_NS (5 * NS_PER_MS)
#define LAN_DELAY_NS (300 * NS_PER_US) /* without faults, at most */

enum node_kind {
	XCARP, /* the real engine */
	UCARP,
	FREEBSD,
	OPENBSD,
	NODE_KIND_COUNT,
};

/* events.c */

enum event_kind {
	EVENT_WAKE, /* a controller's loop turns, or goes on where it was held up */
	EVENT_NOTICE, /* the kernel tells a controller something */
	EVENT_KERNEL, /* has changed addresses; value: all that were asked for up to it */
	EVENT_FRAME, /* arrives */
	EVENT_PEER, /* a model's timer */
	EVENT_FAULT_BEGINS,
	EVENT_FAULT_ENDS,
	EVENT_REPLAY,
	EVENT_AUDIT,
	EVENT_SETTLED,
	EVENT_END,
};

struct event {
	uint64_t when_ns;
	uint64_t order; /* among those of one time */
	enum event_kind kind;
	uint8_t node;
	uint16_t vr;
	uint32_t value;
};

struct queue {
	struct event *heap;
	uint32_t count;
	uint32_t room;
	uint64_t order;
};

/* What is written down:  X(enum value, what, names of its numbers) */
#define TRACES(X)                                                                                            \
	X(TRACE_SENDS, "sends an advert", "interval", "counter")                                             \
	X(TRACE_SEND_FAILS, "cannot send an advert", "error", NULL)                                          \
	X(TRACE_ACCEPTS, "accepts an advert", "from", "interval")                                            \
	X(TRACE_REFUSES, "refuses an advert", "from", "interval")                                            \
	X(TRACE_ANNOUNCES, "announces an address", "number", NULL)                                           \
	X(TRACE_ADDS, "adds an address", "number", NULL)                                                     \
	X(TRACE_REMOVES, "removes an address", "number", NULL)                                               \
	X(TRACE_IS_REFUSED, "may not add an address", "number", NULL)                                        \
	X(TRACE_BECOMES, "becomes", "since ms", NULL)                                                        \
	X(TRACE_NOTES, "notes", NULL, NULL)                                                                  \
	X(TRACE_ASKED, "is asked to", NULL, NULL)                                                            \
	X(TRACE_FAULT, "fault begins", "other", "value")                                                     \
	X(TRACE_FAULT_OVER, "fault ends", "other", "value")                                                  \
	X(TRACE_SETTLED, "all must have settled", NULL, NULL)

enum trace_kind {
#define X(value, ...) value,
	TRACES(X)
#undef X
	TRACE_KIND_COUNT,
};

#define TRACE_KEPT 64

struct trace {
	uint64_t when_ns;
	enum trace_kind kind;
	uint8_t node;
	uint16_t vr;
	const char *word; /* NULL: none */
	uint64_t numbers[2];
};

/* A virtual router, as all nodes know it. */
struct vr_setup {
	uint8_t vhid;
	uint8_t vip_count;
	struct vip vips[VIPS_MAX];
	struct carp_key key;
};

/* lan.c */

struct lan_frame {
	uint8_t bytes[FRAME_MAX];
	uint8_t len;
	uint8_t from;
	bool is_authentic;
	uint32_t deliveries; /* that are to come */
	uint32_t next_free;
};

struct lan {
	struct lan_frame *frames;
	uint32_t frame_count;
	uint32_t first_free;
	uint8_t blocked[NODES_MAX][NODES_MAX]; /* from, to: by so many faults */
	uint32_t loss; /* per cent */
	uint32_t duplication;
	uint64_t delay_ns; /* more, at most */
};

/* driver.c: one virtual router of a host's XDP program and maps. */

struct advert {
	uint64_t arrival_ns;
	uint32_t interval_256ths;
	uint32_t source; /* network order */
};

#define ADVERTS_KEPT 8

struct counters {
	uint64_t *values;
	uint32_t count, room;
};

struct taken {
	uint64_t counter;
	uint64_t when_ns;
	uint32_t source; /* network order */
};

struct driver_vr {
	struct vr_live live;
	struct vr_guard guard;
	struct counters seen; /* the map of that name */
	bool is_entered;
	uint32_t generation;
	struct taken *taken; /* all that were accepted or sent since the guard was new, for the judge */
	uint32_t taken_count, taken_room;
	uint8_t unheard; /* nodes, bits: their last advert was refused as a replay */
	uint64_t owed_ns; /* since when the controller owes an answer, by the judge's accounts; 0: it does not */
	struct advert accepted[ADVERTS_KEPT]; /* the newest, for the judge */
	uint32_t accepted_count;
};

/* judge.c: what the judge knows of one virtual router of a host, from outside of the engine. */

enum farewell {
	FAREWELL_NONE,
	FAREWELL_ADVERT, /* one more */
	FAREWELL_BOW_OUT,
};

struct shadow {
	enum vr_state state;
	uint64_t since_ns;
	uint64_t heir_until_ns; /* a controller that has just started may go on as master until then */
	enum vr_hold hold;
	uint64_t down_from_ns; /* BACKUP: when its down time began if nothing was heard since */
	bool was_held; /* by USR2, up to down_from_ns */
	uint64_t advert_ns; /* MASTER: the last one it sent, or when it could first send */
	uint64_t sent_ns; /* the last one that left */
	uint64_t counter; /* of the last one; 0: none */
	uint8_t send_failures, send_successes; /* in a row */
	bool is_suppressed;
	uint64_t suppressed_ns;
	bool was_suppressed;
	bool may_have_expired; /* suppression, while it was backup */
	enum farewell owes_farewell;
	struct advert better; /* MASTER: has to yield to it; interval_256ths 0: nothing of the kind */
	bool takes_over; /* its first advert is still to come */
	bool owes_announcement; /* another, after some adverts */
	uint8_t adverts; /* sent since that was promised */
	uint32_t announced; /* bits, since enough of them */
	uint64_t busy_ns; /* since when actions wait; NEVER: none do */
	uint64_t vips_excused_ns; /* up to then its addresses may be wrong */
	bool was_refused; /* an address, since one was added */
	uint64_t request_ns; /* the last one */
};

/* host.c: a host with xcarp. */

enum notice_kind {
	NOTICE_LINK,
	NOTICE_WITHDRAWN,
	NOTICE_ADDRESS,
	NOTICE_REFUSED,
	NOTICE_DONE, /* with all addresses that were asked for */
	NOTICE_USR2,
	NOTICE_COMMAND,
	NOTICE_STOP,
	NOTICE_HAND_OVER,
	NOTICE_RESYNC,
};

struct notice {
	enum notice_kind kind;
	uint32_t incarnation; /* of the controller that is told */
	uint16_t vr;
	uint8_t vip;
	bool is_present; /* NOTICE_ADDRESS */
	int error; /* NOTICE_REFUSED */
	struct engine_link link;
	enum xcarp_command command;
};

struct asked {
	uint32_t ifindex;
	uint32_t flush_end; /* the end of those that it was flushed with */
	uint16_t vr;
	uint8_t vip;
	bool is_addition;
};

struct out_frame {
	uint8_t bytes[FRAME_MAX];
	uint8_t len;
	bool is_advert;
	uint32_t ifindex;
	uint32_t vr;
};

enum phase {
	SLEEPS,
	HAS_READ_CLOCK,
	HAS_DECIDED,
};

struct host {
	struct world *world;
	struct node *node;
	uint64_t monotonic_ns; /* its clock is so far ahead of the world's */
	int64_t wall_ns;
	uint32_t ifindex; /* 0: the interface is gone */
	uint32_t next_ifindex;
	struct driver_vr *driver;
	uint32_t *held; /* addresses on the interface, bits */
	uint32_t *ours; /* those that are there because the controller put them there: `vips` */
	uint64_t watch_until_ns; /* `fence`, its own time */

	struct ports ports;
	struct engine *engine; /* NULL: no controller runs */
	struct xcarp_owner stats;
	struct vr_options *options;
	struct shadow *shadows;
	uint32_t incarnation;
	bool is_stopping;
	bool is_told_to_stop; /* or is about to be */
	bool is_handing_over;
	bool left_all; /* the last controller: was killed, or has handed over */
	struct engine_link link; /* as the controller was told */
	struct xcarp_record *ring;
	uint32_t ring_count, ring_room;
	bool ring_overflowed;
	struct notice *notices; /* as yet untold ones; EVENT_NOTICE's value is an index */
	uint32_t notice_count, notice_room;
	uint32_t *inbox; /* indexes of notices that wait for the loop */
	uint32_t inbox_count, inbox_room;
	uint64_t notice_ns; /* when the last one arrives: they keep their order */
	struct out_frame *out;
	uint32_t out_count, out_room;
	uint64_t wake_ns; /* the only EVENT_WAKE that counts */
	uint64_t clock_ns; /* its own time, of this round */
	enum phase phase;
	uint64_t decided_ns; /* when the ring was last drained */
	struct asked *asked; /* changes of addresses, of all its controllers */
	uint32_t asked_count, asked_room;
	uint32_t flushed; /* so many of them the kernel has been asked for */
	uint32_t carried_out; /* so many it has done, or refused */
	uint64_t kernel_ns; /* it is at them until then */
	uint64_t kernel_took_ns; /* for the last of them */
	uint64_t free_ns; /* since when nothing has stopped it */
	uint8_t send_failures; /* per cent of its frames; above 100: more than one fault */
	uint8_t refusals; /* faults that refuse it addresses */
	uint8_t hiccups; /* faults that hold it up between reading the clock and using it */
};

/* peer.c: one virtual router of another implementation. */

struct peer {
	enum vr_state state;
	uint64_t deadline_ns;
	uint64_t counter;
	bool has_heard;
	bool counts_twice; /* FreeBSD with addresses of both families: one counter for both, of which IPv6 has every other number */
	uint8_t announce_in; /* adverts; 0: no */
};

struct node {
	uint8_t number;
	enum node_kind kind;
	uint32_t source; /* network order */
	uint8_t mac[FRAME_MAC_LEN];
	bool is_running;
	bool is_stalled;
	uint64_t reads_every_ns; /* what came is read so often, as ucarp's capture buffer has it; 0: at once */
	uint8_t stalls, cuts; /* faults */
	struct election_config *configs; /* by virtual router */
	struct host *host; /* of XCARP */
	struct peer *peers; /* of all others */
	uint8_t (*cache)[VIPS_MAX]; /* whom a client on its side of the LAN takes an address to be with */
};

/* faults.c */

struct fault {
	uint8_t kind;
	uint8_t node;
	uint8_t other; /* another node, or a set of them as bits */
	bool is_for_ever;
	uint16_t vr; /* NO_VR: all */
	uint64_t value;
	uint64_t begin_ns, end_ns;
};

#define FAULTS_MAX 12
/* What a client would notice: without a master, or with two of them. */
struct split {
	uint64_t since_ns;
	uint64_t longest_ns; /* since the last fault */
};

struct world {
	uint64_t seed;
	uint64_t random;
	uint64_t now_ns;
	bool is_over;
	struct queue queue;
	struct lan lan;
	uint8_t node_count;
	uint16_t vr_count;
	struct node nodes[NODES_MAX];
	struct vr_setup vrs[VRS_MAX];
	uint16_t vr_of_vhid[256]; /* NO_VR: none */
	struct fault faults[FAULTS_MAX];
	uint32_t fault_count;
	uint64_t max_read_ns, max_down_ns, max_interval_ns, min_interval_ns;
	uint64_t calm_ns; /* the last fault is over */
	uint64_t settled_ns; /* exactly one master from then on */
	bool is_settled;
	uint64_t unsettled_ns; /* but not up to then: suppression has ended late, and somebody pre-empts */
	bool has_models;
	bool has_kind[NODE_KIND_COUNT];
	struct counters constants; /* all numbers that an OpenBSD repeats, or has: anybody can */
	struct split without, with_two;
	bool is_asked; /* somebody is told to stay out for a while */
	enum replay_mode replay;
	uint32_t fence_after_ms; /* 0: as xcarp chooses it */
	uint8_t attacks; /* faults */
	bool was_attacked;
	bool has_framed; /* an OpenBSD is not heard any more, as an attacker has sent other adverts in its name */
	uint8_t (*recorded)[FRAME_ADVERT_LEN]; /* all adverts that were sent: an attacker has them */
	uint32_t recorded_count, recorded_room;
	uint32_t repeated; /* which one the attacker repeats for a while */
	bool is_clean; /* no fault of this run loses frames */
	bool may_be_suppressed; /* a fault makes sending fail */
	bool prints;
	struct trace traces[TRACE_KEPT];
	uint64_t trace_count;
	uint64_t event_count;
	uint32_t causes[VR_CAUSE_COUNT];
	char failure[512]; /* empty: none */
};

static inline uint64_t draw(struct world *world, uint64_t below)
{
	return random_next(&world->random) % below;
}

/* True so many times out of a hundred. */
static inline bool chance(struct world *world, uint32_t per_cent)
{
	return draw(world, 100) < per_cent;
}

static inline uint64_t interval_ns(uint32_t interval_256ths)
{
	return interval_256ths * NS_PER_S / 256;
}

/* events.c */
void queue_push(struct world *world, uint64_t when_ns, enum event_kind kind, uint8_t node, uint16_t vr, uint32_t value);
struct event queue_pop(struct world *world);
void queue_free(struct queue *queue);
void trace(struct world *world, enum trace_kind kind, uint8_t node, uint16_t vr, const char *word, uint64_t a, uint64_t b);
void trace_print_kept(const struct world *world);
void *grow(void *array, uint32_t *room, uint32_t wanted, size_t size);

/* The run is over, and failed; the first reason counts. */
void fail(struct world *world, uint8_t node, uint16_t vr, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* scenario.c */
void scenario_make(struct world *world, uint64_t seed);
void scenario_free(struct world *world);
void scenario_print(const struct world *world);

/* lan.c */
void lan_send(struct world *world, uint8_t from, const uint8_t *bytes, size_t len);
void lan_replay(struct world *world);
void lan_deliver(struct world *world, uint8_t to, uint32_t frame);
void lan_free(struct lan *lan);

/* driver.c */
void driver_enter(struct world *world, struct node *node);
void driver_forget(struct world *world, struct driver_vr *d);
bool driver_fences(const struct world *world, const struct node *node, uint16_t vr);
void driver_leave(struct node *node, uint16_t vr_count);
void driver_receive(struct world *world, struct node *node, const struct lan_frame *frame);

/* host.c */
/* addresses.c: ctx is the host. */
void addresses_add(void *ctx, uint32_t vr, uint32_t ifindex, const struct vip *vip);
void addresses_del(void *ctx, uint32_t vr, uint32_t ifindex, const struct vip *vip);
void addresses_flush(void *ctx);
void addresses_put(struct host *host, uint16_t vr, uint8_t vip, bool is_present);
void addresses_carried_out(struct world *world, struct node *node, uint32_t end);
void addresses_finish(struct host *host);
void addresses_forget(struct host *host);
bool addresses_are_asked_for(const struct host *host);

void host_start(struct world *world, struct node *node, bool adopts);
void host_hand_over(struct world *world, struct node *node);
void host_crash(struct world *world, struct node *node);
void host_stop(struct world *world, struct node *node);
void host_free(struct host *host);
void host_wake(struct world *world, struct node *node);
void host_resume(struct world *world, struct node *node);
void host_wake_at(struct world *world, struct node *node, uint64_t when_ns);
void host_notice(struct world *world, struct node *node, uint32_t number);
void host_tell(struct world *world, struct node *node, const struct notice *notice);
void host_tell_link(struct world *world, struct node *node);
void host_interface(struct world *world, struct node *node, bool is_there);
void host_tamper(struct world *world, struct node *node, uint16_t vr, uint8_t vip, bool is_present);
uint64_t host_time(const struct world *world, const struct host *host);

/* peer.c */
uint64_t peer_down_ns(const struct node *node, uint16_t vr);
void peer_start(struct world *world, struct node *node, bool is_made_anew);
void peer_link(struct world *world, struct node *node);
void peer_stop(struct world *world, struct node *node, bool bows_out);
void peer_timer(struct world *world, struct node *node, uint16_t vr);
void peer_resume(struct world *world, struct node *node);
void peer_receive(struct world *world, struct node *node, const struct lan_frame *frame);

/* faults.c */
void faults_draw(struct world *world, uint64_t horizon_ns);
void fault_begin(struct world *world, const struct fault *fault);
void fault_end(struct world *world, const struct fault *fault);
const char *fault_name(const struct fault *fault);

/* judge.c */
void judge_started(struct world *world, struct node *node, uint16_t vr, bool is_heir);
void judge_journal(struct world *world, struct node *node, uint16_t vr, const struct journal_entry *entry);
void judge_advert(struct world *world, struct node *node, uint16_t vr, const struct carp_header *carp);
void judge_announcement(struct world *world, struct node *node, uint16_t vr, uint8_t vip);
void judge_sent(struct node *node, uint16_t vr, bool has_failed);
void judge_accepted(struct world *world, struct node *node, uint16_t vr, uint64_t counter, uint32_t source,
		    bool is_repetition);
void judge_forgotten(const struct node *node, struct driver_vr *d, const struct replay_run *run);
void judge_refused(struct world *world, struct node *node, uint16_t vr, uint64_t counter);
void judge_record(struct world *world, struct node *node, uint16_t vr, const struct advert *advert);
void judge_request(struct world *world, struct node *node, uint16_t vr, enum vr_hold hold);
void judge_round(struct world *world, struct node *node);
void judge_peer_state(struct world *world, struct node *node, uint16_t vr);
void judge_audit(struct world *world);
void judge_settled(struct world *world);
void judge_end(struct world *world);
void judge_masters(struct world *world);

/* CARP's order, by itself: what the core decides is compared with it. Of sources: the last octet counts most, lower wins. */
bool oracle_is_better(uint32_t interval_a, uint32_t source_a, uint32_t interval_b, uint32_t source_b);
uint32_t oracle_interval(const struct election_config *config);
uint64_t oracle_down_ns(const struct election_config *config);

#endif
