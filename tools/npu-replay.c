/* SPDX-License-Identifier: MIT */
/*
 * npu-replay: runs recorded submissions on npud and compares the results with the recorded ones.
 */
#include "cli.h"
#include "replay_run.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char help_text[] =
	"usage: npu-replay [--socket PATH] [--json] DIR...\n"
	"\n"
	"Replays each folder of recorded submissions and compares what the NPU writes with what "
	"the\n"
	"recorded program expects. One session per folder.\n"
	"\n"
	"  --socket PATH  npud's socket; else $NPU_SOCKET, $XDG_RUNTIME_DIR/npud.sock,\n"
	"                 /run/npud/npud.sock\n"
	"  --json         one JSON object instead of text\n"
	"\n"
	"Exit status: 0 all pass, 1 any failed, 2 usage, 3 no daemon, 4 refused.\n";

struct totals {
	unsigned n_folders, n_failed_folders;
	size_t n_checks, n_passed;
	json_t *folders; /* NULL: text */
};

static bool report_is_passed(const struct replay_report *report)
{
	return !report->error.text[0] && report->n_passed == report->fixture.n_checks;
}

/* ---- text ---- */

static void print_verdict(const char *folder, const struct replay_check *check,
			  const struct replay_verdict *verdict)
{
	printf("%s %s: submit %u, buffer %u, %llu %s: ", verdict->is_passed ? "pass" : "FAIL",
	       folder, check->submit, check->handle, (unsigned long long)check->count,
	       replay_type_name(check->type));
	if (verdict->why.text[0])
		printf("%s\n", verdict->why.text);
	else if (verdict->is_passed)
		printf("worst difference %g\n", verdict->comparison.worst);
	else
		printf("%llu differ, worst by %g at element %llu\n",
		       (unsigned long long)verdict->comparison.n_wrong, verdict->comparison.worst,
		       (unsigned long long)verdict->comparison.worst_index);
}

static void print_report(const char *folder, const struct replay_report *report)
{
	for (size_t i = 0; report->verdicts && i < report->fixture.n_checks; i++)
		print_verdict(folder, &report->fixture.checks[i], &report->verdicts[i]);
	/* Where a check failed, that line has said it already. */
	if (report->error.text[0] && report->n_passed == report->fixture.n_checks)
		printf("FAIL %s: %s\n", folder, report->error.text);
	else if (report->fixture.n_checks == 0)
		printf("pass %s: ran; it has nothing to compare\n", folder);
}

/* ---- JSON ---- */

/* A number that JSON can hold; null for an infinite difference. */
static json_t *json_finite(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *verdict_document(const struct replay_check *check,
				const struct replay_verdict *verdict)
{
	return json_pack("{s:I, s:I, s:s, s:I, s:b, s:I, s:o, s:I, s:s?}", "submit",
			 (json_int_t)check->submit, "handle", (json_int_t)check->handle, "type",
			 replay_type_name(check->type), "count", (json_int_t)check->count, "passed",
			 verdict->is_passed, "wrong", (json_int_t)verdict->comparison.n_wrong,
			 "worst", json_finite(verdict->comparison.worst), "worst_index",
			 (json_int_t)verdict->comparison.worst_index, "error",
			 verdict->why.text[0] ? verdict->why.text : NULL);
}

static json_t *report_document(const char *folder, const struct replay_report *report)
{
	json_t *checks = json_array();
	for (size_t i = 0; report->verdicts && i < report->fixture.n_checks; i++)
		json_array_append_new(
			checks, verdict_document(&report->fixture.checks[i], &report->verdicts[i]));
	return json_pack("{s:s, s:b, s:s?, s:o}", "folder", folder, "passed",
			 report_is_passed(report), "error",
			 report->error.text[0] ? report->error.text : NULL, "checks", checks);
}

/* ---- all of it ---- */

static enum cli_status replay_folder(const char *socket_path, const char *folder,
				     struct totals *totals)
{
	struct npu_session *session;
	struct replay_report report;
	enum cli_status status = cli_connect(socket_path, &session);
	if (status != CLI_OK)
		return status;
	if (!npu_query(session)->runs_streams) {
		status = cli_error(CLI_FAILED, "npud's device %s does not run streams",
				   npu_query(session)->device);
		npu_close(session);
		return status;
	}
	int result = replay_run(session, folder, &report);
	npu_close(session);
	if (totals->folders)
		json_array_append_new(totals->folders, report_document(folder, &report));
	else
		print_report(folder, &report);
	totals->n_folders++;
	totals->n_failed_folders += !report_is_passed(&report);
	totals->n_checks += report.fixture.n_checks;
	totals->n_passed += report.n_passed;
	replay_report_deinit(&report);
	return result == -ECONNRESET ? cli_error(CLI_NO_DAEMON, "%s: npud is gone", folder)
				     : CLI_OK;
}

static void print_totals(const struct totals *totals)
{
	if (!totals->folders) {
		printf("%u folders, %u failed; %zu checks, %zu passed, %zu failed\n",
		       totals->n_folders, totals->n_failed_folders, totals->n_checks,
		       totals->n_passed, totals->n_checks - totals->n_passed);
		return;
	}
	json_t *document = json_pack(
		"{s:O, s:i, s:i, s:I, s:I}", "folders", totals->folders, "n_folders",
		(int)totals->n_folders, "n_failed_folders", (int)totals->n_failed_folders,
		"n_checks", (json_int_t)totals->n_checks, "n_passed", (json_int_t)totals->n_passed);
	json_dumpf(document, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
	putchar('\n');
	json_decref(document);
}

static enum cli_status replay_folders(const char *socket_path, char **folders, int n,
				      struct totals *totals)
{
	for (int i = 0; i < n; i++) {
		size_t length = strlen(folders[i]);
		while (length > 1 && folders[i][length - 1] == '/')
			folders[i][--length] = '\0';
		enum cli_status status = replay_folder(socket_path, folders[i], totals);
		if (status != CLI_OK)
			return status;
	}
	print_totals(totals);
	if (fflush(stdout) == EOF)
		return cli_error(CLI_FAILED, "output: %s", strerror(errno));
	return totals->n_failed_folders ? CLI_FAILED : CLI_OK;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"socket", required_argument, NULL, 's'},
						{"json", no_argument, NULL, 'j'},
						{"help", no_argument, NULL, 'h'},
						{"version", no_argument, NULL, 'V'},
						{0}};
	struct totals totals = {0};
	const char *socket_path = NULL;
	int option;
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 's':
			socket_path = optarg;
			break;
		case 'j':
			if (!totals.folders)
				totals.folders = json_array();
			break;
		case 'h':
			fputs(help_text, stdout);
			return CLI_OK;
		case 'V':
			puts("npu-replay " NPUD_VERSION);
			return CLI_OK;
		default:
			return CLI_USAGE;
		}
	}
	if (optind == argc)
		return cli_error(CLI_USAGE, "no folder; see `npu-replay --help`");
	enum cli_status status = replay_folders(socket_path, argv + optind, argc - optind, &totals);
	json_decref(totals.folders);
	return status;
}
