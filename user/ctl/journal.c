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
	[CAUSE_BAD_DIGEST].meaning = "adverts with a wrong signature were refused",
	[CAUSE_BAD_TAG].meaning = "adverts with a wrong SipHash were refused",
	[CAUSE_UNKNOWN_KEY].meaning = "adverts signed with a key that is not here were refused",
	[CAUSE_WEAK_AUTH].meaning = "adverts with HMAC-SHA1 were refused, and only SipHash is accepted",
	[CAUSE_REPLAYED].meaning = "adverts that had been heard before, or older ones, were refused",
	[CAUSE_BAD_CLOCK].meaning = "adverts whose counter is far from our time of day were refused",
	[CAUSE_FLOOD].meaning = "so many signatures were wrong that strangers' adverts were refused unread",
	[CAUSE_OWN_SOURCE].meaning = "adverts came from our own source address: another host has it, too",
	[CAUSE_NOT_ENABLED].meaning = "adverts with SipHash were refused, and only HMAC-SHA1 is accepted",
	[CAUSE_MALFORMED].meaning = "adverts that are none by the standard's rules were refused",
	[CAUSE_CONSTANT_COUNTER].meaning = "a peer repeats one counter: its adverts cannot be told from old ones",
	[CAUSE_VRRP].meaning = "a VRRP router has the same id: it is no peer, and not heard",
	[CAUSE_FENCED].meaning = "somebody else had been master without our reaction: the driver had silenced us",
};

static const char *cause_word(unsigned int cause)
{
	return cause < VR_CAUSE_COUNT ? causes[cause].word : "?";
}

const char *cause_meaning(unsigned int cause)
{
	return cause < VR_CAUSE_COUNT ? causes[cause].meaning : "for a reason this xcarpctl does not know";
}

static uint64_t newest(const struct journal *journal)
{
	return __atomic_load_n(&journal->entries[0].sequence, __ATOMIC_ACQUIRE);
}

static uint64_t oldest(const struct journal *journal, uint64_t head)
{
	return head > journal->room ? head - journal->room + 1 : 1;
}

void journal_open(struct journal *journal, const struct maps *maps)
{
	*journal = (struct journal){
		.entries = maps->mapped[MAP_JOURNAL],
		.room = maps->entries[MAP_JOURNAL] - 1,
	};
	journal->next = newest(journal) + 1;
}

void journal_rewind(struct journal *journal)
{
	journal->next = oldest(journal, newest(journal));
}

/* Copies entry number n where it is whole. */
static bool read_entry(const struct journal *journal, uint64_t n, struct journal_entry *entry)
{
	const struct journal_entry *shared = &journal->entries[1 + (n - 1) % journal->room];

	if (__atomic_load_n(&shared->sequence, __ATOMIC_ACQUIRE) != n)
		return false;
	memcpy(entry, shared, sizeof(*entry));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&shared->sequence, __ATOMIC_RELAXED) == n;
}

void journal_rewind_by(struct journal *journal, uint64_t count, const struct filter *filter)
{
	uint64_t head = newest(journal), first = oldest(journal, head);
	struct journal_entry entry;

	journal->next = head + 1;
	while (count && journal->next > first) {
		journal->next--;
		if (read_entry(journal, journal->next, &entry) && journal_matches(&entry, filter))
			count--;
	}
}

static enum journal_news lose(struct journal *journal, uint64_t until, uint64_t *lost)
{
	*lost = until - journal->next;
	journal->next = until;
	journal->waiting_since_ns = 0;
	return JOURNAL_LOST;
}

enum journal_news journal_next(struct journal *journal, uint64_t now_ns, struct journal_entry *entry, uint64_t *lost)
{
	uint64_t head = newest(journal), first;

	if (journal->next > head)
		return JOURNAL_NOTHING;
	if (read_entry(journal, journal->next, entry)) {
		journal->next++;
		journal->waiting_since_ns = 0;
		return JOURNAL_ENTRY;
	}
	/* Read anew: it may have been overrun only now. */
	first = oldest(journal, newest(journal));
	if (first > journal->next)
		return lose(journal, first, lost);
	if (!journal->waiting_since_ns)
		journal->waiting_since_ns = now_ns;
	if (now_ns - journal->waiting_since_ns < WRITER_TIME_NS)
		return JOURNAL_NOTHING;
	return lose(journal, journal->next + 1, lost);
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
		text_printf(text, ", %u refused", entry->count);
	if (entry->ip_version)
		text_printf(text, " (last %s)", format_address(entry->ip_version, entry->source, address));
	text_add(text, "\n");
}

void journal_json(struct text *text, const struct journal_entry *entry)
{
	char clock[CLOCK_TEXT_LEN], interface[NAME_TEXT_LEN], address[ADDRESS_TEXT_LEN];

	json_open(text, NULL, '{');
	json_u64(text, "sequence", entry->sequence);
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

/* Goes back from the entry number *n, to the next one that is about the virtual router. False: there is none. */
static bool read_about(const struct journal *journal, uint64_t *n, uint64_t first, uint32_t slot, uint8_t vhid,
		       const char *interface, struct journal_entry *entry)
{
	while (*n >= first) {
		if (read_entry(journal, (*n)--, entry) && entry->slot == slot && entry->vhid == vhid &&
		    !strncmp(entry->interface, interface, sizeof(entry->interface)))
			return true;
	}
	return false;
}

bool journal_last(const struct maps *maps, uint32_t slot, uint8_t vhid, const char *interface,
		  bool (*is_wanted)(const struct journal_entry *entry), struct journal_entry *found)
{
	struct journal journal;
	uint64_t n, first;

	journal_open(&journal, maps);
	n = journal.next - 1;
	first = oldest(&journal, n);
	while (read_about(&journal, &n, first, slot, vhid, interface, found))
		if (is_wanted(found))
			return true;
	return false;
}

size_t journal_about(const struct maps *maps, uint32_t slot, uint8_t vhid, const char *interface,
		     struct journal_entry *entries, size_t room)
{
	struct journal journal;
	struct journal_entry entry;
	uint64_t n, first;
	size_t at = room;

	journal_open(&journal, maps);
	n = journal.next - 1;
	first = oldest(&journal, n);
	while (at && read_about(&journal, &n, first, slot, vhid, interface, &entry))
		entries[--at] = entry;
	memmove(entries, entries + at, (room - at) * sizeof(*entries));
	return room - at;
}
