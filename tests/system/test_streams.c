/* SPDX-License-Identifier: MIT */
/*
 * Streams that ask for what cannot be, and what is said about them: block, register, value and the
 * index of the task, to the client and in one line of the log; the next job runs at once.
 */
#include "client.h"
#include "harness.h"
#include "streams.h"

#include <stdlib.h>
#include <string.h>

#define TARGET_PC 0x0101u

struct bed {
	struct daemon daemon;
	struct client client;
	struct matmul honest, other;
};

static void bed_open(struct bed *bed)
{
	daemon_start(&(struct daemon_options){.config = "{\"version\": 1, " DAEMON_LENIENT "}"},
		     &bed->daemon);
	client_open(&bed->daemon, &bed->client);
	matmul_init(&bed->client, 0, 2, 3, &bed->honest);
	matmul_init(&bed->client, 0, 1, 1, &bed->other);
}

/* The stream of a matrix product in `other`. */
static struct stream stream_of_other(const struct bed *bed)
{
	const struct stream_addresses addresses = {
		.input = bed->other.bo.iova + MATMUL_INPUT,
		.weights = bed->other.bo.iova + MATMUL_WEIGHTS,
		.output = bed->other.bo.iova + MATMUL_OUTPUT,
	};
	struct stream stream;

	stream_matmul(&addresses, &stream);
	return stream;
}

static void set_register(struct stream *stream, uint16_t offset, uint32_t value)
{
	uint32_t i = 0;

	while (i < stream->n && (uint16_t)stream->words[i] != offset)
		i++;
	REQUIRE(i < stream->n);
	stream->words[i] = (stream->words[i] & 0xffff00000000ffffull) | (uint64_t)value << 16;
}

/* A job of two tasks, an honest one and then the stream. */
static void run_second(struct bed *bed, const struct stream *stream,
		       struct npu_completion *ret_completion)
{
	const uint32_t handles[] = {bed->honest.handle, bed->other.handle};
	struct job_request request = matmul_request(&bed->honest);
	struct npu_task tasks[2];

	matmul_set_stream(&bed->other, stream);
	tasks[0] = bed->honest.task;
	tasks[1] = bed->other.task;
	request.tasks = tasks;
	request.n_tasks = 2;
	request.handles = handles;
	request.n_handles = 2;
	client_wait(&bed->client, client_submit(&bed->client, &request, NULL), ret_completion);
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;

	while ((text = strstr(text, what)) != NULL) {
		text += strlen(what);
		n++;
	}
	return n;
}

/* The core runs the next job, and the log has its line. */
static void check_aftermath(struct bed *bed, const char *outcome, unsigned n_lines)
{
	char line[64], *log;

	matmul_check(&bed->client, &bed->honest);
	snprintf(line, sizeof(line), "outcome=%s", outcome);
	daemon_wait_log(&bed->daemon, line);
	log = daemon_read_log(&bed->daemon);
	REQUIRE_EQ(count(log, line), n_lines);
	/* The line says it all. */
	REQUIRE_EQ(count(log, "core_reset"), 0);
	REQUIRE_EQ(count(log, "strike session"), 0);
	free(log);
}

static const struct {
	uint16_t offset;
	uint32_t value;
	const char *detail;
} bad_registers[] = {
	/* Sizes that cannot be. */
	{0x1020, 0x00000008, "CNA DATA_SIZE0: 0x8, "},
	{0x1088, 0x00000000, "CNA "},
	/* Modes that contradict each other. */
	{0x3014, 0x00030000, "CORE DATAOUT_SIZE_0: 0x30000, "},
	{0x3010, 0x00000200, "CORE MISC_CFG: 0x200, "},
	{0x400c, 0x000001fc, "DPU FEATURE_MODE_CFG: 0x1fc, "},
	/* What is not there. */
	{0x400c, 0x400001e4, "DPU FEATURE_MODE_CFG: 0x400001e4, "},
	{0x4084, 0x00000000, "DPU OUT_CVT_SCALE: 0x0, "},
};

static void bad_registers_are_named(void)
{
	struct npu_completion completion;
	struct bed bed;

	bed_open(&bed);
	for (unsigned i = 0; i < sizeof(bad_registers) / sizeof(bad_registers[0]); i++) {
		struct stream stream = stream_of_other(&bed);
		char expected[128];

		set_register(&stream, bad_registers[i].offset, bad_registers[i].value);
		run_second(&bed, &stream, &completion);
		REQUIRE_EQ(completion.outcome, NPU_OUTCOME_BAD_STREAM);
		REQUIRE_EQ(completion.tasks_done, 1);
		snprintf(expected, sizeof(expected), "task 1: %s", bad_registers[i].detail);
		REQUIRE_HAS(completion.detail, expected);
		check_aftermath(&bed, "bad_stream", i + 1);
	}
	daemon_stop(&bed.daemon);
}

/* Features, weights and results in turn. */
static void foreign_addresses_fault(void)
{
	static const uint16_t registers[] = {0x1070, 0x1110, 0x4020};
	static const char *const blamed[] = {"task 1: CNA FEATURE_DATA_ADDR: 0x7f000000",
					     "task 1: CNA DCOMP_ADDR0: 0x7f000000",
					     "task 1: DPU DST_BASE_ADDR: 0x7f000000"};
	const uint32_t nowhere = 0x7f000000u;
	struct npu_completion completion;
	struct bed bed;

	bed_open(&bed);
	for (unsigned i = 0; i < 3; i++) {
		struct stream stream = stream_of_other(&bed);

		set_register(&stream, registers[i], nowhere);
		run_second(&bed, &stream, &completion);
		REQUIRE_EQ(completion.outcome, NPU_OUTCOME_PAGE_FAULT);
		REQUIRE_EQ(completion.fault_iova & ~0xfffull, nowhere);
		REQUIRE_EQ(completion.flags & NPU_FAULT_WRITE, i == 2 ? NPU_FAULT_WRITE : 0);
		REQUIRE_HAS(completion.detail, blamed[i]);
		check_aftermath(&bed, "page_fault", i + 1);
	}
	daemon_stop(&bed.daemon);
}

/* GLOBAL, DDMA, SDMA, the MMU and the PC's own registers: of all tenants, and out of reach. */
static void shared_registers_are_out_of_reach(void)
{
	static const uint16_t registers[] = {0x8000, 0x8020, 0x9000, 0xa000,
					     0xa008, 0xf008, 0x0020};
	struct npu_completion completion;
	struct bed bed;

	bed_open(&bed);
	for (unsigned i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
		struct stream stream = stream_of_other(&bed);
		char expected[64];

		stream.words[0] = (uint64_t)TARGET_PC << 48 | 1ull << 16 | registers[i];
		run_second(&bed, &stream, &completion);
		REQUIRE_EQ(completion.outcome, NPU_OUTCOME_BAD_STREAM);
		REQUIRE_HAS(completion.detail, "task 1: PC ");
		snprintf(expected, sizeof(expected), "0x%04x", registers[i]);
		if (registers[i] >= 0x1000)
			REQUIRE_HAS(completion.detail, expected);
		check_aftermath(&bed, "bad_stream", i + 1);
	}
	daemon_stop(&bed.daemon);
}

static void unknown_bits_are_listed(void)
{
	const char *argv[] = {"npuctl", "--socket", NULL, "sessions", NULL};
	static struct command_result result;
	struct npu_completion completion;
	struct stream stream;
	struct bed bed;
	json_t *stats;

	bed_open(&bed);
	stats = client_stats(&bed.client);
	REQUIRE(json_is_null(
		json_object_get(json_array_get(json_object_get(stats, "sessions"), 0), "ignored")));
	json_decref(stats);
	stream = stream_of_other(&bed);
	set_register(&stream, 0x1014, 0x80000009);
	run_second(&bed, &stream, &completion);
	REQUIRE_EQ(completion.outcome, NPU_OUTCOME_OK);
	REQUIRE_HAS(completion.detail, "ignored: CNA CONV_CON3=0x80000000");
	/* Stays until a job has something else to say. */
	matmul_check(&bed.client, &bed.honest);
	argv[2] = bed.daemon.socket;
	command_run("NPUCTL", argv, &result);
	REQUIRE_EQ(result.status, 0);
	REQUIRE_HAS(result.output, "ignored: CNA CONV_CON3=0x80000000");
	stats = client_stats(&bed.client);
	REQUIRE_HAS(json_string_value(json_object_get(
			    json_array_get(json_object_get(stats, "sessions"), 0), "ignored")),
		    "CNA CONV_CON3=0x80000000");
	json_decref(stats);
	daemon_stop(&bed.daemon);
}

static const struct test_case cases[] = {
	HARNESS_CASE(bad_registers_are_named),
	HARNESS_CASE(foreign_addresses_fault),
	HARNESS_CASE(shared_registers_are_out_of_reach),
	HARNESS_CASE(unknown_bits_are_listed),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
