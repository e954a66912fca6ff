/* SPDX-License-Identifier: MIT */
/*
 * A prologue can write any register of either group, but it cannot say which group is executed
 * next: after a reset that is the first. Where it is the second one's turn the two groups change
 * places, which nobody notices but a stream that selects groups by number.
 */
#include "device/cut.h"

#include "device/regcmd.h"

#include <string.h>

#define BOTH_PING_PONG (POINTER_PP_EN | EXECUTER_PP_EN)
/* In place of the index of the core that the driver writes there, which differs from start to
 * start. */
#define ANY_CORE S_POINTER_CORE_INDEX

static uint32_t block_offset(unsigned block, uint32_t offset)
{
	return (uint32_t)block << 12 | offset;
}

/* ---- one task ---- */

static void note_pointers(const struct soft_registers *registers, struct cut_task *task)
{
	for (unsigned i = RK3588_CNA; i < RK3588_BLOCKS; i++) {
		const struct soft_block *block = &registers->blocks[i];
		unsigned next = block->executer ^ block->is_toggle_due;

		if ((block->mode & BOTH_PING_PONG) == BOTH_PING_PONG) {
			task->is_beyond |= next != block->pointer;
			task->is_swapped |= (uint8_t)(next << i);
		} else {
			task->is_beyond |= next || block->mode & BOTH_PING_PONG;
		}
	}
}

static void apply_write(struct soft_registers *registers, const struct regcmd *command,
			struct cut_task *task)
{
	unsigned block = command->offset >> 12;

	if (command->offset == REG_PC_BASE_ADDRESS)
		task->next_iova =
			command->value & PC_SEL_SLAVE ? 0 : command->value & PC_SOURCE_ADDR;
	if (command->offset == REG_PC_REGISTER_AMOUNTS)
		task->n_cowork = field_get(PC_COWORK_CORES, command->value);
	if (block == RK3588_PC)
		return;
	if ((command->offset & 0xfff) == BLOCK_S_POINTER &&
	    (!(command->value & POINTER_PP_EN) ||
	     command->value & (POINTER_PP_CLEAR | EXECUTER_PP_CLEAR)))
		task->selects |= (uint8_t)(1u << block);
	soft_registers_write(registers, command->offset, command->value);
}

static void run(struct soft_registers *registers, struct cut_task *task)
{
	const struct soft_group *cna;

	task->is_stale =
		(task->op_en & OP_EN_DPU && registers->blocks[RK3588_DPU].is_toggle_due) ||
		(task->op_en & OP_EN_DPU_RDMA && registers->blocks[RK3588_DPU_RDMA].is_toggle_due);
	soft_registers_start(registers, task->op_en);
	cna = soft_registers_executed(registers, RK3588_CNA);
	task->is_fed = task->op_en & OP_EN_CNA &&
		       soft_group_get(cna, REG_CNA_CBUF_CON0) & (CNA_WEIGHT_REUSE | CNA_DATA_REUSE);
	soft_registers_finish(registers, task->op_en);
}

void cut_step(struct soft_registers *registers, const struct cut_stream *stream,
	      struct cut_task *ret_task)
{
	*ret_task = (struct cut_task){0};
	note_pointers(registers, ret_task);
	if (stream->is_started)
		soft_registers_start_pc(registers);
	for (uint32_t i = 0; i < stream->n_entries; i++) {
		uint64_t entry = __atomic_load_n(&stream->entries[i], __ATOMIC_RELAXED);
		struct regcmd command = regcmd_decode(entry);

		if (command.kind == REGCMD_WRITE)
			apply_write(registers, &command, ret_task);
		if (command.kind != REGCMD_OP_EN)
			continue;
		ret_task->n_entries = i + 1;
		ret_task->op_en = command.value & OP_EN_BITS;
		run(registers, ret_task);
		return;
	}
}

/* ---- cuts ---- */

/* Whether the interrupt that the task names comes when it is the last one of a batch. */
static bool ends_alone(const struct device_task *task, const struct cut_task *step)
{
	static const struct {
		uint32_t op_en, interrupts;
	} blocks[] = {
		{OP_EN_CNA, INTERRUPT_CNA_FEATURE | INTERRUPT_CNA_WEIGHT | INTERRUPT_CNA_CSC},
		{OP_EN_CORE, INTERRUPT_CORE},
		{OP_EN_DPU, INTERRUPT_DPU},
		{OP_EN_PPU, INTERRUPT_PPU},
	};
	uint32_t raised = 0;

	for (size_t i = 0; i < sizeof(blocks) / sizeof(*blocks); i++) {
		/* Of a pair of bits either may come, by the group that ran. */
		if (step->op_en & blocks[i].op_en)
			raised |= blocks[i].interrupts | blocks[i].interrupts << 1;
	}
	return !(task->int_mask & ~raised);
}

static bool is_regular(const struct device_task *tasks, const struct cut_task *steps, uint32_t n,
		       bool is_chained)
{
	for (uint32_t i = 0; i < n; i++) {
		if (!steps[i].n_entries)
			return false;
		if (is_chained && i + 1 < n && steps[i].next_iova != tasks[i + 1].regcmd_iova)
			return false;
	}
	return true;
}

void cut_find(const struct device_task *tasks, const struct cut_task *steps, uint32_t n,
	      bool is_chained, bool *ret_is_legal)
{
	bool is_fed = false, is_stale = false;
	uint8_t selects = 0;

	memset(ret_is_legal, 0, n * sizeof(*ret_is_legal));
	if (!is_regular(tasks, steps, n, is_chained))
		return;
	/* From the end: what the tasks behind a cut would miss. */
	for (uint32_t i = n; i-- > 1;) {
		const struct cut_task *step = &steps[i];

		if (step->op_en & OP_EN_CNA)
			is_fed = step->is_fed;
		is_stale |= step->is_stale;
		selects |= step->selects;
		ret_is_legal[i] = !is_fed && !is_stale && !step->is_beyond &&
				  !(step->is_swapped & selects) &&
				  ends_alone(&tasks[i - 1], &steps[i - 1]);
	}
}

/* ---- prologues ---- */

struct prologue {
	uint64_t *entries;
	uint32_t n;
};

static void add(struct prologue *prologue, uint32_t offset, uint32_t value)
{
	prologue->entries[prologue->n++] =
		regcmd_encode(regcmd_block_target(offset >> 12), (uint16_t)offset, value);
}

static void add_group(struct prologue *prologue, unsigned block, const struct soft_group *group,
		      const struct soft_group *reset)
{
	for (uint32_t i = 0; i < SOFT_BLOCK_REGISTERS; i++) {
		if (group->values[i] != reset->values[i])
			add(prologue, block_offset(block, i * 4), group->values[i]);
	}
}

static bool is_untouched(const struct soft_block *block, const struct soft_block *reset)
{
	return !block->mode && !block->pointer &&
	       memcmp(block->groups, reset->groups, sizeof(block->groups)) == 0;
}

static void add_block(struct prologue *prologue, unsigned index, const struct soft_block *block,
		      const struct soft_block *reset, unsigned core)
{
	bool is_ping_pong = block->mode & POINTER_PP_EN;
	unsigned first = is_ping_pong ? block->pointer : 0;
	uint32_t pointer = block_offset(index, BLOCK_S_POINTER), mode = block->mode;

	if (is_untouched(block, reset))
		return;
	add(prologue, pointer, 1);
	add_group(prologue, index, &block->groups[1 ^ first], &reset->groups[1]);
	add(prologue, pointer, 0);
	add_group(prologue, index, &block->groups[first], &reset->groups[0]);
	if ((mode & S_POINTER_CORE_INDEX) == ANY_CORE)
		mode = (mode & ~S_POINTER_CORE_INDEX) | field_put(S_POINTER_CORE_INDEX, core);
	add(prologue, pointer, mode | (is_ping_pong ? 0 : block->pointer));
}

static void add_lut(struct prologue *prologue, const struct soft_lut *lut)
{
	for (unsigned table = 0; table < 2; table++) {
		add(prologue, REG_DPU_LUT_ACCESS_CFG,
		    DPU_LUT_ACCESS_WRITE | field_put(DPU_LUT_TABLE_ID, table));
		for (unsigned i = 0; i < SOFT_LUT_ENTRIES; i++)
			add(prologue, REG_DPU_LUT_ACCESS_DATA, (uint16_t)lut->tables[table][i]);
	}
	add(prologue, REG_DPU_LUT_ACCESS_CFG, lut->access);
}

uint32_t cut_write_prologue(const struct soft_registers *registers, unsigned core,
			    uint64_t *ret_entries)
{
	struct prologue prologue = {.entries = ret_entries};
	struct soft_registers reset;

	soft_registers_reset(&reset);
	for (unsigned i = RK3588_CNA; i < RK3588_BLOCKS; i++)
		add_block(&prologue, i, &registers->blocks[i], &reset.blocks[i], core);
	if (memcmp(&registers->lut, &reset.lut, sizeof(reset.lut)) != 0)
		add_lut(&prologue, &registers->lut);
	return prologue.n;
}
