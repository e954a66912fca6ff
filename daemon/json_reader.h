/* SPDX-License-Identifier: MIT */
/*
 * Reads a JSON document against tables of its keys: what is not in a table is an error, what the
 * document leaves out is filled in from the table. It knows JSON and no policy.
 *
 *   document + struct key_spec[] -> the same document, checked, with every default; notes
 *                                or one line that names the file, the path, and what is allowed
 */
#ifndef NPUD_DAEMON_JSON_READER_H
#define NPUD_DAEMON_JSON_READER_H

#include "daemon/json_key.h"

#include <jansson.h>
#include <stddef.h>

struct json_reader {
	const char *document; /* stands for the file in messages; borrowed */
	char path[192];
	size_t path_length;
	json_t *notes; /* array of strings "PATH: …"; owned */
	char error[512];
};

/* -ENOMEM. */
int json_reader_init(struct json_reader *reader, const char *document);
void json_reader_deinit(struct json_reader *reader);

/* Text -> value, which the caller owns. -EINVAL with reader->error "FILE:LINE: …"; -ENOMEM. */
int json_reader_parse(struct json_reader *reader, const char *text, size_t length,
		      json_t **ret_value);
/*
 * Checks an object against a table and returns a copy with every default, in the table's order.
 * The copy shares values with `value`. -EINVAL with reader->error "FILE: PATH: …"; -ENOMEM.
 */
int json_reader_complete(struct json_reader *reader, const struct key_spec *keys,
			 const json_t *value, json_t **ret_completed);

/* Says what is wrong at a path ("" for the whole document), kept printable; returns -EINVAL. */
int json_reader_fail(struct json_reader *reader, const char *path, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Adds "PATH: …" to the notes. -ENOMEM. */
int json_reader_note(struct json_reader *reader, const char *path, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
