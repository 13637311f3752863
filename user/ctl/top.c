// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What is drawn is text first, the same for a terminal and for a file; only the rows that can be seen are made. The terminal
 * is ncurses's: its sizes, keys and endings are more than a program should know by itself.
 */
#include "ctl/top.h"

#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/columns.h"
#include "ctl/maps.h"
#include "ctl/snapshot.h"

#define NS_PER_S 1e9
#define FIRST_RATES_MS 40
#define SEARCH_LEN 64
#define HEADER_LINES 4
#define CTRL_C 3

struct top {
	const struct filter *filter;
	const struct top_options *options;
	struct maps maps;
	bool is_open;
	char error[CTL_ERROR_LEN]; /* why there is nothing to show */
	struct snapshot now;
	struct snapshot before; /* the one that rates are counted from */
	struct xcarp_drops first_drops;
	uint64_t first_transitions;
	bool has_first;
	const struct vrouter **rows; /* those that are shown, sorted */
	size_t row_count;
	size_t sort; /* column */
	bool is_reversed;
	int state; /* only this one; -1: all */
	char search[SEARCH_LEN];
	bool is_searching; /* the text is being typed */
	bool is_paused;
	bool is_helping;
	size_t scroll;
};

static volatile sig_atomic_t is_ended;

static void end(int signal)
{
	(void)signal;
	is_ended = 1;
}

/* Numbers. */

static double seconds_between(const struct snapshot *before, const struct snapshot *now)
{
	return (double)(now->now_ns - before->now_ns) / NS_PER_S;
}

static int compare_slots(const void *a, const void *b)
{
	const struct vrouter *x = *(const struct vrouter *const *)a, *y = *(const struct vrouter *const *)b;

	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

static const struct vrouter **by_slot(const struct snapshot *snapshot)
{
	const struct vrouter **sorted = ctl_realloc(NULL, snapshot->count, sizeof(*sorted));

	for (size_t i = 0; i < snapshot->count; i++)
		sorted[i] = &snapshot->vrouters[i];
	qsort(sorted, snapshot->count, sizeof(*sorted), compare_slots);
	return sorted;
}

static void count_rates(struct top *top)
{
	double seconds = seconds_between(&top->before, &top->now);
	const struct vrouter **sorted = by_slot(&top->before);

	for (size_t i = 0; seconds > 0 && i < top->now.count; i++) {
		struct vrouter *vr = &top->now.vrouters[i];
		const struct vrouter *key = vr, **found;

		found = bsearch(&key, sorted, top->before.count, sizeof(*sorted), compare_slots);
		if (!found || (*found)->live.generation != vr->live.generation)
			continue;
		vr->sent_per_s = (double)(vr->live.adverts_sent - (*found)->live.adverts_sent) / seconds;
		vr->accepted_per_s = (double)(vr->live.accepted - (*found)->live.accepted) / seconds;
	}
	free(sorted);
}

static uint64_t transitions(const struct snapshot *snapshot)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < snapshot->count; i++)
		sum += snapshot->vrouters[i].live.transitions;
	return sum;
}

/* Rows. */

static const struct top *sorting; /* for qsort(), which passes nothing on */

static int compare_rows(const void *a, const void *b)
{
	const struct vrouter *x = *(const struct vrouter *const *)a, *y = *(const struct vrouter *const *)b;
	const struct column *column = &columns[sorting->sort];
	int order;

	if (column->value) {
		double u = column->value(&sorting->now, x), v = column->value(&sorting->now, y);

		order = (u > v) - (u < v);
	} else {
		char u[CELL_LEN], v[CELL_LEN];

		column->cell(u, &sorting->now, x);
		column->cell(v, &sorting->now, y);
		order = strverscmp(u, v);
	}
	if (column->is_descending != sorting->is_reversed)
		order = -order;
	return order ? order : vrouter_compare(x, y);
}

static bool is_shown(const struct top *top, const struct vrouter *vr)
{
	char name[VROUTER_NAME_LEN], master[ADDRESS_TEXT_LEN];

	if (top->state >= 0 && vr->live.state != (enum vr_state)top->state)
		return false;
	return !*top->search || strstr(vrouter_name(vr, name), top->search) ||
	       strstr(vrouter_master(&top->now, vr, master), top->search);
}

static void choose_rows(struct top *top)
{
	top->rows = ctl_realloc(top->rows, top->now.count, sizeof(*top->rows));
	top->row_count = 0;
	for (size_t i = 0; i < top->now.count; i++)
		if (is_shown(top, &top->now.vrouters[i]))
			top->rows[top->row_count++] = &top->now.vrouters[i];
	sorting = top;
	qsort(top->rows, top->row_count, sizeof(*top->rows), compare_rows);
}

/* Looking. */

static void look(struct top *top)
{
	struct snapshot now;

	if (top->is_open && !maps_are_current(&top->maps)) {
		maps_close(&top->maps);
		top->is_open = top->has_first = false;
	}
	if (!top->is_open && maps_open(&top->maps, top->error))
		return;
	top->is_open = true;
	if (snapshot_take(&now, &top->maps, top->filter, top->error))
		return;
	snapshot_free(&top->before);
	top->before = top->now;
	top->now = now;
	if (!top->has_first) {
		top->has_first = true;
		top->first_drops = now.drops;
		top->first_transitions = transitions(&now);
	} else {
		count_rates(top);
	}
	choose_rows(top);
}

/* Drawing. */

static void add_rates(struct text *text, const struct top *top)
{
	double sent = 0, accepted = 0;

	for (size_t i = 0; i < top->now.count; i++) {
		const struct vrouter *vr = &top->now.vrouters[i];

		sent += vr->sent_per_s > 0 ? vr->sent_per_s : 0;
		accepted += vr->accepted_per_s > 0 ? vr->accepted_per_s : 0;
	}
	text_printf(text, "adverts/s: %.0f out, %.0f in; ", sent, accepted);
}

static void add_drop_rates(struct text *text, const struct top *top)
{
	const __u64 *now = (const __u64 *)&top->now.drops, *first = (const __u64 *)&top->first_drops;
	const __u64 *before = (const __u64 *)&top->before.drops;
	double seconds = top->before.now_ns ? seconds_between(&top->before, &top->now) : 0;
	bool any = false;

	text_add(text, "refused: ");
	for (unsigned int at = XCARP_REFUSAL_FIRST; at < DROP_FENCED; at++) {
		if (now[at] == first[at])
			continue;
		text_printf(text, "%s%s %llu", any ? ", " : "", drop_name(at), (unsigned long long)(now[at] - first[at]));
		if (seconds > 0)
			text_printf(text, " (%.0f/s)", (double)(now[at] - before[at]) / seconds);
		any = true;
	}
	text_add(text, any ? " since the start of this\n" : "none since the start of this\n");
}

static void add_header(struct text *text, const struct top *top)
{
	const struct snapshot *now = &top->now;
	char late[SPAN_TEXT_LEN];
	uint64_t changes = transitions(now);

	snapshot_summary(text, now);
	text_add(text, "\n");
	add_rates(text, top);
	text_printf(text, "%llu state changes; at worst %s late\n",
		    (unsigned long long)(changes > top->first_transitions ? changes - top->first_transitions : 0),
		    format_lateness(now->worst_late_ns, late));
	add_drop_rates(text, top);
	if (top->is_searching || *top->search)
		text_printf(text, "/%s%s\n", top->search, top->is_searching ? "_" : "");
	else
		text_printf(text, "by %s%s%s%s\n", columns[top->sort].title, top->is_reversed ? ", reversed" : "",
			    top->state >= 0 ? ", only " : "", top->state >= 0 ? state_name((unsigned int)top->state) : "");
}

/* width 0: as wide as it is. */
static void draw(struct text *text, struct top *top, size_t width, size_t height)
{
	struct layout layout;
	size_t room = height > HEADER_LINES + 1 ? height - HEADER_LINES - 1 : 0, shown;

	text_clear(text);
	if (!top->is_open || !top->has_first) {
		text_printf(text, "%s\nwaiting\n", top->error);
		return;
	}
	if (top->scroll + room > top->row_count)
		top->scroll = top->row_count > room ? top->row_count - room : 0;
	shown = top->row_count - top->scroll < room ? top->row_count - top->scroll : room;
	add_header(text, top);
	layout_choose(&layout, &top->now, top->rows + top->scroll, shown, true, width);
	layout_header(text, &layout);
	text_add(text, "\n");
	for (size_t i = 0; i < shown; i++) {
		layout_row(text, &layout, &top->now, top->rows[top->scroll + i]);
		text_add(text, "\n");
	}
	if (!top->now.count && top->filter->count)
		text_add(text, "no virtual router fits\n");
}

static void draw_help(struct text *text)
{
	text_clear(text);
	text_add(text, "s, right, left   sort by another column\n"
		       "r                reverse\n"
		       "/                only those with this text in interface/ID or master\n"
		       "m b i a          only masters, backups, in INIT; all\n"
		       "up down PgUp PgDn Home End   scroll\n"
		       "p                pause\n"
		       "q                quit\n");
}

static void show(const struct text *text)
{
	int line = 0;

	erase();
	for (const char *at = text->bytes; at && *at && line < LINES; line++) {
		const char *newline = strchrnul(at, '\n');

		if (line == HEADER_LINES)
			attron(A_REVERSE);
		mvaddnstr(line, 0, at, (int)(newline - at) < COLS ? (int)(newline - at) : COLS);
		attroff(A_REVERSE);
		at = *newline ? newline + 1 : newline;
	}
	refresh();
}

/* Keys. */

static void sort_by_next(struct top *top, size_t step)
{
	do
		top->sort = (top->sort + step) % column_count;
	while (!columns[top->sort].in_top || (columns[top->sort].is_needed && !columns[top->sort].is_needed(&top->now)));
	top->is_reversed = false;
}

static void take_search_key(struct top *top, int key)
{
	size_t len = strlen(top->search);

	if (key == '\n' || key == '\r' || key == KEY_ENTER) {
		top->is_searching = false;
	} else if (key == '\033') {
		top->is_searching = false;
		*top->search = '\0';
	} else if (key == KEY_BACKSPACE || key == 127 || key == '\b') {
		if (len)
			top->search[len - 1] = '\0';
	} else if (key > ' ' && key < 127 && len + 1 < sizeof(top->search)) {
		top->search[len] = (char)key;
		top->search[len + 1] = '\0';
	}
}

static void take_key(struct top *top, int key)
{
	size_t page = LINES > HEADER_LINES + 2 ? (size_t)(LINES - HEADER_LINES - 2) : 1;

	if (key == CTRL_C) {
		is_ended = 1;
		return;
	}
	if (top->is_searching) {
		take_search_key(top, key);
		return;
	}
	if (top->is_helping) {
		top->is_helping = false;
		return;
	}
	switch (key) {
	case 'q':
		is_ended = 1;
		break;
	case 's':
	case KEY_RIGHT:
		sort_by_next(top, 1);
		break;
	case KEY_LEFT:
		sort_by_next(top, column_count - 1);
		break;
	case 'r':
		top->is_reversed = !top->is_reversed;
		break;
	case '/':
		top->is_searching = true;
		*top->search = '\0';
		break;
	case 'm':
		top->state = MASTER;
		break;
	case 'b':
		top->state = BACKUP;
		break;
	case 'i':
		top->state = INIT;
		break;
	case 'a':
		top->state = -1;
		break;
	case 'p':
		top->is_paused = !top->is_paused;
		break;
	case '?':
	case 'h':
		top->is_helping = true;
		break;
	case KEY_UP:
		top->scroll -= top->scroll ? 1 : 0;
		break;
	case KEY_DOWN:
		top->scroll++;
		break;
	case KEY_PPAGE:
		top->scroll -= top->scroll < page ? top->scroll : page;
		break;
	case KEY_NPAGE:
		top->scroll += page;
		break;
	case KEY_HOME:
		top->scroll = 0;
		break;
	case KEY_END:
		top->scroll = top->row_count;
		break;
	}
}

/* Takes keys until the next look is due. */
static void wait_for_keys(struct top *top, struct text *text, uint64_t until_ns)
{
	uint64_t now_ns;

	while (!is_ended && (now_ns = clock_now_ns(CLOCK_MONOTONIC)) < until_ns) {
		int key;

		timeout((int)((until_ns - now_ns) / 1000000) + 1);
		key = getch();
		if (key == ERR)
			continue;
		if (key != KEY_RESIZE)
			take_key(top, key);
		if (top->is_open && top->has_first)
			choose_rows(top);
		if (top->is_helping)
			draw_help(text);
		else
			draw(text, top, (size_t)COLS, (size_t)LINES);
		show(text);
	}
}

/* To the last look. */
static int answer(const struct top *top)
{
	int status;

	if (!top->is_open || !top->has_first)
		return tell("%s", top->error);
	status = snapshot_answer(&top->now, top->filter);
	if (status == CTL_NO)
		tell("no virtual router fits; `xcarpctl status` shows all");
	return status;
}

static int run_screen(struct top *top)
{
	struct sigaction action = { .sa_handler = end };
	struct text text = { 0 };
	SCREEN *screen;

	if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
		return tell("top: needs a terminal; `top --batch` does not");
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return tell("top: this terminal is not known (TERM); `top --batch` needs none");
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	curs_set(0);
	for (unsigned int n = 0; !is_ended && (!top->options->count || n < top->options->count); n++) {
		uint64_t began_ns = clock_now_ns(CLOCK_MONOTONIC);

		if (!top->is_paused)
			look(top);
		if (!top->is_helping) {
			draw(&text, top, (size_t)COLS, (size_t)LINES);
			show(&text);
		}
		wait_for_keys(top, &text, began_ns + (uint64_t)((n ? top->options->interval_s : 0.3) * NS_PER_S));
	}
	endwin();
	delscreen(screen);
	text_free(&text);
	return answer(top);
}

static int run_batch(struct top *top)
{
	struct text text = { 0 };
	int err = 0;

	/* The first has rates too. */
	look(top);
	poll(NULL, 0, FIRST_RATES_MS);
	for (unsigned int n = 0; !err && (!top->options->count || n < top->options->count); n++) {
		if (n)
			poll(NULL, 0, (int)(top->options->interval_s * 1000));
		look(top);
		draw(&text, top, 0, SIZE_MAX);
		text_add(&text, "\n");
		err = text_print(&text);
	}
	text_free(&text);
	return err && err != -EPIPE ? tell("standard output: %s", strerror(-err)) : answer(top);
}

int top_run(const struct filter *filter, const struct top_options *options)
{
	struct top top = { .filter = filter, .options = options, .state = -1 };
	int status;

	status = options->batch ? run_batch(&top) : run_screen(&top);
	free(top.rows);
	snapshot_free(&top.before);
	snapshot_free(&top.now);
	if (top.is_open)
		maps_close(&top.maps);
	return status;
}
