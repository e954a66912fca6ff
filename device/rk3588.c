/* SPDX-License-Identifier: MIT */
/*
 * The driver: power, reset, MMU, start, interrupt (hardware reference 1.4 to 1.6, 2.4, 3.2 to 3.6).
 *
 * A core that runs nothing is detached: its MMU knows no page tables. Starting a batch resets the
 * core, which is what puts registers and buffers into a known state, then attaches the batch's
 * tables. A batch of many tasks is started in runs: up to 4095 tasks that chain themselves, else
 * task by task.
 */
#include "device/rk3588.h"

#include "base/list.h"
#include "device/regcmd.h"
#include "device/regs_rk3588.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Both resets are held this long, and the core is left alone as long after (1.4). */
#define RESET_US 10u
/* Zapping line by line is cheaper than refilling the TLB up to about here. */
#define MAX_ZAPPED_LINES 64u
#define STALL_ATTEMPTS	 100u

enum core_state {
	CORE_IDLE,
	CORE_RUNNING,
	CORE_STUCK, /* its batch has ended badly; waits for device_reset_core() */
};

struct rk3588_core {
	enum core_state state;
	bool is_clean; /* nothing has run since the last reset */
	struct device_batch batch;
	uint32_t n_done;    /* tasks of the runs before the present one */
	uint32_t n_run;	    /* tasks of the present run */
	uint64_t before_ns; /* device time of the runs before */
};

struct rk3588 {
	struct device device;
	struct bus *bus;
	unsigned n_powered;
	struct rk3588_core cores[DEVICE_MAX_CORES];
};

static struct rk3588 *rk3588(struct device *device)
{
	return container_of(device, struct rk3588, device);
}

static uint32_t read32(struct rk3588 *npu, unsigned core, uint32_t offset)
{
	return npu->bus->ops->read32(npu->bus, core, offset);
}

static void write32(struct rk3588 *npu, unsigned core, uint32_t offset, uint32_t value)
{
	npu->bus->ops->write32(npu->bus, core, offset, value);
}

/* MMU banks of a core: core 0 has two, to be programmed alike (1.1). */
static unsigned first_bank(unsigned core)
{
	return core == 0 ? REG_MMU_BANK_0 : REG_MMU_BANK_1;
}

#define for_each_bank(bank, core)                                                                  \
	for ((bank) = first_bank(core); (bank) <= REG_MMU_BANK_1;                                  \
	     (bank) += REG_MMU_BANK_1 - REG_MMU_BANK_0)

/* No access is under way in any bank when it returns 0. */
static int mmu_stall(struct rk3588 *npu, unsigned core)
{
	unsigned bank;

	for_each_bank(bank, core)
	{
		unsigned attempts = STALL_ATTEMPTS;

		if (!(read32(npu, core, bank + MMU_STATUS) & MMU_PAGING_ENABLED))
			continue;
		write32(npu, core, bank + MMU_COMMAND, MMU_ENABLE_STALL);
		while (!(read32(npu, core, bank + MMU_STATUS) & MMU_STALL_ACTIVE)) {
			if (attempts-- == 0)
				return -EIO;
			npu->bus->ops->delay_us(npu->bus, 1);
		}
	}
	return 0;
}

static void mmu_unstall(struct rk3588 *npu, unsigned core)
{
	unsigned bank;

	for_each_bank(bank, core) write32(npu, core, bank + MMU_COMMAND, MMU_DISABLE_STALL);
}

static int mmu_attach(struct rk3588 *npu, unsigned core, uint64_t table_pa)
{
	unsigned bank;
	int r = mmu_stall(npu, core);

	if (r < 0)
		return r;
	for_each_bank(bank, core)
	{
		write32(npu, core, bank + MMU_DTE_ADDR, mmu_entry_encode(table_pa));
		write32(npu, core, bank + MMU_COMMAND, MMU_ZAP_CACHE);
		write32(npu, core, bank + MMU_INT_MASK, MMU_INT_PAGE_FAULT | MMU_INT_BUS_ERROR);
		write32(npu, core, bank + MMU_COMMAND, MMU_ENABLE_PAGING);
		if (!(read32(npu, core, bank + MMU_STATUS) & MMU_PAGING_ENABLED))
			r = -EIO;
	}
	mmu_unstall(npu, core);
	return r;
}

static int mmu_detach(struct rk3588 *npu, unsigned core)
{
	unsigned bank;
	int r = mmu_stall(npu, core);

	if (r < 0)
		return r;
	for_each_bank(bank, core)
	{
		write32(npu, core, bank + MMU_COMMAND, MMU_DISABLE_PAGING);
		write32(npu, core, bank + MMU_INT_MASK, 0);
		write32(npu, core, bank + MMU_DTE_ADDR, 0);
		write32(npu, core, bank + MMU_COMMAND, MMU_ZAP_CACHE);
	}
	mmu_unstall(npu, core);
	return 0;
}

static bool is_rk3588(struct rk3588 *npu, unsigned core)
{
	uint32_t number = read32(npu, core, REG_PC_VERSION_NUM) & 0xffff;

	return read32(npu, core, REG_PC_VERSION) + number == RK3588_IDENTITY;
}

/* Both lines together; a core that came back still knows who it is. */
static int reset_lines(struct rk3588 *npu, unsigned core)
{
	npu->bus->ops->set_reset(npu->bus, core, true);
	npu->bus->ops->delay_us(npu->bus, RESET_US);
	npu->bus->ops->set_reset(npu->bus, core, false);
	npu->bus->ops->delay_us(npu->bus, RESET_US);
	if (!is_rk3588(npu, core))
		return -EIO;
	npu->cores[core].is_clean = true;
	return 0;
}

static void core_set_state(struct rk3588_core *core, enum core_state next)
{
	/* Only a reset leads out of CORE_STUCK; it is allowed everywhere. */
	assert(next == CORE_IDLE ||
	       core->state == (next == CORE_RUNNING ? CORE_IDLE : CORE_RUNNING));
	core->state = next;
}

static int rk3588_reset_core(struct device *device, unsigned core)
{
	struct rk3588 *npu = rk3588(device);
	int r;

	r = reset_lines(npu, core);
	if (r < 0)
		return r;
	core_set_state(&npu->cores[core], CORE_IDLE);
	return 0;
}

/* The tasks that one start takes: all that chain themselves, as far as the counter reaches. */
static uint32_t next_run(const struct device_batch *batch, uint32_t n_done)
{
	uint32_t rest = batch->n_tasks - n_done;

	if (!batch->is_chained)
		return 1;
	return rest < RK3588_MAX_TASKS_PER_START ? rest : RK3588_MAX_TASKS_PER_START;
}

/* The start sequence of 2.4, for tasks [n_done, n_done + n_run). */
static void start_run(struct rk3588 *npu, unsigned index)
{
	struct rk3588_core *core = &npu->cores[index];
	const struct device_task *first = &core->batch.tasks[core->n_done];
	const struct device_task *last;
	uint32_t pointer = S_POINTER_PING_PONG | field_put(S_POINTER_CORE_INDEX, index);
	uint32_t task_con = PC_TASK_RESERVED_SET | PC_TASK_COUNT_CLEAR;

	core->n_run = next_run(&core->batch, core->n_done);
	last = first + core->n_run - 1;
	if (core->batch.is_chained)
		task_con |= PC_TASK_PP_EN;
	write32(npu, index, REG_PC_BASE_ADDRESS, PC_SEL_SLAVE);
	write32(npu, index, REG_CNA_S_POINTER, pointer);
	write32(npu, index, REG_CORE_S_POINTER, pointer);
	write32(npu, index, REG_PC_BASE_ADDRESS, first->regcmd_iova);
	write32(npu, index, REG_PC_REGISTER_AMOUNTS, regcmd_amount(first->regcmd_count));
	write32(npu, index, REG_PC_INTERRUPT_MASK, last->int_mask);
	write32(npu, index, REG_PC_INTERRUPT_CLEAR, first->int_mask);
	write32(npu, index, REG_PC_TASK_CON, task_con | core->n_run);
	write32(npu, index, REG_PC_TASK_DMA_BASE_ADDR, 0);
	write32(npu, index, REG_PC_OPERATION_ENABLE, 1);
	write32(npu, index, REG_PC_OPERATION_ENABLE, 0);
}

/* What the fetch registers can express. */
static bool is_startable(const struct device_batch *batch)
{
	for (uint32_t i = 0; i < batch->n_tasks; i++) {
		const struct device_task *task = &batch->tasks[i];

		if (task->regcmd_iova % 16 != 0 || task->regcmd_count == 0 ||
		    task->regcmd_count > REGCMD_MAX_ENTRIES)
			return false;
	}
	return batch->n_tasks > 0;
}

static int rk3588_start(struct device *device, unsigned index, const struct device_batch *batch)
{
	struct rk3588 *npu = rk3588(device);
	struct rk3588_core *core = &npu->cores[index];
	int r = 0;

	if (core->state != CORE_IDLE)
		return -EBUSY;
	if (!is_startable(batch))
		return -EINVAL;
	if (!core->is_clean)
		r = reset_lines(npu, index);
	if (r == 0)
		r = mmu_attach(npu, index, batch->table_pa);
	if (r < 0)
		return r;
	core->batch = *batch;
	core->n_done = 0;
	core->before_ns = 0;
	core_set_state(core, CORE_RUNNING);
	core->is_clean = false;
	start_run(npu, index);
	return 0;
}

/* Tasks of the present run that the counter has seen. */
static uint32_t run_progress(struct rk3588 *npu, unsigned index)
{
	uint32_t counter = field_get(PC_TASK_COUNTER, read32(npu, index, REG_PC_TASK_STATUS));

	return counter < npu->cores[index].n_run ? counter : npu->cores[index].n_run;
}

static void rk3588_progress(struct device *device, unsigned index,
			    struct device_progress *ret_progress)
{
	struct rk3588 *npu = rk3588(device);
	struct rk3588_core *core = &npu->cores[index];

	*ret_progress = (struct device_progress){0};
	if (core->state != CORE_RUNNING)
		return;
	ret_progress->tasks_done = core->n_done + run_progress(npu, index);
	ret_progress->device_ns = core->before_ns + npu->bus->ops->device_time_ns(npu->bus, index);
}

static bool mmu_has_interrupt(struct rk3588 *npu, unsigned index)
{
	unsigned bank;

	for_each_bank(bank, index)
	{
		if (read32(npu, index, bank + MMU_INT_STATUS) &
		    (MMU_INT_PAGE_FAULT | MMU_INT_BUS_ERROR))
			return true;
	}
	return false;
}

/* From what the core's registers say, whether its line has been seen or not. */
static bool rk3588_has_event(struct device *device, unsigned index)
{
	struct rk3588 *npu = rk3588(device);
	const struct bus_ops *ops = npu->bus->ops;
	char text[1];

	if (npu->cores[index].state != CORE_RUNNING)
		return false;
	return mmu_has_interrupt(npu, index) || read32(npu, index, REG_PC_INTERRUPT_STATUS) ||
	       (ops->complaint && ops->complaint(npu->bus, index, text, sizeof(text)));
}

/* Ends the batch with an event; `event` needs its kind and what belongs to that. */
static void end_batch(struct rk3588 *npu, unsigned index, struct device_event *event)
{
	struct rk3588_core *core = &npu->cores[index];
	struct device_progress progress;

	rk3588_progress(&npu->device, index, &progress);
	event->core = index;
	event->tasks_done = progress.tasks_done;
	event->device_ns = progress.device_ns;
	if (event->kind == DEVICE_DONE && mmu_detach(npu, index) == 0)
		core_set_state(core, CORE_IDLE);
	else
		core_set_state(core, CORE_STUCK);
	if (npu->device.event)
		npu->device.event(npu->device.event_context, event);
}

/* An interrupt of one bank: page fault, or tables that lie where there is no memory. */
static bool handle_mmu(struct rk3588 *npu, unsigned index, unsigned bank)
{
	uint32_t status = read32(npu, index, bank + MMU_INT_STATUS);
	struct device_event event = {.kind = DEVICE_PAGE_FAULT};

	if (!(status & (MMU_INT_PAGE_FAULT | MMU_INT_BUS_ERROR)))
		return false;
	event.iova = read32(npu, index, bank + MMU_PAGE_FAULT_ADDR);
	event.is_write = read32(npu, index, bank + MMU_STATUS) & MMU_FAULT_IS_WRITE;
	if (status & MMU_INT_BUS_ERROR)
		snprintf(event.detail, sizeof(event.detail), "bus error while walking page tables");
	else if (npu->bus->ops->blame)
		npu->bus->ops->blame(npu->bus, index, bank, event.detail, sizeof(event.detail));
	write32(npu, index, bank + MMU_INT_CLEAR, status);
	end_batch(npu, index, &event);
	return true;
}

static bool handle_complaint(struct rk3588 *npu, unsigned index)
{
	const struct bus_ops *ops = npu->bus->ops;
	struct device_event event = {.kind = DEVICE_BAD_STREAM};

	if (!ops->complaint || !ops->complaint(npu->bus, index, event.detail, sizeof(event.detail)))
		return false;
	end_batch(npu, index, &event);
	return true;
}

/* Either bit of a pair stands for both: which one fires depends on the register group (3.2). */
static uint32_t fuzz_pairs(uint32_t status)
{
	const uint32_t even = 0x555u;

	status &= INTERRUPT_BITS & ~(INTERRUPT_DMA_READ_ERROR | INTERRUPT_DMA_WRITE_ERROR);
	status = (status | status >> 1) & even;
	return status | status << 1;
}

/* Done only if exactly the wanted interrupts came; else goes on waiting, maybe for ever. */
static bool run_is_done(struct rk3588 *npu, unsigned index)
{
	struct rk3588_core *core = &npu->cores[index];
	uint32_t wanted = core->batch.tasks[core->n_done + core->n_run - 1].int_mask;
	uint32_t status = read32(npu, index, REG_PC_INTERRUPT_STATUS);

	if (status == 0)
		return false;
	write32(npu, index, REG_PC_INTERRUPT_CLEAR, RK3588_INTERRUPT_CLEAR_ALL);
	return fuzz_pairs(status) == wanted;
}

/* Done, but not with everything that the stream asked for. */
static void describe_ignored(struct rk3588 *npu, unsigned index, struct device_event *event)
{
	const struct bus_ops *ops = npu->bus->ops;
	char text[sizeof(event->detail) - sizeof("ignored: ")];

	if (ops->ignored && ops->ignored(npu->bus, index, text, sizeof(text)))
		snprintf(event->detail, sizeof(event->detail), "ignored: %s", text);
}

static void handle_completion(struct rk3588 *npu, unsigned index)
{
	struct rk3588_core *core = &npu->cores[index];
	struct device_event event = {.kind = DEVICE_DONE};

	if (!run_is_done(npu, index))
		return;
	if (core->n_done + core->n_run == core->batch.n_tasks) {
		describe_ignored(npu, index, &event);
		end_batch(npu, index, &event);
		return;
	}
	core->before_ns += npu->bus->ops->device_time_ns(npu->bus, index);
	core->n_done += core->n_run;
	start_run(npu, index);
}

static void handle_interrupt(struct rk3588 *npu, unsigned index)
{
	unsigned bank;

	/* The line is shared with the MMU, whose faults come first (1.2, 3.5). */
	for_each_bank(bank, index)
	{
		if (npu->cores[index].state != CORE_RUNNING || handle_mmu(npu, index, bank))
			return;
	}
	if (!handle_complaint(npu, index))
		handle_completion(npu, index);
}

static void rk3588_dispatch(struct device *device)
{
	struct rk3588 *npu = rk3588(device);
	uint32_t pending = npu->bus->ops->irq_pending(npu->bus);

	for (unsigned i = 0; i < device->caps.n_cores; i++) {
		if (pending & 1u << i)
			handle_interrupt(npu, i);
	}
}

static int rk3588_event_fd(struct device *device)
{
	struct rk3588 *npu = rk3588(device);

	return npu->bus->ops->irq_fd(npu->bus);
}

struct named_register {
	const char *name;
	uint32_t offset;
};

static const struct named_register captured[] = {
	{"PC BASE_ADDRESS", REG_PC_BASE_ADDRESS},
	{"PC REGISTER_AMOUNTS", REG_PC_REGISTER_AMOUNTS},
	{"PC INTERRUPT_MASK", REG_PC_INTERRUPT_MASK},
	{"PC INTERRUPT_STATUS", REG_PC_INTERRUPT_STATUS},
	{"PC INTERRUPT_RAW_STATUS", REG_PC_INTERRUPT_RAW_STATUS},
	{"PC TASK_CON", REG_PC_TASK_CON},
	{"PC TASK_STATUS", REG_PC_TASK_STATUS},
	{"GLOBAL OPERATION_ENABLE", REG_GLOBAL_OPERATION_ENABLE},
	{"CNA S_STATUS", RK3588_CNA << 12 | BLOCK_S_STATUS},
	{"CNA S_POINTER", REG_CNA_S_POINTER},
	{"CORE S_STATUS", RK3588_CORE << 12 | BLOCK_S_STATUS},
	{"DPU S_STATUS", RK3588_DPU << 12 | BLOCK_S_STATUS},
	{"DPU S_POINTER", REG_DPU_S_POINTER},
	{"PPU S_STATUS", RK3588_PPU << 12 | BLOCK_S_STATUS},
	{"CNA FEATURE_DATA_ADDR", REG_CNA_FEATURE_DATA_ADDR},
	{"CNA DCOMP_ADDR0", REG_CNA_DCOMP_ADDR0},
	{"DPU DST_BASE_ADDR", REG_DPU_DST_BASE_ADDR},
	{"MMU_DTE_ADDR", REG_MMU_BANK_1 + MMU_DTE_ADDR},
	{"MMU_STATUS", REG_MMU_BANK_1 + MMU_STATUS},
	{"MMU_PAGE_FAULT_ADDR", REG_MMU_BANK_1 + MMU_PAGE_FAULT_ADDR},
	{"MMU_INT_RAWSTAT", REG_MMU_BANK_1 + MMU_INT_RAWSTAT},
};

static void rk3588_capture(struct device *device, unsigned core, struct device_capture *ret_capture)
{
	_Static_assert(sizeof(captured) / sizeof(*captured) <=
			       sizeof(ret_capture->registers) / sizeof(*ret_capture->registers),
		       "a capture holds all registers");

	*ret_capture = (struct device_capture){.n = sizeof(captured) / sizeof(*captured)};
	for (unsigned i = 0; i < ret_capture->n; i++) {
		ret_capture->registers[i].name = captured[i].name;
		ret_capture->registers[i].value = read32(rk3588(device), core, captured[i].offset);
	}
}

static int rk3588_memory_map(struct device *device, void *host, size_t size_bytes, uint64_t *ret_pa)
{
	struct rk3588 *npu = rk3588(device);

	return npu->bus->ops->dma_map(npu->bus, host, size_bytes, ret_pa);
}

static void rk3588_memory_unmap(struct device *device, uint64_t pa, size_t size_bytes)
{
	struct rk3588 *npu = rk3588(device);

	npu->bus->ops->dma_unmap(npu->bus, pa, size_bytes);
}

static int rk3588_memory_set_cached(struct device *device, uint64_t pa, size_t size_bytes, int fd)
{
	struct rk3588 *npu = rk3588(device);

	return npu->bus->ops->dma_set_cached(npu->bus, pa, size_bytes, fd);
}

static void rk3588_memory_sync(struct device *device, uint64_t pa, size_t size_bytes,
			       bool to_device)
{
	struct rk3588 *npu = rk3588(device);

	npu->bus->ops->dma_sync(npu->bus, pa, size_bytes, to_device);
}

static void zap_bank(struct rk3588 *npu, unsigned core, unsigned bank, uint64_t first,
		     uint64_t n_pages)
{
	if (n_pages > MAX_ZAPPED_LINES) {
		write32(npu, core, bank + MMU_COMMAND, MMU_ZAP_CACHE);
		return;
	}
	for (uint64_t i = 0; i < n_pages; i++)
		write32(npu, core, bank + MMU_ZAP_ONE_LINE,
			(uint32_t)((first + i) * MMU_PAGE_BYTES));
}

/* Only cores with a batch are attached to page tables, so only they can hold translations. */
static void rk3588_zap(struct device *device, uint64_t table_pa, uint32_t iova, uint32_t size_bytes)
{
	struct rk3588 *npu = rk3588(device);
	uint64_t first = iova / MMU_PAGE_BYTES;
	uint64_t end = ((uint64_t)iova + size_bytes + MMU_PAGE_BYTES - 1) / MMU_PAGE_BYTES;

	for (unsigned core = 0; core < device->caps.n_cores; core++) {
		unsigned bank;

		if (npu->cores[core].state == CORE_IDLE ||
		    npu->cores[core].batch.table_pa != table_pa)
			continue;
		for_each_bank(bank, core) zap_bank(npu, core, bank, first, end - first);
	}
}

/* Paging goes off before the power does, and core 0, the parent domain, goes last (1.5). */
static void power_down(struct rk3588 *npu)
{
	while (npu->n_powered > 0) {
		unsigned core = --npu->n_powered;

		npu->bus->ops->set_reset(npu->bus, core, true);
		npu->bus->ops->delay_us(npu->bus, RESET_US);
		npu->bus->ops->set_reset(npu->bus, core, false);
		mmu_detach(npu, core);
		npu->bus->ops->set_power(npu->bus, core, false);
	}
}

static int power_up(struct rk3588 *npu)
{
	while (npu->n_powered < npu->bus->n_cores) {
		unsigned core = npu->n_powered;
		int r = npu->bus->ops->set_power(npu->bus, core, true);

		if (r < 0)
			return r;
		npu->n_powered++;
		if (reset_lines(npu, core) < 0)
			return -ENODEV;
	}
	return 0;
}

/* Off and on again; a core that does not answer then keeps the others from nothing. */
static uint32_t rk3588_reset_all(struct device *device)
{
	struct rk3588 *npu = rk3588(device);
	uint32_t cores = 0;

	power_down(npu);
	/* Also of those that get no power again: nobody is to touch their registers. */
	for (unsigned i = 0; i < npu->bus->n_cores; i++)
		core_set_state(&npu->cores[i], CORE_IDLE);
	while (npu->n_powered < npu->bus->n_cores) {
		unsigned core = npu->n_powered;

		if (npu->bus->ops->set_power(npu->bus, core, true) < 0)
			break;
		npu->n_powered++;
		if (reset_lines(npu, core) == 0)
			cores |= 1u << core;
	}
	return cores;
}

static void rk3588_free(struct device *device)
{
	struct rk3588 *npu = rk3588(device);

	power_down(npu);
	npu->bus->ops->free(npu->bus);
	free(npu);
}

static const struct device_ops rk3588_ops = {
	.free = rk3588_free,
	.start = rk3588_start,
	.progress = rk3588_progress,
	.has_event = rk3588_has_event,
	.reset_core = rk3588_reset_core,
	.reset_all = rk3588_reset_all,
	.capture = rk3588_capture,
	.event_fd = rk3588_event_fd,
	.dispatch = rk3588_dispatch,
	.memory_map = rk3588_memory_map,
	.memory_unmap = rk3588_memory_unmap,
	.memory_set_cached = rk3588_memory_set_cached,
	.memory_sync = rk3588_memory_sync,
	.zap = rk3588_zap,
};

static struct device_caps make_caps(const struct bus *bus, const char *name)
{
	struct device_caps caps = {
		.name = name,
		.n_cores = bus->n_cores,
		.runs_streams = true,
		.has_page_tables = true,
		.has_core_reset = true,
		.has_task_counter = true,
		.translation = DEVICE_TRANSLATION_CORE,
	};

	/* The cores are independent engines: any two or more of them make a gang (3.4). */
	for (unsigned mask = 3; mask < 1u << bus->n_cores; mask++) {
		if (mask & (mask - 1))
			caps.gang_masks |= 1ull << mask;
	}
	return caps;
}

int rk3588_device_new(struct bus *bus, const char *name, struct device **ret_device)
{
	struct rk3588 *npu = calloc(1, sizeof(*npu));
	int r;

	if (!npu) {
		bus->ops->free(bus);
		return -ENOMEM;
	}
	npu->bus = bus;
	npu->device.ops = &rk3588_ops;
	npu->device.caps = make_caps(bus, name);
	r = power_up(npu);
	if (r < 0) {
		rk3588_free(&npu->device);
		return r;
	}
	*ret_device = &npu->device;
	return 0;
}
