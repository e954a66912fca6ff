/* SPDX-License-Identifier: MIT */
/*
 * A line is built on the stack and leaves in one write(), so lines of several threads never mix and
 * logging cannot fail for want of memory.
 */
#include "base/log.h"

#include "base/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

static const struct {
	const char *name;
	int priority; /* as in syslog(3) */
} levels[] = {
	[LOG_LEVEL_ERROR] = {"error", 3},
	[LOG_LEVEL_WARNING] = {"warning", 4},
	[LOG_LEVEL_INFO] = {"info", 6},
	[LOG_LEVEL_DEBUG] = {"debug", 7},
};

static _Atomic unsigned log_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&log_level, level, memory_order_relaxed);
}

bool log_is_enabled(enum log_level level)
{
	return level <= atomic_load_explicit(&log_level, memory_order_relaxed);
}

int log_level_parse(const char *text, enum log_level *ret_level)
{
	for (unsigned i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strcmp(text, levels[i].name) == 0) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* systemd sets JOURNAL_STREAM=device:inode; a redirected stderr is another inode. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;
	char *end;

	if (!stream || fstat(STDERR_FILENO, &st) < 0)
		return false;
	device = strtoull(stream, &end, 10);
	if (*end != ':')
		return false;
	inode = strtoull(end + 1, &end, 10);
	return *end == '\0' && device == st.st_dev && inode == st.st_ino;
}

/* Fits a line cut by vsnprintf() into the buffer and keeps it one line; returns its length. */
static size_t line_finish(char *line, size_t length)
{
	if (length >= LINE_MAX_BYTES - 1) {
		length = LINE_MAX_BYTES - 2;
		for (size_t i = length - 3; i < length; i++)
			line[i] = '.';
	}
	for (size_t i = 0; i < length; i++)
		if (line[i] == '\n' || line[i] == '\r')
			line[i] = ' ';
	line[length++] = '\n';
	return length;
}

/* Stores one line with its newline and returns its length; 0 when the format is broken. */
static size_t line_format(char *line, enum log_level level, const char *format, va_list args)
{
	int prefix = 0, text, saved_errno = errno;

	if (stderr_is_journal())
		prefix = snprintf(line, LINE_MAX_BYTES, "<%d>", levels[level].priority);
	errno = saved_errno; /* for %m */
	text = vsnprintf(line + prefix, LINE_MAX_BYTES - (size_t)prefix, format, args);
	return text < 0 ? 0 : line_finish(line, (size_t)prefix + (size_t)text);
}

void log_write(enum log_level level, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	int saved_errno = errno;
	va_list args;
	size_t length;

	if (!log_is_enabled(level))
		return;
	va_start(args, format);
	length = line_format(line, level, format, args);
	va_end(args);
	if (write(STDERR_FILENO, line, length) < 0) {
		/* Nowhere to tell, and no line is worth waiting for its reader. */
	}
	errno = saved_errno;
}

const char *log_escape(const char *text, const char *also, char *buffer, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	size_t used = 0;

	if (size == 0)
		return "";
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		bool is_plain = c >= 0x20 && c < 0x7f && !strchr(also, c);

		if (used + (is_plain ? 1 : 4) >= size)
			break;
		if (is_plain) {
			buffer[used++] = (char)c;
			continue;
		}
		buffer[used++] = '\\';
		buffer[used++] = 'x';
		buffer[used++] = digits[c >> 4];
		buffer[used++] = digits[c & 15];
	}
	buffer[used] = '\0';
	return buffer;
}

const char *log_quote(const char *text, char *buffer, size_t size)
{
	return log_escape(text, "\"\\", buffer, size);
}

bool log_limit_take(struct log_limit *limit, uint64_t now_ns, uint64_t *ret_suppressed)
{
	const uint64_t second = now_ns / NS_PER_S;

	if (second != limit->second) {
		limit->second = second;
		limit->n_lines = 0;
	}
	if (limit->n_lines == LOG_LINES_PER_S) {
		limit->n_suppressed++;
		return false;
	}
	limit->n_lines++;
	*ret_suppressed = limit->n_suppressed;
	limit->n_suppressed = 0;
	return true;
}
