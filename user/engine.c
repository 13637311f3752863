// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "engine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "core/election.h"
#include "core/timers.h"

#define NS_PER_S 1000000000ull
#define LOG_INTERVAL_NS NS_PER_S /* between two lines of one virtual router for one reason */
#define REPAIR_INTERVAL_NS (NS_PER_S / 10) /* between two tries to put addresses back */
#define LIVE_READ_TRIES 64
#define LINE_LEN 512

_Static_assert(CARP_VIPS_MAX <= 32, "vips_present is a bit mask");

/* What a log line is about; each is limited for itself. The phrase tells of lines that were held back. */
#define LOG_REASONS(X)                                                                                       \
	X(ABOUT_INIT, "Switching to state: INIT")                                                            \
	X(ABOUT_BACKUP, "Switching to state: BACKUP")                                                        \
	X(ABOUT_MASTER, "Switching to state: MASTER")                                                        \
	X(ABOUT_MAC, "Local advertised ethernet address")                                                    \
	X(ABOUT_LINK, "Link lost")                                                                           \
	X(ABOUT_SILENCE, "Master is silent")                                                                 \
	X(ABOUT_PREEMPTION, "Putting MASTER down - preemption")                                              \
	X(ABOUT_SLOW_MASTER, "Putting MASTER DOWN (going to time out)")                                      \
	X(ABOUT_PREFERRED, "Preferred master advertised")                                                    \
	X(ABOUT_NON_PREFERRED, "Non-preferred master advertising")                                           \
	X(ABOUT_BAD_DIGEST, "Bad digest")                                                                    \
	X(ABOUT_SENDING, "Cannot send an advert")                                                            \
	X(ABOUT_SUPPRESSION, "Sending failed three times")                                                   \
	X(ABOUT_VIP_REMOVED, "Address changed")                                                              \
	X(ABOUT_VIP_REFUSED, "Address refused")                                                              \
	X(ABOUT_DEMOTE, "Demoted")

enum log_reason {
#define X(value, phrase) value,
	LOG_REASONS(X)
#undef X
	LOG_REASON_COUNT,
};

static const char *const log_phrases[] = {
#define X(value, phrase) [value] = phrase,
	LOG_REASONS(X)
#undef X
};

struct log_limit {
	uint64_t until_ns; /* 0: open */
	uint32_t held_back;
};

struct vrouter {
	struct vr_options options;
	const struct carp_hmac_key *key;
	struct vr_live *live;
	struct election election;
	struct engine_link link;
	uint32_t slot;
	unsigned int pending; /* enum election_action */
	bool is_queued; /* in the engine's commit list */
	bool is_started; /* had its EV_START */
	bool is_stopped; /* had its EV_STOP: nothing follows */
	bool vip_refused; /* told once, until the addresses are there */
	bool counter_heard; /* else every advert has a random counter */
	uint64_t counter; /* last heard or sent */
	uint64_t live_taken_ns; /* adverts up to this arrival were taken from live at once */
	uint64_t heard_ns; /* arrival of the newest advert; 0: none yet */
	uint32_t vips_present; /* bit i: options.vips[i] is on the interface */
	uint64_t repair_ns; /* when to put missing addresses back */
	uint64_t repaired_ns; /* when that was last done */
	struct log_limit limits[LOG_REASON_COUNT];
};

struct engine {
	const struct ports *ports;
	struct timers *timers;
	uint32_t capacity;
	uint32_t count;
	uint16_t ip_id;
	uint32_t commit_count;
	uint32_t *commit_list; /* slots with pending actions */
	struct vrouter **vrouters;
};

struct engine *engine_new(const struct ports *ports, uint32_t capacity)
{
	struct engine *engine = calloc(1, sizeof(*engine));

	if (!engine)
		return NULL;
	engine->ports = ports;
	engine->capacity = capacity;
	engine->timers = timers_new(capacity);
	engine->commit_list = calloc(capacity, sizeof(*engine->commit_list));
	engine->vrouters = calloc(capacity, sizeof(*engine->vrouters));
	if (!engine->timers || !engine->commit_list || !engine->vrouters) {
		engine_free(engine);
		return NULL;
	}
	engine->ip_id = (uint16_t)ports->random64(ports->ctx);
	return engine;
}

void engine_free(struct engine *engine)
{
	if (!engine)
		return;
	for (uint32_t slot = 0; slot < engine->count; slot++)
		free(engine->vrouters[slot]);
	free(engine->vrouters);
	free(engine->commit_list);
	timers_free(engine->timers);
	free(engine);
}

/* Log lines: ucarp's words first, for those who grep, then what ucarp does not tell. */

static void rearm(struct engine *engine, const struct vrouter *vr)
{
	uint64_t deadline_ns = vr->election.deadline_ns;

	if (vr->repair_ns < deadline_ns)
		deadline_ns = vr->repair_ns;
	for (int i = 0; i < LOG_REASON_COUNT; i++)
		if (vr->limits[i].held_back && vr->limits[i].until_ns < deadline_ns)
			deadline_ns = vr->limits[i].until_ns;
	timers_arm(engine->timers, vr->slot, deadline_ns);
}

__attribute__((format(printf, 6, 7))) static void vr_log(struct engine *engine, struct vrouter *vr,
							 enum log_reason reason, uint64_t now_ns, int priority,
							 const char *format, ...)
{
	struct log_limit *limit = &vr->limits[reason];
	char line[LINE_LEN];
	va_list args;
	int len;

	if (now_ns < limit->until_ns) {
		if (!limit->held_back++)
			rearm(engine, vr);
		return;
	}
	limit->until_ns = now_ns + LOG_INTERVAL_NS;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (len > 0 && (size_t)len < sizeof(line))
		snprintf(line + len, sizeof(line) - (size_t)len, " (%s id %u)", vr->options.interface, vr->options.vhid);
	engine->ports->log(engine->ports->ctx, priority, line);
}

__attribute__((format(printf, 2, 3))) static void debug_log(struct engine *engine, const char *format, ...)
{
	char line[LINE_LEN];
	va_list args;

	if (!engine->ports->debug)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	engine->ports->log(engine->ports->ctx, LOG_DEBUG, line);
}

static void tell_held_back(struct engine *engine, struct vrouter *vr, uint64_t now_ns)
{
	for (int i = 0; i < LOG_REASON_COUNT; i++) {
		struct log_limit *limit = &vr->limits[i];
		uint32_t held_back = limit->held_back;

		if (!held_back || now_ns < limit->until_ns)
			continue;
		limit->held_back = 0;
		vr_log(engine, vr, (enum log_reason)i, now_ns, LOG_WARNING, "%s: %u more in the last second; now %s",
		       log_phrases[i], held_back, election_state_name(vr->election.state));
	}
}

static const char *source_text(const struct xcarp_record *advert, char text[INET6_ADDRSTRLEN])
{
	inet_ntop(advert->ip_version == 6 ? AF_INET6 : AF_INET, advert->source, text, INET6_ADDRSTRLEN);
	return text;
}

static double seconds_of_256ths(uint32_t n)
{
	return n / 256.0;
}

static uint32_t advert_interval_256ths(const struct xcarp_record *advert)
{
	return advert->advbase * 256u + advert->advskew;
}

/* advert: the one that led to this, or NULL. */
static void log_cause(struct engine *engine, struct vrouter *vr, enum election_cause cause,
		      const struct xcarp_record *advert, uint64_t now_ns)
{
	char source[INET6_ADDRSTRLEN] = "";
	double theirs = 0, ours = seconds_of_256ths(election_interval_256ths(&vr->election, &vr->options.election));

	if (advert) {
		source_text(advert, source);
		theirs = seconds_of_256ths(advert_interval_256ths(advert));
	}
	switch (cause) {
	case CAUSE_NONE:
	case CAUSE_STARTED:
	case CAUSE_LINK_UP:
	case CAUSE_STOPPED:
	case ELECTION_CAUSE_COUNT:
		break;
	case CAUSE_LINK_DOWN:
		vr_log(engine, vr, ABOUT_LINK, now_ns, LOG_WARNING, "%s: %s", vr->options.interface,
		       vr->link.ifindex ? "link lost" : "interface gone");
		break;
	case CAUSE_WITHDRAWN:
		vr_log(engine, vr, ABOUT_LINK, now_ns, LOG_WARNING, "%s: can no longer be used", vr->options.interface);
		break;
	case CAUSE_MASTER_SILENT:
		if (vr->heard_ns)
			vr_log(engine, vr, ABOUT_SILENCE, now_ns, LOG_WARNING, "Master is silent: last advert %.3f s ago",
			       (double)(now_ns - vr->heard_ns) / NS_PER_S);
		else
			vr_log(engine, vr, ABOUT_SILENCE, now_ns, LOG_WARNING, "No master: no advert heard");
		break;
	case CAUSE_PREEMPTION:
		vr_log(engine, vr, ABOUT_PREEMPTION, now_ns, LOG_WARNING,
		       "Putting MASTER down - preemption: %s advertises every %.3f s, we every %.3f s", source, theirs, ours);
		break;
	case CAUSE_MASTER_TOO_SLOW:
		vr_log(engine, vr, ABOUT_SLOW_MASTER, now_ns, LOG_WARNING, "Putting MASTER DOWN (going to time out): %s %s", source,
		       advert && advert->advbase == CARP_BOW_OUT && advert->advskew == CARP_BOW_OUT ?
			       "bowed out" :
			       "advertises too rarely");
		break;
	case CAUSE_PREFERRED_MASTER:
		vr_log(engine, vr, ABOUT_PREFERRED, now_ns, LOG_WARNING,
		       "Preferred master advertised: going back to BACKUP state: %s advertises every %.3f s, we every %.3f s",
		       source, theirs, ours);
		break;
	case CAUSE_NON_PREFERRED_MASTER:
		vr_log(engine, vr, ABOUT_NON_PREFERRED, now_ns, LOG_WARNING,
		       "Non-preferred master advertising: reasserting control of VIP with another gratuitous arp: "
		       "%s advertises every %.3f s, we every %.3f s",
		       source, theirs, ours);
		break;
	case CAUSE_DEMOTED:
		vr_log(engine, vr, ABOUT_DEMOTE, now_ns, LOG_WARNING, "Demoted: staying out for 3 s, then backup as usual");
		break;
	case CAUSE_SEND_SUPPRESSED:
		vr_log(engine, vr, ABOUT_SUPPRESSION, now_ns, LOG_ERR,
		       "Sending failed three times: advertising skew %d until three adverts were sent", CARP_SKEW_SUPPRESSED);
		break;
	case CAUSE_SEND_RECOVERED:
		vr_log(engine, vr, ABOUT_SUPPRESSION, now_ns, LOG_NOTICE, "Sending works again");
		break;
	}
}

static void log_state(struct engine *engine, struct vrouter *vr, uint64_t now_ns)
{
	static const enum log_reason about[] = {
		[INIT] = ABOUT_INIT,
		[BACKUP] = ABOUT_BACKUP,
		[MASTER] = ABOUT_MASTER,
	};

	vr_log(engine, vr, about[vr->election.state], now_ns, LOG_WARNING, "Switching to state: %s",
	       election_state_name(vr->election.state));
}

/* The step, and what follows from it. */

static void publish_state(struct vrouter *vr, uint64_t now_ns)
{
	vr->live->since_ns = now_ns;
	vr->live->transitions++;
	__atomic_store_n(&vr->live->state, vr->election.state, __ATOMIC_RELEASE);
}

static void queue_actions(struct engine *engine, struct vrouter *vr, unsigned int actions)
{
	vr->pending |= actions;
	if (vr->is_queued || !actions)
		return;
	vr->is_queued = true;
	engine->commit_list[engine->commit_count++] = vr->slot;
}

static void step(struct engine *engine, struct vrouter *vr, const struct election_input *input,
		 const struct xcarp_record *advert, uint64_t now_ns)
{
	enum vr_state before = vr->election.state;
	struct election_result result;

	if (vr->is_stopped)
		return;
	/* Two decisions in one round must not run into one another: MASTER and BACKUP again would add and remove at once. */
	if (vr->pending)
		engine_commit(engine, now_ns);

	result = election_step(&vr->election, &vr->options.election, input, now_ns);
	log_cause(engine, vr, result.cause, advert, now_ns);
	if (vr->election.state != before) {
		publish_state(vr, now_ns);
		log_state(engine, vr, now_ns);
		vr->repair_ns = TIMERS_NEVER;
		vr->vip_refused = false;
	}
	queue_actions(engine, vr, result.actions);
	rearm(engine, vr);
}

static void simple_step(struct engine *engine, struct vrouter *vr, enum election_event event, uint64_t now_ns)
{
	step(engine, vr, &(struct election_input){ .event = event }, NULL, now_ns);
}

int engine_add(struct engine *engine, const struct vr_options *options, const struct carp_hmac_key *key,
	       struct vr_live *live, uint64_t now_ns)
{
	struct vrouter *vr;

	if (engine->count == engine->capacity)
		return -ENOSPC;
	vr = calloc(1, sizeof(*vr));
	if (!vr)
		return -ENOMEM;
	vr->options = *options;
	vr->key = key;
	vr->live = live;
	vr->slot = engine->count;
	vr->repair_ns = TIMERS_NEVER;
	election_init(&vr->election);
	engine->vrouters[engine->count++] = vr;

	memcpy(live->interface, options->interface, sizeof(live->interface));
	live->vhid = options->vhid;
	live->own_advbase = options->election.advbase;
	live->own_advskew = options->election.advskew;
	live->since_ns = now_ns;
	log_state(engine, vr, now_ns);
	return (int)vr->slot;
}

static void log_mac(struct engine *engine, struct vrouter *vr, uint64_t now_ns)
{
	uint8_t mac[FRAME_MAC_LEN];

	if (vr->options.real_mac)
		memcpy(mac, vr->link.mac, sizeof(mac));
	else
		frame_virtual_mac(mac, vr->options.vhid);
	vr_log(engine, vr, ABOUT_MAC, now_ns, LOG_INFO,
	       "Local advertised ethernet address is [%02x:%02x:%02x:%02x:%02x:%02x]", mac[0], mac[1], mac[2], mac[3],
	       mac[4], mac[5]);
}

void engine_link_withdrawn(struct engine *engine, uint32_t slot, uint64_t now_ns)
{
	struct vrouter *vr = engine->vrouters[slot];

	simple_step(engine, vr, EV_WITHDRAWN, now_ns);
	/* While it is still known on which interface. */
	engine_commit(engine, now_ns);
	vr->link = (struct engine_link){ 0 };
	vr->live->ifindex = 0;
	vr->vips_present = 0;
	rearm(engine, vr);
}

void engine_link(struct engine *engine, uint32_t slot, const struct engine_link *link, uint64_t now_ns)
{
	struct vrouter *vr = engine->vrouters[slot];
	bool is_other = link->ifindex != vr->link.ifindex;
	bool is_new_mac = !is_other && memcmp(link->mac, vr->link.mac, sizeof(link->mac));

	if (is_other) {
		/* Nothing of what the old interface had is left, so there is nothing to take off it. */
		vr->link = (struct engine_link){ 0 };
		vr->vips_present = 0;
		simple_step(engine, vr, EV_LINK_DOWN, now_ns);
		engine_commit(engine, now_ns);
	}
	vr->link = *link;
	vr->live->ifindex = link->ifindex;
	if (!link->ifindex)
		return;
	if (is_other || is_new_mac)
		log_mac(engine, vr, now_ns);
	if (is_new_mac && vr->election.state == MASTER)
		queue_actions(engine, vr, ACT_ANNOUNCE);
	if (!vr->is_started) {
		vr->is_started = true;
		simple_step(engine, vr, EV_START, now_ns);
	}
	if (is_other && !link->up && !vr->options.ignore_link_state)
		vr_log(engine, vr, ABOUT_LINK, now_ns, LOG_WARNING, "%s: no link: waiting for it", vr->options.interface);
	simple_step(engine, vr, link->up || vr->options.ignore_link_state ? EV_LINK_UP : EV_LINK_DOWN, now_ns);
}

/* Adverts. */

/* A consistent copy of the driver's half of live. False where it was being written all the time. */
static bool read_live(const struct vrouter *vr, struct xcarp_record *advert)
{
	const struct vr_live *live = vr->live;

	for (int i = 0; i < LIVE_READ_TRIES; i++) {
		uint32_t seq = __atomic_load_n(&live->seq, __ATOMIC_ACQUIRE);

		if (seq & 1)
			continue;
		*advert = (struct xcarp_record){
			.arrival_ns = live->arrival_ns,
			.counter = live->counter,
			.slot = vr->slot,
			.type = RECORD_ADVERT,
			.ip_version = live->ip_version,
			.advbase = live->advbase,
			.advskew = live->advskew,
			.demote = live->demote,
		};
		memcpy(advert->source, live->source, sizeof(advert->source));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&live->seq, __ATOMIC_RELAXED) == seq)
			return true;
	}
	return false;
}

static void take_advert(struct engine *engine, struct vrouter *vr, const struct xcarp_record *advert, uint64_t now_ns)
{
	struct election_input input = {
		.event = EV_ADVERT,
		.arrival_ns = advert->arrival_ns,
		.interval_256ths = advert_interval_256ths(advert),
	};
	uint32_t source;

	memcpy(&source, advert->source, sizeof(source));
	input.source_order = election_source_compare(source, vr->options.source);
	vr->counter = advert->counter;
	vr->counter_heard = true;
	if (advert->arrival_ns > vr->heard_ns)
		vr->heard_ns = advert->arrival_ns;
	step(engine, vr, &input, advert, now_ns);
}

/*
 * A late controller finds old adverts in the ring. A backup must not promote itself on one of them when a newer one
 * has arrived since, so it jumps to the newest; what the ring still holds of the time before is then old news.
 */
static void take_newest(struct engine *engine, struct vrouter *vr, const struct xcarp_record *advert, uint64_t now_ns)
{
	struct xcarp_record live;

	if (read_live(vr, &live) && live.arrival_ns > advert->arrival_ns) {
		vr->live_taken_ns = live.arrival_ns;
		advert = &live;
	}
	take_advert(engine, vr, advert, now_ns);
}

void engine_record(struct engine *engine, const struct xcarp_record *record, uint64_t now_ns)
{
	struct vrouter *vr;
	char source[INET6_ADDRSTRLEN];

	if (record->slot >= engine->count)
		return;
	vr = engine->vrouters[record->slot];
	if (record->generation != vr->live->generation)
		return;

	if (record->type == RECORD_NOTICE) {
		vr_log(engine, vr, ABOUT_BAD_DIGEST, now_ns, LOG_WARNING,
		       "Bad digest - adverts refused: %u, the last from %s - Check vhid, password and virtual IP address",
		       record->count, source_text(record, source));
		return;
	}
	if (record->type != RECORD_ADVERT)
		return;
	debug_log(engine, "advert from %s: vhid %u advbase %u advskew %u demote %u counter %016llx, %s",
		  source_text(record, source), vr->options.vhid, record->advbase, record->advskew, record->demote,
		  (unsigned long long)record->counter,
		  record->arrival_ns <= vr->live_taken_ns ? "overtaken" : election_state_name(vr->election.state));
	if (record->arrival_ns <= vr->live_taken_ns)
		return;
	if (vr->election.state == BACKUP)
		take_newest(engine, vr, record, now_ns);
	else
		take_advert(engine, vr, record, now_ns);
}

/* The last look before a promotion: a full ring may have lost the record, live has not. */
static void look_at_live(struct engine *engine, struct vrouter *vr, uint64_t now_ns)
{
	struct xcarp_record live;

	if (!read_live(vr, &live)) {
		/* The driver is writing an advert down at this very moment. */
		step(engine, vr, &(struct election_input){ .event = EV_ADVERT, .arrival_ns = now_ns }, NULL, now_ns);
		return;
	}
	if (live.arrival_ns <= vr->heard_ns)
		return;
	vr->live_taken_ns = live.arrival_ns;
	take_advert(engine, vr, &live, now_ns);
}

/* What was heard during the hold moved nothing; the newest of it counts now. */
static void end_hold(struct engine *engine, struct vrouter *vr, uint64_t now_ns)
{
	struct xcarp_record live;
	uint64_t held_since_ns = vr->live->since_ns;

	simple_step(engine, vr, EV_TIMER, now_ns);
	if (vr->election.held || !read_live(vr, &live) || live.arrival_ns <= held_since_ns)
		return;
	vr->live_taken_ns = live.arrival_ns;
	take_advert(engine, vr, &live, now_ns);
}

/* Addresses. */

static bool is_repair_due(const struct vrouter *vr, uint64_t now_ns)
{
	return vr->repair_ns <= now_ns;
}

static void schedule_repair(struct engine *engine, struct vrouter *vr, uint64_t at_ns)
{
	if (at_ns < vr->repaired_ns + REPAIR_INTERVAL_NS)
		at_ns = vr->repaired_ns + REPAIR_INTERVAL_NS;
	if (at_ns < vr->repair_ns)
		vr->repair_ns = at_ns;
	rearm(engine, vr);
}

static uint32_t all_vips(const struct vrouter *vr)
{
	return (uint32_t)((1ull << vr->options.vip_count) - 1);
}

static bool holds_vips(const struct vrouter *vr)
{
	return vr->election.state == MASTER && vr->options.manage_vips && vr->link.ifindex;
}

/* An address of ours on a backup is a second host that answers for it, whoever put it there. */
static bool must_not_hold_vips(const struct vrouter *vr)
{
	return vr->election.state != MASTER && vr->options.manage_vips && vr->link.ifindex && vr->is_started;
}

static const char *first_missing(const struct vrouter *vr, char text[VIP_TEXT_LEN])
{
	int i = __builtin_ctz(all_vips(vr) & ~vr->vips_present);

	return vip_format(&vr->options.vips[i], true, text);
}

static void repair(struct engine *engine, struct vrouter *vr, uint64_t now_ns)
{
	const struct vip *vip;
	char text[VIP_TEXT_LEN];

	vr->repair_ns = TIMERS_NEVER;
	if (must_not_hold_vips(vr) && vr->vips_present) {
		vip = &vr->options.vips[__builtin_ctz(vr->vips_present)];
		vr_log(engine, vr, ABOUT_VIP_REMOVED, now_ns, LOG_WARNING, "%s is there though we are %s: taking it off",
		       vip_format(vip, true, text), election_state_name(vr->election.state));
		vr->repaired_ns = now_ns;
		queue_actions(engine, vr, ACT_VIPS_DEL);
		return;
	}
	if (!holds_vips(vr) || vr->vips_present == all_vips(vr))
		return;
	if (!vr->vip_refused)
		vr_log(engine, vr, ABOUT_VIP_REMOVED, now_ns, LOG_WARNING,
		       "%s was removed by somebody else: putting it back", first_missing(vr, text));
	vr->repaired_ns = now_ns;
	queue_actions(engine, vr, ACT_VIPS_ADD | ACT_ANNOUNCE);
}

void engine_address(struct engine *engine, uint32_t ifindex, const struct vip *vip, bool present, uint64_t now_ns)
{
	for (uint32_t slot = 0; slot < engine->count; slot++) {
		struct vrouter *vr = engine->vrouters[slot];
		char text[VIP_TEXT_LEN];

		if (vr->link.ifindex != ifindex)
			continue;
		for (unsigned int i = 0; i < vr->options.vip_count; i++) {
			uint32_t bit = 1u << i;

			if (vip_compare(&vr->options.vips[i], vip))
				continue;
			if (vr->options.vips[i].prefix_len != vip->prefix_len) {
				if (present && must_not_hold_vips(vr))
					vr_log(engine, vr, ABOUT_VIP_REMOVED, now_ns, LOG_WARNING,
					       "%s is there though we are %s, with another length than ours: "
					       "this host answers for it too",
					       vip_format(vip, true, text), election_state_name(vr->election.state));
				continue;
			}
			if (present) {
				vr->vips_present |= bit;
				if (must_not_hold_vips(vr))
					schedule_repair(engine, vr, now_ns);
				vr->vip_refused = vr->vip_refused && vr->vips_present != all_vips(vr);
				continue;
			}
			/* Not now: it may be our own removal, told late, and the next message that it is back. */
			vr->vips_present &= ~bit;
			if (holds_vips(vr))
				schedule_repair(engine, vr, now_ns);
		}
	}
}

void engine_resync_begin(struct engine *engine)
{
	for (uint32_t slot = 0; slot < engine->count; slot++)
		engine->vrouters[slot]->vips_present = 0;
}

void engine_resync_end(struct engine *engine, uint64_t now_ns)
{
	for (uint32_t slot = 0; slot < engine->count; slot++) {
		struct vrouter *vr = engine->vrouters[slot];

		if (holds_vips(vr) && vr->vips_present != all_vips(vr))
			schedule_repair(engine, vr, now_ns);
	}
}

void engine_vip_failed(struct engine *engine, uint32_t slot, const struct vip *vip, int error, uint64_t now_ns)
{
	struct vrouter *vr = engine->vrouters[slot];
	char text[VIP_TEXT_LEN];

	if (!holds_vips(vr))
		return;
	if (!vr->vip_refused)
		vr_log(engine, vr, ABOUT_VIP_REFUSED, now_ns, LOG_ERR, "%s: cannot add %s: %s; trying again every second",
		       vr->options.interface, vip_format(vip, true, text), strerror(-error));
	vr->vip_refused = true;
	schedule_repair(engine, vr, now_ns + NS_PER_S);
}

/* Requests. */

void engine_status(struct engine *engine, uint32_t slot)
{
	const struct vrouter *vr = engine->vrouters[slot];
	char line[LINE_LEN];

	snprintf(line, sizeof(line), "%s on %s id %u", election_state_name(vr->election.state), vr->options.interface,
		 vr->options.vhid);
	engine->ports->log(engine->ports->ctx, LOG_INFO, line);
}

void engine_demote(struct engine *engine, uint32_t slot, uint64_t now_ns)
{
	struct vrouter *vr = engine->vrouters[slot];

	if (vr->election.state != MASTER)
		vr_log(engine, vr, ABOUT_DEMOTE, now_ns, LOG_NOTICE, "Not master: nothing to demote");
	simple_step(engine, vr, EV_DEMOTE, now_ns);
}

void engine_stop(struct engine *engine, uint32_t slot, uint64_t now_ns)
{
	struct vrouter *vr = engine->vrouters[slot];

	simple_step(engine, vr, EV_STOP, now_ns);
	vr->is_stopped = true;
}

void engine_sent(struct engine *engine, uint32_t slot, int error, uint64_t now_ns)
{
	struct vrouter *vr = engine->vrouters[slot];
	struct election_result result;

	result = election_step(&vr->election, &vr->options.election,
			       &(struct election_input){ .event = error ? EV_SEND_FAILED : EV_SENT }, now_ns);
	if (error)
		vr_log(engine, vr, ABOUT_SENDING, now_ns, LOG_WARNING, "%s: cannot send an advert: %s",
		       vr->options.interface, strerror(-error));
	else
		vr->live->adverts_sent++;
	log_cause(engine, vr, result.cause, NULL, now_ns);
}

/* Timers. */

void engine_timers(struct engine *engine, uint64_t now_ns)
{
	uint32_t slot;

	if (timers_next(engine->timers) > now_ns)
		return;
	engine->ports->drain(engine->ports->ctx, now_ns);
	while (timers_pop(engine->timers, now_ns, &slot)) {
		struct vrouter *vr = engine->vrouters[slot];

		tell_held_back(engine, vr, now_ns);
		if (is_repair_due(vr, now_ns))
			repair(engine, vr, now_ns);
		if (vr->election.held && vr->election.deadline_ns <= now_ns)
			end_hold(engine, vr, now_ns);
		if (vr->election.state == BACKUP && vr->election.deadline_ns <= now_ns)
			look_at_live(engine, vr, now_ns);
		if (vr->election.deadline_ns <= now_ns)
			simple_step(engine, vr, EV_TIMER, now_ns);
		rearm(engine, vr);
	}
}

uint64_t engine_deadline(const struct engine *engine)
{
	return timers_next(engine->timers);
}

/* Carrying out, phase by phase. */

static uint64_t next_counter(struct engine *engine, struct vrouter *vr)
{
	if (!vr->counter_heard)
		return engine->ports->random64(engine->ports->ctx);
	return ++vr->counter;
}

static void describe_advert(struct engine *engine, const struct vrouter *vr, struct frame_advert *advert)
{
	*advert = (struct frame_advert){
		.broadcast = vr->options.broadcast,
		.source = vr->options.source,
		.group = vr->options.group,
		.ip_id = engine->ip_id++,
		.vhid = vr->options.vhid,
		.advbase = vr->options.election.advbase,
		.advskew = election_advskew(&vr->election, &vr->options.election),
	};
	if (vr->options.real_mac)
		memcpy(advert->source_mac, vr->link.mac, sizeof(advert->source_mac));
	else
		frame_virtual_mac(advert->source_mac, vr->options.vhid);
}

static void send_advert(struct engine *engine, struct vrouter *vr, bool is_bow_out)
{
	struct frame_advert advert;
	uint8_t frame[FRAME_ADVERT_LEN];

	if (!vr->link.ifindex)
		return;
	describe_advert(engine, vr, &advert);
	if (is_bow_out)
		advert.advbase = advert.advskew = CARP_BOW_OUT;
	advert.counter = next_counter(engine, vr);
	frame_advert(frame, &advert, vr->key);
	debug_log(engine, "sending an advert on %s: vhid %u advbase %u advskew %u counter %016llx", vr->options.interface,
		  advert.vhid, advert.advbase, advert.advskew, (unsigned long long)advert.counter);
	engine->ports->frame_send(engine->ports->ctx, vr->slot, vr->link.ifindex, true, frame, sizeof(frame));
}

static void commit_adverts(struct engine *engine, struct vrouter *vr)
{
	if (vr->pending & ACT_ADVERT)
		send_advert(engine, vr, false);
	if (vr->pending & ACT_BOW_OUT)
		send_advert(engine, vr, true);
}

static void commit_vips(struct engine *engine, struct vrouter *vr)
{
	const struct ports *ports = engine->ports;

	if (!vr->options.manage_vips || !vr->link.ifindex)
		return;
	for (unsigned int i = 0; i < vr->options.vip_count; i++) {
		if (vr->pending & ACT_VIPS_ADD)
			ports->vip_add(ports->ctx, vr->slot, vr->link.ifindex, &vr->options.vips[i]);
		if (vr->pending & ACT_VIPS_DEL)
			ports->vip_del(ports->ctx, vr->slot, vr->link.ifindex, &vr->options.vips[i]);
	}
}

/* Once for all that bow out on an interface: *filled_for is the last one that it was done for. */
static void commit_fillers(struct engine *engine, struct vrouter *vr, const struct vrouter **filled_for)
{
	struct frame_advert advert;
	uint8_t frame[FRAME_FILLER_LEN];

	if (!(vr->pending & ACT_BOW_OUT) || !vr->options.wake_ucarp || !vr->link.ifindex)
		return;
	if (*filled_for && (*filled_for)->link.ifindex == vr->link.ifindex &&
	    (*filled_for)->options.group == vr->options.group)
		return;
	*filled_for = vr;
	describe_advert(engine, vr, &advert);
	frame_filler(frame, sizeof(frame), &advert);
	engine->ports->frame_repeat(engine->ports->ctx, vr->link.ifindex, frame, sizeof(frame), FRAME_FILLERS);
}

static void commit_announcements(struct engine *engine, struct vrouter *vr)
{
	if (!(vr->pending & ACT_ANNOUNCE) || !vr->link.ifindex)
		return;
	for (unsigned int i = 0; i < vr->options.vip_count; i++) {
		uint8_t frame[FRAME_MAX];
		size_t len = frame_announce(frame, &vr->options.vips[i], vr->link.mac, vr->link.is_ipv6_router);

		engine->ports->frame_send(engine->ports->ctx, vr->slot, vr->link.ifindex, false, frame, len);
	}
}

static void commit_scripts(struct engine *engine, struct vrouter *vr, uint64_t now_ns)
{
	if (vr->pending & ACT_UP_SCRIPT)
		engine->ports->script_run(engine->ports->ctx, vr->slot, SCRIPT_UP, now_ns);
	if (vr->pending & ACT_DOWN_SCRIPT)
		engine->ports->script_run(engine->ports->ctx, vr->slot, SCRIPT_DOWN, now_ns);
}

void engine_commit(struct engine *engine, uint64_t now_ns)
{
	const struct vrouter *filled_for = NULL;
	uint32_t count = engine->commit_count;

	if (!count)
		return;
	for (uint32_t i = 0; i < count; i++)
		commit_adverts(engine, engine->vrouters[engine->commit_list[i]]);
	engine->ports->frames_flush(engine->ports->ctx, now_ns);
	for (uint32_t i = 0; i < count; i++)
		commit_vips(engine, engine->vrouters[engine->commit_list[i]]);
	for (uint32_t i = 0; i < count; i++)
		commit_fillers(engine, engine->vrouters[engine->commit_list[i]], &filled_for);
	for (uint32_t i = 0; i < count; i++)
		commit_announcements(engine, engine->vrouters[engine->commit_list[i]]);
	engine->ports->frames_flush(engine->ports->ctx, now_ns);
	for (uint32_t i = 0; i < count; i++) {
		struct vrouter *vr = engine->vrouters[engine->commit_list[i]];

		commit_scripts(engine, vr, now_ns);
		vr->pending = 0;
		vr->is_queued = false;
	}
	engine->commit_count = 0;
}
