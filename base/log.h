/* SPDX-License-Identifier: MIT */
/*
 * Log lines: one event a line, `event key=value key="quoted value"`, to stderr.
 *
 * Under systemd (JOURNAL_STREAM names stderr) lines start with "<N>", the journal's priority. The
 * level is the one global of this project. Values that a client chose go through log_quote().
 */
#ifndef NPUD_BASE_LOG_H
#define NPUD_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_set_level(enum log_level level);
bool log_is_enabled(enum log_level level);
/* "error", "warning", "info", "debug"; -EINVAL for anything else. */
int log_level_parse(const char *text, enum log_level *ret_level);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)	 log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)	 log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                                                             \
	do {                                                                                       \
		if (log_is_enabled(LOG_LEVEL_DEBUG))                                               \
			log_write(LOG_LEVEL_DEBUG, __VA_ARGS__);                                   \
	} while (0)

/* How many lines somebody may cause: LOG_LINES_PER_S, the rest is counted. Zeroed to begin with. */
struct log_limit {
	uint64_t second; /* the one that `n_lines` belongs to */
	unsigned n_lines;
	uint64_t n_suppressed; /* since the last line that was allowed */
};

#define LOG_LINES_PER_S 20

/*
 * Whether one more line may be written now. When it may, *ret_suppressed is how many were not since
 * the one before, to be said in it.
 */
bool log_limit_take(struct log_limit *limit, uint64_t now_ns, uint64_t *ret_suppressed);

/* Copies text with all but printable ASCII, and the characters in also, as \xNN; ends in NUL. */
const char *log_escape(const char *text, const char *also, char *buffer, size_t size);
/* Likewise with `"` and `\` escaped, so that it can stand between quotes. */
const char *log_quote(const char *text, char *buffer, size_t size);

#endif
