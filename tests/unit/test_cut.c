/* SPDX-License-Identifier: MIT */
/*
 * A network of matrix products in streams as compilers write them, where a body holds only what
 * changed against the task before last; run whole, and cut wherever that is legal.
 */
#include "device/cut.h"
#include "tests/unit/npu_matmul.h"

#include <check.h>

#define N_TASKS	      7u
#define STREAM_IOVA   0x100000u
#define STREAM_STRIDE 0x1000u
#define PROLOGUE_IOVA 0x200000u
#define A_IOVA	      0x300000u
#define B_IOVA	      0x400000u
#define C_IOVA	      0x500000u
#define BUFFER_STRIDE 0x4000u
#define INT_MASK      (INTERRUPT_DPU | INTERRUPT_DPU << 1)

static struct rig rig;
static struct matmul products[N_TASKS];
static struct device_task tasks[N_TASKS];
static struct cut_task steps[N_TASKS];
static bool is_legal[N_TASKS];
static char *streams, *prologue, *a, *b, *c;

static struct matmul product(uint32_t i)
{
	struct matmul mm = {.in = RK3588_INT8, .out = RK3588_INT32, .m = 4, .k = 64, .n = 32};

	if (i % 2)
		mm = (struct matmul){
			.in = RK3588_FP16, .out = RK3588_FP32, .m = 8, .k = 32, .n = 16};
	mm.real_k = mm.k;
	mm.a_iova = A_IOVA + i * BUFFER_STRIDE;
	mm.b_iova = B_IOVA + i * BUFFER_STRIDE;
	mm.c_iova = C_IOVA + i * BUFFER_STRIDE;
	return mm;
}

static uint64_t *stream_entries(uint32_t i)
{
	return (uint64_t *)(streams + (size_t)i * STREAM_STRIDE);
}

static void write_delta(struct rig_stream *stream, const struct matmul *mm)
{
	rig_write(stream, REG_DPU_S_POINTER, S_POINTER_PING_PONG);
	rig_write(stream, REG_CNA_FEATURE_DATA_ADDR, mm->a_iova);
	rig_write(stream, REG_CNA_DCOMP_ADDR0, mm->b_iova);
	rig_write(stream, REG_DPU_DST_BASE_ADDR, mm->c_iova);
}

/* A chain; where the tasks are started one by one its links mean nothing. */
static void write_stream(uint32_t i)
{
	struct rig_stream stream = {stream_entries(i), 0, STREAM_STRIDE / 8};
	uint32_t next_iova = i + 1 < N_TASKS ? STREAM_IOVA + (i + 1) * STREAM_STRIDE : 0;

	if (i < 2)
		matmul_write(&stream, &products[i]);
	else
		/* cppcheck-suppress arrayIndexOutOfBoundsCond ; knows not that i < N_TASKS */
		write_delta(&stream, &products[i]);
	/* More than enough for any body. */
	rig_tail(&stream, next_iova, next_iova ? 128 : 0, MATMUL_OP_EN);
	tasks[i] = (struct device_task){STREAM_IOVA + i * STREAM_STRIDE, stream.n, INT_MASK};
}

static void setup(void)
{
	struct soft_options options = soft_options_default();

	rig_init(&rig, &options);
	streams = rig_buffer(&rig, STREAM_IOVA, N_TASKS * STREAM_STRIDE, RIG_READ);
	prologue = rig_buffer(&rig, PROLOGUE_IOVA, 0x10000, RIG_READ);
	a = rig_buffer(&rig, A_IOVA, N_TASKS * BUFFER_STRIDE, RIG_READ);
	b = rig_buffer(&rig, B_IOVA, N_TASKS * BUFFER_STRIDE, RIG_READ);
	c = rig_buffer(&rig, C_IOVA, N_TASKS * BUFFER_STRIDE, RIG_BOTH);
	for (uint32_t i = 0; i < N_TASKS; i++) {
		products[i] = product(i);
		matmul_fill(&products[i], a + i * BUFFER_STRIDE, b + i * BUFFER_STRIDE);
		write_stream(i);
	}
}

static void teardown(void)
{
	rig_deinit(&rig);
}

/* The registers as task `end` finds them; fills in the steps. */
static void walk(uint32_t end, bool is_chained, struct soft_registers *ret_registers)
{
	soft_registers_reset(ret_registers);
	for (uint32_t i = 0; i < end; i++) {
		struct cut_stream stream = {stream_entries(i), tasks[i].regcmd_count,
					    i == 0 || !is_chained};

		cut_step(ret_registers, &stream, &steps[i]);
	}
}

static void find(bool is_chained)
{
	struct soft_registers registers;

	walk(N_TASKS, is_chained, &registers);
	cut_find(tasks, steps, N_TASKS, is_chained, is_legal);
}

static unsigned count_legal(void)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < N_TASKS; i++)
		n += is_legal[i];
	return n;
}

/* Runs tasks [first, end) as one batch. */
static void run_piece(uint32_t first, uint32_t end, bool is_chained, unsigned core)
{
	struct device_task own[N_TASKS];
	struct device_batch batch = {.tasks = own,
				     .n_tasks = end - first,
				     .is_chained = is_chained,
				     .table_pa = rig.directory_pa};
	uint64_t *entries = (uint64_t *)prologue;
	struct soft_registers registers;
	uint32_t n;

	memcpy(own, tasks + first, (end - first) * sizeof(*own));
	if (first) {
		walk(first, is_chained, &registers);
		n = cut_write_prologue(&registers, core, entries);
		ck_assert_uint_le(n, CUT_PROLOGUE_MAX);
		memcpy(entries + n, stream_entries(first), tasks[first].regcmd_count * 8);
		own[0].regcmd_iova = PROLOGUE_IOVA;
		own[0].regcmd_count = n + tasks[first].regcmd_count;
	}
	ck_assert_int_eq(device_start(rig.device, core, &batch), 0);
	rig_wait_events(&rig, rig.n_events + 1);
	ck_assert_int_eq(rig.events[core].kind, DEVICE_DONE);
	ck_assert_uint_eq(rig.events[core].tasks_done, end - first);
}

static void check_products(void)
{
	for (uint32_t i = 0; i < N_TASKS; i++)
		ck_assert_uint_eq(matmul_errors(&products[i], c + i * BUFFER_STRIDE), 0);
	memset(c, 0, N_TASKS * BUFFER_STRIDE);
}

/* _i: started one by one, or chained */
START_TEST(every_cut_gives_the_same_results)
{
	find(_i);
	ck_assert_uint_eq(count_legal(), N_TASKS - 1);
	run_piece(0, N_TASKS, _i, 0);
	check_products();
	for (uint32_t cut = 1; cut < N_TASKS; cut++) {
		run_piece(0, cut, _i, 0);
		run_piece(cut, N_TASKS, _i, 2);
		check_products();
	}
	for (uint32_t i = 0; i < N_TASKS; i++)
		run_piece(i, i + 1, _i, i % 3);
	check_products();
}
END_TEST

/* What the cuts are for: without a prologue the rest computes something else. */
START_TEST(rest_needs_its_prologue)
{
	struct device_batch batch = {
		.tasks = tasks + 4, .n_tasks = 1, .table_pa = rig.directory_pa};

	ck_assert_int_eq(device_start(rig.device, 0, &batch), 0);
	rig_dispatch(&rig, 100);
	ck_assert_uint_ne(matmul_errors(&products[4], c + 4 * BUFFER_STRIDE), 0);
}
END_TEST

/* In place of the first no-op or write of that register in a task's body. */
static void put(uint32_t task, uint16_t offset, uint32_t value)
{
	uint64_t *entries = stream_entries(task);
	struct rig_stream stream = {entries, 0, STREAM_STRIDE / 8};
	uint32_t n = tasks[task].regcmd_count;

	memmove(entries + 1, entries, n * sizeof(*entries));
	rig_write(&stream, offset, value);
	tasks[task].regcmd_count = n + 1;
}

START_TEST(no_cut_before_what_is_in_the_buffer)
{
	put(3, REG_CNA_CBUF_CON0, CNA_WEIGHT_REUSE | 0xb1);
	find(true);
	/* The register keeps its value: 5 is the next task with that group. */
	ck_assert(!is_legal[3] && !is_legal[5]);
	ck_assert(is_legal[1] && is_legal[2] && is_legal[4] && is_legal[6]);
}
END_TEST

START_TEST(no_cut_between_loading_and_using)
{
	struct rig_stream stream = {stream_entries(3), 0, STREAM_STRIDE / 8};

	/* Task 3 is element-wise, and leaves the buffer to task 4. */
	rig_write(&stream, REG_DPU_S_POINTER, S_POINTER_PING_PONG);
	rig_tail(&stream, tasks[4].regcmd_iova, 128, OP_EN_DPU | OP_EN_DPU_RDMA);
	tasks[3].regcmd_count = stream.n;
	put(4, REG_CNA_CBUF_CON0, CNA_DATA_REUSE | 0xb1);
	find(true);
	ck_assert(!is_legal[3] && !is_legal[4]);
	ck_assert(is_legal[2] && is_legal[5]);
}
END_TEST

START_TEST(no_cut_where_groups_are_named)
{
	put(4, REG_DPU_S_POINTER, EXECUTER_PP_CLEAR | POINTER_PP_CLEAR);
	find(true);
	/* Before an odd task it is the second group's turn, which a reset core does not start
	 * with. */
	ck_assert(!is_legal[1] && is_legal[2] && !is_legal[3] && is_legal[4]);
}
END_TEST

START_TEST(no_cut_in_front_of_stale_pointers)
{
	uint64_t *entries = stream_entries(4);

	entries[0] = 0; /* S_POINTER of the DPU */
	find(true);
	/* Nor behind it: writer and executer are out of step from there on. */
	ck_assert_uint_eq(count_legal(), 0);
}
END_TEST

START_TEST(no_cut_behind_another_interrupt)
{
	tasks[2].int_mask = INTERRUPT_PPU | INTERRUPT_PPU << 1;
	find(true);
	ck_assert(!is_legal[3]);
	ck_assert_uint_eq(count_legal(), N_TASKS - 2);
}
END_TEST

START_TEST(no_cut_in_broken_chains)
{
	struct rig_stream stream = {stream_entries(3), 0, STREAM_STRIDE / 8};

	tasks[5].regcmd_iova += 0x40;
	find(true);
	ck_assert_uint_eq(count_legal(), 0);
	find(false);
	ck_assert_uint_eq(count_legal(), N_TASKS - 1);
	/* A body that never ends starts nothing. */
	rig_write(&stream, REG_DPU_S_POINTER, S_POINTER_PING_PONG);
	tasks[3].regcmd_count = 1;
	find(false);
	ck_assert_uint_eq(count_legal(), 0);
}
END_TEST

/* Tables and pointers of programs that run without ping-pong. */
START_TEST(prologue_brings_back_everything)
{
	static uint64_t entries[CUT_PROLOGUE_MAX];
	struct soft_registers before, after;
	uint32_t n;

	soft_registers_reset(&before);
	soft_registers_write(&before, REG_CNA_S_POINTER, S_POINTER_PING_PONG);
	for (uint32_t offset = 0x1000; offset < 0x8000; offset += 4) {
		uint32_t in_block = offset & 0xfff;

		if (regcmd_block_target(offset >> 12) && in_block > BLOCK_S_POINTER &&
		    in_block < 4 * SOFT_BLOCK_REGISTERS)
			soft_registers_write(&before, offset, offset * 3 + 1);
	}
	for (unsigned i = 0; i < 2; i++) {
		soft_registers_write(&before, REG_DPU_LUT_ACCESS_CFG,
				     DPU_LUT_ACCESS_WRITE | field_put(DPU_LUT_TABLE_ID, i));
		for (uint32_t entry = 0; entry < SOFT_LUT_ENTRIES; entry++)
			soft_registers_write(&before, REG_DPU_LUT_ACCESS_DATA, entry * 5 + i);
	}
	n = cut_write_prologue(&before, 1, entries);
	ck_assert_uint_le(n, CUT_PROLOGUE_MAX);
	soft_registers_reset(&after);
	for (uint32_t i = 0; i < n; i++) {
		struct regcmd command = regcmd_decode(entries[i]);

		ck_assert_int_eq(command.kind, REGCMD_WRITE);
		soft_registers_write(&after, command.offset, command.value);
	}
	for (unsigned i = RK3588_CNA; i < RK3588_BLOCKS; i++)
		ck_assert_mem_eq(&before.blocks[i], &after.blocks[i], sizeof(before.blocks[i]));
	ck_assert_mem_eq(&before.lut, &after.lut, sizeof(before.lut));
}
END_TEST

/* Any bytes: no cut is worse than a wrong one, and nothing is read past the end. */
START_TEST(any_bytes)
{
	static uint64_t entries[CUT_PROLOGUE_MAX];
	uint64_t state = 12345;

	for (unsigned round = 0; round < 2000; round++) {
		struct soft_registers registers;

		soft_registers_reset(&registers);
		for (uint32_t i = 0; i < N_TASKS; i++) {
			uint64_t *words = malloc(16 * sizeof(*words));
			struct cut_stream stream = {words, 16, i % 2};

			for (unsigned j = 0; j < 16; j++) {
				state = state * 6364136223846793005ull + 1442695040888963407ull;
				words[j] = regcmd_encode(regcmd_block_target(state >> 61),
							 state >> 61 << 12 | (state >> 40 & 0x1fc),
							 (uint32_t)(state >> 20));
			}
			words[15] = regcmd_encode(REGCMD_TARGET_OP_EN, 8, (uint32_t)state >> 16);
			cut_step(&registers, &stream, &steps[i]);
			free(words);
			ck_assert_uint_le(cut_write_prologue(&registers, 2, entries),
					  CUT_PROLOGUE_MAX);
		}
		cut_find(tasks, steps, N_TASKS, round % 2, is_legal);
		ck_assert(!is_legal[0]);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cut");
	TCase *cases = tcase_create("all");
	SRunner *runner;
	int n_failed;

	tcase_add_checked_fixture(cases, setup, teardown);
	tcase_add_loop_test(cases, every_cut_gives_the_same_results, 0, 2);
	tcase_add_test(cases, rest_needs_its_prologue);
	tcase_add_test(cases, no_cut_before_what_is_in_the_buffer);
	tcase_add_test(cases, no_cut_between_loading_and_using);
	tcase_add_test(cases, no_cut_where_groups_are_named);
	tcase_add_test(cases, no_cut_in_front_of_stale_pointers);
	tcase_add_test(cases, no_cut_behind_another_interrupt);
	tcase_add_test(cases, no_cut_in_broken_chains);
	tcase_add_test(cases, prologue_brings_back_everything);
	tcase_add_test(cases, any_bytes);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
