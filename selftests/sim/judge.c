// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What has to hold. The judge sees what goes in and out of an engine (adverts that the driver accepts, frames, addresses,
 * requests, the journal) and keeps accounts of its own; it never looks at what the engine thinks, but for one question: are
 * actions still waiting to be carried out?
 */
#include <string.h>

#include "sim.h"

#define QUANTUM_MAX_NS (1ull << 21)
#define QUANTUMS 4
#define REASSERT_NS NS_PER_S
#define BOW_OUT_256THS (CARP_BOW_OUT * 256u + CARP_BOW_OUT)
#define SUPPRESSION_NS (60 * NS_PER_S)
#define HOLD_NS (3 * NS_PER_S)
#define HEAD_START 8 /* of its interval, for who wins a tie */
#define SEND_LIMIT 3
#define ADVERTS_UNTIL_ANNOUNCEMENT 2
#define VIP_WORK_NS (2 * NS_PER_MS) /* one virtual router's addresses, with the pauses between them */

static const char *const causes[] = {
#define X(value, word) #word,
	XCARP_CAUSES(X)
#undef X
};

static const char *const states[] = { "INIT", "BACKUP", "MASTER" };

/* The oracle. */

bool oracle_is_better(uint32_t interval_a, uint32_t source_a, uint32_t interval_b, uint32_t source_b)
{
	const uint8_t *a = (const uint8_t *)&source_a, *b = (const uint8_t *)&source_b;

	if (interval_a != interval_b)
		return interval_a < interval_b;
	for (int i = 3; i >= 0; i--)
		if (a[i] != b[i])
			return a[i] < b[i];
	return false;
}

uint32_t oracle_interval(const struct election_config *config)
{
	return config->advbase * 256u + config->advskew;
}

uint64_t oracle_down_ns(const struct election_config *config)
{
	uint32_t skew = config->advbase ? config->advskew : config->advskew * (uint32_t)config->dead_ratio;

	return (config->dead_ratio * (uint64_t)config->advbase * 256 + skew) * NS_PER_S / 256;
}

/* Its accounts. */

static struct shadow *shadow_of(const struct node *node, uint16_t vr)
{
	return &node->host->shadows[vr];
}

static const struct advert *newest(const struct node *node, uint16_t vr)
{
	const struct driver_vr *d = &node->host->driver[vr];

	return d->accepted_count ? &d->accepted[(d->accepted_count - 1) % ADVERTS_KEPT] : NULL;
}

static uint32_t skew_suppressed(const struct election_config *config, bool is_suppressed)
{
	return config->advbase * 256u +
	       (is_suppressed && config->advskew < CARP_SKEW_SUPPRESSED ? CARP_SKEW_SUPPRESSED : config->advskew);
}

/* The pace of its adverts. */
static uint32_t pace_256ths(const struct node *node, uint16_t vr)
{
	return skew_suppressed(&node->configs[vr], shadow_of(node, vr)->is_suppressed);
}

/* What they say. */
static uint32_t claim_256ths(const struct node *node, uint16_t vr)
{
	const struct shadow *shadow = shadow_of(node, vr);

	return shadow->hold == PROMOTED && !shadow->is_suppressed ? 1 : pace_256ths(node, vr);
}

static uint64_t latest(uint64_t a_ns, uint64_t b_ns)
{
	return a_ns > b_ns ? a_ns : b_ns;
}

static uint64_t world_time(const struct host *host, uint64_t host_ns)
{
	return host_ns - host->monotonic_ns;
}

/* The judge's own accounts say until when it may go on as master, and with what it goes on. */
void judge_started(struct world *world, struct node *node, uint16_t vr, bool is_heir)
{
	struct shadow *shadow = shadow_of(node, vr), before = *shadow;

	*shadow = (struct shadow){
		.state = INIT,
		.since_ns = world->now_ns,
		.busy_ns = NEVER,
		.vips_excused_ns = is_heir ? world->now_ns + NS_PER_S : world->now_ns,
	};
	if (!is_heir || before.state != MASTER)
		return;
	shadow->heir_until_ns = before.sent_ns + oracle_down_ns(&node->configs[vr]);
	shadow->hold = before.hold;
	shadow->sent_ns = before.sent_ns;
	shadow->counter = before.counter;
}

void judge_request(struct world *world, struct node *node, uint16_t vr, enum vr_hold hold)
{
	static const char *const words[] = { "be as usual", "stay out", "be master" };
	struct shadow *shadow = shadow_of(node, vr);

	trace(world, TRACE_ASKED, node->number, vr, words[hold], 0, 0);
	shadow->request_ns = world->now_ns;
	/* A hold has its down time start anew when it ends; that of a master that was lost is over with it. */
	if (shadow->hold == DEMOTED && hold != DEMOTED)
		shadow->down_from_ns = world_time(node->host, node->host->clock_ns);
	shadow->hold = hold;
	shadow->better.interval_256ths = 0;
}

void judge_sent(struct node *node, uint16_t vr, bool has_failed)
{
	struct shadow *shadow = shadow_of(node, vr);

	if (has_failed) {
		shadow->send_successes = 0;
		if (shadow->send_failures < SEND_LIMIT && ++shadow->send_failures == SEND_LIMIT && !shadow->is_suppressed) {
			shadow->is_suppressed = shadow->was_suppressed = true;
			shadow->suppressed_ns = world_time(node->host, node->host->clock_ns);
		}
		return;
	}
	shadow->sent_ns = world_time(node->host, node->host->clock_ns);
	shadow->send_failures = 0;
	if (shadow->is_suppressed && ++shadow->send_successes == SEND_LIMIT) {
		shadow->is_suppressed = false;
		shadow->send_successes = 0;
	}
}

/* Promotions. */

/* When a backup's down time is over, by the newest advert that its driver has accepted. */
static uint64_t down_over_ns(const struct node *node, uint16_t vr)
{
	const struct shadow *shadow = shadow_of(node, vr);
	const struct advert *advert = newest(node, vr);

	return latest(shadow->down_from_ns, advert ? advert->arrival_ns : 0) + oracle_down_ns(&node->configs[vr]);
}

static bool backup_may_expire(const struct world *world, const struct shadow *shadow)
{
	return shadow->is_suppressed && world->now_ns >= shadow->suppressed_ns + SUPPRESSION_NS;
}

static const char *silent(const struct world *world, const struct node *node, uint16_t vr, const struct journal_entry *entry)
{
	const struct shadow *shadow = shadow_of(node, vr);

	(void)world;
	if (shadow->state != BACKUP || shadow->hold == DEMOTED)
		return "by silence, but it is no backup, or is held";
	if (world_time(node->host, entry->when_ns) < down_over_ns(node, vr))
		return "by silence, but adverts have come in time";
	return NULL;
}

static const char *preemption(const struct world *world, const struct node *node, uint16_t vr, const struct journal_entry *entry)
{
	const struct advert *advert = newest(node, vr);
	uint32_t ours = backup_may_expire(world, shadow_of(node, vr)) ? oracle_interval(&node->configs[vr]) : pace_256ths(node, vr);

	(void)entry;
	if (!node->configs[vr].preempt)
		return "by pre-emption, which is off";
	if (!advert || advert->interval_256ths <= ours)
		return "by pre-emption, but the newest advert was not worse";
	return NULL;
}

static const char *too_slow(const struct world *world, const struct node *node, uint16_t vr, const struct journal_entry *entry)
{
	const struct advert *advert = newest(node, vr);

	(void)world;
	(void)entry;
	if (!advert || interval_ns(advert->interval_256ths) <= oracle_down_ns(&node->configs[vr]))
		return "because of a slow master, but the newest advert was not slow";
	return NULL;
}

static const char *bow_out(const struct world *world, const struct node *node, uint16_t vr, const struct journal_entry *entry)
{
	const struct advert *advert = newest(node, vr);

	(void)world;
	(void)entry;
	return advert && advert->interval_256ths == BOW_OUT_256THS ? NULL : "because of a bow-out, but the newest advert was none";
}

/* Other causes. */

/* The advert that the entry tells of is in the ring that is just being drained. */
static bool was_told(const struct node *node, uint16_t vr, const struct journal_entry *entry)
{
	for (uint32_t i = 0; i < node->host->ring_count; i++) {
		const struct xcarp_record *record = &node->host->ring[i];

		if (record->index == vr && record->advbase == entry->advbase && record->advskew == entry->advskew &&
		    !memcmp(record->source, entry->source, sizeof(record->source)))
			return true;
	}
	return false;
}

static bool is_better(const struct node *node, uint16_t vr, const struct journal_entry *entry)
{
	uint32_t source;

	memcpy(&source, entry->source, sizeof(source));
	return oracle_is_better(entry->advbase * 256u + entry->advskew, source, claim_256ths(node, vr), node->source);
}

static const char *preferred(const struct world *world, const struct node *node, uint16_t vr, const struct journal_entry *entry)
{
	(void)world;
	if (!was_told(node, vr, entry))
		return "to a better master, who was not heard";
	return is_better(node, vr, entry) ? NULL : "to a better master, who is worse";
}

/* The driver must have kept it from answering: for longer than it may owe an answer it owed one. */
static const char *fenced(const struct world *world, const struct node *node, uint16_t vr, const struct journal_entry *entry)
{
	const struct host *host = node->host;

	(void)world;
	for (uint32_t i = 0; i < host->ring_count; i++)
		if (host->ring[i].index == vr && host->ring[i].type == RECORD_ADVERT &&
		    entry->when_ns > host->ring[i].arrival_ns + host->driver[vr].live.fence_after_us * 1000ull)
			return NULL;
	return "as fenced, but it has owed no answer for so long";
}

static const char *non_preferred(const struct world *world, const struct node *node, uint16_t vr,
				 const struct journal_entry *entry)
{
	(void)world;
	if (!was_told(node, vr, entry))
		return "because of a worse master, who was not heard";
	return is_better(node, vr, entry) ? "because of a worse master, who is better" : NULL;
}

static const char *link_up(const struct world *world, const struct node *node, uint16_t vr, const struct journal_entry *entry)
{
	(void)world;
	(void)vr;
	(void)entry;
	return node->host->link.up ? NULL : "because of a link that is not there";
}

static const char *link_down(const struct world *world, const struct node *node, uint16_t vr, const struct journal_entry *entry)
{
	(void)world;
	(void)vr;
	(void)entry;
	return node->host->link.up ? "because of a link that is there" : NULL;
}

/* In this very turn. */
static const char *requested(const struct world *world, const struct node *node, uint16_t vr, const struct journal_entry *entry)
{
	(void)world;
	(void)entry;
	return shadow_of(node, vr)->request_ns == node->host->decided_ns ? NULL : "as asked for, but nobody asked";
}

static const char *promoted(const struct world *world, const struct node *node, uint16_t vr, const struct journal_entry *entry)
{
	(void)world;
	(void)entry;
	return shadow_of(node, vr)->hold == PROMOTED ? NULL : "as asked for, but nobody asked";
}

static const char *adopted(const struct world *world, const struct node *node, uint16_t vr, const struct journal_entry *entry)
{
	(void)world;
	return world_time(node->host, entry->when_ns) < shadow_of(node, vr)->heir_until_ns ?
		       NULL :
		       "as its predecessor, who was none, or too long ago";
}

static const char *suppressed(const struct world *world, const struct node *node, uint16_t vr, const struct journal_entry *entry)
{
	(void)world;
	(void)entry;
	return shadow_of(node, vr)->is_suppressed ? NULL : "of failures to send, but there were not three";
}

static const char *recovered(const struct world *world, const struct node *node, uint16_t vr, const struct journal_entry *entry)
{
	(void)world;
	(void)entry;
	return shadow_of(node, vr)->is_suppressed ? "that sending works, but it does not yet" : NULL;
}

static const char *never(const struct world *world, const struct node *node, uint16_t vr, const struct journal_entry *entry)
{
	(void)world;
	(void)node;
	(void)vr;
	(void)entry;
	return "without a cause";
}

static const char *always(const struct world *world, const struct node *node, uint16_t vr, const struct journal_entry *entry)
{
	(void)world;
	(void)node;
	(void)vr;
	(void)entry;
	return NULL;
}

#define BIT(state) (1u << (state))
#define NOTICE 0x80u

/* What may lead from where to where, and what must have happened then: NULL, or what is wrong. */
static const struct {
	const char *(*check)(const struct world *world, const struct node *node, uint16_t vr,
			     const struct journal_entry *entry);
	uint8_t from;
	uint8_t to; /* NOTICE: or it leaves the state as it is */
} rules[VR_CAUSE_COUNT] = {
	[CAUSE_NONE] = { never, 0, 0 },
	[CAUSE_STARTED] = { always, BIT(INIT), NOTICE },
	[CAUSE_ADOPTED] = { adopted, BIT(INIT), BIT(MASTER) },
	[CAUSE_LINK_UP] = { link_up, BIT(INIT), BIT(BACKUP) },
	[CAUSE_LINK_DOWN] = { link_down, BIT(BACKUP) | BIT(MASTER), BIT(INIT) },
	[CAUSE_WITHDRAWN] = { always, BIT(BACKUP) | BIT(MASTER), BIT(INIT) },
	[CAUSE_MASTER_SILENT] = { silent, BIT(BACKUP), BIT(MASTER) },
	[CAUSE_PREEMPTION] = { preemption, BIT(BACKUP), BIT(MASTER) },
	[CAUSE_BOW_OUT] = { bow_out, BIT(BACKUP), BIT(MASTER) },
	[CAUSE_MASTER_TOO_SLOW] = { too_slow, BIT(BACKUP), BIT(MASTER) },
	[CAUSE_PREFERRED_MASTER] = { preferred, BIT(MASTER), BIT(BACKUP) },
	[CAUSE_NON_PREFERRED_MASTER] = { non_preferred, BIT(MASTER), NOTICE },
	[CAUSE_DEMOTED] = { requested, BIT(INIT) | BIT(BACKUP) | BIT(MASTER), BIT(BACKUP) | NOTICE },
	[CAUSE_PROMOTED] = { promoted, BIT(INIT) | BIT(BACKUP) | BIT(MASTER), BIT(MASTER) | NOTICE },
	[CAUSE_RELEASED] = { requested, BIT(INIT) | BIT(BACKUP) | BIT(MASTER), NOTICE },
	[CAUSE_STOPPED] = { requested, BIT(INIT) | BIT(BACKUP) | BIT(MASTER), BIT(INIT) | NOTICE },
	[CAUSE_SEND_SUPPRESSED] = { suppressed, BIT(INIT) | BIT(BACKUP) | BIT(MASTER), NOTICE },
	[CAUSE_SEND_RECOVERED] = { recovered, BIT(INIT) | BIT(BACKUP) | BIT(MASTER), NOTICE },
	[CAUSE_FENCED] = { fenced, BIT(MASTER), BIT(BACKUP) },
};

static void explain(struct world *world, struct node *node, uint16_t vr, const struct journal_entry *entry)
{
	bool is_notice = entry->from == entry->to;
	const char *wrong;

	if (shadow_of(node, vr)->state != entry->from)
		fail(world, node->number, vr, "the journal begins with %s, it was %s", states[entry->from],
		     states[shadow_of(node, vr)->state]);
	if (!(rules[entry->cause].from & BIT(entry->from)) ||
	    !(rules[entry->cause].to & (is_notice ? NOTICE : BIT(entry->to))))
		fail(world, node->number, vr, "%s to %s because of %s: there is no such way", states[entry->from], states[entry->to],
		     causes[entry->cause]);
	wrong = rules[entry->cause].check(world, node, vr, entry);
	if (wrong)
		fail(world, node->number, vr, "%s to %s %s", states[entry->from], states[entry->to], wrong);
}

static void promise_announcement(struct shadow *shadow)
{
	shadow->owes_announcement = true;
	shadow->adverts = 0;
	shadow->announced = 0;
}

/*
 * Who was never released claims the shortest interval, but keeps his own pace: peers that wait for less than that come
 * forward again and again.
 */
static bool is_still_promoted(const struct world *world, uint16_t vr)
{
	for (uint8_t i = 0; i < world->node_count; i++)
		if (world->nodes[i].host && world->nodes[i].is_running && shadow_of(&world->nodes[i], vr)->hold == PROMOTED)
			return true;
	return false;
}

static enum vr_state state_of(const struct node *node, uint16_t vr)
{
	if (!node->is_running)
		return INIT;
	return node->host ? shadow_of(node, vr)->state : node->peers[vr].state;
}

/*
 * An OpenBSD in whose name an attacker has sent adverts that were never heard here, so that it looks as if it took random numbers.
 * Nothing that it sends can tell it from that attacker: doc/replay.md.
 */
static bool is_framed(struct world *world, uint16_t vr)
{
	for (uint8_t i = 0; i < world->node_count && world->was_attacked; i++)
		if (world->nodes[i].kind == OPENBSD && state_of(&world->nodes[i], vr) == MASTER)
			for (uint8_t j = 0; j < world->node_count; j++)
				if (world->nodes[j].host && world->nodes[j].host->driver[vr].unheard >> i & 1)
					return world->has_framed = true;
	return false;
}

/* With everything settled there is nothing more to decide. */
static void check_calm(struct world *world, const struct node *node, uint16_t vr, const char *state)
{
	if (world->is_settled && world->now_ns >= world->unsettled_ns && !is_still_promoted(world, vr) && !is_framed(world, vr))
		fail(world, node->number, vr, "becomes %s though nothing is wrong any more", state);
}

/*
 * Who yields to a shorter one says so once more, for the winner to announce against, but not after a tie, in which a BSD would
 * yield as well; who leaves on purpose bows out.
 */
static enum farewell farewell_of(const struct journal_entry *entry, uint32_t claim_256ths)
{
	if (entry->from != MASTER || entry->cause == CAUSE_LINK_DOWN || entry->cause == CAUSE_FENCED)
		return FAREWELL_NONE;
	if (entry->cause != CAUSE_PREFERRED_MASTER)
		return FAREWELL_BOW_OUT;
	return entry->advbase * 256u + entry->advskew < claim_256ths ? FAREWELL_ADVERT : FAREWELL_NONE;
}

static void becomes(struct world *world, struct node *node, uint16_t vr, const struct journal_entry *entry)
{
	struct shadow *shadow = shadow_of(node, vr);
	uint32_t claim = claim_256ths(node, vr);

	trace(world, TRACE_BECOMES, node->number, vr, states[entry->to], 0, 0);
	trace(world, TRACE_NOTES, node->number, vr, causes[entry->cause], 0, 0);
	if (entry->cause == CAUSE_PREEMPTION && shadow->was_suppressed)
		world->unsettled_ns = world->now_ns + world->max_interval_ns + world->max_read_ns + LATE_NS;
	check_calm(world, node, vr, states[entry->to]);
	if (shadow->state == BACKUP)
		shadow->may_have_expired = backup_may_expire(world, shadow);
	shadow->state = (enum vr_state)entry->to;
	shadow->since_ns = world->now_ns;
	shadow->better.interval_256ths = 0;
	shadow->owes_announcement = false;
	shadow->owes_farewell = farewell_of(entry, claim);
	if (entry->cause == CAUSE_LINK_UP || entry->from == INIT) {
		shadow->is_suppressed = false;
		shadow->send_failures = shadow->send_successes = 0;
	}
	if (shadow->state == BACKUP) {
		shadow->down_from_ns = world_time(node->host, entry->when_ns);
		shadow->was_held = entry->cause == CAUSE_DEMOTED && shadow->hold != DEMOTED;
		if (shadow->was_held)
			shadow->down_from_ns += HOLD_NS;
		if (entry->cause == CAUSE_PREFERRED_MASTER && entry->advbase * 256u + entry->advskew == claim)
			shadow->down_from_ns += interval_ns(pace_256ths(node, vr)) / HEAD_START;
		if (entry->cause == CAUSE_PREFERRED_MASTER || entry->cause == CAUSE_FENCED)
			shadow->hold = NOT_HELD;
	}
	if (shadow->state == MASTER) {
		shadow->advert_ns = world->now_ns;
			/* Who adopts may go on from where all was announced. */
		if (entry->cause != CAUSE_ADOPTED)
			promise_announcement(shadow);
		shadow->takes_over = true;
	}
}

void judge_journal(struct world *world, struct node *node, uint16_t vr, const struct journal_entry *entry)
{
	/* Of refused adverts the driver's own judge knows. */
	if (entry->cause >= CAUSE_REFUSED && entry->from == entry->to && entry->from == shadow_of(node, vr)->state)
		return;
	if (entry->from >= 3 || entry->to >= 3 || entry->cause >= VR_CAUSE_COUNT) {
		fail(world, node->number, vr, "a journal entry with %u, %u, %u", entry->from, entry->to, entry->cause);
		return;
	}
	world->causes[entry->cause]++;
	explain(world, node, vr, entry);
	if (entry->from != entry->to)
		becomes(world, node, vr, entry);
	else
		trace(world, TRACE_NOTES, node->number, vr, causes[entry->cause], 0, 0);
}

/* Adverts and announcements that go out. */

static uint64_t quantum_ns(const struct election_config *config)
{
	uint64_t share_ns = interval_ns(oracle_interval(config)) / QUANTUMS;

	return share_ns < QUANTUM_MAX_NS ? share_ns : QUANTUM_MAX_NS;
}

/* When a master that nothing has stopped must have sent its next advert. */
static uint64_t advert_due_ns(const struct node *node, uint16_t vr)
{
	return latest(shadow_of(node, vr)->advert_ns, node->host->free_ns) + interval_ns(pace_256ths(node, vr)) +
	       quantum_ns(&node->configs[vr]) + LATE_NS;
}

static uint64_t counter_of(const struct carp_header *carp)
{
	return (uint64_t)__builtin_bswap32(carp->counter[0]) << 32 | __builtin_bswap32(carp->counter[1]);
}

static void check_announced(struct world *world, struct node *node, uint16_t vr)
{
	struct shadow *shadow = shadow_of(node, vr);

	bool counts = !shadow->takes_over && shadow->request_ns != node->host->decided_ns;

	shadow->takes_over = false;
	if (!shadow->owes_announcement || !counts || ++shadow->adverts <= ADVERTS_UNTIL_ANNOUNCEMENT)
		return;
	if (shadow->announced != (1u << world->vrs[vr].vip_count) - 1 && !engine_is_busy(node->host->engine, vr))
		fail(world, node->number, vr, "sends its advert %u, and has not announced its addresses again", shadow->adverts);
	shadow->owes_announcement = false;
}

static void remember_taken(struct driver_vr *d, uint64_t counter, uint32_t source, uint64_t when_ns)
{
	d->taken = grow(d->taken, &d->taken_room, d->taken_count + 1, sizeof(*d->taken));
	d->taken[d->taken_count++] = (struct taken){ .counter = counter, .when_ns = when_ns, .source = source };
}

void judge_advert(struct world *world, struct node *node, uint16_t vr, const struct carp_header *carp)
{
	struct shadow *shadow = shadow_of(node, vr);
	bool is_bow_out = carp->advbase == CARP_BOW_OUT && carp->advskew == CARP_BOW_OUT;
	uint64_t counter = counter_of(carp);

	if (shadow->counter && counter <= shadow->counter)
		fail(world, node->number, vr, "its counter does not rise");
	shadow->counter = counter;
	remember_taken(&node->host->driver[vr], counter, node->source, world->now_ns);
	if (shadow->state != MASTER && shadow->owes_farewell == FAREWELL_NONE && !is_bow_out)
		fail(world, node->number, vr, "sends an advert as %s", states[shadow->state]);
	if (shadow->state != MASTER && shadow->owes_farewell == (is_bow_out ? FAREWELL_BOW_OUT : FAREWELL_ADVERT))
		shadow->owes_farewell = FAREWELL_NONE;
	if (shadow->state != MASTER || is_bow_out)
		return;
	if (world->now_ns > advert_due_ns(node, vr))
		fail(world, node->number, vr, "an advert comes %.3f ms after the one before",
		     (double)(world->now_ns - shadow->advert_ns) / NS_PER_MS);
	if (shadow->may_have_expired && carp->advbase * 256u + carp->advskew != claim_256ths(node, vr)) {
		shadow->is_suppressed = false;
		shadow->send_failures = shadow->send_successes = 0;
	}
	shadow->may_have_expired = false;
	/* What was decided before a request of the same turn goes out as it was decided. */
	if (carp->advbase * 256u + carp->advskew != claim_256ths(node, vr) && shadow->request_ns != node->host->decided_ns)
		fail(world, node->number, vr, "claims %u, not %u", carp->advbase * 256u + carp->advskew, claim_256ths(node, vr));
	shadow->advert_ns = world->now_ns;
	check_announced(world, node, vr);
}

void judge_announcement(struct world *world, struct node *node, uint16_t vr, uint8_t vip)
{
	struct shadow *shadow = shadow_of(node, vr);

	if (shadow->state != MASTER)
		fail(world, node->number, vr, "announces an address as %s", states[shadow->state]);
	if (!(node->host->held[vr] >> vip & 1) && node->host->link.ifindex == node->host->ifindex && !shadow->was_refused &&
	    world->now_ns > shadow->vips_excused_ns)
		fail(world, node->number, vr, "announces an address that is not there");
	/* Some may have been missed in turns with a request, after which an announcement waits for its pace. */
	if (shadow->adverts >= ADVERTS_UNTIL_ANNOUNCEMENT - 1 ||
	    (node->host->decided_ns - shadow->request_ns <= LATE_NS && shadow->since_ns < shadow->request_ns))
		shadow->announced |= 1u << vip;
}

/* source: 0: of anybody. */
static bool is_taken(const struct driver_vr *d, uint64_t counter, uint32_t source)
{
	for (uint32_t i = 0; i < d->taken_count; i++)
		if (d->taken[i].counter == counter && (!source || d->taken[i].source == source))
			return true;
	return false;
}

static bool is_constant(const struct world *world, uint64_t counter)
{
	for (uint32_t i = 0; i < world->constants.count; i++)
		if (world->constants.values[i] == counter)
			return true;
	return false;
}

/* Of those that came from there before: the newest with another counter. */
static const struct taken *other_before(const struct driver_vr *d, const struct taken *from)
{
	for (const struct taken *taken = from; taken-- > d->taken;)
		if (taken->source == from->source && taken->counter != from->counter)
			return taken;
	return NULL;
}

static const struct taken *first_with(const struct driver_vr *d, const struct taken *last)
{
	const struct taken *first = last;

	for (const struct taken *taken = last; taken-- > d->taken;) {
		if (taken->source != last->source)
			continue;
		if (taken->counter != last->counter)
			break;
		first = taken;
	}
	return first;
}

static bool goes_on_from_any(const struct driver_vr *d, const struct taken *taken)
{
	for (const struct taken *before = taken; before-- > d->taken;)
		if (taken->counter - before->counter - 1 < REPLAY_AHEAD)
			return true;
	return false;
}

/* Does it go on from the one before it, or from any of ours? */
static bool was_counted(const struct world *world, const struct driver_vr *d, const struct taken *taken, uint32_t our_source)
{
	const struct taken *own = other_before(d, taken);

	/* From a number that an OpenBSD repeats others go on as well, and in whose name it was sent is not known. */
	if (own && taken->counter - own->counter - 1 < REPLAY_AHEAD && !is_constant(world, own->counter))
		return true;
	for (const struct taken *before = taken; before-- > d->taken;)
		if (before->source == our_source && taken->counter - before->counter - 1 < REPLAY_AHEAD)
			return true;
	return false;
}

/*
 * Might it be an OpenBSD's, for all that was heard of its source? It is the newest from there, goes on from none before, and
 * is not one of many in a row that came soon after the one before.
 */
static bool may_be_constant(const struct world *world, const struct driver_vr *d, const struct taken *newest,
			    uint32_t our_source)
{
	uint64_t soon_ns = 3 * world->min_interval_ns;

	if (was_counted(world, d, first_with(d, newest), our_source))
		return false;
	for (int changes = 0; changes < REPLAY_CHANGES; changes++) {
		const struct taken *first = first_with(d, newest), *before = other_before(d, newest);

		if (!before || first->when_ns - first_with(d, before)->when_ns >= soon_ns ||
		    goes_on_from_any(d, first_with(d, before)))
			return true;
		newest = before;
	}
	return false;
}

static bool is_newest(const struct driver_vr *d, const struct taken *taken)
{
	for (const struct taken *later = taken + 1; later < d->taken + d->taken_count; later++)
		if (later->source == taken->source && later->counter != taken->counter)
			return false;
	return true;
}

static bool may_repeat(const struct world *world, const struct node *node, const struct driver_vr *d, uint64_t counter)
{
	if (is_constant(world, counter))
		return true;
	for (uint32_t i = d->taken_count; i-- > 0;)
		if (d->taken[i].counter == counter && is_newest(d, &d->taken[i]) && may_be_constant(world, d, &d->taken[i], node->source))
			return true;
	return false;
}

/* Of more runs than the driver keeps it forgets the oldest, and with it what was counted through there, or in the hole below. */
void judge_forgotten(const struct node *node, struct driver_vr *d, const struct replay_run *run)
{
	uint64_t low = run->low - REPLAY_LAG_NS;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < d->taken_count; i++)
		if (d->taken[i].source == node->source || d->taken[i].counter - low > run->high - low)
			d->taken[kept++] = d->taken[i];
	d->taken_count = kept;
}

/*
 * No number is taken again, whatever else the advert says; except OpenBSD's, and what looks like it: the newest of a source of
 * which nothing is known that an OpenBSD could not have sent.
 */
void judge_accepted(struct world *world, struct node *node, uint16_t vr, uint64_t counter, uint32_t source, bool is_repetition)
{
	struct driver_vr *d = &node->host->driver[vr];

	if (world->replay != REPLAY_OFF && is_taken(d, counter, 0)) {
		if (is_taken(d, counter, node->source))
			fail(world, node->number, vr, "accepts its own counter %llx", (unsigned long long)counter);
		else if (!is_repetition || !may_repeat(world, node, d, counter))
			fail(world, node->number, vr, "accepts the counter %llx again", (unsigned long long)counter);
	}
	remember_taken(d, counter, source, world->now_ns);
}

/* Where all is well, nobody's advert is mistaken for an old one. Others may have had its number, though, or it ends as ours do. */
void judge_refused(struct world *world, struct node *node, uint16_t vr, uint64_t counter)
{
	const struct driver_vr *d = &node->host->driver[vr];

	if (world->is_settled && world->now_ns >= world->unsettled_ns && node->is_running && !is_still_promoted(world, vr) &&
	    !is_taken(d, counter, 0) && (counter ^ d->live.sent_counter) & REPLAY_END_MASK)
		fail(world, node->number, vr, "refuses the counter %llx though nothing is wrong any more", (unsigned long long)counter);
}

/* A master is told of an advert. */
void judge_record(struct world *world, struct node *node, uint16_t vr, const struct advert *advert)
{
	struct shadow *shadow = shadow_of(node, vr);

	(void)world;
	if (shadow->state != MASTER || !node->host->link.up)
		return;
	if (oracle_is_better(advert->interval_256ths, advert->source, claim_256ths(node, vr), node->source))
		shadow->better = *advert;
	else
		promise_announcement(shadow);
}

/* After each turn of a controller. */

static void check_yielded(struct world *world, struct node *node, uint16_t vr)
{
	struct shadow *shadow = shadow_of(node, vr);

	if (shadow->state != MASTER || !shadow->better.interval_256ths || shadow->better.arrival_ns > node->host->decided_ns)
		return;
	if (oracle_is_better(shadow->better.interval_256ths, shadow->better.source, claim_256ths(node, vr), node->source))
		fail(world, node->number, vr, "stays master though it was told of a better one");
	shadow->better.interval_256ths = 0;
}

static uint64_t work_ns(const struct world *world)
{
	return world->vr_count * VIP_WORK_NS + 100 * NS_PER_MS;
}

static void check_addresses(struct world *world, struct node *node, uint16_t vr)
{
	struct shadow *shadow = shadow_of(node, vr);
	uint32_t all = (1u << world->vrs[vr].vip_count) - 1, want = shadow->state == MASTER ? all : 0;

	if (engine_is_busy(node->host->engine, vr)) {
		if (shadow->busy_ns == NEVER)
			shadow->busy_ns = world->now_ns;
		if (world->now_ns > latest(latest(shadow->busy_ns, node->host->free_ns), node->host->kernel_ns) + work_ns(world))
			fail(world, node->number, vr, "has not carried out for %.3f s what was decided",
			     (double)(world->now_ns - shadow->busy_ns) / NS_PER_S);
		return;
	}
	shadow->busy_ns = NEVER;
	if (shadow->owes_farewell && node->host->link.ifindex)
		fail(world, node->number, vr, "has left mastership without %s",
		     shadow->owes_farewell == FAREWELL_ADVERT ? "a last advert" : "a bow-out");
	/* A refused one is tried again after a second. */
	if (shadow->was_refused &&
	    world->now_ns <= latest(node->host->free_ns, node->host->kernel_ns) + NS_PER_S + 100 * NS_PER_MS)
		return;
	if (!node->host->link.ifindex || node->host->link.ifindex != node->host->ifindex || node->host->refusals ||
	    node->host->is_stopping || addresses_are_asked_for(node->host) ||
	    world->now_ns <= shadow->vips_excused_ns)
		return;
	if (node->host->held[vr] != want)
		fail(world, node->number, vr, "%s, but addresses %x are there", states[shadow->state], node->host->held[vr]);
}

void judge_round(struct world *world, struct node *node)
{
	for (uint16_t vr = 0; vr < world->vr_count; vr++) {
		check_yielded(world, node, vr);
		check_addresses(world, node, vr);
	}
}

/* From time to time. */

static void check_deadlines(struct world *world, struct node *node, uint16_t vr)
{
	struct shadow *shadow = shadow_of(node, vr);
	uint64_t late_ns = LATE_NS + world->vr_count * NS_PER_MS / 8, down_over = down_over_ns(node, vr);

	/* The down time after a hold begins when the controller sees its end. */
	if (shadow->was_held)
		down_over = latest(down_over, node->host->free_ns + oracle_down_ns(&node->configs[vr]));

	if (shadow->state == MASTER && world->now_ns > advert_due_ns(node, vr) + late_ns)
		fail(world, node->number, vr, "no advert for %.3f ms", (double)(world->now_ns - shadow->advert_ns) / NS_PER_MS);
	if (shadow->state == BACKUP && shadow->hold != DEMOTED &&
	    world->now_ns > latest(down_over, node->host->free_ns) + late_ns)
		fail(world, node->number, vr, "is still backup %.3f ms after its down time was over",
		     (double)(world->now_ns - down_over) / NS_PER_MS);
}

/* Of a controller that does not react while somebody else is heard to be master, addresses must not answer. */
static void check_fence(struct world *world, struct node *node, uint16_t vr)
{
	const struct driver_vr *d = &node->host->driver[vr];
	const struct advert *advert = newest(node, vr);

	if (!node->host->ours[vr] || !d->owed_ns || !advert || !d->is_entered ||
	    world->now_ns < d->owed_ns + d->live.fence_after_us * NS_PER_US + NS_PER_MS ||
	    world->now_ns > advert->arrival_ns + 3 * interval_ns(advert->interval_256ths))
		return;
	if (!driver_fences(world, node, vr))
		fail(world, node->number, vr, "still answers for its addresses, %.3f ms after somebody else was heard",
		     (double)(world->now_ns - d->owed_ns) / NS_PER_MS);
}

void judge_audit(struct world *world)
{
	for (uint8_t i = 0; i < world->node_count; i++)
		for (uint16_t vr = 0; vr < world->vr_count && world->nodes[i].host; vr++)
			check_fence(world, &world->nodes[i], vr);
	for (uint8_t i = 0; i < world->node_count; i++) {
		struct node *node = &world->nodes[i];

		if (!node->host || !node->is_running || node->is_stalled || node->host->hiccups)
			continue;
		for (uint16_t vr = 0; vr < world->vr_count; vr++)
			check_deadlines(world, node, vr);
	}
}

/* When all must have settled. */

static void check_no_preemption(struct world *world, const struct node *master, uint16_t vr)
{
	uint32_t claim = master->host ? claim_256ths(master, vr) : oracle_interval(&master->configs[vr]);

	for (uint8_t i = 0; i < world->node_count; i++) {
		const struct node *node = &world->nodes[i];

		if (state_of(node, vr) != BACKUP || !node->configs[vr].preempt)
			continue;
		if (node->host && shadow_of(node, vr)->was_suppressed)
			continue;
		if (oracle_interval(&node->configs[vr]) < claim)
			fail(world, node->number, vr, "is to pre-empt, and leaves node %u master", master->number);
	}
}

static void check_caches(struct world *world, const struct node *master, uint16_t vr)
{
	for (uint8_t i = 0; i < world->node_count; i++)
		for (uint8_t vip = 0; vip < world->vrs[vr].vip_count; vip++)
			if (world->nodes[i].cache[vr][vip] != master->number)
				fail(world, master->number, vr, "is master, but the client beside node %u has node %u for address %u", i,
				     world->nodes[i].cache[vr][vip], vip);
}

/* Who came and left without being heard was not answered by an announcement either. */
static bool caches_are_sure(const struct world *world, uint16_t vr)
{
	for (uint8_t i = 0; i < world->node_count; i++) {
		const struct host *host = world->nodes[i].host;

		if (host && (host->ring_overflowed || host->driver[vr].unheard))
			return false;
	}
	return world->is_clean;
}

static void check_one_master(struct world *world, uint16_t vr)
{
	const struct node *master = NULL;
	unsigned int masters = 0;

	for (uint8_t i = 0; i < world->node_count; i++) {
		const struct node *node = &world->nodes[i];
		enum vr_state state = state_of(node, vr);

		if (node->is_running && state == INIT)
			fail(world, i, vr, "is neither master nor backup long after the last fault");
		if (state != MASTER)
			continue;
		masters++;
		master = node;
	}
	if (masters != 1) {
		fail(world, NO_NODE, vr, "%u masters long after the last fault", masters);
		return;
	}
	check_no_preemption(world, master, vr);
	/* The BSDs do not announce anything because of another master. */
	if (caches_are_sure(world, vr) && (master->host || master->kind == UCARP))
		check_caches(world, master, vr);
}

void judge_settled(struct world *world)
{
	world->is_settled = true;
	trace(world, TRACE_SETTLED, NO_NODE, NO_VR, NULL, 0, 0);
	/* Somebody pre-empts just now: judge_end() has the last word then. */
	if (world->now_ns < world->unsettled_ns)
		return;
	for (uint16_t vr = 0; vr < world->vr_count; vr++)
		if (!is_still_promoted(world, vr) && !is_framed(world, vr))
			check_one_master(world, vr);
}

void judge_end(struct world *world)
{
	if (world->now_ns < world->unsettled_ns)
		return;
	for (uint16_t vr = 0; vr < world->vr_count; vr++)
		if (!is_still_promoted(world, vr) && !is_framed(world, vr))
			check_one_master(world, vr);
}

void judge_peer_state(struct world *world, struct node *node, uint16_t vr)
{
	enum vr_state state = node->peers[vr].state;

	trace(world, TRACE_BECOMES, node->number, vr, states[state], 0, 0);
	check_calm(world, node, vr, states[state]);
}

static void note(struct split *split, bool is_so, uint64_t now_ns)
{
	if (split->since_ns && now_ns - split->since_ns > split->longest_ns)
		split->longest_ns = now_ns - split->since_ns;
	split->since_ns = is_so ? split->since_ns ?: now_ns : 0;
}

/* How long a client is without a master, or has two of them, once nothing is wrong any more. */
void judge_masters(struct world *world)
{
	unsigned int least = NODES_MAX, most = 0;

	if (world->now_ns < world->calm_ns)
		return;
	for (uint16_t vr = 0; vr < world->vr_count; vr++) {
		unsigned int masters = 0;

		for (uint8_t i = 0; i < world->node_count; i++)
			masters += state_of(&world->nodes[i], vr) == MASTER;
		least = masters < least ? masters : least;
		most = masters > most ? masters : most;
	}
	note(&world->without, !least, world->now_ns);
	note(&world->with_two, most > 1, world->now_ns);
}
