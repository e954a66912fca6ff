/* SPDX-License-Identifier: MIT */
/*
 * The checker against the model: what it lets pass never faults, what reaches one byte further does
 * not pass. NPUD_SEED and NPUD_STREAMS choose the random streams and how many.
 */
#include "device/stream_check.h"

#include "tests/unit/npu_conv.h"

#include <check.h>
#include <errno.h>

#define STREAM	     0x10000000u
#define IN	     0x20000000u
#define WEIGHTS	     0x30000000u
#define OUT	     0x40000000u
#define BUFFER_BYTES 0x10000u
#define PLACES	     .in_iova = IN, .weight_iova = WEIGHTS, .out_iova = OUT
#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define INT_DPU	     0x300u
#define BUDGET_NS    20000000u
#define MAX_ENTRIES  512u
#define MAX_RANGES   16u

static const struct conv small = {.in = RK3588_INT8,
				  .out = RK3588_INT32,
				  .width = 9,
				  .height = 7,
				  .channels = 20,
				  .padded = 32,
				  .kernels = 40,
				  .kernel_width = 3,
				  .kernel_height = 3,
				  .stride_x = 1,
				  .stride_y = 1,
				  .step_x = 1,
				  .step_y = 1,
				  .out_width = 7,
				  .out_height = 5,
				  .pitch = 9,
				  .full_height = 7,
				  PLACES};

static const struct conv packed = {.in = RK3588_INT8,
				   .out = RK3588_INT8,
				   .width = 16,
				   .height = 12,
				   .channels = 3,
				   .packed = 3,
				   .padded = 16,
				   .kernels = 8,
				   .kernel_width = 3,
				   .kernel_height = 3,
				   .stride_x = 1,
				   .stride_y = 1,
				   .step_x = 1,
				   .step_y = 1,
				   .pad_left = 1,
				   .pad_top = 1,
				   .out_width = 16,
				   .out_height = 12,
				   .pitch = 16,
				   .full_height = 12,
				   .shift = 6,
				   PLACES};

static const struct conv *const bases[] = {&small, &packed};

/* ---- a stream in an array ---- */

struct task {
	uint64_t entries[MAX_ENTRIES];
	struct rig_stream stream;
};

static void task_write(struct task *task, const struct conv *conv)
{
	task->stream = (struct rig_stream){task->entries, 0, MAX_ENTRIES};
	conv_write(&task->stream, conv);
	rig_tail(&task->stream, 0, 0, CONV_OP_EN);
}

/* The register gets that value, whether the stream writes it or not. */
static void task_set(struct task *task, uint16_t offset, uint32_t value)
{
	struct rig_stream front = {task->entries, 0, MAX_ENTRIES};
	unsigned n = 0;

	for (uint32_t i = 0; i < task->stream.n; i++) {
		struct regcmd command = regcmd_decode(task->entries[i]);

		if (command.kind != REGCMD_WRITE || command.offset != offset)
			continue;
		task->entries[i] = regcmd_encode(command.target, offset, value);
		n++;
	}
	if (n > 0)
		return;
	ck_assert_uint_lt(task->stream.n, MAX_ENTRIES);
	memmove(task->entries + 1, task->entries, task->stream.n * sizeof(*task->entries));
	task->stream.n++;
	rig_write(&front, offset, value);
}

/* ---- who may reach what ---- */

struct range {
	uint32_t iova;
	uint64_t size_bytes;
	bool is_write;
};

struct ranges {
	struct range items[MAX_RANGES];
	unsigned n;
};

static bool note_range(void *context, uint32_t iova, uint64_t size_bytes, bool is_write)
{
	struct ranges *ranges = context;

	ck_assert_uint_lt(ranges->n, MAX_RANGES);
	ranges->items[ranges->n++] = (struct range){iova, size_bytes, is_write};
	return true;
}

/* The three buffers; only the last may be written. */
static bool is_in_buffers(void *context, uint32_t iova, uint64_t size_bytes, bool is_write)
{
	static const uint32_t places[] = {IN, WEIGHTS, OUT};

	(void)context;
	for (size_t i = is_write ? 2 : 0; i < COUNT(places); i++) {
		if (iova >= places[i] && size_bytes <= BUFFER_BYTES &&
		    iova - places[i] <= BUFFER_BYTES - size_bytes)
			return true;
	}
	return false;
}

static const struct stream_reach buffers = {is_in_buffers, NULL};

static int check_task(const struct task *task, struct stream_reach reach,
		      char text[STREAM_CHECK_TEXT_BYTES])
{
	struct stream_check *check = malloc(sizeof(*check));
	struct stream_next next;
	int r;

	ck_assert_ptr_nonnull(check);
	stream_check_init(check, reach);
	text[0] = '\0';
	r = stream_check_task(check, task->entries, task->stream.n, &next, text);
	free(check);
	return r;
}

START_TEST(test_ranges_of_a_convolution)
{
	char text[STREAM_CHECK_TEXT_BYTES];
	struct ranges ranges = {0};
	struct task task;

	task_write(&task, &small);
	ck_assert_int_eq(check_task(&task, (struct stream_reach){note_range, &ranges}, text), 0);
	ck_assert_uint_ge(ranges.n, 3);
	for (unsigned i = 0; i < ranges.n; i++) {
		const struct range *range = &ranges.items[i];

		/*
		 * Two surfaces of 7 lines of 9 atoms; 40 kernels of 9 taps of 32 channels; 40
		 * channels of 35 pixels of four bytes.
		 */
		if (range->iova < WEIGHTS)
			ck_assert_uint_le(range->iova + range->size_bytes, IN + 2 * 7 * 9 * 16);
		else if (range->iova == WEIGHTS)
			ck_assert_uint_eq(range->size_bytes, 40 * 9 * 32);
		else
			ck_assert_uint_le(range->iova + range->size_bytes, OUT + 40 * 35 * 4);
		ck_assert_int_eq(range->is_write, range->iova >= OUT);
	}
}
END_TEST

/* Each range of each base, cut by a byte at either end, is refused. */
static bool is_not_the_last_byte(void *context, uint32_t iova, uint64_t size_bytes, bool is_write)
{
	const struct range *hole = context;

	(void)is_write;
	return iova + size_bytes <= hole->iova || iova >= hole->iova + hole->size_bytes;
}

START_TEST(test_one_byte_short)
{
	char text[STREAM_CHECK_TEXT_BYTES];
	struct ranges ranges = {0};
	struct task task;

	task_write(&task, bases[_i]);
	ck_assert_int_eq(check_task(&task, (struct stream_reach){note_range, &ranges}, text), 0);
	for (unsigned i = 0; i < ranges.n; i++) {
		const struct range *range = &ranges.items[i];
		struct range holes[] = {
			{range->iova, 1, false},
			{range->iova + (uint32_t)range->size_bytes - 1, 1, false},
		};

		for (size_t j = 0; j < COUNT(holes); j++) {
			struct stream_reach reach = {is_not_the_last_byte, &holes[j]};

			ck_assert_int_eq(check_task(&task, reach, text), -EINVAL);
			ck_assert_ptr_nonnull(strstr(text, range->is_write ? "writes" : "reads"));
		}
	}
}
END_TEST

/* ---- attacks ---- */

static const struct {
	uint16_t offset;
	uint32_t value;
	const char *says; /* a part of the refusal */
} attacks[] = {
	{REG_CNA_FEATURE_DATA_ADDR, 0x50000000, "FEATURE_DATA_ADDR"},
	{REG_CNA_FEATURE_DATA_ADDR, 0, "FEATURE_DATA_ADDR"},
	{REG_CNA_FEATURE_DATA_ADDR, 0xfffffff0, "beyond the address space"},
	{REG_CNA_DMA_CON1, 0xfffffff, "FEATURE_DATA_ADDR"},
	{REG_CNA_DMA_CON2, 0x8000000, "FEATURE_DATA_ADDR"},
	{REG_CNA_DMA_CON2, 0x7ffffff, "FEATURE_DATA_ADDR"},
	{REG_CNA_DCOMP_ADDR0, WEIGHTS + BUFFER_BYTES - 16, "DCOMP_ADDR0"},
	{REG_CNA_CBUF_CON0, CNA_DATA_REUSE | 0xb, "claims reuse"},
	{REG_CNA_CBUF_CON0, CNA_WEIGHT_REUSE | 0xb, "claims reuse"},
	{REG_DPU_DST_BASE_ADDR, IN, "writes"},
	{REG_DPU_DST_BASE_ADDR, STREAM, "writes"},
	{REG_DPU_DST_BASE_ADDR, OUT - 16, "DST_BASE_ADDR"},
	{REG_DPU_DST_SURF_STRIDE, 0xfffffff0, "DST_BASE_ADDR"},
	{REG_DPU_DST_SURF_STRIDE, 0x80000000, "DST_BASE_ADDR"},
	{REG_DPU_SURFACE_ADD, 0x7ffffff0, "DST_BASE_ADDR"},
	{REG_DPU_DATA_CUBE_NOTCH_ADDR, 0x1fff1fff, "DST_BASE_ADDR"},
	{REG_PC_BASE_ADDRESS, 0x1, NULL}, /* slave mode: no next task, nothing reached */
};

START_TEST(test_attack)
{
	char text[STREAM_CHECK_TEXT_BYTES];
	struct task task;

	task_write(&task, &small);
	ck_assert_int_eq(check_task(&task, buffers, text), 0);
	task_set(&task, attacks[_i].offset, attacks[_i].value);
	if (!attacks[_i].says) {
		ck_assert_int_eq(check_task(&task, buffers, text), 0);
		return;
	}
	ck_assert_int_eq(check_task(&task, buffers, text), -EINVAL);
	ck_assert_msg(strstr(text, attacks[_i].says) != NULL, "0x%x = 0x%x: %s", attacks[_i].offset,
		      attacks[_i].value, text);
}
END_TEST

static const struct {
	uint64_t entry;
	const char *says;
} strangers[] = {
	{0x0101000000010020, "not a register that streams write"}, /* PC */
	{0x1234000000000000, "no such register command"},
	{0x0201000000004020, "no such register command"}, /* the DPU's, by the CNA's name */
};

/* The model does not walk by it, silicon may. */
START_TEST(test_stride_of_packed_rows)
{
	char text[STREAM_CHECK_TEXT_BYTES];
	struct task task;

	task_write(&task, &packed);
	ck_assert_int_eq(check_task(&task, buffers, text), 0);
	task_set(&task, REG_CNA_DMA_CON1, packed.width + 1);
	ck_assert_int_eq(check_task(&task, buffers, text), 0);
	task_set(&task, REG_CNA_DMA_CON1, BUFFER_BYTES);
	ck_assert_int_eq(check_task(&task, buffers, text), -EINVAL);
	ck_assert_ptr_nonnull(strstr(text, "FEATURE_DATA_ADDR"));
}
END_TEST

START_TEST(test_strange_entry)
{
	char text[STREAM_CHECK_TEXT_BYTES];
	struct task task;

	task_write(&task, &small);
	task.entries[0] = strangers[_i].entry;
	ck_assert_int_eq(check_task(&task, buffers, text), -EINVAL);
	ck_assert_msg(strstr(text, strangers[_i].says) != NULL, "%s", text);
}
END_TEST

START_TEST(test_nothing_started)
{
	char text[STREAM_CHECK_TEXT_BYTES];
	struct task task;

	task_write(&task, &small);
	task.stream.n -= 1;
	ck_assert_int_eq(check_task(&task, buffers, text), -EINVAL);
	ck_assert_ptr_nonnull(strstr(text, "none starts anything"));
	task_write(&task, &small);
	task.stream.n -= 4;
	rig_tail(&task.stream, 0, 0, OP_EN_DPU);
	ck_assert_int_eq(check_task(&task, buffers, text), -EINVAL);
	ck_assert_ptr_nonnull(strstr(text, "wait for others"));
}
END_TEST

/* In front of the tail. */
static void task_insert(struct task *task, uint16_t offset, uint32_t value)
{
	task->stream.n -= 4;
	rig_write(&task->stream, offset, value);
	rig_tail(&task->stream, 0, 0, CONV_OP_EN);
}

/*
 * The driver has CNA and CORE alternate between their groups: a task that only starts again reads
 * what the one before its predecessor did, in a chain and not.
 */
START_TEST(test_groups_alternate)
{
	char text[STREAM_CHECK_TEXT_BYTES];
	struct stream_check *check = malloc(sizeof(*check));
	struct stream_next next;
	struct ranges ranges = {0};
	struct task tasks[3] = {0};
	bool is_chained = _i == 1;

	ck_assert_ptr_nonnull(check);
	task_write(&tasks[0], &small);
	task_write(&tasks[1], &small);
	task_insert(&tasks[1], REG_CNA_FEATURE_DATA_ADDR, IN + 0x1000);
	tasks[2].stream = (struct rig_stream){tasks[2].entries, 0, MAX_ENTRIES};
	rig_write(&tasks[2].stream, REG_DPU_S_POINTER, S_POINTER_PING_PONG);
	rig_tail(&tasks[2].stream, 0, 0, CONV_OP_EN);
	stream_check_init(check, (struct stream_reach){note_range, &ranges});
	for (unsigned i = 0; i < 3; i++) {
		ranges.n = 0;
		if (!is_chained)
			stream_check_start(check);
		ck_assert_int_eq(
			stream_check_task(check, tasks[i].entries, tasks[i].stream.n, &next, text),
			0);
		ck_assert_uint_eq(ranges.items[0].iova, i == 1 ? IN + 0x1000 : IN);
	}
	free(check);
}
END_TEST

/* Registers of a task before count: one that only starts again reaches what that one did. */
START_TEST(test_values_stay)
{
	char text[STREAM_CHECK_TEXT_BYTES];
	struct stream_check *check = malloc(sizeof(*check));
	struct stream_next next = {0};
	struct ranges ranges = {0};
	struct task task, again = {0};
	unsigned n;

	ck_assert_ptr_nonnull(check);
	task_write(&task, &small);
	/* Without the second groups. */
	task_insert(&task, REG_CNA_S_POINTER, 0);
	task_insert(&task, REG_CORE_S_POINTER, 0);
	again.stream = (struct rig_stream){again.entries, 0, MAX_ENTRIES};
	rig_tail(&again.stream, STREAM, 4, CONV_OP_EN);
	stream_check_init(check, (struct stream_reach){note_range, &ranges});
	ck_assert_int_eq(stream_check_task(check, task.entries, task.stream.n, &next, text), 0);
	ck_assert_uint_eq(next.iova, 0);
	n = ranges.n;
	ck_assert_int_eq(stream_check_task(check, again.entries, again.stream.n, &next, text), 0);
	ck_assert_uint_eq(next.iova, STREAM);
	ck_assert_uint_eq(next.amounts, regcmd_amount(4));
	ck_assert_uint_eq(ranges.n, 2 * n);
	ck_assert_mem_eq(ranges.items, ranges.items + n, n * sizeof(*ranges.items));
	free(check);
}
END_TEST

/* ---- random streams ---- */

struct lab {
	struct rig rig;
	uint64_t *stream;
	unsigned n_passed;
};

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 4;
}

/* Changes a few values: bits, or the whole of them. */
static void mutate(struct task *task, uint32_t *state)
{
	unsigned n = 1 + next_random(state) % 3;

	for (unsigned i = 0; i < n; i++) {
		uint64_t *entry = &task->entries[next_random(state) % task->stream.n];
		uint64_t bits = next_random(state);

		if (next_random(state) % 2)
			bits = 1ull << next_random(state) % 32;
		*entry ^= bits << 16;
	}
}

/* On the model, which has exactly what the checker allows. */
static void run(struct lab *lab, const struct task *task, uint32_t seed)
{
	struct device_task tasks = {STREAM, task->stream.n, INT_DPU};
	struct device_batch batch = {
		.tasks = &tasks, .n_tasks = 1, .table_pa = lab->rig.directory_pa};
	struct device_progress progress;
	unsigned n_events = lab->rig.n_events;

	memcpy(lab->stream, task->entries, task->stream.n * sizeof(*task->entries));
	ck_assert_int_eq(device_start(lab->rig.device, 0, &batch), 0);
	do {
		rig_dispatch(&lab->rig, 1);
		device_progress(lab->rig.device, 0, &progress);
	} while (lab->rig.n_events == n_events && progress.device_ns < BUDGET_NS);
	if (lab->rig.n_events > n_events)
		ck_assert_msg(lab->rig.events[0].kind != DEVICE_PAGE_FAULT,
			      "seed %u passed and reached for 0x%llx", seed,
			      (unsigned long long)lab->rig.events[0].iova);
	ck_assert_int_eq(device_reset_core(lab->rig.device, 0), 0);
}

static uint32_t from_environment(const char *name, uint32_t otherwise)
{
	const char *value = getenv(name);

	return value ? (uint32_t)strtoul(value, NULL, 10) : otherwise;
}

START_TEST(test_what_passes_never_faults)
{
	uint32_t first = from_environment("NPUD_SEED", 1);
	uint32_t n = from_environment("NPUD_STREAMS", 3000);
	struct soft_options options = soft_options_default();
	char text[STREAM_CHECK_TEXT_BYTES];
	struct lab lab = {0};
	struct task task;

	rig_init(&lab.rig, &options);
	lab.stream = (uint64_t *)rig_buffer(&lab.rig, STREAM, sizeof(task.entries), RIG_READ);
	rig_buffer(&lab.rig, IN, BUFFER_BYTES, RIG_READ);
	rig_buffer(&lab.rig, WEIGHTS, BUFFER_BYTES, RIG_READ);
	rig_buffer(&lab.rig, OUT, BUFFER_BYTES, RIG_BOTH);
	for (uint32_t seed = first; seed < first + n; seed++) {
		uint32_t state = seed * 2654435761u;

		task_write(&task, bases[seed % COUNT(bases)]);
		mutate(&task, &state);
		if (check_task(&task, buffers, text) < 0)
			continue;
		run(&lab, &task, seed);
		lab.n_passed++;
	}
	/* Or nothing has been tested. */
	if (n >= 100)
		ck_assert_uint_gt(lab.n_passed, n / 10);
	rig_deinit(&lab.rig);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stream_check");
	TCase *tcase = tcase_create("stream_check");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 240);
	tcase_add_test(tcase, test_ranges_of_a_convolution);
	tcase_add_loop_test(tcase, test_one_byte_short, 0, COUNT(bases));
	tcase_add_loop_test(tcase, test_attack, 0, COUNT(attacks));
	tcase_add_test(tcase, test_stride_of_packed_rows);
	tcase_add_loop_test(tcase, test_strange_entry, 0, COUNT(strangers));
	tcase_add_test(tcase, test_nothing_started);
	tcase_add_test(tcase, test_values_stay);
	tcase_add_loop_test(tcase, test_groups_alternate, 0, 2);
	tcase_add_test(tcase, test_what_passes_never_faults);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
