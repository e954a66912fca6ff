/* SPDX-License-Identifier: MIT */
/*
 * One walk over the tables does everything: it checks what is there, fills in what is not, and
 * notes what nothing reads yet. How deep it recurses is up to the tables, never to the document.
 */
#include "daemon/json_reader.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX  512
#define FOUND_MAX 72

enum verdict { VERDICT_OK, VERDICT_TYPE, VERDICT_RANGE, VERDICT_CHOICE };

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

/* What the file says reaches terminals and logs: anything but printable ASCII becomes \xNN. */
static void text_make_printable(const char *text, char *buffer, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	size_t used = 0;

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		bool is_plain = c >= 0x20 && c < 0x7f;

		if (used + (is_plain ? 1 : 4) >= size)
			break;
		if (is_plain) {
			buffer[used++] = (char)c;
			continue;
		}
		buffer[used++] = '\\';
		buffer[used++] = 'x';
		buffer[used++] = digits[c >> 4];
		buffer[used++] = digits[c & 15];
	}
	buffer[used] = '\0';
}

int json_reader_fail(struct json_reader *reader, const char *path, const char *format, ...)
{
	char what[TEXT_MAX], line[2 * TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	snprintf(line, sizeof(line), "%.200s: %s%s%s", reader->document, path, *path ? ": " : "",
		 what);
	text_make_printable(line, reader->error, sizeof(reader->error));
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
	text_make_printable(line, printable, sizeof(printable));
	return json_array_append_new(reader->notes, json_string(printable)) < 0 ? -ENOMEM : 0;
}

static void describe_found(const json_t *value, char *buffer, size_t size)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		snprintf(buffer, size, "an object of %zu", json_object_size(value));
		break;
	case JSON_ARRAY:
		snprintf(buffer, size, "a list of %zu", json_array_size(value));
		break;
	case JSON_STRING:
		snprintf(buffer, size, "'%.60s'%s", json_string_value(value),
			 json_string_length(value) > 60 ? "..." : "");
		break;
	case JSON_INTEGER:
		snprintf(buffer, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		break;
	case JSON_REAL:
		snprintf(buffer, size, "%.15g", json_real_value(value));
		break;
	default:
		snprintf(buffer, size, "%s",
			 json_is_null(value)   ? "null"
			 : json_is_true(value) ? "true"
					       : "false");
	}
}

static void append(char *buffer, size_t size, const char *separator, const char *text)
{
	size_t used = strlen(buffer);

	snprintf(buffer + used, size - used, "%s%s", used ? separator : "", text);
}

static void describe_choices(const char *const *choices, char *buffer, size_t size)
{
	buffer[0] = '\0';
	for (; *choices; choices++)
		append(buffer, size, ", ", *choices);
}

static void describe_allowed(const struct key_spec *key, char *buffer, size_t size)
{
	static const char *const formats[] = {
		[KEY_FLAG] = "true or false",
		[KEY_INTEGER] = "a whole number, %.15g to %.15g",
		[KEY_NUMBER] = "a number, %.15g to %.15g",
		[KEY_NUMBER_OR_AUTO] = "a number, %.15g to %.15g, or 'auto'",
		[KEY_TEXT] = "text, %.15g to %.15g bytes",
		[KEY_TEXT_OR_INTEGER] =
			"a name of %.15g to %.15g bytes, or a whole number, 0 to %.15g",
		[KEY_SET] = "a list of different whole numbers, %.15g to %.15g",
		[KEY_OBJECT] = "an object",
		[KEY_MAP] = "an object of %.15g to %.15g named objects",
		[KEY_LIST] = "a list of %.15g to %.15g objects",
	};

	if (key->type == KEY_CHOICE)
		describe_choices(key->choices, buffer, size);
	else
		snprintf(buffer, size, formats[key->type], key->min, key->max, ID_MAX);
}

static int fail_value(struct json_reader *reader, const struct key_spec *key, const json_t *value,
		      enum verdict verdict)
{
	static const char *const words[] = {
		[VERDICT_TYPE] = "has the wrong type",
		[VERDICT_RANGE] = "is out of range",
		[VERDICT_CHOICE] = "is not known",
	};
	char found[FOUND_MAX], allowed[TEXT_MAX / 2];

	describe_found(value, found, sizeof(found));
	describe_allowed(key, allowed, sizeof(allowed));
	return json_reader_fail(reader, reader->path, "%s %s (allowed: %s)", found, words[verdict],
				allowed);
}

/* ---- the path ---- */

/* Returns the length to give back to path_leave(). A path that is too long is cut, as in "a.b". */
static size_t path_enter(struct json_reader *reader, const char *name)
{
	size_t length = reader->path_length;

	append(reader->path, sizeof(reader->path), ".", name);
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

/* ---- values without members ---- */

static enum verdict check_number(const struct key_spec *key, const json_t *value)
{
	double number = json_number_value(value);

	return number >= key->min && number <= key->max ? VERDICT_OK : VERDICT_RANGE;
}

static enum verdict check_text(const struct key_spec *key, const json_t *value)
{
	double length = (double)json_string_length(value);

	return length >= key->min && length <= key->max ? VERDICT_OK : VERDICT_RANGE;
}

static enum verdict check_text_or_integer(const struct key_spec *key, const json_t *value)
{
	double number;

	if (json_is_string(value))
		return check_text(key, value);
	if (!json_is_integer(value))
		return VERDICT_TYPE;
	number = json_number_value(value);
	return number >= 0 && number <= ID_MAX ? VERDICT_OK : VERDICT_RANGE;
}

static enum verdict check_choice(const struct key_spec *key, const json_t *value)
{
	if (!json_is_string(value))
		return VERDICT_TYPE;
	for (const char *const *choice = key->choices; *choice; choice++)
		if (strcmp(*choice, json_string_value(value)) == 0)
			return VERDICT_OK;
	return VERDICT_CHOICE;
}

static enum verdict check_set(const struct key_spec *key, const json_t *value)
{
	size_t n = json_array_size(value);

	if (!json_is_array(value))
		return VERDICT_TYPE;
	if (n == 0 || (double)n > key->max - key->min + 1)
		return VERDICT_RANGE;
	for (size_t i = 0; i < n; i++) {
		const json_t *item = json_array_get(value, i);

		if (!json_is_integer(item))
			return VERDICT_TYPE;
		if (check_number(key, item) != VERDICT_OK)
			return VERDICT_RANGE;
		for (size_t j = 0; j < i; j++)
			if (json_equal(item, json_array_get(value, j)))
				return VERDICT_RANGE;
	}
	return VERDICT_OK;
}

static enum verdict check_leaf(const struct key_spec *key, const json_t *value)
{
	bool is_auto = json_is_string(value) && strcmp(json_string_value(value), "auto") == 0;

	switch (key->type) {
	case KEY_FLAG:
		return json_is_boolean(value) ? VERDICT_OK : VERDICT_TYPE;
	case KEY_INTEGER:
		return json_is_integer(value) ? check_number(key, value) : VERDICT_TYPE;
	case KEY_NUMBER_OR_AUTO:
		if (is_auto)
			return VERDICT_OK;
		__attribute__((fallthrough));
	case KEY_NUMBER:
		return json_is_number(value) ? check_number(key, value) : VERDICT_TYPE;
	case KEY_TEXT:
		return json_is_string(value) ? check_text(key, value) : VERDICT_TYPE;
	case KEY_TEXT_OR_INTEGER:
		return check_text_or_integer(key, value);
	case KEY_CHOICE:
		return check_choice(key, value);
	default:
		return check_set(key, value);
	}
}

static int complete_leaf(struct json_reader *reader, const struct key_spec *key, json_t *value,
			 json_t **ret_completed)
{
	enum verdict verdict = check_leaf(key, value);

	if (verdict != VERDICT_OK)
		return fail_value(reader, key, value, verdict);
	if (key->is_later) {
		int r = json_reader_note(reader, reader->path, "checked, but not in effect yet");

		if (r < 0)
			return r;
	}
	*ret_completed = json_incref(value);
	return 0;
}

/* ---- values with members ---- */

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
	json_t *map, *item, *completed;
	const char *name;
	int r;

	if (!json_is_object(value))
		return fail_value(reader, key, value, VERDICT_TYPE);
	if ((double)json_object_size(value) < key->min ||
	    (double)json_object_size(value) > key->max)
		return fail_value(reader, key, value, VERDICT_RANGE);
	map = json_object();
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
	size_t n = json_array_size(value);
	json_t *list, *completed;
	int r;

	if (!json_is_array(value))
		return fail_value(reader, key, value, VERDICT_TYPE);
	if ((double)n < key->min || (double)n > key->max)
		return fail_value(reader, key, value, VERDICT_RANGE);
	list = json_array();
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
	switch (key->type) {
	case KEY_OBJECT:
		return json_reader_complete(reader, key->members, value, ret_completed);
	case KEY_MAP:
		return complete_map(reader, key, value, ret_completed);
	case KEY_LIST:
		return complete_list(reader, key, value, ret_completed);
	default:
		return complete_leaf(reader, key, value, ret_completed);
	}
}

/* *ret_completed is NULL where the key has no default. */
static int complete_absent(struct json_reader *reader, const struct key_spec *key,
			   json_t **ret_completed)
{
	json_t *empty = NULL;
	int r;

	if (key->is_required)
		return json_reader_fail(reader, reader->path, "missing");
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
	char allowed[TEXT_MAX] = "";
	const char *name;
	json_t *value;

	json_object_foreach ((json_t *)object, name, value) {
		if (key_is_known(keys, name))
			continue;
		path_enter(reader, name);
		for (; keys->name; keys++)
			append(allowed, sizeof(allowed), ", ", keys->name);
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

	if (!json_is_object(value))
		return fail_value(reader, &object, value, VERDICT_TYPE);
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

int json_reader_parse(struct json_reader *reader, const char *text, size_t length,
		      json_t **ret_value)
{
	json_error_t error;
	json_t *value = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
	char line[2 * TEXT_MAX];

	if (value) {
		*ret_value = value;
		return 0;
	}
	if (json_error_code(&error) == json_error_out_of_memory)
		return -ENOMEM;
	snprintf(line, sizeof(line), "%.200s:%d: %s", reader->document,
		 error.line < 1 ? 1 : error.line, error.text);
	text_make_printable(line, reader->error, sizeof(reader->error));
	return -EINVAL;
}
