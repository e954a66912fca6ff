/* SPDX-License-Identifier: MIT */
/*
 * The filter itself: what it stops, and how, each tried in a process of its own.
 */
#include "daemon/sandbox.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void try_exec(void)
{
	execl("/bin/true", "true", (char *)NULL);
}

static void try_network(void)
{
	socket(AF_INET, SOCK_STREAM, 0);
}

static void try_ptrace(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static void try_ring(void)
{
	syscall(SYS_io_uring_setup, 1, NULL);
}

static void try_code(void)
{
	mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void try_code_later(void)
{
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static void try_other_memory(void)
{
	syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0);
}

static void try_kill_others(void)
{
	kill(getppid(), 0);
}

static void try_mount(void)
{
	syscall(SYS_mount, "none", "/nowhere", "tmpfs", 0, NULL);
}

static void try_identity(void)
{
	(void)!setuid(0);
}

static void try_other_device(void)
{
	ioctl(STDIN_FILENO, _IO('v', 0));
}

static void (*const forbidden[])(void) = {
	try_exec,  try_network,	   try_ptrace,	     try_ring,
	try_code,  try_code_later, try_other_memory, try_kill_others,
	try_mount, try_identity,   try_other_device,
};

/* What the daemon does all the time. */
static void try_daily_work(void)
{
	int fds[2], fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (fd < 0 || page == MAP_FAILED || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) < 0)
		_exit(1);
	munmap(page, 4096);
	free(malloc(1 << 20));
	close(fd);
}

/* All of DRM's nodes have calls of one type, the vendor's own node has another. */
static void try_driver_calls(void)
{
	static const unsigned char types[] = {'d', 'r'};

	for (size_t i = 0; i < sizeof(types); i++) {
		if (ioctl(STDIN_FILENO, _IO(types[i], 0)) == 0)
			_exit(1);
	}
}

/* The wait status of a process that enters the sandbox and tries. */
static int try_behind_filter(enum sandbox_mode mode, void (*try)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (sandbox_drop_capabilities() < 0 || sandbox_enter(mode) < 0)
			_exit(2);
		try();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

START_TEST(kills)
{
	int status = try_behind_filter(SANDBOX_KILL, forbidden[_i]);

	if (!sandbox_has_filter())
		return;
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "call %d: status %#x", _i,
		      status);
}
END_TEST

START_TEST(logs_and_lets_go_on)
{
	int status = try_behind_filter(SANDBOX_LOG, forbidden[_i]);

	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "call %d: status %#x", _i,
		      status);
}
END_TEST

START_TEST(allows_daily_work)
{
	int status = try_behind_filter(SANDBOX_KILL, try_daily_work);

	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", status);
}
END_TEST

START_TEST(allows_calls_of_drivers)
{
	int status = try_behind_filter(SANDBOX_KILL, try_driver_calls);

	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", status);
}
END_TEST

/* A failed assertion must end in a core dump, not in a line about a system call. */
START_TEST(allows_abort)
{
	int status = try_behind_filter(SANDBOX_KILL, abort);

	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
END_TEST

/* A thread that runs before the filter is there, and tries when it is. */
struct older_thread {
	pthread_t thread;
	pthread_mutex_t lock;
};

static void *wait_and_try(void *context)
{
	struct older_thread *older = context;

	pthread_mutex_lock(&older->lock);
	try_network();
	pthread_mutex_unlock(&older->lock);
	return NULL;
}

static void enter_beside_thread(void)
{
	struct older_thread older = {.lock = PTHREAD_MUTEX_INITIALIZER};

	pthread_mutex_lock(&older.lock);
	if (pthread_create(&older.thread, NULL, wait_and_try, &older) != 0 ||
	    sandbox_enter(SANDBOX_KILL) < 0)
		_exit(2);
	pthread_mutex_unlock(&older.lock);
	pthread_join(older.thread, NULL);
}

START_TEST(holds_for_every_thread)
{
	int status = try_behind_filter(SANDBOX_OFF, enter_beside_thread);

	if (!sandbox_has_filter())
		return;
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "status %#x", status);
}
END_TEST

START_TEST(modes_have_names)
{
	enum sandbox_mode mode;

	ck_assert_int_eq(sandbox_mode_parse("off", &mode), 0);
	ck_assert_int_eq(mode, SANDBOX_OFF);
	ck_assert_int_eq(sandbox_mode_parse("log", &mode), 0);
	ck_assert_int_eq(mode, SANDBOX_LOG);
	ck_assert_int_eq(sandbox_mode_parse("kill", &mode), 0);
	ck_assert_int_eq(mode, SANDBOX_KILL);
	ck_assert_int_eq(sandbox_mode_parse("", &mode), -EINVAL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sandbox");
	TCase *cases = tcase_create("sandbox");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_loop_test(cases, kills, 0, sizeof(forbidden) / sizeof(forbidden[0]));
	/* All but the first, which would become another program. */
	tcase_add_loop_test(cases, logs_and_lets_go_on, 1,
			    sizeof(forbidden) / sizeof(forbidden[0]));
	tcase_add_test(cases, allows_daily_work);
	tcase_add_test(cases, allows_calls_of_drivers);
	tcase_add_test(cases, allows_abort);
	tcase_add_test(cases, holds_for_every_thread);
	tcase_add_test(cases, modes_have_names);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
