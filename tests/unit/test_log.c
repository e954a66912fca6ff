/* SPDX-License-Identifier: MIT */
/*
 * What arrives on stderr is one whole line per event, and nothing that a client chose breaks it.
 */
#include "base/log.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int capture_fd, saved_stderr;
static char captured[8192];

static void setup(void)
{
	int fds[2];

	unsetenv("JOURNAL_STREAM");
	log_set_level(LOG_LEVEL_INFO);
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	saved_stderr = dup(STDERR_FILENO);
	ck_assert_int_eq(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	close(fds[1]);
	capture_fd = fds[0];
}

static void teardown(void)
{
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(capture_fd);
}

/* What was written since the last call. */
static const char *capture(void)
{
	ssize_t n = read(capture_fd, captured, sizeof(captured) - 1);

	captured[n > 0 ? n : 0] = '\0';
	return captured;
}

START_TEST(test_line)
{
	log_info("session_open session=%d uid=%u", 7, 1000u);
	ck_assert_str_eq(capture(), "session_open session=7 uid=1000\n");
	log_error("a\nb\rc");
	ck_assert_str_eq(capture(), "a b c\n");
}
END_TEST

START_TEST(test_errno)
{
	errno = EBADF;
	log_info("close error=\"%m\"");
	ck_assert_int_eq(errno, EBADF);
	ck_assert_str_eq(capture(), "close error=\"Bad file descriptor\"\n");
}
END_TEST

START_TEST(test_levels)
{
	for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
		log_set_level((enum log_level)level);
		for (int of = LOG_LEVEL_ERROR; of <= LOG_LEVEL_DEBUG; of++) {
			ck_assert_int_eq(log_is_enabled((enum log_level)of), of <= level);
			log_write((enum log_level)of, "x");
			ck_assert_str_eq(capture(), of <= level ? "x\n" : "");
		}
	}
}
END_TEST

/* Arguments of log_debug() are not even computed when nobody wants them. */
START_TEST(test_debug_is_free)
{
	int n_calls = 0;

	log_debug("x %d", ++n_calls);
	ck_assert_int_eq(n_calls, 0);
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("x %d", ++n_calls);
	ck_assert_int_eq(n_calls, 1);
	ck_assert_str_eq(capture(), "x 1\n");
}
END_TEST

START_TEST(test_long_line)
{
	char text[5000];
	size_t length;

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_info("%s", text);
	length = strlen(capture());
	ck_assert_uint_lt(length, sizeof(text));
	ck_assert_uint_gt(length, 1000);
	ck_assert_str_eq(captured + length - 5, "a...\n");
	ck_assert_ptr_eq(strchr(captured, '\n'), captured + length - 1);
}
END_TEST

static void set_journal_stream(unsigned long long inode_offset, const char *tail)
{
	struct stat st;
	char value[64];

	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	snprintf(value, sizeof(value), "%llu:%llu%s", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino + inode_offset, tail);
	setenv("JOURNAL_STREAM", value, 1);
}

START_TEST(test_journal)
{
	set_journal_stream(0, "");
	log_error("x");
	ck_assert_str_eq(capture(), "<3>x\n");
	log_warning("x");
	ck_assert_str_eq(capture(), "<4>x\n");
	log_info("x");
	ck_assert_str_eq(capture(), "<6>x\n");

	set_journal_stream(1, "");
	log_error("x");
	ck_assert_str_eq(capture(), "x\n");
	set_journal_stream(0, "x");
	log_error("x");
	ck_assert_str_eq(capture(), "x\n");
	setenv("JOURNAL_STREAM", "nonsense", 1);
	log_error("x");
	ck_assert_str_eq(capture(), "x\n");
}
END_TEST

static const struct {
	const char *text;
	int result;
	enum log_level level;
} level_names[] = {
	{"error", 0, LOG_LEVEL_ERROR},
	{"warning", 0, LOG_LEVEL_WARNING},
	{"info", 0, LOG_LEVEL_INFO},
	{"debug", 0, LOG_LEVEL_DEBUG},
	{"", -EINVAL, 0},
	{"Info", -EINVAL, 0},
	{"infos", -EINVAL, 0},
	{"3", -EINVAL, 0},
};

START_TEST(test_parse)
{
	const enum log_level untouched = (enum log_level)77;
	enum log_level level = untouched;

	ck_assert_int_eq(log_level_parse(level_names[_i].text, &level), level_names[_i].result);
	ck_assert_int_eq(level, level_names[_i].result < 0 ? untouched : level_names[_i].level);
}
END_TEST

static const struct {
	const char *text;
	size_t size;
	const char *quoted;
} quotes[] = {
	{"plain text ~!", 64, "plain text ~!"},
	{"", 64, ""},
	{"a\"b\\c", 64, "a\\x22b\\x5cc"},
	{"\n\t\x7f\xff", 64, "\\x0a\\x09\\x7f\\xff"},
	{"\xc3\xa9", 64, "\\xc3\\xa9"},
	{"abcdef", 4, "abc"},
	{"abc", 4, "abc"},
	{"a\nb", 5, "a"}, /* no half escapes */
	{"a\nb", 6, "a\\x0a"},
	{"abc", 1, ""},
};

START_TEST(test_quote)
{
	char buffer[65];

	memset(buffer, '#', sizeof(buffer));
	ck_assert_ptr_eq(log_quote(quotes[_i].text, buffer, quotes[_i].size), buffer);
	ck_assert_str_eq(buffer, quotes[_i].quoted);
	ck_assert_int_eq(buffer[quotes[_i].size], '#');
	ck_assert_str_eq(log_quote(quotes[_i].text, buffer, 0), "");
}
END_TEST

START_TEST(test_limit)
{
	struct log_limit limit = {0};
	uint64_t n_suppressed = 7;

	for (int i = 0; i < LOG_LINES_PER_S; i++) {
		ck_assert(log_limit_take(&limit, 5000000000, &n_suppressed));
		ck_assert_uint_eq(n_suppressed, 0);
	}
	for (int i = 0; i < 3; i++)
		ck_assert(!log_limit_take(&limit, 5999999999, &n_suppressed));
	ck_assert(log_limit_take(&limit, 6000000000, &n_suppressed));
	ck_assert_uint_eq(n_suppressed, 3);
	ck_assert(log_limit_take(&limit, 6000000001, &n_suppressed));
	ck_assert_uint_eq(n_suppressed, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *tcase = tcase_create("log");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_limit);
	tcase_add_test(tcase, test_line);
	tcase_add_test(tcase, test_errno);
	tcase_add_test(tcase, test_levels);
	tcase_add_test(tcase, test_debug_is_free);
	tcase_add_test(tcase, test_long_line);
	tcase_add_test(tcase, test_journal);
	tcase_add_loop_test(tcase, test_parse, 0, sizeof(level_names) / sizeof(level_names[0]));
	tcase_add_loop_test(tcase, test_quote, 0, sizeof(quotes) / sizeof(quotes[0]));
	suite_add_tcase(suite, tcase);

	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
