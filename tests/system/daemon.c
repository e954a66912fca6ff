/* SPDX-License-Identifier: MIT */
/*
 * Waiting is done on what happens: inotify tells of a new log line, the pidfd of the end.
 */
#include "daemon.h"
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS_MAX 28
#define PATIENCE_MS   60000

static const char *program_path(const char *variable, const char *fallback)
{
	const char *path = getenv(variable);

	return path && *path ? path : fallback;
}

static const char *loop_name(const struct daemon_options *options)
{
	const char *loop = options->loop ? options->loop : getenv("NPU_TEST_LOOP");

	return loop && *loop ? loop : "auto";
}

/* Where a test does not care. */
static const char *device_name(void)
{
	return program_path("NPU_TEST_DEVICE", "soft");
}

/* What runs programs of another architecture; it has no filters. NULL: they are of this one. */
static const char *emulator(void)
{
	const char *path = getenv("MESON_EXE_WRAPPER");

	return path && *path ? path : NULL;
}

static void fill_arguments(const struct daemon_options *options, struct daemon *daemon,
			   const char **argv)
{
	unsigned n = 0;

	argv[n++] = program_path(options->program ? options->program : "NPUD", "npud");
	argv[n++] = "--device";
	argv[n++] = options->device ? options->device : device_name();
	argv[n++] = "--loop";
	argv[n++] = loop_name(options);
	argv[n++] = "--log-level";
	argv[n++] = options->log_level ? options->log_level : "debug";
	/* What the filter does not allow ends the daemon, and the case with it. */
	argv[n++] = "--sandbox";
	argv[n++] = emulator() ? "off" : "kill";
	if (!options->without_socket) {
		argv[n++] = "--socket";
		argv[n++] = daemon->socket;
	}
	if (options->config) {
		argv[n++] = "--config";
		argv[n++] = daemon->config;
	}
	for (unsigned i = 0; i < 8 && options->arguments[i]; i++)
		argv[n++] = options->arguments[i];
	argv[n] = NULL;
}

static _Noreturn void exec_program(const char *const *argv, int out_fd, int error_fd)
{
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const char *emulated[ARGUMENTS_MAX + 1] = {emulator()};

	for (unsigned i = 0; i < ARGUMENTS_MAX - 1 && argv[i]; i++)
		emulated[i + 1] = argv[i];
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_DFL);
	dup2(null_fd, 0);
	dup2(out_fd, 1);
	dup2(error_fd, 2);
	if (emulator() && strchr(argv[0], '/'))
		argv = emulated;
	execvp(argv[0], (char *const *)argv);
	dprintf(2, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* High up, so that before_exec() may put descriptors where systemd would. */
static int open_log(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	int high = fcntl(fd, F_DUPFD_CLOEXEC, 20);

	REQUIRE(high >= 0);
	close(fd);
	return high;
}

void daemon_launch(const struct daemon_options *options, struct daemon *ret_daemon)
{
	static const struct daemon_options defaults;
	const char *argv[ARGUMENTS_MAX], *name;
	char file[64];
	int log_fd;

	options = options ? options : &defaults;
	name = options->name ? options->name : "npud";
	*ret_daemon = (struct daemon){.pid = -1, .pidfd = -1};
	snprintf(file, sizeof(file), "%s.sock", name);
	harness_path(file, ret_daemon->socket);
	snprintf(file, sizeof(file), "%s.log", name);
	harness_path(file, ret_daemon->log);
	if (options->config) {
		snprintf(file, sizeof(file), "%s.json", name);
		harness_path(file, ret_daemon->config);
		harness_write(ret_daemon->config, options->config);
	}
	fill_arguments(options, ret_daemon, argv);
	log_fd = open_log(ret_daemon->log);
	/* Clients of other users go through it. */
	REQUIRE_EQ(chmod(harness_dir(), 0755), 0);
	/* What a program under test leaves in such files goes with the case. */
	setenv("TMPDIR", harness_dir(), 1);
	ret_daemon->pid = fork();
	if (ret_daemon->pid == 0) {
		if (options->before_exec)
			options->before_exec();
		exec_program(argv, log_fd, log_fd);
	}
	close(log_fd);
	REQUIRE(ret_daemon->pid > 0);
	ret_daemon->pidfd = (int)syscall(SYS_pidfd_open, ret_daemon->pid, 0);
	REQUIRE(ret_daemon->pidfd >= 0);
}

void daemon_start(const struct daemon_options *options, struct daemon *ret_daemon)
{
	daemon_launch(options, ret_daemon);
	daemon_wait_log(ret_daemon, "npud: ready\n");
}

void daemon_signal(const struct daemon *daemon, int signal_number)
{
	REQUIRE_EQ(kill(daemon->pid, signal_number), 0);
}

int daemon_wait(struct daemon *daemon)
{
	struct pollfd poll_fd = {.fd = daemon->pidfd, .events = POLLIN};
	siginfo_t info = {0};

	REQUIRE_EQ(poll(&poll_fd, 1, PATIENCE_MS), 1);
	REQUIRE_EQ(waitid(P_PID, (id_t)daemon->pid, &info, WEXITED), 0);
	close(daemon->pidfd);
	daemon->pidfd = -1;
	daemon->pid = -1;
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

void daemon_stop(struct daemon *daemon)
{
	daemon_signal(daemon, SIGTERM);
	REQUIRE_EQ(daemon_wait(daemon), 0);
}

char *daemon_read_log(const struct daemon *daemon)
{
	int fd = open(daemon->log, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t size;
	char *text;

	REQUIRE(fd >= 0 && fstat(fd, &st) == 0);
	text = malloc((size_t)st.st_size + 1);
	REQUIRE(text != NULL);
	size = read(fd, text, (size_t)st.st_size);
	REQUIRE(size >= 0);
	text[size] = '\0';
	close(fd);
	return text;
}

static bool log_has(const struct daemon *daemon, const char *text)
{
	char *log = daemon_read_log(daemon);
	bool has = strstr(log, text) != NULL;

	free(log);
	return has;
}

bool daemon_is_alive(const struct daemon *daemon)
{
	struct pollfd poll_fd = {.fd = daemon->pidfd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) == 0;
}

/* True when the log has `text`, false when npud has ended without saying it. */
static bool wait_log(const struct daemon *daemon, const char *text)
{
	bool has_text;

	struct pollfd poll_fds[2] = {
		{.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), .events = POLLIN},
		{.fd = daemon->pidfd, .events = POLLIN}};
	char events[4096];

	REQUIRE(inotify_add_watch(poll_fds[0].fd, daemon->log, IN_MODIFY) >= 0);
	while (!(has_text = log_has(daemon, text)) && !poll_fds[1].revents) {
		if (poll(poll_fds, 2, PATIENCE_MS) <= 0)
			harness_fail(__FILE__, __LINE__, "the log never said \"%s\"", text);
		while (read(poll_fds[0].fd, events, sizeof(events)) > 0)
			;
	}
	close(poll_fds[0].fd);
	return has_text;
}

void daemon_wait_log(const struct daemon *daemon, const char *text)
{
	if (!wait_log(daemon, text))
		harness_fail(__FILE__, __LINE__, "npud ended before it said \"%s\"", text);
}

bool daemon_try_ready(const struct daemon *daemon)
{
	return wait_log(daemon, "npud: ready\n");
}

static uint64_t read_status_field(const char *path, const char *field)
{
	char line[256];
	uint64_t value = 0;
	FILE *file = fopen(path, "re");

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, field, strlen(field)) == 0)
			value += strtoull(line + strlen(field), NULL, 10);
	fclose(file);
	return value;
}

unsigned daemon_count_fds(const struct daemon *daemon)
{
	char path[64];
	unsigned n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", daemon->pid);
	dir = opendir(path);
	REQUIRE(dir != NULL);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

uint64_t daemon_rss_bytes(const struct daemon *daemon)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", daemon->pid);
	/* Anonymous memory only: what clients put into their BOs is not the daemon's own. */
	return read_status_field(path, "RssAnon:") * 1024;
}

static uint64_t sum_threads(const struct daemon *daemon, uint64_t (*read_thread)(const char *))
{
	char path[64], thread[512];
	uint64_t sum = 0;
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", daemon->pid);
	dir = opendir(path);
	REQUIRE(dir != NULL);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(thread, sizeof(thread), "%s/%s", path, entry->d_name);
		sum += read_thread(thread);
	}
	closedir(dir);
	return sum;
}

static uint64_t thread_switches(const char *thread)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/status", thread);
	return read_status_field(path, "voluntary_ctxt_switches:") +
	       read_status_field(path, "nonvoluntary_ctxt_switches:");
}

static uint64_t thread_cpu_ns(const char *thread)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/schedstat", thread);
	return read_status_field(path, "");
}

uint64_t daemon_switches(const struct daemon *daemon)
{
	return sum_threads(daemon, thread_switches);
}

uint64_t daemon_cpu_ns(const struct daemon *daemon)
{
	return sum_threads(daemon, thread_cpu_ns);
}

void command_run(const char *variable, const char *const *argv, struct command_result *ret_result)
{
	const char *arguments[ARGUMENTS_MAX] = {variable ? program_path(variable, argv[0])
							 : argv[0]};
	int fds[2], status;
	size_t size = 0;
	ssize_t n;
	pid_t pid;

	for (unsigned i = 1; i < ARGUMENTS_MAX - 1 && argv[i]; i++)
		arguments[i] = argv[i];
	REQUIRE_EQ(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		exec_program(arguments, fds[1], fds[1]);
	REQUIRE(pid > 0);
	close(fds[1]);
	while (size < COMMAND_OUTPUT_MAX - 1 &&
	       (n = read(fds[0], ret_result->output + size, COMMAND_OUTPUT_MAX - 1 - size)) > 0)
		size += (size_t)n;
	ret_result->output[size] = '\0';
	close(fds[0]);
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	ret_result->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
