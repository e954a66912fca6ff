/* SPDX-License-Identifier: MIT */
/* A program for Linux' rocket driver: every ioctl and error that programs count on. */
#include "pool_stream.h"
#include "rocket_product.h"

#include <dirent.h>
#include <glob.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

/* ---- cases ---- */

static void one_job(void)
{
	struct product product;
	struct memory output;
	int fd = open_node();

	memory_new(fd, 4096, &output);
	product_new(fd, &output, 5, &product);
	CHECK_EQ(submit_jobs(fd, &product.job, 1), 0);
	CHECK_EQ(prepare(fd, output.handle, FOREVER), 0);
	CHECK(output_is(&output, 5));
	/* Streams and data are rewritten without any call but these. */
	CHECK_EQ(prepare(fd, product.data.handle, 0), 0);
	product_put(&product, output.iova, -7);
	CHECK_EQ(finish(fd, product.data.handle), 0);
	CHECK_EQ(submit_jobs(fd, &product.job, 1), 0);
	CHECK_EQ(prepare(fd, output.handle, now_ns() + 10000000000), 0);
	CHECK(output_is(&output, -7));
}

/* All write the same object: the last one's result stays. */
static void jobs_run_in_order(void)
{
	enum { N = 24 };
	static struct product products[N];
	static struct rocket_job jobs[N];
	struct memory output;
	int fd = open_node();

	memory_new(fd, 4096, &output);
	for (int i = 0; i < N; i++) {
		product_new(fd, &output, (int8_t)(i + 1), &products[i]);
		jobs[i] = products[i].job;
	}
	for (int round = 0; round < 4; round++) {
		memset(output.map, 0, 4096);
		CHECK_EQ(submit_jobs(fd, jobs, N), 0);
		CHECK_EQ(prepare(fd, output.handle, FOREVER), 0);
		CHECK(output_is(&output, N));
	}
}

static void several_tasks(void)
{
	enum { N = 9 };
	struct product products[N];
	struct memory outputs[N];
	struct rocket_task tasks[N];
	uint32_t ins[N], outs[N];
	struct rocket_job job = {
		.tasks = (uintptr_t)tasks,
		.in_bo_handles = (uintptr_t)ins,
		.out_bo_handles = (uintptr_t)outs,
		.task_count = N,
		.task_struct_size = sizeof(tasks[0]),
		.in_bo_handle_count = N,
		.out_bo_handle_count = N,
	};
	int fd = open_node();

	for (int i = 0; i < N; i++) {
		memory_new(fd, 4096, &outputs[i]);
		product_new(fd, &outputs[i], (int8_t)(i - 3), &products[i]);
		tasks[i] = products[i].task;
		ins[i] = products[i].data.handle;
		outs[i] = outputs[i].handle;
	}
	CHECK_EQ(submit_jobs(fd, &job, 1), 0);
	for (int i = 0; i < N; i++) {
		CHECK_EQ(prepare(fd, outputs[i].handle, FOREVER), 0);
		CHECK(output_is(&outputs[i], (int8_t)(i - 3)));
	}
}

/* More than the session's quotas of jobs and fences hold at a time. */
static void many_submits(void)
{
	enum { N = 600 };
	struct product product;
	struct memory output;
	int fd = open_node();

	memory_new(fd, 4096, &output);
	product_new(fd, &output, 2, &product);
	for (int i = 0; i < N; i++)
		CHECK_EQ(submit_jobs(fd, &product.job, 1), 0);
	CHECK_EQ(prepare(fd, output.handle, FOREVER), 0);
	CHECK(output_is(&output, 2));
}

static void pooling_ends(void)
{
	struct memory memory;
	struct rocket_task task;
	struct rocket_job job;
	int fd = open_node();

	memory_new(fd, MATMUL_BYTES, &memory);
	task.regcmd = memory.iova;
	task.regcmd_count = put_pool((uint64_t *)memory.map, memory.iova + MATMUL_INPUT,
				     memory.iova + MATMUL_OUTPUT);
	for (int i = 0; i < 4 * 4 * 16; i++)
		memory.map[MATMUL_INPUT + i] = (unsigned char)(i / 16);
	job = (struct rocket_job){
		.tasks = (uintptr_t)&task,
		.out_bo_handles = (uintptr_t)&memory.handle,
		.task_count = 1,
		.task_struct_size = sizeof(task),
		.out_bo_handle_count = 1,
	};
	CHECK_EQ(submit_jobs(fd, &job, 1), 0);
	CHECK_EQ(prepare(fd, memory.handle, FOREVER), 0);
	CHECK_EQ(memory.map[MATMUL_OUTPUT], 5);
	CHECK_EQ(memory.map[MATMUL_OUTPUT + 16], 7);
	CHECK_EQ(memory.map[MATMUL_OUTPUT + 3 * 16 + 15], 15);
}

/* ---- sizes and pointers ---- */

/* Structs of a later version are longer; what is behind ours is stepped over. */
static void longer_structs(void)
{
	struct {
		struct rocket_task task;
		uint32_t more[3];
	} tasks[2];
	struct {
		struct rocket_job job;
		uint64_t more[2];
	} jobs[2];
	struct product products[2];
	struct memory outputs[2];
	struct rocket_submit submit = {
		.jobs = (uintptr_t)jobs, .job_count = 2, .job_struct_size = sizeof(jobs[0])};
	int fd = open_node();

	memset(tasks, 0xff, sizeof(tasks));
	memset(jobs, 0xff, sizeof(jobs));
	for (int i = 0; i < 2; i++) {
		memory_new(fd, 4096, &outputs[i]);
		product_new(fd, &outputs[i], (int8_t)(4 + i), &products[i]);
		tasks[i].task = products[i].task;
		jobs[i].job = products[i].job;
		jobs[i].job.tasks = (uintptr_t)&tasks[i];
		jobs[i].job.task_struct_size = sizeof(tasks[0]);
	}
	/* One job with both tasks, then one with the second. */
	jobs[0].job.tasks = (uintptr_t)tasks;
	jobs[0].job.task_count = 2;
	CHECK_EQ(ioctl(fd, SUBMIT, &submit), 0);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(prepare(fd, outputs[i].handle, FOREVER), 0);
		CHECK(output_is(&outputs[i], (int8_t)(4 + i)));
	}
}

/* The number says which ioctl is meant; a shorter struct is taken as if zeros followed. */
static void ioctl_sizes(void)
{
	struct {
		struct rocket_create_bo create;
		uint64_t more;
	} longer = {.create = {.size = 5000}, .more = 7};
	struct rocket_create_bo shorter = {.size = 100, .offset = 7};
	uint32_t handle;
	int fd = open_node();

	CHECK_EQ(ioctl(fd, DRM(0x40, sizeof(longer)), &longer), 0);
	CHECK_EQ(longer.more, 7);
	CHECK_EQ(ioctl(fd, DRM(0x40, 8), &shorter), 0);
	CHECK(shorter.handle != longer.create.handle);
	CHECK_EQ(shorter.offset, 7);
	handle = shorter.handle;
	/* Without a timeout: one that is past. Of an object that is idle. */
	CHECK_EQ(ioctl(fd, _IOC(_IOC_WRITE, 'd', 0x42, 4), &handle), 0);
	CHECK_EQ(ioctl(fd, _IOC(_IOC_WRITE, 'd', 0x43, 4), &handle), 0);
	CHECK_FAILS(ioctl(fd, _IO('d', 0x42)), ENOENT);
	CHECK_FAILS(ioctl(fd, DRM(0x44, 8), &handle), ENOTTY);
	CHECK_FAILS(ioctl(fd, _IOC(3, 'r', 0x42, 8), &handle), ENOTTY);
}

static void bad_arguments(void)
{
	struct rocket_create_bo create = {0};
	struct rocket_prep_bo prep = {.handle = 1, .reserved = 1};
	struct rocket_fini_bo fini = {.handle = 1, .reserved = 1};
	struct rocket_submit submit = {.job_count = 1, .job_struct_size = 39};
	struct memory memory;
	int fd = open_node();

	memory_new(fd, 4096, &memory);
	CHECK_FAILS(ioctl(fd, CREATE_BO, &create), EINVAL);
	create.size = UINT32_MAX;
	CHECK_FAILS(ioctl(fd, CREATE_BO, &create), ENOMEM);
	CHECK_FAILS(ioctl(fd, CREATE_BO, (void *)BAD_POINTER), EFAULT);
	CHECK_FAILS(ioctl(fd, PREP_BO, &prep), EINVAL);
	CHECK_FAILS(ioctl(fd, FINI_BO, &fini), EINVAL);
	CHECK_FAILS(ioctl(fd, PREP_BO, NULL), EFAULT);
	CHECK_FAILS(prepare(fd, memory.handle + 1, FOREVER), ENOENT);
	CHECK_FAILS(prepare(fd, 0, 0), ENOENT);
	CHECK_FAILS(finish(fd, memory.handle + 1), ENOENT);
	CHECK_FAILS(ioctl(fd, SUBMIT, &submit), EINVAL);
	submit.job_struct_size = 40;
	CHECK_FAILS(ioctl(fd, SUBMIT, &submit), EFAULT);
	submit.jobs = BAD_POINTER;
	CHECK_FAILS(ioctl(fd, SUBMIT, &submit), EFAULT);
	submit.reserved = 1;
	CHECK_FAILS(ioctl(fd, SUBMIT, &submit), EINVAL);
	submit.reserved = 0;
	submit.job_count = UINT32_MAX;
	CHECK(ioctl(fd, SUBMIT, &submit) < 0 && (errno == ENOMEM || errno == EFAULT));
	/* Nothing to do is done, whatever else it says. */
	submit.job_count = 0;
	CHECK_EQ(ioctl(fd, SUBMIT, &submit), 0);
}

/* A job that is no good is dropped without a word; those around it run. */
static void bad_jobs_are_dropped(void)
{
	enum { GOOD = 0, LAST = 9 };
	struct product product;
	struct memory output;
	struct rocket_task empty = {0};
	struct rocket_job jobs[LAST + 1];
	uint32_t unknown = 99;
	int fd = open_node();

	memory_new(fd, 4096, &output);
	product_new(fd, &output, 6, &product);
	for (int i = 0; i <= LAST; i++)
		jobs[i] = product.job;
	jobs[1].task_count = 0;
	jobs[2].task_struct_size = 7;
	jobs[3].tasks = (uintptr_t)&empty;
	jobs[4].tasks = BAD_POINTER;
	jobs[5].in_bo_handles = (uintptr_t)&unknown;
	jobs[6].out_bo_handles = (uintptr_t)&unknown;
	jobs[7].in_bo_handles = BAD_POINTER;
	jobs[8].out_bo_handle_count = UINT32_MAX;
	for (int i = 1; i < LAST; i++) {
		CHECK_EQ(submit_jobs(fd, &jobs[i], 1), 0);
		CHECK_EQ(prepare(fd, output.handle, 0), 0);
		CHECK(output_is(&output, 0));
	}
	CHECK_EQ(submit_jobs(fd, jobs, LAST + 1), 0);
	CHECK_EQ(prepare(fd, output.handle, FOREVER), 0);
	CHECK(output_is(&output, 6));
}

/* ---- waiting ---- */

static void on_signal(int number)
{
}

static void interrupt_soon(int flags)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	struct itimerspec soon = {.it_value = {.tv_nsec = 100000000}};
	timer_t timer;

	CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	CHECK_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	CHECK_EQ(timer_settime(timer, 0, &soon, NULL), 0);
}

/* While a job is stuck. The failed job ends the wait without an error; the next one runs. */
static void timeouts(void)
{
	struct product stuck, product;
	struct memory output, other;
	int fd = open_node();
	int64_t start_ns;

	memory_new(fd, 4096, &output);
	memory_new(fd, 4096, &other);
	product_new(fd, &output, 1, &stuck);
	product_new(fd, &other, 8, &product);
	product_make_hang(&stuck);
	CHECK_EQ(submit_jobs(fd, &stuck.job, 1), 0);
	CHECK_EQ(submit_jobs(fd, &product.job, 1), 0);
	CHECK_FAILS(prepare(fd, output.handle, 0), EBUSY);
	CHECK_FAILS(prepare(fd, output.handle, -1), EBUSY);
	CHECK_FAILS(prepare(fd, output.handle, INT64_MIN), EBUSY);
	CHECK_FAILS(prepare(fd, output.handle, now_ns() - 1), EBUSY);
	/* What a job only reads is not busy. */
	CHECK_EQ(prepare(fd, stuck.data.handle, 0), 0);
	start_ns = now_ns();
	CHECK_FAILS(prepare(fd, output.handle, start_ns + 50000000), ETIMEDOUT);
	CHECK(now_ns() - start_ns >= 50000000);
	interrupt_soon(0);
	CHECK_FAILS(prepare(fd, output.handle, FOREVER), EINTR);
	interrupt_soon(SA_RESTART);
	CHECK_EQ(prepare(fd, output.handle, FOREVER), 0);
	CHECK(output_is(&output, 0));
	CHECK_EQ(prepare(fd, other.handle, FOREVER), 0);
	CHECK(output_is(&other, 8));
}

static void *prepare_in_thread(void *argument)
{
	const struct product *product = argument;

	CHECK_EQ(prepare(product->fd, product->output, FOREVER), 0);
	return NULL;
}

static void threads(void)
{
	enum { THREADS = 4 };
	struct product product;
	struct memory output;
	pthread_t waiters[THREADS];
	int fd = open_node();

	memory_new(fd, 4096, &output);
	product_new(fd, &output, 9, &product);
	CHECK_EQ(submit_jobs(fd, &product.job, 1), 0);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&waiters[i], NULL, prepare_in_thread, &product), 0);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(waiters[i], NULL), 0);
	CHECK(output_is(&output, 9));
}

static void closed_objects(void)
{
	struct product product;
	struct memory output;
	int fd = open_node();

	memory_new(fd, 4096, &output);
	product_new(fd, &output, 3, &product);
	CHECK_EQ(submit_jobs(fd, &product.job, 1), 0);
	CHECK_EQ(gem_close(fd, product.data.handle), 0);
	CHECK_FAILS(gem_close(fd, product.data.handle), EINVAL);
	CHECK_FAILS(prepare(fd, product.data.handle, 0), ENOENT);
	CHECK_EQ(prepare(fd, output.handle, FOREVER), 0);
	CHECK(output_is(&output, 3));
	CHECK_EQ(gem_close(fd, output.handle), 0);
	/* Its mapping stays. */
	CHECK(output_is(&output, 3));
	CHECK(mmap64(NULL, 4096, PROT_READ, MAP_SHARED, fd, (off64_t)output.offset) == MAP_FAILED);
	CHECK_EQ(errno, EINVAL);
	/* Thousands of objects one after the other. */
	for (int i = 0; i < 3000; i++) {
		struct rocket_create_bo create = {.size = 65536};

		CHECK_EQ(ioctl(fd, CREATE_BO, &create), 0);
		CHECK_EQ(gem_close(fd, create.handle), 0);
	}
}

static void fork_gets_its_own(void)
{
	struct product product;
	struct memory output;
	int fd = open_node(), status;
	pid_t pid;

	memory_new(fd, 4096, &output);
	product_new(fd, &output, 3, &product);
	CHECK_EQ(submit_jobs(fd, &product.job, 1), 0);
	pid = fork();
	if (pid == 0) {
		struct product own;
		struct memory own_output;

		CHECK_FAILS(prepare(fd, output.handle, 0), ENOENT);
		memory_new(fd, 4096, &own_output);
		product_new(fd, &own_output, 2, &own);
		CHECK_EQ(submit_jobs(fd, &own.job, 1), 0);
		CHECK_EQ(prepare(fd, own_output.handle, FOREVER), 0);
		CHECK(output_is(&own_output, 2));
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(prepare(fd, output.handle, FOREVER), 0);
	CHECK(output_is(&output, 3));
}

/* ---- the node ---- */

static void identity(void)
{
	char name[16] = "", date[16] = "", desc[16] = "";
	struct drm_version64 version = {
		.major = 9,
		.name_len = sizeof(name),
		.name = (uintptr_t)name,
		.date_len = sizeof(date),
		.date = (uintptr_t)date,
		.desc_len = sizeof(desc),
		.desc = (uintptr_t)desc,
	};
	struct drm_cap cap = {.capability = DRM_CAP_PRIME};
	struct drm_gem_flink flink = {.handle = 1};
	int fd = open_node();

	CHECK_EQ(ioctl(fd, VERSION, &version), 0);
	CHECK_EQ(version.major, 0);
	CHECK_EQ(version.minor, 0);
	CHECK_EQ(version.patchlevel, 0);
	CHECK(strcmp(name, "rocket") == 0);
	CHECK(strcmp(date, "0") == 0);
	CHECK(strcmp(desc, "rocket DRM") == 0);
	CHECK_EQ(ioctl(fd, GET_CAP, &cap), 0);
	CHECK_EQ(cap.value, DRM_PRIME_IMPORT_EXPORT);
	CHECK_FAILS(ioctl(fd, GEM_FLINK, &flink), EACCES);
}

static void node_is_found(void)
{
	const struct dirent *entry;
	struct stat status;
	DIR *folder = opendir("/dev/accel");
	int fd = open_node(), n = 0;
	char text[64] = "";
	FILE *uevent;
	glob_t found;

	CHECK(folder);
	while ((entry = readdir(folder)) != NULL)
		if (strcmp(entry->d_name, "accel0") == 0) {
			CHECK_EQ(entry->d_type, DT_CHR);
			n++;
		}
	closedir(folder);
	CHECK_EQ(n, 1);
	CHECK_EQ(glob("/dev/accel/accel*", 0, NULL, &found), 0);
	CHECK_EQ(found.gl_pathc, 1);
	CHECK_EQ(access(found.gl_pathv[0], R_OK | W_OK), 0);
	CHECK_EQ(stat(NODE, &status), 0);
	CHECK(S_ISCHR(status.st_mode));
	CHECK_EQ(fstat(fd, &status), 0);
	CHECK(S_ISCHR(status.st_mode));
	CHECK_EQ(major(status.st_rdev), 261);
	CHECK_EQ(minor(status.st_rdev), 0);
	CHECK_EQ(status.st_size, 0);
	uevent = fopen("/sys/dev/char/261:0/device/uevent", "re");
	CHECK(uevent && fgets(text, sizeof(text), uevent));
	CHECK(strcmp(text, "MODALIAS=platform:rknn\n") == 0);
	CHECK_FAILS(open("/dev/accel/accel1", O_RDWR), ENOENT);
}

static void survives_the_daemon(void)
{
	const char *pid = getenv("DAEMON_PID");
	struct product product;
	struct memory output;
	int fd = open_node();

	if (!pid)
		return;
	memory_new(fd, 4096, &output);
	product_new(fd, &output, 3, &product);
	CHECK_EQ(kill((pid_t)strtol(pid, NULL, 10), SIGKILL), 0);
	while (submit_jobs(fd, &product.job, 1) == 0)
		;
	CHECK_EQ(errno, ENODEV);
	CHECK_FAILS(prepare(fd, output.handle, FOREVER), ENODEV);
	CHECK_FAILS(open(NODE, O_RDWR), ENODEV);
	CHECK_EQ(close(fd), 0);
}

static const struct client_case cases[] = {
	CLIENT_CASE(one_job),
	CLIENT_CASE(jobs_run_in_order),
	CLIENT_CASE(several_tasks),
	CLIENT_CASE(many_submits),
	CLIENT_CASE(pooling_ends),
	CLIENT_CASE(longer_structs),
	CLIENT_CASE(ioctl_sizes),
	CLIENT_CASE(bad_arguments),
	CLIENT_CASE(bad_jobs_are_dropped),
	CLIENT_CASE(timeouts),
	CLIENT_CASE(threads),
	CLIENT_CASE(closed_objects),
	CLIENT_CASE(fork_gets_its_own),
	CLIENT_CASE(identity),
	CLIENT_CASE(node_is_found),
	CLIENT_CASE(survives_the_daemon),
};

int main(int argc, char **argv)
{
	return client_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
