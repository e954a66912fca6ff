/* SPDX-License-Identifier: MIT */
/*
 * npu-bench: what npud itself costs. A table of benches; each is one file.
 */
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help_text[] =
	"usage: npu-bench [--json] [OPTION]... BENCH\n"
	"\n"
	"  latency       round trip of an empty job, against a bare request and reply\n"
	"  throughput    empty jobs per second, by clients and jobs in flight\n"
	"  sessions      what an idle session costs; how long connecting takes\n"
	"  flood         what a client that floods npud costs the others\n"
	"  memory        whether the daemon grows while jobs and sessions come and go\n"
	"  neighbour     latency of small jobs with and without a neighbour that hangs\n"
	"  slices        what it costs to cut a job\n"
	"  check         what it costs to check the streams of a job\n"
	"  soft          speed of the soft device's convolutions, against oneDNN's\n"
	"  decision      from the end of a batch to the start of the next, in the scheduler\n"
	"\n"
	"Each but the last starts an npud of its own (the one beside this program, or in PATH) and "
	"stops it.\n"
	"\n"
	"  --json         the result as one JSON object\n"
	"  --loop KIND    auto, uring or epoll, for that npud\n"
	"  --seconds N    throughput: per figure (1); memory: in all (10)\n"
	"  --count N      latency, neighbour, flood: blocks of 200 rounds (100, 100, 40);\n"
	"                 sessions: how many (200); slices: jobs (200); check: jobs (1000);\n"
	"                 soft: pairs of blocks of 21 runs (25)\n"
	"  --socket PATH  latency, throughput: use the npud there, on the timing device\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 usage, 3 no daemon, 4 refused.\n";

static const struct {
	const char *name;
	enum cli_status (*run)(const struct bench_options *options);
	const char *missing; /* why there is none */
} benches[] = {
	{"latency", bench_latency, NULL},   {"throughput", bench_throughput, NULL},
	{"sessions", bench_sessions, NULL}, {"memory", bench_memory, NULL},
	{"slices", bench_slices, NULL},	    {"check", bench_check, NULL},
	{"decision", bench_decision, NULL}, {"neighbour", bench_neighbour, NULL},
	{"flood", bench_flood, NULL},	    {"fairness", NULL, "not built yet"},
#ifdef HAVE_ONEDNN
	{"soft", bench_soft, NULL},
#else
	{"soft", NULL,
	 "compares with oneDNN, which was not there when npu-bench was built; install libdnnl-dev "
	 "(script/bootstrap --bench) and build again"},
#endif
};

enum cli_status bench_print_json(json_t *result)
{
	if (!result || json_dumpf(result, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) < 0)
		return cli_error(CLI_FAILED, "output: %s", strerror(errno));
	putchar('\n');
	json_decref(result);
	return CLI_OK;
}

static enum cli_status run_bench(const char *name, const struct bench_options *options)
{
	for (size_t i = 0; i < sizeof(benches) / sizeof(benches[0]); i++) {
		if (strcmp(name, benches[i].name) != 0)
			continue;
		if (!benches[i].run)
			return cli_error(CLI_FAILED, "%s: %s", name, benches[i].missing);
		enum cli_status status = benches[i].run(options);
		if (fflush(stdout) == EOF)
			return cli_error(CLI_FAILED, "output: %s", strerror(errno));
		return status;
	}
	return cli_error(CLI_USAGE, "%s: no such bench; see `npu-bench --help`", name);
}

static enum cli_status parse_count(const char *option, const char *text, uint64_t max,
				   uint64_t *ret_value)
{
	if (cli_parse_u64(text, 1, max, ret_value) < 0)
		return cli_error(CLI_USAGE, "--%s %s: not a number from 1 to %llu", option, text,
				 (unsigned long long)max);
	return CLI_OK;
}

/* Exits for --help and --version. */
static enum cli_status parse_options(int argc, char **argv, struct bench_options *options)
{
	static const struct option longs[] = {
		{"json", no_argument, NULL, 'j'},	   {"loop", required_argument, NULL, 'l'},
		{"seconds", required_argument, NULL, 't'}, {"count", required_argument, NULL, 'c'},
		{"socket", required_argument, NULL, 's'},  {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},	   {0}};
	enum cli_status status = CLI_OK;
	int option;
	while (status == CLI_OK && (option = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (option) {
		case 'j':
			options->is_json = true;
			break;
		case 'l':
			options->loop = optarg;
			break;
		case 't':
			status = parse_count("seconds", optarg, 86400, &options->seconds);
			break;
		case 'c':
			status = parse_count("count", optarg, 100000, &options->count);
			break;
		case 's':
			options->socket_path = optarg;
			break;
		case 'h':
			fputs(help_text, stdout);
			exit(CLI_OK);
		case 'V':
			puts("npu-bench " NPUD_VERSION);
			exit(CLI_OK);
		default:
			status = CLI_USAGE;
		}
	}
	return status;
}

int main(int argc, char **argv)
{
	struct bench_options options = {0};
	enum cli_status status = parse_options(argc, argv, &options);
	if (status != CLI_OK)
		return status;
	if (argc - optind != 1)
		return cli_error(CLI_USAGE, "takes one bench; see `npu-bench --help`");
	return run_bench(argv[optind], &options);
}
