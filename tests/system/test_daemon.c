/* SPDX-License-Identifier: MIT */
/*
 * The daemon as a process: how it starts, what it does while nobody wants anything, how it ends.
 */
#include "client.h"
#include "harness.h"
#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static struct command_result result;

/* True when the daemon did nothing at all for `interval_ms`. */
static bool is_still(const struct daemon *daemon, int interval_ms)
{
	struct pollfd poll_fd = {.fd = daemon->pidfd, .events = POLLIN};
	uint64_t before = daemon_switches(daemon);

	/* Nothing to wait for but the interval itself; the daemon's end would cut it short. */
	REQUIRE_EQ(poll(&poll_fd, 1, interval_ms), 0);
	return daemon_switches(daemon) == before;
}

/*
 * A sleeping thread cannot make a system call without being switched in and out again, so constant
 * counters mean no system calls.
 */
static void inv10_idle_daemon_makes_no_syscalls(void)
{
	struct client clients[5];
	struct matmul job;
	struct daemon daemon;
	char stats[108];

	if (harness_is_sanitized_by("thread"))
		harness_skip("the thread sanitizer has a thread of its own that wakes up");
	harness_path("stats.sock", stats);
	daemon_start(&(struct daemon_options){.arguments = {"--stats", stats}}, &daemon);
	for (int i = 0; i < 5; i++)
		client_open(&daemon, &clients[i]);
	matmul_init(&clients[0], 0, 1, 2, &job);
	matmul_check(&clients[0], &job);
	client_wait_outcome(&clients[0], hang_submit(&clients[0], &job, 0, 50 * MS_NS, NULL),
			    NPU_OUTCOME_HANG);
	client_close(&clients[4]);
	/* The first interval lets it finish what the last request has begun. */
	is_still(&daemon, 500);
	REQUIRE(is_still(&daemon, 1500));
	daemon_stop(&daemon);
}

static void sigterm_drains(void)
{
	struct client client, late;
	struct daemon daemon;
	int running, queued;

	daemon_start(&(struct daemon_options){.device = "timing"}, &daemon);
	client_open(&daemon, &client);
	timed_submit(&client, 300 * MS_NS, 1, &running);
	timed_submit(&client, 100 * MS_NS, 1, &queued);
	daemon_signal(&daemon, SIGTERM);
	daemon_wait_log(&daemon, "draining");
	REQUIRE(client_try_open(&daemon, &late) < 0);
	REQUIRE_EQ(daemon_wait(&daemon), 0);
	REQUIRE_EQ(fence_wait(running), NPU_OUTCOME_OK);
	REQUIRE_EQ(fence_wait(queued), NPU_OUTCOME_OK);
	REQUIRE(access(daemon.socket, F_OK) < 0);
}

static void second_sigterm_exits_at_once(void)
{
	struct daemon daemon;
	struct client client;
	int fence;

	daemon_start(&(struct daemon_options){.device = "timing",
					      .config = "{\"version\": 1, \"watchdog\":"
							" {\"cap_ms\": 3600000,"
							" \"unknown_ms\": 3600000}}"},
		     &daemon);
	client_open(&daemon, &client);
	timed_submit(&client, UINT64_MAX, 0, &fence);
	daemon_signal(&daemon, SIGTERM);
	daemon_wait_log(&daemon, "draining");
	REQUIRE(!fence_is_signalled(fence));
	daemon_signal(&daemon, SIGTERM);
	daemon_wait(&daemon);
	REQUIRE(fence_wait(fence) != NPU_OUTCOME_OK);
}

static void daemon_killed_and_started_again(void)
{
	struct daemon daemon;
	struct client client;
	struct matmul job;

	daemon_start(NULL, &daemon);
	daemon_signal(&daemon, SIGKILL);
	REQUIRE_EQ(daemon_wait(&daemon), 128 + SIGKILL);
	REQUIRE_EQ(access(daemon.socket, F_OK), 0);
	daemon_start(NULL, &daemon);
	client_open(&daemon, &client);
	matmul_init(&client, 0, 1, 2, &job);
	matmul_check(&client, &job);
	daemon_stop(&daemon);
}

static void socket_in_use(void)
{
	struct daemon daemon;
	const char *argv[] = {"npud", "--socket", daemon.socket, NULL};
	struct client client;

	daemon_start(NULL, &daemon);
	command_run("NPUD", argv, &result);
	REQUIRE_EQ(result.status, 3);
	REQUIRE_HAS(result.output, daemon.socket);
	REQUIRE_HAS(result.output, "running");
	/* The first one does not notice. */
	client_open(&daemon, &client);
	daemon_stop(&daemon);
}

static void bad_command_lines(void)
{
	static const char *const command_lines[][4] = {
		{"npud", "--loop", "select"},
		{"npud", "--device", "tpu"},
		{"npud", "--nonsense"},
		{"npud", "--log-level", "shout"},
		{"npud", "extra"},
		{"npud", "--soft-clock", "fast"},
		{"npud", "--config"},
	};

	for (size_t i = 0; i < sizeof(command_lines) / sizeof(command_lines[0]); i++) {
		command_run("NPUD", command_lines[i], &result);
		REQUIRE_EQ(result.status, 2);
		REQUIRE_HAS(result.output, "npud: ");
	}
}

/* ---- policy files ---- */

static const struct {
	const char *text;
	int status;
	const char *said; /* a part of the message */
} policies[] = {
	{"{}", 0, "ok"},
	{"{\"version\": 1, \"scheduler\": {\"policy\": \"round-robin\"}}", 0, "ok"},
	{"{\"version\": 1, \"scheduler\": {\"policy\": \"deadline\"}}", 0, "ok"},
	{"{\"version\": 1,\n \"quota\": \n {\"bos_per_session\": }}", 1, ":3"},
	{"{\"version\": 1, \"colour\": 1}", 1, "colour"},
	{"{\"version\": 2}", 1, "version"},
	{"{\"quota\": {\"bos_per_session\": -1}}", 1, "quota.bos_per_session"},
	{"{\"quota\": {\"bos_per_session\": \"many\"}}", 1, "quota.bos_per_session"},
	{"{\"scheduler\": {\"policy\": \"lottery\"}}", 1, "round-robin"},
	{"{\"classes\": {\"a\": {\"cores\": [7]}}}", 1, "cores"},
	{"{\"match\": [{\"class\": \"nobody\"}]}", 1, "nobody"},
	{"[]", 1, "policy"},
	{"", 1, "policy"},
};

static void check_config_says_what_is_wrong(void)
{
	char path[108];
	const char *argv[] = {"npud", "--check-config", "--config", path, NULL};

	harness_path("policy.json", path);
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		harness_write(path, policies[i].text);
		command_run("NPUD", argv, &result);
		if (result.status != policies[i].status)
			harness_fail(__FILE__, __LINE__, "%s: exit status %d: %s", policies[i].text,
				     result.status, result.output);
		REQUIRE_HAS(result.output, policies[i].said);
		REQUIRE(policies[i].status == 0 || strstr(result.output, path));
	}
	harness_path("missing.json", path);
	command_run("NPUD", argv, &result);
	REQUIRE_EQ(result.status, 1);
	REQUIRE_HAS(result.output, "missing.json");
}

static void bad_policy_refuses_to_start(void)
{
	struct daemon daemon;

	daemon_launch(&(struct daemon_options){.config = "{\"version\": 1, \"quota\": 5}"},
		      &daemon);
	REQUIRE_EQ(daemon_wait(&daemon), 3);
	REQUIRE_HAS(daemon_read_log(&daemon), "quota");
}

static uint32_t bos_max(const struct daemon *daemon)
{
	struct client client;
	uint32_t n;

	client_open(daemon, &client);
	n = client.hello.bos_max;
	client_close(&client);
	return n;
}

static void sighup_keeps_the_old_policy_if_the_new_is_bad(void)
{
	struct daemon daemon;
	struct client client;
	struct client_bo bos[3];
	char field[NPU_NAME_MAX];
	const struct request reload = {NPU_OP_POLICY_RELOAD, NULL, 0, NULL, 0};

	daemon_start(
		&(struct daemon_options){
			.config = "{\"version\": 1, \"quota\": {\"bos_per_session\": 2}}"},
		&daemon);
	client_open(&daemon, &client);
	client_bo_new(&client, 4096, &bos[0]);
	harness_write(daemon.config, "{\"version\": 1, \"quota\": {\"bos_per_session\": 0}}");
	daemon_signal(&daemon, SIGHUP);
	daemon_wait_log(&daemon, "policy_kept");
	REQUIRE_EQ(bos_max(&daemon), 2);
	client_refused(&client, &reload, EINVAL, "policy");
	harness_write(daemon.config, "{\"version\": 1, \"quota\": {\"bos_per_session\": 3}}");
	daemon_signal(&daemon, SIGHUP);
	daemon_wait_log(&daemon, "policy_reloaded");
	REQUIRE_EQ(bos_max(&daemon), 3);
	/* It holds for sessions that were there before, too. */
	client_bo_new(&client, 4096, &bos[1]);
	client_bo_new(&client, 4096, &bos[2]);
	REQUIRE_EQ(client_bo_try_new(&client, 4096, 0, &bos[0], field), EDQUOT);
	harness_write(daemon.config, "{\"version\": 1, \"quota\": {\"bos_per_session\": 4}}");
	client_call(&client, &reload, NULL);
	REQUIRE_EQ(bos_max(&daemon), 4);
	daemon_stop(&daemon);
}

/* ---- shortage of descriptors ---- */

#define FEW_DESCRIPTORS 60 /* of which valgrind keeps a dozen for itself */

static void limit_descriptors(void)
{
	struct rlimit limit = {FEW_DESCRIPTORS, FEW_DESCRIPTORS};

	setrlimit(RLIMIT_NOFILE, &limit);
}

static void inv7_out_of_descriptors(void)
{
	static struct client clients[2 * FEW_DESCRIPTORS];
	struct daemon daemon;
	struct client client;
	struct client_bo bo, last = {0};
	unsigned n = 0;
	uint64_t cpu_ns;
	int r;

	harness_needs_soft("an emulated driver takes descriptors as well");
	daemon_start(&(struct daemon_options){.before_exec = limit_descriptors}, &daemon);
	r = client_try_open(&daemon, &client);
	/* The kernel counts them by user, whoever else runs tests as the same. */
	if (r == -ETOOMANYREFS)
		harness_skip("other programs of this user have too many descriptors in flight");
	REQUIRE_EQ(r, 0);
	while (n < 2 * FEW_DESCRIPTORS && client_try_open(&daemon, &clients[n]) == 0)
		n++;
	REQUIRE(n > 0 && n < FEW_DESCRIPTORS);
	/* Nothing spins on the connection that cannot be taken. */
	is_still(&daemon, 200);
	cpu_ns = daemon_cpu_ns(&daemon);
	is_still(&daemon, 500);
	REQUIRE(daemon_cpu_ns(&daemon) - cpu_ns < 100 * MS_NS);
	/* Who is in gets an error for what needs a descriptor, and keeps the session. */
	while (client_bo_try_new(&client, 4096, 0, &bo, NULL) == 0)
		last = bo;
	REQUIRE(daemon_is_alive(&daemon));
	for (unsigned i = 0; i < n; i++)
		client_close(&clients[i]);
	client_bo_close(&client, &last);
	client_bo_new(&client, 4096, &bo);
	while (client_try_open(&daemon, &clients[0]) != 0)
		;
	client_bo_close(&client, &bo);
	client_bo_new(&clients[0], 4096, &bo);
	daemon_stop(&daemon);
}

/* ---- io_uring ---- */

static void refuse_io_uring(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = 4, .filter = filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(126);
}

static void refused_io_uring_falls_back_to_epoll(void)
{
	struct daemon daemon;
	struct client client;
	struct matmul job;
	char *log;

	daemon_start(&(struct daemon_options){.loop = "auto", .before_exec = refuse_io_uring},
		     &daemon);
	log = daemon_read_log(&daemon);
	REQUIRE_HAS(log, "loop=epoll");
	REQUIRE_HAS(log, "io_uring");
	client_open(&daemon, &client);
	matmul_init(&client, 0, 4, 4, &job);
	matmul_check(&client, &job);
	daemon_stop(&daemon);
}

static void refused_io_uring_is_an_error_when_demanded(void)
{
	struct daemon daemon;

	daemon_launch(&(struct daemon_options){.loop = "uring", .before_exec = refuse_io_uring},
		      &daemon);
	REQUIRE_EQ(daemon_wait(&daemon), 3);
	REQUIRE_HAS(daemon_read_log(&daemon), "io_uring");
}

/* ---- systemd ---- */

static void pass_socket(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char pid[16];
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/activated.sock", harness_dir());
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 16) < 0 ||
	    dup2(fd, 3) < 0)
		_exit(126);
	if (fd != 3)
		close(fd);
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_PID", pid, 1);
}

static void socket_activation(void)
{
	struct daemon daemon;
	struct client client;
	struct matmul job;

	/* It listens there and, although a path is given, nowhere else. */
	daemon_start(&(struct daemon_options){.before_exec = pass_socket}, &daemon);
	REQUIRE(access(daemon.socket, F_OK) < 0);
	harness_path("activated.sock", daemon.socket);
	client_open(&daemon, &client);
	matmul_init(&client, 0, 4, 4, &job);
	matmul_check(&client, &job);
	daemon_stop(&daemon);
	/* systemd's socket stays. */
	REQUIRE_EQ(access(daemon.socket, F_OK), 0);
}

static int notify_fd = -1;

static void set_notify_socket(void)
{
	char path[108];

	snprintf(path, sizeof(path), "%s/notify.sock", harness_dir());
	setenv("NOTIFY_SOCKET", path, 1);
}

static void ready_is_announced(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct daemon daemon;
	char text[256] = "";

	notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	harness_path("notify.sock", address.sun_path);
	REQUIRE_EQ(bind(notify_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	daemon_start(&(struct daemon_options){.before_exec = set_notify_socket}, &daemon);
	REQUIRE(recv(notify_fd, text, sizeof(text) - 1, 0) > 0);
	REQUIRE_HAS(text, "READY=1");
	daemon_stop(&daemon);
}

/* Nothing new, and word when the last job has ended; npud is there still. */
static void npuctl_drains(void)
{
	const struct daemon_options options = {.device = "timing"};
	struct job_request request = timed_request(200 * MS_NS, 0);
	const char *argv[] = {"npuctl", "--socket", NULL, "drain", NULL};
	const char *status[] = {"npuctl", "--socket", NULL, "status", NULL};
	struct message reply;
	struct daemon daemon;
	struct client client;

	daemon_start(&options, &daemon);
	client_open(&daemon, &client);
	client_submit(&client, &request, NULL);
	argv[2] = status[2] = daemon.socket;
	command_run("NPUCTL", argv, &result);
	REQUIRE_EQ(result.status, 0);
	REQUIRE_HAS(result.output, "drained: ");
	/* So it had waited for that one. */
	REQUIRE(fence_is_signalled(client.completions));
	client_wait_outcome(&client, 1, NPU_OUTCOME_OK);
	REQUIRE_EQ(client_try_submit(&client, &request, NULL, &reply), ESHUTDOWN);
	REQUIRE_HAS(reply.body.error.message, "was told to drain");
	command_run("NPUCTL", status, &result);
	REQUIRE_EQ(result.status, 0);
	REQUIRE_HAS(result.output, "draining  no new sessions");
	daemon_stop(&daemon);
}

static const struct test_case cases[] = {
	HARNESS_CASE(inv10_idle_daemon_makes_no_syscalls),
	HARNESS_CASE(sigterm_drains),
	HARNESS_CASE(npuctl_drains),
	HARNESS_CASE(second_sigterm_exits_at_once),
	HARNESS_CASE(daemon_killed_and_started_again),
	HARNESS_CASE(socket_in_use),
	HARNESS_CASE(bad_command_lines),
	HARNESS_CASE(check_config_says_what_is_wrong),
	HARNESS_CASE(bad_policy_refuses_to_start),
	HARNESS_CASE(sighup_keeps_the_old_policy_if_the_new_is_bad),
	HARNESS_CASE(inv7_out_of_descriptors),
	HARNESS_CASE(refused_io_uring_falls_back_to_epoll),
	HARNESS_CASE(refused_io_uring_is_an_error_when_demanded),
	HARNESS_CASE(socket_activation),
	HARNESS_CASE(ready_is_announced),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
