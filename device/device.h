/* SPDX-License-Identifier: MIT */
/*
 * A device: NPU cores that run batches of tasks, and the memory they may touch.
 *
 * One table of operations; what devices differ in is data (`struct device_caps`), so nobody above
 * asks which device it is. Everything here is called from the daemon's thread and does not block
 * beyond the documented times of the hardware (tens of microseconds).
 *
 *   device_start(core, batch) -> ... -> event fd readable -> device_dispatch() -> `event` callback
 *
 * Each started batch ends with exactly one event, or stays silent until device_reset_core(), after
 * which no event of it comes any more.
 */
#ifndef NPUD_DEVICE_DEVICE_H
#define NPUD_DEVICE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICE_MAX_CORES 8

struct device;

struct device_caps {
	const char *name; /* "soft", "timing" */
	unsigned n_cores;
	/* Bit m is set where core mask m may be started as a gang (m has 2 or more bits). */
	uint64_t gang_masks;
	bool runs_streams;    /* tasks are streams in BOs; else they only take time */
	bool has_page_tables; /* npud builds the page tables, one domain per session */
	bool has_core_reset;  /* one core can be reset without touching the others */
	bool has_task_counter;
	bool has_one_domain; /* all cores run in one address space at a time */
	uint64_t switch_ns;  /* to change it, of a core or the device; 0 where not known */
};

/* One register-command stream (hardware reference 2.2). */
struct device_task {
	uint32_t regcmd_iova;  /* 16-byte aligned */
	uint32_t regcmd_count; /* 64-bit entries to fetch, tail included */
	uint32_t int_mask;     /* interrupt bits that mean "done" (hardware reference 3.2) */
};

/* What one core runs without interruption. The tasks stay valid until the batch has ended. */
struct device_batch {
	const struct device_task *tasks;
	uint32_t n_tasks;
	/* The streams' tails chain them (hardware reference 2.4); else each is started alone. */
	bool is_chained;
	uint64_t table_pa;    /* directory of the session's page tables; 0 without page tables */
	uint64_t domain;      /* whose address space, by number */
	uint64_t duration_ns; /* `timing` only: time for the whole batch; DEVICE_FOREVER hangs */
};

#define DEVICE_FOREVER UINT64_MAX

struct device_progress {
	uint32_t tasks_done;
	/*
	 * Device time since the batch was started: on hardware the time that has passed, on `soft`
	 * the time the core has computed or sat silent, so that a stalled host hangs nobody.
	 */
	uint64_t device_ns;
};

enum device_event_kind {
	DEVICE_DONE,	   /* `detail` may say what bits of the stream were ignored */
	DEVICE_PAGE_FAULT, /* `iova`, `is_write`; the core stands still until it is reset */
	DEVICE_BAD_STREAM, /* `detail` names block, register and value; likewise */
};

struct device_event {
	enum device_event_kind kind;
	unsigned core;
	uint32_t tasks_done;
	uint64_t device_ns; /* device time of the whole batch */
	uint64_t iova;
	bool is_write;
	char detail[128]; /* "" where the device has nothing to say */
};

/* Registers of a core, for the report of a hang. */
struct device_capture {
	struct {
		const char *name; /* static */
		uint32_t value;
	} registers[24];
	unsigned n;
};

struct device_ops {
	void (*free)(struct device *device);
	int (*start)(struct device *device, unsigned core, const struct device_batch *batch);
	void (*progress)(struct device *device, unsigned core,
			 struct device_progress *ret_progress);
	int (*reset_core)(struct device *device, unsigned core);
	void (*capture)(struct device *device, unsigned core, struct device_capture *ret_capture);
	int (*event_fd)(struct device *device);
	void (*dispatch)(struct device *device);
	/* NULL without page tables: */
	int (*memory_map)(struct device *device, void *host, size_t size_bytes, uint64_t *ret_pa);
	void (*memory_unmap)(struct device *device, uint64_t pa, size_t size_bytes);
	/* NULL where the device sees into the caches of the CPU: */
	int (*memory_set_cached)(struct device *device, uint64_t pa, size_t size_bytes);
	void (*memory_sync)(struct device *device, uint64_t pa, size_t size_bytes, bool to_device);
	void (*zap)(struct device *device, uint64_t table_pa, uint32_t iova, uint32_t size_bytes);
};

/* Embedded first in every implementation. */
struct device {
	const struct device_ops *ops;
	struct device_caps caps;
	void (*event)(void *context, const struct device_event *event);
	void *event_context;
};

/* Who hears of events. To be called once, before the first start. */
static inline void device_set_listener(struct device *device,
				       void (*event)(void *, const struct device_event *),
				       void *context)
{
	device->event = event;
	device->event_context = context;
}

/* Stops every core and powers down; no batch may be wanted any more. Takes NULL, returns NULL. */
static inline struct device *device_free(struct device *device)
{
	if (device)
		device->ops->free(device);
	return NULL;
}

/*
 * Starts a batch on an idle core: switches the core to the batch's page tables, puts its registers
 * into their reset state, and starts the first task. -EBUSY when the core is not idle, -EINVAL for
 * tasks that fetch registers cannot express (address not 16-byte aligned, no or too many entries),
 * -EIO when the hardware does not answer. No event is delivered before this has returned.
 */
static inline int device_start(struct device *device, unsigned core,
			       const struct device_batch *batch)
{
	return device->ops->start(device, core, batch);
}

/* How far the batch on a busy core has come; zeros on an idle one. */
static inline void device_progress(struct device *device, unsigned core,
				   struct device_progress *ret_progress)
{
	device->ops->progress(device, core, ret_progress);
}

/*
 * Stops whatever the core runs and brings it back to its reset state. The batch is forgotten and
 * its memory no longer touched when this returns. -EIO when the core does not come back.
 */
static inline int device_reset_core(struct device *device, unsigned core)
{
	return device->ops->reset_core(device, core);
}

static inline void device_capture(struct device *device, unsigned core,
				  struct device_capture *ret_capture)
{
	device->ops->capture(device, core, ret_capture);
}

/*
 * Readable when device_dispatch() has work. Owned by the device. What was started since the last
 * device_dispatch() may not show yet.
 */
static inline int device_event_fd(struct device *device)
{
	return device->ops->event_fd(device);
}

/*
 * Delivers the events that have come up to the listener. To be called when the descriptor is
 * readable, and once after whatever was started in a turn: what ends at once is heard at once.
 */
static inline void device_dispatch(struct device *device)
{
	device->ops->dispatch(device);
}

/*
 * Makes host memory (page-aligned, whole pages) reachable for the device at a physical address, in
 * one piece. The caller keeps the memory and unmaps it before it frees it. -ENOMEM, -ENOSPC.
 */
static inline int device_memory_map(struct device *device, void *host, size_t size_bytes,
				    uint64_t *ret_pa)
{
	return device->ops->memory_map(device, host, size_bytes, ret_pa);
}

/* The memory must not be in any page table, and zapped, before it is taken away. */
static inline void device_memory_unmap(struct device *device, uint64_t pa, size_t size_bytes)
{
	device->ops->memory_unmap(device, pa, size_bytes);
}

/*
 * Mapped memory will be used through the caches of the CPU, and kept in step by
 * device_memory_sync(). It counts as not yet synced. -ENOMEM.
 */
static inline int device_memory_set_cached(struct device *device, uint64_t pa, size_t size_bytes)
{
	return device->ops->memory_set_cached
		       ? device->ops->memory_set_cached(device, pa, size_bytes)
		       : 0;
}

/* Lets the device see what the CPU wrote to a range of such memory; or the other way round. */
static inline void device_memory_sync(struct device *device, uint64_t pa, size_t size_bytes,
				      bool to_device)
{
	if (device->ops->memory_sync)
		device->ops->memory_sync(device, pa, size_bytes, to_device);
}

/*
 * Drops a range's translations from the TLBs of the cores that use these page tables. When it
 * returns no access through the old translations is under way or can follow.
 */
static inline void device_zap(struct device *device, uint64_t table_pa, uint32_t iova,
			      uint32_t size_bytes)
{
	device->ops->zap(device, table_pa, iova, size_bytes);
}

#endif
