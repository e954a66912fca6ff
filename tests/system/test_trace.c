/* SPDX-License-Identifier: MIT */
/*
 * Recordings, through the front door: npuctl starts and stops them, npu-sim plays them again.
 */
#include "client.h"
#include "harness.h"
#include "streams.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define N_JOBS 12

static struct command_result result;
static char path[512];

static void npuctl(const struct daemon *daemon, const char *word, const char *argument)
{
	const char *argv[] = {"npuctl", "--socket", daemon->socket, "trace", word, argument, NULL};

	command_run("NPUCTL", argv, &result);
}

static json_t *find_job(json_t *document, json_int_t job)
{
	json_t *event;
	size_t i;

	json_array_foreach (json_object_get(document, "traceEvents"), i, event) {
		json_t *id = json_object_get(json_object_get(event, "args"), "job");

		if (id && json_integer_value(id) == job)
			return event;
	}
	return NULL;
}

static void run_jobs(struct client *client)
{
	struct job_request request = timed_request(2 * MS_NS, 0);

	for (int i = 0; i < N_JOBS; i++)
		client_wait_outcome(client, client_submit(client, &request, NULL), NPU_OUTCOME_OK);
}

static long long file_size(const char *name)
{
	struct stat st;

	REQUIRE_EQ(stat(name, &st), 0);
	return st.st_size;
}

static void jobs_are_recorded_and_replayed(void)
{
	const struct daemon_options options = {.device = "timing"};
	const char *replay[] = {"npu-sim", "--workload", path, "--policy", "gang", NULL};
	struct daemon daemon;
	struct client client;
	json_t *document, *event;

	harness_path("trace.json", path);
	daemon_start(&options, &daemon);
	client_open(&daemon, &client);
	npuctl(&daemon, "stop", path);
	REQUIRE_EQ(result.status, 1);
	REQUIRE_HAS(result.output, "no recording is on");
	REQUIRE(access(path, F_OK) < 0);
	/* Nor does a recording that is not there cost a file. */
	harness_write(path, "kept");
	npuctl(&daemon, "stop", path);
	REQUIRE_EQ(result.status, 1);
	REQUIRE_EQ(file_size(path), 4);
	npuctl(&daemon, "start", NULL);
	REQUIRE_EQ(result.status, 0);
	npuctl(&daemon, "start", NULL);
	REQUIRE_EQ(result.status, 1);
	REQUIRE_HAS(result.output, "is on");
	run_jobs(&client);
	/* A file that cannot be written does not cost the recording. */
	npuctl(&daemon, "stop", "/nonexistent/trace.json");
	REQUIRE_EQ(result.status, 1);
	npuctl(&daemon, "stop", path);
	REQUIRE_EQ(result.status, 0);
	document = json_load_file(path, 0, NULL);
	REQUIRE(document != NULL);
	event = find_job(document, N_JOBS);
	REQUIRE(event != NULL);
	REQUIRE(strcmp(json_string_value(json_object_get(event, "ph")), "X") == 0);
	REQUIRE(json_number_value(json_object_get(event, "dur")) >= 2000);
	json_decref(document);
	command_run("NPU_SIM", replay, &result);
	REQUIRE_EQ(result.status, 0);
	REQUIRE_HAS(result.output, "recording, gang");
	REQUIRE_HAS(result.output, "12 jobs in 12 batches");
	daemon_stop(&daemon);
}

static const struct test_case cases[] = {
	HARNESS_CASE(jobs_are_recorded_and_replayed),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
