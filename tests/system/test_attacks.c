/* SPDX-License-Identifier: MIT */
/*
 * One session after another's bytes, attack by attack: by address, by what was left behind, by
 * descriptor, by handle, by timing. What the thief may see in the end is its own memory, or
 * nothing.
 */
#include "client.h"
#include "harness.h"
#include "streams.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define VICTIM_IOVA 0x40000000u
#define THIEF_IOVA  0x20000000u
#define FILL	    0x5a /* of memory that nobody may change */
#define N_RACES	    200

/* Registers of the attacks (hardware reference 4.9, 6.4, 6.5). */
#define CNA_CBUF_CON0	0x1040
#define DPU_EW_CFG	0x4070
#define EW_CFG_LUT	0x300
#define LUT_ACCESS_CFG	0x4100
#define LUT_ACCESS_DATA 0x4104
#define LUT_CFG		0x4108
#define LUT_LE_END	0x4114
#define LUT_WRITE	0x20000
#define REUSE_FEATURES	0x1000
#define REUSE_WEIGHTS	0x2000

struct scene {
	struct daemon daemon;
	struct client victim, thief;
	struct matmul secret, loot;
};

/* Numbers so that what is stolen would show: the victim's product is not the thief's. */
static void scene_init(struct scene *scene)
{
	struct client_bo distance;

	/* Attack after attack by one user: nothing but the walls is to stop them. */
	daemon_start(&(struct daemon_options){.config = "{\"version\": 1, " DAEMON_LENIENT "}"},
		     &scene->daemon);
	client_open(&scene->daemon, &scene->victim);
	client_open(&scene->daemon, &scene->thief);
	/* A driver chooses addresses itself, the same ones in each space: the victim's is lower. */
	for (unsigned i = 0; !harness_has_soft() && i < 16; i++)
		client_bo_new(&scene->victim, 0x10000, &distance);
	matmul_init(&scene->victim, harness_has_soft() ? VICTIM_IOVA : 0, 11, 13, &scene->secret);
	matmul_init(&scene->thief, harness_has_soft() ? THIEF_IOVA : 0, 1, 1, &scene->loot);
}

/* The product from these three places, on core 0, has to end so. */
static void aim(struct scene *scene, uint32_t input, uint32_t weights, uint32_t output,
		enum npu_outcome outcome)
{
	struct job_request request;
	struct stream stream;

	stream_matmul(&(struct stream_addresses){input, weights, output}, &stream);
	matmul_set_stream(&scene->loot, &stream);
	request = matmul_request(&scene->loot);
	request.submit.core_mask = 1;
	client_wait_outcome(&scene->thief, client_submit(&scene->thief, &request, NULL), outcome);
}

/* The thief got nothing, and the victim computes as ever. */
static void require_nothing_stolen(struct scene *scene)
{
	REQUIRE(matmul_output_is(&scene->loot, 0));
	matmul_check(&scene->victim, &scene->secret);
}

static void attack_reads_guessed_iova(void)
{
	struct scene scene;
	uint32_t own;

	scene_init(&scene);
	matmul_check(&scene.victim, &scene.secret);
	own = scene.loot.bo.iova;
	aim(&scene, scene.secret.bo.iova + MATMUL_INPUT, own + MATMUL_WEIGHTS, own + MATMUL_OUTPUT,
	    NPU_OUTCOME_PAGE_FAULT);
	aim(&scene, own + MATMUL_INPUT, scene.secret.bo.iova + MATMUL_WEIGHTS, own + MATMUL_OUTPUT,
	    NPU_OUTCOME_PAGE_FAULT);
	require_nothing_stolen(&scene);
	daemon_stop(&scene.daemon);
}

static void attack_writes_guessed_iova(void)
{
	struct scene scene;
	uint32_t own;

	scene_init(&scene);
	matmul_check(&scene.victim, &scene.secret);
	own = scene.loot.bo.iova;
	aim(&scene, own + MATMUL_INPUT, own + MATMUL_WEIGHTS, scene.secret.bo.iova + MATMUL_OUTPUT,
	    NPU_OUTCOME_PAGE_FAULT);
	REQUIRE(matmul_output_is(&scene.secret, matmul_expected(&scene.secret)));
	require_nothing_stolen(&scene);
	daemon_stop(&scene.daemon);
}

/* The address was the thief's once; then the memory went back, and perhaps to somebody else. */
static void attack_stale_iova_after_free_and_reuse(void)
{
	struct scene scene;
	struct client_bo bo, next;
	uint32_t own;

	scene_init(&scene);
	own = scene.loot.bo.iova;
	for (int round = 0; round < 20; round++) {
		client_bo_new_at(&scene.thief, 0x4000, 0x30000000, &bo);
		memset(bo.map, 1, bo.size);
		aim(&scene, bo.iova, own + MATMUL_WEIGHTS, own + MATMUL_OUTPUT, NPU_OUTCOME_OK);
		matmul_clear_output(&scene.loot);
		client_bo_close(&scene.thief, &bo);
		munmap(bo.map, bo.size);
		client_bo_new_at(&scene.victim, 0x4000, 0x30000000, &next);
		memset(next.map, 77, next.size);
		aim(&scene, bo.iova, own + MATMUL_WEIGHTS, own + MATMUL_OUTPUT,
		    NPU_OUTCOME_PAGE_FAULT);
		require_nothing_stolen(&scene);
		client_bo_close(&scene.victim, &next);
		munmap(next.map, next.size);
	}
	daemon_stop(&scene.daemon);
}

/* The stream is harmless when it is submitted, and aimed at the victim while the job waits. */
static void attack_stream_edited_after_submit(void)
{
	struct matmul blocker;
	struct job_request request;
	struct stream stream;
	struct scene scene;
	uint64_t hanging, seqno;

	scene_init(&scene);
	matmul_check(&scene.victim, &scene.secret);
	matmul_init(&scene.thief, 0, 1, 1, &blocker);
	hanging = hang_submit(&scene.thief, &blocker, 1, 100 * MS_NS, NULL);
	request = matmul_request(&scene.loot);
	request.submit.core_mask = 1;
	seqno = client_submit(&scene.thief, &request, NULL);
	stream_matmul(&(struct stream_addresses){scene.secret.bo.iova + MATMUL_INPUT,
						 scene.loot.bo.iova + MATMUL_WEIGHTS,
						 scene.loot.bo.iova + MATMUL_OUTPUT},
		      &stream);
	matmul_set_stream(&scene.loot, &stream);
	client_wait_outcome(&scene.thief, hanging, NPU_OUTCOME_HANG);
	client_wait_outcome(&scene.thief, seqno, NPU_OUTCOME_PAGE_FAULT);
	require_nothing_stolen(&scene);
	daemon_stop(&scene.daemon);
}

/* What was imported has been read by the core; then it is given back, and its owner goes on. */
static void attack_tlb_entry_that_should_be_gone(void)
{
	struct client_bo imported;
	struct scene scene;
	uint32_t own;

	harness_needs_soft("kernel drivers choose addresses, and have a BO at one only");
	scene_init(&scene);
	own = scene.loot.bo.iova;
	for (int round = 0; round < 20; round++) {
		int fd = client_bo_export(&scene.victim, &scene.secret.bo, 0);

		client_bo_import(&scene.thief, fd, scene.secret.bo.iova, &imported);
		close(fd);
		aim(&scene, scene.secret.bo.iova + MATMUL_INPUT, own + MATMUL_WEIGHTS,
		    own + MATMUL_OUTPUT, NPU_OUTCOME_OK);
		REQUIRE(matmul_output_is(&scene.loot, MATMUL_DEPTH * 11));
		matmul_clear_output(&scene.loot);
		client_bo_close(&scene.thief, &imported);
		aim(&scene, scene.secret.bo.iova + MATMUL_INPUT, own + MATMUL_WEIGHTS,
		    own + MATMUL_OUTPUT, NPU_OUTCOME_PAGE_FAULT);
		require_nothing_stolen(&scene);
	}
	daemon_stop(&scene.daemon);
}

static enum npu_outcome run_on_core_0(struct client *client, struct matmul *matmul,
				      const struct stream *stream)
{
	struct npu_completion completion;
	struct job_request request;

	matmul_set_stream(matmul, stream);
	request = matmul_request(matmul);
	request.submit.core_mask = 1;
	request.submit.timeout_ns = 200 * MS_NS;
	client_wait(client, client_submit(client, &request, NULL), &completion);
	return completion.outcome;
}

/* A start without a single register: whose are they that run? */
static void attack_registers_left_behind(void)
{
	struct stream stream;
	struct scene scene;

	scene_init(&scene);
	matmul_check(&scene.victim, &scene.secret);
	stream_bare_start(&stream);
	REQUIRE(run_on_core_0(&scene.thief, &scene.loot, &stream) != NPU_OUTCOME_OK);
	require_nothing_stolen(&scene);
	daemon_stop(&scene.daemon);
}

/* A product whose results go through the table; with entries of its own, or none. */
static void write_table_stream(const struct matmul *matmul, uint32_t entry, struct stream *stream)
{
	const struct stream_addresses addresses = {
		matmul->bo.iova + MATMUL_INPUT,
		matmul->bo.iova + MATMUL_WEIGHTS,
		matmul->bo.iova + MATMUL_OUTPUT,
	};

	stream_matmul(&addresses, stream);
	stream_set(stream, DPU_EW_CFG, EW_CFG_LUT);
	stream_set(stream, LUT_CFG, 8);
	stream_set(stream, LUT_LE_END, 64);
	if (entry == 0)
		return;
	/* The only one that is looked up: 32 * 1 * 1. */
	stream_set(stream, LUT_ACCESS_CFG, LUT_WRITE | 32);
	stream_set(stream, LUT_ACCESS_DATA, entry);
}

static void attack_table_left_behind(void)
{
	struct stream stream;
	struct scene scene;

	scene_init(&scene);
	memset(scene.secret.bo.map + MATMUL_INPUT, 1, MATMUL_ROWS * MATMUL_DEPTH);
	memset(scene.secret.bo.map + MATMUL_WEIGHTS, 1, MATMUL_DEPTH * MATMUL_COLUMNS);
	write_table_stream(&scene.secret, 1234, &stream);
	REQUIRE_EQ(run_on_core_0(&scene.victim, &scene.secret, &stream), NPU_OUTCOME_OK);
	REQUIRE(matmul_output_is(&scene.secret, 1234));
	write_table_stream(&scene.loot, 0, &stream);
	REQUIRE_EQ(run_on_core_0(&scene.thief, &scene.loot, &stream), NPU_OUTCOME_OK);
	REQUIRE(matmul_output_is(&scene.loot, 0));
	daemon_stop(&scene.daemon);
}

/* A first task that says the convolution buffer holds its data already. */
static void attack_reuse_of_on_chip_data(void)
{
	static const uint32_t claims[] = {REUSE_FEATURES, REUSE_WEIGHTS,
					  REUSE_FEATURES | REUSE_WEIGHTS};
	const struct stream_addresses own = {THIEF_IOVA + MATMUL_INPUT, THIEF_IOVA + MATMUL_WEIGHTS,
					     THIEF_IOVA + MATMUL_OUTPUT};
	struct stream stream;
	struct scene scene;

	harness_needs_soft("kernel drivers do not tell of bad streams");
	scene_init(&scene);
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		matmul_check(&scene.victim, &scene.secret);
		stream_matmul(&own, &stream);
		stream_set(&stream, CNA_CBUF_CON0, 0xb1 | claims[i]);
		REQUIRE_EQ(run_on_core_0(&scene.thief, &scene.loot, &stream),
			   NPU_OUTCOME_BAD_STREAM);
		require_nothing_stolen(&scene);
	}
	daemon_stop(&scene.daemon);
}

/* Addresses at which the silicon has its registers, SRAM and on-chip buffers are but IOVAs. */
static void attack_addresses_of_the_chip(void)
{
	static const uint32_t places[] = {0x00000000u, 0xfdab0000u, 0xff001000u, 0xfffff000u};
	struct scene scene;

	scene_init(&scene);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		aim(&scene, places[i], scene.loot.bo.iova + MATMUL_WEIGHTS,
		    scene.loot.bo.iova + MATMUL_OUTPUT, NPU_OUTCOME_PAGE_FAULT);
		aim(&scene, scene.loot.bo.iova + MATMUL_INPUT, scene.loot.bo.iova + MATMUL_WEIGHTS,
		    places[i], NPU_OUTCOME_PAGE_FAULT);
		require_nothing_stolen(&scene);
	}
	daemon_stop(&scene.daemon);
}

/* A descriptor holds the memory it was given for, and none that comes after it. */
static void attack_exported_descriptor_after_close(void)
{
	struct client_bo shared, later, imported;
	unsigned char *view;
	struct scene scene;
	int fd;

	scene_init(&scene);
	client_bo_new_at(&scene.victim, 0x4000, 0x50000000, &shared);
	memset(shared.map, FILL, shared.size);
	fd = client_bo_export(&scene.victim, &shared, 0);
	view = mmap(NULL, shared.size, PROT_READ, MAP_SHARED, fd, 0);
	REQUIRE(view != MAP_FAILED);
	client_bo_close(&scene.victim, &shared);
	munmap(shared.map, shared.size);
	client_bo_new_at(&scene.victim, 0x4000, 0x50000000, &later);
	memset(later.map, 77, later.size);
	client_bo_import(&scene.thief, fd, 0x50000000, &imported);
	aim(&scene, 0x50000000, scene.loot.bo.iova + MATMUL_WEIGHTS,
	    scene.loot.bo.iova + MATMUL_OUTPUT, NPU_OUTCOME_OK);
	REQUIRE(matmul_output_is(&scene.loot, MATMUL_DEPTH * FILL));
	for (uint64_t i = 0; i < shared.size; i++)
		REQUIRE_EQ(view[i], FILL);
	close(fd);
	daemon_stop(&scene.daemon);
}

/* A handle that is closed while its job runs keeps its number till the job has ended. */
static void attack_recycled_handle(void)
{
	struct client_bo bos[8];
	struct matmul running;
	struct client late;
	struct scene scene;
	uint64_t seqno;

	scene_init(&scene);
	matmul_init(&scene.thief, 0, 1, 1, &running);
	seqno = hang_submit(&scene.thief, &running, 1, 200 * MS_NS, NULL);
	client_bo_close(&scene.thief, &running.bo);
	for (unsigned i = 0; i < 8; i++) {
		client_bo_new(&scene.thief, 4096, &bos[i]);
		REQUIRE(bos[i].handle != running.handle);
		REQUIRE(bos[i].iova + bos[i].size <= running.bo.iova ||
			bos[i].iova >= running.bo.iova + running.bo.size);
	}
	client_wait_outcome(&scene.thief, seqno, NPU_OUTCOME_HANG);
	/* The numbers of one session mean nothing in another that comes later. */
	client_open(&scene.daemon, &late);
	client_bo_new(&late, 4096, &bos[0]);
	REQUIRE(bos[0].handle == scene.secret.handle || !harness_has_soft());
	client_bo_close(&late, &bos[0]);
	matmul_check(&scene.victim, &scene.secret);
	daemon_stop(&scene.daemon);
}

/* Memory that was somebody's, read by the NPU before anybody writes there. */
static void attack_memory_content_after_free(void)
{
	struct client_bo bo;
	struct scene scene;

	scene_init(&scene);
	for (int round = 0; round < 20; round++) {
		client_bo_new(&scene.victim, 0x4000, &bo);
		memset(bo.map, 77, bo.size);
		client_bo_close(&scene.victim, &bo);
		munmap(bo.map, bo.size);
		client_bo_new(&scene.thief, 0x4000, &bo);
		memset(scene.loot.bo.map + MATMUL_OUTPUT, FILL, MATMUL_ROWS * MATMUL_COLUMNS * 4);
		aim(&scene, bo.iova, scene.loot.bo.iova + MATMUL_WEIGHTS,
		    scene.loot.bo.iova + MATMUL_OUTPUT, NPU_OUTCOME_OK);
		REQUIRE(matmul_output_is(&scene.loot, 0));
		client_bo_close(&scene.thief, &bo);
		munmap(bo.map, bo.size);
	}
	daemon_stop(&scene.daemon);
}

/* Submit and close in one breath: the job runs with its memory, or is refused. */
static void attack_close_races_submit(void)
{
	struct client_bo input;
	struct npu_task task;
	struct scene scene;
	struct stream stream;

	scene_init(&scene);
	for (int round = 0; round < N_RACES; round++) {
		struct npu_completion completion;
		struct message reply;
		bool closes_first = round % 2;

		client_bo_new(&scene.thief, 0x4000, &input);
		memset(input.map, 3, input.size);
		stream_matmul(&(struct stream_addresses){input.iova,
							 scene.loot.bo.iova + MATMUL_WEIGHTS,
							 scene.loot.bo.iova + MATMUL_OUTPUT},
			      &stream);
		matmul_set_stream(&scene.loot, &stream);
		matmul_clear_output(&scene.loot);
		task = scene.loot.task;
		const uint32_t handles[] = {scene.loot.handle, input.handle};
		struct {
			struct npu_submit submit;
			struct npu_task task;
			uint32_t handles[2];
		} __attribute__((packed)) body = {
			.submit = {.seqno = 1000 + (uint64_t)round,
				   .flags = NPU_SUBMIT_COMPLETION,
				   .n_tasks = 1,
				   .n_bos = 2},
			.task = task,
			.handles = {handles[0], handles[1]},
		};
		const struct npu_bo_close closing = {input.handle, 0};
		const struct request requests[] = {
			{NPU_OP_SUBMIT, &body, sizeof(body), NULL, 0},
			{NPU_OP_BO_CLOSE, &closing, sizeof(closing), NULL, 0},
		};
		bool was_accepted = false;

		client_send(&scene.thief, &requests[closes_first]);
		client_send(&scene.thief, &requests[!closes_first]);
		for (int i = 0; i < 2; i++) {
			REQUIRE(client_receive(&scene.thief, &reply));
			was_accepted |= reply.header.op == NPU_OP_SUBMIT &&
					reply.header.kind == NPU_KIND_REPLY;
		}
		REQUIRE_EQ(was_accepted, !closes_first);
		if (was_accepted) {
			client_completion(&scene.thief, &completion);
			REQUIRE_EQ(completion.outcome, NPU_OUTCOME_OK);
			REQUIRE(matmul_output_is(&scene.loot, MATMUL_DEPTH * 3));
		}
		munmap(input.map, input.size);
	}
	matmul_clear_output(&scene.loot);
	require_nothing_stolen(&scene);
	daemon_stop(&scene.daemon);
}

static const struct test_case cases[] = {
	HARNESS_CASE(attack_reads_guessed_iova),
	HARNESS_CASE(attack_writes_guessed_iova),
	HARNESS_CASE(attack_stale_iova_after_free_and_reuse),
	HARNESS_CASE(attack_stream_edited_after_submit),
	HARNESS_CASE(attack_tlb_entry_that_should_be_gone),
	HARNESS_CASE(attack_registers_left_behind),
	HARNESS_CASE(attack_table_left_behind),
	HARNESS_CASE(attack_reuse_of_on_chip_data),
	HARNESS_CASE(attack_addresses_of_the_chip),
	HARNESS_CASE(attack_exported_descriptor_after_close),
	HARNESS_CASE(attack_recycled_handle),
	HARNESS_CASE(attack_memory_content_after_free),
	HARNESS_CASE(attack_close_races_submit),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
