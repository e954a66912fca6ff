/* SPDX-License-Identifier: MIT */
/*
 * A chain is followed by what the stream itself writes to BASE_ADDRESS and REGISTER_AMOUNTS; a body
 * ends at its op_en. What never comes (an op_en cut off, a next task at 0, a block that waits for
 * another that was not started) makes the core wait, not fail.
 */
#include "device/soft/pc.h"

#include "base/clock.h"
#include "device/regcmd.h"
#include "device/soft/operation.h"

#include <errno.h>
#include <stdio.h>

/* A fetch stops at the end of a page, so that entries behind op_en are not touched needlessly. */
#define FETCH_ENTRIES (MMU_PAGE_BYTES / REGCMD_ENTRY_BYTES)

/* VERSION and VERSION_NUM only mean something in sum (hardware reference 1.6). */
#define VERSION_NUM 0x5245u

/* Where the next body is. */
struct body {
	uint32_t iova; /* 0: nowhere */
	uint32_t amounts;
};

uint32_t soft_pc_read(const struct soft_core *core, uint32_t offset)
{
	const struct soft_pc *pc = &core->pc;

	switch (offset) {
	case REG_PC_VERSION:
		return RK3588_IDENTITY - VERSION_NUM;
	case REG_PC_VERSION_NUM:
		return VERSION_NUM;
	case REG_PC_BASE_ADDRESS:
		return pc->base;
	case REG_PC_REGISTER_AMOUNTS:
		return pc->amounts;
	case REG_PC_INTERRUPT_MASK:
		return pc->int_mask;
	case REG_PC_INTERRUPT_STATUS:
		return pc->int_status;
	case REG_PC_INTERRUPT_RAW_STATUS:
		return pc->int_raw;
	case REG_PC_TASK_CON:
		return pc->task_con;
	case REG_PC_TASK_DMA_BASE_ADDR:
		return pc->dma_base;
	case REG_PC_TASK_STATUS:
		return pc->task_status;
	case REG_GLOBAL_OPERATION_ENABLE:
		return pc->op_en;
	default:
		return 0;
	}
}

static void request_run(struct soft_core *core, uint32_t value)
{
	if (!(value & 1) || (core->pc.base & PC_SEL_SLAVE) || core->state != SOFT_CORE_IDLE)
		return;
	core->pc.is_slave_start = false;
	soft_stopwatch_start(&core->watch, core->cpu_clock);
	soft_core_set_state(core, SOFT_CORE_REQUESTED);
	pthread_cond_broadcast(&core->changed);
}

/* In slave mode the registers are there already; without a stream there is one task. */
static void request_operation(struct soft_core *core, uint32_t op_en)
{
	if (op_en == 0 || !(core->pc.base & PC_SEL_SLAVE) || core->state != SOFT_CORE_IDLE)
		return;
	core->pc.op_en = op_en;
	core->pc.is_slave_start = true;
	soft_stopwatch_start(&core->watch, core->cpu_clock);
	soft_core_set_state(core, SOFT_CORE_REQUESTED);
	pthread_cond_broadcast(&core->changed);
}

static void write_task_con(struct soft_pc *pc, uint32_t value)
{
	pc->task_con = value & ~PC_TASK_COUNT_CLEAR;
	if (value & PC_TASK_COUNT_CLEAR)
		pc->task_status &= ~PC_TASK_COUNTER;
}

/* A driver that has seen the interrupt and starts nothing may be waiting for another one. */
static void clear_interrupts(struct soft_core *core, uint32_t value)
{
	struct soft_pc *pc = &core->pc;
	bool was_up = pc->int_status != 0;

	pc->int_raw &= ~value;
	pc->int_status &= ~value;
	if (was_up && pc->int_status == 0 && core->state == SOFT_CORE_IDLE)
		soft_stopwatch_wait(&core->watch);
}

void soft_pc_write(struct soft_core *core, uint32_t offset, uint32_t value)
{
	struct soft_pc *pc = &core->pc;

	switch (offset) {
	case REG_PC_OPERATION_ENABLE:
		request_run(core, value);
		break;
	case REG_PC_BASE_ADDRESS:
		pc->base = value & (PC_SOURCE_ADDR | PC_SEL_SLAVE);
		break;
	case REG_PC_REGISTER_AMOUNTS:
		pc->amounts = value;
		break;
	case REG_PC_INTERRUPT_MASK:
		pc->int_mask = value & RK3588_INTERRUPT_MASK_RESET;
		break;
	case REG_PC_INTERRUPT_CLEAR:
		clear_interrupts(core, value);
		break;
	case REG_PC_TASK_CON:
		write_task_con(pc, value);
		break;
	case REG_PC_TASK_DMA_BASE_ADDR:
		pc->dma_base = value & PC_SOURCE_ADDR;
		break;
	case REG_GLOBAL_OPERATION_ENABLE:
		request_operation(core, value);
		break;
	}
}

bool soft_pc_interrupt(struct soft_core *core, uint32_t interrupt)
{
	core->pc.int_raw |= interrupt;
	core->pc.int_status |= interrupt & core->pc.int_mask;
	if (!(interrupt & core->pc.int_mask))
		return false;
	soft_core_raise(core);
	return true;
}

bool soft_pc_complete(struct soft_core *core)
{
	return soft_pc_interrupt(core, core->pc.int_raw & INTERRUPT_BITS);
}

static int complain_unknown(struct soft_core *core, const struct regcmd *command)
{
	snprintf(core->draft.text, sizeof(core->draft.text),
		 "PC target 0x%04x: offset 0x%04x, value 0x%x, no such register command",
		 command->target, command->offset, command->value);
	return -EOPNOTSUPP;
}

/* What a stream writes to the PC itself: the place of the next body. */
static int apply_to_pc(struct soft_core *core, const struct regcmd *command, struct body *next)
{
	uint32_t value = command->value;

	switch (command->offset) {
	case REG_PC_BASE_ADDRESS:
		next->iova = value & PC_SEL_SLAVE ? 0 : value & PC_SOURCE_ADDR;
		return 0;
	case REG_PC_REGISTER_AMOUNTS:
		next->amounts = value;
		return 0;
	default:
		return soft_complain(&core->draft, command->offset, value,
				     "not a register that streams write");
	}
}

static int apply_write(struct soft_core *core, const struct regcmd *command, struct body *next)
{
	uint32_t unknown = command->value & ~rk3588_register_bits(command->offset);

	if (unknown)
		soft_core_note(core, command->offset, unknown);
	if (command->offset >> 12 == RK3588_PC)
		return apply_to_pc(core, command, next);
	soft_registers_write(&core->registers, command->offset, command->value);
	return 0;
}

/* Applies entries up to the op_en: 1 with its mask, 0 without one, or a complaint. */
static int apply_entries(struct soft_core *core, const uint64_t *entries, size_t n,
			 struct body *next, uint32_t *ret_op_en)
{
	for (size_t i = 0; i < n; i++) {
		struct regcmd command = regcmd_decode(entries[i]);
		int r = 0;

		if (command.kind == REGCMD_OP_EN) {
			*ret_op_en = command.value;
			return 1;
		}
		if (command.kind == REGCMD_UNKNOWN)
			r = complain_unknown(core, &command);
		else if (command.kind == REGCMD_WRITE)
			r = apply_write(core, &command, next);
		if (r < 0)
			return r;
	}
	return 0;
}

static size_t fetch_size(uint32_t iova, size_t rest)
{
	size_t in_page = (MMU_PAGE_BYTES - iova % MMU_PAGE_BYTES) / REGCMD_ENTRY_BYTES;

	return rest < in_page ? rest : in_page;
}

/* Fetches and applies one body. *ret_bytes counts what was fetched. */
static int fetch_body(struct soft_core *core, const struct body *body, struct body *next,
		      uint32_t *ret_op_en, uint64_t *ret_bytes)
{
	size_t rest = 2 * (size_t)(field_get(PC_DATA_AMOUNT, body->amounts) + 1);
	uint32_t iova = body->iova;
	uint64_t entries[FETCH_ENTRIES];
	int r = 0;

	while (rest > 0 && r == 0) {
		size_t n = fetch_size(iova, rest);

		r = soft_core_dma_read(core, SOFT_PORT_FEATURES, iova, entries,
				       n * REGCMD_ENTRY_BYTES);
		if (r < 0)
			return r;
		pthread_mutex_lock(&core->lock);
		r = apply_entries(core, entries, n, next, ret_op_en);
		pthread_mutex_unlock(&core->lock);
		iova += (uint32_t)(n * REGCMD_ENTRY_BYTES);
		rest -= n;
	}
	*ret_bytes = iova - body->iova;
	return r == 0 ? -ENODATA : r < 0 ? r : 0;
}

static void begin_operation(struct soft_core *core, struct soft_operation *operation)
{
	struct soft_registers *registers = &core->registers;

	pthread_mutex_lock(&core->lock);
	core->pc.op_en = operation->op_en;
	if (operation->op_en & ~OP_EN_BITS)
		soft_core_note(core, REG_GLOBAL_OPERATION_ENABLE, operation->op_en & ~OP_EN_BITS);
	soft_registers_start(registers, operation->op_en);
	core->dma_base = core->pc.dma_base;
	soft_operation_take(operation, registers);
	pthread_mutex_unlock(&core->lock);
}

/* Interrupt bits of the blocks that ran, by the groups they executed (hardware reference 3.2). */
static uint32_t completed_interrupts(const struct soft_registers *registers, uint32_t op_en)
{
	uint32_t interrupts = 0;

	if (op_en & OP_EN_CNA)
		interrupts |= (INTERRUPT_CNA_FEATURE | INTERRUPT_CNA_WEIGHT | INTERRUPT_CNA_CSC)
			      << registers->blocks[RK3588_CNA].executer;
	if (op_en & OP_EN_CORE)
		interrupts |= INTERRUPT_CORE << registers->blocks[RK3588_CORE].executer;
	if (op_en & OP_EN_DPU)
		interrupts |= INTERRUPT_DPU << registers->blocks[RK3588_DPU].executer;
	if (op_en & OP_EN_PPU)
		interrupts |= INTERRUPT_PPU << registers->blocks[RK3588_PPU].executer;
	return interrupts;
}

static void end_operation(struct soft_core *core, uint32_t op_en)
{
	pthread_mutex_lock(&core->lock);
	soft_registers_finish(&core->registers, op_en);
	core->pc.int_raw |= completed_interrupts(&core->registers, op_en);
	core->pc.task_status = (core->pc.task_status & ~PC_TASK_COUNTER) |
			       ((core->pc.task_status + 1) & PC_TASK_COUNTER);
	pthread_mutex_unlock(&core->lock);
}

/* With --soft-clock rk3588, lets the rest of the modelled time pass. */
static int pace(struct soft_core *core, uint64_t started_ns, const struct soft_work *work)
{
	const struct soft_options *options = &core->shared->options;
	unsigned n_active = atomic_load(&core->shared->n_active);

	if (options->clock == SOFT_CLOCK_HOST)
		return 0;
	return soft_core_wait_until(core,
				    started_ns + soft_work_duration_ns(work, options, n_active));
}

/* Blocks that have been configured; `operation` has its mask. */
static int run_operation(struct soft_core *core, struct soft_operation *operation,
			 uint64_t started_ns, uint64_t fetched_bytes)
{
	int r;

	begin_operation(core, operation);
	r = soft_operation_run(core, operation);
	core->dma_base = 0;
	if (r < 0)
		return r;
	operation->work.bytes += fetched_bytes;
	r = pace(core, started_ns, &operation->work);
	if (r == 0)
		end_operation(core, operation->op_en);
	return r;
}

static int run_task(struct soft_core *core, const struct body *body, struct body *next)
{
	struct soft_operation operation = {0};
	uint64_t started_ns = clock_now_ns(), fetched_bytes;
	int r;

	r = fetch_body(core, body, next, &operation.op_en, &fetched_bytes);
	if (r < 0)
		return r;
	return run_operation(core, &operation, started_ns, fetched_bytes);
}

/* Between two tasks, cores that a stream says work together wait for one another (2.3, 3.4). */
static int meet_gang(struct soft_core *core, uint32_t amounts)
{
	unsigned n_cores = field_get(PC_COWORK_CORES, amounts) + 1;
	int r;

	if (n_cores == 1)
		return 0;
	soft_core_begin_meeting(core);
	r = soft_rendezvous_meet(&core->shared->rendezvous, core->index, n_cores,
				 soft_mmu_tables(&core->mmus[0]), &core->abort);
	soft_core_end_meeting(core);
	return r;
}

static void show_position(struct soft_core *core, const struct body *body, uint32_t left,
			  bool is_first)
{
	pthread_mutex_lock(&core->lock);
	core->pc.base = body->iova;
	core->pc.amounts = body->amounts;
	core->pc.task_status &= ~(PC_TASK_FIRST_RUNS | PC_TASK_LAST_RUNS);
	core->pc.task_status |=
		(is_first ? PC_TASK_FIRST_RUNS : 0) | (left == 1 ? PC_TASK_LAST_RUNS : 0);
	pthread_mutex_unlock(&core->lock);
}

/* Returns the number of tasks; 0 with a mask where blocks are to be started without a stream. */
static uint32_t read_start(struct soft_core *core, struct body *ret_body, uint32_t *ret_op_en)
{
	uint32_t n_tasks;

	pthread_mutex_lock(&core->lock);
	*ret_body = (struct body){core->pc.base, core->pc.amounts};
	n_tasks = field_get(PC_TASK_NUMBER, core->pc.task_con);
	*ret_op_en = core->pc.is_slave_start ? core->pc.op_en : 0;
	pthread_mutex_unlock(&core->lock);
	return *ret_op_en ? 0 : n_tasks;
}

static void settle_executers(struct soft_core *core)
{
	pthread_mutex_lock(&core->lock);
	soft_registers_settle(&core->registers);
	pthread_mutex_unlock(&core->lock);
}

int soft_pc_run(struct soft_core *core)
{
	struct soft_operation operation = {0};
	struct body body, next;
	uint32_t n_tasks = read_start(core, &body, &operation.op_en);

	if (operation.op_en)
		return run_operation(core, &operation, clock_now_ns(), 0);
	settle_executers(core);
	for (uint32_t i = 0; i < n_tasks; i++) {
		int r;

		if (soft_core_is_aborted(core))
			return -ECANCELED;
		if (body.iova == 0)
			return -ENODATA;
		show_position(core, &body, n_tasks - i, i == 0);
		next = (struct body){0};
		r = run_task(core, &body, &next);
		if (r == 0 && i + 1 < n_tasks)
			r = meet_gang(core, next.amounts);
		if (r < 0)
			return r;
		body = next;
	}
	return n_tasks > 0 ? 0 : -ENODATA;
}
