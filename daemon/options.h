/* SPDX-License-Identifier: MIT */
/*
 * npud's command line.
 */
#ifndef NPUD_DAEMON_OPTIONS_H
#define NPUD_DAEMON_OPTIONS_H

#include "base/log.h"
#include "base/loop.h"
#include "daemon/config.h"
#include "daemon/sandbox.h"

#include <stdbool.h>

#define OPTIONS_SOCKETS_MAX 32

/* What the command line says; strings are borrowed from argv. */
struct options {
	const char *config_path; /* NULL: defaults */
	const char *socket_paths[OPTIONS_SOCKETS_MAX];
	unsigned n_sockets;
	char found_socket[108]; /* npud_choose_socket() */
	const char *user;	/* NULL: stay who we are */
	const char *stats_address;
	bool has_device, has_soft_clock, has_soft_cache, check_config;
	bool is_soft_incoherent;
	enum config_device device;
	enum soft_clock soft_clock;
	enum loop_kind loop;
	enum log_level log_level;
	enum sandbox_mode sandbox;
	uint64_t drain_ns; /* how long SIGTERM waits for jobs; CLOCK_NEVER: until they are over */
};

/*
 * 0; 1 after --help or --version (all said); -EINVAL after a usage error, which is on stderr.
 */
int options_parse(int argc, char **argv, struct options *ret_options);

/*
 * Where to listen without --socket: $NPU_SOCKET, /run/npud/npud.sock for root, else
 * $XDG_RUNTIME_DIR/npud.sock. -ENOENT when none of them says, -ENAMETOOLONG.
 */
int options_find_socket(char *ret_path, size_t size);

#endif
