/* SPDX-License-Identifier: MIT */
/*
 * Readiness comes by the service manager's protocol, so nothing waits by polling; the daemon's
 * messages go to a file, so that it never waits for a reader.
 */
#include "bench_daemon.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_TIMEOUT_MS 30000

static void path_in(const struct bench_daemon *daemon, const char *name, char ret_path[108])
{
	snprintf(ret_path, 108, "%s/%s", daemon->folder.path, name);
}

/* ---- its files ---- */

static int write_policy(const struct bench_daemon *daemon, const char *policy)
{
	char path[108];
	path_in(daemon, "policy.json", path);
	FILE *file = fopen(path, "we");
	if (!file)
		return -errno;
	int result = fputs(policy, file) < 0 ? -EIO : 0;
	return fclose(file) == 0 ? result : -EIO;
}

/* The last line that the daemon wrote, without its newline. */
static void read_last_words(const struct bench_daemon *daemon, char *ret_text, size_t size)
{
	char path[108], line[512];
	path_in(daemon, "log", path);
	snprintf(ret_text, size, "it said nothing");
	FILE *file = fopen(path, "re");
	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		snprintf(ret_text, size, "%s", line);
	}
	fclose(file);
}

/* ---- start ---- */

static int open_notify(const struct bench_daemon *daemon, int *ret_fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	path_in(daemon, "notify", address.sun_path);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int result = -errno;
		close(fd);
		return result;
	}
	*ret_fd = fd;
	return 0;
}

/* In the child. */
static void become_npud(const struct bench_daemon *daemon, const struct bench_daemon_args *args,
			pid_t parent)
{
	char program[4096], notify[108], log[108], policy[108];
	path_in(daemon, "notify", notify);
	path_in(daemon, "log", log);
	path_in(daemon, "policy.json", policy);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	setenv("NOTIFY_SOCKET", notify, 1);
	int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
		_exit(1);
	cli_find_program("npud", program, sizeof(program));
	execlp(program, "npud", "--device", args->device, "--socket", daemon->socket, "--config",
	       policy, "--loop", args->loop ? args->loop : "auto", "--log-level", "warning",
	       (char *)NULL);
	dprintf(STDERR_FILENO, "cannot run %s: %s\n", program, strerror(errno));
	_exit(1);
}

/* True once READY=1 has come; false when the daemon ended, or the time is over. */
static bool wait_ready(const struct bench_daemon *daemon, int notify_fd)
{
	char message[256];
	int pidfd = (int)syscall(SYS_pidfd_open, daemon->pid, 0);
	struct pollfd pollfds[] = {{.fd = notify_fd, .events = POLLIN},
				   {.fd = pidfd, .events = POLLIN}};
	bool is_ready = false;
	while (!is_ready && poll(pollfds, 2, START_TIMEOUT_MS) > 0 && pollfds[0].revents) {
		ssize_t n = recv(notify_fd, message, sizeof(message) - 1, 0);
		message[n > 0 ? n : 0] = '\0';
		is_ready = strstr(message, "READY=1") != NULL;
	}
	if (pidfd >= 0)
		close(pidfd);
	return is_ready;
}

static enum cli_status start_failed(struct bench_daemon *daemon)
{
	char words[512];
	read_last_words(daemon, words, sizeof(words));
	if (daemon->pid > 0) {
		kill(daemon->pid, SIGKILL);
		waitpid(daemon->pid, NULL, 0);
	}
	scratch_deinit(&daemon->folder);
	*daemon = (struct bench_daemon){0};
	return cli_error(CLI_NO_DAEMON, "cannot start npud: %s", words);
}

enum cli_status bench_daemon_start(const struct bench_daemon_args *args,
				   struct bench_daemon *ret_daemon)
{
	int notify_fd = -1;
	pid_t parent = getpid();
	struct bench_daemon *daemon = ret_daemon;
	*daemon = (struct bench_daemon){0};
	if (args->socket_path) {
		snprintf(daemon->socket, sizeof(daemon->socket), "%s", args->socket_path);
		return CLI_OK;
	}
	int result = scratch_init(getenv("TMPDIR"), "npu-bench", &daemon->folder);
	if (result < 0)
		return cli_error(CLI_NO_DAEMON,
				 "cannot make a folder for npud, in $TMPDIR or /tmp: %s; one of "
				 "them must be writable",
				 strerror(-result));
	path_in(daemon, "npud.sock", daemon->socket);
	result = write_policy(daemon, args->policy);
	if (result == 0)
		result = open_notify(daemon, &notify_fd);
	if (result < 0) {
		cli_error(CLI_NO_DAEMON, "%s: %s", daemon->folder.path, strerror(-result));
		scratch_deinit(&daemon->folder);
		return CLI_NO_DAEMON;
	}
	daemon->pid = fork();
	if (daemon->pid == 0)
		become_npud(daemon, args, parent);
	bool is_ready = daemon->pid > 0 && wait_ready(daemon, notify_fd);
	close(notify_fd);
	return is_ready ? CLI_OK : start_failed(daemon);
}

enum cli_status bench_daemon_stop(struct bench_daemon *daemon)
{
	int status = 0;
	char words[512];
	if (daemon->pid == 0)
		return CLI_OK;
	kill(daemon->pid, SIGTERM);
	waitpid(daemon->pid, &status, 0);
	read_last_words(daemon, words, sizeof(words));
	scratch_deinit(&daemon->folder);
	*daemon = (struct bench_daemon){0};
	if (status == 0)
		return CLI_OK;
	return cli_error(CLI_FAILED, "npud ended with %s %d: %s",
			 WIFSIGNALED(status) ? "signal" : "status",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), words);
}

/* ---- what it uses ---- */

/* Adds up the lines of a /proc file that begin with `key`, in KiB. -ENOENT: there are none. */
static int sum_kib(pid_t pid, const char *name, const char *key, uint64_t *ret_kib)
{
	char path[64], line[256];
	uint64_t sum = 0;
	int result = -ENOENT;
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	FILE *file = fopen(path, "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		const char *colon = strchr(line, ':');
		if (strncmp(line, key, strlen(key)) != 0 || !colon)
			continue;
		sum += strtoull(colon + 1, NULL, 10);
		result = 0;
	}
	fclose(file);
	if (result == 0)
		*ret_kib = sum;
	return result;
}

int bench_daemon_memory(const struct bench_daemon *daemon, uint64_t *ret_bytes)
{
	uint64_t kib = 0;
	int result = sum_kib(daemon->pid, "smaps_rollup", "Private_", &kib);
	if (result < 0)
		result = sum_kib(daemon->pid, "status", "VmRSS", &kib);
	if (result == 0)
		*ret_bytes = kib * 1024;
	return result;
}

int bench_daemon_fds(const struct bench_daemon *daemon, uint64_t *ret_fds)
{
	char path[64];
	uint64_t n = 0;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)daemon->pid);
	DIR *folder = opendir(path);
	if (!folder)
		return -errno;
	for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
		n += entry->d_name[0] != '.';
	closedir(folder);
	*ret_fds = n;
	return 0;
}
