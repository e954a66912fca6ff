/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a policy file: refused with one printable line, or taken, and then complete enough
 * for everybody to get a class and to be read again.
 */
#include "daemon/config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_error(const struct config_error *error)
{
	require(strncmp(error->text, "fuzz:", 5) == 0);
	for (const char *c = error->text; *c; c++)
		require(*c >= 0x20 && *c < 0x7f);
}

static void check_config(const struct config *config)
{
	static const struct identity nobody = {.uid = 65534, .gid = 65534, .comm = "?"};
	const struct class *class = NULL;

	require(config->scheduler.policy != NULL);
	require(session_policy_match(&config->sessions, &nobody, "", &class) == 0);
	require(class->queue.weight > 0 && class->queue.core_mask && class->queue.max_cores);
}

/* The effective policy must be a policy file itself. */
static void check_again(const struct config *config)
{
	char *text = json_dumps(config->effective, 0);
	struct config again = {0};
	struct config_error error;

	require(text != NULL);
	require(config_parse("fuzz", text, strlen(text), &again, &error) == 0);
	require(json_equal(config->effective, again.effective));
	config_deinit(&again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config config = {0};
	struct config_error error = {""};

	if (config_parse("fuzz", (const char *)data, size, &config, &error) < 0) {
		check_error(&error);
		return 0;
	}
	check_config(&config);
	check_again(&config);
	config_deinit(&config);
	return 0;
}
