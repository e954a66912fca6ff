/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "daemon/npud.h"
#include "daemon/options.h"

#include <stdio.h>
#include <string.h>

/* Exit status, as design and README have it. */
enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_NO_DAEMON };

static int main_check_config(const struct options *options)
{
	struct config_error error = {0};
	struct config config;
	const json_t *item;
	size_t i;
	int r;

	r = options->config_path ? config_load(options->config_path, &config, &error)
				 : config_init_default(&config);
	if (r < 0) {
		fprintf(stderr, "npud: policy: %s\n", *error.text ? error.text : strerror(-r));
		return EXIT_FAILED;
	}
	json_array_foreach (config.not_in_effect, i, item)
		fprintf(stderr, "npud: policy: no effect: %s\n", json_string_value(item));
	printf("%s: ok\n", options->config_path ? options->config_path : "defaults");
	config_deinit(&config);
	return EXIT_OK;
}

int main(int argc, char **argv)
{
	struct options options;
	struct npud *npud;
	int r;

	/* getopt begins its messages with it. */
	argv[0] = (char *)"npud";
	r = options_parse(argc, argv, &options);
	if (r != 0)
		return r > 0 ? EXIT_OK : EXIT_USAGE;
	log_set_level(options.log_level);
	if (options.check_config)
		return main_check_config(&options);
	npud_block_signals();
	if (npud_new(&options, &npud) < 0)
		return EXIT_NO_DAEMON;
	r = npud_run(npud);
	npud_free(npud);
	return r < 0 ? EXIT_FAILED : EXIT_OK;
}
