/* SPDX-License-Identifier: MIT */
/*
 * Every wrong argument is said with the allowed ones.
 */
#include "daemon/options.h"

#include "api/http.h"
#include "base/clock.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DRAIN_DEFAULT_S 20
#define DRAIN_MAX_S	86400

static const char usage[] =
	"Usage: npud [OPTION]...\n"
	"Shares the cores of an RK3588's NPU between programs.\n"
	"\n"
	"  --config FILE        policy file, see npud-policy(5); else defaults\n"
	"  --socket PATH        where clients connect; else $NPU_SOCKET, else /run/npud/npud.sock\n"
	"                       for root and $XDG_RUNTIME_DIR/npud.sock for users; several of "
	"them\n"
	"                       may be given, for `match` rules by `socket`: one per tenant\n"
	"  --device NAME        auto, soft, timing, rknpu or rocket (auto: the kernel driver's,\n"
	"                       else soft)\n"
	"  --stats ADDRESS      serve /stats, /metrics, /healthz at a socket PATH or loopback "
	"PORT\n"
	"  --loop KIND          auto, uring or epoll\n"
	"  --soft-clock CLOCK   host (as fast as the CPU) or rk3588 (no faster than the board)\n"
	"  --soft-cache MODE    coherent or incoherent (a missing BO sync shows, as on the board)\n"
	"  --user NAME          started as root: become that user first\n"
	"  --sandbox MODE       system calls that npud never makes: log (the default), kill or "
	"off\n"
	"  --drain-timeout S    how long SIGTERM waits for jobs (default 20; 0: for ever)\n"
	"  --check-config       check the policy file and exit: 0 good, 1 bad\n"
	"  --log-level LEVEL    error, warning, info or debug\n"
	"  --foreground         accepted and without effect: npud never forks\n"
	"  --help, --version\n"
	"\n"
	"SIGHUP reads the policy file again; SIGTERM finishes what is queued, for as long as\n"
	"--drain-timeout says, and exits; a second one exits at once.\n";

enum option_id {
	OPTION_CONFIG = 256,
	OPTION_SOCKET,
	OPTION_DEVICE,
	OPTION_STATS,
	OPTION_LOOP,
	OPTION_SOFT_CLOCK,
	OPTION_SOFT_CACHE,
	OPTION_USER,
	OPTION_SANDBOX,
	OPTION_DRAIN_TIMEOUT,
	OPTION_CHECK_CONFIG,
	OPTION_LOG_LEVEL,
	OPTION_FOREGROUND,
	OPTION_HELP,
	OPTION_VERSION,
};

static const struct option long_options[] = {
	{"config", required_argument, NULL, OPTION_CONFIG},
	{"socket", required_argument, NULL, OPTION_SOCKET},
	{"device", required_argument, NULL, OPTION_DEVICE},
	{"stats", required_argument, NULL, OPTION_STATS},
	{"loop", required_argument, NULL, OPTION_LOOP},
	{"soft-clock", required_argument, NULL, OPTION_SOFT_CLOCK},
	{"soft-cache", required_argument, NULL, OPTION_SOFT_CACHE},
	{"user", required_argument, NULL, OPTION_USER},
	{"sandbox", required_argument, NULL, OPTION_SANDBOX},
	{"drain-timeout", required_argument, NULL, OPTION_DRAIN_TIMEOUT},
	{"check-config", no_argument, NULL, OPTION_CHECK_CONFIG},
	{"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
	{"foreground", no_argument, NULL, OPTION_FOREGROUND},
	{"help", no_argument, NULL, OPTION_HELP},
	{"version", no_argument, NULL, OPTION_VERSION},
	{0},
};

static int options_refuse(const char *option, const char *value, const char *allowed)
{
	fprintf(stderr, "npud: --%s: \"%s\" is not allowed (%s)\n", option, value, allowed);
	return -EINVAL;
}

static int options_set_device(struct options *options, const char *value)
{
	int r = config_device_parse(value, &options->device);

	if (r < 0)
		return options_refuse("device", value, "auto, soft, timing, rknpu or rocket");
	options->has_device = true;
	return 0;
}

static int options_set_loop(struct options *options, const char *value)
{
	static const char *const names[] = {
		[LOOP_AUTO] = "auto", [LOOP_URING] = "uring", [LOOP_EPOLL] = "epoll"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(value, names[i]) == 0) {
			options->loop = (enum loop_kind)i;
			return 0;
		}
	}
	return options_refuse("loop", value, "auto, uring or epoll");
}

static int options_set_soft_clock(struct options *options, const char *value)
{
	if (strcmp(value, "host") != 0 && strcmp(value, "rk3588") != 0)
		return options_refuse("soft-clock", value, "host or rk3588");
	options->soft_clock = strcmp(value, "host") == 0 ? SOFT_CLOCK_HOST : SOFT_CLOCK_RK3588;
	options->has_soft_clock = true;
	return 0;
}

static int options_set_soft_cache(struct options *options, const char *value)
{
	if (strcmp(value, "coherent") != 0 && strcmp(value, "incoherent") != 0)
		return options_refuse("soft-cache", value, "coherent or incoherent");
	options->is_soft_incoherent = strcmp(value, "incoherent") == 0;
	options->has_soft_cache = true;
	return 0;
}

static int options_add_socket(struct options *options, const char *path)
{
	if (!*path)
		return options_refuse("socket", path, "the path of a socket to make");
	if (options->n_sockets == OPTIONS_SOCKETS_MAX) {
		fprintf(stderr, "npud: --socket: more than %d of them\n", OPTIONS_SOCKETS_MAX);
		return -E2BIG;
	}
	options->socket_paths[options->n_sockets++] = path;
	return 0;
}

static int options_set_stats(struct options *options, const char *address)
{
	if (http_check_address(address) < 0)
		return options_refuse("stats", address,
				      "a socket PATH, PORT, 127.0.0.1:PORT or [::1]:PORT with a "
				      "port of 1 to 65535; other hosts are not served");
	options->stats_address = address;
	return 0;
}

static int options_set_drain(struct options *options, const char *value)
{
	char *end = NULL;
	const double seconds = strtod(value, &end);

	if (!isdigit((unsigned char)*value) || *end || !(seconds <= DRAIN_MAX_S))
		return options_refuse("drain-timeout", value, "seconds, 0 to 86400");
	options->drain_ns = seconds > 0 ? (uint64_t)(seconds * (double)NS_PER_S) : CLOCK_NEVER;
	return 0;
}

static int options_apply(struct options *options, int id, const char *value)
{
	switch (id) {
	case OPTION_CONFIG:
		options->config_path = value;
		return 0;
	case OPTION_SOCKET:
		return options_add_socket(options, value);
	case OPTION_DEVICE:
		return options_set_device(options, value);
	case OPTION_STATS:
		return options_set_stats(options, value);
	case OPTION_LOOP:
		return options_set_loop(options, value);
	case OPTION_SOFT_CLOCK:
		return options_set_soft_clock(options, value);
	case OPTION_SOFT_CACHE:
		return options_set_soft_cache(options, value);
	case OPTION_USER:
		options->user = value;
		return 0;
	case OPTION_SANDBOX:
		if (sandbox_mode_parse(value, &options->sandbox) < 0)
			return options_refuse("sandbox", value, "log, kill or off");
		return 0;
	case OPTION_DRAIN_TIMEOUT:
		return options_set_drain(options, value);
	case OPTION_CHECK_CONFIG:
		options->check_config = true;
		return 0;
	case OPTION_LOG_LEVEL:
		if (log_level_parse(value, &options->log_level) < 0)
			return options_refuse("log-level", value, "error, warning, info or debug");
		return 0;
	case OPTION_FOREGROUND:
		return 0;
	default:
		/* getopt has said what is wrong. */
		fprintf(stderr, "npud: try 'npud --help'\n");
		return -EINVAL;
	}
}

int options_parse(int argc, char **argv, struct options *ret_options)
{
	struct options options = {
		.loop = LOOP_AUTO,
		.log_level = LOG_LEVEL_INFO,
		.sandbox = SANDBOX_LOG,
		.drain_ns = DRAIN_DEFAULT_S * NS_PER_S,
	};
	int id, r;

	while ((id = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (id == OPTION_HELP || id == OPTION_VERSION) {
			fputs(id == OPTION_HELP ? usage : "npud " NPUD_VERSION "\n", stdout);
			return 1;
		}
		r = options_apply(&options, id, optarg);
		if (r < 0)
			return r;
	}
	if (optind < argc) {
		fprintf(stderr, "npud: %s: unexpected argument; try 'npud --help'\n", argv[optind]);
		return -EINVAL;
	}
	*ret_options = options;
	return 0;
}

int options_find_socket(char *ret_path, size_t size)
{
	const char *socket = getenv("NPU_SOCKET"), *runtime = getenv("XDG_RUNTIME_DIR");
	int n;

	if (socket && *socket)
		n = snprintf(ret_path, size, "%s", socket);
	else if (geteuid() == 0)
		n = snprintf(ret_path, size, "/run/npud/npud.sock");
	else if (runtime && *runtime)
		n = snprintf(ret_path, size, "%s/npud.sock", runtime);
	else
		return -ENOENT;
	return (size_t)n < size ? 0 : -ENAMETOOLONG;
}
