/* SPDX-License-Identifier: MIT */
/*
 * What npu-run shows to programs, and that the machine stays as it is: calls that would change
 * /dev are tried as root, in a /dev of the test's own.
 */
#include "tests/system/daemon.h"
#include "tests/system/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static struct daemon start(void)
{
	struct daemon daemon;

	daemon_start(&(struct daemon_options){0}, &daemon);
	return daemon;
}

/* A shell under npu-run. */
static struct command_result run_shell(const struct daemon *daemon, const char *script)
{
	const char *const arguments[] = {"npu-run", "--socket", daemon->socket, "sh", "-c",
					 script,    NULL};
	static struct command_result result;

	command_run("NPU_RUN", arguments, &result);
	return result;
}

static void require_shell(const struct daemon *daemon, const char *script)
{
	struct command_result result = run_shell(daemon, script);

	if (result.status != 0)
		harness_fail(__FILE__, __LINE__, "%s: status %d: %s", script, result.status,
			     result.output);
}

/* ---- a /dev of one's own ---- */

static void make_device(const char *path, unsigned minor_number)
{
	if (mknod(path, S_IFCHR | 0666, makedev(1, minor_number)) < 0)
		harness_skip("%s: %s", path, strerror(errno));
}

/* What this process and its children see as /dev; nobody else does. */
static void enter_private_dev(void)
{
	if (unshare(CLONE_NEWNS) < 0)
		harness_skip("a /dev of one's own takes root: %s", strerror(errno));
	REQUIRE_EQ(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	REQUIRE_EQ(mount("test", "/dev", "tmpfs", 0, "mode=755"), 0);
	make_device("/dev/null", 3);
	make_device("/dev/zero", 5);
	make_device("/dev/random", 8);
	make_device("/dev/urandom", 9);
	REQUIRE_EQ(symlink("/proc/self/fd", "/dev/fd"), 0);
	REQUIRE_EQ(mkdir("/dev/shm", 01777), 0);
	REQUIRE_EQ(mkdir("/dev/dri", 0755), 0);
	make_device("/dev/dri/card0", 3);
	harness_write("/dev/dri/file", "of the host");
	REQUIRE_EQ(symlink("file", "/dev/dri/link"), 0);
}

/* All that can be seen of /dev. */
static struct command_result list_dev(void)
{
	const char *const arguments[] = {
		"sh", "-c", "find /dev -path /dev/shm -prune -o -printf '%p %y %m %U %n %s %T@\\n'",
		NULL};
	static struct command_result result;

	command_run(NULL, arguments, &result);
	REQUIRE_EQ(result.status, 0);
	return result;
}

/* In a folder of its own. */
static void require_case(const struct daemon *daemon, const char *client, const char *name)
{
	const char *const arguments[] = {"npu-run", "--socket", daemon->socket, client, name, NULL};
	static struct command_result result;
	char folder[108];

	harness_path(name, folder);
	REQUIRE(mkdir(folder, 0700) == 0 && chdir(folder) == 0);
	command_run("NPU_RUN", arguments, &result);
	if (result.status != 0)
		harness_fail(__FILE__, __LINE__, "%s %s: status %d: %s", client, name,
			     result.status, result.output);
}

static void run_client(const char *variable)
{
	const char *client = getenv(variable);
	static struct command_result list, before, after;
	const char *const arguments[] = {client, NULL};
	struct daemon daemon;
	char *name, *rest;

	if (!client || !*client)
		harness_skip("%s is not built here", variable);
	enter_private_dev();
	daemon = start();
	before = list_dev();
	REQUIRE_HAS(before.output, "/dev/dri/file f 644");
	command_run(NULL, arguments, &list);
	REQUIRE_EQ(list.status, 0);
	for (name = strtok_r(list.output, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest)) {
		require_case(&daemon, client, name);
		after = list_dev();
		if (strcmp(after.output, before.output) != 0)
			harness_fail(__FILE__, __LINE__, "%s: before:\n%safter:\n%s", name,
				     before.output, after.output);
	}
	daemon_stop(&daemon);
}

static void paths(void)
{
	run_client("DRM_CLIENT_PATHS");
}

static void paths_32_bit(void)
{
	run_client("DRM_CLIENT_PATHS_32");
}

/* ---- the folder of what is shown ---- */

/* npu-run, and a program below it that ends when `input` is closed. */
struct held_run {
	pid_t pid;
	int program_pidfd, input;
	char folder[108]; /* NPU_RUN_ROOT */
};

/* `script` says the program's number and its folder. */
static void held_start(const struct daemon *daemon, const char *script, struct held_run *ret_run)
{
	const char *npu_run = getenv("NPU_RUN");
	int input[2], output[2];
	char *folder;
	long program;
	FILE *said;

	REQUIRE(npu_run && pipe2(input, O_CLOEXEC) == 0 && pipe2(output, O_CLOEXEC) == 0);
	ret_run->pid = fork();
	if (ret_run->pid == 0) {
		dup2(input[0], STDIN_FILENO);
		dup2(output[1], STDOUT_FILENO);
		execl(npu_run, "npu-run", "--socket", daemon->socket, "sh", "-c", script,
		      (char *)NULL);
		_exit(127);
	}
	close(input[0]);
	close(output[1]);
	said = fdopen(output[0], "r");
	REQUIRE(said && fgets(ret_run->folder, sizeof(ret_run->folder), said));
	fclose(said);
	program = strtol(ret_run->folder, &folder, 10);
	folder[strcspn(folder, "\n")] = '\0';
	memmove(ret_run->folder, folder + 1, strlen(folder));
	ret_run->input = input[1];
	ret_run->program_pidfd = (int)syscall(SYS_pidfd_open, program, 0);
	REQUIRE(ret_run->program_pidfd >= 0);
}

static void held_end_program(struct held_run *held)
{
	struct pollfd end = {.fd = held->program_pidfd, .events = POLLIN};

	close(held->input);
	REQUIRE_EQ(poll(&end, 1, -1), 1);
	close(held->program_pidfd);
}

static void folders_of_the_killed_are_removed(void)
{
	static const char script[] = "echo $$ $NPU_RUN_ROOT; read line";
	struct daemon daemon = start();
	struct held_run living, killed;

	REQUIRE_EQ(setenv("XDG_RUNTIME_DIR", harness_dir(), 1), 0);
	held_start(&daemon, script, &living);
	held_start(&daemon, script, &killed);
	REQUIRE_EQ(kill(killed.pid, SIGKILL), 0);
	REQUIRE_EQ(waitpid(killed.pid, NULL, 0), killed.pid);
	/* Its program goes on. */
	require_shell(&daemon, "true");
	REQUIRE_EQ(access(killed.folder, F_OK), 0);
	held_end_program(&killed);
	require_shell(&daemon, "true");
	REQUIRE(access(killed.folder, F_OK) < 0);
	REQUIRE_EQ(access(living.folder, F_OK), 0);
	held_end_program(&living);
	REQUIRE_EQ(waitpid(living.pid, NULL, 0), living.pid);
	REQUIRE(access(living.folder, F_OK) < 0);
	daemon_stop(&daemon);
}

/* A program that lets another go on by itself. */
static void folder_outlives_npu_run(void)
{
	static const char script[] =
		"exec 3<&0; (read line <&3; test -e /dev/dri/card1) >/dev/null 2>&1 &"
		" echo $! $NPU_RUN_ROOT";
	struct daemon daemon = start();
	struct held_run held;

	held_start(&daemon, script, &held);
	REQUIRE_EQ(waitpid(held.pid, NULL, 0), held.pid);
	require_shell(&daemon, "true");
	REQUIRE_EQ(access(held.folder, F_OK), 0);
	held_end_program(&held);
	require_shell(&daemon, "true");
	REQUIRE(access(held.folder, F_OK) < 0);
	daemon_stop(&daemon);
}

static const struct test_case cases[] = {
	{.name = "paths", .run = paths, .timeout_s = 120},
	{.name = "paths_32_bit", .run = paths_32_bit, .timeout_s = 120},
	HARNESS_CASE(folders_of_the_killed_are_removed),
	HARNESS_CASE(folder_outlives_npu_run),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
