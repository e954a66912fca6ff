/* SPDX-License-Identifier: MIT */
/*
 * What one session can see of another: nothing, unless it was handed over.
 */
#include "client.h"
#include "harness.h"
#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SHARED_IOVA 0x00100000u
#define N_TENANTS   5
#define N_ROUNDS    60

/* Five sessions use the same addresses for different numbers, on whatever core is free. */
static void inv1_core_never_runs_foreign_tables(void)
{
	struct client clients[N_TENANTS];
	struct matmul jobs[N_TENANTS];
	uint64_t seqnos[N_TENANTS];
	struct daemon daemon;

	daemon_start(NULL, &daemon);
	for (int i = 0; i < N_TENANTS; i++) {
		client_open(&daemon, &clients[i]);
		matmul_init(&clients[i], SHARED_IOVA, (int8_t)(i + 1), (int8_t)(7 - 2 * i),
			    &jobs[i]);
		REQUIRE_EQ(jobs[i].bo.iova, SHARED_IOVA);
	}
	for (int round = 0; round < N_ROUNDS; round++) {
		for (int i = 0; i < N_TENANTS; i++) {
			matmul_clear_output(&jobs[i]);
			seqnos[i] = matmul_submit(&clients[i], &jobs[i], NULL);
		}
		for (int i = 0; i < N_TENANTS; i++) {
			client_wait_outcome(&clients[i], seqnos[i], NPU_OUTCOME_OK);
			REQUIRE(matmul_output_is(&jobs[i], matmul_expected(&jobs[i])));
		}
	}
	daemon_stop(&daemon);
}

/* The same core, one job after the other, so that a stale TLB entry would be used. */
static void inv1_tlb_is_dropped_between_sessions(void)
{
	struct client clients[2];
	struct matmul jobs[2];
	struct daemon daemon;

	daemon_start(NULL, &daemon);
	for (int i = 0; i < 2; i++) {
		client_open(&daemon, &clients[i]);
		matmul_init(&clients[i], SHARED_IOVA, 1, (int8_t)(i + 3), &jobs[i]);
	}
	for (int round = 0; round < 30; round++) {
		for (int i = 0; i < 2; i++) {
			struct job_request job = matmul_request(&jobs[i]);

			job.submit.core_mask = 1;
			matmul_clear_output(&jobs[i]);
			client_wait_outcome(&clients[i], client_submit(&clients[i], &job, NULL),
					    NPU_OUTCOME_OK);
			REQUIRE(matmul_output_is(&jobs[i], matmul_expected(&jobs[i])));
		}
	}
	daemon_stop(&daemon);
}

/* Also inside one session: a BO that takes the place of another is seen at once. */
static void inv1_tlb_is_dropped_after_unmap(void)
{
	struct daemon daemon;
	struct client client;

	daemon_start(NULL, &daemon);
	client_open(&daemon, &client);
	for (int round = 1; round < 30; round++) {
		struct matmul job;

		matmul_init(&client, SHARED_IOVA, 1, (int8_t)round, &job);
		matmul_check(&client, &job);
		client_bo_close(&client, &job.bo);
		munmap(job.bo.map, job.bo.size);
	}
	daemon_stop(&daemon);
}

static void page_fault_names_address_and_direction(void)
{
	const uint32_t nowhere = 0x7f000000u;
	struct stream stream;
	struct stream_addresses addresses;
	struct npu_completion completion;
	struct daemon daemon;
	struct client client;
	struct matmul job;

	harness_needs_soft("kernel drivers do not tell of page faults");
	daemon_start(NULL, &daemon);
	client_open(&daemon, &client);
	matmul_init(&client, 0, 1, 1, &job);
	for (int is_write = 0; is_write < 2; is_write++) {
		addresses = (struct stream_addresses){
			.input = is_write ? job.bo.iova + MATMUL_INPUT : nowhere,
			.weights = job.bo.iova + MATMUL_WEIGHTS,
			.output = is_write ? nowhere : job.bo.iova + MATMUL_OUTPUT,
		};
		stream_matmul(&addresses, &stream);
		matmul_set_stream(&job, &stream);
		client_wait(&client, matmul_submit(&client, &job, NULL), &completion);
		REQUIRE_EQ(completion.outcome, NPU_OUTCOME_PAGE_FAULT);
		REQUIRE(completion.fault_iova >= nowhere && completion.fault_iova < nowhere + 4096);
		REQUIRE_EQ(completion.flags & NPU_FAULT_WRITE, is_write ? NPU_FAULT_WRITE : 0);
	}
	daemon_stop(&daemon);
}

/* The byte behind a BO belongs to nobody, whatever lies there. */
static void guard_page_follows_every_bo(void)
{
	struct client_bo bos[16];
	struct daemon daemon;
	struct client client;

	daemon_start(NULL, &daemon);
	client_open(&daemon, &client);
	for (int i = 0; i < 16; i++) {
		client_bo_new(&client, 4096u * (unsigned)(i + 1), &bos[i]);
		REQUIRE(bos[i].iova >= 4096);
		for (int j = 0; j < i; j++)
			REQUIRE(bos[i].iova > bos[j].iova + bos[j].size ||
				bos[j].iova > bos[i].iova + bos[i].size);
	}
	daemon_stop(&daemon);
}

static void inv8_freed_memory_is_zero(void)
{
	static const uint64_t sizes[] = {4096, 65536, 1u << 20, 5u << 20};
	struct daemon daemon;
	struct client clients[2];
	struct client_bo bo;

	daemon_start(NULL, &daemon);
	client_open(&daemon, &clients[0]);
	client_open(&daemon, &clients[1]);
	for (int round = 0; round < 40; round++) {
		uint64_t size = sizes[round % 4];

		client_bo_new(&clients[0], size, &bo);
		memset(bo.map, 0xa5, size);
		client_bo_close(&clients[0], &bo);
		munmap(bo.map, bo.size);
		client_bo_new(&clients[1], size, &bo);
		for (uint64_t i = 0; i < size; i++)
			REQUIRE_EQ(bo.map[i], 0);
		client_bo_close(&clients[1], &bo);
		munmap(bo.map, bo.size);
	}
	daemon_stop(&daemon);
}

/* A start without registers must not run what the tenant before had set up. */
static void inv8_no_registers_are_left_behind(void)
{
	struct stream stream;
	struct npu_completion completion;
	struct client clients[2];
	struct matmul jobs[2];
	struct daemon daemon;

	daemon_start(NULL, &daemon);
	for (int i = 0; i < 2; i++) {
		client_open(&daemon, &clients[i]);
		matmul_init(&clients[i], SHARED_IOVA, 2, 2, &jobs[i]);
	}
	stream_bare_start(&stream);
	matmul_set_stream(&jobs[1], &stream);
	for (unsigned core = 0; core < clients[0].hello.n_cores; core++) {
		for (int i = 0; i < 2; i++) {
			struct job_request job = matmul_request(&jobs[i]);

			job.submit.core_mask = 1u << core;
			job.submit.timeout_ns = 200 * MS_NS;
			client_wait(&clients[i], client_submit(&clients[i], &job, NULL),
				    &completion);
			REQUIRE(i == 1 || completion.outcome == NPU_OUTCOME_OK);
		}
		REQUIRE(matmul_output_is(&jobs[1], 0));
	}
	daemon_stop(&daemon);
}

static void foreign_handle_is_unknown(void)
{
	struct daemon daemon;
	struct client owner, thief;
	struct client_bo bo;
	struct job_request job;
	struct message reply;

	daemon_start(NULL, &daemon);
	client_open(&daemon, &owner);
	client_open(&daemon, &thief);
	client_bo_new(&owner, 4096, &bo);
	client_refused(&thief,
		       &(struct request){NPU_OP_BO_CLOSE, &(struct npu_bo_close){bo.handle, 0},
					 sizeof(struct npu_bo_close), NULL, 0},
		       ENOENT, "handle");
	client_refused(&thief,
		       &(struct request){NPU_OP_BO_EXPORT, &(struct npu_bo_export){bo.handle, 0},
					 sizeof(struct npu_bo_export), NULL, 0},
		       ENOENT, "handle");
	job = (struct job_request){
		.tasks = &(struct npu_task){bo.iova, 4, 0x300, 0},
		.n_tasks = 1,
		.handles = &bo.handle,
		.n_handles = 1,
	};
	REQUIRE_EQ(client_try_submit(&thief, &job, NULL, &reply), ENOENT);
	REQUIRE(strcmp(reply.body.error.field, "bos[0]") == 0);
	client_bo_close(&owner, &bo);
	daemon_stop(&daemon);
}

/* A stream in memory that only another session has mapped faults at its first fetch. */
static void foreign_stream_faults(void)
{
	struct npu_completion completion;
	struct client owner, thief;
	struct matmul job;
	struct daemon daemon;
	struct job_request theft;

	daemon_start(NULL, &daemon);
	client_open(&daemon, &owner);
	client_open(&daemon, &thief);
	matmul_init(&owner, SHARED_IOVA, 3, 3, &job);
	theft = (struct job_request){.tasks = &job.task, .n_tasks = 1};
	client_wait(&thief, client_submit(&thief, &theft, NULL), &completion);
	REQUIRE_EQ(completion.outcome, NPU_OUTCOME_PAGE_FAULT);
	REQUIRE_EQ(completion.fault_iova & ~4095ull, SHARED_IOVA);
	REQUIRE(matmul_output_is(&job, 0));
	matmul_check(&owner, &job);
	daemon_stop(&daemon);
}

static void exported_bo_is_shared(void)
{
	struct client producer, consumer;
	struct client_bo imported;
	struct matmul job;
	struct daemon daemon;
	struct job_request request;
	int fd;

	daemon_start(NULL, &daemon);
	client_open(&daemon, &producer);
	client_open(&daemon, &consumer);
	matmul_init(&producer, SHARED_IOVA, 4, 5, &job);
	fd = client_bo_export(&producer, &job.bo, 0);
	client_bo_import(&consumer, fd, SHARED_IOVA, &imported);
	REQUIRE_EQ(imported.size, job.bo.size);
	close(fd);
	/* The memory outlives the session that made it. */
	client_close(&producer);
	request = (struct job_request){
		.tasks = &job.task, .n_tasks = 1, .handles = &imported.handle, .n_handles = 1};
	client_wait_outcome(&consumer, client_submit(&consumer, &request, NULL), NPU_OUTCOME_OK);
	REQUIRE(matmul_output_is(&job, matmul_expected(&job)));
	daemon_stop(&daemon);
}

static void read_only_import_cannot_be_written(void)
{
	struct client producer, consumer;
	struct client_bo imported;
	struct npu_completion completion;
	struct job_request request;
	struct matmul job;
	struct daemon daemon;
	int fd;

	daemon_start(NULL, &daemon);
	client_open(&daemon, &producer);
	client_open(&daemon, &consumer);
	matmul_init(&producer, SHARED_IOVA, 4, 5, &job);
	fd = client_bo_export(&producer, &job.bo, NPU_EXPORT_READ_ONLY);
	REQUIRE(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	client_bo_import(&consumer, fd, SHARED_IOVA, &imported);
	request = (struct job_request){
		.tasks = &job.task, .n_tasks = 1, .handles = &imported.handle, .n_handles = 1};
	client_wait(&consumer, client_submit(&consumer, &request, NULL), &completion);
	REQUIRE_EQ(completion.outcome, NPU_OUTCOME_PAGE_FAULT);
	REQUIRE(completion.flags & NPU_FAULT_WRITE);
	REQUIRE_EQ(completion.fault_iova & ~4095ull, SHARED_IOVA + MATMUL_OUTPUT);
	REQUIRE(matmul_output_is(&job, 0));
	/* It cannot be passed on with more rights than it came with. */
	client_refused(&consumer,
		       &(struct request){NPU_OP_BO_EXPORT,
					 &(struct npu_bo_export){imported.handle, 0},
					 sizeof(struct npu_bo_export), NULL, 0},
		       EACCES, "flags");
	daemon_stop(&daemon);
}

static void import_refuses_what_can_shrink(void)
{
	int unsealed = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int empty = memfd_create("empty", MFD_CLOEXEC | MFD_ALLOW_SEALING), pipes[2];
	struct npu_bo_import body = {0};
	struct client_bo imported;
	struct daemon daemon;
	struct client client;

	harness_needs_soft("kernel drivers import dma-bufs, which cannot shrink");
	daemon_start(NULL, &daemon);
	client_open(&daemon, &client);
	REQUIRE_EQ(ftruncate(unsealed, 8192), 0);
	REQUIRE_EQ(fcntl(empty, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	REQUIRE_EQ(pipe2(pipes, O_CLOEXEC), 0);
	client_refused(&client,
		       &(struct request){NPU_OP_BO_IMPORT, &body, sizeof(body), &unsealed, 1},
		       EPERM, "descriptor");
	client_refused(&client, &(struct request){NPU_OP_BO_IMPORT, &body, sizeof(body), &empty, 1},
		       EINVAL, "descriptor");
	client_refused(&client,
		       &(struct request){NPU_OP_BO_IMPORT, &body, sizeof(body), &pipes[0], 1},
		       EINVAL, "descriptor");
	REQUIRE_EQ(fcntl(unsealed, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	client_bo_import(&client, unsealed, 0, &imported);
	REQUIRE_EQ(imported.size, 8192);
	daemon_stop(&daemon);
}

static const struct test_case cases[] = {
	HARNESS_CASE(inv1_core_never_runs_foreign_tables),
	HARNESS_CASE(inv1_tlb_is_dropped_between_sessions),
	HARNESS_CASE(inv1_tlb_is_dropped_after_unmap),
	HARNESS_CASE(page_fault_names_address_and_direction),
	HARNESS_CASE(guard_page_follows_every_bo),
	HARNESS_CASE(inv8_freed_memory_is_zero),
	HARNESS_CASE(inv8_no_registers_are_left_behind),
	HARNESS_CASE(foreign_handle_is_unknown),
	HARNESS_CASE(foreign_stream_faults),
	HARNESS_CASE(exported_bo_is_shared),
	HARNESS_CASE(read_only_import_cannot_be_written),
	HARNESS_CASE(import_refuses_what_can_shrink),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
