/* SPDX-License-Identifier: MIT */
/*
 * What the daemon may do, who it is, and where it listens. That it gets by with so little, all
 * other system tests show: they run it with --sandbox kill.
 */
#include "client.h"
#include "harness.h"
#include "streams.h"

#include <dirent.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CAP_SYS_PTRACE_BIT (1ull << 19)

static struct command_result result;

/* The hexadecimal or decimal number behind "FIELD:" in a status file of /proc. */
static uint64_t status_field(const char *path, const char *field, int base)
{
	char line[256];
	uint64_t value = UINT64_MAX;
	FILE *file = fopen(path, "re");

	if (!file)
		harness_fail(__FILE__, __LINE__, "/proc cannot be read");
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, field, strlen(field)) == 0)
			value = strtoull(line + strlen(field), NULL, base);
	fclose(file);
	return value;
}

/* Of every thread: a filter that some of them don't have is none. */
static void require_confined(const struct daemon *daemon)
{
	char path[64], status[400];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", daemon->pid);
	dir = opendir(path);
	REQUIRE(dir != NULL);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(status, sizeof(status), "%s/%s/status", path, entry->d_name);
		REQUIRE_EQ(status_field(status, "NoNewPrivs:", 10), 1);
		REQUIRE_EQ(status_field(status, "CapPrm:", 16) & ~CAP_SYS_PTRACE_BIT, 0);
		REQUIRE_EQ(status_field(status, "CapEff:", 16) & ~CAP_SYS_PTRACE_BIT, 0);
		REQUIRE_EQ(status_field(status, "CapInh:", 16), 0);
		REQUIRE_EQ(status_field(status, "CapAmb:", 16), 0);
		REQUIRE_EQ(status_field(status, "Seccomp:", 10),
			   harness_is_sanitized_by("address") || harness_is_sanitized_by("thread")
				   ? 0
				   : 2);
	}
	closedir(dir);
}

static void run_a_job(const struct daemon *daemon)
{
	struct client client;
	struct matmul job;

	client_open(daemon, &client);
	matmul_init(&client, 0, 2, 3, &job);
	matmul_check(&client, &job);
	client_close(&client);
}

static void keeps_no_more_than_it_needs(void)
{
	struct daemon daemon;

	daemon_start(NULL, &daemon);
	require_confined(&daemon);
	daemon_stop(&daemon);
}

static void name_socket_in_environment(void)
{
	char path[108];

	harness_path("npud.sock", path);
	setenv("NPU_SOCKET", path, 1);
}

/* Where it listens by default is decided before. */
static void root_becomes_another_user(void)
{
	const struct passwd *user = getpwnam("nobody");
	struct daemon daemon;
	char status[64];

	if (geteuid() != 0)
		harness_skip("only root can become another user");
	if (!user)
		harness_skip("there is no user nobody");
	REQUIRE_EQ(chmod(harness_dir(), 0777), 0);
	daemon_launch(&(struct daemon_options){.config = "{\"version\": 1}",
					       .before_exec = name_socket_in_environment,
					       .without_socket = true,
					       .arguments = {"--user", "nobody"}},
		      &daemon);
	REQUIRE_EQ(chmod(harness_dir(), 0777), 0);
	daemon_wait_log(&daemon, "npud: ready\n");
	snprintf(status, sizeof(status), "/proc/%d/status", daemon.pid);
	REQUIRE_EQ(status_field(status, "Uid:", 10), user->pw_uid);
	REQUIRE_EQ(status_field(status, "Gid:", 10), user->pw_gid);
	require_confined(&daemon);
	run_a_job(&daemon);
	daemon_signal(&daemon, SIGHUP);
	daemon_wait_log(&daemon, "policy_reloaded");
	daemon_stop(&daemon);
	REQUIRE(access(daemon.socket, F_OK) < 0);
}

static void unknown_user_is_refused(void)
{
	struct daemon daemon;

	daemon_launch(&(struct daemon_options){.arguments = {"--user", "no-such-user"}}, &daemon);
	REQUIRE_EQ(daemon_wait(&daemon), 3);
	REQUIRE_HAS(daemon_read_log(&daemon), "no-such-user: there is no such user");
}

/* Names in the policy need the directory of users, also when the filter is there. */
static void reload_finds_users_and_groups(void)
{
	struct daemon daemon;

	daemon_start(&(struct daemon_options){.config = "{\"version\": 1}"}, &daemon);
	harness_write(daemon.config, "{\"version\": 1, \"admin_group\": \"root\", \"classes\":"
				     " {\"a\": {}}, \"match\": [{\"uid\": \"root\", \"class\":"
				     " \"a\"}, {\"class\": \"a\"}]}");
	daemon_signal(&daemon, SIGHUP);
	daemon_wait_log(&daemon, "policy_reloaded");
	harness_write(daemon.config, "{\"version\": 1, \"admin_group\": \"no-such-group\"}");
	daemon_signal(&daemon, SIGHUP);
	daemon_wait_log(&daemon, "no-such-group");
	daemon_stop(&daemon);
}

/* ---- where it listens ---- */

/* Two tenants, each with a socket of its own; the policy tells them apart by it. */
static void write_tenants(const char *path, const char *first, const char *second)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "{\"version\": 1, \"classes\": {\"camera\": {\"quota\": {\"bos_per_session\": "
		 "3}}, \"batch\": {\"kind\":"
		 " \"background\"}, \"other\": {}}, \"match\": ["
		 "{\"socket\": \"%s\", \"class\": \"camera\"},"
		 "{\"socket\": \"%s\", \"class\": \"batch\"}, {\"class\": \"other\"}]}",
		 first, second);
	harness_write(path, text);
}

static void require_class(struct daemon *daemon, const char *socket, const char *class_name)
{
	struct daemon there = *daemon;
	struct client client;

	snprintf(there.socket, sizeof(there.socket), "%s", socket);
	client_open(&there, &client);
	if (strcmp(client.hello.class_name, class_name) != 0)
		harness_fail(__FILE__, __LINE__, "%s: class %s, not %s", socket,
			     client.hello.class_name, class_name);
	client_close(&client);
	run_a_job(&there);
}

/* Limits of its own, which are also told. */
static unsigned bos_max(struct daemon *daemon, const char *socket)
{
	struct daemon there = *daemon;
	struct client client;
	struct client_bo bo;
	unsigned n = 0;

	snprintf(there.socket, sizeof(there.socket), "%s", socket);
	client_open(&there, &client);
	while (client_bo_try_new(&client, 4096, 0, &bo, NULL) == 0) {
		munmap(bo.map, bo.size);
		n++;
	}
	REQUIRE_EQ(client.hello.bos_max, n);
	client_close(&client);
	return n;
}

static void one_socket_per_tenant(void)
{
	char camera[108], batch[108], config[108];
	struct daemon daemon;

	harness_path("camera.sock", camera);
	harness_path("batch.sock", batch);
	harness_path("tenants.json", config);
	write_tenants(config, camera, batch);
	daemon_start(&(struct daemon_options){.arguments = {"--socket", camera, "--socket", batch,
							    "--config", config}},
		     &daemon);
	require_class(&daemon, camera, "camera");
	require_class(&daemon, batch, "batch");
	require_class(&daemon, daemon.socket, "other");
	REQUIRE_EQ(bos_max(&daemon, camera), 3);
	REQUIRE_EQ(bos_max(&daemon, batch), 1024);
	daemon_stop(&daemon);
	REQUIRE(access(camera, F_OK) < 0 && access(batch, F_OK) < 0);
}

static void pass_two_sockets(void)
{
	char pid[16];

	for (int i = 0; i < 2; i++) {
		struct sockaddr_un address = {.sun_family = AF_UNIX};
		int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

		snprintf(address.sun_path, sizeof(address.sun_path), "%s/activated-%d.sock",
			 harness_dir(), i);
		if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		    listen(fd, 16) < 0 || dup2(fd, 3 + i) < 0)
			_exit(126);
		if (fd != 3 + i)
			close(fd);
	}
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("LISTEN_FDS", "2", 1);
	setenv("LISTEN_PID", pid, 1);
}

static void several_activated_sockets(void)
{
	char first[108], second[108], config[108];
	struct daemon daemon;

	harness_path("activated-0.sock", first);
	harness_path("activated-1.sock", second);
	harness_path("tenants.json", config);
	write_tenants(config, first, second);
	daemon_start(&(struct daemon_options){.before_exec = pass_two_sockets,
					      .arguments = {"--config", config}},
		     &daemon);
	require_class(&daemon, first, "camera");
	require_class(&daemon, second, "batch");
	daemon_stop(&daemon);
}

static void socket_that_cannot_be_made(void)
{
	char missing[108], directory[108], file[108];
	const struct {
		const char *path, *said;
		int status;
	} paths[] = {
		{"", "path of a socket", 2},
		{missing, "directory does not exist", 3},
		{directory, "not a socket", 3},
		{file, "not a socket", 3},
	};

	harness_path("nowhere/npud.sock", missing);
	harness_path("directory", directory);
	harness_path("file", file);
	REQUIRE_EQ(mkdir(directory, 0700), 0);
	harness_write(file, "");
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const char *argv[] = {"npud", "--socket", paths[i].path, NULL};

		command_run("NPUD", argv, &result);
		REQUIRE_EQ(result.status, paths[i].status);
		REQUIRE_HAS(result.output, paths[i].said);
		REQUIRE_HAS(result.output, paths[i].path);
	}
	REQUIRE_EQ(access(file, F_OK), 0);
}

/* The shipped unit, judged by systemd's own rules: "OK" is an exposure below 4. */
static void unit_is_hardened(void)
{
	const char *unit = getenv("NPUD_UNIT");
	const char *version[] = {"systemd-analyze", "--version", NULL};
	const char *security[] = {"systemd-analyze",
				  "security",
				  "--offline=true",
				  "--no-pager",
				  "--threshold=40",
				  unit,
				  NULL};

	command_run(NULL, version, &result);
	if (result.status != 0)
		harness_skip("there is no systemd-analyze");
	command_run(NULL, security, &result);
	if (strstr(result.output, "unrecognized option"))
		harness_skip("this systemd-analyze can't judge a file");
	if (result.status != 0)
		harness_fail(__FILE__, __LINE__, "%s", result.output);
	REQUIRE_HAS(result.output, " OK ");
}

static const struct test_case cases[] = {
	HARNESS_CASE(unit_is_hardened),
	HARNESS_CASE(keeps_no_more_than_it_needs),
	HARNESS_CASE(root_becomes_another_user),
	HARNESS_CASE(unknown_user_is_refused),
	HARNESS_CASE(reload_finds_users_and_groups),
	HARNESS_CASE(one_socket_per_tenant),
	HARNESS_CASE(several_activated_sockets),
	HARNESS_CASE(socket_that_cannot_be_made),
};

int main(int argc, char **argv)
{
	return harness_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
