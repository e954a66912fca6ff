/* SPDX-License-Identifier: MIT */
/*
 * One walk over the tables does everything: it checks what is there, fills in what is not, and
 * notes what nothing reads yet. How deep it recurses is up to the tables, never to the document.
 */
#include "daemon/json_reader.h"

#include "base/log.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX  512
#define FOUND_MAX 72

int json_reader_init(struct json_reader *reader, const char *document)
{
	*reader = (struct json_reader){.document = document, .notes = json_array()};
	return reader->notes ? 0 : -ENOMEM;
}

void json_reader_deinit(struct json_reader *reader)
{
	json_decref(reader->notes);
	reader->notes = NULL;
}

/* ---- messages ---- */

int json_reader_fail(struct json_reader *reader, const char *path, const char *format, ...)
{
	char what[TEXT_MAX], line[2 * TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	snprintf(line, sizeof(line), "%.200s: %s%s%s", reader->document, path, *path ? ": " : "",
		 what);
	log_escape(line, "", reader->error, sizeof(reader->error));
	return -EINVAL;
}

int json_reader_note(struct json_reader *reader, const char *path, const char *format, ...)
{
	char what[TEXT_MAX], line[2 * TEXT_MAX], printable[TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	snprintf(line, sizeof(line), "%s: %s", path, what);
	log_escape(line, "", printable, sizeof(printable));
	return json_array_append_new(reader->notes, json_string(printable)) < 0 ? -ENOMEM : 0;
}

static int check_value(struct json_reader *reader, const struct key_spec *key, const json_t *value)
{
	static const char *const words[] = {
		[KEY_HAS_WRONG_TYPE] = "has the wrong type",
		[KEY_IS_OUT_OF_RANGE] = "is out of range",
		[KEY_IS_NO_CHOICE] = "is not known",
	};
	enum key_verdict verdict = json_key_check(key, value);
	char found[FOUND_MAX], allowed[TEXT_MAX / 2];

	if (verdict == KEY_IS_GOOD)
		return 0;
	json_key_describe_value(value, found, sizeof(found));
	json_key_describe(key, allowed, sizeof(allowed));
	return json_reader_fail(reader, *reader->path ? reader->path : "the whole document",
				"%s %s (allowed: %s)", found, words[verdict], allowed);
}

/* ---- the path ---- */

/* Returns the length to give back to path_leave(). A path that is too long is cut. */
static size_t path_enter(struct json_reader *reader, const char *name)
{
	size_t length = reader->path_length;

	snprintf(reader->path + length, sizeof(reader->path) - length, "%s%s", length ? "." : "",
		 name);
	reader->path_length = strlen(reader->path);
	return length;
}

static size_t path_enter_index(struct json_reader *reader, size_t index)
{
	size_t length = reader->path_length;

	snprintf(reader->path + length, sizeof(reader->path) - length, "[%zu]", index);
	reader->path_length = strlen(reader->path);
	return length;
}

static void path_leave(struct json_reader *reader, size_t length)
{
	reader->path_length = length;
	reader->path[length] = '\0';
}

/* ---- the walk ---- */

static bool name_is_good(const char *name)
{
	size_t length = strlen(name);

	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
			return false;
	return length >= 1 && length <= JSON_NAME_MAX;
}

static int complete_map(struct json_reader *reader, const struct key_spec *key, json_t *value,
			json_t **ret_completed)
{
	json_t *map = json_object(), *item, *completed = NULL;
	const char *name;
	int r;

	if (!map)
		return -ENOMEM;

	json_object_foreach (value, name, item) {
		size_t length = path_enter(reader, name);

		if (!name_is_good(name))
			r = json_reader_fail(reader, reader->path,
					     "bad name (allowed: 1 to %d letters, digits, - and _)",
					     JSON_NAME_MAX);
		else
			r = json_reader_complete(reader, key->members, item, &completed);
		if (r == 0 && json_object_set_new(map, name, completed) < 0)
			r = -ENOMEM;
		if (r < 0) {
			json_decref(map);
			return r;
		}
		path_leave(reader, length);
	}
	*ret_completed = map;
	return 0;
}

static int complete_list(struct json_reader *reader, const struct key_spec *key, json_t *value,
			 json_t **ret_completed)
{
	json_t *list = json_array(), *completed = NULL;
	size_t n = json_array_size(value);
	int r;

	if (!list)
		return -ENOMEM;

	for (size_t i = 0; i < n; i++) {
		size_t length = path_enter_index(reader, i);

		r = json_reader_complete(reader, key->members, json_array_get(value, i),
					 &completed);
		if (r == 0 && json_array_append_new(list, completed) < 0)
			r = -ENOMEM;
		if (r < 0) {
			json_decref(list);
			return r;
		}
		path_leave(reader, length);
	}
	*ret_completed = list;
	return 0;
}

static int complete_present(struct json_reader *reader, const struct key_spec *key, json_t *value,
			    json_t **ret_completed)
{
	int r = check_value(reader, key, value);

	if (r == 0 && key->is_later)
		r = json_reader_note(reader, reader->path, "not built yet, only checked");
	if (r < 0)
		return r;
	switch (key->type) {
	case KEY_OBJECT:
		return json_reader_complete(reader, key->members, value, ret_completed);
	case KEY_MAP:
		return complete_map(reader, key, value, ret_completed);
	case KEY_LIST:
		return complete_list(reader, key, value, ret_completed);
	default:
		*ret_completed = json_incref(value);
		return 0;
	}
}

/* *ret_completed is NULL where the key has no default. */
static int complete_absent(struct json_reader *reader, const struct key_spec *key,
			   json_t **ret_completed)
{
	char allowed[TEXT_MAX / 2];
	json_t *empty;
	int r;

	if (key->is_required) {
		json_key_describe(key, allowed, sizeof(allowed));
		return json_reader_fail(reader, reader->path, "missing (allowed: %s)", allowed);
	}
	*ret_completed = NULL;
	if (key->type == KEY_OBJECT) {
		empty = json_object();
		r = empty ? json_reader_complete(reader, key->members, empty, ret_completed)
			  : -ENOMEM;
		json_decref(empty);
		return r;
	}
	if (!key->fallback)
		return 0;
	*ret_completed = json_loads(key->fallback, JSON_DECODE_ANY, NULL);
	return *ret_completed ? 0 : -ENOMEM;
}

static int complete_key(struct json_reader *reader, const struct key_spec *key,
			const json_t *object, json_t *completed)
{
	json_t *value = json_object_get(object, key->name), *member = NULL;
	size_t length = path_enter(reader, key->name);
	int r;

	r = value ? complete_present(reader, key, value, &member)
		  : complete_absent(reader, key, &member);
	if (r < 0)
		return r;
	path_leave(reader, length);
	if (member && json_object_set_new(completed, key->name, member) < 0)
		return -ENOMEM;
	return 0;
}

static bool key_is_known(const struct key_spec *keys, const char *name)
{
	for (; keys->name; keys++)
		if (strcmp(keys->name, name) == 0)
			return true;
	return false;
}

static int check_names(struct json_reader *reader, const struct key_spec *keys,
		       const json_t *object)
{
	char allowed[TEXT_MAX];
	const char *name;
	json_t *value;

	json_object_foreach ((json_t *)object, name, value) {
		if (key_is_known(keys, name))
			continue;
		path_enter(reader, name);
		json_key_describe_all(keys, allowed, sizeof(allowed));
		return json_reader_fail(reader, reader->path, "unknown key (allowed: %s)", allowed);
	}
	return 0;
}

int json_reader_complete(struct json_reader *reader, const struct key_spec *keys,
			 const json_t *value, json_t **ret_completed)
{
	static const struct key_spec object = {.type = KEY_OBJECT};
	json_t *completed;
	int r;

	r = check_value(reader, &object, value);
	if (r == 0)
		r = check_names(reader, keys, value);
	if (r < 0)
		return r;
	completed = json_object();
	if (!completed)
		return -ENOMEM;
	for (; keys->name; keys++) {
		r = complete_key(reader, keys, value, completed);
		if (r < 0) {
			json_decref(completed);
			return r;
		}
	}
	*ret_completed = completed;
	return 0;
}

/* ---- text ---- */

/* jansson's words, save where they speak to programmers. */
static const char *syntax_error(json_error_t *error)
{
	enum json_error_code code = json_error_code(error);

	return code == json_error_null_character || code == json_error_null_byte_in_key
		       ? "\\u0000 is in a text or a name (allowed: any other character)"
		       : error->text;
}

int json_reader_parse(struct json_reader *reader, const char *text, size_t length,
		      json_t **ret_value)
{
	json_error_t error = {0}; /* jansson leaves parts of it alone when memory runs out */
	json_t *value = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
	char line[2 * TEXT_MAX];

	if (value) {
		*ret_value = value;
		return 0;
	}
	/* jansson has nothing to say about some of its failed allocations. */
	if (json_error_code(&error) == json_error_out_of_memory || !error.text[0])
		return -ENOMEM;
	snprintf(line, sizeof(line), "%.200s:%d: %s", reader->document,
		 error.line < 1 ? 1 : error.line, syntax_error(&error));
	log_escape(line, "", reader->error, sizeof(reader->error));
	return -EINVAL;
}
