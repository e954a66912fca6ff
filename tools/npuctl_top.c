/* SPDX-License-Identifier: MIT */
/*
 * One document a second, shown in place; loads are those of the last second.
 */
#include "npuctl_top.h"
#include "npuctl_show.h"

#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define REFRESH_MS   1000
#define CTRL_C	     3
#define CLEAR_SCREEN "\033[H\033[J"

/* The document shown last, and when. */
struct shown {
	json_t *document;
	struct timespec time;
};

static double seconds_between(const struct timespec *from, const struct timespec *to)
{
	return (double)(to->tv_sec - from->tv_sec) + (double)(to->tv_nsec - from->tv_nsec) * 1e-9;
}

static enum cli_status show_once(struct npu_session *session, struct shown *last)
{
	char *text;
	struct timespec now;
	int error = npu_stats(session, &text);
	if (error < 0)
		return cli_error_npu(error, "statistics");
	clock_gettime(CLOCK_MONOTONIC, &now);
	json_t *document = json_loads(text, 0, NULL);
	free(text);
	if (!document)
		return cli_error(CLI_FAILED, "statistics: npud's answer is not JSON");
	fputs(CLEAR_SCREEN, stdout);
	show_status(document, stdout);
	putchar('\n');
	show_cores(document, last->document, seconds_between(&last->time, &now), stdout);
	putchar('\n');
	show_sessions(document, stdout);
	fflush(stdout);
	json_decref(last->document);
	*last = (struct shown){document, now};
	return CLI_OK;
}

/* Waits for the next refresh; true when the user has had enough. */
static bool wait_for_quit(void)
{
	struct pollfd pollfd = {.fd = STDIN_FILENO, .events = POLLIN};
	char key;
	if (poll(&pollfd, 1, REFRESH_MS) <= 0)
		return false;
	return read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q' || key == CTRL_C;
}

enum cli_status npuctl_top(struct npu_session *session)
{
	struct termios saved, raw;
	enum cli_status status;
	struct shown last = {0};
	if (!isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &saved) < 0)
		return cli_error(CLI_FAILED, "top: needs a terminal; `npuctl stats` does not");
	/* ^C arrives as a key, so that the terminal is put back in any case. */
	raw = saved;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
	do {
		status = show_once(session, &last);
	} while (status == CLI_OK && !wait_for_quit());
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved);
	json_decref(last.document);
	return status;
}
