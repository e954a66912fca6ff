/* SPDX-License-Identifier: MIT */
/* What the files of the rknpu device share. */
#ifndef NPUD_DEVICE_RKNPU_INTERNAL_H
#define NPUD_DEVICE_RKNPU_INTERNAL_H

#include "device/device.h"
#include "device/drm_node.h"
#include "device/drm_objects.h"
#include "device/drm_workers.h"
#include "device/rknpu_quirks.h"
#include "lib/drm/uapi/rknpu.h"

#include <stdatomic.h>

#define RKNPU_CORES	    3u
#define RKNPU_DOMAINS	    16u
#define RKNPU_DOMAIN_SHARED 0u
/* More than these the driver commits in parts (hardware reference 3.1). */
#define RKNPU_TASKS_MAX 4095u

/* How a submit, or a batch of them, came back. */
enum rknpu_verdict {
	RKNPU_COMPLETED,
	RKNPU_TIMED_OUT, /* guilty; the driver has reset all cores */
	RKNPU_STOPPED,	 /* by a reset that another one caused, or never started */
	RKNPU_REFUSED,	 /* `error` says why */
};

/*
 * What one worker runs: the batches of the cores that start together. Filled in by the daemon's
 * thread while the worker is idle; the results are the worker's until it has returned.
 */
struct rknpu_run {
	uint32_t cores;
	struct device_batch batches[RKNPU_CORES]; /* by core */
	unsigned domain;
	uint32_t timeout_ms;
	uint64_t start_ns;
	unsigned n_tries;
	/* results */
	enum rknpu_verdict verdict;
	int error;
	_Atomic uint32_t tasks_done[RKNPU_CORES];
	uint64_t device_ns;
};

enum rknpu_core_state {
	RKNPU_CORE_IDLE,
	RKNPU_CORE_GATHERING, /* waits for the others that start with it */
	RKNPU_CORE_RUNNING,   /* its leader's worker has it */
	RKNPU_CORE_SILENT,    /* stopped without having done wrong; a reset is to come */
};

struct rknpu_core {
	enum rknpu_core_state state;
	unsigned leader; /* whose worker and run it is */
	struct device_batch batch;
};

struct rknpu {
	struct device base;
	struct drm_node node;
	uint32_t version; /* as GET_DRV_VERSION counts */
	bool has_iommu;
	const char *quirk_names[RKNPU_N_QUIRKS + 1];
	struct drm_workers *workers;
	struct device_bo descriptors[RKNPU_CORES]; /* by leader */
	struct rknpu_run runs[RKNPU_CORES];	   /* likewise */
	struct rknpu_core cores[RKNPU_CORES];
	uint32_t domains_taken;
	unsigned active_domain; /* of the driver's last call that named one */
	struct drm_objects objects;
	unsigned n_unused;	  /* of them, to be destroyed when no batch runs */
	uint32_t domains_closing; /* taken until then */
};

/* ---- rknpu.c ---- */

/* Before a call that is about this address space: waits until no batch of another one runs. */
void rknpu_enter_domain(struct rknpu *rknpu, unsigned domain);
/* Whether there is nothing to wait for. */
bool rknpu_is_domain_ready(struct device *device, unsigned domain);

/* ---- rknpu_memory.c ---- */

/* Zeroed memory; `flags`: what else is asked for, RKNPU_MEM_*. */
int rknpu_memory_new(struct rknpu *rknpu, unsigned domain, uint64_t size_bytes, uint32_t flags,
		     struct device_bo *ret_bo);
int rknpu_bo_new(struct device *device, unsigned domain, uint64_t size_bytes, bool is_uncached,
		 struct device_bo *ret_bo);
int rknpu_bo_import(struct device *device, unsigned domain, int fd, struct device_bo *ret_bo);
void rknpu_bo_free(struct device *device, struct device_bo *bo);
int rknpu_bo_export(struct device *device, const struct device_bo *bo, bool is_writable,
		    int *ret_fd);
void rknpu_bo_sync(struct device *device, const struct device_bo *bo, uint64_t offset,
		   uint64_t size_bytes, bool to_device);
/* No batch runs: what could not be destroyed beside one is. */
void rknpu_tidy(struct rknpu *rknpu);
int rknpu_domain_open(struct device *device, unsigned *ret_domain);
void rknpu_domain_close(struct device *device, unsigned domain);

/* ---- rknpu_spaces.c ---- */

unsigned rknpu_spaces(struct device *device, struct device_space *ret_spaces, unsigned n_max);

/* ---- rknpu_misc.c: handles that are descriptors ---- */

/* How long the driver wants its struct for new memory. */
size_t rknpu_create_bytes(const struct rknpu *rknpu);
int rknpu_misc_map(struct device_bo *bo);
/* A handle of our own for memory that is there. -errno. */
int rknpu_misc_import(int fd, uint32_t *ret_handle);
/* -ENOTSUP: nothing makes a read-only descriptor of a writable one. */
int rknpu_misc_export(uint32_t handle, bool is_writable, int *ret_fd);
void rknpu_misc_close(uint32_t handle);

/* ---- rknpu_submit.c ---- */

/* Tasks that registers and descriptors can express. -EINVAL. */
int rknpu_check_batch(const struct device_batch *batch);
/* On a worker's thread: everything that its run has. */
void rknpu_run_batches(struct rknpu *rknpu, unsigned leader);

#endif
