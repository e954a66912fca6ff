/* SPDX-License-Identifier: MIT */
/*
 * What ships beside the reader says the same as the reader: example policies, JSON Schema, manual.
 * Runs in the source tree's root, or with its path in NPUD_SOURCE_ROOT.
 */
#include "daemon/config.h"
#include "daemon/config_keys.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LATER_WORDS "(Not in effect yet.)"

static const char *source_path(const char *name)
{
	static char path[4096];
	const char *root = getenv("NPUD_SOURCE_ROOT");

	snprintf(path, sizeof(path), "%s/%s", root ? root : ".", name);
	return path;
}

/* ---- example policies ---- */

/* Loads every NAME.json of a folder; returns how many, 0 where there is no such folder. */
static unsigned load_all(const char *folder)
{
	DIR *directory = opendir(source_path(folder));
	struct dirent *entry;
	unsigned n = 0;

	while (directory && (entry = readdir(directory))) {
		struct config config = {0};
		struct config_error error = {""};
		char name[600];

		if (!strstr(entry->d_name, ".json"))
			continue;
		snprintf(name, sizeof(name), "%s/%s", folder, entry->d_name);
		ck_assert_msg(config_load(source_path(name), &config, &error) == 0, "%s",
			      error.text);
		config_deinit(&config);
		n++;
	}
	if (directory)
		closedir(directory);
	return n;
}

START_TEST(shipped_policies)
{
	ck_assert_uint_ge(load_all("deploy/policies"), 5);
}
END_TEST

START_TEST(reference_policies)
{
	if (load_all("../shared/sched/policies") == 0)
		printf("skipped: the reference policies are not beside this source tree\n");
}
END_TEST

/* ---- schema ---- */

static json_t *schema;

static void load_schema(void)
{
	json_error_t error;

	schema = json_load_file(source_path("deploy/policy.schema.json"), 0, &error);
	ck_assert_msg(schema != NULL, "policy.schema.json:%d: %s", error.line, error.text);
}

static void free_schema(void)
{
	json_decref(schema);
}

static void assert_number(const char *key, const json_t *object, const char *name, double expected)
{
	const json_t *value = json_object_get(object, name);

	ck_assert_msg(json_is_number(value) && json_number_value(value) == expected,
		      "%s: %s should be %.15g", key, name, expected);
}

static void assert_text(const char *key, const json_t *object, const char *name,
			const char *expected)
{
	const char *value = json_string_value(json_object_get(object, name));

	ck_assert_msg(value && strcmp(value, expected) == 0, "%s: %s should be %s", key, name,
		      expected);
}

static void assert_range(const struct key_spec *key, const json_t *object, const char *type)
{
	assert_text(key->name, object, "type", type);
	assert_number(key->name, object, "minimum", key->min);
	assert_number(key->name, object, "maximum", key->max);
}

static void assert_choices(const struct key_spec *key, const json_t *object)
{
	const json_t *values = json_object_get(object, "enum");
	size_t n = 0;

	for (; key->choices[n]; n++) {
		const char *value = json_string_value(json_array_get(values, n));

		ck_assert_msg(value && strcmp(value, key->choices[n]) == 0,
			      "%s: choice %zu should be %s", key->name, n, key->choices[n]);
	}
	ck_assert_uint_eq(json_array_size(values), n);
}

static void assert_text_or_integer(const struct key_spec *key, const json_t *object)
{
	const struct key_spec id = {.name = key->name, .min = 0, .max = ID_MAX};
	const json_t *either = json_object_get(object, "anyOf");

	ck_assert_uint_eq(json_array_size(either), 2);
	assert_text(key->name, json_array_get(either, 0), "type", "string");
	assert_number(key->name, json_array_get(either, 0), "minLength", key->min);
	assert_number(key->name, json_array_get(either, 0), "maxLength", key->max);
	assert_range(&id, json_array_get(either, 1), "integer");
}

static void assert_number_or_auto(const struct key_spec *key, const json_t *object)
{
	const json_t *either = json_object_get(object, "anyOf");

	assert_range(key, json_array_get(either, 0), "number");
	assert_text(key->name, json_array_get(either, 1), "const", "auto");
}

static void assert_default(const struct key_spec *key, const json_t *object)
{
	const json_t *value = json_object_get(object, "default");
	json_t *expected = NULL;

	if (key->fallback)
		expected = json_loads(key->fallback, JSON_DECODE_ANY, NULL);
	ck_assert_msg(expected ? json_equal(value, expected) : !value, "%s: default should be %s",
		      key->name, key->fallback ? key->fallback : "none");
	json_decref(expected);
}

static void assert_keys(const struct key_spec *keys, const json_t *object);

static void assert_key(const struct key_spec *key, const json_t *object)
{
	switch (key->type) {
	case KEY_FLAG:
		return assert_text(key->name, object, "type", "boolean");
	case KEY_INTEGER:
		return assert_range(key, object, "integer");
	case KEY_NUMBER:
		return assert_range(key, object, "number");
	case KEY_NUMBER_OR_AUTO:
		return assert_number_or_auto(key, object);
	case KEY_TEXT:
		assert_number(key->name, object, "minLength", key->min);
		assert_number(key->name, object, "maxLength", key->max);
		return assert_text(key->name, object, "type", "string");
	case KEY_TEXT_OR_INTEGER:
		return assert_text_or_integer(key, object);
	case KEY_CHOICE:
		return assert_choices(key, object);
	case KEY_SET:
		return assert_range(key, json_object_get(object, "items"), "integer");
	case KEY_OBJECT:
		return assert_keys(key->members, object);
	case KEY_MAP:
		assert_number(key->name, object, "minProperties", key->min);
		assert_number(key->name, object, "maxProperties", key->max);
		return assert_keys(key->members, json_object_get(object, "additionalProperties"));
	case KEY_LIST:
		assert_number(key->name, object, "minItems", key->min);
		assert_number(key->name, object, "maxItems", key->max);
		return assert_keys(key->members, json_object_get(object, "items"));
	}
	ck_abort_msg("%s: no such type", key->name);
}

static bool is_required(const json_t *object, const char *name)
{
	const json_t *required = json_object_get(object, "required");

	for (size_t i = 0; i < json_array_size(required); i++)
		if (strcmp(json_string_value(json_array_get(required, i)), name) == 0)
			return true;
	return false;
}

static void assert_keys(const struct key_spec *keys, const json_t *object)
{
	json_t *properties = json_object_get(object, "properties");
	size_t n = 0;

	ck_assert(json_is_false(json_object_get(object, "additionalProperties")));
	for (; keys[n].name; n++) {
		const json_t *property = json_object_get(properties, keys[n].name);
		const char *words = json_string_value(json_object_get(property, "description"));

		ck_assert_msg(property && words, "the schema lacks %s", keys[n].name);
		ck_assert_msg(keys[n].is_later == (strstr(words, LATER_WORDS) != NULL),
			      "%s: in effect or not?", keys[n].name);
		ck_assert_msg(keys[n].is_required == is_required(object, keys[n].name),
			      "%s: required or not?", keys[n].name);
		assert_key(&keys[n], property);
		assert_default(&keys[n], property);
	}
	ck_assert_msg(json_object_size(properties) == n,
		      "the schema has keys that the reader lacks, beside %s", keys[0].name);
}

START_TEST(schema_and_reader)
{
	assert_keys(config_keys, schema);
}
END_TEST

/* ---- manual ---- */

static char manual[65536];

static void load_text(const char *path)
{
	FILE *file = fopen(path, "re");
	size_t length;

	ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
	length = fread(manual, 1, sizeof(manual) - 1, file);
	ck_assert_uint_lt(length, sizeof(manual) - 1);
	manual[length] = '\0';
	fclose(file);
}

static bool section_is_written_in(const struct key_spec *keys, const char *name);

/* Each section's table is under a heading of its own, and has one row a key. */
static void assert_rows(const struct key_spec *keys, const char *section)
{
	for (; keys->name; keys++) {
		char row[80];
		const char *found, *end;

		if (keys->members) {
			ck_assert(section_is_written_in(keys->members, keys->name));
			continue;
		}
		snprintf(row, sizeof(row), "\n| `%s` |", keys->name);
		found = strstr(section, row);
		ck_assert_msg(found != NULL, "the manual lacks %s", keys->name);
		end = strchr(found + 1, '\n');
		ck_assert_msg(keys->is_later == (memmem(found, (size_t)(end - found), "| later |",
							9) != NULL),
			      "the manual, %s: in effect or not?", keys->name);
	}
}

static bool section_is_written_in(const struct key_spec *keys, const char *name)
{
	char heading[80];
	char *start, *end;

	snprintf(heading, sizeof(heading), "\n## `%s`", name);
	start = strstr(manual, heading);
	if (!start)
		return false;
	start = strdup(start + 1);
	end = strstr(start, "\n## ");
	if (end)
		*end = '\0';
	assert_rows(keys, start);
	free(start);
	return true;
}

START_TEST(manual_and_reader)
{
	load_text(source_path("docs/policy-file.md"));
	assert_rows(config_keys, manual);
}
END_TEST

/* ---- manual page ---- */

/* Made from the manual: all that can go wrong is that rows get lost on the way. */
static void assert_items(const struct key_spec *keys, const char *page, bool is_top)
{
	for (; keys->name; keys++) {
		const bool is_section = is_top && keys->members;
		char item[80];

		snprintf(item, sizeof(item), is_section ? "\n.Sh %s\n" : "\n.It Ic %s\n",
			 keys->name);
		ck_assert_msg(strstr(page, item) != NULL, "npud-policy(5) lacks %s", keys->name);
		/* What is in an object inside a section has its items where it is said first. */
		if (is_section)
			assert_items(keys->members, strstr(page, item), false);
	}
}

START_TEST(page_and_reader)
{
	const char *path = getenv("NPUD_POLICY_PAGE");

	if (!path) {
		printf("skipped: NPUD_POLICY_PAGE does not say where the page is\n");
		return;
	}
	load_text(path);
	assert_items(config_keys, manual, true);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config documents");
	TCase *cases = tcase_create("documents");
	TCase *schema_cases = tcase_create("schema");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_test(cases, shipped_policies);
	tcase_add_test(cases, reference_policies);
	tcase_add_test(cases, manual_and_reader);
	tcase_add_test(cases, page_and_reader);
	tcase_add_checked_fixture(schema_cases, load_schema, free_schema);
	tcase_add_test(schema_cases, schema_and_reader);
	suite_add_tcase(suite, cases);
	suite_add_tcase(suite, schema_cases);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
