/* SPDX-License-Identifier: MIT */
/*
 * Walks the tables for every miss. The TLB keeps the entry, not the host address, so even a stale
 * translation cannot reach memory that has been taken away.
 */
#include "device/soft/mmu.h"

#include "device/regs_rk3588.h"

#include <errno.h>
#include <string.h>

/* The test pattern of drivers reads back without its low bits (hardware reference 3.6). */
#define DTE_ADDR_READABLE 0xfffff000u

int soft_mmu_init(struct soft_mmu *mmu, struct soft_memory *memory, const atomic_bool *abort)
{
	int r;

	*mmu = (struct soft_mmu){.memory = memory, .abort = abort};
	r = pthread_mutex_init(&mmu->lock, NULL);
	if (r != 0)
		return -r;
	r = pthread_cond_init(&mmu->resumed, NULL);
	if (r != 0)
		pthread_mutex_destroy(&mmu->lock);
	return -r;
}

void soft_mmu_deinit(struct soft_mmu *mmu)
{
	pthread_cond_destroy(&mmu->resumed);
	pthread_mutex_destroy(&mmu->lock);
}

void soft_mmu_set_listener(struct soft_mmu *mmu, void (*raise)(void *), void *context)
{
	mmu->raise = raise;
	mmu->context = context;
}

static void zap_all(struct soft_mmu *mmu)
{
	for (size_t i = 0; i < SOFT_MMU_TLB_ENTRIES; i++)
		mmu->tlb[i].is_valid = false;
}

static void reset_locked(struct soft_mmu *mmu)
{
	mmu->is_paging = mmu->is_stalled = mmu->is_faulted = false;
	mmu->status = mmu->dte_addr = mmu->fault_iova = 0;
	mmu->raw_status = mmu->int_mask = mmu->auto_gating = 0;
	zap_all(mmu);
	pthread_cond_broadcast(&mmu->resumed);
}

void soft_mmu_reset(struct soft_mmu *mmu)
{
	pthread_mutex_lock(&mmu->lock);
	reset_locked(mmu);
	pthread_mutex_unlock(&mmu->lock);
}

void soft_mmu_kick(struct soft_mmu *mmu)
{
	pthread_mutex_lock(&mmu->lock);
	pthread_cond_broadcast(&mmu->resumed);
	pthread_mutex_unlock(&mmu->lock);
}

static uint32_t status_locked(const struct soft_mmu *mmu)
{
	return mmu->status | MMU_REPLAY_EMPTY | MMU_IDLE |
	       (mmu->is_stalled ? MMU_STALL_ACTIVE : MMU_STALL_NOT_ACTIVE) |
	       (mmu->is_faulted ? MMU_FAULT_ACTIVE : 0) | (mmu->is_paging ? MMU_PAGING_ENABLED : 0);
}

static uint32_t read_locked(const struct soft_mmu *mmu, uint32_t offset)
{
	switch (offset) {
	case MMU_DTE_ADDR:
		return mmu->dte_addr & DTE_ADDR_READABLE;
	case MMU_STATUS:
		return status_locked(mmu);
	case MMU_PAGE_FAULT_ADDR:
		return mmu->fault_iova;
	case MMU_INT_RAWSTAT:
		return mmu->raw_status;
	case MMU_INT_MASK:
		return mmu->int_mask;
	case MMU_INT_STATUS:
		return mmu->raw_status & mmu->int_mask;
	case MMU_AUTO_GATING:
		return mmu->auto_gating;
	default:
		return 0;
	}
}

uint32_t soft_mmu_read32(struct soft_mmu *mmu, uint32_t offset)
{
	uint32_t value;

	pthread_mutex_lock(&mmu->lock);
	value = read_locked(mmu, offset);
	pthread_mutex_unlock(&mmu->lock);
	return value;
}

uint32_t soft_mmu_tables(struct soft_mmu *mmu)
{
	uint32_t tables;

	pthread_mutex_lock(&mmu->lock);
	tables = mmu->dte_addr;
	pthread_mutex_unlock(&mmu->lock);
	return tables;
}

static void command_locked(struct soft_mmu *mmu, uint32_t command)
{
	switch (command & 7) {
	case MMU_ENABLE_PAGING:
		mmu->is_paging = true;
		break;
	case MMU_DISABLE_PAGING:
		mmu->is_paging = false;
		break;
	case MMU_ENABLE_STALL:
		/* Without paging there is nothing to stall. */
		mmu->is_stalled = mmu->is_paging;
		break;
	case MMU_DISABLE_STALL:
		mmu->is_stalled = false;
		pthread_cond_broadcast(&mmu->resumed);
		break;
	case MMU_ZAP_CACHE:
		zap_all(mmu);
		break;
	case MMU_PAGE_FAULT_DONE:
		mmu->is_faulted = false;
		pthread_cond_broadcast(&mmu->resumed);
		break;
	case MMU_FORCE_RESET:
		reset_locked(mmu);
		break;
	}
}

static struct soft_mmu_line *tlb_line(struct soft_mmu *mmu, uint32_t iova)
{
	return &mmu->tlb[(iova >> 12) % SOFT_MMU_TLB_ENTRIES];
}

static void zap_line(struct soft_mmu *mmu, uint32_t iova)
{
	struct soft_mmu_line *line = tlb_line(mmu, iova);

	if (line->page == iova >> 12)
		line->is_valid = false;
}

static void write_locked(struct soft_mmu *mmu, uint32_t offset, uint32_t value)
{
	switch (offset) {
	case MMU_DTE_ADDR:
		mmu->dte_addr = value;
		break;
	case MMU_COMMAND:
		command_locked(mmu, value);
		break;
	case MMU_ZAP_ONE_LINE:
		zap_line(mmu, value);
		break;
	case MMU_INT_CLEAR:
		mmu->raw_status &= ~value;
		break;
	case MMU_INT_MASK:
		mmu->int_mask = value & (MMU_INT_PAGE_FAULT | MMU_INT_BUS_ERROR);
		break;
	case MMU_AUTO_GATING:
		mmu->auto_gating = value;
		break;
	}
}

void soft_mmu_write32(struct soft_mmu *mmu, uint32_t offset, uint32_t value)
{
	pthread_mutex_lock(&mmu->lock);
	write_locked(mmu, offset, value);
	pthread_mutex_unlock(&mmu->lock);
}

static int fault(struct soft_mmu *mmu, uint32_t iova, bool is_write, uint32_t cause)
{
	mmu->is_faulted = true;
	mmu->fault_iova = iova;
	mmu->status = is_write ? MMU_FAULT_IS_WRITE : 0;
	mmu->raw_status |= cause;
	if ((mmu->raw_status & mmu->int_mask) && mmu->raise)
		mmu->raise(mmu->context);
	return -EFAULT;
}

/* One entry of a table in memory; the host may be changing it. False where there is no memory. */
static bool load_entry(struct soft_mmu *mmu, uint64_t table_pa, uint32_t index, uint32_t *ret_entry)
{
	const uint32_t *entry = soft_memory_find(mmu->memory, table_pa + index * sizeof(*entry));

	if (!entry)
		return false;
	*ret_entry = __atomic_load_n(entry, __ATOMIC_ACQUIRE);
	return true;
}

/* The page table entry for an address, from the tables; -EFAULT with the fault reported. */
static int walk(struct soft_mmu *mmu, uint32_t iova, bool is_write, uint32_t *ret_pte)
{
	uint32_t dte, pte;

	if (!load_entry(mmu, mmu_entry_decode(mmu->dte_addr), iova >> 22, &dte))
		return fault(mmu, iova, is_write, MMU_INT_BUS_ERROR);
	if (!(dte & MMU_ENTRY_VALID))
		return fault(mmu, iova, is_write, MMU_INT_PAGE_FAULT);
	if (!load_entry(mmu, mmu_entry_decode(dte), iova >> 12 & 0x3ff, &pte))
		return fault(mmu, iova, is_write, MMU_INT_BUS_ERROR);
	if (!(pte & MMU_ENTRY_VALID))
		return fault(mmu, iova, is_write, MMU_INT_PAGE_FAULT);
	*ret_pte = pte;
	return 0;
}

static int translate(struct soft_mmu *mmu, uint32_t iova, bool is_write, uint64_t *ret_pa)
{
	struct soft_mmu_line *line = tlb_line(mmu, iova);
	int r;

	if (!mmu->is_paging) {
		*ret_pa = iova;
		return 0;
	}
	if (!line->is_valid || line->page != iova >> 12) {
		uint32_t pte = 0;

		r = walk(mmu, iova, is_write, &pte);
		if (r < 0)
			return r;
		*line = (struct soft_mmu_line){.is_valid = true, .page = iova >> 12, .pte = pte};
	}
	if (!(line->pte & (is_write ? MMU_PAGE_WRITABLE : MMU_PAGE_READABLE)))
		return fault(mmu, iova, is_write, MMU_INT_PAGE_FAULT);
	*ret_pa = mmu_entry_decode(line->pte) | iova % MMU_PAGE_BYTES;
	return 0;
}

/* Host memory behind an address up to the end of its page, once translation goes on. */
static int find_host(struct soft_mmu *mmu, uint32_t iova, bool is_write, char **ret_host)
{
	uint64_t pa = 0;
	char *host;
	int r;

	while ((mmu->is_stalled || mmu->is_faulted) && !atomic_load(mmu->abort))
		pthread_cond_wait(&mmu->resumed, &mmu->lock);
	if (atomic_load(mmu->abort))
		return -ECANCELED;
	r = translate(mmu, iova, is_write, &pa);
	if (r < 0)
		return r;
	host = soft_memory_find(mmu->memory, pa);
	if (!host)
		return -EFAULT;
	*ret_host = host;
	return 0;
}

static size_t bytes_in_page(uint32_t iova, size_t size_bytes)
{
	size_t rest = MMU_PAGE_BYTES - iova % MMU_PAGE_BYTES;

	return size_bytes < rest ? size_bytes : rest;
}

/* Compilers that know `n` to be small take instructions for it that are slow to start. */
static void copy(void *to, const void *from, size_t n)
{
	__asm__("" : "+r"(n));
	memcpy(to, from, n);
}

int soft_mmu_visit(struct soft_mmu *mmu, uint32_t iova, size_t size_bytes, soft_mmu_visitor *visit,
		   void *context)
{
	while (size_bytes > 0) {
		size_t n = bytes_in_page(iova, size_bytes);
		char *host;
		int r;

		pthread_mutex_lock(&mmu->lock);
		r = find_host(mmu, iova, false, &host);
		if (r == 0)
			visit(context, (const uint8_t *)host, n);
		pthread_mutex_unlock(&mmu->lock);
		if (r < 0)
			return r;
		iova += (uint32_t)n;
		size_bytes -= n;
	}
	return 0;
}

static void copy_out(void *context, const uint8_t *bytes, size_t n_bytes)
{
	uint8_t **to = context;

	copy(*to, bytes, n_bytes);
	*to += n_bytes;
}

int soft_mmu_read(struct soft_mmu *mmu, uint32_t iova, void *ret_bytes, size_t size_bytes)
{
	uint8_t *to = ret_bytes;

	return soft_mmu_visit(mmu, iova, size_bytes, copy_out, &to);
}

int soft_mmu_write(struct soft_mmu *mmu, uint32_t iova, const void *bytes, size_t size_bytes)
{
	const char *from = bytes;

	while (size_bytes > 0) {
		size_t n = bytes_in_page(iova, size_bytes);
		char *host;
		int r;

		pthread_mutex_lock(&mmu->lock);
		r = find_host(mmu, iova, true, &host);
		if (r == 0)
			copy(host, from, n);
		pthread_mutex_unlock(&mmu->lock);
		if (r < 0)
			return r;
		from += n;
		iova += (uint32_t)n;
		size_bytes -= n;
	}
	return 0;
}
