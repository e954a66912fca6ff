/* SPDX-License-Identifier: MIT */
/* What is of interest over a kernel driver only: its address spaces, and who waits for them. */
#include "client.h"
#include "harness.h"
#include "streams.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N_SPACES 15 /* that the vendor's driver has to give out */
#define HANG_NS	 (2 * SECOND_NS)

static const char lenient[] = "{\"version\": 1, " DAEMON_LENIENT "}";

/* Who only looks on takes none; who leaves gives his back. */
static void address_spaces_that_are_taken_are_refused(void)
{
	static const char refuse[] = "{\"version\": 1, \"domains\": {\"when_taken\": \"refuse\"}}";
	struct client clients[N_SPACES], late;
	struct client_bo bo;
	struct daemon daemon;
	struct matmul job;
	char field[NPU_NAME_MAX];

	daemon_start(&(struct daemon_options){.config = refuse}, &daemon);
	client_open(&daemon, &late);
	for (int i = 0; i < N_SPACES; i++) {
		client_open(&daemon, &clients[i]);
		client_bo_new(&clients[i], 4096, &bo);
	}
	REQUIRE_EQ(client_bo_try_new(&late, 4096, 0, &bo, field), EBUSY);
	REQUIRE_EQ(strcmp(field, "domains.when_taken"), 0);
	json_decref(client_stats(&late));
	client_close(&clients[3]);
	while (client_bo_try_new(&late, 4096, 0, &bo, NULL) == EBUSY)
		json_decref(client_stats(&late));
	matmul_init(&late, 0, 3, 5, &job);
	matmul_check(&late, &job);
	matmul_init(&clients[0], 0, 2, 7, &job);
	matmul_check(&clients[0], &job);
	daemon_stop(&daemon);
}

static void shared_space_is_used_when_all_are_taken(void)
{
	struct client clients[N_SPACES + 2];
	struct matmul jobs[N_SPACES + 2];
	struct daemon daemon;
	json_t *stats;

	daemon_start(NULL, &daemon);
	for (int i = 0; i < N_SPACES + 2; i++) {
		client_open(&daemon, &clients[i]);
		matmul_init(&clients[i], 0, (int8_t)(i + 1), 3, &jobs[i]);
	}
	for (int i = 0; i < N_SPACES + 2; i++)
		matmul_check(&clients[i], &jobs[i]);
	stats = client_stats(&clients[0]);
	/* Of the driver's own, three tables of descriptors are in the one that is shared. */
	REQUIRE_EQ(stats_number(stats, "device.spaces.0.bos"), 3 + 2);
	REQUIRE_EQ(stats_number(stats, "device.spaces.15.bos"), 1);
	REQUIRE(stats_number(stats, "device.spaces.15.largest_free_bytes") > 1u << 30);
	json_decref(stats);
	daemon_stop(&daemon);
}

static void ask_for_memory(struct client *client)
{
	struct npu_bo_create create = {.size = 4096};

	client_send(client, &(struct request){NPU_OP_BO_CREATE, &create, sizeof(create), NULL, 0});
}

/* A job that hangs in its own address space, with memory of others' beside it. */
struct scene {
	struct daemon daemon;
	struct client observer, hanging, other; /* sessions 1, 2 and 3 */
	struct matmul memory, job;		/* of `hanging` and of `other` */
	uint64_t hang;
};

static void scene_init(struct scene *scene)
{
	daemon_start(&(struct daemon_options){.config = lenient}, &scene->daemon);
	client_open(&scene->daemon, &scene->observer);
	client_open(&scene->daemon, &scene->hanging);
	client_open(&scene->daemon, &scene->other);
	matmul_init(&scene->other, 0, 3, 5, &scene->job);
	matmul_init(&scene->hanging, 0, 1, 1, &scene->memory);
	scene->hang = hang_submit(&scene->hanging, &scene->memory, 1, HANG_NS, NULL);
	client_wait_stats(&scene->observer, "sessions.1.running", 1);
}

/* npud answers while the job hangs. */
static void scene_require_hanging(struct scene *scene)
{
	json_t *stats = client_stats(&scene->observer);

	REQUIRE_EQ(stats_number(stats, "sessions.1.running"), 1);
	json_decref(stats);
}

/* The driver would make the daemon wait until the hanging job is over. */
static void memory_calls_hold_up_nobody(void)
{
	struct message reply;
	struct client dying;
	struct scene scene;

	scene_init(&scene);
	client_open(&scene.daemon, &dying);
	ask_for_memory(&scene.other);
	ask_for_memory(&dying);
	daemon_wait_log(&scene.daemon, "request_held session=3");
	daemon_wait_log(&scene.daemon, "request_held session=4");
	client_close(&dying);
	scene_require_hanging(&scene);
	REQUIRE(!fence_is_signalled(scene.other.fd));
	client_wait_outcome(&scene.hanging, scene.hang, NPU_OUTCOME_HANG);
	REQUIRE(client_receive(&scene.other, &reply));
	REQUIRE_EQ(reply.header.kind, NPU_KIND_REPLY);
	matmul_check(&scene.other, &scene.job);
	daemon_stop(&scene.daemon);
}

/* What a session leaves behind beside others' jobs goes later; its address space as well. */
static void memory_of_the_dead_goes_when_it_can(void)
{
	struct scene scene;
	struct matmul job;

	scene_init(&scene);
	client_close(&scene.other);
	client_wait_stats(&scene.observer, "memory.bos", 1);
	scene_require_hanging(&scene);
	client_wait_outcome(&scene.hanging, scene.hang, NPU_OUTCOME_HANG);
	matmul_init(&scene.observer, 0, 2, 7, &job);
	matmul_check(&scene.observer, &job);
	daemon_stop(&scene.daemon);
}

/* While all are taken, and some of them by the dead: whoever asks waits for those, also a job. */
static void spaces_of_the_dead_are_waited_for(void)
{
	struct client clients[N_SPACES], asking, submitting, observer;
	/* Of no BO of its own. */
	const struct {
		struct npu_submit submit;
		struct npu_task task;
	} job = {{.seqno = 1, .n_tasks = 1}, {.regcmd_count = 1, .int_mask = 0x300}};
	struct message reply;
	struct daemon daemon;
	struct matmul jobs[N_SPACES];
	json_t *stats;
	uint64_t hang;

	daemon_start(&(struct daemon_options){.config = lenient}, &daemon);
	client_open(&daemon, &observer);
	for (int i = 0; i < N_SPACES; i++) {
		client_open(&daemon, &clients[i]);
		matmul_init(&clients[i], 0, (int8_t)(i + 1), 3, &jobs[i]);
	}
	client_open(&daemon, &asking);
	client_open(&daemon, &submitting);
	hang = hang_submit(&clients[0], &jobs[0], 1, HANG_NS, NULL);
	client_wait_stats(&observer, "sessions.1.running", 1);
	client_close(&clients[1]);
	client_close(&clients[2]);
	client_wait_stats(&observer, "memory.bos", N_SPACES - 2);
	ask_for_memory(&asking);
	daemon_wait_log(&daemon, "request_held session=17");
	client_send(&submitting, &(struct request){NPU_OP_SUBMIT, &job, sizeof(job), NULL, 0});
	daemon_wait_log(&daemon, "request_held session=18");
	client_wait_outcome(&clients[0], hang, NPU_OUTCOME_HANG);
	REQUIRE(client_receive(&asking, &reply));
	REQUIRE_EQ(reply.header.kind, NPU_KIND_REPLY);
	/* What is wrong with it. */
	REQUIRE(client_receive(&submitting, &reply));
	REQUIRE_EQ(reply.header.kind, NPU_KIND_ERROR);
	REQUIRE_EQ(reply.body.error.error, EINVAL);
	stats = client_stats(&observer);
	REQUIRE_EQ(stats_number(stats, "device.spaces.0.bos"), 3);
	json_decref(stats);
	daemon_stop(&daemon);
}

/* Kernels without a DRM node of the driver have one of another kind. */
static void misc_node_will_do(void)
{
	struct client clients[2];
	struct client_bo imported;
	struct matmul jobs[2];
	struct daemon daemon;
	json_t *stats;
	int fd;

	setenv("NPU_KERNEL_NODES", "rknpu=rknpu", 1);
	daemon_start(&(struct daemon_options){.device = "auto", .config = lenient}, &daemon);
	for (int i = 0; i < 2; i++) {
		client_open(&daemon, &clients[i]);
		matmul_init(&clients[i], 0, (int8_t)(i + 2), 7, &jobs[i]);
	}
	stats = client_stats(&clients[0]);
	REQUIRE_HAS(stats_text(stats, "device.driver"), "rknpu 0.9.8 at /dev/rknpu");
	REQUIRE_EQ(strcmp(stats_text(stats, "device.caps.isolation"), "checking"), 0);
	json_decref(stats);
	for (int i = 0; i < 2; i++)
		matmul_check(&clients[i], &jobs[i]);
	fd = client_bo_export(&clients[0], &jobs[0].bo, 0);
	client_bo_import(&clients[1], fd, 0, &imported);
	close(fd);
	REQUIRE_EQ(imported.iova, jobs[0].bo.iova);
	client_bo_close(&clients[0], &jobs[0].bo);
	client_bo_close(&clients[1], &imported);
	matmul_check(&clients[1], &jobs[1]);
	client_close(&clients[0]);
	client_wait_stats(&clients[1], "memory.bos", 1);
	daemon_stop(&daemon);
}

static const struct test_case cases[] = {
	HARNESS_CASE(address_spaces_that_are_taken_are_refused),
	HARNESS_CASE(shared_space_is_used_when_all_are_taken),
	HARNESS_CASE(memory_calls_hold_up_nobody),
	HARNESS_CASE(memory_of_the_dead_goes_when_it_can),
	HARNESS_CASE(spaces_of_the_dead_are_waited_for),
	HARNESS_CASE(misc_node_will_do),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
