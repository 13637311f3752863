/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which virtual routers somebody means. */
#ifndef XCARP_CTL_FILTER_H
#define XCARP_CTL_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xcarp/abi.h>

#include "ctl/format.h"
#include "ctl/netns.h"

enum filter_kind {
	FILTER_NAME, /* IF, IF/ID or ID, as it stands on a command line */
	FILTER_INTERFACE,
	FILTER_VHID,
	FILTER_GROUP,
	FILTER_STATE,
	FILTER_OWNER,
};

struct filter_term {
	enum filter_kind kind;
	bool has_interface;
	uint8_t vhid_min, vhid_max;
	uint8_t ip_version;
	uint8_t group[4];
	unsigned int state;
	uint32_t owner_pid;
	char interface[NAME_TEXT_LEN]; /* shell pattern */
	const char *text; /* as it was given */
};

/* Of each kind that occurs one term has to match. */
struct filter {
	struct filter_term *terms;
	size_t count;
};

struct filter_subject {
	const char *interface; /* as format_name() writes it */
	uint8_t vhid;
	uint8_t ip_version;
	const uint8_t *group; /* NULL: not known */
	unsigned int state;
	uint32_t owner_pid;
};

/* Returns 0, or -EINVAL with error filled: what of the text is wrong and what would be right. text must stay. */
int filter_add(struct filter *filter, enum filter_kind kind, const char *text, char error[CTL_ERROR_LEN]);

bool filter_matches(const struct filter *filter, const struct filter_subject *subject);

/* By itself. */
bool filter_term_matches(const struct filter_term *term, const struct filter_subject *subject);

bool filter_asks_for_state(const struct filter *filter);
bool filter_matches_but_state(const struct filter *filter, const struct filter_subject *subject);

/* What stands before such a term on a command line, with a blank. */
const char *filter_option(enum filter_kind kind);

/* True if a VHID is named, so that one virtual router may be meant. */
bool filter_names_vhid(const struct filter *filter);

void filter_free(struct filter *filter);

#endif
