/* SPDX-License-Identifier: MIT */
/* One write() for each line into a file opened for appending: threads and processes mix by lines.
 */
#include "wrap.h"

#include "trace.h"

#include "fds.h"
#include "real.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

static int trace_fd = -1, check_fd = -1;
static bool is_debugging;
static __thread unsigned n_explained;

static int open_log(const char *variable)
{
	const char *path = getenv(variable);
	int fd, high;

	if (!path || !*path)
		return -1;
	fd = real()->open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0) {
		dprintf(STDERR_FILENO, "npu-run: %s: %s: %s\n", variable, path, strerror(errno));
		return -1;
	}
	/* Out of the way of programs that expect to get the lowest numbers. */
	high = real()->fcntl(fd, F_DUPFD_CLOEXEC, 200);
	if (high >= 0) {
		real()->close(fd);
		fd = high;
	}
	fds_set_internal(fd);
	return fd;
}

void trace_init(void)
{
	const char *debug = getenv("NPU_DEBUG");

	is_debugging = debug && *debug && strcmp(debug, "0") != 0;
	trace_fd = open_log("NPU_TRACE");
	check_fd = open_log("NPU_RUN_CHECK");
}

bool trace_is_on(void)
{
	return trace_fd >= 0;
}

bool trace_is_checking(void)
{
	return check_fd >= 0;
}

bool trace_is_explaining(void)
{
	return is_debugging || trace_fd >= 0;
}

static void write_line(int fd, const char *prefix, const char *format, va_list arguments)
{
	char line[LINE_MAX_BYTES];
	int n = snprintf(line, sizeof(line), "%s", prefix), more;

	more = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, format, arguments);
	n += more < (int)sizeof(line) - n - 1 ? more : (int)sizeof(line) - n - 2;
	for (int i = 0; i < n; i++)
		if ((unsigned char)line[i] < ' ')
			line[i] = ' ';
	line[n++] = '\n';
	if (write(fd, line, (size_t)n) != n)
		return; /* a full disk is no reason to disturb the program */
}

void trace_call(const char *format, ...)
{
	int saved = errno;
	char prefix[48];
	va_list arguments;

	if (trace_fd < 0)
		return;
	snprintf(prefix, sizeof(prefix), "%d.%ld ", (int)getpid(), real()->syscall(SYS_gettid));
	va_start(arguments, format);
	write_line(trace_fd, prefix, format, arguments);
	va_end(arguments);
	errno = saved;
}

unsigned trace_count_explained(void)
{
	return n_explained;
}

void trace_explain(const char *format, ...)
{
	int saved = errno;
	char prefix[48];
	va_list arguments;

	n_explained++;
	if (!trace_is_explaining())
		return;
	snprintf(prefix, sizeof(prefix), "%d.%ld # ", (int)getpid(), real()->syscall(SYS_gettid));
	va_start(arguments, format);
	if (trace_fd >= 0)
		write_line(trace_fd, prefix, format, arguments);
	va_end(arguments);
	va_start(arguments, format);
	if (is_debugging)
		write_line(STDERR_FILENO, "npu-run: ", format, arguments);
	va_end(arguments);
	errno = saved;
}

void trace_check(const char *format, ...)
{
	int saved = errno;
	va_list arguments;

	if (check_fd < 0)
		return;
	va_start(arguments, format);
	write_line(check_fd, "", format, arguments);
	va_end(arguments);
	errno = saved;
}
