// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ctl/filter.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ctl/text.h"
#include "core/words.h"

static int refuse(char *error, const char *text, const char *right)
{
	snprintf(error, CTL_ERROR_LEN, "%.200s: %s", *text ? text : "''", right);
	return -EINVAL;
}

static bool read_vhid(const char **text, uint8_t *vhid)
{
	char *end;
	unsigned long number;

	if (**text < '0' || **text > '9')
		return false;
	number = strtoul(*text, &end, 10);
	if (number < 1 || number > 255)
		return false;
	*vhid = (uint8_t)number;
	*text = end;
	return true;
}

static bool read_vhids(struct filter_term *term, const char *text)
{
	if (!read_vhid(&text, &term->vhid_min))
		return false;
	term->vhid_max = term->vhid_min;
	if (*text == '-' && (text++, !read_vhid(&text, &term->vhid_max)))
		return false;
	return !*text && term->vhid_min <= term->vhid_max;
}

static int set_vhids(struct filter_term *term, const char *text, char *error)
{
	return read_vhids(term, text) ? 0 : refuse(error, text, "must be a VHID, 1 to 255, or a range such as 10-20");
}

static int set_interface(struct filter_term *term, const char *text, size_t len, char *error)
{
	if (!len || len >= XCARP_IFNAME_LEN)
		return refuse(error, text, "must be an interface of at most 15 characters, or a pattern such as 'eth*'");
	format_name(text, len, term->interface);
	term->has_interface = true;
	return 0;
}

/* A bare number is a VHID, whatever interfaces are called. */
static int set_name(struct filter_term *term, const char *text, char *error)
{
	const char *slash = strrchr(text, '/');

	if (!slash && *text && !text[strspn(text, "0123456789-")])
		return set_vhids(term, text, error);
	if (slash && !read_vhids(term, slash + 1))
		return refuse(error, text, "must be IF, IF/ID or ID, with ID from 1 to 255 or a range such as 10-20");
	return set_interface(term, text, slash ? (size_t)(slash - text) : strlen(text), error);
}

static int set_group(struct filter_term *term, const char *text, char *error)
{
	static const uint8_t prefix[12] = { 0xff, 0x02 };
	uint8_t address[16];

	if (inet_pton(AF_INET, text, address) == 1 && address[0] >> 4 == 0xe) {
		term->ip_version = 4;
		memcpy(term->group, address, 4);
		return 0;
	}
	if (inet_pton(AF_INET6, text, address) == 1 && !memcmp(address, prefix, sizeof(prefix))) {
		term->ip_version = 6;
		memcpy(term->group, address + sizeof(prefix), 4);
		return 0;
	}
	return refuse(error, text, "must be a multicast group such as 224.0.0.18 or ff02::12");
}

static int set_state(struct filter_term *term, const char *text, char *error)
{
	static const char *const states[] = { [INIT] = "init", [BACKUP] = "backup", [MASTER] = "master" };
	char right[96];
	const char *near;

	for (unsigned int state = INIT; state <= MASTER; state++) {
		if (strcasecmp(text, states[state]))
			continue;
		term->state = state;
		return 0;
	}
	near = words_nearest(text, states, 3);
	snprintf(right, sizeof(right), "must be master, backup or init%s%s%s", near ? "; did you mean " : "", near ?: "",
		 near ? "?" : "");
	return refuse(error, text, right);
}

static int set_owner(struct filter_term *term, const char *text, char *error)
{
	char *end;
	unsigned long pid = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || !pid || pid > INT32_MAX)
		return refuse(error, text, "must be the process id of an xcarp");
	term->owner_pid = (uint32_t)pid;
	return 0;
}

static int set_term(struct filter_term *term, const char *text, char *error)
{
	switch (term->kind) {
	case FILTER_NAME:
		return set_name(term, text, error);
	case FILTER_INTERFACE:
		return set_interface(term, text, strlen(text), error);
	case FILTER_VHID:
		return set_vhids(term, text, error);
	case FILTER_GROUP:
		return set_group(term, text, error);
	case FILTER_STATE:
		return set_state(term, text, error);
	case FILTER_OWNER:
		return set_owner(term, text, error);
	}
	return -EINVAL;
}

int filter_add(struct filter *filter, enum filter_kind kind, const char *text, char error[CTL_ERROR_LEN])
{
	struct filter_term term = { .kind = kind, .text = text };
	int err = set_term(&term, text, error);

	if (err)
		return err;
	filter->terms = ctl_realloc(filter->terms, filter->count + 1, sizeof(term));
	filter->terms[filter->count++] = term;
	return 0;
}

static bool has_name(const struct filter_term *term, const struct filter_subject *subject)
{
	if (term->has_interface && fnmatch(term->interface, subject->interface, FNM_NOESCAPE))
		return false;
	return !term->vhid_min || (subject->vhid >= term->vhid_min && subject->vhid <= term->vhid_max);
}

bool filter_term_matches(const struct filter_term *term, const struct filter_subject *subject)
{
	switch (term->kind) {
	case FILTER_NAME:
	case FILTER_INTERFACE:
	case FILTER_VHID:
		return has_name(term, subject);
	case FILTER_GROUP:
		return subject->group && subject->ip_version == term->ip_version && !memcmp(subject->group, term->group, 4);
	case FILTER_STATE:
		return subject->state == term->state;
	case FILTER_OWNER:
		return subject->owner_pid == term->owner_pid;
	}
	return false;
}

static bool matches(const struct filter *filter, const struct filter_subject *subject, unsigned int found)
{
	unsigned int wanted = 0;

	for (size_t i = 0; i < filter->count; i++) {
		unsigned int bit = 1u << filter->terms[i].kind;

		wanted |= bit;
		if (!(found & bit) && filter_term_matches(&filter->terms[i], subject))
			found |= bit;
	}
	return (found & wanted) == wanted;
}

bool filter_matches(const struct filter *filter, const struct filter_subject *subject)
{
	return matches(filter, subject, 0);
}

bool filter_matches_but_state(const struct filter *filter, const struct filter_subject *subject)
{
	return matches(filter, subject, 1u << FILTER_STATE);
}

bool filter_asks_for_state(const struct filter *filter)
{
	for (size_t i = 0; i < filter->count; i++)
		if (filter->terms[i].kind == FILTER_STATE)
			return true;
	return false;
}

const char *filter_option(enum filter_kind kind)
{
	static const char *const options[] = {
		[FILTER_NAME] = "",	[FILTER_INTERFACE] = "-i ", [FILTER_VHID] = "-v ",
		[FILTER_GROUP] = "-m ", [FILTER_STATE] = "-s ",	    [FILTER_OWNER] = "--owner ",
	};

	return options[kind];
}

bool filter_names_vhid(const struct filter *filter)
{
	for (size_t i = 0; i < filter->count; i++)
		if (filter->terms[i].vhid_min)
			return true;
	return false;
}

void filter_free(struct filter *filter)
{
	free(filter->terms);
	*filter = (struct filter){ 0 };
}
