/* SPDX-License-Identifier: MIT */
/*
 * Which tasks run where, for each core mask of the vendor's ABI, and never past a buffer's end.
 */
#include "replay_documents.h"
#include "tools/replay_plan.h"

#include <errno.h>

static void parse(const char *text, const char *path, const char *value,
		  struct replay_fixture *ret_fixture)
{
	struct replay_error error;
	json_t *document = replay_document(text, path, value);
	ck_assert_msg(replay_fixture_parse(document, ret_fixture, &error) == 0, "%s", error.text);
	json_decref(document);
}

/* subcore is [10,2] [11,1] [10,1] [11,1] [12,1]; a plan counts from 0. */
static const struct {
	const char *core_mask;
	uint32_t n_tasks, n_ranges;
	uint32_t int_masks[3]; /* which tasks: 0x100 is 10, 0x200 is 11, 0xc00 is 12 */
	struct npu_range ranges[3];
} masks[] = {
	{"0", 2, 0, {0x100, 0x200}, {{0, 2}}},
	{"1", 2, 0, {0x100, 0x200}, {{0, 2}}},
	{"2", 1, 0, {0x200}, {{0, 1}}},
	{"4", 1, 0, {0x100}, {{0, 1}}},
	{"3", 3, 2, {0x100, 0x200, 0x200}, {{0, 2}, {2, 1}}},
	{"5", 3, 2, {0x100, 0x200, 0x200}, {{0, 2}, {2, 1}}},
	{"6", 3, 2, {0x100, 0x200, 0x200}, {{0, 2}, {2, 1}}},
	{"7", 3, 3, {0x100, 0x200, 0xc00}, {{0, 1}, {1, 1}, {2, 1}}},
};

START_TEST(test_core_mask)
{
	struct replay_fixture fixture;
	struct replay_error error;
	struct replay_plan plan;
	parse(replay_rknpu_text, "submits.0.core_mask", masks[_i].core_mask, &fixture);
	ck_assert_uint_eq(replay_plan_count(&fixture, &fixture.submits[0]), 1);
	ck_assert_int_eq(replay_plan_init(&fixture, &fixture.submits[0], 0, &plan, &error), 0);
	ck_assert_uint_eq(plan.job.core_mask, strtoul(masks[_i].core_mask, NULL, 10));
	ck_assert_uint_eq(plan.job.n_tasks, masks[_i].n_tasks);
	ck_assert_uint_eq(plan.job.n_ranges, masks[_i].n_ranges);
	for (uint32_t i = 0; i < plan.job.n_tasks; i++)
		ck_assert_uint_eq(plan.job.tasks[i].int_mask, masks[_i].int_masks[i]);
	for (uint32_t i = 0; i < plan.job.n_ranges; i++) {
		ck_assert_uint_eq(plan.job.ranges[i].start, masks[_i].ranges[i].start);
		ck_assert_uint_eq(plan.job.ranges[i].count, masks[_i].ranges[i].count);
	}
	ck_assert_uint_eq(plan.job.flags, NPU_SUBMIT_CHAINED);
	ck_assert_uint_eq(plan.job.timeout_ns, 6000000000u);
	replay_plan_deinit(&plan);
	replay_fixture_deinit(&fixture);
}
END_TEST

/* Amount and tail; cut at the end of the buffer (512 entries each, the second task 2 further in).
 */
START_TEST(test_counts)
{
	struct replay_fixture fixture;
	struct replay_error error;
	struct replay_plan plan;
	parse(replay_rknpu_text, "submits.0.core_mask", "7", &fixture);
	ck_assert_int_eq(replay_plan_init(&fixture, &fixture.submits[0], 0, &plan, &error), 0);
	ck_assert_uint_eq(plan.job.tasks[0].regcmd_count, 14);
	ck_assert_uint_eq(plan.job.tasks[1].regcmd_count, 510);
	ck_assert_uint_eq(plan.job.tasks[2].regcmd_count, 512);
	ck_assert_uint_eq(plan.job.tasks[2].regcmd_iova, 0xfffff000);
	replay_plan_deinit(&plan);
	replay_fixture_deinit(&fixture);
}
END_TEST

static const struct {
	const char *text, *path, *value, *message;
} bad[] = {
	{replay_rknpu_text, "submits.0.core_mask", "8", "core mask"},
	{replay_rknpu_text, "submits.0.core_mask", "4294967295", "core mask"},
	{replay_rknpu_text, "submits.0.subcore.0", "[10, 0]", "10+0"},
	{replay_rknpu_text, "submits.0.subcore.0", "[10, 4]", "10+4"},
	{replay_rknpu_text, "submits.0.subcore.0", "[9, 1]", "9+1"},
	{replay_rknpu_text, "submits.0.subcore.0", "[13, 1]", "13+1"},
	{replay_rknpu_text, "submits.0.subcore.0", "[14, 1]", "14+1"},
	{replay_rknpu_text, "submits.0.subcore.0", "[-1, 1]", "-1+1"},
	{replay_rknpu_text, "submits.0.subcore.0", "[10, -1]", "10+-1"},
	{replay_rknpu_text, "submits.0.subcore.0", "[12, 9223372036854775807]", "12+9"},
	{replay_rknpu_text, "submits.0.subcore.0", "[-9223372036854775808, 1]", "range -9"},
	{replay_rknpu_text, "submits.0.tasks", "[]", "10+2"},
	{replay_rknpu_text, "submits.0.tasks.0.regcmd_iova", "4095", "0x00000fff"},
	{replay_rknpu_text, "submits.0.tasks.0.regcmd_iova", "8192", "0x00002000"},
	{replay_rocket_text, "submits.0.jobs.0.tasks.1.regcmd_iova", "12288", "0x00003000"},
};

START_TEST(test_bad)
{
	struct replay_fixture fixture;
	struct replay_error error;
	struct replay_plan plan;
	parse(bad[_i].text, bad[_i].path, bad[_i].value, &fixture);
	ck_assert_msg(replay_plan_init(&fixture, &fixture.submits[0], 0, &plan, &error) == -EINVAL,
		      "%s = %s is taken", bad[_i].path, bad[_i].value);
	ck_assert_msg(strstr(error.text, bad[_i].message), "\"%s\" does not say %s", error.text,
		      bad[_i].message);
	replay_fixture_deinit(&fixture);
}
END_TEST

/* Its jobs stay apart, their tasks unchained and without a mask of their own. */
START_TEST(test_rocket)
{
	struct replay_fixture fixture;
	struct replay_error error;
	struct replay_plan plan;
	parse(replay_rocket_text, NULL, NULL, &fixture);
	ck_assert_uint_eq(replay_plan_count(&fixture, &fixture.submits[0]), 2);
	ck_assert_int_eq(replay_plan_init(&fixture, &fixture.submits[0], 0, &plan, &error), 0);
	ck_assert_uint_eq(plan.job.n_tasks, 2);
	ck_assert_uint_eq(plan.job.flags, 0);
	ck_assert_uint_eq(plan.job.core_mask, 0);
	ck_assert_uint_eq(plan.job.tasks[0].regcmd_count, 24);
	ck_assert_uint_eq(plan.job.tasks[1].regcmd_count, 2);
	ck_assert_uint_eq(plan.job.tasks[0].int_mask, 0);
	replay_plan_deinit(&plan);
	ck_assert_int_eq(replay_plan_init(&fixture, &fixture.submits[0], 1, &plan, &error), 0);
	ck_assert_uint_eq(plan.job.n_tasks, 1);
	ck_assert_uint_eq(plan.job.tasks[0].regcmd_iova, 8192);
	replay_plan_deinit(&plan);
	replay_fixture_deinit(&fixture);
}
END_TEST

#define ENTRY(target, value, offset)                                                               \
	((uint64_t)(target) << 48 | (uint64_t)(value) << 16 | (uint64_t)(offset))

static const struct {
	const char *description;
	uint64_t entries[3];
	uint32_t int_mask;
} streams[] = {
	{"convolution", {ENTRY(0x0201, 1, 0x100c), ENTRY(0x0081, 0x0d, 0x0008)}, 0x300},
	{"pooling", {ENTRY(0x4001, 1, 0x600c), ENTRY(0x0081, 0x60, 0x0008)}, 0xc00},
	{"everything", {ENTRY(0x0081, 0x7f, 0x0008)}, 0xc00},
	{"the first one counts", {ENTRY(0x0081, 0x18, 8), ENTRY(0x0081, 0x60, 8)}, 0x300},
	{"other offset", {ENTRY(0x0081, 0x60, 0x000c), ENTRY(0x0081, 0x18, 8)}, 0x300},
	{"other target", {ENTRY(0x1001, 0x60, 0x0008)}, 0x300},
	{"none", {0}, 0x300},
};

START_TEST(test_int_mask)
{
	/* Streams need not be aligned in memory. */
	unsigned char bytes[sizeof(streams[_i].entries) + 1];
	memcpy(bytes + 1, streams[_i].entries, sizeof(streams[_i].entries));
	ck_assert_msg(replay_stream_int_mask(bytes + 1, 3) == streams[_i].int_mask, "%s",
		      streams[_i].description);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("replay_plan");
	TCase *tcase = tcase_create("plan");
	tcase_add_loop_test(tcase, test_core_mask, 0, sizeof(masks) / sizeof(masks[0]));
	tcase_add_test(tcase, test_counts);
	tcase_add_loop_test(tcase, test_bad, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tcase, test_rocket);
	tcase_add_loop_test(tcase, test_int_mask, 0, sizeof(streams) / sizeof(streams[0]));
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed != 0;
}
