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
 * Each started batch ends with exactly one event, or stays silent until device_reset_core() or
 * device_reset_all(), after which no event of it comes any more.
 */
#ifndef NPUD_DEVICE_DEVICE_H
#define NPUD_DEVICE_DEVICE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICE_MAX_CORES  8
#define DEVICE_MAX_SPACES 16

struct device;

enum device_translation {
	DEVICE_TRANSLATION_NONE,
	DEVICE_TRANSLATION_CORE,   /* each core has an address space of its own */
	DEVICE_TRANSLATION_DEVICE, /* all cores are in one at a time */
};

/* As many as there are sessions. */
#define DEVICE_DOMAINS_UNBOUNDED UINT_MAX

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
	/* BOs are objects of a kernel driver, which chooses their addresses: device_bo_new() … */
	bool has_own_memory;
	/* Of those, address spaces of the driver; 0: sessions share one, so streams are checked. */
	unsigned n_domains;
	unsigned domain_cores; /* that one of them may have batches on at a time; 0: all */
	bool is_core_blind;    /* the driver chooses the core of a batch */
	/* A batch that outlives its timeout ends by itself, with DEVICE_TIMEOUT. */
	bool has_timeout;
	/* The driver ends what runs for longer by itself, whatever its timeout; 0: it does not. */
	uint64_t batch_limit_ns;
	uint32_t int_mask; /* interrupts that end a task: one of its own must be among them; 0: all
			    */
	enum device_translation translation;
	char driver[96];	   /* "rknpu 0.9.8 at /dev/dri/renderD129"; "" without one */
	const char *const *quirks; /* of it, that are worked around; NULL-terminated, or NULL */
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
	uint64_t table_pa;	/* directory of the session's page tables; 0 without page tables */
	uint64_t domain;	/* whose address space, by number */
	unsigned device_domain; /* the driver's number of it: device_domain_open() */
	uint64_t duration_ns;	/* `timing` only: time for the whole batch; DEVICE_FOREVER hangs */
	uint32_t cores;		/* all that start together; 0: this one alone */
	uint64_t timeout_ns;	/* has_timeout only; 0: the device's own idea */
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
	DEVICE_TIMEOUT,	   /* it outlived its timeout; likewise */
	DEVICE_REFUSED,	   /* the driver did not take it, for the reason in `detail` */
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

/* A kernel driver's object, in one of its address spaces. */
struct device_bo {
	uint32_t handle;
	uint32_t iova;
	uint64_t token; /* the driver's name for it */
	uint64_t size_bytes;
	void *host; /* the daemon's mapping */
	unsigned domain;
	bool is_imported, is_writable;
};

/* What is in one of a driver's address spaces. */
struct device_space {
	unsigned number, n_bos;
	uint64_t bytes;
	uint64_t largest_free_bytes; /* in one piece: no larger BO fits */
};

struct device_ops {
	void (*free)(struct device *device);
	int (*start)(struct device *device, unsigned core, const struct device_batch *batch);
	void (*progress)(struct device *device, unsigned core,
			 struct device_progress *ret_progress);
	/* NULL where the device itself keeps the time: */
	bool (*has_event)(struct device *device, unsigned core);
	/* NULL without has_core_reset: */
	int (*reset_core)(struct device *device, unsigned core);
	/* NULL where that is no more than resetting core after core: */
	uint32_t (*reset_all)(struct device *device);
	void (*capture)(struct device *device, unsigned core, struct device_capture *ret_capture);
	int (*event_fd)(struct device *device);
	void (*dispatch)(struct device *device);
	/* NULL without page tables: */
	int (*memory_map)(struct device *device, void *host, size_t size_bytes, uint64_t *ret_pa);
	void (*memory_unmap)(struct device *device, uint64_t pa, size_t size_bytes);
	/* NULL where the device sees into the caches of the CPU: */
	int (*memory_set_cached)(struct device *device, uint64_t pa, size_t size_bytes, int fd);
	void (*memory_sync)(struct device *device, uint64_t pa, size_t size_bytes, bool to_device);
	void (*zap)(struct device *device, uint64_t table_pa, uint32_t iova, uint32_t size_bytes);
	/* NULL without memory of its own: */
	int (*bo_new)(struct device *device, unsigned domain, uint64_t size_bytes, bool is_uncached,
		      struct device_bo *ret_bo);
	int (*bo_import)(struct device *device, unsigned domain, int fd, struct device_bo *ret_bo);
	void (*bo_free)(struct device *device, struct device_bo *bo);
	int (*bo_export)(struct device *device, const struct device_bo *bo, bool is_writable,
			 int *ret_fd);
	void (*bo_sync)(struct device *device, const struct device_bo *bo, uint64_t offset,
			uint64_t size_bytes, bool to_device);
	int (*domain_open)(struct device *device, unsigned *ret_domain);
	void (*domain_close)(struct device *device, unsigned domain);
	/* NULL where memory calls never wait for batches: */
	bool (*is_domain_ready)(struct device *device, unsigned domain);
	bool (*wants_idle)(struct device *device);
	/* NULL without memory of its own: */
	unsigned (*spaces)(struct device *device, struct device_space *ret_spaces, unsigned n_max);
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

/* For implementations: tells the listener. */
static inline void device_deliver(struct device *device, const struct device_event *event)
{
	device->event(device->event_context, event);
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
 * Whether the core has come to an end that device_dispatch() has not delivered yet. Asked after its
 * progress: a core that has said nothing even then was silent for all of that time.
 */
static inline bool device_has_event(struct device *device, unsigned core)
{
	return device->ops->has_event && device->ops->has_event(device, core);
}

/*
 * Stops whatever the core runs and brings it back to its reset state. The batch is forgotten and
 * its memory no longer touched when this returns. -EIO when the core does not come back.
 */
static inline int device_reset_core(struct device *device, unsigned core)
{
	return device->ops->reset_core(device, core);
}

/*
 * Stops and resets all cores at once, power and all. Their batches are forgotten and memory is no
 * longer touched when this returns. Returns the cores that came back.
 */
static inline uint32_t device_reset_all(struct device *device)
{
	uint32_t cores = 0;

	if (device->ops->reset_all)
		return device->ops->reset_all(device);
	for (unsigned i = 0; i < device->caps.n_cores; i++)
		cores |= device_reset_core(device, i) == 0 ? 1u << i : 0;
	return cores;
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
 * device_memory_sync(). It counts as not yet synced. `fd`, borrowed, or -1: what it is mapped from;
 * mappings of the same object are the same memory. -ENOMEM.
 */
static inline int device_memory_set_cached(struct device *device, uint64_t pa, size_t size_bytes,
					   int fd)
{
	return device->ops->memory_set_cached
		       ? device->ops->memory_set_cached(device, pa, size_bytes, fd)
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

/*
 * Memory that the kernel driver makes, zeroed, in an address space of its own or the shared one
 * (0), mapped for the daemon; `is_uncached` for what is never synced. May wait for the batches of
 * other address spaces. -ENOMEM, …
 */
static inline int device_bo_new(struct device *device, unsigned domain, uint64_t size_bytes,
				bool is_uncached, struct device_bo *ret_bo)
{
	return device->ops->bo_new(device, domain, size_bytes, is_uncached, ret_bo);
}

/*
 * The same with a dma-buf's memory; `fd` stays the caller's. -EXDEV: it is in another address space
 * of this driver already, and cannot be in two.
 */
static inline int device_bo_import(struct device *device, unsigned domain, int fd,
				   struct device_bo *ret_bo)
{
	return device->ops->bo_import(device, domain, fd, ret_bo);
}

/* No batch that can reach it may run. */
static inline void device_bo_free(struct device *device, struct device_bo *bo)
{
	device->ops->bo_free(device, bo);
}

/* A dma-buf of it, owned by the caller. */
static inline int device_bo_export(struct device *device, const struct device_bo *bo,
				   bool is_writable, int *ret_fd)
{
	return device->ops->bo_export(device, bo, is_writable, ret_fd);
}

static inline void device_bo_sync(struct device *device, const struct device_bo *bo,
				  uint64_t offset, uint64_t size_bytes, bool to_device)
{
	device->ops->bo_sync(device, bo, offset, size_bytes, to_device);
}

/*
 * An address space for one session. 0, which is always there: the one that sessions share, because
 * the driver has no others, or all are taken. -EINPROGRESS: one will be free when no batch runs.
 */
static inline int device_domain_open(struct device *device, unsigned *ret_domain)
{
	*ret_domain = 0;
	return device->ops->domain_open ? device->ops->domain_open(device, ret_domain) : 0;
}

/* Whether memory calls for that address space would not wait for the batches of another one. */
static inline bool device_is_domain_ready(struct device *device, unsigned domain)
{
	return !device->ops->is_domain_ready || device->ops->is_domain_ready(device, domain);
}

/* Whether there is something that device_dispatch() can do only while no batch runs. */
static inline bool device_wants_idle(struct device *device)
{
	return device->ops->wants_idle && device->ops->wants_idle(device);
}

/* Those of its address spaces that have something in them, in the order of their numbers. */
static inline unsigned device_spaces(struct device *device, struct device_space *ret_spaces,
				     unsigned n_max)
{
	return device->ops->spaces ? device->ops->spaces(device, ret_spaces, n_max) : 0;
}

/* Nothing is in it any more. */
static inline void device_domain_close(struct device *device, unsigned domain)
{
	if (domain)
		device->ops->domain_close(device, domain);
}

#endif
