// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The XDP program and its maps, as far as controllers depend on them: what bpf/ does in other words, around the decisions that
 * both share, about replays and the fence. It goes on while the controller is stopped or dead.
 */
#include <stdlib.h>
#include <string.h>

#include <xcarp/fence.h>
#include <xcarp/replay.h>

#include "sim.h"

#define CARP_AT (14 + 20)
#define SOURCE_AT 26
#define TTL_AT 22
#define CLOCK_SKEW_S 60

/* As user/io/dataplane.c: a strict one takes no counter that is further from its time of day, until it has taken one. */
static void enter_guard(struct host *host, struct driver_vr *d)
{
	uint64_t realtime_ns = host->ports.realtime_ns(host), skew_ns = CLOCK_SKEW_S * NS_PER_S;

	if (d->guard.era)
		return;
	d->guard.era = d->generation;
	d->guard.replay.floor = realtime_ns - skew_ns;
	d->guard.replay.ceiling = realtime_ns + skew_ns - host_time(host->world, host);
}

void driver_enter(struct world *world, struct node *node)
{
	for (uint16_t vr = 0; vr < world->vr_count; vr++) {
		struct driver_vr *d = &node->host->driver[vr];

		d->generation++;
		d->live.generation = d->generation;
		d->is_entered = true;
		enter_guard(node->host, d);
	}
}

void driver_leave(struct node *node, uint16_t vr_count)
{
	for (uint16_t vr = 0; vr < vr_count; vr++)
		node->host->driver[vr].is_entered = false;
}

static bool checksum_is_good(const uint8_t *bytes, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

/* The record goes to the ring of a controller that has one. */
static void push(struct world *world, struct node *node, const struct xcarp_record *record)
{
	struct host *host = node->host;

	if (!host->engine)
		return;
	if (host->ring_count == host->ring_room) {
		host->ring_overflowed = true;
		return;
	}
	host->ring[host->ring_count++] = *record;
	host_wake_at(world, node, world->now_ns + draw(world, 50 * NS_PER_US));
}

static void refuse(struct world *world, struct node *node, uint16_t vr, const struct xcarp_record *advert,
		   enum xcarp_verdict verdict)
{
	struct driver_vr *d = &node->host->driver[vr];
	struct guard_notice *of = &d->guard.notices[verdict == DROP_BAD_CLOCK ? GUARD_BAD_CLOCK : GUARD_REPLAYED];
	uint32_t *count = verdict == DROP_BAD_HMAC ? &d->live.bad_hmac : &of->count;
	__u64 *notice_ns = verdict == DROP_BAD_HMAC ? &d->live.notice_ns : &of->notice_ns;
	struct xcarp_record notice = *advert;

	trace(world, TRACE_REFUSES, node->number, vr, verdict == DROP_BAD_HMAC ? "(digest)" : "(replay)", advert->source[3],
	      advert->advbase * 256u + advert->advskew);
	judge_refused(world, node, vr, advert->counter);
	++*count;
	if (*notice_ns && advert->arrival_ns - *notice_ns < XCARP_NOTICE_INTERVAL_NS)
		return;
	*notice_ns = advert->arrival_ns;
	notice.type = RECORD_NOTICE;
	notice.reason = (uint8_t)verdict;
	notice.count = *count;
	*count = 0;
	push(world, node, &notice);
}

/* Replays: bpf/guard.bpf.h. */

void driver_forget(struct world *world, struct driver_vr *d)
{
	(void)world;
	d->live = (struct vr_live){ 0 };
	d->guard = (struct vr_guard){ 0 };
	d->accepted_count = d->seen.count = d->taken_count = 0;
	d->owed_ns = 0;
}

static bool has_counter(const struct counters *counters, uint64_t counter)
{
	for (uint32_t i = counters->count; i > 0; i--)
		if (counters->values[i - 1] == counter)
			return true;
	return false;
}

static void add_counter(struct counters *counters, uint64_t counter)
{
	counters->values = grow(counters->values, &counters->room, counters->count + 1, sizeof(*counters->values));
	counters->values[counters->count++] = counter;
}

struct visit {
	uint32_t source[4];
	uint32_t place;
	uint32_t run;
	enum replay_answer answer;
};

static enum xcarp_verdict look(const struct driver_vr *d, struct visit *visit, const struct xcarp_record *record)
{
	memcpy(visit->source, record->source, sizeof(visit->source));
	visit->place = replay_find(&d->guard.replay, visit->source);
	visit->answer = REPLAY_COUNTS;
	visit->run = 0;
	if (d->live.replay == REPLAY_OFF)
		return ACCEPTED;
	visit->answer = replay_look(&d->guard.replay, d->live.replay == REPLAY_STRICT, visit->place, d->live.sent_counter,
				    d->live.down_ns + REPLAY_LAG_NS, record->counter, record->arrival_ns, &visit->run);
	if (visit->answer == REPLAY_OLD || ((visit->answer == REPLAY_SINGLE || visit->answer == REPLAY_DOUBTED) &&
					    has_counter(&d->seen, record->counter)))
		return DROP_REPLAYED;
	return visit->answer == REPLAY_BAD_CLOCK ? DROP_BAD_CLOCK : ACCEPTED;
}

static struct replay_advert advert_of(const struct driver_vr *d, const struct visit *visit, const struct xcarp_record *record)
{
	return (struct replay_advert){
		.address = visit->source,
		.counter = record->counter,
		.now_ns = record->arrival_ns,
		.down_ns = d->live.down_ns,
		.interval_256ths = (uint16_t)(record->advbase * 256u + record->advskew),
	};
}

static bool learn_counter(struct driver_vr *d, struct visit *visit, const struct xcarp_record *record)
{
	const struct replay_advert advert = advert_of(d, visit, record);
	uint64_t counter = record->counter;

	if (visit->answer == REPLAY_DOUBTED) {
		visit->answer = replay_settle(&d->guard.replay, visit->place, d->live.sent_counter, &advert);
		visit->run = REPLAY_RUNS;
	}
	if (visit->answer == REPLAY_OLD)
		return false;
	if (d->live.replay == REPLAY_OFF || visit->answer == REPLAY_REPEATS)
		return true;
	if (d->live.replay == REPLAY_STRICT)
		return replay_take_strict(&d->guard.replay, counter);
	if (has_counter(&d->seen, counter))
		return false;
	if (replay_is_by_itself(visit->answer, visit->run))
		add_counter(&d->seen, counter);
	visit->answer = replay_take(&d->guard.replay, visit->place, visit->answer, visit->run, counter);
	return true;
}

static bool take_counter(const struct node *node, struct driver_vr *d, struct visit *visit, const struct xcarp_record *record)
{
	const struct replay before = d->guard.replay;
	const struct replay_run *oldest = &before.runs[REPLAY_RUNS - 1];
	bool is_taken = learn_counter(d, visit, record);

	if (replay_is_run(oldest) && !memcmp(&before.runs[1], &d->guard.replay.runs[2], sizeof(before.runs[1])))
		judge_forgotten(node, d, oldest);
	return is_taken;
}

static void learn(struct driver_vr *d, struct visit *visit, const struct xcarp_record *record)
{
	const struct replay_advert advert = advert_of(d, visit, record);

	replay_take_source(&d->guard.replay, visit->place, visit->answer, &advert);
}

/* The fence: bpf/fence.bpf.h. */

static void watch(struct host *host, struct driver_vr *d, const struct xcarp_record *record)
{
	bool is_bow_out = record->advbase == CARP_BOW_OUT && record->advskew == CARP_BOW_OUT;
	uint64_t until_ns = record->arrival_ns + fence_alive_ns(record->advbase * 256u + record->advskew) + NS_PER_S;

	d->guard.unanswered_ns = fence_unanswered(d->guard.unanswered_ns, d->live.answered_ns, record->arrival_ns, is_bow_out);
	if (!is_bow_out && host->watch_until_ns < until_ns)
		host->watch_until_ns = until_ns;
	if (is_bow_out)
		d->owed_ns = 0;
	else if (!d->owed_ns)
		d->owed_ns = host->world->now_ns;
}

/* Whether a question for addresses of the virtual router that the controller put there would be dropped now. */
bool driver_fences(const struct world *world, const struct node *node, uint16_t vr)
{
	const struct driver_vr *d = &node->host->driver[vr];
	uint64_t now_ns = host_time(world, node->host);

	return now_ns <= node->host->watch_until_ns && fence_holds(&d->live, d->guard.unanswered_ns, now_ns);
}

static bool live_update(struct vr_live *live, const struct xcarp_record *record)
{
	uint32_t interval_256ths = record->advbase * 256u + record->advskew;
	bool news = memcmp(live->source, record->source, sizeof(live->source)) ||
		    live->interval_256ths != interval_256ths || live->demote != record->demote ||
		    live->arrival_ns < live->since_ns;

	live->interval_256ths = (uint16_t)interval_256ths;
	live->arrival_ns = record->arrival_ns;
	live->counter = record->counter;
	memcpy(live->source, record->source, sizeof(live->source));
	live->advbase = record->advbase;
	live->advskew = record->advskew;
	live->demote = record->demote;
	live->ip_version = record->ip_version;
	live->accepted++;
	return news;
}

static void take(struct world *world, struct node *node, uint16_t vr, const struct xcarp_record *record)
{
	struct driver_vr *d = &node->host->driver[vr];
	struct advert *kept = &d->accepted[d->accepted_count++ % ADVERTS_KEPT];
	bool is_master = d->live.state == MASTER, news = live_update(&d->live, record);
	uint32_t before = node->host->ring_count;

	*kept = (struct advert){ .arrival_ns = world->now_ns, .interval_256ths = d->live.interval_256ths };
	memcpy(&kept->source, record->source, sizeof(kept->source));
	trace(world, TRACE_ACCEPTS, node->number, vr, news ? "(news)" : NULL, record->source[3], d->live.interval_256ths);
	if (is_master)
		watch(node->host, d, record);
	if (!news && !is_master && d->live.generation == d->generation)
		return;
	push(world, node, record);
	if (node->host->ring_count > before)
		judge_record(world, node, vr, kept);
}

static enum xcarp_verdict examine(struct world *world, struct node *node, uint16_t vr, const struct xcarp_record *record,
				  bool is_authentic)
{
	struct driver_vr *d = &node->host->driver[vr];
	struct visit visit;
	enum xcarp_verdict verdict = look(d, &visit, record);

	if (verdict != ACCEPTED)
		return verdict;
	if (!is_authentic)
		return DROP_BAD_HMAC;
	if (!take_counter(node, d, &visit, record))
		return DROP_REPLAYED;
	judge_accepted(world, node, vr, record->counter, visit.source[0], visit.answer == REPLAY_REPEATS);
	learn(d, &visit, record);
	return ACCEPTED;
}

static void note_sender(struct driver_vr *d, uint8_t from, enum xcarp_verdict verdict)
{
	d->unheard &= (uint8_t)~(1u << from);
	if (verdict != ACCEPTED)
		d->unheard |= (uint8_t)(1u << from);
}

void driver_receive(struct world *world, struct node *node, const struct lan_frame *frame)
{
	const uint8_t *carp = frame->bytes + CARP_AT;
	uint16_t vr = world->vr_of_vhid[carp[1]];
	enum xcarp_verdict verdict;
	struct xcarp_record record = {
		.abi_version = XCARP_ABI_VERSION,
		.type = RECORD_ADVERT,
		.ip_version = 4,
		.advbase = carp[5],
		.advskew = carp[2],
		.demote = carp[4],
	};

	if (vr == NO_VR || !node->host->driver[vr].is_entered || !node->host->ifindex)
		return;
	if (frame->bytes[TTL_AT] != CARP_TTL || carp[0] != CARP_VERSION_TYPE || carp[3] != CARP_AUTHLEN ||
	    !memcmp(frame->bytes + SOURCE_AT, &node->source, 4) || !checksum_is_good(carp, sizeof(struct carp_header)))
		return;
	for (int i = 0; i < 8; i++)
		record.counter = record.counter << 8 | carp[8 + i];
	record.arrival_ns = host_time(world, node->host);
	/* No two of one virtual router at the same nanosecond. */
	if (record.arrival_ns <= node->host->driver[vr].live.arrival_ns)
		record.arrival_ns = node->host->driver[vr].live.arrival_ns + 1;
	record.index = vr;
	record.generation = node->host->driver[vr].generation;
	memcpy(record.source, frame->bytes + SOURCE_AT, 4);
	verdict = examine(world, node, vr, &record, frame->is_authentic);
	if (frame->is_authentic)
		note_sender(&node->host->driver[vr], frame->from, verdict);
	if (verdict == ACCEPTED)
		take(world, node, vr, &record);
	else
		refuse(world, node, vr, &record, verdict);
}
