/* SPDX-License-Identifier: MIT */
/*
 * Bytes as the register streams of a job that is to be cut. What must hold whatever the bytes:
 * nothing is read past a stream's end, no prologue is longer than promised, and one brings back the
 * registers that a cut would lose.
 *
 * The first byte says how many tasks share the rest; its top bit, whether they are chained.
 */
#include "device/cut.h"
#include "device/regcmd.h"

#undef NDEBUG
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TASKS_MAX    8u
#define ENTRIES_MAX  512u
#define FLAG_CHAINED 0x80u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As a core that has just been started takes the writes. */
static void apply(const uint64_t *entries, uint32_t n, struct soft_registers *ret_registers)
{
	soft_registers_reset(ret_registers);
	for (uint32_t i = 0; i < n; i++) {
		struct regcmd command = regcmd_decode(entries[i]);

		assert(command.kind == REGCMD_WRITE);
		soft_registers_write(ret_registers, command.offset, command.value);
	}
}

/* Where the groups have changed places, so they have in what the prologue writes. */
static void check_prologue(const struct soft_registers *registers, const struct cut_task *step)
{
	static uint64_t entries[CUT_PROLOGUE_MAX];
	struct soft_registers again;
	uint32_t n = cut_write_prologue(registers, 1, entries);

	assert(n <= CUT_PROLOGUE_MAX);
	if (step->is_beyond)
		return;
	apply(entries, n, &again);
	for (unsigned i = RK3588_CNA; i < RK3588_BLOCKS; i++) {
		unsigned swap = step->is_swapped >> i & 1;

		for (unsigned group = 0; group < 2; group++)
			assert(memcmp(&registers->blocks[i].groups[group ^ swap],
				      &again.blocks[i].groups[group],
				      sizeof(again.blocks[i].groups[group])) == 0);
	}
	assert(memcmp(&registers->lut, &again.lut, sizeof(again.lut)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct device_task tasks[TASKS_MAX];
	struct cut_task steps[TASKS_MAX];
	bool is_legal[TASKS_MAX];
	struct soft_registers registers;
	uint32_t n_tasks, n_entries;
	uint64_t *entries;

	if (size < 1 + sizeof(uint64_t) || size > 1 + ENTRIES_MAX * sizeof(uint64_t))
		return -1;
	n_tasks = data[0] % TASKS_MAX + 1;
	n_entries = (uint32_t)((size - 1) / sizeof(uint64_t)) / n_tasks;
	/* Of exactly that size, so that the sanitizers see what is read behind it. */
	entries = malloc(n_entries * sizeof(*entries) + !n_entries);
	assert(entries);
	soft_registers_reset(&registers);
	for (uint32_t i = 0; i < n_tasks; i++) {
		struct cut_stream stream = {entries, n_entries, !i || !(data[0] & FLAG_CHAINED)};
		struct soft_registers before = registers;

		memcpy(entries, data + 1 + (size_t)i * n_entries * sizeof(*entries),
		       n_entries * sizeof(*entries));
		cut_step(&registers, &stream, &steps[i]);
		check_prologue(&before, &steps[i]);
		tasks[i] = (struct device_task){steps[i].next_iova, n_entries, 0x300};
	}
	cut_find(tasks, steps, n_tasks, data[0] & FLAG_CHAINED, is_legal);
	assert(!is_legal[0]);
	free(entries);
	return 0;
}
