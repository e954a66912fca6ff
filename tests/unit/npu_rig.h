/* SPDX-License-Identifier: MIT */
/*
 * A software NPU on the bench: one address space with page tables made by hand, buffers in it, and
 * streams built entry by entry. Nothing of npud above the device is involved. For tests and fuzz
 * targets; asserts where it could only be the bench that is broken.
 */
#ifndef NPUD_TESTS_NPU_RIG_H
#define NPUD_TESTS_NPU_RIG_H

#include "device/regcmd.h"
#include "device/rk3588.h"
#include "device/soft/soft.h"

#undef NDEBUG
#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define RIG_TABLES  64u
#define RIG_BUFFERS 64u
#define RIG_READ    (MMU_ENTRY_VALID | MMU_PAGE_READABLE)
#define RIG_WRITE   (MMU_ENTRY_VALID | MMU_PAGE_WRITABLE)
#define RIG_BOTH    (RIG_READ | RIG_WRITE)

struct rig_buffer {
	char *host;
	size_t size_bytes;
	uint64_t pa;
	uint32_t iova;
};

struct rig {
	struct bus *bus; /* the device's */
	struct device *device;
	uint32_t *directory;
	uint64_t directory_pa;
	struct {
		uint32_t *entries;
		uint64_t pa;
		uint32_t index; /* in the directory */
	} tables[RIG_TABLES];
	unsigned n_tables;
	struct rig_buffer buffers[RIG_BUFFERS];
	unsigned n_buffers;
	struct device_event events[DEVICE_MAX_CORES]; /* the last one of each core */
	unsigned n_events;
};

static inline void *rig_pages(size_t size_bytes)
{
	void *pages =
		mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert(pages != MAP_FAILED);
	return pages;
}

static inline void rig_note(void *context, const struct device_event *event)
{
	struct rig *rig = context;

	rig->events[event->core] = *event;
	rig->n_events++;
}

static inline void rig_init(struct rig *rig, const struct soft_options *options)
{
	*rig = (struct rig){0};
	assert(soft_bus_new(options, &rig->bus) == 0);
	assert(rk3588_device_new(rig->bus, "soft", &rig->device) == 0);
	device_set_listener(rig->device, rig_note, rig);
	rig->directory = rig_pages(MMU_PAGE_BYTES);
	assert(device_memory_map(rig->device, rig->directory, MMU_PAGE_BYTES, &rig->directory_pa) ==
	       0);
}

static inline void rig_deinit(struct rig *rig)
{
	device_free(rig->device);
	munmap(rig->directory, MMU_PAGE_BYTES);
	for (unsigned i = 0; i < rig->n_tables; i++)
		munmap(rig->tables[i].entries, MMU_PAGE_BYTES);
	for (unsigned i = 0; i < rig->n_buffers; i++)
		munmap(rig->buffers[i].host, rig->buffers[i].size_bytes);
}

static inline uint32_t *rig_table(struct rig *rig, uint32_t index)
{
	unsigned i = 0;

	while (i < rig->n_tables && rig->tables[i].index != index)
		i++;
	if (i == rig->n_tables) {
		assert(i < RIG_TABLES);
		rig->n_tables++;
		rig->tables[i].index = index;
		rig->tables[i].entries = rig_pages(MMU_PAGE_BYTES);
		assert(device_memory_map(rig->device, rig->tables[i].entries, MMU_PAGE_BYTES,
					 &rig->tables[i].pa) == 0);
		__atomic_store_n(&rig->directory[index],
				 mmu_entry_encode(rig->tables[i].pa) | MMU_ENTRY_VALID,
				 __ATOMIC_RELEASE);
	}
	return rig->tables[i].entries;
}

/* Points one page's entry at `pa` with these permission bits; no zap. */
static inline void rig_set_page(struct rig *rig, uint32_t iova, uint64_t pa, uint32_t bits)
{
	uint32_t *table = rig_table(rig, iova >> 22);

	__atomic_store_n(&table[iova >> 12 & 0x3ff], mmu_entry_encode(pa) | bits, __ATOMIC_RELEASE);
}

/* A zeroed buffer of whole pages at a fixed address. */
static inline char *rig_buffer(struct rig *rig, uint32_t iova, size_t size_bytes, uint32_t bits)
{
	struct rig_buffer *buffer = &rig->buffers[rig->n_buffers++];

	assert(rig->n_buffers <= RIG_BUFFERS);
	size_bytes = (size_bytes + MMU_PAGE_BYTES - 1) / MMU_PAGE_BYTES * MMU_PAGE_BYTES;
	*buffer = (struct rig_buffer){rig_pages(size_bytes), size_bytes, 0, iova};
	assert(device_memory_map(rig->device, buffer->host, size_bytes, &buffer->pa) == 0);
	for (size_t at = 0; at < size_bytes; at += MMU_PAGE_BYTES)
		rig_set_page(rig, iova + (uint32_t)at, buffer->pa + at, bits);
	return buffer->host;
}

/* Waits for the device's descriptor and dispatches; false when it stayed silent that long. */
static inline bool rig_dispatch(struct rig *rig, int timeout_ms)
{
	struct pollfd poll_fd = {.fd = device_event_fd(rig->device), .events = POLLIN};

	if (poll(&poll_fd, 1, timeout_ms) <= 0)
		return false;
	device_dispatch(rig->device);
	return true;
}

/* Dispatches until there have been `n` events in all; a minute is for ever. */
static inline void rig_wait_events(struct rig *rig, unsigned n)
{
	while (rig->n_events < n)
		assert(rig_dispatch(rig, 60000));
}

/* A stream under construction: a body of register writes and a tail. */
struct rig_stream {
	uint64_t *entries; /* in a buffer */
	uint32_t n, capacity;
};

static inline void rig_entry(struct rig_stream *stream, uint16_t target, uint16_t offset,
			     uint32_t value)
{
	assert(stream->n < stream->capacity);
	stream->entries[stream->n++] = regcmd_encode(target, offset, value);
}

static inline void rig_write(struct rig_stream *stream, uint16_t offset, uint32_t value)
{
	static const uint16_t targets[RK3588_BLOCKS] = {
		[RK3588_PC] = REGCMD_TARGET_PC,
		[RK3588_CNA] = REGCMD_TARGET_CNA,
		[RK3588_CORE] = REGCMD_TARGET_CORE,
		[RK3588_DPU] = REGCMD_TARGET_DPU,
		[RK3588_DPU_RDMA] = REGCMD_TARGET_DPU_RDMA,
		[RK3588_PPU] = REGCMD_TARGET_PPU,
		[RK3588_PPU_RDMA] = REGCMD_TARGET_PPU_RDMA,
	};

	rig_entry(stream, targets[offset >> 12], offset, value);
}

/* The tail: where the next body is (0: nowhere), how many entries it has, and the op_en. */
static inline void rig_tail(struct rig_stream *stream, uint32_t next_iova, uint32_t next_count,
			    uint32_t op_en)
{
	rig_write(stream, REG_PC_BASE_ADDRESS, next_iova);
	rig_write(stream, REG_PC_REGISTER_AMOUNTS, next_count ? regcmd_amount(next_count) : 0);
	rig_entry(stream, REGCMD_TARGET_MARKER, 0, 0);
	rig_entry(stream, REGCMD_TARGET_OP_EN, REG_PC_OPERATION_ENABLE, op_en);
}

#endif
