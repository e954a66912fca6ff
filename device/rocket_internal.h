/* SPDX-License-Identifier: MIT */
/* What the files of the rocket device share. */
#ifndef NPUD_DEVICE_ROCKET_INTERNAL_H
#define NPUD_DEVICE_ROCKET_INTERNAL_H

#include "base/clock.h"
#include "device/device.h"
#include "device/drm_node.h"
#include "device/drm_objects.h"
#include "device/drm_workers.h"
#include "lib/drm/uapi/rocket.h"

#define ROCKET_CORES 3u
/* The driver's, of each job (ABI reference 2.3). */
#define ROCKET_LIMIT_NS (500 * NS_PER_MS)
/* Interrupts that the driver hears of: DPU's, both groups (hardware reference 3.2). */
#define ROCKET_INT_MASK 0x300u
#define ROCKET_N_QUIRKS 10u

/* An open file of the node: the address space of one session. */
struct rocket_file {
	struct drm_node node;
	/*
	 * Every job says that it writes this page, which is at address 0 and nobody else's: who
	 * waits for the page waits for the job. Its dma-buf, where the kernel gives fences of it;
	 * else -1.
	 */
	uint32_t mark;
	int mark_fd;
	struct drm_objects objects;
};

/* How a job came back. */
enum rocket_verdict {
	ROCKET_COMPLETED,
	ROCKET_STOPPED, /* by the driver, for its time */
	ROCKET_REFUSED, /* `error` says why */
	ROCKET_LOST,	/* the driver does not end it */
};

/*
 * What one worker runs. Filled in by the daemon's thread while the worker is idle; the results are
 * the worker's until it has returned.
 */
struct rocket_run {
	struct rocket_file *file; /* NULL: it has been closed since */
	struct rocket_task *tasks;
	uint32_t n_tasks, capacity;
	uint64_t start_ns, timeout_ns;
	/* results */
	enum rocket_verdict verdict;
	int error;
	uint64_t device_ns;
};

enum rocket_core_state {
	ROCKET_CORE_IDLE,
	ROCKET_CORE_RUNNING, /* its worker has it */
	ROCKET_CORE_LOST,    /* what it ran is in the kernel still */
};

struct rocket_core {
	enum rocket_core_state state;
	uint64_t started_ns;
	struct rocket_run run;
};

struct rocket {
	struct device base;
	struct drm_node node; /* to be opened again; without objects of its own */
	bool has_fences;
	const char *quirk_names[ROCKET_N_QUIRKS + 1];
	struct drm_workers *workers;
	struct rocket_core cores[ROCKET_CORES];
	uint32_t finished;	    /* workers that have returned, of which nobody has been told */
	struct rocket_file **files; /* by number of the domain, less 1; NULL: free */
	unsigned n_files;
};

/* ---- rocket_memory.c ---- */

int rocket_file_new(const struct rocket *rocket, struct rocket_file **ret_file);
/* Its objects must be gone. Takes NULL, returns NULL. */
struct rocket_file *rocket_file_free(struct rocket_file *file);
/* NULL where there is no such domain. */
struct rocket_file *rocket_find_file(const struct rocket *rocket, unsigned domain);
int rocket_bo_new(struct device *device, unsigned domain, uint64_t size_bytes, bool is_uncached,
		  struct device_bo *ret_bo);
int rocket_bo_import(struct device *device, unsigned domain, int fd, struct device_bo *ret_bo);
void rocket_bo_free(struct device *device, struct device_bo *bo);
int rocket_bo_export(struct device *device, const struct device_bo *bo, bool is_writable,
		     int *ret_fd);
void rocket_bo_sync(struct device *device, const struct device_bo *bo, uint64_t offset,
		    uint64_t size_bytes, bool to_device);

/* ---- rocket_submit.c ---- */

/* Tasks that the driver takes and sees the end of. -EINVAL. */
int rocket_check_batch(const struct device_batch *batch);
/* -ENOMEM. */
int rocket_run_prepare(struct rocket_run *run, const struct device_batch *batch);
/* On a worker's thread: one job, to its end. */
void rocket_run_job(struct rocket_run *run);
/* Whether a job of that file is in the kernel. */
bool rocket_is_busy(const struct rocket_file *file);

#endif
