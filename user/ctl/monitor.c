// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * `monitor`: the journal's entries as they are written. Nothing tells of a new one, so it is looked for twenty times a
 * second: a word in memory.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/journal.h"
#include "ctl/json.h"
#include "ctl/maps.h"
#include "ctl/snapshot.h"

#define LOOK_MS 50
#define LOOKS_BEFORE_REOPENING 10
#define LINES_AT_ONCE 1000

static void add_lost(struct text *text, bool is_json, uint64_t lost)
{
	if (!is_json) {
		text_printf(text, "%" PRIu64 " entries were lost: they were overwritten before they could be read\n", lost);
		return;
	}
	json_open(text, NULL, '{');
	json_string(text, "type", "lost");
	json_u64(text, "count", lost);
	json_close(text, '}');
	text_add(text, "\n");
}

/* Prints what is new. Returns 0 or -errno of standard output; *more: there may be more at once. */
static int print_news(struct journal *journal, const struct command_options *options, bool *more)
{
	struct text text = { 0 };
	int err = 0;

	*more = true;
	for (int i = 0; i < LINES_AT_ONCE && *more; i++) {
		struct journal_entry entry;
		uint64_t lost;

		switch (journal_next(journal, clock_now_ns(CLOCK_MONOTONIC), &entry, &lost)) {
		case JOURNAL_NOTHING:
			*more = false;
			break;
		case JOURNAL_LOST:
			add_lost(&text, options->json, lost);
			break;
		case JOURNAL_ENTRY:
			if (!journal_matches(&entry, &options->filter))
				break;
			if (options->json)
				journal_json(&text, &entry);
			else
				journal_line(&text, &entry);
			break;
		}
	}
	if (text.len)
		err = text_print(&text);
	text_free(&text);
	return err;
}

/* Until other maps take the place of these. Returns 0 or -errno of standard output. */
static int follow(const struct maps *maps, struct journal *journal, const struct command_options *options)
{
	for (unsigned int looks = 0;; looks++) {
		bool more;
		int err = print_news(journal, options, &more);

		if (err)
			return err;
		if (more)
			continue;
		if (looks % LOOKS_BEFORE_REOPENING == LOOKS_BEFORE_REOPENING - 1 && !maps_are_current(maps))
			return 0;
		poll(NULL, 0, LOOK_MS);
	}
}

int monitor_run(const struct command_options *options)
{
	bool is_first = true, is_told = false;
	char error[CTL_ERROR_LEN];
	int err;

	do {
		struct journal journal;
		struct maps maps;

		err = maps_open(&maps, error);
		if (err == -ENOENT) {
			if (!is_told)
				tell("%s: waiting for one", error);
			is_told = true;
			is_first = false;
			poll(NULL, 0, LOOK_MS);
			err = 0;
			continue;
		}
		if (err)
			return tell("%s", error);
		is_told = false;
		journal_open(&journal, &maps);
		/* Maps that were made while this runs are new from their first entry on. */
		if (!is_first || options->since_start)
			journal_rewind(&journal);
		else if (options->last)
			journal_rewind_by(&journal, options->last, &options->filter);
		if (is_first)
			snapshot_check(&maps, &options->filter);
		is_first = false;
		err = follow(&maps, &journal, options);
		maps_close(&maps);
	} while (!err);
	/* Who reads has had enough. */
	return err == -EPIPE ? EXIT_SUCCESS : tell("standard output: %s", strerror(-err));
}
