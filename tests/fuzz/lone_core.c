/* SPDX-License-Identifier: MIT */
/*
 * A core without its thread: what the thread would do is called from here. A timer stands in for
 * the watchdog.
 */
#include "tests/fuzz/lone_core.h"

#include "device/regcmd.h"
#include "device/soft/npu_core.h"
#include "device/soft/pc.h"

#undef NDEBUG
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#define BUDGET_NS 500000

static struct {
	struct soft_shared shared;
	struct soft_core core;
	timer_t timer;
} lone;

/* The watchdog: as a reset would, it only asks. */
static void abort_core(int signal)
{
	(void)signal;
	atomic_store(&lone.core.abort, true);
}

static void make_core(void)
{
	const struct sigaction action = {.sa_handler = abort_core, .sa_flags = SA_RESTART};
	/* SIGALRM is the fuzzer's. */
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGVTALRM};

	lone.shared.options = soft_options_default();
	lone.shared.event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert(lone.shared.event_fd >= 0);
	assert(soft_rendezvous_init(&lone.shared.rendezvous) == 0);
	assert(soft_memory_new(&lone.shared.memory) == 0);
	assert(soft_core_init(&lone.core, &lone.shared, 1) == 0);
	soft_core_set_power(&lone.core, true);
	assert(sigaction(SIGVTALRM, &action, NULL) == 0);
	assert(timer_create(CLOCK_MONOTONIC, &event, &lone.timer) == 0);
}

bool lone_core_is_new(void)
{
	if (lone.core.is_powered)
		return false;
	make_core();
	return true;
}

void *lone_core_new_pages(size_t size_bytes, uint64_t *ret_pa)
{
	void *pages = aligned_alloc(MMU_PAGE_BYTES, size_bytes);

	assert(pages);
	memset(pages, 0, size_bytes);
	assert(soft_memory_map(lone.shared.memory, pages, size_bytes, ret_pa) == 0);
	return pages;
}

static void set_budget(long ns)
{
	const struct itimerspec budget = {.it_value.tv_nsec = ns};

	assert(timer_settime(lone.timer, 0, &budget, NULL) == 0);
}

/* But for the operation enable, which is soft_pc_run() here. */
void lone_core_run(const struct lone_start *start)
{
	struct soft_core *core = &lone.core;

	soft_core_write32(core, REG_MMU_BANK_1 + MMU_DTE_ADDR,
			  mmu_entry_encode(start->directory_pa));
	soft_core_write32(core, REG_MMU_BANK_1 + MMU_COMMAND, MMU_ENABLE_PAGING);
	soft_core_write32(core, REG_CNA_S_POINTER, S_POINTER_PING_PONG);
	soft_core_write32(core, REG_CORE_S_POINTER, S_POINTER_PING_PONG);
	soft_core_write32(core, REG_PC_BASE_ADDRESS, start->iova);
	soft_core_write32(core, REG_PC_REGISTER_AMOUNTS, regcmd_amount((uint32_t)start->n_entries));
	soft_core_write32(core, REG_PC_TASK_CON, field_put(PC_TASK_NUMBER, start->n_tasks));
	set_budget(BUDGET_NS);
	soft_pc_run(core);
	set_budget(0);
}

bool lone_core_has_faulted(uint32_t *ret_iova)
{
	*ret_iova = soft_core_read32(&lone.core, REG_MMU_BANK_1 + MMU_PAGE_FAULT_ADDR);
	return soft_core_read32(&lone.core, REG_MMU_BANK_1 + MMU_INT_RAWSTAT) != 0;
}

void lone_core_reset(void)
{
	soft_core_set_reset(&lone.core, true);
	soft_core_set_reset(&lone.core, false);
}

void lone_core_take_stream(void *stream, const uint8_t *data, size_t size)
{
	for (size_t at = 0; at + REGCMD_ENTRY_BYTES <= size; at += REGCMD_ENTRY_BYTES) {
		uint64_t entry;

		memcpy(&entry, data + at, sizeof(entry));
		if ((entry & 0xffff) == REG_PC_REGISTER_AMOUNTS)
			entry &= ~((uint64_t)PC_COWORK_CORES << 16);
		memcpy((char *)stream + at, &entry, sizeof(entry));
	}
}
