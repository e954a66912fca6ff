/* SPDX-License-Identifier: MIT */
/*
 * libnpu and libnpu-ops against a real daemon: what a program sees that does everything right.
 */
#include "client.h"
#include "harness.h"
#include "npu.h"
#include "npu_ops.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct npu_session *open_session(const struct daemon *daemon)
{
	struct npu_open_args args = {.socket_path = daemon->socket};
	struct npu_session *session;
	int r = npu_open(&args, &session);

	if (r < 0)
		harness_fail(__FILE__, __LINE__, "npu_open: %d: %s", r, npu_last_error());
	return session;
}

/* Small numbers that differ by place; the CPU's product is the reference. */
static void fill(int8_t *values, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++)
		values[i] = (int8_t)((i * 7 + seed * 13) % 23) - 11;
}

static void multiply(const struct npu_matmul_shape *shape, const int8_t *a, const int8_t *b,
		     int32_t *c)
{
	for (uint32_t i = 0; i < shape->m; i++)
		for (uint32_t j = 0; j < shape->n; j++) {
			int32_t sum = 0;

			for (uint32_t k = 0; k < shape->k; k++)
				sum += a[i * shape->k + k] * b[k * shape->n + j];
			c[i * shape->n + j] = sum;
		}
}

struct product {
	struct npu_matmul *matmul;
	struct npu_matmul_shape shape;
	int32_t *expected, *result;
};

static void product_new(struct npu_session *session, uint32_t n_cores, unsigned seed,
			struct product *ret_product)
{
	struct npu_matmul_args args = {.shape = {.m = 48, .k = 100, .n = 96}, .n_cores = n_cores};
	size_t n_a = 48 * 100, n_b = 100 * 96, n_c = 48 * 96;
	int8_t *a = malloc(n_a), *b = malloc(n_b);
	int r = npu_matmul_new(session, &args, &ret_product->matmul);

	if (r < 0)
		harness_fail(__FILE__, __LINE__, "npu_matmul_new: %s", npu_last_error());
	fill(a, n_a, seed);
	fill(b, n_b, seed + 1);
	ret_product->shape = args.shape;
	ret_product->expected = malloc(n_c * sizeof(int32_t));
	ret_product->result = malloc(n_c * sizeof(int32_t));
	multiply(&args.shape, a, b, ret_product->expected);
	REQUIRE_EQ(npu_matmul_set_a(ret_product->matmul, a), 0);
	REQUIRE_EQ(npu_matmul_set_b(ret_product->matmul, b), 0);
	free(a);
	free(b);
}

static void product_check(struct product *product)
{
	size_t bytes = (size_t)product->shape.m * product->shape.n * sizeof(int32_t);

	if (npu_matmul_run(product->matmul, -1) < 0)
		harness_fail(__FILE__, __LINE__, "npu_matmul_run: %s", npu_last_error());
	REQUIRE_EQ(npu_matmul_get_c(product->matmul, product->result), 0);
	REQUIRE(memcmp(product->result, product->expected, bytes) == 0);
}

static void product_free(struct product *product)
{
	npu_matmul_free(product->matmul);
	free(product->expected);
	free(product->result);
}

static void gang_computes_on_one_two_and_three_cores(void)
{
	struct npu_session *session;
	struct product product;
	struct daemon daemon;

	harness_skip_on("rocket", "no cores start together");
	daemon_start(NULL, &daemon);
	session = open_session(&daemon);
	for (uint32_t n_cores = 1; n_cores <= 3; n_cores++) {
		struct npu_result result;

		product_new(session, n_cores, n_cores, &product);
		product_check(&product);
		REQUIRE_EQ(npu_matmul_submit(product.matmul), 0);
		REQUIRE_EQ(npu_matmul_wait(product.matmul, -1, &result), 0);
		REQUIRE_EQ(result.outcome, NPU_OUTCOME_OK);
		REQUIRE_EQ(__builtin_popcount(result.core_mask), n_cores);
		product_free(&product);
	}
	npu_close(session);
	daemon_stop(&daemon);
}

/* Gangs and single jobs of several sessions at once: all end, all are right. */
static void gangs_and_single_jobs_together(void)
{
	enum { N = 6 };
	struct npu_session *sessions[N];
	struct product products[N];
	struct npu_result result;
	struct daemon daemon;

	harness_skip_on("rocket", "no cores start together");
	daemon_start(NULL, &daemon);
	for (int i = 0; i < N; i++) {
		sessions[i] = open_session(&daemon);
		product_new(sessions[i], (uint32_t)i % 3 + 1, (unsigned)i, &products[i]);
	}
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < N; i++)
			REQUIRE_EQ(npu_matmul_submit(products[i].matmul), 0);
		for (int i = 0; i < N; i++) {
			REQUIRE_EQ(npu_matmul_wait(products[i].matmul, -1, &result), 0);
			REQUIRE_EQ(result.outcome, NPU_OUTCOME_OK);
		}
	}
	for (int i = 0; i < N; i++) {
		product_check(&products[i]);
		product_free(&products[i]);
		npu_close(sessions[i]);
	}
	daemon_stop(&daemon);
}

static void *run_products(void *context)
{
	struct npu_session *session = context;
	struct product product;

	product_new(session, 1, (unsigned)(uintptr_t)pthread_self() % 97, &product);
	for (int i = 0; i < 20; i++)
		product_check(&product);
	product_free(&product);
	return NULL;
}

static void one_session_in_several_threads(void)
{
	struct npu_session *session;
	struct daemon daemon;
	pthread_t threads[4];

	daemon_start(NULL, &daemon);
	session = open_session(&daemon);
	for (int i = 0; i < 4; i++)
		REQUIRE_EQ(pthread_create(&threads[i], NULL, run_products, session), 0);
	for (int i = 0; i < 4; i++)
		REQUIRE_EQ(pthread_join(threads[i], NULL), 0);
	npu_close(session);
	daemon_stop(&daemon);
}

static void three_ways_to_wait(void)
{
	struct npu_job job = {.duration_ns = 20 * MS_NS, .tag = 4711};
	struct npu_session *session;
	struct npu_result result;
	struct daemon daemon;
	struct pollfd poll_fd = {.events = POLLIN};
	uint64_t seqno;
	int fence;

	daemon_start(&(struct daemon_options){.device = "timing"}, &daemon);
	session = open_session(&daemon);
	REQUIRE_EQ(npu_submit(session, &job, &seqno, &fence), 0);
	poll_fd.fd = fence;
	REQUIRE_EQ(poll(&poll_fd, 1, 60000), 1);
	REQUIRE_EQ(fence_mode(fence), NPU_OUTCOME_OK);
	close(fence);

	REQUIRE_EQ(npu_submit(session, &job, &seqno, NULL), 0);
	REQUIRE_EQ(npu_wait(session, seqno, 0, &result), -ETIMEDOUT);
	REQUIRE_EQ(npu_wait(session, seqno, -1, &result), 0);
	REQUIRE_EQ(result.outcome, NPU_OUTCOME_OK);
	REQUIRE_EQ(result.tag, 4711);
	REQUIRE_EQ(npu_wait(session, seqno, -1, &result), -ENOENT);
	REQUIRE_EQ(npu_submit(session, &job, NULL, NULL), 0);
	REQUIRE_EQ(npu_wait_tag(session, 4711, -1, &result), 0);

	job.flags = NPU_SUBMIT_COMPLETION;
	REQUIRE_EQ(npu_submit(session, &job, &seqno, NULL), 0);
	poll_fd.fd = npu_completion_fd(session);
	REQUIRE_EQ(poll(&poll_fd, 1, 60000), 1);
	REQUIRE_EQ(npu_completion_next(session, &result), 0);
	REQUIRE_EQ(result.seqno, seqno);
	REQUIRE_EQ(npu_completion_next(session, &result), -EAGAIN);
	npu_close(session);
	daemon_stop(&daemon);
}

static void same_numbers_in_two_sessions_do_not_meet(void)
{
	struct npu_job job = {.tag = 1};
	struct npu_session *sessions[2];
	struct npu_result result;
	struct daemon daemon;
	uint64_t seqnos[2];

	daemon_start(&(struct daemon_options){.device = "timing"}, &daemon);
	for (int i = 0; i < 2; i++) {
		sessions[i] = open_session(&daemon);
		REQUIRE_EQ(npu_submit(sessions[i], &job, &seqnos[i], NULL), 0);
	}
	REQUIRE_EQ(seqnos[0], seqnos[1]);
	for (int i = 0; i < 2; i++) {
		REQUIRE_EQ(npu_wait(sessions[i], seqnos[i], -1, &result), 0);
		REQUIRE_EQ(npu_wait_tag(sessions[i], 1, 0, &result), -ENOENT);
		npu_close(sessions[i]);
	}
	daemon_stop(&daemon);
}

static void killed_daemon_is_noticed(void)
{
	struct npu_job job = {.duration_ns = UINT64_MAX};
	struct npu_session *session;
	struct npu_result result;
	struct daemon daemon;
	struct npu_bo bo;
	uint64_t seqno;

	daemon_start(&(struct daemon_options){.device = "timing"}, &daemon);
	session = open_session(&daemon);
	REQUIRE_EQ(npu_submit(session, &job, &seqno, NULL), 0);
	daemon_signal(&daemon, SIGKILL);
	daemon_wait(&daemon);
	REQUIRE_EQ(npu_wait(session, seqno, -1, &result), -ECONNRESET);
	REQUIRE_EQ(npu_bo_create(session, 4096, 0, &bo), -ECONNRESET);
	REQUIRE(npu_last_error()[0] != '\0');
	npu_close(session);
}

static void no_daemon_is_said(void)
{
	struct npu_open_args args = {0};
	struct npu_session *session;
	char path[108];

	harness_path("nowhere.sock", path);
	args.socket_path = path;
	REQUIRE_EQ(npu_open(&args, &session), -ENOENT);
	REQUIRE_HAS(npu_last_error(), path);
}

static void class_must_be_requestable(void)
{
	struct npu_open_args args = {.class_name = "vip"};
	struct npu_session *session;
	struct daemon daemon;

	daemon_start(
		&(struct daemon_options){
			.config = "{\"version\": 1, \"classes\": {\"vip\": {}, \"batch\":"
				  " {\"requestable\": true}, \"rest\": {}},"
				  " \"match\": [{\"class\": \"rest\"}]}"},
		&daemon);
	args.socket_path = daemon.socket;
	REQUIRE_EQ(npu_open(&args, &session), -EPERM);
	REQUIRE_HAS(npu_last_error(), "vip");
	args.class_name = "batch";
	REQUIRE_EQ(npu_open(&args, &session), 0);
	REQUIRE(strcmp(npu_query(session)->class_name, "batch") == 0);
	npu_close(session);
	daemon_stop(&daemon);
}

/* A class bound to a core runs there and nowhere else, and cannot have a gang. */
static void pinned_class_stays_on_its_core(void)
{
	struct npu_open_args args = {.class_name = "batch"};
	struct npu_job job = {0}, gang = {.core_mask = 3, .n_ranges = 2};
	struct npu_session *session;
	struct npu_result result;
	struct daemon daemon;
	uint64_t seqno;

	daemon_start(
		&(struct daemon_options){
			.device = "timing",
			.config = "{\"version\": 1, \"scheduler\": {\"policy\": \"pinned\"},"
				  " \"classes\": {\"batch\": {\"requestable\": true,"
				  " \"cores\": [2]}, \"rest\": {}},"
				  " \"match\": [{\"class\": \"rest\"}]}"},
		&daemon);
	args.socket_path = daemon.socket;
	REQUIRE_EQ(npu_open(&args, &session), 0);
	for (int i = 0; i < 20; i++) {
		REQUIRE_EQ(npu_submit(session, &job, &seqno, NULL), 0);
		REQUIRE_EQ(npu_wait(session, seqno, -1, &result), 0);
		REQUIRE_EQ(result.core_mask, 4);
	}
	REQUIRE_EQ(npu_submit(session, &gang, NULL, NULL), -EINVAL);
	REQUIRE_HAS(npu_last_error(), "core");
	npu_close(session);
	daemon_stop(&daemon);
}

/* The sentence is about what was wrong, with its value and what is allowed. */
static void errors_name_the_culprit(void)
{
	struct npu_task task = {.regcmd_iova = 0xfffffff0, .regcmd_count = 3, .int_mask = 0x300};
	const struct npu_job job = {.tasks = &task, .n_tasks = 1};
	struct npu_session *session;
	struct daemon daemon;
	struct npu_bo bo;

	daemon_start(NULL, &daemon);
	session = open_session(&daemon);
	REQUIRE_EQ(npu_bo_create_at(session, 8192, 0xfffff000, &bo), -EINVAL);
	REQUIRE_HAS(npu_last_error(), "size: 8192 is out of range (1 ... 4096)");
	REQUIRE_EQ(npu_bo_create_at(session, 4096, 0xfffff000, &bo),
		   harness_has_soft() ? 0 : -EOPNOTSUPP);
	REQUIRE_EQ(npu_bo_import(session, -1, &bo), -EBADF);
	REQUIRE_HAS(npu_last_error(), "fd: -1 is not an open descriptor");
	REQUIRE_EQ(npu_submit(session, &job, NULL, NULL), -EINVAL);
	REQUIRE_HAS(npu_last_error(), "regcmd_count 3 is out of range (1 ... 2 ");
	npu_close(session);
	daemon_stop(&daemon);
}

static const struct test_case cases[] = {
	HARNESS_CASE(errors_name_the_culprit),
	HARNESS_CASE(gang_computes_on_one_two_and_three_cores),
	HARNESS_CASE(gangs_and_single_jobs_together),
	HARNESS_CASE(one_session_in_several_threads),
	HARNESS_CASE(three_ways_to_wait),
	HARNESS_CASE(same_numbers_in_two_sessions_do_not_meet),
	HARNESS_CASE(killed_daemon_is_noticed),
	HARNESS_CASE(no_daemon_is_said),
	HARNESS_CASE(class_must_be_requestable),
	HARNESS_CASE(pinned_class_stays_on_its_core),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
