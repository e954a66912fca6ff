/* SPDX-License-Identifier: MIT */
/* Equal notes are counted; the order is that of their first appearance. */
#include "run_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NOTE_MAX 160

struct note {
	char text[NOTE_MAX];
	unsigned count;
};

struct notes {
	struct note *items;
	size_t n;
};

static int notes_add(struct notes *notes, const char *text)
{
	for (size_t i = 0; i < notes->n; i++)
		if (strcmp(notes->items[i].text, text) == 0) {
			notes->items[i].count++;
			return 0;
		}
	struct note *grown = reallocarray(notes->items, notes->n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	notes->items = grown;
	snprintf(grown[notes->n].text, NOTE_MAX, "%s", text);
	grown[notes->n++].count = 1;
	return 0;
}

static void print_note(const struct note *note, FILE *output)
{
	char name[64], field[64], value[64];
	if (sscanf(note->text, "ioctl %63s %63s", name, value) == 2)
		fprintf(output, "%-28s %4s bytes %8u calls\n", name, value, note->count);
	else if (sscanf(note->text, "flags %63s %63s %63s", name, field, value) == 3)
		fprintf(output, "%-28s unknown bits %s in %s, %u calls\n", name, value, field,
			note->count);
	else if (sscanf(note->text, "longer %63s %63s", name, value) == 2)
		fprintf(output, "%-28s %s bytes are more than any known version has, %u calls\n",
			name, value, note->count);
	else if (sscanf(note->text, "unknown %63s", value) == 1)
		fprintf(output, "unknown ioctl %-14s refused with ENOTTY, %u calls\n", value,
			note->count);
}

int run_check_print(FILE *notes_file, FILE *output)
{
	struct notes notes = {0};
	char line[NOTE_MAX];
	int result = 0;
	while (result == 0 && fgets(line, sizeof(line), notes_file)) {
		line[strcspn(line, "\n")] = '\0';
		result = notes_add(&notes, line);
	}
	if (notes.n == 0)
		fprintf(output, "no ioctl of an NPU node was seen\n");
	for (size_t i = 0; i < notes.n; i++)
		print_note(&notes.items[i], output);
	free(notes.items);
	return result;
}
