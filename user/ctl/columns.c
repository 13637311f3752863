// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ctl/columns.h"

#include <stdio.h>
#include <string.h>

#define GAP 2

static void cell_interface(char cell[CELL_LEN], const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	snprintf(cell, CELL_LEN, "%s", vr->interface);
}

static void cell_vhid(char cell[CELL_LEN], const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	snprintf(cell, CELL_LEN, "%u", vr->live.vhid);
}

static double value_vhid(const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	return vr->live.vhid;
}

static void cell_group(char cell[CELL_LEN], const struct snapshot *snapshot, const struct vrouter *vr)
{
	char group[ADDRESS_TEXT_LEN];

	(void)snapshot;
	snprintf(cell, CELL_LEN, "%s", vrouter_group(vr, group));
}

static bool need_group(const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->count; i++) {
		const struct vrouter *vr = &snapshot->vrouters[i];

		if (vr->has_entry && !is_usual_group((uint8_t)vr->key.ip_version, vr->key.group))
			return true;
	}
	return false;
}

static void cell_vlan(char cell[CELL_LEN], const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	if (vr->key.inner_vlan)
		snprintf(cell, CELL_LEN, "%u.%u", vr->key.vlan, vr->key.inner_vlan);
	else
		snprintf(cell, CELL_LEN, "%u", vr->key.vlan);
}

static double value_vlan(const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	return vr->key.vlan * 4096.0 + vr->key.inner_vlan;
}

static bool need_vlan(const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->count; i++)
		if (snapshot->vrouters[i].key.vlan)
			return true;
	return false;
}

static void cell_state(char cell[CELL_LEN], const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	snprintf(cell, CELL_LEN, "%s", state_name(vr->live.state));
}

static double value_state(const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	return vr->live.state;
}

static void cell_since(char cell[CELL_LEN], const struct snapshot *snapshot, const struct vrouter *vr)
{
	char span[SPAN_TEXT_LEN];

	snprintf(cell, CELL_LEN, "%s", format_span(snapshot_age_ns(snapshot, vr->live.since_ns), span));
}

static double value_since(const struct snapshot *snapshot, const struct vrouter *vr)
{
	return (double)snapshot_age_ns(snapshot, vr->live.since_ns);
}

static void cell_vips(char cell[CELL_LEN], const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	snprintf(cell, CELL_LEN, "%u/%u", vr->held_count, vr->live.vip_count);
}

static double value_vips(const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	return vr->held_count;
}

static void cell_master(char cell[CELL_LEN], const struct snapshot *snapshot, const struct vrouter *vr)
{
	char master[ADDRESS_TEXT_LEN];

	snprintf(cell, CELL_LEN, "%s", vrouter_master(snapshot, vr, master));
}

static void cell_own(char cell[CELL_LEN], const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	snprintf(cell, CELL_LEN, "%u+%u", vr->live.own_advbase, vr->live.own_advskew);
}

static double value_own(const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	return vr->live.own_advbase * 256.0 + vr->live.own_advskew;
}

static void cell_sent(char cell[CELL_LEN], const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	snprintf(cell, CELL_LEN, "%llu", (unsigned long long)vr->live.adverts_sent);
}

static double value_sent(const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	return (double)vr->live.adverts_sent;
}

static void cell_accepted(char cell[CELL_LEN], const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	snprintf(cell, CELL_LEN, "%llu", (unsigned long long)vr->live.accepted);
}

static double value_accepted(const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	return (double)vr->live.accepted;
}

static void write_rate(char cell[CELL_LEN], double rate)
{
	if (rate < 0)
		snprintf(cell, CELL_LEN, "-");
	else
		snprintf(cell, CELL_LEN, "%.1f", rate);
}

static void cell_sent_rate(char cell[CELL_LEN], const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	write_rate(cell, vr->sent_per_s);
}

static double value_sent_rate(const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	return vr->sent_per_s;
}

static void cell_accepted_rate(char cell[CELL_LEN], const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	write_rate(cell, vr->accepted_per_s);
}

static double value_accepted_rate(const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	return vr->accepted_per_s;
}

static void cell_heard(char cell[CELL_LEN], const struct snapshot *snapshot, const struct vrouter *vr)
{
	char span[SPAN_TEXT_LEN];

	snprintf(cell, CELL_LEN, "%s",
		 vr->live.arrival_ns ? format_span(snapshot_age_ns(snapshot, vr->live.arrival_ns), span) : "-");
}

static double value_heard(const struct snapshot *snapshot, const struct vrouter *vr)
{
	return vr->live.arrival_ns ? (double)snapshot_age_ns(snapshot, vr->live.arrival_ns) : -1;
}

static void cell_changes(char cell[CELL_LEN], const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	snprintf(cell, CELL_LEN, "%u", vr->live.transitions);
}

static double value_changes(const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	return vr->live.transitions;
}

static void cell_late(char cell[CELL_LEN], const struct snapshot *snapshot, const struct vrouter *vr)
{
	char span[SPAN_TEXT_LEN];

	(void)snapshot;
	snprintf(cell, CELL_LEN, "%s", format_lateness(vr->live.worst_late_us * 1000ull, span));
}

static double value_late(const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	return vr->live.worst_late_us;
}

static void cell_hold(char cell[CELL_LEN], const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	snprintf(cell, CELL_LEN, "%s", vr->live.hold ? hold_name(vr->live.hold) : "-");
}

static double value_hold(const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	return vr->live.hold;
}

static bool need_hold(const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->count; i++)
		if (snapshot->vrouters[i].live.hold)
			return true;
	return false;
}

static void cell_auth(char cell[CELL_LEN], const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	snprintf(cell, CELL_LEN, "%s", auth_name(vr->live.auth));
}

static double value_auth(const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	return vr->live.auth;
}

static bool need_auth(const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->count; i++)
		if (snapshot->vrouters[i].live.auth != AUTH_HMAC_SHA1)
			return true;
	return false;
}

/* What must be the same on all hosts. */
static void cell_prints(char cell[CELL_LEN], const struct snapshot *snapshot, const struct vrouter *vr)
{
	char password[PRINT_TEXT_LEN], list[PRINT_TEXT_LEN];

	(void)snapshot;
	snprintf(cell, CELL_LEN, "%s/%s", format_print(vr->live.password_print, password), format_print(vr->list_print, list));
}

static void cell_owner(char cell[CELL_LEN], const struct snapshot *snapshot, const struct vrouter *vr)
{
	const char *ailment = owner_ailment(vr->owner_health);

	(void)snapshot;
	snprintf(cell, CELL_LEN, "%u%s%s%s", vr->live.owner_pid, ailment ? " (" : "", ailment ?: "", ailment ? ")" : "");
}

static double value_owner(const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	return vr->live.owner_pid;
}

/* A reason's newest advert, where it was not long ago. */
static const struct vr_refusal *newest_refusal(const struct snapshot *snapshot, const struct vrouter *vr)
{
	const struct vr_refusal *refusal = snapshot_refusal(snapshot, vr, vr->newest_refusal);

	return refusal && snapshot_is_news(snapshot, refusal->when_ns) ? refusal : NULL;
}

static void cell_refused(char cell[CELL_LEN], const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	snprintf(cell, CELL_LEN, "%llu", (unsigned long long)vr->refused);
}

static double value_refused(const struct snapshot *snapshot, const struct vrouter *vr)
{
	(void)snapshot;
	return (double)vr->refused;
}

static void cell_why(char cell[CELL_LEN], const struct snapshot *snapshot, const struct vrouter *vr)
{
	snprintf(cell, CELL_LEN, "%s", newest_refusal(snapshot, vr) ? drop_name(vr->newest_refusal) : "-");
}

static void cell_from(char cell[CELL_LEN], const struct snapshot *snapshot, const struct vrouter *vr)
{
	const struct vr_refusal *refusal = newest_refusal(snapshot, vr);
	char source[ADDRESS_TEXT_LEN];

	snprintf(cell, CELL_LEN, "%s",
		 refusal ? format_address(vr->has_entry ? (uint8_t)vr->key.ip_version : 4, refusal->source, source) : "-");
}

static void cell_ago(char cell[CELL_LEN], const struct snapshot *snapshot, const struct vrouter *vr)
{
	const struct vr_refusal *refusal = newest_refusal(snapshot, vr);
	char span[SPAN_TEXT_LEN];

	snprintf(cell, CELL_LEN, "%s", refusal ? format_span(snapshot_age_ns(snapshot, refusal->when_ns), span) : "-");
}

static double value_ago(const struct snapshot *snapshot, const struct vrouter *vr)
{
	const struct vr_refusal *refusal = newest_refusal(snapshot, vr);

	return refusal ? (double)snapshot_age_ns(snapshot, refusal->when_ns) : (double)NEWS_NS;
}

static bool need_refused(const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->count; i++)
		if (newest_refusal(snapshot, &snapshot->vrouters[i]))
			return true;
	return false;
}

/* title, right, width, rank, status, top, descending */
const struct column columns[] = {
	{ "INTERFACE", false, 9, 0, true, true, false, cell_interface, NULL, NULL },
	{ "VHID", true, 4, 0, true, true, false, cell_vhid, value_vhid, NULL },
	{ "GROUP", false, 10, 1, true, true, false, cell_group, NULL, need_group },
	{ "VLAN", true, 4, 1, true, true, false, cell_vlan, value_vlan, need_vlan },
	{ "STATE", false, 6, 0, true, true, true, cell_state, value_state, NULL },
	{ "SINCE", true, 6, 1, true, true, false, cell_since, value_since, NULL },
	{ "VIPS", true, 4, 3, true, true, true, cell_vips, value_vips, NULL },
	{ "MASTER", false, 15, 2, true, true, false, cell_master, NULL, NULL },
	{ "BASE+SKEW", true, 9, 8, true, true, false, cell_own, value_own, NULL },
	{ "SENT", true, 4, 10, true, true, true, cell_sent, value_sent, NULL },
	{ "ACCEPTED", true, 8, 10, true, true, true, cell_accepted, value_accepted, NULL },
	{ "OUT/S", true, 6, 4, false, true, true, cell_sent_rate, value_sent_rate, NULL },
	{ "IN/S", true, 6, 4, false, true, true, cell_accepted_rate, value_accepted_rate, NULL },
	{ "HEARD", true, 6, 6, true, true, true, cell_heard, value_heard, NULL },
	{ "CHANGES", true, 7, 7, true, true, true, cell_changes, value_changes, NULL },
	{ "LATE", true, 6, 9, true, true, true, cell_late, value_late, NULL },
	{ "HOLD", false, 8, 1, true, true, true, cell_hold, value_hold, need_hold },
	{ "AUTH", false, 14, 9, true, true, false, cell_auth, value_auth, need_auth },
	{ "PASS/LIST", false, 9, 9, true, false, false, cell_prints, NULL, NULL },
	{ "REFUSED", true, 7, 5, true, true, true, cell_refused, value_refused, need_refused },
	{ "WHY", false, 8, 5, true, true, false, cell_why, NULL, need_refused },
	{ "FROM", false, 10, 9, true, true, false, cell_from, NULL, need_refused },
	{ "AGO", true, 5, 9, true, true, false, cell_ago, value_ago, need_refused },
	{ "OWNER", false, 5, 2, true, true, false, cell_owner, value_owner, NULL },
};

const size_t column_count = sizeof(columns) / sizeof(*columns);

_Static_assert(sizeof(columns) / sizeof(*columns) <= sizeof(((struct layout *)0)->columns) / sizeof(void *), "room");

static size_t measure(const struct column *column, const struct snapshot *snapshot, const struct vrouter *const *rows,
		      size_t row_count)
{
	size_t width = strlen(column->title);
	char cell[CELL_LEN];

	for (size_t i = 0; i < row_count; i++) {
		size_t len;

		column->cell(cell, snapshot, rows[i]);
		len = strlen(cell);
		if (len > width)
			width = len;
	}
	return width;
}

static size_t line_width_of(const struct layout *layout)
{
	size_t width = 0;

	for (size_t i = 0; i < layout->count; i++)
		width += layout->widths[i] + (i ? GAP : 0);
	return width;
}

static bool leave_one_out(struct layout *layout)
{
	size_t worst = 0;

	for (size_t i = 1; i < layout->count; i++)
		if (layout->columns[i]->rank >= layout->columns[worst]->rank)
			worst = i;
	if (!layout->count || !layout->columns[worst]->rank)
		return false;
	layout->count--;
	for (size_t i = worst; i < layout->count; i++) {
		layout->columns[i] = layout->columns[i + 1];
		layout->widths[i] = layout->widths[i + 1];
	}
	return true;
}

void layout_choose(struct layout *layout, const struct snapshot *snapshot, const struct vrouter *const *rows,
		   size_t row_count, bool is_top, size_t line_width)
{
	layout->count = 0;
	for (size_t i = 0; i < column_count; i++) {
		const struct column *column = &columns[i];
		size_t width;

		if (!(is_top ? column->in_top : column->in_status) || (column->is_needed && !column->is_needed(snapshot)))
			continue;
		width = measure(column, snapshot, rows, row_count);
		/* So that columns of a live screen stay where they are. */
		if (is_top && width < column->width)
			width = column->width;
		layout->columns[layout->count] = column;
		layout->widths[layout->count++] = width;
	}
	while (line_width && line_width_of(layout) > line_width && leave_one_out(layout))
		;
}

static void add_cell(struct text *text, const struct layout *layout, size_t i, const char *cell)
{
	size_t len = strlen(cell), pad = layout->widths[i] > len ? layout->widths[i] - len : 0;

	text_pad(text, (i ? GAP : 0) + (layout->columns[i]->is_right ? pad : 0));
	text_add_bytes(text, cell, len);
	if (!layout->columns[i]->is_right && i + 1 < layout->count)
		text_pad(text, pad);
}

void layout_header(struct text *text, const struct layout *layout)
{
	for (size_t i = 0; i < layout->count; i++)
		add_cell(text, layout, i, layout->columns[i]->title);
}

void layout_row(struct text *text, const struct layout *layout, const struct snapshot *snapshot,
		const struct vrouter *vr)
{
	char cell[CELL_LEN];

	for (size_t i = 0; i < layout->count; i++) {
		layout->columns[i]->cell(cell, snapshot, vr);
		add_cell(text, layout, i, cell);
	}
}
