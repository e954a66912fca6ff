/* SPDX-License-Identifier: MIT */
/*
 * What npu-run costs a program's calls, for script/bench: one process under npu-run makes each call
 * both ways, in blocks that alternate, so that whatever else the machine does hits both alike. The
 * other way is libc's own function (dlvsym() finds it), or a libnpu session beside the node's.
 *
 * The daemon is one of its own on the `timing` device, where an empty task takes no time.
 */
#include "rknpu_calls.h"

#include "tools/bench.h"
#include "tools/bench_daemon.h"

#include <dlfcn.h>
#include <sys/wait.h>

#define PAIRS 500

struct cost {
	int zero, node; /* /dev/zero, an NPU's */
	int (*libc_ioctl)(int fd, unsigned long request, ...);
	void *(*libc_mmap)(void *address, size_t length, int protection, int flags, int fd,
			   off_t offset);
	struct npu_session *session;
	struct rknpu_submit submit;
	struct npu_job job;
};

static void ioctl_of_libc(struct cost *cost)
{
	int n;

	cost->libc_ioctl(cost->zero, FIONREAD, &n);
}

static void ioctl_passed_on(struct cost *cost)
{
	int n;

	ioctl(cost->zero, FIONREAD, &n);
}

static void mmap_of_libc(struct cost *cost)
{
	munmap(cost->libc_mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, cost->zero, 0), 4096);
}

static void mmap_passed_on(struct cost *cost)
{
	munmap(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, cost->zero, 0), 4096);
}

/* The shortest question that npud answers: after a job that is none. */
static void query_of_libnpu(struct cost *cost)
{
	CHECK_EQ(npu_cancel(cost->session, UINT64_MAX), -ENOENT);
}

static void query_intercepted(struct cost *cost)
{
	uint32_t value;

	CHECK_EQ(act(cost->node, RKNPU_GET_DRV_VERSION, 0, &value), 0);
}

static void submit_to_libnpu(struct cost *cost)
{
	struct npu_result result;
	uint64_t seqno;

	CHECK_EQ(npu_submit(cost->session, &cost->job, &seqno, NULL), 0);
	CHECK_EQ(npu_wait(cost->session, seqno, -1, &result), 0);
	CHECK_EQ(result.outcome, NPU_OUTCOME_OK);
}

static void submit_intercepted(struct cost *cost)
{
	CHECK_EQ(ioctl(cost->node, SUBMIT, &cost->submit), 0);
}

/* ---- pairs ---- */

struct pair {
	const char *name, *unit;
	void (*plain)(struct cost *cost), (*intercepted)(struct cost *cost);
	unsigned n_calls; /* in a block */
	bool is_ratio;	  /* judged by; else by the difference in ns */
	double target;
};

static const struct pair pairs[] = {
	{"ioctl of /dev/zero", "libc", ioctl_of_libc, ioctl_passed_on, 1000, false, 100},
	{"mmap and munmap of /dev/zero", "libc", mmap_of_libc, mmap_passed_on, 300, false, 100},
	{"query", "libnpu", query_of_libnpu, query_intercepted, 50, true, 2},
	{"blocking submit of an empty task", "libnpu", submit_to_libnpu, submit_intercepted, 40,
	 true, 1.3},
};

static double measure_block(struct cost *cost, void (*call)(struct cost *), unsigned n_calls)
{
	uint64_t start_ns = bench_now_ns();

	for (unsigned i = 0; i < n_calls; i++)
		call(cost);
	return (double)(bench_now_ns() - start_ns) / n_calls;
}

/* False when the target is missed. */
static bool measure_pair(struct cost *cost, const struct pair *pair)
{
	struct bench_samples plain, intercepted, judged;
	double result;

	CHECK_EQ(bench_samples_init(&plain, PAIRS), 0);
	CHECK_EQ(bench_samples_init(&intercepted, PAIRS), 0);
	CHECK_EQ(bench_samples_init(&judged, PAIRS), 0);
	for (int i = -1; i < PAIRS; i++) { /* the first pair warms up */
		double plain_ns = measure_block(cost, pair->plain, pair->n_calls);
		double ns = measure_block(cost, pair->intercepted, pair->n_calls);

		if (i < 0)
			continue;
		bench_samples_add(&plain, plain_ns);
		bench_samples_add(&intercepted, ns);
		bench_samples_add(&judged, pair->is_ratio ? ns / plain_ns : ns - plain_ns);
	}
	result = bench_samples_quantile(&judged, 0.5);
	printf("%s\n  %s %.0f ns, under npu-run %.0f ns; %s %.2f (%.2f ... %.2f); "
	       "target %g: %s\n",
	       pair->name, pair->unit, bench_samples_quantile(&plain, 0.5),
	       bench_samples_quantile(&intercepted, 0.5), pair->is_ratio ? "ratio" : "ns more",
	       result, bench_samples_quantile(&judged, 0.1), bench_samples_quantile(&judged, 0.9),
	       pair->target, result <= pair->target ? "met" : "MISSED");
	bench_samples_deinit(&plain);
	bench_samples_deinit(&intercepted);
	bench_samples_deinit(&judged);
	return result <= pair->target;
}

/* ---- the program under npu-run ---- */

static void prepare_submit(struct cost *cost)
{
	struct memory data, tasks;

	memory_new(cost->node, 4096, 0, &data);
	memory_new(cost->node, 4096, RKNPU_MEM_KERNEL_MAPPING, &tasks);
	*(struct rknpu_task *)tasks.map = (struct rknpu_task){
		.enable_mask = 0xd, .int_mask = 0x300, .regcmd_addr = data.iova};
	cost->submit = (struct rknpu_submit){.flags = RKNPU_JOB_PC | RKNPU_JOB_PINGPONG,
					     .timeout_ms = 6000,
					     .task_number = 1,
					     .task_obj_addr = tasks.token,
					     .fence_fd = -1,
					     .subcore_task = {{0, 1}}};
}

/* The first version that libc has, on x86-64 or ARM: what the interposer passes calls on to. */
static void *libc_function(const char *name)
{
	void *libc = dlopen("libc.so.6", RTLD_LAZY), *address;

	CHECK(libc);
	address = dlvsym(libc, name, "GLIBC_2.2.5");
	if (!address)
		address = dlvsym(libc, name, "GLIBC_2.17");
	CHECK(address);
	return address;
}

static int run_client(void)
{
	void *ioctl_address = libc_function("ioctl"), *mmap_address = libc_function("mmap");
	struct cost cost = {.zero = open("/dev/zero", O_RDONLY | O_CLOEXEC)};
	bool is_met = true;

	CHECK(cost.zero >= 0);
	memcpy(&cost.libc_ioctl, &ioctl_address, sizeof(ioctl_address));
	memcpy(&cost.libc_mmap, &mmap_address, sizeof(mmap_address));
	CHECK(cost.libc_ioctl != ioctl);
	cost.node = open_node(CARD);
	CHECK_EQ(npu_open(NULL, &cost.session), 0);
	prepare_submit(&cost);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		is_met &= measure_pair(&cost, &pairs[i]);
	npu_close(cost.session);
	return is_met ? 0 : 1;
}

/* ---- around it ---- */

static int run_under_npu_run(const char *npu_run, const char *socket)
{
	char *own = realpath("/proc/self/exe", NULL);
	pid_t pid = fork();
	int status;

	CHECK(own);
	if (pid == 0) {
		execl(npu_run, npu_run, "--socket", socket, "--", own, "client", (char *)NULL);
		perror(npu_run);
		_exit(127);
	}
	free(own);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* drm_cost NPU-RUN: the daemon on the last CPU, the program on the first. */
int main(int argc, char **argv)
{
	const struct bench_daemon_args args = {.device = "timing", .policy = "{\"version\": 1}"};
	struct bench_daemon daemon;
	cpu_set_t cpus;
	int status;

	if (argc != 2) {
		fprintf(stderr, "usage: drm_cost NPU-RUN\n");
		return 2;
	}
	if (strcmp(argv[1], "client") == 0)
		return run_client();
	CHECK_EQ(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
	bench_pin(&cpus, true);
	if (bench_daemon_start(&args, &daemon) != CLI_OK)
		return 1;
	bench_pin(&cpus, false);
	status = run_under_npu_run(argv[1], daemon.socket);
	return bench_daemon_stop(&daemon) == CLI_OK ? status : 1;
}
