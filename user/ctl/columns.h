/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The columns of the tables that status and top print: one row holds all about one. */
#ifndef XCARP_CTL_COLUMNS_H
#define XCARP_CTL_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/snapshot.h"
#include "ctl/text.h"

#define CELL_LEN 72

struct column {
	const char *title;
	bool is_right; /* aligned so */
	uint8_t width; /* least */
	uint8_t rank; /* where the line is too short, the highest go first */
	bool in_status, in_top;
	bool is_descending; /* sorted by it, the largest come first */
	void (*cell)(char cell[CELL_LEN], const struct snapshot *snapshot, const struct vrouter *vr);
	/* What it is sorted by; NULL: the cells' text. */
	double (*value)(const struct snapshot *snapshot, const struct vrouter *vr);
	bool (*is_needed)(const struct snapshot *snapshot); /* NULL: always */
};

extern const struct column columns[];
extern const size_t column_count;

/* Columns of one table, chosen and measured. */
struct layout {
	const struct column *columns[24];
	size_t widths[24];
	size_t count;
};

/*
 * Chooses the columns that are needed and measures them over rows. line_width: leaves out what does not fit;
 * 0: all fit.
 */
void layout_choose(struct layout *layout, const struct snapshot *snapshot, const struct vrouter *const *rows,
		   size_t row_count, bool is_top, size_t line_width);

void layout_header(struct text *text, const struct layout *layout);
void layout_row(struct text *text, const struct layout *layout, const struct snapshot *snapshot,
		const struct vrouter *vr);

#endif
