/* SPDX-License-Identifier: MIT */
/*
 * Lives of clients. The honest ones check what they get to the last number; the others only that
 * whatever npud took from them came to an end.
 */
#include "tenants.h"
#include "harness.h"
#include "malformed.h"
#include "network.h"
#include "streams.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROUNDS_MAX   20
#define TASKS_MAX    16
#define NOWHERE	     0x7f000000u
#define HANG_NS	     (20 * MS_NS)
#define GREEDY_BYTES (4ull << 20)

/* No quarantine. */
static const char policy_format[] =
	"{\"watchdog\": {\"slow_after\": 0, \"suspend_after\": 0, \"close_after\": 0,"
	"   \"floor_ms\": %u},"
	" \"version\": 1, \"scheduler\": {\"quantum_ms\": 2},"
	" \"quota\": {\"bytes_per_session\": 33554432, \"bos_per_session\": 64,"
	"   \"jobs_per_session\": 12, \"jobs_per_tenant\": 4096,"
	"   \"queued_ms_per_tenant\": 1000000000},"
	" \"classes\": {\"default\": {}, \"checked\": {\"requestable\": true, \"validate\": true},"
	"   \"sliced\": {\"requestable\": true, \"sliceable\": true}}}";

void tenant_policy(bool is_timed_by_driver, char ret_text[TENANT_POLICY_SIZE])
{
	int n = snprintf(ret_text, TENANT_POLICY_SIZE, policy_format,
			 is_timed_by_driver ? 2000u : 20u);

	REQUIRE(n > 0 && n < TENANT_POLICY_SIZE);
}

static uint32_t choose(struct tenant *tenant, uint32_t n)
{
	return harness_random(&tenant->seed) % n;
}

static struct ledger begin(struct tenant *tenant, const char *class_name, struct client *client)
{
	client_connect(tenant->daemon, client);
	client_hello(client, class_name);
	return ledger_for(client, tenant->totals, tenant->witness);
}

/* ---- honest work ---- */

static void matmul_new(struct tenant *tenant, struct client *client, struct matmul *ret_matmul)
{
	matmul_init(client, 0, (int8_t)(choose(tenant, 255) - 127),
		    (int8_t)(choose(tenant, 255) - 127), ret_matmul);
}

static struct job_request timed_job(struct tenant *tenant)
{
	return timed_request(choose(tenant, 1000) * 1000ull, 0);
}

/* Ways of asking that change when a job runs, but not what comes out. */
static void vary(struct tenant *tenant, struct job_request *job)
{
	job->submit.priority = (int32_t)choose(tenant, 2001) - 1000;
	job->submit.flags |= choose(tenant, 4) ? 0 : NPU_SUBMIT_IN_ORDER;
	if (choose(tenant, 3) == 0 && !job->submit.core_mask)
		job->submit.core_mask = 1u << choose(tenant, 3);
}

/* Two products; the second may wait for the first. */
static void honest_round(struct tenant *tenant, struct ledger *ledger, struct matmul *matmuls)
{
	int fence;

	for (unsigned i = 0; i < 2; i++) {
		struct job_request job =
			tenant->runs_streams ? matmul_request(&matmuls[i]) : timed_job(tenant);

		vary(tenant, &job);
		job.n_fences = i && choose(tenant, 2);
		job.fences = &fence;
		ledger_submit(ledger, &job, OUTCOME(OK), &fence);
	}
	if (ledger_settle(ledger) & OUTCOME_UNRUN)
		return;
	for (unsigned i = 0; i < 2 && tenant->runs_streams; i++) {
		REQUIRE(matmul_output_is(&matmuls[i], matmul_expected(&matmuls[i])));
		matmul_clear_output(&matmuls[i]);
	}
}

static void live_honest(struct tenant *tenant)
{
	unsigned n_rounds = 1 + choose(tenant, ROUNDS_MAX);
	struct matmul matmuls[2];
	struct client client;
	struct ledger ledger = begin(tenant, "", &client);

	for (unsigned i = 0; i < n_rounds; i++) {
		for (unsigned j = 0; j < 2 && tenant->runs_streams; j++)
			matmul_new(tenant, &client, &matmuls[j]);
		honest_round(tenant, &ledger, matmuls);
		for (unsigned j = 0; j < 2 && tenant->runs_streams; j++) {
			client_bo_close(&client, &matmuls[j].bo);
			munmap(matmuls[j].bo.map, matmuls[j].bo.size);
		}
	}
}

static struct job_request timed_tasks(struct tenant *tenant, struct npu_task *tasks)
{
	struct job_request job = timed_job(tenant);

	for (unsigned i = 0; i < TASKS_MAX; i++)
		tasks[i] = (struct npu_task){0x1000, 1, 0x300, 0};
	job.tasks = tasks;
	job.n_tasks = TASKS_MAX;
	return job;
}

static void network_life(struct tenant *tenant, bool is_gang)
{
	static const uint32_t pairs[] = {3, 5, 6};
	/* Kernel drivers start no others together, and keep no registers from task to task. */
	const bool has_driver = tenant->runs_streams && !harness_has_soft();
	const uint32_t n_pairs = has_driver ? 1 : 3;
	unsigned n_rounds = 1 + choose(tenant, ROUNDS_MAX);
	struct npu_task tasks[TASKS_MAX];
	struct network network;
	struct client client;
	struct ledger ledger = begin(tenant, choose(tenant, 2) ? "sliced" : "", &client);

	/* Its driver starts no cores together. */
	is_gang &= !(tenant->runs_streams && harness_has_device("rocket"));
	if (tenant->runs_streams)
		network_init(&client, &network);
	for (unsigned i = 0; i < n_rounds; i++) {
		uint32_t flags = (choose(tenant, 2) ? NPU_SUBMIT_SLICEABLE : 0) |
				 (choose(tenant, 2) || has_driver ? NPU_SUBMIT_CHAINED : 0);
		struct job_request job = tenant->runs_streams ? network_request(&network, flags)
							      : timed_tasks(tenant, tasks);

		if (is_gang)
			job_request_split(&job, pairs[choose(tenant, n_pairs)]);
		vary(tenant, &job);
		ledger_submit(&ledger, &job, OUTCOME(OK), NULL);
		if (!(ledger_settle(&ledger) & OUTCOME_UNRUN) && tenant->runs_streams)
			network_check(&network);
	}
}

static void live_sliced(struct tenant *tenant)
{
	network_life(tenant, false);
}

static void live_gang(struct tenant *tenant)
{
	network_life(tenant, true);
}

/* What was checked is what runs, whatever is written over it later. */
static void live_checked(struct tenant *tenant)
{
	unsigned n_rounds = 1 + choose(tenant, ROUNDS_MAX);
	struct stream_addresses nowhere = {NOWHERE, NOWHERE, NOWHERE};
	struct stream stray;
	struct matmul matmul, attack;
	struct job_request attack_job;
	struct client client;
	struct ledger ledger = begin(tenant, "checked", &client);

	if (!tenant->runs_streams)
		return;
	stream_matmul(&nowhere, &stray);
	for (unsigned i = 0; i < n_rounds; i++) {
		matmul_new(tenant, &client, &matmul);
		attack = matmul;
		struct job_request job = matmul_request(&matmul);

		ledger_submit(&ledger, &job, OUTCOME(OK), NULL);
		matmul_set_stream(&attack, &stray);
		attack_job = matmul_request(&attack);
		ledger_require_refused(&ledger, &attack_job, EINVAL);
		REQUIRE(ledger_settle(&ledger) & OUTCOME_UNRUN ||
			matmul_output_is(&matmul, matmul_expected(&matmul)));
		client_bo_close(&client, &matmul.bo);
	}
}

/* On time, late, or refused at once: but said so, and right where it ran. */
static void live_deadline(struct tenant *tenant)
{
	unsigned n_rounds = 1 + choose(tenant, ROUNDS_MAX);
	struct matmul matmul;
	struct client client;
	struct ledger ledger = begin(tenant, "", &client);

	if (tenant->runs_streams)
		matmul_new(tenant, &client, &matmul);
	for (unsigned i = 0; i < n_rounds; i++) {
		struct job_request job =
			tenant->runs_streams ? matmul_request(&matmul) : timed_job(tenant);
		int error;

		job.submit.deadline_ns = 1 + choose(tenant, 5000) * 1000ll;
		job.submit.late = choose(tenant, NPU_LATE_COUNT);
		error = ledger_try_submit(&ledger, &job, OUTCOME(OK) | OUTCOME(LATE), NULL);
		REQUIRE(error == 0 || error == ETIME ||
			(error == ENOMEM && harness_driver_misbehaves()));
		if (!(ledger_settle(&ledger) & OUTCOME(OK)) || !tenant->runs_streams)
			continue;
		REQUIRE(matmul_output_is(&matmul, matmul_expected(&matmul)));
		matmul_clear_output(&matmul);
	}
}

/* In turn with whoever else has that memory, however they end. */
static void live_sharing(struct tenant *tenant)
{
	unsigned n_rounds = 1 + choose(tenant, ROUNDS_MAX);
	struct matmul matmul = {0};
	struct client_bo shared;
	struct client client;
	struct ledger ledger = begin(tenant, "", &client);

	/* Kernel drivers have each BO in one address space. */
	if (tenant->runs_streams && !harness_has_soft())
		return;
	client_bo_import(&client, tenant->shared_fd, 0, &shared);
	if (tenant->runs_streams)
		matmul_new(tenant, &client, &matmul);
	for (unsigned i = 0; i < n_rounds; i++) {
		struct job_request job =
			tenant->runs_streams ? matmul_request(&matmul) : timed_job(tenant);
		const uint32_t handles[] = {shared.handle, matmul.handle};

		vary(tenant, &job);
		job.handles = handles;
		job.n_handles = tenant->runs_streams ? 2 : 1;
		job.submit.n_writes = choose(tenant, 2);
		job.submit.n_reads = 1 - job.submit.n_writes;
		ledger_submit(&ledger, &job, OUTCOME(OK), NULL);
		if (ledger_settle(&ledger) & OUTCOME_UNRUN || !tenant->runs_streams)
			continue;
		REQUIRE(matmul_output_is(&matmul, matmul_expected(&matmul)));
		matmul_clear_output(&matmul);
	}
}

/* ---- trouble ---- */

/* Memory, then jobs, then questions, each until npud says no or a while longer. */
static void live_greedy(struct tenant *tenant)
{
	struct client client;
	struct ledger ledger = begin(tenant, "", &client);
	struct npu_task tasks[TASKS_MAX];
	struct client_bo bo;
	struct matmul matmul;

	if (tenant->runs_streams)
		matmul_new(tenant, &client, &matmul);
	while (client_bo_try_new(&client, 4096 + choose(tenant, GREEDY_BYTES), 0, &bo, NULL) == 0)
		memset(bo.map, 0xa5, 4096);
	for (unsigned i = 0; i < 64; i++) {
		struct job_request job =
			tenant->runs_streams ? matmul_request(&matmul) : timed_tasks(tenant, tasks);

		(void)ledger_try_submit(&ledger, &job, OUTCOME(OK), NULL);
	}
	for (unsigned i = choose(tenant, 200); i > 0; i--)
		json_decref(client_stats(&client));
	ledger_settle(&ledger);
}

static struct job_request hanging_job(struct tenant *tenant, struct matmul *memory)
{
	struct job_request job = timed_request(UINT64_MAX, 0);
	struct stream stream;

	if (tenant->runs_streams) {
		stream_hang(&stream);
		matmul_set_stream(memory, &stream);
		job = matmul_request(memory);
	}
	job.submit.timeout_ns = HANG_NS;
	job.submit.core_mask = choose(tenant, 2) ? 1u << choose(tenant, 3) : 0;
	return job;
}

static void live_hanging(struct tenant *tenant)
{
	unsigned n_rounds = 1 + choose(tenant, 4);
	struct client client;
	struct ledger ledger = begin(tenant, "", &client);
	struct matmul memory;

	if (tenant->runs_streams)
		matmul_new(tenant, &client, &memory);
	for (unsigned i = 0; i < n_rounds; i++) {
		struct job_request job = hanging_job(tenant, &memory);

		ledger_submit(&ledger, &job, OUTCOME(HANG), NULL);
	}
	ledger_settle(&ledger);
}

static void scribble(struct tenant *tenant, struct network *network)
{
	for (unsigned i = 0; i < NETWORK_INPUTS / 64; i++)
		network->bo.map[choose(tenant, NETWORK_INPUTS)] =
			(unsigned char)choose(tenant, 256);
}

/* Reaches for what is not its own, and writes into its streams while they run. */
static void live_faulting(struct tenant *tenant)
{
	unsigned n_rounds = 1 + choose(tenant, ROUNDS_MAX);
	struct stream_addresses nowhere = {NOWHERE, NOWHERE, NOWHERE};
	/* Kernel drivers do not say why a job did not end. */
	const unsigned silent = harness_has_soft() ? 0 : OUTCOME(HANG);
	struct stream stray;
	struct network network;
	struct matmul matmul;
	struct client client;
	struct ledger ledger = begin(tenant, "", &client);

	if (!tenant->runs_streams)
		return;
	matmul_new(tenant, &client, &matmul);
	stream_matmul(&nowhere, &stray);
	network_init(&client, &network);
	for (unsigned i = 0; i < n_rounds; i++) {
		struct job_request job;

		/* Again, since what it scribbles may write anywhere in its own memory. */
		matmul_set_stream(&matmul, &stray);
		job = matmul_request(&matmul);
		job.submit.timeout_ns = HANG_NS;
		ledger_submit(&ledger, &job, OUTCOME(PAGE_FAULT) | silent, NULL);
		network_write_streams(&network);
		job = network_request(&network, choose(tenant, 2) ? NPU_SUBMIT_SLICEABLE : 0);
		job.submit.timeout_ns = HANG_NS;
		ledger_submit(&ledger, &job, OUTCOME_ANY, NULL);
		scribble(tenant, &network);
		ledger_settle(&ledger);
	}
}

/* In the middle of everything. */
static void live_dying(struct tenant *tenant)
{
	unsigned n_jobs = 1 + choose(tenant, LEDGER_JOBS_MAX);
	struct client client;
	struct ledger ledger = begin(tenant, "", &client);
	struct npu_task tasks[TASKS_MAX];
	struct network network;

	if (tenant->runs_streams)
		network_init(&client, &network);
	for (unsigned i = 0; i < n_jobs; i++) {
		struct job_request job = tenant->runs_streams
						 ? network_request(&network, NPU_SUBMIT_SLICEABLE)
						 : timed_tasks(tenant, tasks);

		(void)ledger_try_submit(&ledger, &job, OUTCOME_ANY, NULL);
	}
	raise(SIGKILL);
}

static void live_malformed(struct tenant *tenant)
{
	unsigned n_rounds = 1 + choose(tenant, ROUNDS_MAX);

	for (unsigned i = 0; i < n_rounds; i++)
		malformed_session(tenant->daemon, &tenant->seed);
}

/* Never says hello, or never reads an answer; sends all the same. */
static void live_silent(struct tenant *tenant)
{
	struct npu_header header = {.length = sizeof(header), .op = NPU_OP_STATS};
	struct client client;

	client_connect(tenant->daemon, &client);
	if (choose(tenant, 2))
		client_hello(&client, "");
	for (unsigned i = choose(tenant, 50); i > 0; i--) {
		header.serial++;
		if (client_send_bytes(&client, &header, sizeof(header), NULL, 0) < 0)
			break;
	}
	usleep(choose(tenant, 20000));
}

/* ---- all of them ---- */

static const struct {
	const char *name;
	uint32_t weight;
	void (*live)(struct tenant *tenant);
} kinds[TENANT_KINDS] = {
	[TENANT_HONEST] = {"honest", 30, live_honest},
	[TENANT_SLICED] = {"sliced", 10, live_sliced},
	[TENANT_GANG] = {"gang", 10, live_gang},
	[TENANT_CHECKED] = {"checked", 10, live_checked},
	[TENANT_DEADLINE] = {"deadline", 10, live_deadline},
	[TENANT_SHARING] = {"sharing", 10, live_sharing},
	[TENANT_GREEDY] = {"greedy", 5, live_greedy},
	[TENANT_HANGING] = {"hanging", 8, live_hanging},
	[TENANT_FAULTING] = {"faulting", 8, live_faulting},
	[TENANT_DYING] = {"dying", 8, live_dying},
	[TENANT_MALFORMED] = {"malformed", 8, live_malformed},
	[TENANT_SILENT] = {"silent", 5, live_silent},
};

enum tenant_kind tenant_choose(uint64_t *seed)
{
	uint32_t sum = 0, ticket;
	unsigned kind = 0;

	for (unsigned i = 0; i < TENANT_KINDS; i++)
		sum += kinds[i].weight;
	ticket = harness_random(seed) % sum;
	while (ticket >= kinds[kind].weight)
		ticket -= kinds[kind++].weight;
	return kind;
}

const char *tenant_kind_name(enum tenant_kind kind)
{
	return kinds[kind].name;
}

void tenant_live(struct tenant *tenant, enum tenant_kind kind)
{
	kinds[kind].live(tenant);
}
