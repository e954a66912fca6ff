/* SPDX-License-Identifier: MIT */
/*
 * The user ABI of Linux' rocket driver (ABI reference 2.2). All layouts are the same in 32- and
 * 64-bit processes; arrays of jobs and tasks are stepped through by the size that the program says.
 */
#ifndef NPU_DRM_UAPI_ROCKET_H
#define NPU_DRM_UAPI_ROCKET_H

#include <stddef.h>
#include <stdint.h>

/* Ioctl numbers, behind the base of driver commands. */
#define ROCKET_CREATE_BO 0x00
#define ROCKET_SUBMIT	 0x01
#define ROCKET_PREP_BO	 0x02
#define ROCKET_FINI_BO	 0x03

struct rocket_create_bo {
	uint32_t size;
	uint32_t handle;      /* out */
	uint64_t dma_address; /* out: IOVA */
	uint64_t offset;      /* out: for mmap() */
};

struct rocket_submit {
	uint64_t jobs; /* pointer */
	uint32_t job_count, job_struct_size;
	uint64_t reserved; /* 0 */
};

struct rocket_prep_bo {
	uint32_t handle;
	uint32_t reserved;  /* 0 */
	int64_t timeout_ns; /* absolute, CLOCK_MONOTONIC */
};

struct rocket_fini_bo {
	uint32_t handle;
	uint32_t reserved; /* 0 */
};

struct rocket_job {
	uint64_t tasks, in_bo_handles, out_bo_handles; /* pointers */
	uint32_t task_count, task_struct_size;
	uint32_t in_bo_handle_count, out_bo_handle_count;
};

struct rocket_task {
	uint32_t regcmd;       /* IOVA */
	uint32_t regcmd_count; /* 64-bit entries, tail included */
};

_Static_assert(sizeof(struct rocket_create_bo) == 24, "ABI");
_Static_assert(offsetof(struct rocket_create_bo, handle) == 4, "ABI");
_Static_assert(offsetof(struct rocket_create_bo, dma_address) == 8, "ABI");
_Static_assert(offsetof(struct rocket_create_bo, offset) == 16, "ABI");
_Static_assert(sizeof(struct rocket_submit) == 24, "ABI");
_Static_assert(offsetof(struct rocket_submit, job_count) == 8, "ABI");
_Static_assert(offsetof(struct rocket_submit, job_struct_size) == 12, "ABI");
_Static_assert(offsetof(struct rocket_submit, reserved) == 16, "ABI");
_Static_assert(sizeof(struct rocket_prep_bo) == 16, "ABI");
_Static_assert(offsetof(struct rocket_prep_bo, timeout_ns) == 8, "ABI");
_Static_assert(sizeof(struct rocket_fini_bo) == 8, "ABI");
_Static_assert(sizeof(struct rocket_job) == 40, "ABI");
_Static_assert(offsetof(struct rocket_job, in_bo_handles) == 8, "ABI");
_Static_assert(offsetof(struct rocket_job, out_bo_handles) == 16, "ABI");
_Static_assert(offsetof(struct rocket_job, task_count) == 24, "ABI");
_Static_assert(offsetof(struct rocket_job, task_struct_size) == 28, "ABI");
_Static_assert(offsetof(struct rocket_job, in_bo_handle_count) == 32, "ABI");
_Static_assert(offsetof(struct rocket_job, out_bo_handle_count) == 36, "ABI");
_Static_assert(sizeof(struct rocket_task) == 8, "ABI");
_Static_assert(offsetof(struct rocket_task, regcmd_count) == 4, "ABI");

#endif
