/* SPDX-License-Identifier: MIT */
/*
 * The driver and the software NPU when things go wrong or on for long: hangs, faults, resets, long
 * chains, three cores, power, noise.
 */
#include "base/clock.h"
#include "tests/unit/npu_bench.h"

#include <errno.h>

#define HANG_MS 20
#define HANG_NS 2000000u

/* A started batch that must stay silent: device time passes, so many tasks end, no event comes. */
static struct device_progress npu_expect_hang(struct npu *npu, unsigned core, uint32_t n_tasks)
{
	struct device_progress progress;

	do {
		ck_assert(!rig_dispatch(&npu->rig, HANG_MS) || npu->rig.n_events == 0);
		device_progress(npu->rig.device, core, &progress);
	} while (progress.device_ns < HANG_NS || progress.tasks_done < n_tasks);
	ck_assert_uint_eq(npu->rig.n_events, 0);
	return progress;
}

enum hang {
	HANG_CUT_OFF,
	HANG_NO_NEXT,
	HANG_CNA_ONLY,
	HANG_DPU_ONLY,
	HANG_NOTHING,
	HANG_MASK,
	HANG_MASK_WIDE
};

static const struct {
	const char *what;
	enum hang hang;
	uint32_t op_en, tasks_done;
} hangs[] = {
	{"op_en cut off", HANG_CUT_OFF, 0xd, 0},
	{"chain ends early", HANG_NO_NEXT, 0xd, 1},
	{"CNA alone", HANG_CNA_ONLY, 0x1, 0},
	{"DPU alone", HANG_DPU_ONLY, 0x8, 0},
	{"no block", HANG_NOTHING, 0, 0},
	{"interrupt nobody sends", HANG_MASK, 0xd, 1},
	{"more interrupts than come", HANG_MASK_WIDE, 0xd, 1},
};

START_TEST(test_hangs)
{
	struct matmul mm = example_9_1();
	struct device_progress progress;
	struct npu npu;

	npu_init(&npu);
	matmul_fill(&mm, npu.a, npu.b);
	matmul_write(&npu.stream, &mm);
	npu_end_task(&npu, hangs[_i].op_en);
	npu.tasks[1] = npu.tasks[0];
	if (hangs[_i].hang == HANG_CUT_OFF)
		npu.tasks[0].regcmd_count -= 2;
	if (hangs[_i].hang == HANG_MASK)
		npu.tasks[0].int_mask = 0xc00;
	if (hangs[_i].hang == HANG_MASK_WIDE)
		npu.tasks[0].int_mask = 0xf00;
	npu.batch.is_chained = true;
	npu.batch.n_tasks = hangs[_i].hang == HANG_NO_NEXT ? 2 : 1;
	ck_assert_int_eq(device_start(npu.rig.device, 1, &npu.batch), 0);
	progress = npu_expect_hang(&npu, 1, hangs[_i].tasks_done);
	ck_assert_msg(progress.tasks_done == hangs[_i].tasks_done, "%s: %u tasks", hangs[_i].what,
		      progress.tasks_done);
	ck_assert_int_eq(device_reset_core(npu.rig.device, 1), 0);
	/* And all is well again. */
	npu.stream.entries[npu.stream.n - 1] =
		regcmd_encode(REGCMD_TARGET_OP_EN, REG_PC_OPERATION_ENABLE, MATMUL_OP_EN);
	npu.tasks[0] = (struct device_task){STREAM, npu.stream.n, INT_DPU};
	npu.batch.n_tasks = 1;
	ck_assert_int_eq(npu_run(&npu, 1).kind, DEVICE_DONE);
	ck_assert_uint_eq(matmul_errors(&mm, npu.c), 0);
	rig_deinit(&npu.rig);
}
END_TEST

/* Two cores hang and a third is idle: a reset of all brings all back. */
START_TEST(test_reset_of_all)
{
	struct matmul mm = example_9_1();
	struct npu npu;

	npu_init(&npu);
	matmul_fill(&mm, npu.a, npu.b);
	matmul_write(&npu.stream, &mm);
	npu_end_task(&npu, 0);
	npu.batch.is_chained = true;
	npu.batch.n_tasks = 1;
	ck_assert_int_eq(device_start(npu.rig.device, 0, &npu.batch), 0);
	ck_assert_int_eq(device_start(npu.rig.device, 2, &npu.batch), 0);
	npu_expect_hang(&npu, 0, 0);
	ck_assert_uint_eq(device_reset_all(npu.rig.device), 7);
	npu.stream.entries[npu.stream.n - 1] =
		regcmd_encode(REGCMD_TARGET_OP_EN, REG_PC_OPERATION_ENABLE, MATMUL_OP_EN);
	for (unsigned core = 0; core < 3; core++) {
		memset(npu.c, 0, 4096);
		ck_assert_int_eq(npu_run(&npu, core).kind, DEVICE_DONE);
		ck_assert_uint_eq(matmul_errors(&mm, npu.c), 0);
	}
	/* Nothing of the batches that were cut short is heard any more. */
	ck_assert_uint_eq(npu.rig.n_events, 3);
	rig_deinit(&npu.rig);
}
END_TEST

#define NOWHERE 0x30000000u
static const struct {
	const char *what;
	uint32_t offset, value; /* register that goes astray */
	uint32_t iova;
	bool is_write;
} page_faults[] = {
	{"features", 0x1070, NOWHERE, NOWHERE, false},
	{"weights", 0x1110, NOWHERE + 16, NOWHERE + 16, false},
	{"results", 0x4020, NOWHERE + 32, NOWHERE + 32, true},
	{"results over what is only readable", 0x4020, B, B, true},
	{"features beyond their buffer", 0x1070, A + 0x80000 - 64, A + 0x80000, false},
	{"results at the end of the address space", 0x4020, 0xffffffc0, 0xffffffc0, true},
	{"stream leads nowhere", 0x0010, NOWHERE + 48, NOWHERE + 48, false},
};

START_TEST(test_page_faults)
{
	struct matmul mm = example_9_1();
	struct device_event event;
	struct npu npu;

	npu_init(&npu);
	matmul_write(&npu.stream, &mm);
	rig_write(&npu.stream, (uint16_t)page_faults[_i].offset, page_faults[_i].value);
	rig_entry(&npu.stream, REGCMD_TARGET_OP_EN, REG_PC_OPERATION_ENABLE, MATMUL_OP_EN);
	npu.tasks[0].regcmd_count = npu.stream.n;
	npu.tasks[1] = npu.tasks[0];
	npu.batch.n_tasks = 2;
	npu.batch.is_chained = true;
	/* Core 0 has two MMU banks, and must report faults of either. */
	event = npu_run(&npu, _i & 1);
	ck_assert_msg(event.kind == DEVICE_PAGE_FAULT, "%s: %s", page_faults[_i].what,
		      event.detail);
	ck_assert_msg(event.iova == page_faults[_i].iova, "%s: 0x%lx", page_faults[_i].what,
		      (unsigned long)event.iova);
	ck_assert_int_eq(event.is_write, page_faults[_i].is_write);
	ck_assert_int_eq(device_reset_core(npu.rig.device, _i & 1), 0);
	rig_deinit(&npu.rig);
}
END_TEST

/* The largest product that the model takes; all pixels and channels in one page. */
static void write_huge(struct npu *npu)
{
	struct matmul mm = example_9_1();

	mm.m = 2047;
	mm.k = mm.real_k = 0x800;
	mm.n = 0x1000;
	mm.is_row_major = true;
	matmul_write(&npu->stream, &mm);
	rig_write(&npu->stream, 0x107c, 0);
	rig_write(&npu->stream, 0x1080, 0x0fffffff);
	rig_write(&npu->stream, 0x4024, 0);
	rig_write(&npu->stream, 0x4038, 0);
	rig_write(&npu->stream, 0x40c0, 0);
	npu_end_task(npu, MATMUL_OP_EN);
}

START_TEST(test_reset_of_huge_work)
{
	struct matmul mm = example_9_1();
	struct device_progress progress;
	struct npu npu;

	npu_init(&npu);
	/* Weights of this size need addresses: the buffer's pages, over and over. */
	for (uint32_t at = 0; at < 0x8000000; at += MMU_PAGE_BYTES)
		rig_set_page(&npu.rig, B + at, npu.rig.buffers[2].pa + at % 0x80000, RIG_READ);
	write_huge(&npu);
	for (unsigned round = 0; round < 3; round++) {
		ck_assert_int_eq(device_start(npu.rig.device, 0, &npu.batch), 0);
		do {
			device_progress(npu.rig.device, 0, &progress);
		} while (progress.device_ns < 3000000);
		ck_assert_uint_eq(npu.rig.n_events, 0);
		ck_assert_int_eq(device_reset_core(npu.rig.device, 0), 0);
	}
	npu.stream.n = 0;
	matmul_fill(&mm, npu.a, npu.b);
	matmul_write(&npu.stream, &mm);
	npu_end_task(&npu, MATMUL_OP_EN);
	ck_assert_int_eq(npu_run(&npu, 0).kind, DEVICE_DONE);
	ck_assert_uint_eq(matmul_errors(&mm, npu.c), 0);
	rig_deinit(&npu.rig);
}
END_TEST

START_TEST(test_three_cores)
{
	struct matmul mm = {RK3588_INT8, RK3588_INT32, 64, 256, 64, 256, PLACES};
	struct npu npu;
	unsigned core;

	npu_init(&npu);
	matmul_fill(&mm, npu.a, npu.b);
	for (core = 0; core < 3; core++) {
		npu.stream.n = core * DISTANCE / 8 / 8;
		mm.c_iova = C + core * DISTANCE;
		matmul_write(&npu.stream, &mm);
		rig_tail(&npu.stream, 0, 0, MATMUL_OP_EN);
		npu.tasks[core] = (struct device_task){STREAM + core * DISTANCE / 8, 64, INT_DPU};
	}
	for (unsigned round = 1; round <= 50; round++) {
		memset(npu.c, 0, 3 * DISTANCE);
		for (core = 0; core < 3; core++) {
			npu.batch.tasks = &npu.tasks[core];
			ck_assert_int_eq(device_start(npu.rig.device, core, &npu.batch), 0);
		}
		rig_wait_events(&npu.rig, 3 * round);
		for (core = 0; core < 3; core++) {
			ck_assert_int_eq(npu.rig.events[core].kind, DEVICE_DONE);
			if (round % 25 == 0)
				ck_assert_uint_eq(matmul_errors(&mm, npu.c + core * DISTANCE), 0);
		}
	}
	rig_deinit(&npu.rig);
}
END_TEST

/* A batch finds reset registers, not those of the batch before. */
START_TEST(test_nothing_inherited)
{
	struct matmul mm = example_9_1();
	struct device_event event;
	struct npu npu;

	npu_init(&npu);
	matmul_write(&npu.stream, &mm);
	npu_end_task(&npu, MATMUL_OP_EN);
	ck_assert_int_eq(npu_run(&npu, 0).kind, DEVICE_DONE);
	npu.stream.n = 0;
	npu_end_task(&npu, MATMUL_OP_EN);
	event = npu_run(&npu, 0);
	ck_assert_int_eq(event.kind, DEVICE_BAD_STREAM);
	ck_assert_str_eq(event.detail, "CNA DATA_SIZE1: 0x0, channels are not whole 16-byte atoms");
	rig_deinit(&npu.rig);
}
END_TEST

/* A chain longer than the hardware counts is cut and goes on. */
START_TEST(test_long_chain)
{
	enum { N = RK3588_MAX_TASKS_PER_START + 5 };
	struct matmul mm = example_9_1();
	struct device_task *tasks = calloc(N, sizeof(*tasks));
	struct device_event event;
	struct npu npu;

	npu_init(&npu);
	matmul_fill(&mm, npu.a, npu.b);
	matmul_write(&npu.stream, &mm);
	rig_tail(&npu.stream, STREAM, npu.stream.n + 4, MATMUL_OP_EN);
	for (unsigned i = 0; i < N; i++)
		tasks[i] = (struct device_task){STREAM, npu.stream.n, INT_DPU};
	npu.batch.tasks = tasks;
	npu.batch.n_tasks = N;
	npu.batch.is_chained = true;
	event = npu_run(&npu, 2);
	ck_assert_int_eq(event.kind, DEVICE_DONE);
	ck_assert_uint_eq(event.tasks_done, N);
	ck_assert_uint_eq(matmul_errors(&mm, npu.c), 0);
	free(tasks);
	rig_deinit(&npu.rig);
}
END_TEST

/* Once device_zap() has returned, a running core sees the new page. */
START_TEST(test_zap_while_running)
{
	struct device_progress progress;
	struct npu npu;

	npu_init(&npu);
	for (uint32_t at = 0; at < 0x8000000; at += MMU_PAGE_BYTES)
		rig_set_page(&npu.rig, B + at, npu.rig.buffers[2].pa + at % 0x80000, RIG_READ);
	write_huge(&npu);
	ck_assert_int_eq(device_start(npu.rig.device, 1, &npu.batch), 0);
	do {
		device_progress(npu.rig.device, 1, &progress);
	} while (progress.device_ns < 3000000);
	for (uint32_t at = 0; at < 0x8000000; at += MMU_PAGE_BYTES)
		rig_set_page(&npu.rig, B + at, 0, 0);
	device_zap(npu.rig.device, npu.rig.directory_pa, B, 0x8000000);
	memset(npu.b, 0, 0x80000);
	rig_wait_events(&npu.rig, 1);
	ck_assert_int_eq(npu.rig.events[1].kind, DEVICE_PAGE_FAULT);
	ck_assert_uint_eq(npu.rig.events[1].iova >> 28, B >> 28);
	rig_deinit(&npu.rig);
}
END_TEST

START_TEST(test_modelled_clock)
{
	/* 64 * 512 * 64 products at 512 in a nanosecond, against 4 KiB and more at 10 bytes. */
	struct matmul mm = {RK3588_FP16, RK3588_FP32, 64, 512, 64, 512, PLACES};
	struct soft_options options = soft_options_default();
	struct rig_stream stream;
	struct device_task task;
	struct device_batch batch;
	uint64_t started_ns;
	struct rig rig;

	options.clock = SOFT_CLOCK_RK3588;
	options.core_bandwidth = options.total_bandwidth = 0.01;
	rig_init(&rig, &options);
	stream = (struct rig_stream){(uint64_t *)rig_buffer(&rig, STREAM, 4096, RIG_READ), 0, 512};
	rig_buffer(&rig, A, 0x10000, RIG_READ);
	rig_buffer(&rig, B, 0x10000, RIG_READ);
	rig_buffer(&rig, C, 0x10000, RIG_BOTH);
	matmul_write(&stream, &mm);
	rig_tail(&stream, 0, 0, MATMUL_OP_EN);
	task = (struct device_task){STREAM, stream.n, INT_DPU};
	batch = (struct device_batch){.tasks = &task, .n_tasks = 1, .table_pa = rig.directory_pa};
	started_ns = clock_now_ns();
	ck_assert_int_eq(device_start(rig.device, 0, &batch), 0);
	rig_wait_events(&rig, 1);
	ck_assert_int_eq(rig.events[0].kind, DEVICE_DONE);
	/* (64 * 512 * 2 + 64 * 512 * 2 + 64 * 64 * 4) bytes / 0.01 per ns */
	ck_assert_uint_ge(clock_now_ns() - started_ns, 14700000);
	rig_deinit(&rig);
}
END_TEST

START_TEST(test_refused_starts)
{
	struct device_capture capture;
	struct npu npu;

	npu_init(&npu);
	npu_end_task(&npu, 0);
	npu.tasks[0].regcmd_iova = STREAM + 8;
	ck_assert_int_eq(device_start(npu.rig.device, 0, &npu.batch), -EINVAL);
	npu.tasks[0] = (struct device_task){STREAM, 0, INT_DPU};
	ck_assert_int_eq(device_start(npu.rig.device, 0, &npu.batch), -EINVAL);
	npu.tasks[0].regcmd_count = REGCMD_MAX_ENTRIES + 1;
	ck_assert_int_eq(device_start(npu.rig.device, 0, &npu.batch), -EINVAL);
	npu.tasks[0].regcmd_count = 4;
	ck_assert_int_eq(device_start(npu.rig.device, 0, &npu.batch), 0);
	ck_assert_int_eq(device_start(npu.rig.device, 0, &npu.batch), -EBUSY);
	device_capture(npu.rig.device, 0, &capture);
	ck_assert_str_eq(capture.registers[0].name, "PC BASE_ADDRESS");
	ck_assert_uint_eq(capture.registers[0].value, STREAM);
	rig_deinit(&npu.rig);
}
END_TEST

START_TEST(test_power)
{
	struct soft_options options = soft_options_default();
	struct bus *bus;

	ck_assert_int_eq(soft_bus_new(&options, &bus), 0);
	ck_assert_uint_eq(bus->ops->read32(bus, 0, REG_PC_VERSION), 0);
	ck_assert_int_lt(bus->ops->set_power(bus, 1, true), 0);
	ck_assert_int_eq(bus->ops->set_power(bus, 0, true), 0);
	ck_assert_int_eq(bus->ops->set_power(bus, 1, true), 0);
	ck_assert_uint_eq(bus->ops->read32(bus, 1, REG_PC_VERSION) +
				  bus->ops->read32(bus, 1, REG_PC_VERSION_NUM),
			  RK3588_IDENTITY);
	ck_assert_uint_eq(bus->ops->read32(bus, 0, REG_PC_INTERRUPT_MASK), 0x1ffff);
	ck_assert_uint_eq(bus->ops->read32(bus, 0, REG_CORE_MAC_GATING), 0x07800800);
	bus->ops->write32(bus, 0, REG_CNA_CONV_CON1, 0x120);
	ck_assert_uint_eq(bus->ops->read32(bus, 0, REG_CNA_CONV_CON1), 0x120);
	bus->ops->set_reset(bus, 0, true);
	bus->ops->write32(bus, 0, REG_CNA_CONV_CON1, 0x120);
	bus->ops->set_reset(bus, 0, false);
	ck_assert_uint_eq(bus->ops->read32(bus, 0, REG_CNA_CONV_CON1), 0);
	bus->ops->free(bus);
}
END_TEST

/* Streams of noise around a valid one: any outcome but a crash or a lasting hang of the reset. */
START_TEST(test_noise)
{
	struct matmul mm = example_9_1();
	struct device_progress progress;
	uint32_t random = 12345;
	struct npu npu;

	npu_init(&npu);
	for (unsigned round = 0; round < 1500; round++) {
		unsigned core = round % 3, n_events = npu.rig.n_events, flips = round % 7;

		npu.stream.n = 0;
		matmul_write(&npu.stream, &mm);
		npu_end_task(&npu, MATMUL_OP_EN);
		while (flips-- > 0) {
			uint64_t *entry;

			random = random * 1664525 + 1013904223;
			entry = &npu.stream.entries[(random >> 8) % npu.stream.n];
			*entry ^= 1ull << (random >> 26) ^ (uint64_t)(random & 0xf) << 16;
		}
		ck_assert_int_eq(device_start(npu.rig.device, core, &npu.batch), 0);
		do {
			rig_dispatch(&npu.rig, 1);
			device_progress(npu.rig.device, core, &progress);
		} while (npu.rig.n_events == n_events && progress.device_ns < HANG_NS);
		ck_assert_int_eq(device_reset_core(npu.rig.device, core), 0);
	}
	rig_deinit(&npu.rig);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rk3588");
	TCase *tcase = tcase_create("rk3588");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, test_hangs, 0, COUNT(hangs));
	tcase_add_loop_test(tcase, test_page_faults, 0, COUNT(page_faults));
	tcase_add_test(tcase, test_reset_of_huge_work);
	tcase_add_test(tcase, test_reset_of_all);
	tcase_add_test(tcase, test_three_cores);
	tcase_add_test(tcase, test_nothing_inherited);
	tcase_add_test(tcase, test_long_chain);
	tcase_add_test(tcase, test_zap_while_running);
	tcase_add_test(tcase, test_modelled_clock);
	tcase_add_test(tcase, test_refused_starts);
	tcase_add_test(tcase, test_power);
	tcase_add_test(tcase, test_noise);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
