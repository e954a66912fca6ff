/* SPDX-License-Identifier: MIT */
/* Pure functions over one value; what a type allows stands next to how it is said. */
#include "daemon/json_key.h"

#include <stdio.h>
#include <string.h>

/* ---- words ---- */

static void append(char *buffer, size_t size, const char *text)
{
	size_t used = strlen(buffer);

	snprintf(buffer + used, size - used, "%s%s", used ? ", " : "", text);
}

/* "[0, 7]"; only its length where it is longer than a line, or has lists and objects. */
static void describe_list(const json_t *value, char *buffer, size_t size)
{
	char text[48] = "";
	const json_t *item;
	bool is_short = true;
	size_t i;

	json_array_foreach (value, i, item) {
		char word[16];

		is_short &=
			json_dumpb(item, word, sizeof(word) - 1, JSON_ENCODE_ANY) < sizeof(word);
		if (!is_short || json_is_array(item) || json_is_object(item))
			break;
		word[json_dumpb(item, word, sizeof(word) - 1, JSON_ENCODE_ANY)] = '\0';
		is_short = strlen(text) + strlen(word) + 2 < sizeof(text);
		append(text, sizeof(text), word);
	}
	if (is_short && i == json_array_size(value))
		snprintf(buffer, size, "[%s]", text);
	else
		snprintf(buffer, size, "a list of %zu", json_array_size(value));
}

void json_key_describe_value(const json_t *value, char *buffer, size_t size)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		snprintf(buffer, size, "an object of %zu", json_object_size(value));
		break;
	case JSON_ARRAY:
		describe_list(value, buffer, size);
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

static void describe_choices(const char *const *choices, char *buffer, size_t size)
{
	buffer[0] = '\0';
	for (; *choices; choices++)
		append(buffer, size, *choices);
}

void json_key_describe(const struct key_spec *key, char *buffer, size_t size)
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
	else if (key->type == KEY_INTEGER && key->min == key->max)
		snprintf(buffer, size, "%.15g", key->min);
	else
		snprintf(buffer, size, formats[key->type], key->min, key->max, ID_MAX);
}

void json_key_describe_all(const struct key_spec *keys, char *buffer, size_t size)
{
	buffer[0] = '\0';
	for (; keys->name; keys++)
		append(buffer, size, keys->name);
}

/* ---- checks ---- */

static enum key_verdict check_number(const struct key_spec *key, const json_t *value)
{
	double number = json_number_value(value);

	return number >= key->min && number <= key->max ? KEY_IS_GOOD : KEY_IS_OUT_OF_RANGE;
}

static enum key_verdict check_count(const struct key_spec *key, size_t n)
{
	return (double)n >= key->min && (double)n <= key->max ? KEY_IS_GOOD : KEY_IS_OUT_OF_RANGE;
}

static enum key_verdict check_text_or_integer(const struct key_spec *key, const json_t *value)
{
	double number;

	if (json_is_string(value))
		return check_count(key, json_string_length(value));
	if (!json_is_integer(value))
		return KEY_HAS_WRONG_TYPE;
	number = json_number_value(value);
	return number >= 0 && number <= ID_MAX ? KEY_IS_GOOD : KEY_IS_OUT_OF_RANGE;
}

static enum key_verdict check_choice(const struct key_spec *key, const json_t *value)
{
	if (!json_is_string(value))
		return KEY_HAS_WRONG_TYPE;
	for (const char *const *choice = key->choices; *choice; choice++)
		if (strcmp(*choice, json_string_value(value)) == 0)
			return KEY_IS_GOOD;
	return KEY_IS_NO_CHOICE;
}

static enum key_verdict check_set(const struct key_spec *key, const json_t *value)
{
	size_t n = json_array_size(value);

	if (!json_is_array(value))
		return KEY_HAS_WRONG_TYPE;
	if (n == 0 || (double)n > key->max - key->min + 1)
		return KEY_IS_OUT_OF_RANGE;
	for (size_t i = 0; i < n; i++) {
		const json_t *item = json_array_get(value, i);

		if (!json_is_integer(item))
			return KEY_HAS_WRONG_TYPE;
		if (check_number(key, item) != KEY_IS_GOOD)
			return KEY_IS_OUT_OF_RANGE;
		for (size_t j = 0; j < i; j++)
			if (json_equal(item, json_array_get(value, j)))
				return KEY_IS_OUT_OF_RANGE;
	}
	return KEY_IS_GOOD;
}

enum key_verdict json_key_check(const struct key_spec *key, const json_t *value)
{
	bool is_auto = json_is_string(value) && strcmp(json_string_value(value), "auto") == 0;

	switch (key->type) {
	case KEY_FLAG:
		return json_is_boolean(value) ? KEY_IS_GOOD : KEY_HAS_WRONG_TYPE;
	case KEY_INTEGER:
		return json_is_integer(value) ? check_number(key, value) : KEY_HAS_WRONG_TYPE;
	case KEY_NUMBER_OR_AUTO:
		if (is_auto)
			return KEY_IS_GOOD;
		__attribute__((fallthrough));
	case KEY_NUMBER:
		return json_is_number(value) ? check_number(key, value) : KEY_HAS_WRONG_TYPE;
	case KEY_TEXT:
		return json_is_string(value) ? check_count(key, json_string_length(value))
					     : KEY_HAS_WRONG_TYPE;
	case KEY_TEXT_OR_INTEGER:
		return check_text_or_integer(key, value);
	case KEY_CHOICE:
		return check_choice(key, value);
	case KEY_SET:
		return check_set(key, value);
	case KEY_OBJECT:
		return json_is_object(value) ? KEY_IS_GOOD : KEY_HAS_WRONG_TYPE;
	case KEY_MAP:
		return json_is_object(value) ? check_count(key, json_object_size(value))
					     : KEY_HAS_WRONG_TYPE;
	case KEY_LIST:
		return json_is_array(value) ? check_count(key, json_array_size(value))
					    : KEY_HAS_WRONG_TYPE;
	}
	return KEY_HAS_WRONG_TYPE;
}
