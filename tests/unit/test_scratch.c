/* SPDX-License-Identifier: MIT */
/* Whose folders are removed, and that nothing else is. */
#include "tools/scratch.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char parent[32];

static void set_up(void)
{
	snprintf(parent, sizeof(parent), "/tmp/scratch-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(parent));
}

/* Every test leaves it empty. */
static void tear_down(void)
{
	ck_assert_int_eq(rmdir(parent), 0);
}

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", parent, name);
	return path;
}

static void make_file(const char *name)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	close(fd);
}

/* A folder that looks as if its user had been killed. */
static void make_abandoned(const char *name, mode_t mode)
{
	char lock[64];

	ck_assert_int_eq(mkdir(path_of(name), 0700), 0);
	ck_assert_int_eq(chmod(path_of(name), mode), 0);
	snprintf(lock, sizeof(lock), "%s/scratch.lock", name);
	make_file(lock);
}

static void remove_abandoned(const char *name)
{
	char lock[64];

	snprintf(lock, sizeof(lock), "%s/scratch.lock", name);
	ck_assert_int_eq(unlink(path_of(lock)), 0);
	ck_assert_int_eq(rmdir(path_of(name)), 0);
}

static void sweep(void)
{
	struct scratch scratch;

	ck_assert_int_eq(scratch_init(parent, "kind", &scratch), 0);
	scratch_deinit(&scratch);
}

START_TEST(folder_goes_with_all_that_is_in_it)
{
	struct scratch scratch, none = {0};
	char name[128];

	ck_assert_int_eq(scratch_init(parent, "kind", &scratch), 0);
	ck_assert_int_eq(strncmp(scratch.path, path_of("kind-"), strlen(path_of("kind-"))), 0);
	snprintf(name, sizeof(name), "%s/a", scratch.path);
	ck_assert_int_eq(mkdir(name, 0700), 0);
	snprintf(name, sizeof(name), "%s/a/b", scratch.path);
	ck_assert_int_eq(mkdir(name, 0700), 0);
	make_file("outside");
	snprintf(name, sizeof(name), "%s/a/link", scratch.path);
	ck_assert_int_eq(symlink(parent, name), 0);
	scratch_deinit(&scratch);
	ck_assert_str_eq(scratch.path, "");
	scratch_deinit(&scratch);
	scratch_deinit(&none);
	ck_assert_int_eq(unlink(path_of("outside")), 0);
}
END_TEST

START_TEST(place_that_cannot_be_used_is_not)
{
	char longest[64];
	const char *const places[] = {NULL, "", "/no/such/place", longest};

	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	longest[0] = '/';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct scratch scratch;

		ck_assert_int_eq(scratch_init(places[i], "scratch-kind", &scratch), 0);
		ck_assert_int_eq(strncmp(scratch.path, "/tmp/scratch-kind-", 18), 0);
		scratch_deinit(&scratch);
	}
}
END_TEST

/* Killed between making it and removing it. */
START_TEST(what_the_killed_left_is_removed)
{
	struct scratch living, scratch;
	int channel[2];
	char killed[64];
	pid_t pid;

	ck_assert_int_eq(pipe(channel), 0);
	ck_assert_int_eq(scratch_init(parent, "kind", &living), 0);
	pid = fork();
	if (pid == 0) {
		close(living.lock);
		if (scratch_init(parent, "kind", &scratch) == 0)
			(void)!write(channel[1], scratch.path, sizeof(scratch.path));
		pause();
		_exit(1);
	}
	ck_assert_int_eq(read(channel[0], killed, sizeof(killed)), sizeof(killed));
	sweep();
	ck_assert_int_eq(access(killed, F_OK), 0);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	sweep();
	ck_assert_int_lt(access(killed, F_OK), 0);
	ck_assert_int_eq(access(living.path, F_OK), 0);
	scratch_deinit(&living);
	close(channel[0]);
	close(channel[1]);
}
END_TEST

/* A program that goes on after who made the folder for it. */
START_TEST(what_was_lent_is_left)
{
	struct scratch scratch;
	int channel[2];
	char path[64], byte;
	pid_t pid;

	ck_assert_int_eq(scratch_init(parent, "kind", &scratch), 0);
	ck_assert_int_eq(chmod(scratch.path, 0755), 0);
	memcpy(path, scratch.path, sizeof(path));
	ck_assert_int_eq(pipe(channel), 0);
	pid = fork();
	if (pid == 0) {
		close(channel[1]);
		_exit(read(channel[0], &byte, 1) != 0);
	}
	scratch_leave(&scratch);
	ck_assert_str_eq(scratch.path, "");
	sweep();
	ck_assert_int_eq(access(path, F_OK), 0);
	close(channel[1]);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	sweep();
	ck_assert_int_lt(access(path, F_OK), 0);
	ck_assert_int_eq(scratch_init(parent, "kind", &scratch), 0);
	memcpy(path, scratch.path, sizeof(path));
	scratch_leave(&scratch);
	ck_assert_int_lt(access(path, F_OK), 0);
	close(channel[0]);
}
END_TEST

START_TEST(what_looks_alike_stays)
{
	make_abandoned("kind-abcdef", 0700);
	make_abandoned("other-abcdef", 0700);
	make_abandoned("kind-longer-abcdef", 0700);
	make_abandoned("kind-open12", 0775);
	make_abandoned("target", 0700);
	ck_assert_int_eq(symlink("target", path_of("kind-link12")), 0);
	ck_assert_int_eq(mkdir(path_of("kind-result"), 0700), 0);
	make_file("kind-file12");
	sweep();
	ck_assert_int_lt(access(path_of("kind-abcdef"), F_OK), 0);
	ck_assert_int_eq(unlink(path_of("kind-file12")), 0);
	ck_assert_int_eq(unlink(path_of("kind-link12")), 0);
	ck_assert_int_eq(rmdir(path_of("kind-result")), 0);
	remove_abandoned("other-abcdef");
	remove_abandoned("kind-longer-abcdef");
	remove_abandoned("kind-open12");
	remove_abandoned("target");
}
END_TEST

START_TEST(folders_of_others_stay)
{
	if (geteuid() != 0) {
		printf("skipped: only root can give something away\n");
		return;
	}
	make_abandoned("kind-abcdef", 0700);
	ck_assert_int_eq(chown(path_of("kind-abcdef"), 65534, (gid_t)-1), 0);
	sweep();
	remove_abandoned("kind-abcdef");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("scratch");
	TCase *tcase = tcase_create("scratch");
	SRunner *runner;
	int n_failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, folder_goes_with_all_that_is_in_it);
	tcase_add_test(tcase, place_that_cannot_be_used_is_not);
	tcase_add_test(tcase, what_the_killed_left_is_removed);
	tcase_add_test(tcase, what_was_lent_is_left);
	tcase_add_test(tcase, what_looks_alike_stays);
	tcase_add_test(tcase, folders_of_others_stay);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed > 0;
}
