/* SPDX-License-Identifier: MIT */
/*
 * One document a second, shown in place; loads are those of the last second.
 */
#include "npuctl_top.h"
#include "npuctl_show.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
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

static struct winsize terminal_size(void)
{
	struct winsize size = {0};
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row < 2 || size.ws_col < 1)
		size = (struct winsize){.ws_row = UINT16_MAX, .ws_col = UINT16_MAX};
	return size;
}

static size_t count_lines(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* A line that wraps or a page that scrolls would leave nothing in its place. */
static void print_cut(const char *page)
{
	const struct winsize size = terminal_size();
	const size_t n_lines = count_lines(page);
	size_t n_shown = n_lines < size.ws_row ? n_lines : size.ws_row - 2u;
	fputs(CLEAR_SCREEN, stdout);
	for (size_t i = 0; i < n_shown; i++) {
		const size_t length = strcspn(page, "\n");
		printf("%.*s\n", (int)(length < size.ws_col ? length : size.ws_col), page);
		page += length + 1;
	}
	if (n_shown < n_lines)
		printf("%.*s\n", size.ws_col, "(more: make the terminal higher)");
	fflush(stdout);
}

static enum cli_status show_page(const json_t *document, const struct shown *last, double elapsed_s)
{
	char *page = NULL;
	size_t page_size = 0;
	FILE *out = open_memstream(&page, &page_size);
	if (!out)
		return cli_error(CLI_FAILED, "top: %s", strerror(errno));
	show_status(document, out);
	putc('\n', out);
	show_cores(document, last->document, elapsed_s, out);
	putc('\n', out);
	show_sessions(document, out);
	enum cli_status status = fclose(out) == 0 ? CLI_OK : CLI_FAILED;
	if (status == CLI_OK)
		print_cut(page);
	else
		cli_error(CLI_FAILED, "top: out of memory");
	free(page);
	return status;
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
	enum cli_status status = show_page(document, last, seconds_between(&last->time, &now));
	json_decref(last->document);
	*last = (struct shown){document, now};
	return status;
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
