/* SPDX-License-Identifier: MIT */
/*
 * The Prometheus form says what the document says, in Prometheus' units and syntax.
 */
#include "api/stats.h"

#include <check.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char document_text[] =
	"{\"version\": \"1.2\", \"uptime_s\": 90.5, \"loop\": \"epoll\","
	" \"device\": {\"name\": \"soft\", \"state\": \"ok\"},"
	" \"cores\": [{\"id\": 0, \"state\": \"busy\", \"busy_ns\": 1500000000, \"jobs\": 7,"
	"              \"resets\": 0, \"utilization\": 0.25},"
	"             {\"id\": 1, \"state\": \"idle\", \"busy_ns\": 0, \"jobs\": 0,"
	"              \"resets\": 2, \"utilization\": 0}],"
	" \"sessions\": [{\"id\": 3, \"pid\": 42, \"uid\": 1000, \"comm\": \"a\\\"b\\\\c\\nd\","
	"                \"class\": null, \"state\": \"hello\", \"bytes\": 4096,"
	"                \"failed\": {\"hang\": 2, \"late\": 0},"
	"                \"latency_ns\": {\"p50\": 1000, \"p90\": 2000, \"p99\": 3000,"
	"                                 \"max\": 4000}}],"
	" \"power\": {\"frequency_hz\": 600000000, \"limit_hz\": null, \"throttled\": true,"
	"             \"load\": 0.5, \"temperature_c\": 48.25},"
	" \"totals\": {\"submitted\": 9007199254740991, \"failed\": {\"hang\": 5}},"
	" \"scheduler\": {\"policy\": \"pinned\", \"gang_wait_ns\": 250000000,"
	"                 \"predictions\": 11,"
	"                 \"prediction_error\": {\"p50\": 0.03125, \"p90\": 0.5}}}";

static char *text;

static void setup(void)
{
	json_t *document = json_loads(document_text, 0, NULL);
	ck_assert_ptr_nonnull(document);
	text = stats_prometheus(document);
	ck_assert_ptr_nonnull(text);
	json_decref(document);
}

static void teardown(void)
{
	free(text);
}

/* Whether the text has exactly that line. */
static bool has_line(const char *line)
{
	size_t length = strlen(line);
	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, line, length) == 0 && p[length] == '\n')
			return true;
	}
	return false;
}

static const char *const lines[] = {
	"npud_info{version=\"1.2\",loop=\"epoll\",device=\"soft\",policy=\"pinned\"} 1",
	"# TYPE npud_uptime_seconds gauge",
	"npud_uptime_seconds 90.5",
	"npud_device_state{device=\"soft\",state=\"ok\"} 1",
	"npud_core_state{core=\"0\",state=\"busy\"} 1",
	"# TYPE npud_core_busy_seconds_total counter",
	"npud_core_busy_seconds_total{core=\"0\"} 1.5",
	"npud_core_busy_seconds_total{core=\"1\"} 0",
	"npud_core_jobs_total{core=\"0\"} 7",
	"npud_core_resets_total{core=\"1\"} 2",
	"npud_core_utilization_ratio{core=\"0\"} 0.25",
	/* a name that wants escaping, and no label for a class that is not known yet */
	"npud_session_bytes{session=\"3\",pid=\"42\",uid=\"1000\",comm=\"a\\\"b\\\\c\\nd\"} 4096",
	"npud_session_failed_total{session=\"3\",pid=\"42\",uid=\"1000\","
	"comm=\"a\\\"b\\\\c\\nd\",reason=\"hang\"} 2",
	"npud_session_latency_seconds{session=\"3\",pid=\"42\",uid=\"1000\","
	"comm=\"a\\\"b\\\\c\\nd\",quantile=\"0.5\"} 1e-06",
	"npud_session_latency_seconds{session=\"3\",pid=\"42\",uid=\"1000\","
	"comm=\"a\\\"b\\\\c\\nd\",quantile=\"1\"} 4e-06",
	/* as large as a double takes exactly */
	"npud_submitted_total 9007199254740991",
	"npud_failed_total{reason=\"hang\"} 5",
	"npud_power_frequency_hertz 600000000",
	"npud_power_throttled 1",
	"npud_power_load_ratio 0.5",
	"npud_power_temperature_celsius 48.25",
	"npud_scheduler_gang_wait_seconds_total 0.25",
	"npud_scheduler_predictions_total 11",
	"npud_scheduler_prediction_error_ratio{quantile=\"0.5\"} 0.03125",
	"npud_scheduler_prediction_error_ratio{quantile=\"0.9\"} 0.5",
};

START_TEST(test_line)
{
	ck_assert_msg(has_line(lines[_i]), "no line %s in:\n%s", lines[_i], text);
}
END_TEST

/* What the document does not have is left out, instead of being shown as 0. */
START_TEST(test_missing)
{
	ck_assert_ptr_null(strstr(text, "npud_memory_bytes"));
	ck_assert_ptr_null(strstr(text, "\nnpud_power_limit_hertz "));
	ck_assert_ptr_null(strstr(text, "npud_session_queued_jobs{"));
	ck_assert_ptr_null(strstr(text, "\nnpud_completed_total "));
	ck_assert_ptr_null(strstr(text, "class="));
}
END_TEST

/* A metric's name as far as the grammar goes. */
static size_t name_length(const char *line)
{
	size_t n = 0;
	while (isalnum((unsigned char)line[n]) || line[n] == '_')
		n++;
	return n;
}

/* Every sample follows the TYPE line of its metric, and ends in a number. */
START_TEST(test_grammar)
{
	char type[128] = "";
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		if (strncmp(line, "# HELP ", 7) == 0)
			continue;
		if (strncmp(line, "# TYPE ", 7) == 0) {
			snprintf(type, sizeof(type), "%.*s", (int)name_length(line + 7), line + 7);
			continue;
		}
		char *end, *value = strrchr(line, ' ');
		ck_assert_msg(strncmp(line, type, strlen(type)) == 0 &&
				      name_length(line) == strlen(type),
			      "%s after type %s", line, type);
		ck_assert_ptr_nonnull(value);
		strtod(value + 1, &end);
		ck_assert_msg(end > value + 1 && *end == '\0', "not a number: %s", line);
	}
}
END_TEST

/* Null in the document: not known, which is not 0. */
START_TEST(test_unknown_error)
{
	json_t *document = json_loads("{\"scheduler\": {\"prediction_error\": null}}", 0, NULL);
	char *unknown;
	ck_assert_ptr_nonnull(document);
	unknown = stats_prometheus(document);
	json_decref(document);
	ck_assert_ptr_nonnull(unknown);
	ck_assert_ptr_null(strstr(unknown, "\nnpud_scheduler_prediction_error_ratio"));
	free(unknown);
}
END_TEST

START_TEST(test_empty_document)
{
	json_t *document = json_object();
	char *empty = stats_prometheus(document);
	json_decref(document);
	ck_assert_ptr_nonnull(empty);
	ck_assert_ptr_nonnull(strstr(empty, "\nnpud_info 1\n"));
	free(empty);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stats_prometheus");
	TCase *tcase = tcase_create("text");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, test_line, 0, sizeof(lines) / sizeof(lines[0]));
	tcase_add_test(tcase, test_missing);
	tcase_add_test(tcase, test_grammar);
	tcase_add_test(tcase, test_unknown_error);
	tcase_add_test(tcase, test_empty_document);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed != 0;
}
