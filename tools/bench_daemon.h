/* SPDX-License-Identifier: MIT */
/*
 * A daemon of one's own: started for a bench on a temporary socket, watched, and stopped.
 */
#ifndef NPU_TOOLS_BENCH_DAEMON_H
#define NPU_TOOLS_BENCH_DAEMON_H

#include "cli.h"
#include "scratch.h"

#include <sys/types.h>

struct bench_daemon {
	pid_t pid; /* 0: somebody else's daemon */
	struct scratch folder;
	char socket[108];
};

struct bench_daemon_args {
	const char *socket_path;   /* not NULL: use the daemon there and start none */
	const char *device, *loop; /* loop may be NULL */
	const char *policy;	   /* text of its policy file */
};

/*
 * Starts the npud beside this program (or in PATH) and returns when it is ready. Prints why not.
 * It ends with this process in any case.
 */
enum cli_status bench_daemon_start(const struct bench_daemon_args *args,
				   struct bench_daemon *ret_daemon);
/* CLI_FAILED when it did not end well, with its last words. */
enum cli_status bench_daemon_stop(struct bench_daemon *daemon);

/* Memory that is its own: private pages, or the resident set where the kernel tells no more. */
int bench_daemon_memory(const struct bench_daemon *daemon, uint64_t *ret_bytes);
int bench_daemon_fds(const struct bench_daemon *daemon, uint64_t *ret_fds);

#endif
