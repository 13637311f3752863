// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The log of what others do wrong: adverts that are refused, and addresses of ours that another host announces. They decide how
 * often that is, so a peer has a line at once, and then one after 1, 10 and 60 minutes, and every hour, each with the count. A reason
 * that is new of it has a line at once, too. Only so many peers are told one by one, of one virtual router and of all together:
 * source addresses are easily forged. All others have the same lines together.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/vrouter.h"

#define SETS 32
#define SET_PEERS 8
#define PEERS_OF_ONE 24
#define LINE_INTERVAL_NS NS_PER_S /* of all virtual routers and peers */
#define HOUR_MIN 60u
#define NS_PER_MIN (60 * NS_PER_S)
#define FORGET_NS (HOUR_MIN * NS_PER_MIN)
#define ABOUT_DUPLICATE XCARP_VERDICT_COUNT /* beside enum xcarp_verdict */
#define WORDS_LEN 160

_Static_assert(ABOUT_DUPLICATE < 32, "reasons are a bit mask");

static const unsigned int intervals_min[] = { 1, 10, HOUR_MIN };

struct refused_peer {
	uint64_t due_ns; /* of the next line, if there is something to tell by then */
	uint64_t told_ns; /* the last line */
	uint64_t seen_ns;
	uint64_t mac; /* about a duplicate: as in struct xcarp_record's counter */
	uint32_t index; /* of the virtual router; for all others: of the one that was last */
	uint32_t reasons; /* bit by enum xcarp_verdict: of all that was seen */
	uint32_t since; /* the same, since the last line */
	uint32_t count; /* since the last line */
	uint8_t source[16];
	uint8_t ip_version;
	uint8_t reason; /* of the next line */
	uint8_t lines; /* how many there were, up to the end of intervals_min */
	bool is_used;
	bool is_new; /* a reason that no line has told */
};

/* Places in the table: of peers that are told one by one, by sets, and then those of all others together. */
enum {
	OTHER_PEERS = SETS * SET_PEERS,
	OTHER_DUPLICATES,
	PLACES,
};

struct refusals {
	struct refused_peer peers[PLACES];
	uint64_t next_line_ns;
	uint64_t next_ns; /* when refusals_timers() has something to do */
};

static const char *const words[] = {
#define X(value, counter) [value] = #counter,
	XCARP_VERDICTS(X)
#undef X
	[ABOUT_DUPLICATE] = "duplicate_address",
};

/* NULL: nothing is told of it. */
static const struct {
	const char *phrase;
	const char *advice;
} texts[XCARP_VERDICT_COUNT] = {
#define MALFORMED { "Malformed adverts refused", "" }
	[DROP_BAD_HMAC] = { "Bad digest - adverts refused", " - Check vhid, password and virtual IP address" },
	[DROP_BAD_TAG] = { "Bad tag - adverts refused", " - Check vhid, key or password, and virtual IP address" },
	[DROP_UNKNOWN_KEY] = { "Unknown key - adverts refused",
			       " - Its key must be in our --keyfile, or both must do without" },
	[DROP_WEAK_AUTH] = { "Weak authentication - adverts refused",
			     " - It sends HMAC-SHA1, and --auth=siphash accepts SipHash only" },
	[DROP_NOT_ENABLED] = { "SipHash not enabled - adverts refused",
			       " - It sends SipHash, and --auth=hmac-sha1 accepts HMAC-SHA1 only" },
	[DROP_REPLAYED] = { "Old adverts refused", "" },
	[DROP_BAD_CLOCK] = { "Adverts with a counter far from our time of day refused", " - Check its clock and ours" },
	[DROP_OWN_SOURCE] = { "Adverts from our own address refused", " - Another host has our source address" },
	[DROP_FLOOD] = { "Flood of wrong digests - adverts of strangers refused unread", "" },
	[DROP_BAD_TYPE] = MALFORMED,
	[DROP_BAD_TTL] = MALFORMED,
	[DROP_FRAGMENT] = MALFORMED,
	[DROP_BAD_LENGTH] = MALFORMED,
	[DROP_TRUNCATED] = MALFORMED,
	[DROP_BAD_IP_CHECKSUM] = MALFORMED,
	[DROP_BAD_CHECKSUM] = MALFORMED,
#undef MALFORMED
};

struct refusals *refusals_new(void)
{
	struct refusals *refusals = calloc(1, sizeof(*refusals));

	if (refusals)
		refusals->next_ns = TIMERS_NEVER;
	return refusals;
}

void refusals_free(struct refusals *refusals)
{
	free(refusals);
}

uint64_t refusals_deadline(const struct refusals *refusals)
{
	return refusals->next_ns;
}

static bool is_about_duplicate(const struct refused_peer *peer)
{
	return peer->reason == ABOUT_DUPLICATE;
}

static struct refused_peer *set_of(struct refusals *refusals, uint32_t index, const uint8_t source[16])
{
	uint32_t hash = index * 0x9e3779b1u, word;

	for (int i = 0; i < 4; i++) {
		memcpy(&word, source + 4 * i, sizeof(word));
		hash = (hash ^ word) * 0x85ebca6bu;
		hash ^= hash >> 15;
	}
	return &refusals->peers[hash % SETS * SET_PEERS];
}

/* What it is told under: an entry of its own, or that of all others. */
static struct refused_peer *find_peer(struct refusals *refusals, struct vrouter *vr, const struct xcarp_record *notice,
				      unsigned int reason)
{
	struct refused_peer *set = set_of(refusals, vr->index, notice->source), *unused = NULL;

	for (int i = 0; i < SET_PEERS; i++) {
		struct refused_peer *peer = &set[i];

		if (!peer->is_used)
			unused = unused ? unused : peer;
		else if (peer->index == vr->index && !memcmp(peer->source, notice->source, sizeof(peer->source)) &&
			 is_about_duplicate(peer) == (reason == ABOUT_DUPLICATE))
			return peer;
	}
	if (!unused || vr->refused_peers == PEERS_OF_ONE)
		return &refusals->peers[reason == ABOUT_DUPLICATE ? OTHER_DUPLICATES : OTHER_PEERS];
	vr->refused_peers++;
	*unused = (struct refused_peer){ .index = vr->index, .is_used = true, .is_new = true };
	memcpy(unused->source, notice->source, sizeof(unused->source));
	return unused;
}

static void forget(struct engine *engine, struct refused_peer *peer)
{
	if (peer < &engine->refusals->peers[OTHER_PEERS])
		engine->vrouters[peer->index]->refused_peers--;
	*peer = (struct refused_peer){ 0 };
}

void refusals_forget(struct engine *engine, uint32_t index)
{
	struct refusals *refusals = engine->refusals;

	for (int i = 0; i < PLACES; i++)
		if (refusals->peers[i].is_used && refusals->peers[i].index == index)
			forget(engine, &refusals->peers[i]);
}

/* Lines. */

static const char *all_words(uint32_t reasons, char text[WORDS_LEN])
{
	size_t len = 0;

	*text = '\0';
	for (; reasons && len < WORDS_LEN; reasons &= reasons - 1)
		len += (size_t)snprintf(text + len, WORDS_LEN - len, "%s%s", len ? ", " : "", words[__builtin_ctz(reasons)]);
	return text;
}

static unsigned int minutes_since(uint64_t then_ns, uint64_t now_ns)
{
	return (unsigned int)((now_ns - then_ns + NS_PER_MIN / 2) / NS_PER_MIN);
}

static void tell_duplicate(struct engine *engine, struct vrouter *vr, const struct refused_peer *peer, const char *address,
			   uint64_t now_ns)
{
	uint8_t mac[8];

	memcpy(mac, &peer->mac, sizeof(mac));
	if (peer->told_ns)
		vrouter_log_now(engine, vr, LOG_WARNING,
				"%s: another host has it, too: %02x:%02x:%02x:%02x:%02x:%02x: announced %u times more in %u min (%s)",
				address, mac[2], mac[3], mac[4], mac[5], mac[6], mac[7], peer->count,
				minutes_since(peer->told_ns, now_ns), words[ABOUT_DUPLICATE]);
	else
		vrouter_log_now(engine, vr, LOG_WARNING,
				"%s: another host has it, too: %02x:%02x:%02x:%02x:%02x:%02x has announced it (%s) - Take it off that host",
				address, mac[2], mac[3], mac[4], mac[5], mac[6], mac[7], words[ABOUT_DUPLICATE]);
}

static void tell_refused(struct engine *engine, struct vrouter *vr, const struct refused_peer *peer, const char *source,
			 uint64_t now_ns)
{
	char reasons[WORDS_LEN];

	if (peer == &engine->refusals->peers[OTHER_PEERS])
		vrouter_log_now(engine, vr, LOG_WARNING,
				"Adverts refused: %u, from more sources than are told one by one, the last from %s (%s); see `xcarpctl status`",
				peer->count, source, all_words(peer->since, reasons));
	else if (peer->is_new)
		vrouter_log_now(engine, vr, LOG_WARNING, "%s: %u, the last from %s (%s)%s", texts[peer->reason].phrase, peer->count,
				source, all_words(peer->since, reasons), texts[peer->reason].advice);
	else
		vrouter_log_now(engine, vr, LOG_WARNING, "Adverts refused: %u more in %u min, the last from %s (%s)", peer->count,
				minutes_since(peer->told_ns, now_ns), source, all_words(peer->since, reasons));
}

static void note_down(struct engine *engine, struct vrouter *vr, const struct refused_peer *peer, uint64_t now_ns)
{
	struct xcarp_record notice = { .ip_version = peer->ip_version, .count = peer->count };
	enum vr_cause cause = is_about_duplicate(peer) ? CAUSE_DUPLICATE_ADDRESS : (enum vr_cause)(CAUSE_REFUSED + peer->reason);

	memcpy(notice.source, peer->source, sizeof(notice.source));
	vrouter_journal(engine, vr, vr->election.state, cause, &notice, now_ns);
}

static void tell(struct engine *engine, struct refused_peer *peer, uint64_t now_ns)
{
	unsigned int last = sizeof(intervals_min) / sizeof(*intervals_min) - 1;
	struct vrouter *vr = engine->vrouters[peer->index];
	char source[INET6_ADDRSTRLEN];

	inet_ntop(peer->ip_version == 6 ? AF_INET6 : AF_INET, peer->source, source, sizeof(source));
	if (is_about_duplicate(peer))
		tell_duplicate(engine, vr, peer, source, now_ns);
	else
		tell_refused(engine, vr, peer, source, now_ns);
	note_down(engine, vr, peer, now_ns);
	/* A new reason's line leaves the next one where it is. */
	if (now_ns >= peer->due_ns) {
		peer->due_ns = now_ns + intervals_min[peer->lines] * NS_PER_MIN;
		if (peer->lines < last)
			peer->lines++;
	}
	peer->told_ns = now_ns;
	peer->count = 0;
	peer->since = 0;
	peer->is_new = false;
	engine->refusals->next_line_ns = now_ns + LINE_INTERVAL_NS;
}

/* When. */

static bool wants_line(const struct refused_peer *peer, uint64_t now_ns)
{
	return peer->is_used && peer->count && (peer->is_new || now_ns >= peer->due_ns);
}

static uint64_t forget_ns(const struct refused_peer *peer)
{
	uint64_t ns = peer->seen_ns + FORGET_NS;

	return ns > peer->due_ns ? ns : peer->due_ns;
}

static uint64_t next_ns_of(const struct refusals *refusals, const struct refused_peer *peer, uint64_t now_ns)
{
	if (!peer->is_used)
		return TIMERS_NEVER;
	if (wants_line(peer, now_ns))
		return refusals->next_line_ns;
	return peer->count ? peer->due_ns : forget_ns(peer);
}

/* Who has waited for longest; the new ones first. */
static struct refused_peer *next_to_tell(struct refusals *refusals, uint64_t now_ns)
{
	struct refused_peer *next = NULL;

	for (int i = 0; i < PLACES; i++) {
		struct refused_peer *peer = &refusals->peers[i];

		if (wants_line(peer, now_ns) && (!next || peer->due_ns < next->due_ns))
			next = peer;
	}
	return next;
}

void refusals_timers(struct engine *engine, uint64_t now_ns)
{
	struct refusals *refusals = engine->refusals;
	struct refused_peer *next;

	if (now_ns < refusals->next_ns)
		return;
	next = next_to_tell(refusals, now_ns);
	if (next && now_ns >= refusals->next_line_ns)
		tell(engine, next, now_ns);
	refusals->next_ns = TIMERS_NEVER;
	for (int i = 0; i < PLACES; i++) {
		struct refused_peer *peer = &refusals->peers[i];

		if (peer->is_used && !peer->count && now_ns >= forget_ns(peer))
			forget(engine, peer);
		if (next_ns_of(refusals, peer, now_ns) < refusals->next_ns)
			refusals->next_ns = next_ns_of(refusals, peer, now_ns);
	}
}

void refusals_tell_rest(struct engine *engine)
{
	const struct refused_peer *peers = engine->refusals->peers;
	uint64_t count = 0;
	char line[LINE_LEN];

	for (int i = 0; i < PLACES; i++)
		if (!is_about_duplicate(&peers[i]))
			count += peers[i].count;
	if (!count)
		return;
	snprintf(line, sizeof(line), "Adverts refused: %llu more since the last lines about them", (unsigned long long)count);
	engine->ports->log(engine->ports->ctx, LOG_WARNING, NULL, line);
}

static void take(struct engine *engine, struct vrouter *vr, const struct xcarp_record *notice, unsigned int reason,
		 uint64_t now_ns)
{
	struct refusals *refusals = engine->refusals;
	struct refused_peer *peer = find_peer(refusals, vr, notice, reason);
	bool is_new = !(peer->reasons >> reason & 1);

	peer->is_used = true;
	peer->index = vr->index;
	memcpy(peer->source, notice->source, sizeof(peer->source));
	peer->ip_version = notice->ip_version;
	peer->mac = notice->counter;
	if (is_new || !peer->is_new)
		peer->reason = (uint8_t)reason;
	peer->is_new |= is_new;
	peer->reasons |= 1u << reason;
	peer->since |= 1u << reason;
	peer->count += notice->count;
	peer->seen_ns = now_ns;
	if (wants_line(peer, now_ns) && now_ns >= refusals->next_line_ns)
		tell(engine, peer, now_ns);
	if (next_ns_of(refusals, peer, now_ns) < refusals->next_ns)
		refusals->next_ns = next_ns_of(refusals, peer, now_ns);
}

void refusals_take(struct engine *engine, struct vrouter *vr, const struct xcarp_record *notice, uint64_t now_ns)
{
	if (notice->reason < XCARP_VERDICT_COUNT && texts[notice->reason].phrase)
		take(engine, vr, notice, notice->reason, now_ns);
}

void refusals_take_duplicate(struct engine *engine, struct vrouter *vr, const struct xcarp_record *duplicate, uint64_t now_ns)
{
	take(engine, vr, duplicate, ABOUT_DUPLICATE, now_ns);
}
