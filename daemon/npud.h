/* SPDX-License-Identifier: MIT */
/*
 * The process: builds every layer, connects their callbacks, tears down in reverse. Wiring only.
 *
 *   loop -> device (soft bus -> rk3588, or timing) -> sessions (scheduler) -> api -> listeners,
 * http
 *
 * Everything hangs off struct npud; nothing is global, so two daemons fit in one process.
 */
#ifndef NPUD_DAEMON_NPUD_H
#define NPUD_DAEMON_NPUD_H

#include "api/api.h"
#include "api/http.h"
#include "base/loop.h"
#include "daemon/config.h"
#include "daemon/options.h"
#include "device/device.h"
#include "sessions/listener.h"
#include "sessions/sessions.h"

#define NPUD_LISTENERS_MAX OPTIONS_SOCKETS_MAX

struct npud {
	struct options options;
	struct config config;
	struct loop *loop;
	struct closer *closer;
	struct power *power; /* NULL: the kernel shows nothing of the NPU */
	struct device *device;
	struct sessions *sessions;
	struct incidents *incidents;
	struct api api;
	struct listener *listeners[NPUD_LISTENERS_MAX];
	unsigned n_listeners;
	struct http *http;
	struct loop_poll signal_poll;
	struct loop_timer drain_timer; /* armed while SIGTERM waits for jobs */
	int signal_fd;
	uint64_t start_ns;
};

/*
 * Starts everything the options ask for; signals must be blocked already (npud_block_signals()).
 * On failure one line on stderr says what and why.
 */
int npud_new(const struct options *options, struct npud **ret_npud);
/* Runs until SIGTERM or SIGINT has been served. */
int npud_run(struct npud *npud);
/* Takes NULL, returns NULL. */
struct npud *npud_free(struct npud *npud);

/*
 * Before becoming another user: without --socket, adds the path that who started us listens at by
 * default. Where that is in /run/npud, makes that for `options->user`. -errno, with a line on
 * stderr.
 */
int npud_choose_socket(struct options *options);

/* Blocks the signals that npud reads from a descriptor; before any thread starts. */
void npud_block_signals(void);

#endif
