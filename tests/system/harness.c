/* SPDX-License-Identifier: MIT */
/*
 * One child per case, so that a failing case needs no cleaning up: its process group is killed and
 * its directory removed from outside.
 */
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STATUS_SKIPPED	   77
#define SKIP_FILE	   "skipped" /* the reason */
#define TIMEOUT_DEFAULT_S  60
#define SANITIZER_SLOWDOWN 4
#define DRIVER_SLOWDOWN	   3

static char case_dir[64];

const char *harness_dir(void)
{
	return case_dir;
}

void harness_path(const char *name, char *ret_path)
{
	REQUIRE(snprintf(ret_path, 108, "%s/%s", case_dir, name) < 108);
}

void harness_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	REQUIRE(fd >= 0);
	REQUIRE_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

void harness_skip(const char *format, ...)
{
	char path[108], reason[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	harness_path(SKIP_FILE, path);
	harness_write(path, reason);
	_exit(STATUS_SKIPPED);
}

void harness_fail(const char *file, int line, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fprintf(stderr, "%s:%d: ", file, line);
	vfprintf(stderr, format, arguments);
	fprintf(stderr, "\n");
	va_end(arguments);
	_exit(1);
}

bool harness_has_device(const char *name)
{
	const char *device = getenv("NPU_TEST_DEVICE");

	return strcmp(device && *device ? device : "soft", name) == 0;
}

bool harness_has_soft(void)
{
	return harness_has_device("soft");
}

void harness_skip_on(const char *device, const char *reason)
{
	if (harness_has_device(device))
		harness_skip("%s: %s", device, reason);
}

void harness_needs_soft(const char *reason)
{
	if (!harness_has_soft())
		harness_skip("%s", reason);
}

bool harness_driver_misbehaves(void)
{
	const char *personality = getenv("NPU_PERSONALITY");

	return personality && *personality;
}

/* What npud runs under, valgrind too; NULL: at full speed. */
static const char *find_sanitizer(void)
{
	const char *value = getenv("NPU_TEST_SANITIZED");

	if (getenv("NPU_TEST_VALGRIND"))
		return "valgrind";
	return value && *value && strcmp(value, "none") != 0 ? value : NULL;
}

bool harness_is_sanitized(void)
{
	return find_sanitizer() != NULL;
}

bool harness_is_sanitized_by(const char *sanitizer)
{
	const char *value = find_sanitizer();

	return value && strstr(value, sanitizer);
}

uint64_t harness_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

uint32_t harness_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*state >> 33);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void print_log(const char *path)
{
	char line[512];
	FILE *file = fopen(path, "re");

	if (!file)
		return;
	fprintf(stderr, "---- %s\n", path);
	while (fgets(line, sizeof(line), file))
		fputs(line, stderr);
	fprintf(stderr, "----\n");
	fclose(file);
}

static void print_logs(void)
{
	DIR *dir = opendir(case_dir);
	struct dirent *entry;
	char path[512];

	while (dir && (entry = readdir(dir))) {
		if (!strstr(entry->d_name, ".log"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", case_dir, entry->d_name);
		print_log(path);
	}
	if (dir)
		closedir(dir);
}

/* Waits for the child; its wait status, or -ETIMEDOUT. It stays a zombie so that its group lives.
 */
static int wait_case(pid_t pid, unsigned timeout_s)
{
	struct pollfd poll_fd = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
	siginfo_t info = {0};
	int r = poll(&poll_fd, 1, (int)timeout_s * 1000);

	close(poll_fd.fd);
	if (r <= 0)
		return -ETIMEDOUT;
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

static pid_t start_case(const struct test_case *test)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid != 0) {
		setpgid(pid, pid);
		return pid;
	}
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	test->run();
	fflush(stdout);
	_exit(0);
}

/* One line of TAP; what went wrong is on stderr already. */
static bool report_case(const struct test_case *test, size_t number, int status)
{
	char path[108], reason[256] = "";
	FILE *file;

	if (status == STATUS_SKIPPED) {
		harness_path(SKIP_FILE, path);
		file = fopen(path, "re");
		if (file && fgets(reason, sizeof(reason), file))
			printf("ok %zu - %s # SKIP %s\n", number, test->name, reason);
		if (file)
			fclose(file);
		return reason[0] != '\0';
	}
	printf("%sok %zu - %s\n", status == 0 ? "" : "not ", number, test->name);
	return status == 0;
}

static bool run_case(const struct test_case *test, size_t number)
{
	unsigned timeout_s = test->timeout_s ? test->timeout_s : TIMEOUT_DEFAULT_S;
	bool is_good;
	pid_t pid;
	int status;

	if (harness_is_sanitized())
		timeout_s *= SANITIZER_SLOWDOWN;
	/* In a driver's one address space the hanging stop everybody else. */
	if (!harness_has_soft())
		timeout_s *= DRIVER_SLOWDOWN;
	snprintf(case_dir, sizeof(case_dir), "/tmp/npud-test-XXXXXX");
	if (!mkdtemp(case_dir))
		return false;
	fflush(stdout);
	pid = start_case(test);
	status = wait_case(pid, timeout_s);
	kill(-pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (status == -ETIMEDOUT)
		fprintf(stderr, "%s: not over after %u s\n", test->name, timeout_s);
	else if (status > 128)
		fprintf(stderr, "%s: killed by signal %d\n", test->name, status - 128);
	else if (status != 0 && status != STATUS_SKIPPED)
		fprintf(stderr, "%s: failed\n", test->name);
	if (status != 0 && status != STATUS_SKIPPED)
		print_logs();
	is_good = report_case(test, number, status);
	nftw(case_dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	return is_good;
}

static bool is_wanted(const char *name, int argc, char **argv)
{
	if (argc < 2)
		return true;
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return false;
}

/* Why the loop that is asked for cannot be had here; NULL when it can. */
static const char *missing_loop(void)
{
	unsigned char parameters[256] = {0}; /* struct io_uring_params is smaller */
	const char *loop = getenv("NPU_TEST_LOOP");
	int fd;

	if (!loop || strcmp(loop, "uring") != 0)
		return NULL;
	fd = (int)syscall(SYS_io_uring_setup, 1, parameters);
	if (fd < 0)
		return strerror(errno);
	close(fd);
	return NULL;
}

int harness_main(int argc, char **argv, const struct test_case *cases, size_t n)
{
	size_t n_run = 0, n_failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	if (missing_loop()) {
		printf("1..0 # SKIP io_uring: %s\n", missing_loop());
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		if (!is_wanted(cases[i].name, argc, argv))
			continue;
		n_failed += !run_case(&cases[i], ++n_run);
	}
	printf("1..%zu\n", n_run);
	return n_failed > 0 || n_run == 0;
}
