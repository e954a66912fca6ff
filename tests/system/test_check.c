/* SPDX-License-Identifier: MIT */
/*
 * Where the policy has streams checked: what a job could reach beyond its BOs is refused at submit,
 * and what was checked is what runs.
 */
#include "client.h"
#include "harness.h"
#include "streams.h"

#include <errno.h>
#include <string.h>

#define CHECKED "{\"classes\": {\"default\": {\"validate\": true}}}"

static void start(struct daemon *ret_daemon)
{
	const struct daemon_options options = {.config = CHECKED};

	daemon_start(&options, ret_daemon);
}

static void honest_jobs_run(void)
{
	struct daemon daemon;
	struct client client;
	struct matmul matmul;

	start(&daemon);
	client_open(&daemon, &client);
	matmul_init(&client, 0, 3, -5, &matmul);
	for (int i = 0; i < 10; i++)
		matmul_check(&client, &matmul);
	daemon_stop(&daemon);
}

/* The refusal names task and register; the session goes on. */
static void refused(struct client *client, const struct matmul *matmul, const char *says)
{
	struct job_request request = matmul_request(matmul);
	struct message message;

	REQUIRE_EQ(client_try_submit(client, &request, NULL, &message), EINVAL);
	REQUIRE(strcmp(message.body.error.field, "tasks[0]") == 0);
	if (!strstr(message.body.error.message, says))
		harness_fail(__FILE__, __LINE__, "'%s' does not say '%s'",
			     message.body.error.message, says);
}

static void reaching_further_is_refused(void)
{
	struct client attacker, victim;
	struct matmul own, secret;
	struct daemon daemon;
	struct stream stream;

	start(&daemon);
	client_open(&daemon, &victim);
	client_open(&daemon, &attacker);
	matmul_init(&victim, 0x40000000, 1, 1, &secret);
	matmul_init(&attacker, 0x20000000, 1, 1, &own);
	const struct {
		struct stream_addresses addresses;
		const char *says;
	} attacks[] = {
		/* Another session's. */
		{{0x40001000, own.bo.iova + MATMUL_WEIGHTS, own.bo.iova + MATMUL_OUTPUT},
		 "FEATURE_DATA_ADDR: 0x40001000"},
		{{own.bo.iova + MATMUL_INPUT, 0x40002000, own.bo.iova + MATMUL_OUTPUT},
		 "DCOMP_ADDR0: 0x40002000"},
		{{own.bo.iova + MATMUL_INPUT, own.bo.iova + MATMUL_WEIGHTS, 0x40003000},
		 "DST_BASE_ADDR: 0x40003000"},
		/* The last bytes behind its own. */
		{{own.bo.iova + MATMUL_INPUT, own.bo.iova + MATMUL_WEIGHTS,
		  own.bo.iova + MATMUL_BYTES - 16},
		 "not all in one BO"},
	};

	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		stream_matmul(&attacks[i].addresses, &stream);
		matmul_set_stream(&own, &stream);
		refused(&attacker, &own, attacks[i].says);
	}
	stream_hang(&stream);
	matmul_set_stream(&own, &stream);
	refused(&attacker, &own, "none starts anything");
	matmul_check(&victim, &secret);
	daemon_stop(&daemon);
}

/* The stream is exchanged while the job waits behind another: nobody looks at it any more. */
static void stream_edited_after_submit(void)
{
	struct client client;
	struct matmul matmul, first;
	struct npu_completion completion;
	struct daemon daemon;
	struct stream stream;
	uint64_t hanging, seqno;

	daemon_start(&(struct daemon_options){.config = "{\"classes\": {\"default\": {\"cores\": "
							"[0], \"validate\": true}}}",
					      .device = "soft"},
		     &daemon);
	client_open(&daemon, &client);
	matmul_init(&client, 0, 2, 7, &matmul);
	matmul_init(&client, 0, 1, 1, &first);
	/* Passes the check, and no interrupt that it waits for ever comes. */
	first.task.int_mask = 0xc00;
	struct job_request request = matmul_request(&first);
	request.submit.timeout_ns = 300000000;
	hanging = client_submit(&client, &request, NULL);
	seqno = matmul_submit(&client, &matmul, NULL);
	stream_hang(&stream);
	matmul_set_stream(&matmul, &stream);
	client_wait_outcome(&client, hanging, NPU_OUTCOME_HANG);
	client_wait(&client, seqno, &completion);
	REQUIRE_EQ(completion.outcome, NPU_OUTCOME_OK);
	REQUIRE(matmul_output_is(&matmul, matmul_expected(&matmul)));
	daemon_stop(&daemon);
}

static const struct test_case cases[] = {
	HARNESS_CASE(honest_jobs_run),
	HARNESS_CASE(reaching_further_is_refused),
	HARNESS_CASE(stream_edited_after_submit),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
