/* SPDX-License-Identifier: MIT */
/*
 * A real npud (or any other program) under test: started with a log file, watched without sleeping.
 */
#ifndef NPUD_TESTS_DAEMON_H
#define NPUD_TESTS_DAEMON_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct daemon {
	pid_t pid;
	int pidfd;
	char socket[108];
	char config[108]; /* "" without */
	char log[108];	  /* its stderr */
};

/* For clients that hang and fault over and over, and are not to be put into quarantine for it. */
#define DAEMON_LENIENT "\"watchdog\": {\"slow_after\": 0, \"suspend_after\": 0, \"close_after\": 0}"

struct daemon_options {
	const char *log_level;	  /* NULL: debug */
	const char *device;	  /* NULL: soft */
	const char *program;	  /* environment variable with its path; NULL: NPUD */
	const char *config;	  /* policy text; NULL: none */
	const char *loop;	  /* NULL: as NPU_TEST_LOOP says */
	const char *name;	  /* of its files below the directory; NULL: "npud" */
	const char *arguments[8]; /* more of them, NULL-terminated */
	/* Runs in the child before it becomes npud: limits, filters, descriptors. */
	void (*before_exec)(void);
	bool without_socket; /* no --socket */
};

/* Starts npud and waits until it is ready; `options` may be NULL. */
void daemon_start(const struct daemon_options *options, struct daemon *ret_daemon);
/* The same without waiting for anything. */
void daemon_launch(const struct daemon_options *options, struct daemon *ret_daemon);
void daemon_signal(const struct daemon *daemon, int signal_number);
/* Waits for its end; the exit status, or 128 + signal. */
int daemon_wait(struct daemon *daemon);
/* SIGTERM, and requires that it drains and exits with 0. */
void daemon_stop(struct daemon *daemon);
/* Waits until the log has `text`; fails when the daemon ends first. */
void daemon_wait_log(const struct daemon *daemon, const char *text);
/* Waits until it is ready, or has ended: false. */
bool daemon_try_ready(const struct daemon *daemon);
/* The log so far; malloc'ed. */
char *daemon_read_log(const struct daemon *daemon);
/* False when it has ended. */
bool daemon_is_alive(const struct daemon *daemon);

/* What the kernel says of it. */
unsigned daemon_count_fds(const struct daemon *daemon);
uint64_t daemon_rss_bytes(const struct daemon *daemon);
/* Context switches of all its threads: any system call of a sleeping thread shows up here. */
uint64_t daemon_switches(const struct daemon *daemon);
/* CPU time of all its threads. */
uint64_t daemon_cpu_ns(const struct daemon *daemon);

#define COMMAND_OUTPUT_MAX 262144

struct command_result {
	int status;
	char output[COMMAND_OUTPUT_MAX]; /* stdout, then stderr */
};

/* Runs a program to its end; argv[0] is looked up in the environment variable, if `variable`. */
void command_run(const char *variable, const char *const *argv, struct command_result *ret_result);

#endif
