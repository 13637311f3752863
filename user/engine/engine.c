// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "engine/engine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xcarp/fence.h>

#include "core/heir.h"
#include "engine/vrouter.h"

#define LIVE_READ_TRIES 64
#define ADVERT_QUANTUM_MAX_NS (1ull << 21)
#define ADVERT_QUANTUMS 4 /* in an interval, at least */
#define LOOK_QUANTUM_MAX_NS (1ull << 26)
#define LOOK_QUANTUMS 4 /* in a down time, at least */
#define TIMERS_AT_ONCE 512
#define PHASE_MATES 8 /* as many as are signed in one go */
#define FLOOD_COUNT 200 /* refused between two notices, a second or so */
#define COUNTER_AHEAD_MAX_NS (1ull << 48) /* three days: more than clocks differ by */

/* Lifecycle. */

static bool resize(struct engine *engine, uint32_t capacity)
{
	uint32_t *advert_list = reallocarray(engine->advert_list, capacity, sizeof(*advert_list));
	struct vrouter **vrouters;

	if (!advert_list)
		return false;
	engine->advert_list = advert_list;
	vrouters = reallocarray(engine->vrouters, capacity, sizeof(struct vrouter *));
	if (!vrouters)
		return false;
	memset(vrouters + engine->capacity, 0, (capacity - engine->capacity) * sizeof(struct vrouter *));
	engine->vrouters = vrouters;
	engine->capacity = capacity;
	return true;
}

struct engine *engine_new(const struct ports *ports, uint32_t capacity, struct xcarp_owner *stats)
{
	struct engine *engine = calloc(1, sizeof(*engine));

	if (!engine)
		return NULL;
	engine->ports = ports;
	engine->stats = stats;
	engine->timers = timers_new(capacity);
	engine->by_vip = table_new(capacity);
	engine->refusals = refusals_new();
	engine->held_back_ns = TIMERS_NEVER;
	engine->vips_at_once = VIPS_AT_ONCE_MIN;
	for (int kind = 0; kind < LINE_COUNT; kind++)
		engine->lines[kind].first = TABLE_NONE;
	if (!engine->timers || !engine->by_vip || !engine->refusals || !resize(engine, capacity)) {
		engine_free(engine);
		return NULL;
	}
	engine->ip_id = (uint16_t)ports->random64(ports->ctx);
	return engine;
}

static void free_vrouter(struct vrouter *vr)
{
	if (vr)
		free(vr->limits);
	free(vr);
}

void engine_free(struct engine *engine)
{
	if (!engine)
		return;
	for (uint32_t index = 0; index < engine->capacity; index++)
		free_vrouter(engine->vrouters[index]);
	free(engine->vrouters);
	free(engine->advert_list);
	refusals_free(engine->refusals);
	table_free(engine->by_vip);
	timers_free(engine->timers);
	free(engine);
}

bool engine_grow(struct engine *engine, uint32_t capacity)
{
	return capacity <= engine->capacity || (timers_grow(engine->timers, capacity) && resize(engine, capacity));
}

/* The largest power of two that goes into span_ns so many times, and is no more than max_ns. */
static uint64_t quantum_of(uint64_t span_ns, unsigned int times, uint64_t max_ns)
{
	while (max_ns > 1 && max_ns * times > span_ns)
		max_ns >>= 1;
	return max_ns;
}

/*
 * Bits in reverse: however many numbers there are, they lie evenly over the interval (van der Corput's sequence). A few share
 * each: eight frames are no burst, and a wake-up costs more than signing and sending them.
 */
static uint32_t phase_of(uint32_t index)
{
	uint32_t phase = 0, number = index / PHASE_MATES;

	for (int bit = 0; bit < 32; bit++)
		phase |= (number >> bit & 1) << (31 - bit);
	return phase;
}

static void use_options(struct vrouter *vr, const struct vr_options *options)
{
	struct vr_live *live = vr->live;

	vr->options = options;
	vr->config = options->election;
	vr->config.phase = phase_of(vr->index);
	/* An advert that goes out so much too early does no harm, and many that are due close together cost one wake-up. */
	vr->advert_quantum_ns = quantum_of((vr->config.advbase * 256ull + vr->config.advskew) * NS_PER_S / 256,
					   ADVERT_QUANTUMS, ADVERT_QUANTUM_MAX_NS);
	/* A look at what has come since costs little, and at three quarters of a down time something has. */
	vr->look_quantum_ns = quantum_of(election_down_ns(&vr->config), LOOK_QUANTUMS, LOOK_QUANTUM_MAX_NS);
	memcpy(live->interface, options->interface, sizeof(live->interface));
	live->vhid = options->vhid;
	live->own_advbase = options->election.advbase;
	live->own_advskew = options->election.advskew;
	live->down_ns = election_down_ns(&vr->config);
	live->vip_count = options->vip_count;
	live->auth = (uint8_t)options->auth;
	live->replay = options->replay;
	live->fence_after_us = vr_options_fence_after_us(options);
}

int engine_add(struct engine *engine, uint32_t index, const struct vr_options *options,
	       const struct carp_key *key, struct vr_live *live, uint64_t now_ns)
{
	struct vrouter *vr = calloc(1, sizeof(*vr));

	if (!vr)
		return -ENOMEM;
	vr->key = key;
	vr->live = live;
	vr->index = index;
	vr->repair_ns = TIMERS_NEVER;
	election_init(&vr->election);
	use_options(vr, options);
	if (!vips_enter(engine, vr)) {
		free(vr);
		return -ENOMEM;
	}
	engine->vrouters[index] = vr;
	vr->is_heir = live->state == MASTER;
	if (!vr->is_heir)
		live->since_ns = now_ns;
	return 0;
}

void engine_remove(struct engine *engine, uint32_t index)
{
	struct vrouter *vr = engine->vrouters[index];

	if (!vr)
		return;
	vips_leave(engine, vr);
	refusals_forget(engine, index);
	timers_arm(engine->timers, index, TIMERS_NEVER);
	engine->vrouters[index] = NULL;
	free_vrouter(vr);
}

/* The step, and what follows from it. */

/*
 * When to look at the virtual router because of its election. Both kinds of deadline are looked at a little early, many
 * at once: a master sends then, a backup finds that adverts have come since. Only where none has, the down time is waited
 * for exactly.
 */
static uint64_t election_wake_ns(const struct vrouter *vr)
{
	uint64_t deadline_ns = vr->election.deadline_ns;

	if (deadline_ns == ELECTION_NEVER || vr->election.held || vr->exact_ns == deadline_ns)
		return deadline_ns;
	return deadline_ns & ~((vr->election.state == BACKUP ? vr->look_quantum_ns : vr->advert_quantum_ns) - 1);
}

void vrouter_rearm(struct engine *engine, const struct vrouter *vr)
{
	uint64_t deadline_ns = election_wake_ns(vr);

	if (vr->repair_ns < deadline_ns)
		deadline_ns = vr->repair_ns;
	if (vr->held_back && vrouter_held_back_deadline(vr) < deadline_ns)
		deadline_ns = vrouter_held_back_deadline(vr);
	timers_arm(engine->timers, vr->index, deadline_ns);
}

static void publish_state(struct vrouter *vr, uint64_t now_ns)
{
	vr->live->since_ns = now_ns;
	vr->live->transitions++;
	__atomic_store_n(&vr->live->state, vr->election.state, __ATOMIC_RELEASE);
}

/* `live` has the newest counter only, and peers may remember a higher one, as our driver does. */
static void top_all_counters(struct engine *engine, struct vrouter *vr)
{
	struct replay_run runs[REPLAY_RUNS + 1];
	uint64_t realtime_ns;

	if (!engine->ports->heard_runs(engine->ports->ctx, vr->index, runs))
		return;
	realtime_ns = engine->ports->realtime_ns(engine->ports->ctx);
	for (int i = 0; i <= REPLAY_RUNS; i++)
		vrouter_top_counter(vr, runs[i].high, i == REPLAY_RUNS, realtime_ns);
}

/* Its last advert, as it yields to our first one, is no news: not for as long as the next one would take. */
static void note_put_down(struct vrouter *vr, enum vr_cause cause, const struct xcarp_record *advert, uint64_t now_ns)
{
	bool is_by_advert = cause == CAUSE_PREEMPTION || cause == CAUSE_MASTER_TOO_SLOW;

	if (vr->election.state != MASTER || (!is_by_advert && cause != CAUSE_PROMOTED))
		return;
	memcpy(vr->put_down, advert ? advert->source : vr->live->source, sizeof(vr->put_down));
	vr->put_down_until_ns = now_ns + NS_PER_S;
}

static void follow(struct engine *engine, struct vrouter *vr, enum vr_state before, struct election_result result,
		   const struct xcarp_record *advert, uint64_t now_ns)
{
	/* Until it begins, an heir's is its predecessor's. */
	if (vr->is_started || !vr->is_heir)
		vr->live->hold = (uint8_t)vr->election.hold;
	/* Who adopts goes on: nothing has changed since its predecessor's time. */
	if (vr->election.state != before && result.cause != CAUSE_ADOPTED)
		publish_state(vr, now_ns);
	vrouter_tell(engine, vr, before, result.cause, advert, now_ns);
	if (vr->election.state != before) {
		note_put_down(vr, result.cause, advert, now_ns);
		if (vr->election.state == MASTER)
			top_all_counters(engine, vr);
		vrouter_log_state(engine, vr, now_ns);
		/* The actions see to the addresses; where there are none, one that must not be there is still to be taken off. */
		if (before == MASTER || vr->election.state == MASTER)
			vr->repair_ns = TIMERS_NEVER;
		vr->vip_refused = false;
		if (before == MASTER)
			vips_left_master(engine, vr, now_ns);
		if (result.cause != CAUSE_ADOPTED)
			vr->live->up_script_due = result.actions & ACT_UP_SCRIPT && vr->options->upscript;
	}
	if (result.actions)
		commit_queue(engine, vr, result.actions, now_ns);
	vrouter_rearm(engine, vr);
}

/* Without a last advert: what still waits to be sent would be one. */
static bool yields_silently(const struct vrouter *vr, const struct election_input *input, uint64_t now_ns)
{
	struct election election = vr->election;
	struct election_result result = election_step(&election, &vr->config, input, now_ns);

	return result.cause == CAUSE_PREFERRED_MASTER && !(result.actions & ACT_ADVERT);
}

void vrouter_step(struct engine *engine, struct vrouter *vr, const struct election_input *input,
		  const struct xcarp_record *advert, uint64_t now_ns)
{
	enum vr_state before = vr->election.state;
	struct election_result result;

	if (vr->is_stopped)
		return;
	/* Two decisions in one round: the adverts of the first are those of its time. */
	if (vr->is_queued && yields_silently(vr, input, now_ns))
		vr->pending &= (uint8_t)~ACT_ADVERT;
	else if (vr->is_queued)
		engine_commit(engine, now_ns);
	result = election_step(&vr->election, &vr->config, input, now_ns);
	follow(engine, vr, before, result, advert, now_ns);
}

static void simple_step(struct engine *engine, struct vrouter *vr, enum election_event event, uint64_t now_ns)
{
	vrouter_step(engine, vr, &(struct election_input){ .event = event }, NULL, now_ns);
}

/* What the link of now means, by the options of now. */
static void follow_link(struct engine *engine, struct vrouter *vr, uint64_t now_ns)
{
	simple_step(engine, vr, vr->link.up || vr->options->ignore_link_state ? EV_LINK_UP : EV_LINK_DOWN, now_ns);
}

void engine_update(struct engine *engine, uint32_t index, const struct vr_options *options,
		   const struct carp_key *key, uint64_t now_ns)
{
	struct vrouter *vr = engine->vrouters[index];
	const struct vr_options *old = vr->options;
	struct election_config config = vr->config;
	struct election_result result;

	/* By the old options, as it was decided. */
	commit_at_once(engine, vr, now_ns);
	vips_leave(engine, vr);
	use_options(vr, options);
	vr->key = key;
	/* Only possible for the new ones where memory is short; then nobody notices when they are taken away. */
	vips_enter(engine, vr);
	vips_change(engine, vr, old, now_ns);
	result = election_update(&vr->election, &config, &vr->config, now_ns);
	follow(engine, vr, vr->election.state, result, NULL, now_ns);
	if (vr->is_started && vr->link.ifindex)
		follow_link(engine, vr, now_ns);
}

/* The link. */

void engine_link_withdrawn(struct engine *engine, uint32_t index, uint64_t now_ns)
{
	struct vrouter *vr = engine->vrouters[index];

	simple_step(engine, vr, EV_WITHDRAWN, now_ns);
	/* While it is still known on which interface. */
	commit_at_once(engine, vr, now_ns);
	vr->link = (struct engine_link){ 0 };
	vr->live->ifindex = 0;
	vips_forget(vr);
	vr->is_withdrawn = true;
	vrouter_rearm(engine, vr);
}

static void adopt(struct engine *engine, struct vrouter *vr, uint64_t now_ns)
{
	const struct vr_live *live = vr->live;

	vr->counter = live->sent_counter;
	/* What nobody has answered is from before the last advert, or a bow-out. */
	vr->heard_ns = vr->live_taken_ns = vr->live->answered_ns = live->arrival_ns;
	if (live->hold == PROMOTED)
		simple_step(engine, vr, EV_PROMOTE, now_ns);
	simple_step(engine, vr, EV_ADOPT, now_ns);
	if (vr->election.state != MASTER || !live->up_script_due || !vr->options->upscript)
		return;
	vrouter_log(engine, vr, ABOUT_SCRIPT, now_ns, LOG_NOTICE, "Adopted before the up script had run: running it");
	/* The addresses too: they may not have come to their turn either, and the script may count on them. */
	commit_queue(engine, vr, ACT_VIPS_ADD | ACT_UP_SCRIPT, now_ns);
}

static void begin(struct engine *engine, struct vrouter *vr, bool is_up, uint64_t now_ns)
{
	vr->is_started = true;
	vr->is_heir = vr->is_heir && is_up && heir_may_go_on(vr->live, now_ns);
	if (vr->is_heir) {
		adopt(engine, vr, now_ns);
		return;
	}
	vr->live->up_script_due = 0;
	__atomic_store_n(&vr->live->state, INIT, __ATOMIC_RELEASE);
	simple_step(engine, vr, EV_START, now_ns);
}

void engine_link(struct engine *engine, uint32_t index, const struct engine_link *link, uint64_t now_ns)
{
	struct vrouter *vr = engine->vrouters[index];
	bool is_up = link->up || vr->options->ignore_link_state;
	bool is_other = link->ifindex != vr->link.ifindex;
	bool is_new_mac = !is_other && memcmp(link->mac, vr->link.mac, sizeof(link->mac));
	/* Behind another slave are other switches, which still send what is ours to the one before. */
	bool is_new_path = !is_other && link->path && link->path != vr->link.path;
	/* With --ignoreifstate a master stays one, and what it announced meanwhile was lost. */
	bool is_back = !is_other && vr->link.lacks_carrier && !link->lacks_carrier;
	/* The kernel takes the link down before the interface, so that this is no news to the election any more. */
	bool is_gone = vr->link.ifindex && !link->ifindex && vr->election.state == INIT;

	/* Not sooner: a list of virtual routers that cannot be had as a whole comes to nothing. */
	if (!vr->is_told)
		vrouter_log_state(engine, vr, now_ns);
	vr->is_told = true;
	if (is_other) {
		/* Nothing of what the old interface had is left, so there is nothing to take off it. */
		vr->link = (struct engine_link){ 0 };
		vips_forget(vr);
		simple_step(engine, vr, EV_LINK_DOWN, now_ns);
		commit_forget(vr);
	}
	vr->link = *link;
	vr->live->ifindex = link->ifindex;
	/* Until the address is told, which comes after its link. */
	if (is_other)
		vr->live->lacks_source = link->ifindex && !vr->source_lengths;
	memcpy(vr->live->mac, link->mac, sizeof(vr->live->mac));
	if (is_gone)
		vrouter_log(engine, vr, ABOUT_INTERFACE, now_ns, LOG_WARNING, "%s: interface gone", vr->options->interface);
	if (!link->ifindex)
		return;
	if (is_other || is_new_mac)
		vrouter_log_mac(engine, vr, now_ns);
	if ((is_new_mac || is_new_path || is_back) && vr->election.state == MASTER)
		commit_queue(engine, vr, ACT_ANNOUNCE, now_ns);
	if (!vr->is_started)
		begin(engine, vr, is_up, now_ns);
	if (vr->is_withdrawn && !vr->is_stopped)
		commit_queue(engine, vr, ACT_VIPS_DEL, now_ns);
	vr->is_withdrawn = false;
	if (is_other && !is_up)
		vrouter_log(engine, vr, ABOUT_LINK, now_ns, LOG_WARNING, "%s: no link: waiting for it",
			    vr->options->interface);
	follow_link(engine, vr, now_ns);
}

void engine_script_ended(struct engine *engine, uint32_t index, enum script_kind kind)
{
	struct vrouter *vr = engine->vrouters[index];

	/* The next one may not have been asked for yet. */
	if (vr && kind == SCRIPT_UP && !(vr->pending & ACT_UP_SCRIPT))
		vr->live->up_script_due = 0;
}

/* Adverts. */

/* A consistent copy of the driver's half of live. False where it was being written all the time. */
static bool read_live(const struct vrouter *vr, struct xcarp_record *advert)
{
	const struct vr_live *live = vr->live;

	for (int i = 0; i < LIVE_READ_TRIES; i++) {
		uint64_t accepted = __atomic_load_n(&live->accepted, __ATOMIC_ACQUIRE);

		if (accepted & LIVE_WRITING)
			continue;
		*advert = (struct xcarp_record){
			.arrival_ns = live->arrival_ns,
			.counter = live->counter,
			.index = vr->index,
			.type = RECORD_ADVERT,
			.ip_version = live->ip_version,
			.is_strong = live->is_strong,
			.advbase = live->advbase,
			.advskew = live->advskew,
			.demote = live->demote,
		};
		memcpy(advert->source, live->source, sizeof(advert->source));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&live->accepted, __ATOMIC_RELAXED) == accepted)
			return true;
	}
	return false;
}

/*
 * Our counter is above all that was heard, but for what cannot be a time of day: the random numbers of a ucarp that has heard
 * nobody would take it somewhere else with each, and what we sent there would be forgotten. Strict peers take nothing that
 * is not above all.
 */
void vrouter_top_counter(struct vrouter *vr, uint64_t counter, bool is_strong, uint64_t realtime_ns)
{
	uint64_t ours = vr->counter > realtime_ns ? vr->counter : realtime_ns;

	if (counter > vr->counter && (is_strong || vr->options->replay == REPLAY_STRICT || counter < ours ||
				      counter - ours < COUNTER_AHEAD_MAX_NS))
		vr->counter = counter;
}

/*
 * By the rule that the driver goes by: it has kept us from answering for our addresses, and somebody else has been master all
 * that time. We give way, whoever is preferred: that is not to be settled between two who both answer.
 */
static bool was_fenced(const struct vrouter *vr, const struct xcarp_record *advert, uint64_t now_ns)
{
	bool is_bow_out = advert->advbase == CARP_BOW_OUT && advert->advskew == CARP_BOW_OUT;

	return vr->election.state == MASTER && !is_bow_out &&
	       fence_holds(vr->live, advert->arrival_ns, now_ns);
}

static void take_advert(struct engine *engine, struct vrouter *vr, const struct xcarp_record *advert, uint64_t now_ns)
{
	struct election_input input = {
		.event = was_fenced(vr, advert, now_ns) ? EV_FENCED : EV_ADVERT,
		.arrival_ns = advert->arrival_ns,
		.interval_256ths = advert->advbase * 256u + advert->advskew,
		.demote = advert->demote,
	};
	uint32_t source;

	memcpy(&source, advert->source, sizeof(source));
	input.source_order = election_source_compare(source, vr->options->source);
	if (advert->counter > vr->counter)
		vrouter_top_counter(vr, advert->counter, advert->is_strong, engine->ports->realtime_ns(engine->ports->ctx));
	if (advert->arrival_ns > vr->heard_ns)
		vr->heard_ns = advert->arrival_ns;
	vrouter_step(engine, vr, &input, advert, now_ns);
	vr->live->answered_ns = vr->heard_ns;
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

/* Who has our id but speaks VRRP is no peer. It may do harm only by the MAC address that is VRRP's. */
static void take_vrrp(struct engine *engine, struct vrouter *vr, const struct xcarp_record *notice, uint64_t now_ns)
{
	uint8_t of_vrrp[FRAME_MAC_LEN], ours[FRAME_MAC_LEN];
	char source[INET6_ADDRSTRLEN];

	memcpy(vr->live->vrrp_source, notice->source, sizeof(vr->live->vrrp_source));
	if (vr->is_vrrp_told)
		return;
	frame_bsd_mac(of_vrrp, vr->options->vhid);
	vr_options_advert_mac(vr->options, vr->link.mac, ours);
	if (memcmp(of_vrrp, ours, sizeof(ours)))
		vr->is_vrrp_told = vrouter_log(engine, vr, ABOUT_VRRP, now_ns, LOG_NOTICE, "VRRP router %s has our id: it does not "
					       "understand CARP, and is not heard as a master", source_text(notice, source));
	else
		vr->is_vrrp_told = vrouter_log(engine, vr, ABOUT_VRRP, now_ns, LOG_WARNING, "VRRP router %s has our id, and our "
					       "adverts come from VRRP's MAC address: switches send us its traffic - Use "
					       "--advert-mac=ucarp, or another id", source_text(notice, source));
	if (vr->is_vrrp_told)
		vrouter_journal(engine, vr, vr->election.state, CAUSE_VRRP, notice, now_ns);
}

static void take_notice(struct engine *engine, struct vrouter *vr, const struct xcarp_record *notice, uint64_t now_ns)
{
	char source[INET6_ADDRSTRLEN];

	if (notice->reason == PASS_VRRP) {
		take_vrrp(engine, vr, notice, now_ns);
		return;
	}
	if (notice->reason != ACCEPTED) {
		if (notice->count >= FLOOD_COUNT)
			election_flooded(&vr->election, now_ns);
		refusals_take(engine, vr, notice, now_ns);
		return;
	}
	if (vrouter_log(engine, vr, ABOUT_CONSTANT_COUNTER, now_ns, LOG_WARNING,
			"Adverts of one counter accepted: %u so far, from %s, who repeats it as OpenBSD does: so could anybody",
			notice->count, source_text(notice, source)))
		vrouter_journal(engine, vr, vr->election.state, CAUSE_CONSTANT_COUNTER, notice, now_ns);
}

/*
 * Another host has one of our addresses while we are master. If it has been heard as a master, that is why, and told as such:
 * one that has just given way may still answer for it.
 */
static void take_duplicate(struct engine *engine, struct vrouter *vr, const struct xcarp_record *duplicate, uint64_t now_ns)
{
	bool is_explained = vr->heard_ns && duplicate->arrival_ns < vr->heard_ns + vr->live->down_ns;

	if (vr->election.state != MASTER || is_explained)
		return;
	engine->ports->duplicate(engine->ports->ctx, vr->index, duplicate);
	refusals_take_duplicate(engine, vr, duplicate, now_ns);
}

void engine_record(struct engine *engine, const struct xcarp_record *record, uint64_t now_ns)
{
	struct vrouter *vr;
	char source[INET6_ADDRSTRLEN];

	if (record->index >= engine->capacity)
		return;
	vr = engine->vrouters[record->index];
	if (!vr || record->generation != vr->live->generation)
		return;

	if (record->type == RECORD_NOTICE) {
		take_notice(engine, vr, record, now_ns);
		return;
	}
	if (record->type == RECORD_DUPLICATE) {
		take_duplicate(engine, vr, record, now_ns);
		return;
	}
	if (record->type != RECORD_ADVERT)
		return;
	if (engine->ports->debug)
		engine_debug(engine, "advert from %s: vhid %u advbase %u advskew %u demote %u counter %016llx,%s %s",
			     source_text(record, source), vr->options->vhid, record->advbase, record->advskew, record->demote,
			     (unsigned long long)record->counter, record->is_strong ? " SipHash," : "",
			     record->arrival_ns <= vr->live_taken_ns ? "overtaken" :
								       election_state_name(vr->election.state));
	if (record->arrival_ns <= vr->live_taken_ns)
		return;
	if (vr->election.state == BACKUP)
		take_newest(engine, vr, record, now_ns);
	else
		take_advert(engine, vr, record, now_ns);
}

/*
 * What the ring does not tell, or could not: adverts that were no news. False where live has nothing newer than what was
 * taken already.
 */
static bool look_at_live(struct engine *engine, struct vrouter *vr, uint64_t now_ns)
{
	struct xcarp_record live;

	if (!read_live(vr, &live)) {
		/* The driver is writing an advert down at this very moment. */
		vrouter_step(engine, vr, &(struct election_input){ .event = EV_ADVERT, .arrival_ns = now_ns }, NULL, now_ns);
		return true;
	}
	if (live.arrival_ns <= vr->heard_ns)
		return false;
	vr->live_taken_ns = live.arrival_ns;
	take_advert(engine, vr, &live, now_ns);
	return true;
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

/* Requests. */

void engine_demote(struct engine *engine, uint32_t index, uint64_t now_ns)
{
	struct vrouter *vr = engine->vrouters[index];

	if (vr->election.state != MASTER)
		vrouter_log(engine, vr, ABOUT_HOLD, now_ns, LOG_NOTICE, "Not master: nothing to demote");
	simple_step(engine, vr, EV_DEMOTE, now_ns);
}

void engine_source_is(struct engine *engine, uint32_t index, bool is_there, uint64_t now_ns)
{
	simple_step(engine, engine->vrouters[index], is_there ? EV_OWN_ADDRESS_BACK : EV_OWN_ADDRESS_GONE, now_ns);
}

bool engine_command(struct engine *engine, uint32_t index, uint32_t generation, enum xcarp_command command,
		    uint64_t now_ns)
{
	static const enum election_event events[] = {
		[COMMAND_DEMOTE] = EV_HOLD_DEMOTED,
		[COMMAND_PROMOTE] = EV_PROMOTE,
		[COMMAND_RELEASE] = EV_RELEASE,
	};
	struct vrouter *vr = index < engine->capacity ? engine->vrouters[index] : NULL;

	if (!vr || vr->live->generation != generation)
		return false;
	simple_step(engine, vr, events[command], now_ns);
	return true;
}

void engine_stop(struct engine *engine, uint32_t index, uint64_t now_ns)
{
	struct vrouter *vr = engine->vrouters[index];

	simple_step(engine, vr, EV_STOP, now_ns);
	vr->is_stopped = true;
}

void engine_hand_over(struct engine *engine, uint64_t now_ns)
{
	for (uint32_t index = 0; index < engine->capacity; index++) {
		struct vrouter *vr = engine->vrouters[index];

		if (vr && vr->election.state == MASTER)
			commit_queue(engine, vr, ACT_ADVERT, now_ns);
	}
	engine_commit(engine, now_ns);
}

static void tell_unsent(struct engine *engine, struct vrouter *vr, int error, uint64_t now_ns)
{
	bool is_first = !vr->is_carrier_told;

	vr->live->adverts_unsent++;
	vr->is_carrier_told = vr->link.lacks_carrier;
	if (!vr->link.lacks_carrier)
		vrouter_log(engine, vr, ABOUT_SENDING, now_ns, LOG_WARNING, "%s: cannot send an advert: %s",
			    vr->options->interface, strerror(-error));
	else if (is_first)
		vrouter_log(engine, vr, ABOUT_SENDING, now_ns, LOG_WARNING, "%s: cannot send adverts: no carrier",
			    vr->options->interface);
}

void engine_sent(struct engine *engine, uint32_t index, int error, uint64_t now_ns)
{
	struct vrouter *vr = engine->vrouters[index];
	struct election_result result;

	if (vr->link.lacks_carrier)
		error = -ENETDOWN;
	result = election_step(&vr->election, &vr->config,
			       &(struct election_input){ .event = error ? EV_SEND_FAILED : EV_SENT }, now_ns);
	if (error) {
		tell_unsent(engine, vr, error, now_ns);
	} else {
		vr->is_carrier_told = false;
		vr->live->sent_ns = now_ns;
		vr->live->adverts_sent++;
		engine->stats->adverts_sent++;
	}
	vrouter_tell(engine, vr, vr->election.state, result.cause, NULL, now_ns);
	if (result.cause == CAUSE_SEND_RECOVERED)
		vrouter_rearm(engine, vr);
}

/* Timers. */

static void count_lateness(struct engine *engine, struct vrouter *vr, uint64_t now_ns)
{
	struct xcarp_owner *stats = engine->stats;
	uint64_t deadline_ns = vr->election.deadline_ns;
	uint64_t late_ns = now_ns > deadline_ns ? now_ns - deadline_ns : 0, late_us = late_ns / 1000;
	unsigned int bucket = late_us ? 64 - (unsigned int)__builtin_clzll(late_us) : 0;

	stats->late[bucket < XCARP_LATE_BUCKETS ? bucket : XCARP_LATE_BUCKETS - 1]++;
	if (late_ns > stats->worst_late_ns)
		stats->worst_late_ns = late_ns;
	if (late_us > vr->live->worst_late_us)
		vr->live->worst_late_us = late_us < UINT32_MAX ? (uint32_t)late_us : UINT32_MAX;
}

static void backup_timer(struct engine *engine, struct vrouter *vr, uint64_t now_ns)
{
	if (vr->election.held) {
		if (vr->election.deadline_ns <= now_ns)
			end_hold(engine, vr, now_ns);
		return;
	}
	if (look_at_live(engine, vr, now_ns))
		return;
	if (vr->election.deadline_ns <= now_ns)
		simple_step(engine, vr, EV_TIMER, now_ns);
	else
		vr->exact_ns = vr->election.deadline_ns;
}

static void election_timer(struct engine *engine, struct vrouter *vr, uint64_t now_ns)
{
	uint64_t deadline_ns = vr->election.deadline_ns;

	if (election_wake_ns(vr) > now_ns)
		return;
	count_lateness(engine, vr, now_ns);
	if (vr->election.state == BACKUP)
		backup_timer(engine, vr, now_ns);
	else
		simple_step(engine, vr, EV_TIMER, deadline_ns > now_ns ? deadline_ns : now_ns);
}

void engine_timers(struct engine *engine, uint64_t now_ns)
{
	uint32_t index;

	engine_tell_held_back(engine, now_ns);
	refusals_timers(engine, now_ns);
	if (timers_next(engine->timers) > now_ns)
		return;
	engine->ports->drain(engine->ports->ctx, now_ns);
	for (int i = 0; i < TIMERS_AT_ONCE && timers_pop(engine->timers, now_ns, &index); i++) {
		struct vrouter *vr = engine->vrouters[index];

		if (vr->held_back)
			vrouter_tell_held_back(engine, vr, now_ns);
		if (vr->repair_ns <= now_ns)
			vips_repair(engine, vr, now_ns);
		election_timer(engine, vr, now_ns);
		vrouter_rearm(engine, vr);
	}
}

void engine_tell_rest(struct engine *engine)
{
	const uint64_t end_ns = TIMERS_NEVER - NS_PER_S;

	for (uint32_t index = 0; index < engine->capacity; index++)
		if (engine->vrouters[index])
			vrouter_tell_held_back(engine, engine->vrouters[index], end_ns);
	engine_tell_held_back(engine, end_ns);
	refusals_tell_rest(engine);
}

uint64_t engine_deadline(const struct engine *engine)
{
	uint64_t deadline_ns = timers_next(engine->timers);

	if (engine->advert_count || commit_may_ask(engine))
		return 0;
	if (engine->lines[FOR_ANNOUNCEMENT].first != TABLE_NONE && engine->announce_ns < deadline_ns)
		deadline_ns = engine->announce_ns;
	if (refusals_deadline(engine->refusals) < deadline_ns)
		deadline_ns = refusals_deadline(engine->refusals);
	return engine->held_back_ns < deadline_ns ? engine->held_back_ns : deadline_ns;
}
