/* SPDX-License-Identifier: MIT */
/*
 * Recordings come from strangers: what is good is read as it is, everything else is refused with
 * its place.
 */
#include "replay_documents.h"
#include "tools/replay_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

START_TEST(test_rknpu)
{
	struct replay_fixture fixture;
	struct replay_error error;
	json_t *document = replay_document(replay_rknpu_text, NULL, NULL);
	ck_assert_int_eq(replay_fixture_parse(document, &fixture, &error), 0);
	json_decref(document);
	ck_assert_uint_eq(fixture.n_submits, 1);
	const struct replay_submit *submit = &fixture.submits[0];
	ck_assert_uint_eq(submit->n_buffers, 2);
	ck_assert_uint_eq(submit->buffers[1].iova, 0xffffe000);
	ck_assert_uint_eq(submit->n_writes, 2);
	ck_assert_uint_eq(submit->data_bytes, 106 + 8192);
	ck_assert_uint_eq(submit->n_tasks, 3);
	ck_assert_uint_eq(submit->first_index, 10);
	ck_assert_int_eq(submit->subcores[4].start, 12);
	ck_assert_uint_eq(fixture.n_checks, 1);
	ck_assert_str_eq(replay_type_name(fixture.checks[0].type), "fp16");
	replay_fixture_deinit(&fixture);
}
END_TEST

START_TEST(test_rocket)
{
	struct replay_fixture fixture;
	struct replay_error error;
	json_t *document = replay_document(replay_rocket_text, NULL, NULL);
	ck_assert_int_eq(replay_fixture_parse(document, &fixture, &error), 0);
	json_decref(document);
	const struct replay_submit *submit = &fixture.submits[0];
	ck_assert_uint_eq(submit->n_jobs, 2);
	ck_assert_uint_eq(submit->n_tasks, 3);
	/* Each buffer once, though it is read and written. */
	ck_assert_uint_eq(submit->jobs[0].n_handles, 2);
	ck_assert_uint_eq(submit->jobs[1].first_task, 2);
	ck_assert_uint_eq(submit->jobs[1].n_tasks, 1);
	replay_fixture_deinit(&fixture);
}
END_TEST

static const struct {
	const char *text, *path, *value, *place;
} bad[] = {
	{replay_rknpu_text, "format", "2", "format"},
	{replay_rknpu_text, "abi", "\"other\"", "abi"},
	{replay_rknpu_text, "abi", NULL, "abi"},
	{replay_rknpu_text, "submits", "{}", "submits"},
	{replay_rknpu_text, "submits.0.buffers", "7", "submits[0].buffers"},
	{replay_rknpu_text, "submits.0.buffers.0.handle", "2", "submits[0].buffers[1].handle"},
	{replay_rknpu_text, "submits.0.buffers.0.handle", "-1", "submits[0].buffers[0].handle"},
	{replay_rknpu_text, "submits.0.buffers.0.iova", "4294967296", "buffers[0].iova"},
	{replay_rknpu_text, "submits.0.buffers.0.iova", "\"4096\"", "buffers[0].iova"},
	{replay_rknpu_text, "submits.0.buffers.0.size", "0", "buffers[0].size"},
	{replay_rknpu_text, "submits.0.buffers.1.size", "8193", "buffers[1].size"},
	{replay_rknpu_text, "submits.0.buffers.1.size", "9223372036854775807", "buffers[1].size"},
	{replay_rknpu_text, "submits.0.writes.0.handle", "3", "writes[0].handle"},
	{replay_rknpu_text, "submits.0.writes.0.offset", "4001", "writes[0].length"},
	{replay_rknpu_text, "submits.0.writes.0.offset", "9223372036854775807", "writes[0].length"},
	{replay_rknpu_text, "submits.0.writes.0.length", "9223372036854775807", "writes[0].length"},
	{replay_rknpu_text, "submits.0.writes.0.from", "9223372036854775807", "writes[0].from"},
	{replay_rknpu_text, "submits.0.writes.0.from", "1.5", "writes[0].from"},
	{replay_rknpu_text, "submits.0.data", NULL, "submits[0].data"},
	{replay_rknpu_text, "submits.0.data", "\"/etc/passwd\"", "submits[0].data"},
	{replay_rknpu_text, "submits.0.data", "\"../secret\"", "submits[0].data"},
	{replay_rknpu_text, "submits.0.data", "\"a/../../secret\"", "submits[0].data"},
	{replay_rknpu_text, "submits.0.data", "\"a/..\"", "submits[0].data"},
	{replay_rknpu_text, "submits.0.data", "\"..\"", "submits[0].data"},
	{replay_rknpu_text, "submits.0.data", "\"\"", "submits[0].data"},
	{replay_rknpu_text, "submits.0.subcore", "[[0, 1]]", "submits[0].subcore"},
	{replay_rknpu_text, "submits.0.subcore.3", "[0]", "submits[0].subcore"},
	{replay_rknpu_text, "submits.0.core_mask", NULL, "submits[0].core_mask"},
	{replay_rknpu_text, "submits.0.timeout_ms", "-1", "submits[0].timeout_ms"},
	{replay_rknpu_text, "submits.0.tasks.1.index", "12", "submits[0].tasks[1].index"},
	{replay_rknpu_text, "submits.0.tasks.1.index", "10", "submits[0].tasks[1].index"},
	{replay_rknpu_text, "submits.0.tasks.0.index", "4294967295", "submits[0].tasks[1].index"},
	{replay_rknpu_text, "submits.0.tasks.2.regcmd_iova", NULL, "tasks[2].regcmd_iova"},
	{replay_rknpu_text, "checks.0.submit", "1", "checks[0].submit"},
	{replay_rknpu_text, "checks.0.handle", "9", "checks[0].handle"},
	{replay_rknpu_text, "checks.0.type", "\"fp8\"", "checks[0].type"},
	{replay_rknpu_text, "checks.0.type", "16", "checks[0].type"},
	{replay_rknpu_text, "checks.0.count", "0", "checks[0].count"},
	{replay_rknpu_text, "checks.0.count", "2305843009213693952", "checks[0].count"},
	{replay_rknpu_text, "checks.0.scale", "\"1\"", "checks[0].scale"},
	{replay_rknpu_text, "checks.0.rtol", "-0.1", "checks[0].atol"},
	{replay_rknpu_text, "checks.0.expected", "\"../e\"", "checks[0].expected"},
	{replay_rocket_text, "submits.0.jobs", "3", "submits[0].jobs"},
	{replay_rocket_text, "submits.0.jobs.1.in", "[3]", "submits[0].jobs[1].in"},
	{replay_rocket_text, "submits.0.jobs.1.out", "[-1]", "submits[0].jobs[1].out"},
	{replay_rocket_text, "submits.0.jobs.1.out", "[\"2\"]", "submits[0].jobs[1].out"},
	{replay_rocket_text, "submits.0.jobs.0.tasks", "{}", "submits[0].jobs[0].tasks"},
	{replay_rocket_text, "submits.0.jobs.0.tasks.1.regcmd_count", "null",
	 "jobs[0].tasks[1].regcmd_count"},
};

START_TEST(test_bad)
{
	struct replay_fixture fixture = {.n_checks = 77};
	struct replay_error error;
	json_t *document = replay_document(bad[_i].text, bad[_i].path, bad[_i].value);
	ck_assert_msg(replay_fixture_parse(document, &fixture, &error) == -EINVAL,
		      "%s = %s is taken", bad[_i].path, bad[_i].value);
	json_decref(document);
	ck_assert_msg(strstr(error.text, bad[_i].place), "\"%s\" does not name %s", error.text,
		      bad[_i].place);
	ck_assert_uint_eq(fixture.n_checks, 77);
}
END_TEST

/* ---- files ---- */

static char folder[] = "/tmp/test_replay_XXXXXX";

static void write_file(const char *name, const char *mode, size_t size)
{
	char path[128], chunk[4096] = {1};
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	gzFile file = gzopen(path, mode);
	ck_assert_ptr_nonnull(file);
	for (; size > sizeof(chunk); size -= sizeof(chunk))
		ck_assert_int_eq(gzwrite(file, chunk, sizeof(chunk)), (int)sizeof(chunk));
	ck_assert_int_eq(gzwrite(file, chunk, (unsigned)size), (int)size);
	ck_assert_int_eq(gzclose(file), Z_OK);
}

static void remove_file(const char *name)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	ck_assert_int_eq(remove(path), 0);
}

static const struct {
	const char *mode; /* "T": not packed */
	size_t written, wanted;
	int result;
} files[] = {
	{"wb", 100, 100, 0},
	{"wb", 100, 1, 0},
	{"wb", 100, 101, -EINVAL},
	{"wb", 100, SIZE_MAX / 2, -EINVAL},
	{"wbT", 100, 100, 0},
	{"wb", (3u << 20) + 5, (3u << 20) + 5, 0},
	{"wb", (3u << 20) + 5, (3u << 20) + 6, -EINVAL},
};

START_TEST(test_file)
{
	void *data = NULL;
	struct replay_error error = {0};
	ck_assert_ptr_nonnull(mkdtemp(folder));
	write_file("f", files[_i].mode, files[_i].written);
	ck_assert_int_eq(replay_file_read(folder, "f", files[_i].wanted, &data, &error),
			 files[_i].result);
	if (files[_i].result == 0)
		ck_assert_int_eq(*(char *)data, 1);
	else
		ck_assert_ptr_null(data);
	free(data);
	remove_file("f");
	ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

/* Opening a pipe that nobody writes to must not wait. */
START_TEST(test_no_file)
{
	void *data;
	char path[128];
	struct replay_error error;
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/fifo", folder);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(replay_file_read(folder, "fifo", 1, &data, &error), -EINVAL);
	ck_assert_int_eq(replay_file_read(folder, ".", 1, &data, &error), -EINVAL);
	ck_assert_int_eq(replay_file_read(folder, "none", 1, &data, &error), -ENOENT);
	remove_file("fifo");
	ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("replay_fixture");
	TCase *tcase = tcase_create("parse");
	tcase_add_test(tcase, test_rknpu);
	tcase_add_test(tcase, test_rocket);
	tcase_add_loop_test(tcase, test_bad, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_loop_test(tcase, test_file, 0, sizeof(files) / sizeof(files[0]));
	tcase_add_test(tcase, test_no_file);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed != 0;
}
