/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * CARP's election for one virtual router, as a pure step: (state, event, now) -> (state', actions). It knows no
 * frame, no address and no clock; the engine turns its events into these and carries its actions out. The rules are
 * ucarp's (carp.c), which are OpenBSD's; where xcarp decides otherwise, election.c says so.
 */
#ifndef XCARP_CORE_ELECTION_H
#define XCARP_CORE_ELECTION_H

#include <stdbool.h>
#include <stdint.h>

#include <xcarp/abi.h>

#define ELECTION_HOLD_NS 3000000000ull /* how long a demoted master stays out; ucarp's sleep(3) */
#define ELECTION_SEND_LIMIT 3 /* failures in a row that suppress pre-emption, successes that end it */
#define ELECTION_SUPPRESSION_NS 60000000000ull /* for how long a backup stays suppressed */
#define ELECTION_REASSERT_NS 1000000000ull /* between announcements because of worse adverts */
#define ELECTION_HEAD_START 8 /* who wins a tie has this fraction of our interval, besides our down time */
#define ELECTION_NEVER UINT64_MAX

struct election_config {
	uint8_t advbase; /* s; 0 only where advskew is not */
	uint8_t advskew; /* 1/256 s */
	uint16_t dead_ratio; /* 1 or more */
	uint32_t phase; /* where in its interval our adverts go out, in 2^-32 of it */
	bool preempt;
	bool neutral; /* no down script at start */
	bool script_at_exit; /* the down script runs when a master stops */
};

enum election_event {
	EV_START, /* once, before any other; the state stays INIT until the link is up */
	EV_ADOPT, /* in its place, the link being up: a controller that has just died was MASTER, and no peer knows yet */
	EV_LINK_UP,
	EV_LINK_DOWN, /* no carrier, interface down or gone */
	EV_WITHDRAWN, /* the interface is there, but is no longer ours to use */
	EV_ADVERT, /* an authentic one of somebody else */
	EV_FENCED, /* a master's: somebody else was heard so long ago, without our reaction, that the driver silences us */
	EV_TIMER, /* the deadline may have passed */
	EV_DEMOTE, /* the operator wants another node to be master: stay out for a while */
	EV_OWN_ADDRESS_GONE, /* the host's own address was taken off: stay out for as long as after EV_DEMOTE */
	EV_OWN_ADDRESS_BACK, /* ends that early */
	EV_HOLD_DEMOTED, /* maintenance: stay out until released */
	EV_PROMOTE, /* the operator wants this node to be master, until released or until a still better one is heard */
	EV_RELEASE, /* ends either */
	EV_STOP, /* the virtual router ends; nothing follows */
	EV_SENT, /* an advert left the host */
	EV_SEND_FAILED,
	ELECTION_EVENT_COUNT,
};

/* In the order in which they are to be carried out. */
enum election_action {
	ACT_ADVERT = 1 << 0,
	ACT_BOW_OUT = 1 << 1, /* an advert with advbase and advskew 255 */
	ACT_VIPS_ADD = 1 << 2,
	ACT_VIPS_DEL = 1 << 3,
	ACT_ANNOUNCE = 1 << 4,
	ACT_UP_SCRIPT = 1 << 5,
	ACT_DOWN_SCRIPT = 1 << 6,
};

struct election_input {
	enum election_event event;
	/* EV_ADVERT and EV_FENCED only: */
	uint64_t arrival_ns;
	uint32_t interval_256ths; /* the peer's */
	int source_order; /* the peer's source address against ours in election_source_compare()'s order */
	uint8_t demote; /* the peer's demotion, as OpenBSD says it */
};

struct election {
	enum vr_state state;
	enum vr_hold hold; /* BACKUP is never PROMOTED, MASTER never DEMOTED; INIT remembers either for its link */
	bool held; /* BACKUP after EV_DEMOTE or EV_OWN_ADDRESS_GONE: no promotion until deadline_ns */
	bool send_suppressed;
	uint8_t announce_in; /* announce again after so many adverts; 0: no */
	uint8_t send_failures; /* in a row */
	uint8_t send_successes; /* in a row, since send_suppressed */
	uint64_t suppressed_ns; /* since when send_suppressed */
	uint64_t reassert_ns; /* MASTER: announce at worse adverts from then on */
	uint64_t flooded_until_ns; /* up to then a master's adverts come more often */
	uint64_t deadline_ns; /* INIT, DEMOTED: never. BACKUP: end of hold or down time. MASTER: the next advert */
};

struct election_result {
	unsigned int actions; /* enum election_action */
	enum vr_cause cause;
};

void election_init(struct election *election);

/*
 * Somebody floods the virtual router with adverts that are refused, as of now. What comes faster than drivers take it is
 * lost, and of what is ours as much: a master says three times as often that it is there, so that peers still hear one in
 * a down time.
 */
void election_flooded(struct election *election, uint64_t now_ns);

/*
 * One step. now_ns is CLOCK_MONOTONIC and never goes back between calls, but for EV_TIMER: a master's may come up to
 * 1 ms before its deadline, in one batch with others, and then has now_ns = the deadline, from which the next call
 * may go back by as much. An advert's arrival_ns may lie before now_ns (the controller was late) or a little after
 * (the advert came while the controller worked).
 */
struct election_result election_step(struct election *election, const struct election_config *config,
				     const struct election_input *input, uint64_t now_ns);

/*
 * The configuration of a virtual router that runs has changed. A master's next advert comes when it would have come, or
 * after one new interval where that is sooner, and one goes out at once where its claim has changed. A backup counts its
 * new down time from where it began to count the old one.
 */
struct election_result election_update(struct election *election, const struct election_config *old_config,
				       const struct election_config *new_config, uint64_t now_ns);

/*
 * What our adverts claim now, in seconds and 1/256 s: what peers compare with their own. That of a PROMOTED one is the
 * shortest interval there is, whatever its pace.
 */
void election_claim(const struct election *election, const struct election_config *config, uint8_t *advbase,
		    uint8_t *advskew);
uint32_t election_claim_256ths(const struct election *election, const struct election_config *config);

/* The pace at which our adverts go out now, in 1/256 s. */
uint32_t election_interval_256ths(const struct election *election, const struct election_config *config);

/* How long we wait for a silent master. */
uint64_t election_down_ns(const struct election_config *config);

/*
 * Who wins between equal intervals: ucarp compares IPv4 sources as little-endian integers, so the last octet counts
 * most, and lower wins. Addresses in network order. Negative: a wins over b.
 */
int election_source_compare(uint32_t a, uint32_t b);

const char *election_state_name(enum vr_state state);

#endif
