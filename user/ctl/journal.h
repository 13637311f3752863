/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The journal and the notices, read entry by entry, as one, while controllers write them. */
#ifndef XCARP_CTL_JOURNAL_H
#define XCARP_CTL_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include <xcarp/abi.h>

#include "ctl/filter.h"
#include "ctl/maps.h"
#include "ctl/text.h"

#define JOURNAL_RINGS 2

struct journal {
	struct journal_ring {
		const struct journal_entry *entries; /* the map */
		uint32_t room; /* entries of it, without entry 0 */
		uint64_t next; /* number of the entry to read next */
		uint64_t waiting_since_ns; /* for a writer to end; 0: not waiting */
	} rings[JOURNAL_RINGS]; /* `journal`, `notices` */
};

enum journal_news {
	JOURNAL_NOTHING,
	JOURNAL_ENTRY,
	JOURNAL_LOST, /* entries that were overwritten, or never finished, before they were read */
};

/* Begins after the newest entries. */
void journal_open(struct journal *journal, const struct maps *maps);

/* Goes back to the oldest entries that are still there. */
void journal_rewind(struct journal *journal);

/* Goes back so far that count entries that the filter lets through are still to come, or as many as there are. */
void journal_rewind_by(struct journal *journal, uint64_t count, const struct filter *filter);

/*
 * Takes the older one of the two rings' next entries, or fills *lost with how many cannot be had. now_ns: CLOCK_MONOTONIC; a writer that died in its
 * entry is waited for a second.
 */
enum journal_news journal_next(struct journal *journal, uint64_t now_ns, struct journal_entry *entry, uint64_t *lost);

bool journal_matches(const struct journal_entry *entry, const struct filter *filter);

bool journal_is_transition(const struct journal_entry *entry);

/* `2026-11-22 03:00:00.123 eth0/10 BACKUP -> MASTER: master_silent (last 10.0.0.2)`, with its newline. */
void journal_line(struct text *text, const struct journal_entry *entry);

/* The same as an object of JSON, in a line. */
void journal_json(struct text *text, const struct journal_entry *entry);

/* A cause's word, as the manual has it, and what it means, for people. */
const char *cause_word(unsigned int cause);
const char *cause_meaning(unsigned int cause);

/* The newest entry about one virtual router that is of the kind. False: there is none, or none any more. */
bool journal_last(const struct maps *maps, uint32_t slot, uint8_t vhid, const char *interface,
		  bool (*is_wanted)(const struct journal_entry *entry), struct journal_entry *found);

/* What it means that an advert was refused by this verdict; NULL: it is no refusal. */
const char *refusal_meaning(unsigned int verdict);

/*
 * The newest entries about one virtual router, oldest first, at most room, and of those at most notices from the notices; returns
 * how many.
 */
size_t journal_about(const struct maps *maps, uint32_t slot, uint8_t vhid, const char *interface,
		     struct journal_entry *entries, size_t room, size_t notices);

#endif
