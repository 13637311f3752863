// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ctl/journal.h"

#include <string.h>

#include "ctl/format.h"
#include "ctl/json.h"

#define WRITER_TIME_NS 1000000000ull

static const struct {
	const char *word;
	const char *meaning;
} causes[VR_CAUSE_COUNT] = {
#define X(value, name) [value].word = #name,
	XCARP_CAUSES(X)
#undef X
	[CAUSE_NONE].meaning = "no reason was given",
	[CAUSE_STARTED].meaning = "its controller started",
	[CAUSE_ADOPTED].meaning = "its controller goes on as master where the one before it ended",
	[CAUSE_LINK_UP].meaning = "the interface got a carrier",
	[CAUSE_LINK_DOWN].meaning = "the interface is down, has no carrier, or is gone",
	[CAUSE_WITHDRAWN].meaning = "the interface can no longer be used",
	[CAUSE_MASTER_SILENT].meaning = "no advert came for the whole down time",
	[CAUSE_PREEMPTION].meaning = "the master's interval is longer than ours, and we pre-empt",
	[CAUSE_BOW_OUT].meaning = "the master bowed out: it was told to end, or to give mastership away",
	[CAUSE_MASTER_TOO_SLOW].meaning = "the master's interval is longer than our down time",
	[CAUSE_PREFERRED_MASTER].meaning = "a better master advertised",
	[CAUSE_NON_PREFERRED_MASTER].meaning = "a worse host believes that it is master",
	[CAUSE_DEMOTED].meaning = "an operator demoted it",
	[CAUSE_PROMOTED].meaning = "an operator promoted it",
	[CAUSE_RELEASED].meaning = "an operator released it",
	[CAUSE_STOPPED].meaning = "its controller left",
	[CAUSE_SEND_SUPPRESSED].meaning = "adverts could not be sent",
	[CAUSE_SEND_RECOVERED].meaning = "adverts can be sent again",
	[CAUSE_CONSTANT_COUNTER].meaning = "a peer repeats one counter: its adverts cannot be told from old ones",
	[CAUSE_VRRP].meaning = "a VRRP router has the same id: it is no peer, and not heard",
	[CAUSE_DUPLICATE_ADDRESS].meaning = "another host has an address of it, too",
	[CAUSE_OWN_ADDRESS_GONE].meaning = "this host's own address was taken off the interface",
	[CAUSE_OWN_ADDRESS_BACK].meaning = "this host's own address is on the interface again",
	[CAUSE_FENCED].meaning = "somebody else had been master without our reaction: the driver had silenced us",
};

static const char *const refusals[XCARP_VERDICT_COUNT] = {
	[DROP_BAD_VERSION] = "adverts of another version of CARP were refused",
	[DROP_NOT_ENABLED] = "adverts with SipHash were refused, and only HMAC-SHA1 is accepted",
	[DROP_BAD_TYPE] = "adverts of another type were refused",
	[DROP_BAD_TTL] = "adverts that may have come through a router were refused",
	[DROP_FRAGMENT] = "fragments of adverts were refused",
	[DROP_BAD_LENGTH] = "adverts of a wrong length were refused",
	[DROP_TRUNCATED] = "adverts that were cut off were refused",
	[DROP_OWN_SOURCE] = "adverts came from our own source address: another host has it, too",
	[DROP_BAD_IP_CHECKSUM] = "adverts with a wrong IP checksum were refused",
	[DROP_BAD_CHECKSUM] = "adverts with a wrong checksum were refused",
	[DROP_BAD_HMAC] = "adverts with a wrong signature were refused: another password, or other addresses",
	[DROP_BAD_TAG] = "adverts with a wrong SipHash were refused: another key, or other addresses",
	[DROP_UNKNOWN_KEY] = "adverts signed with a key that is not here were refused",
	[DROP_WEAK_AUTH] = "adverts with HMAC-SHA1 were refused, and only SipHash is accepted",
	[DROP_REPLAYED] = "adverts that had been heard before, or older ones, were refused",
	[DROP_BAD_CLOCK] = "adverts whose counter is far from our time of day were refused",
	[DROP_FLOOD] = "so many signatures were wrong that strangers' adverts were refused unread",
};

const char *cause_word(unsigned int cause)
{
	if (cause >= CAUSE_REFUSED && cause - CAUSE_REFUSED < XCARP_VERDICT_COUNT)
		return drop_name(cause - CAUSE_REFUSED);
	return cause < VR_CAUSE_COUNT ? causes[cause].word : "?";
}

const char *refusal_meaning(unsigned int verdict)
{
	return verdict < XCARP_VERDICT_COUNT ? refusals[verdict] : NULL;
}

const char *cause_meaning(unsigned int cause)
{
	const char *meaning = cause >= CAUSE_REFUSED ? refusal_meaning(cause - CAUSE_REFUSED) :
			      cause < VR_CAUSE_COUNT ? causes[cause].meaning :
						       NULL;

	return meaning ? meaning : "for a reason this xcarpctl does not know";
}

static uint64_t newest(const struct journal_ring *ring)
{
	return __atomic_load_n(&ring->entries[0].sequence, __ATOMIC_ACQUIRE);
}

static uint64_t oldest(const struct journal_ring *ring, uint64_t head)
{
	return head > ring->room ? head - ring->room + 1 : 1;
}

void journal_open(struct journal *journal, const struct maps *maps)
{
	static const enum map of[JOURNAL_RINGS] = { MAP_JOURNAL, MAP_NOTICES };

	for (int i = 0; i < JOURNAL_RINGS; i++) {
		struct journal_ring *ring = &journal->rings[i];

		*ring = (struct journal_ring){ .entries = maps->mapped[of[i]], .room = maps->entries[of[i]] - 1 };
		ring->next = newest(ring) + 1;
	}
}

void journal_rewind(struct journal *journal)
{
	for (int i = 0; i < JOURNAL_RINGS; i++)
		journal->rings[i].next = oldest(&journal->rings[i], newest(&journal->rings[i]));
}

/* Copies entry number n where it is whole. */
static bool read_entry(const struct journal_ring *ring, uint64_t n, struct journal_entry *entry)
{
	const struct journal_entry *shared = &ring->entries[1 + (n - 1) % ring->room];

	if (__atomic_load_n(&shared->sequence, __ATOMIC_ACQUIRE) != n)
		return false;
	memcpy(entry, shared, sizeof(*entry));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&shared->sequence, __ATOMIC_RELAXED) == n;
}

/* One entry back, in the ring where the newer one is; those that are gone or being written are passed over. False: there is none. */
static bool step_back(struct journal *journal, const uint64_t first[JOURNAL_RINGS], struct journal_entry *entry, int *from)
{
	struct journal_entry candidate;

	*from = -1;
	for (int i = 0; i < JOURNAL_RINGS; i++) {
		struct journal_ring *ring = &journal->rings[i];

		while (ring->next > first[i] && !read_entry(ring, ring->next - 1, &candidate))
			ring->next--;
		if (ring->next <= first[i] || (*from >= 0 && candidate.when_ns <= entry->when_ns))
			continue;
		*entry = candidate;
		*from = i;
	}
	if (*from < 0)
		return false;
	journal->rings[*from].next--;
	return true;
}

static void start_from_newest(struct journal *journal, uint64_t first[JOURNAL_RINGS])
{
	for (int i = 0; i < JOURNAL_RINGS; i++) {
		uint64_t head = newest(&journal->rings[i]);

		first[i] = oldest(&journal->rings[i], head);
		journal->rings[i].next = head + 1;
	}
}

void journal_rewind_by(struct journal *journal, uint64_t count, const struct filter *filter)
{
	uint64_t first[JOURNAL_RINGS];
	struct journal_entry entry;
	int from;

	start_from_newest(journal, first);
	while (count && step_back(journal, first, &entry, &from))
		count -= journal_matches(&entry, filter);
}

static enum journal_news lose(struct journal_ring *ring, uint64_t until, uint64_t *lost)
{
	*lost = until - ring->next;
	ring->next = until;
	ring->waiting_since_ns = 0;
	return JOURNAL_LOST;
}

/* The ring's next entry, which is not taken yet. */
static enum journal_news look(struct journal_ring *ring, uint64_t now_ns, struct journal_entry *entry, uint64_t *lost)
{
	uint64_t head = newest(ring), first;

	if (ring->next > head)
		return JOURNAL_NOTHING;
	if (read_entry(ring, ring->next, entry)) {
		ring->waiting_since_ns = 0;
		return JOURNAL_ENTRY;
	}
	/* Read anew: it may have been overrun only now. */
	first = oldest(ring, newest(ring));
	if (first > ring->next)
		return lose(ring, first, lost);
	if (!ring->waiting_since_ns)
		ring->waiting_since_ns = now_ns;
	if (now_ns - ring->waiting_since_ns < WRITER_TIME_NS)
		return JOURNAL_NOTHING;
	return lose(ring, ring->next + 1, lost);
}

enum journal_news journal_next(struct journal *journal, uint64_t now_ns, struct journal_entry *entry, uint64_t *lost)
{
	struct journal_ring *from = NULL;

	for (int i = 0; i < JOURNAL_RINGS; i++) {
		struct journal_entry candidate;

		switch (look(&journal->rings[i], now_ns, &candidate, lost)) {
		case JOURNAL_NOTHING:
			break;
		case JOURNAL_LOST:
			return JOURNAL_LOST;
		case JOURNAL_ENTRY:
			if (from && candidate.when_ns >= entry->when_ns)
				break;
			from = &journal->rings[i];
			*entry = candidate;
			break;
		}
	}
	if (!from)
		return JOURNAL_NOTHING;
	from->next++;
	return JOURNAL_ENTRY;
}

bool journal_is_transition(const struct journal_entry *entry)
{
	return entry->from != entry->to;
}

/* The first byte of an IPv4 group is 224 to 239; what ff02::/96 has there is small. */
static uint8_t group_version(const struct journal_entry *entry)
{
	return entry->group[0] >> 4 == 0xe ? 4 : 6;
}

bool journal_matches(const struct journal_entry *entry, const struct filter *filter)
{
	char interface[NAME_TEXT_LEN];
	struct filter_subject subject = {
		.interface = format_name(entry->interface, sizeof(entry->interface), interface),
		.vhid = entry->vhid,
		.ip_version = group_version(entry),
		.group = entry->group,
		.state = entry->to,
		.owner_pid = entry->owner_pid,
	};

	return filter_matches(filter, &subject);
}

void journal_line(struct text *text, const struct journal_entry *entry)
{
	char clock[CLOCK_TEXT_LEN], interface[NAME_TEXT_LEN], address[ADDRESS_TEXT_LEN];

	text_printf(text, "%s %s/%u", format_clock(clock_realtime_of(entry->when_ns), clock),
		    format_name(entry->interface, sizeof(entry->interface), interface), entry->vhid);
	if (!is_usual_group(group_version(entry), entry->group))
		text_printf(text, "@%s", format_group(group_version(entry), entry->group, address));
	if (entry->vlan)
		text_printf(text, " VLAN %u", entry->vlan);
	text_printf(text, " %s", state_name(entry->from));
	if (journal_is_transition(entry))
		text_printf(text, " -> %s", state_name(entry->to));
	text_printf(text, ": %s", cause_word(entry->cause));
	if (entry->count)
		text_printf(text, ", %u %s", entry->count, entry->cause >= CAUSE_REFUSED ? "refused" : "times");
	if (entry->ip_version)
		text_printf(text, " (last %s)", format_address(entry->ip_version, entry->source, address));
	text_add(text, "\n");
}

void journal_json(struct text *text, const struct journal_entry *entry)
{
	char clock[CLOCK_TEXT_LEN], interface[NAME_TEXT_LEN], address[ADDRESS_TEXT_LEN];

	json_open(text, NULL, '{');
	json_u64(text, "sequence", entry->sequence);
	json_string(text, "ring", journal_is_notice(entry) ? "notices" : "journal");
	json_string(text, "time", format_utc(clock_realtime_of(entry->when_ns), clock));
	json_u64(text, "when_ns", entry->when_ns);
	json_string(text, "type", journal_is_transition(entry) ? "transition" : "notice");
	json_string(text, "interface", format_name(entry->interface, sizeof(entry->interface), interface));
	json_u64(text, "ifindex", entry->ifindex);
	json_u64(text, "vhid", entry->vhid);
	json_string(text, "group", format_group(group_version(entry), entry->group, address));
	json_u64(text, "vlan", entry->vlan);
	json_u64(text, "slot", entry->slot);
	json_string(text, "from", state_name(entry->from));
	json_string(text, "to", state_name(entry->to));
	json_string(text, "cause", cause_word(entry->cause));
	if (entry->ip_version) {
		json_string(text, "source", format_address(entry->ip_version, entry->source, address));
		json_u64(text, "advbase", entry->advbase);
		json_u64(text, "advskew", entry->advskew);
	} else {
		json_null(text, "source");
	}
	json_u64(text, "count", entry->count);
	json_u64(text, "owner_pid", entry->owner_pid);
	json_close(text, '}');
	text_add(text, "\n");
}

/* Goes back to the next entry that is about the virtual router. False: there is none. */
static bool step_back_about(struct journal *journal, const uint64_t first[JOURNAL_RINGS], uint32_t slot, uint8_t vhid,
			    const char *interface, struct journal_entry *entry, int *from)
{
	while (step_back(journal, first, entry, from))
		if (entry->slot == slot && entry->vhid == vhid && !strncmp(entry->interface, interface, sizeof(entry->interface)))
			return true;
	return false;
}

bool journal_last(const struct maps *maps, uint32_t slot, uint8_t vhid, const char *interface,
		  bool (*is_wanted)(const struct journal_entry *entry), struct journal_entry *found)
{
	uint64_t first[JOURNAL_RINGS];
	struct journal journal;
	int from;

	journal_open(&journal, maps);
	start_from_newest(&journal, first);
	while (step_back_about(&journal, first, slot, vhid, interface, found, &from))
		if (is_wanted(found))
			return true;
	return false;
}

size_t journal_about(const struct maps *maps, uint32_t slot, uint8_t vhid, const char *interface,
		     struct journal_entry *entries, size_t room, size_t notices)
{
	uint64_t first[JOURNAL_RINGS];
	struct journal_entry entry;
	struct journal journal;
	size_t at = room;
	int from;

	journal_open(&journal, maps);
	start_from_newest(&journal, first);
	while (at && step_back_about(&journal, first, slot, vhid, interface, &entry, &from)) {
		if (from == 1 && !notices)
			continue;
		notices -= from == 1;
		entries[--at] = entry;
	}
	memmove(entries, entries + at, (room - at) * sizeof(*entries));
	return room - at;
}
