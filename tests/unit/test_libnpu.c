/* SPDX-License-Identifier: MIT */
/* libnpu against a daemon that answers by hand, rightly and wrongly. */
#include "fake_npud.h"
#include "npu.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOR_EVER (-1)
#define N_BOUND	 4096

static struct fake_npud *fake;
static struct npu_session *npu;

static void open_session(void)
{
	struct npu_open_args args = {.class_name = "batch"};

	fake = fake_npud_start(NPU_PROTOCOL_VERSION);
	args.socket_path = fake->path;
	ck_assert_int_eq(npu_open(&args, &npu), 0);
}

static void close_session(void)
{
	npu = npu_close(npu);
	fake_npud_stop(fake);
}

static int submit(enum fake_tag tag, uint32_t flags, uint64_t *ret_seqno)
{
	struct npu_job job = {.tag = tag, .flags = flags};

	return npu_submit(npu, &job, ret_seqno, NULL);
}

static uint64_t submit_ok(enum fake_tag tag, uint32_t flags)
{
	uint64_t seqno = 0;

	ck_assert_int_eq(submit(tag, flags, &seqno), 0);
	return seqno;
}

/* Makes the fake end the jobs it holds. When this returns they may be a moment away. */
static void release(void)
{
	struct npu_bo none = {0};

	ck_assert_int_eq(npu_bo_sync(npu, &none, 0, 0, NPU_SYNC_BOTH), 0);
}

/* A request after them: everything that the fake sent before is in our sockets. */
static void settle(void)
{
	release();
	release();
}

static bool is_readable(int fd)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN};

	return poll(&polled, 1, 0) == 1;
}

static unsigned count_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(directory))
		n++;
	closedir(directory);
	return n;
}

START_TEST(opens)
{
	const struct npu_hello_reply *hello = npu_query(npu);

	ck_assert_uint_eq(hello->n_cores, 3);
	ck_assert_str_eq(hello->device, "fake");
	ck_assert_uint_lt(hello->features, NPU_FEATURE_ORDER << 1);
	npu = npu_close(npu);
	fake_npud_join(fake);
	ck_assert_uint_eq(fake->hello.version_min, 1);
	ck_assert_uint_eq(fake->hello.version_max, 1);
	ck_assert_str_eq(fake->hello.class_name, "batch");
}
END_TEST

START_TEST(no_daemon)
{
	struct npu_open_args args = {.socket_path = "/nowhere/npud.sock"};
	struct npu_session *untouched = NULL;
	unsigned n_fds = count_fds();

	ck_assert_int_eq(npu_open(&args, &untouched), -ENOENT);
	ck_assert_str_eq(npu_last_error(),
			 "cannot connect to /nowhere/npud.sock: No such file or directory");
	ck_assert_ptr_null(untouched);
	ck_assert_uint_eq(count_fds(), n_fds);
	setenv("NPU_SOCKET", "/else/npud.sock", 1);
	ck_assert_int_eq(npu_open(NULL, &untouched), -ENOENT);
	ck_assert_ptr_nonnull(strstr(npu_last_error(), "/else/npud.sock"));
	unsetenv("NPU_SOCKET");
	setenv("XDG_RUNTIME_DIR", "/nowhere", 1);
	ck_assert_int_lt(npu_open(NULL, &untouched), 0);
	ck_assert_ptr_nonnull(strstr(npu_last_error(), "/nowhere/npud.sock or /run/npud"));
}
END_TEST

START_TEST(versions_do_not_meet)
{
	struct npu_open_args args = {0};
	unsigned n_fds = count_fds();

	fake = fake_npud_start(_i ? 9 : 0);
	args.socket_path = fake->path;
	ck_assert_int_eq(npu_open(&args, &npu), -EPROTO);
	ck_assert_str_eq(npu_last_error(), _i ? "npud chose protocol version 9, libnpu speaks 1"
					      : "libnpu speaks 1 to 1, npud speaks 9");
	fake_npud_stop(fake);
	ck_assert_uint_eq(count_fds(), n_fds);
}
END_TEST

START_TEST(buffers)
{
	struct npu_bo bo;
	unsigned n_fds;

	settle();
	n_fds = count_fds();

	ck_assert_int_eq(npu_bo_create(npu, 5000, 1, &bo), -EINVAL);
	ck_assert_int_eq(npu_bo_create(npu, 5000, 0, &bo), 0);
	ck_assert_uint_eq(bo.size, 8192);
	ck_assert_uint_eq(bo.handle, 1);
	memset(bo.map, 0x5a, bo.size);
	ck_assert_int_eq(npu_bo_sync(npu, &bo, 8000, 193, NPU_SYNC_TO_DEVICE), -EINVAL);
	ck_assert_int_eq(npu_bo_sync(npu, &bo, UINT64_MAX, 2, NPU_SYNC_TO_DEVICE), -EINVAL);
	ck_assert_int_eq(npu_bo_sync(npu, &bo, 8000, 192, NPU_SYNC_TO_DEVICE), 0);
	ck_assert_int_eq(npu_bo_close(npu, &bo), 0);
	ck_assert_ptr_null(bo.map);
	ck_assert_int_eq(npu_bo_close(npu, &bo), 0);
	ck_assert_int_eq(npu_bo_create_at(npu, 4096, 0x8000, &bo), 0);
	ck_assert_uint_eq(bo.iova, 0x8000);
	ck_assert_int_eq(npu_bo_close(npu, &bo), 0);
	ck_assert_uint_eq(count_fds(), n_fds + 1); /* the fake keeps the last one's memory */
}
END_TEST

START_TEST(waits)
{
	enum fake_tag tags[] = {FAKE_OK, FAKE_EARLY, FAKE_FAULT};
	struct npu_result result;
	uint64_t seqno = submit_ok(tags[_i], 0);

	ck_assert_uint_eq(seqno, 1);
	ck_assert_int_eq(npu_wait(npu, seqno, FOR_EVER, &result), 0);
	ck_assert_uint_eq(result.seqno, 1);
	ck_assert_uint_eq(result.tag, tags[_i]);
	ck_assert_str_eq(result.detail, "by hand");
	if (tags[_i] == FAKE_FAULT) {
		ck_assert_str_eq(npu_outcome_name(result.outcome), "page_fault");
		ck_assert_uint_eq(result.fault_iova, 0xdead000);
		ck_assert_int_eq(result.fault_is_write, 1);
	} else {
		ck_assert_int_eq(result.outcome, NPU_OUTCOME_OK);
	}
	ck_assert_int_eq(npu_wait(npu, seqno, FOR_EVER, &result), -ENOENT);
	ck_assert_int_eq(npu_wait(npu, 2, FOR_EVER, &result), -ENOENT);
}
END_TEST

START_TEST(wait_times_out)
{
	struct npu_result result;
	uint64_t seqno = submit_ok(FAKE_HOLD, 0);

	ck_assert_int_eq(npu_wait(npu, seqno, 0, &result), -ETIMEDOUT);
	ck_assert_int_eq(npu_wait(npu, seqno, 1000000, &result), -ETIMEDOUT);
	release();
	ck_assert_int_eq(npu_wait(npu, seqno, INT64_MAX, &result), 0);
	seqno = submit_ok(FAKE_HOLD, 0);
	settle();
	ck_assert_int_eq(npu_wait(npu, seqno, 0, &result), 0);
}
END_TEST

START_TEST(waits_by_tag)
{
	struct npu_result result;

	submit_ok(FAKE_OK, 0);
	submit_ok(FAKE_EARLY, 0);
	submit_ok(FAKE_OK, 0);
	ck_assert_int_eq(npu_wait_tag(npu, FAKE_OK, FOR_EVER, &result), 0);
	ck_assert_uint_eq(result.seqno, 1);
	ck_assert_int_eq(npu_wait_tag(npu, FAKE_OK, FOR_EVER, &result), 0);
	ck_assert_uint_eq(result.seqno, 3);
	ck_assert_int_eq(npu_wait_tag(npu, FAKE_OK, FOR_EVER, &result), -ENOENT);
	ck_assert_int_eq(npu_wait_tag(npu, FAKE_EARLY, FOR_EVER, &result), 0);
}
END_TEST

START_TEST(completion_queue)
{
	int fd = npu_completion_fd(npu);
	struct npu_result result;
	uint64_t kept;

	ck_assert(!is_readable(fd));
	ck_assert_int_eq(npu_completion_next(npu, &result), -EAGAIN);
	submit_ok(FAKE_EARLY, NPU_SUBMIT_COMPLETION);
	submit_ok(FAKE_EARLY, NPU_SUBMIT_COMPLETION);
	ck_assert(is_readable(fd));
	/* Waiting for another job takes them off the socket; the descriptor must not notice. */
	kept = submit_ok(FAKE_OK, 0);
	ck_assert_int_eq(npu_wait(npu, kept, FOR_EVER, &result), 0);
	ck_assert(is_readable(fd));
	ck_assert_int_eq(npu_wait(npu, 1, 0, &result), -ENOENT);
	ck_assert_int_eq(npu_completion_next(npu, &result), 0);
	ck_assert_uint_eq(result.seqno, 1);
	ck_assert(is_readable(fd));
	ck_assert_int_eq(npu_completion_next(npu, &result), 0);
	ck_assert_uint_eq(result.seqno, 2);
	ck_assert_int_eq(npu_completion_next(npu, &result), -EAGAIN);
	ck_assert(!is_readable(fd));
}
END_TEST

START_TEST(queue_is_bounded)
{
	struct npu_result result;

	for (int i = 0; i < N_BOUND + 3; i++)
		submit_ok(FAKE_EARLY, NPU_SUBMIT_COMPLETION);
	ck_assert_int_eq(npu_wait(npu, submit_ok(FAKE_OK, 0), FOR_EVER, &result), 0);
	ck_assert_uint_eq(npu_completions_lost(npu), 3);
	for (uint64_t i = 4; i <= N_BOUND + 3; i++) {
		ck_assert_int_eq(npu_completion_next(npu, &result), 0);
		ck_assert_uint_eq(result.seqno, i);
	}
	ck_assert_int_eq(npu_completion_next(npu, &result), -EAGAIN);
}
END_TEST

START_TEST(kept_results_are_bounded)
{
	struct npu_result result;

	for (int i = 0; i < N_BOUND + 1; i++)
		submit_ok(FAKE_EARLY, 0);
	ck_assert_int_eq(npu_wait(npu, N_BOUND + 1, FOR_EVER, &result), 0);
	ck_assert_uint_eq(npu_completions_lost(npu), 1);
	ck_assert_int_eq(npu_wait(npu, 1, FOR_EVER, &result), -ENOENT);
	ck_assert_int_eq(npu_wait(npu, 2, FOR_EVER, &result), 0);
}
END_TEST

START_TEST(lost_results_do_not_hang)
{
	uint64_t lost = submit_ok(FAKE_LOSE, 0), later = submit_ok(FAKE_LOST_ONE, 0);
	struct npu_result result;

	ck_assert_int_eq(npu_wait(npu, lost, FOR_EVER, &result), -EOVERFLOW);
	ck_assert_int_eq(npu_wait(npu, lost, FOR_EVER, &result), -ENOENT);
	ck_assert_int_eq(npu_wait(npu, later, FOR_EVER, &result), 0);
	ck_assert_uint_eq(npu_completions_lost(npu), 1);
	/* What is submitted after the loss is not concerned. */
	ck_assert_int_eq(npu_wait(npu, submit_ok(FAKE_OK, 0), FOR_EVER, &result), 0);
}
END_TEST

/* An npud that does not know a wish is not asked; and one that does gets all of them. */
START_TEST(scheduling_wishes)
{
	static const struct npu_range ranges[] = {{0, 4}, {0, 2}, {2, 2}};
	const struct npu_task task = {0x1000, 1, 0x300, 0};
	struct npu_job job = {
		.tasks = &task,
		.n_tasks = 1,
		.flags = NPU_SUBMIT_SLICEABLE | NPU_SUBMIT_IN_ORDER | NPU_SUBMIT_NO_REPEAT |
			 NPU_SUBMIT_ORDER_ONLY,
		.deadline_ns = -5,
		.priority = -7,
		.late = NPU_LATE_RUN,
		.widths = 6,
		.width_ranges = ranges,
	};
	struct npu_bo bo;

	ck_assert_int_eq(npu_submit(npu, &job, NULL, NULL), 0);
	ck_assert_uint_eq(fake->last_submit.flags, job.flags | NPU_SUBMIT_COMPLETION);
	ck_assert_int_eq(fake->last_submit.deadline_ns, -5);
	ck_assert_int_eq(fake->last_submit.priority, -7);
	ck_assert_uint_eq(fake->last_submit.late, NPU_LATE_RUN);
	ck_assert_uint_eq(fake->last_submit.widths, 6);
	ck_assert_uint_eq(fake->last_submit_bytes,
			  sizeof(struct npu_submit) + sizeof(task) + sizeof(ranges));
	job.widths = 8;
	ck_assert_int_eq(npu_submit(npu, &job, NULL, NULL), -EINVAL);
	npu_close(npu);
	fake_npud_stop(fake);
	fake = fake_npud_start(1);
	fake->has_scheduling = false;
	ck_assert_int_eq(npu_open(&(struct npu_open_args){.socket_path = fake->path}, &npu), 0);
	job = (struct npu_job){.tasks = &task, .n_tasks = 1, .priority = 1};
	ck_assert_int_eq(npu_submit(npu, &job, NULL, NULL), -EOPNOTSUPP);
	job.priority = 0;
	ck_assert_int_eq(npu_submit(npu, &job, NULL, NULL), 0);
	ck_assert_int_eq(npu_bo_create(npu, 4096, NPU_BO_UNCACHED, &bo), -EOPNOTSUPP);
	ck_assert_int_eq(npu_bo_create(npu, 4096, 0, &bo), 0);
}
END_TEST

START_TEST(refusals)
{
	struct npu_result result;
	uint64_t seqno = 77;

	ck_assert_int_eq(submit(FAKE_REFUSE, 0, &seqno), -EAGAIN);
	ck_assert_str_eq(npu_last_error(), "the queue is full");
	ck_assert_uint_eq(npu_retry_after_ns(), 42);
	ck_assert_uint_eq(seqno, 77);
	ck_assert_int_eq(npu_wait_tag(npu, FAKE_REFUSE, FOR_EVER, &result), -ENOENT);
	ck_assert_int_eq(npu_cancel(npu, 1), -ENOENT);
	ck_assert_str_eq(npu_last_error(), "npud: No such file or directory");
	ck_assert_int_eq(submit(FAKE_OK, 1u << 20, &seqno), -EINVAL);
	ck_assert_int_eq(npu_wait(npu, submit_ok(FAKE_OK, 0), FOR_EVER, &result), 0);
}
END_TEST

static const struct {
	const char *what;
	enum fake_tag tag;
	bool wants_fence;
	int error;
} wrong_answers[] = {
	{"serial", FAKE_WRONG_SERIAL, false, -EPROTO},
	{"length", FAKE_WRONG_LENGTH, false, -EPROTO},
	{"descriptor", FAKE_SURPRISE_FD, false, -EPROTO},
	{"no fence", FAKE_NO_FD, true, -EPROTO},
	{"silence", FAKE_DIE, false, -ECONNRESET},
};

START_TEST(wrong_answer_ends_session)
{
	struct npu_job job = {.tag = wrong_answers[_i].tag};
	uint64_t held = submit_ok(FAKE_HOLD, 0);
	struct npu_result result;
	unsigned n_fds;
	int fence = -5;

	n_fds = count_fds();
	ck_assert_int_eq(npu_submit(npu, &job, NULL, wrong_answers[_i].wants_fence ? &fence : NULL),
			 wrong_answers[_i].error);
	ck_assert_int_eq(fence, -5);
	ck_assert_int_eq(submit(FAKE_OK, 0, NULL), wrong_answers[_i].error);
	/* The daemon's end of the sockets may be gone too, but nothing may have been added. */
	ck_assert_uint_le(count_fds(), n_fds);
	ck_assert_int_eq(npu_wait(npu, held, FOR_EVER, &result), wrong_answers[_i].error);
	ck_assert_int_eq(npu_completion_next(npu, &result), wrong_answers[_i].error);
	ck_assert(is_readable(npu_completion_fd(npu)));
}
END_TEST

START_TEST(bad_completion_ends_waits)
{
	struct npu_result result;

	ck_assert_int_eq(npu_wait(npu, submit_ok(FAKE_BAD_PACKET, 0), FOR_EVER, &result), -EPROTO);
	ck_assert_int_eq(submit(FAKE_OK, 0, NULL), -EPROTO);
}
END_TEST

START_TEST(fences)
{
	struct npu_job job = {.tag = FAKE_OK};
	enum npu_outcome outcome;
	struct npu_result result;
	uint64_t seqno;
	int fence, pipe_fds[2];

	ck_assert_int_eq(npu_submit(npu, &job, &seqno, &fence), 0);
	ck_assert_int_eq(npu_fence_wait(fence, FOR_EVER, &outcome), 0);
	ck_assert_int_eq(outcome, NPU_OUTCOME_OK);
	ck_assert_int_eq(npu_fence_wait(fence, FOR_EVER, &outcome), 0);
	ck_assert_int_eq(npu_wait(npu, seqno, FOR_EVER, &result), -ENOENT);
	close(fence);
	ck_assert_int_eq(npu_fence_wait(fence, FOR_EVER, &outcome), -EBADF);
	job.tag = FAKE_HOLD;
	ck_assert_int_eq(npu_submit(npu, &job, &seqno, &fence), 0);
	ck_assert_int_eq(npu_fence_wait(fence, 1000, &outcome), -ETIMEDOUT);
	npu = npu_close(npu); /* the fake dies of it, and with it the fence's other end */
	ck_assert_int_eq(npu_fence_wait(fence, FOR_EVER, &outcome), -ECONNRESET);
	close(fence);
	ck_assert_int_eq(pipe(pipe_fds), 0);
	ck_assert_int_eq(npu_fence_wait(pipe_fds[0], FOR_EVER, &outcome), -EBADF);
}
END_TEST

START_TEST(fence_and_completion)
{
	struct npu_job job = {.tag = FAKE_OK, .flags = NPU_SUBMIT_COMPLETION};
	enum npu_outcome outcome;
	struct npu_result result;
	int fence;

	ck_assert_int_eq(npu_submit(npu, &job, NULL, &fence), 0);
	ck_assert_int_eq(npu_fence_wait(fence, FOR_EVER, &outcome), 0);
	settle();
	ck_assert_int_eq(npu_completion_next(npu, &result), 0);
	close(fence);
	job.flags = 0;
	ck_assert_int_eq(npu_submit(npu, &job, NULL, &fence), 0);
	close(fence);
	npu = npu_close(npu);
	fake_npud_join(fake);
	ck_assert_uint_eq(fake->last_submit.flags, NPU_SUBMIT_FENCE);
}
END_TEST

START_TEST(many_tasks)
{
	static struct npu_task tasks[NPU_JOB_TASKS_MAX];
	struct npu_job job = {.tasks = tasks, .n_tasks = _i ? NPU_JOB_TASKS_MAX : 4000};
	struct npu_result result;
	uint64_t seqno;

	for (uint32_t i = 0; i < job.n_tasks; i++)
		tasks[i].regcmd_iova = i * 16;
	ck_assert_int_eq(npu_submit(npu, &job, &seqno, NULL), 0);
	ck_assert_int_eq(npu_wait(npu, seqno, FOR_EVER, &result), 0);
	job.n_tasks = NPU_JOB_TASKS_MAX + 1;
	ck_assert_int_eq(npu_submit(npu, &job, &seqno, NULL), -EINVAL);
	npu = npu_close(npu);
	fake_npud_join(fake);
	ck_assert_uint_eq(fake->last_submit.flags,
			  NPU_SUBMIT_COMPLETION | (_i ? NPU_SUBMIT_TASKS_IN_BO : 0));
	ck_assert_uint_eq(fake->last_task.regcmd_iova, ((_i ? NPU_JOB_TASKS_MAX : 4000) - 1) * 16);
	ck_assert_uint_eq(fake->n_bos_open, 0);
}
END_TEST

#define N_THREADS 8

struct waiter {
	pthread_t thread;
	uint64_t seqno;
	int error;
};

static void *wait_for_job(void *context)
{
	struct waiter *waiter = context;
	struct npu_result result;

	waiter->error = npu_wait(npu, waiter->seqno, FOR_EVER, &result);
	if (waiter->error == 0 && result.seqno != waiter->seqno)
		waiter->error = -EILSEQ;
	return NULL;
}

/* Jobs end in the opposite order, or npud dies: whoever leads, everybody wakes. */
START_TEST(threads_wait_together)
{
	struct waiter waiters[N_THREADS];

	for (int i = 0; i < N_THREADS; i++) {
		waiters[i].seqno = submit_ok(FAKE_HOLD, 0);
		pthread_create(&waiters[i].thread, NULL, wait_for_job, &waiters[i]);
	}
	if (_i == 0)
		release();
	else
		ck_assert_int_eq(submit(FAKE_DIE, 0, NULL), -ECONNRESET);
	for (int i = 0; i < N_THREADS; i++) {
		pthread_join(waiters[i].thread, NULL);
		ck_assert_int_eq(waiters[i].error, _i == 0 ? 0 : -ECONNRESET);
	}
}
END_TEST

/* One thread waits for ever while this one takes everything off the socket for it. */
START_TEST(leader_is_woken)
{
	for (int i = 0; i < 200; i++) {
		struct waiter waiter = {.seqno = submit_ok(FAKE_HOLD, 0)};
		struct npu_result result;

		pthread_create(&waiter.thread, NULL, wait_for_job, &waiter);
		settle();
		ck_assert_int_eq(npu_completion_next(npu, &result), -EAGAIN);
		pthread_join(waiter.thread, NULL);
		ck_assert_int_eq(waiter.error, 0);
	}
}
END_TEST

static void *submit_and_wait(void *context)
{
	struct waiter *waiter = context;
	struct npu_result result;

	for (int i = 0; i < 300 && waiter->error == 0; i++) {
		waiter->error = submit(i % 2 ? FAKE_OK : FAKE_EARLY, 0, &waiter->seqno);
		if (waiter->error == 0)
			waiter->error = npu_wait(npu, waiter->seqno, FOR_EVER, &result);
	}
	return NULL;
}

START_TEST(threads_submit_together)
{
	struct waiter waiters[N_THREADS] = {0};

	for (int i = 0; i < N_THREADS; i++)
		pthread_create(&waiters[i].thread, NULL, submit_and_wait, &waiters[i]);
	for (int i = 0; i < N_THREADS; i++) {
		pthread_join(waiters[i].thread, NULL);
		ck_assert_int_eq(waiters[i].error, 0);
	}
}
END_TEST

static TCase *session_tests(void)
{
	TCase *tcase = tcase_create("session");

	tcase_add_checked_fixture(tcase, open_session, close_session);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, opens);
	tcase_add_test(tcase, buffers);
	tcase_add_loop_test(tcase, waits, 0, 3);
	tcase_add_test(tcase, wait_times_out);
	tcase_add_test(tcase, waits_by_tag);
	tcase_add_test(tcase, completion_queue);
	tcase_add_test(tcase, queue_is_bounded);
	tcase_add_test(tcase, kept_results_are_bounded);
	tcase_add_test(tcase, lost_results_do_not_hang);
	tcase_add_test(tcase, scheduling_wishes);
	tcase_add_test(tcase, refusals);
	tcase_add_loop_test(tcase, wrong_answer_ends_session, 0,
			    sizeof(wrong_answers) / sizeof(*wrong_answers));
	tcase_add_test(tcase, bad_completion_ends_waits);
	tcase_add_test(tcase, fences);
	tcase_add_test(tcase, fence_and_completion);
	tcase_add_loop_test(tcase, many_tasks, 0, 2);
	tcase_add_loop_test(tcase, threads_wait_together, 0, 2);
	tcase_add_test(tcase, leader_is_woken);
	tcase_add_test(tcase, threads_submit_together);
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("libnpu");
	TCase *connecting = tcase_create("connecting");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(connecting, no_daemon);
	tcase_add_loop_test(connecting, versions_do_not_meet, 0, 2);
	suite_add_tcase(suite, connecting);
	suite_add_tcase(suite, session_tests());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
