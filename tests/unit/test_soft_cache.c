/* SPDX-License-Identifier: MIT */
/*
 * A device that does not see into the caches of the CPU: results are right with both syncs, and
 * show with either one missing.
 */
#include "tests/unit/npu_bench.h"

/* A product whose operands and stream are synced to the device, its results from it, or not. */
static unsigned errors_with(bool is_incoherent, bool to_device, bool from_device)
{
	struct soft_options options = soft_options_default();
	struct matmul mm = example_9_1();
	unsigned errors;
	struct npu npu = {0};

	options.is_incoherent = is_incoherent;
	rig_init(&npu.rig, &options);
	npu.stream = (struct rig_stream){
		(uint64_t *)rig_buffer(&npu.rig, STREAM, 0x10000, RIG_READ), 0, 0x10000 / 8};
	npu.a = rig_buffer(&npu.rig, A, 0x1000, RIG_READ);
	npu.b = rig_buffer(&npu.rig, B, 0x1000, RIG_READ);
	npu.c = rig_buffer(&npu.rig, C, 0x1000, RIG_BOTH);
	for (unsigned i = 0; i < npu.rig.n_buffers; i++)
		ck_assert_int_eq(device_memory_set_cached(npu.rig.device, npu.rig.buffers[i].pa,
							  npu.rig.buffers[i].size_bytes, -1),
				 0);
	npu.tasks[0] = (struct device_task){STREAM, 0, INT_DPU};
	npu.batch = (struct device_batch){
		.tasks = npu.tasks, .n_tasks = 1, .table_pa = npu.rig.directory_pa};
	matmul_write(&npu.stream, &mm);
	npu_end_task(&npu, MATMUL_OP_EN);
	device_memory_sync(npu.rig.device, npu.rig.buffers[0].pa, 0x10000, true);
	matmul_fill(&mm, npu.a, npu.b);
	for (unsigned i = 1; i < 3 && to_device; i++)
		device_memory_sync(npu.rig.device, npu.rig.buffers[i].pa, 0x1000, true);
	ck_assert_int_eq(npu_run(&npu, 0).kind, DEVICE_DONE);
	if (from_device)
		device_memory_sync(npu.rig.device, npu.rig.buffers[3].pa, 0x1000, false);
	errors = matmul_errors(&mm, npu.c);
	for (unsigned i = 0; i < npu.rig.n_buffers; i++)
		device_memory_unmap(npu.rig.device, npu.rig.buffers[i].pa,
				    npu.rig.buffers[i].size_bytes);
	rig_deinit(&npu.rig);
	return errors;
}

START_TEST(test_syncs)
{
	ck_assert_uint_eq(errors_with(true, true, true), 0);
	ck_assert_uint_gt(errors_with(true, false, true), 0);
	ck_assert_uint_gt(errors_with(true, true, false), 0);
	ck_assert_uint_eq(errors_with(false, false, false), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("soft_cache");
	TCase *tcase = tcase_create("soft_cache");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, test_syncs);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
