/* SPDX-License-Identifier: MIT */
/*
 * A policy file as a string, and what becomes of it.
 */
#ifndef NPUD_TESTS_CONFIG_TEXT_H
#define NPUD_TESTS_CONFIG_TEXT_H

#include "daemon/config.h"

#include <check.h>
#include <string.h>

static struct config config;
static struct config_error error;

static inline void setup(void)
{
	config = (struct config){0};
	error = (struct config_error){""};
}

static inline void teardown(void)
{
	config_deinit(&config);
}

static inline int parse(const char *text)
{
	return config_parse("p.json", text, strlen(text), &config, &error);
}

static inline void parse_good(const char *text)
{
	int r = parse(text);

	ck_assert_msg(r == 0, "%s: %s", text, error.text);
}

static inline bool is_noted(const char *start)
{
	size_t i;
	json_t *note;

	json_array_foreach (config.not_in_effect, i, note)
		if (strncmp(json_string_value(note), start, strlen(start)) == 0)
			return true;
	return false;
}

#endif
