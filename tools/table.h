/* SPDX-License-Identifier: MIT */
/*
 * Text in aligned columns, for people.
 */
#ifndef NPU_TOOLS_TABLE_H
#define NPU_TOOLS_TABLE_H

#include <stddef.h>
#include <stdio.h>

struct table {
	const char *const *columns; /* borrowed; a name that starts with '>' is aligned right */
	size_t n_columns;
	char **cells; /* owned, row after row */
	size_t n_cells;
};

void table_init(struct table *table, const char *const *columns, size_t n_columns);
void table_deinit(struct table *table);
/* The next cell, left to right, row after row. Without memory the cell stays empty. */
void table_add(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Whatever is not printable ASCII is shown as '?': cells may hold text of strangers. */
void table_print(const struct table *table, FILE *out);

#endif
