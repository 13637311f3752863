// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A journal as another process may have left it: entry 0 says how many there are, and no entry is to be trusted. */
#include "fuzz.h"

#include "ctl/journal.h"

#define ENTRIES_MAX 8
#define STEPS_MAX 64

static bool is_printable(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return true;
}

/* One line of printable ASCII. */
static void check_line(const struct text *text)
{
	EXPECT(text->len && text->bytes[text->len - 1] == '\n' && is_printable(text->bytes, text->len - 1));
}

/* Quotes and braces close; nothing but a string has anything in it that would need an escape. */
static void check_json(const struct text *text)
{
	int depth = 0;
	bool in_string = false;

	check_line(text);
	for (size_t i = 0; i < text->len - 1; i++) {
		char c = text->bytes[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string)
			depth += (c == '{') - (c == '}');
		EXPECT(depth > 0 || i == text->len - 2);
	}
	EXPECT(!depth && !in_string);
}

static void check_entry(const struct journal_entry *entry)
{
	struct text text = { 0 };

	journal_line(&text, entry);
	check_line(&text);
	text_clear(&text);
	journal_json(&text, entry);
	check_json(&text);
	text_free(&text);
	EXPECT(*cause_meaning(entry->cause));
}

static void read_on(struct journal *journal)
{
	uint64_t now_ns = 1, lost;
	struct journal_entry entry;

	for (int i = 0; i < STEPS_MAX; i++, now_ns += 2000000000) {
		uint64_t journal_at = journal->rings[0].next, notices_at = journal->rings[1].next;
		enum journal_news news = journal_next(journal, now_ns, &entry, &lost);
		bool is_notice = journal->rings[1].next != notices_at;
		uint64_t next = is_notice ? notices_at : journal_at, now = journal->rings[is_notice].next;

		EXPECT(!is_notice || journal->rings[0].next == journal_at);
		switch (news) {
		case JOURNAL_NOTHING:
			break;
		case JOURNAL_ENTRY:
			EXPECT(entry.sequence == next && now == next + 1);
			check_entry(&entry);
			break;
		case JOURNAL_LOST:
			EXPECT(lost && now == next + lost);
			break;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct fuzz_input input = { bytes, len };
	uint32_t count = 2 + fuzz_byte(&input) % (ENTRIES_MAX - 1);
	struct journal_entry *entries = calloc(count, sizeof(*entries)), about[ENTRIES_MAX];
	struct maps maps = { 0 };
	struct filter nothing = { 0 };
	struct journal journal;

	EXPECT(entries);
	for (uint32_t i = 0; i < count; i++) {
		fuzz_take(&input, &entries[i], sizeof(entries[i]));
		check_entry(&entries[i]);
	}
	maps.mapped[MAP_JOURNAL] = entries;
	/* The same as both: what is read from them is only ever what each of them has. */
	maps.mapped[MAP_NOTICES] = entries;
	maps.entries[MAP_JOURNAL] = maps.entries[MAP_NOTICES] = count;
	journal_open(&journal, &maps);
	journal_rewind(&journal);
	read_on(&journal);
	journal_rewind_by(&journal, 3, &nothing);
	read_on(&journal);
	EXPECT(journal_about(&maps, entries[1].slot, entries[1].vhid, entries[1].interface, about, ENTRIES_MAX, 2) <=
	       ENTRIES_MAX);
	free(entries);
	return 0;
}
