/* SPDX-License-Identifier: MIT */
/*
 * Cells are collected first, so that each column can be as wide as its widest.
 */
#include "table.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define COLUMN_GAP 2

void table_init(struct table *table, const char *const *columns, size_t n_columns)
{
	*table = (struct table){.columns = columns, .n_columns = n_columns};
}

void table_deinit(struct table *table)
{
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i]);
	free(table->cells);
	*table = (struct table){0};
}

void table_add(struct table *table, const char *format, ...)
{
	va_list arguments;
	char *text = NULL;
	char **cells = realloc(table->cells, (table->n_cells + 1) * sizeof(*cells));
	if (!cells)
		return;
	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	for (char *p = text; p && *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
	table->cells = cells;
	table->cells[table->n_cells++] = text;
}

static bool column_is_right(const struct table *table, size_t column)
{
	return table->columns[column][0] == '>';
}

static const char *column_title(const struct table *table, size_t column)
{
	return table->columns[column] + column_is_right(table, column);
}

static const char *cell_text(const struct table *table, size_t cell)
{
	return cell < table->n_cells && table->cells[cell] ? table->cells[cell] : "";
}

static int column_width(const struct table *table, size_t column)
{
	size_t width = strlen(column_title(table, column));
	for (size_t i = column; i < table->n_cells; i += table->n_columns)
		if (strlen(cell_text(table, i)) > width)
			width = strlen(cell_text(table, i));
	return (int)width;
}

static void print_cell(const struct table *table, size_t column, const char *text, FILE *out)
{
	bool is_last = column + 1 == table->n_columns;
	int width = column_width(table, column);
	if (column_is_right(table, column))
		fprintf(out, "%*s", width, text);
	else
		fprintf(out, "%-*s", is_last ? 0 : width, text);
	if (is_last)
		fputc('\n', out);
	else
		fprintf(out, "%*s", COLUMN_GAP, "");
}

void table_print(const struct table *table, FILE *out)
{
	for (size_t i = 0; i < table->n_columns; i++)
		print_cell(table, i, column_title(table, i), out);
	for (size_t i = 0, column = 0; i < table->n_cells; i++) {
		print_cell(table, column, cell_text(table, i), out);
		column = column + 1 < table->n_columns ? column + 1 : 0;
	}
}
