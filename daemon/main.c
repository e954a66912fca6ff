/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "daemon/npud.h"
#include "daemon/options.h"
#include "daemon/sandbox.h"

#include <errno.h>
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

/* Before anything is opened or started. */
static int main_drop_privileges(struct options *options)
{
	int r = npud_choose_socket(options);

	if (r < 0)
		return r;
	if (options->user) {
		r = sandbox_become_user(options->user);
		if (r < 0) {
			fprintf(stderr, "npud: --user %s: %s\n", options->user,
				r == -ENOENT  ? "there is no such user"
				: r == -EPERM ? "only root can become another user"
					      : strerror(-r));
			return r;
		}
	}
	r = sandbox_drop_capabilities();
	if (r < 0)
		fprintf(stderr, "npud: capabilities: %s\n", strerror(-r));
	return r;
}

/* Where the kernel has no filters, only somebody who insists on them has to be refused. */
static int main_enter_sandbox(const struct options *options)
{
	int r = sandbox_enter(options->sandbox);

	if (r == 0)
		return 0;
	if (options->sandbox == SANDBOX_KILL) {
		fprintf(stderr, "npud: --sandbox kill: the kernel takes no filter: %s\n",
			strerror(-r));
		return r;
	}
	log_warning("sandbox filter=off reason=\"%s\"", strerror(-r));
	return 0;
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
	if (main_drop_privileges(&options) < 0 || npud_new(&options, &npud) < 0)
		return EXIT_NO_DAEMON;
	r = main_enter_sandbox(&options);
	if (r == 0)
		r = npud_run(npud);
	npud_free(npud);
	return r < 0 ? EXIT_FAILED : EXIT_OK;
}
