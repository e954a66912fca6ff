/* SPDX-License-Identifier: MIT */
/*
 * The user ABI of the vendor's rknpu driver, as its programs were built against it (ABI reference
 * 1.2 ... 1.6). All layouts are the same in 32- and 64-bit processes.
 */
#ifndef NPU_DRM_UAPI_RKNPU_H
#define NPU_DRM_UAPI_RKNPU_H

#include <stddef.h>
#include <stdint.h>

/* Ioctl numbers: behind the base of driver commands with type 'd', plain with type 'r'. */
#define RKNPU_ACTION	  0x00
#define RKNPU_SUBMIT	  0x01
#define RKNPU_MEM_CREATE  0x02
#define RKNPU_MEM_MAP	  0x03
#define RKNPU_MEM_DESTROY 0x04
#define RKNPU_MEM_SYNC	  0x05

enum rknpu_action_number {
	RKNPU_GET_HW_VERSION = 0,
	RKNPU_GET_DRV_VERSION = 1,
	RKNPU_GET_FREQ = 2,
	RKNPU_SET_FREQ = 3,
	RKNPU_GET_VOLT = 4,
	RKNPU_SET_VOLT = 5,
	RKNPU_ACT_RESET = 6,
	RKNPU_GET_BW_PRIORITY = 7,
	RKNPU_SET_BW_PRIORITY = 8,
	RKNPU_GET_BW_EXPECT = 9,
	RKNPU_SET_BW_EXPECT = 10,
	RKNPU_GET_BW_TW = 11,
	RKNPU_SET_BW_TW = 12,
	RKNPU_ACT_CLR_TOTAL_RW_AMOUNT = 13,
	RKNPU_GET_DT_WR_AMOUNT = 14,
	RKNPU_GET_DT_RD_AMOUNT = 15,
	RKNPU_GET_WT_RD_AMOUNT = 16,
	RKNPU_GET_TOTAL_RW_AMOUNT = 17,
	RKNPU_GET_IOMMU_EN = 18,
	RKNPU_SET_PROC_NICE = 19,
	RKNPU_POWER_ON = 20,
	RKNPU_POWER_OFF = 21,
	RKNPU_GET_TOTAL_SRAM_SIZE = 22,
	RKNPU_GET_FREE_SRAM_SIZE = 23,
	RKNPU_GET_IOMMU_DOMAIN_ID = 24,
	RKNPU_SET_IOMMU_DOMAIN_ID = 25,
};

struct rknpu_action {
	uint32_t flags; /* enum rknpu_action_number */
	uint32_t value; /* in, out */
};

#define RKNPU_MEM_NON_CONTIGUOUS	     (1u << 0)
#define RKNPU_MEM_CACHEABLE		     (1u << 1)
#define RKNPU_MEM_WRITE_COMBINE		     (1u << 2)
#define RKNPU_MEM_KERNEL_MAPPING	     (1u << 3)
#define RKNPU_MEM_IOMMU			     (1u << 4)
#define RKNPU_MEM_ZEROING		     (1u << 5)
#define RKNPU_MEM_SECURE		     (1u << 6)
#define RKNPU_MEM_DMA32			     (1u << 7)
#define RKNPU_MEM_TRY_ALLOC_SRAM	     (1u << 8)
#define RKNPU_MEM_TRY_ALLOC_NBUF	     (1u << 9)
#define RKNPU_MEM_IOMMU_LIMIT_IOVA_ALIGNMENT (1u << 10)
#define RKNPU_MEM_FLAGS			     0x7ffu

/* Drivers and programs before 0.9.6 end it at `iommu_domain_id`, the oldest at `sram_size`. */
struct rknpu_mem_create {
	uint32_t handle; /* in: 0, or of an object whose data is wanted; out */
	uint32_t flags;
	uint64_t size;	    /* in; out: whole pages */
	uint64_t obj_addr;  /* out: token */
	uint64_t dma_addr;  /* out: IOVA */
	uint64_t sram_size; /* in: bytes of SRAM wanted; out: got */
	int32_t iommu_domain_id;
	uint32_t core_mask;
};

struct rknpu_mem_map {
	uint32_t handle;
	uint32_t reserved;
	uint64_t offset; /* out: for mmap() */
};

struct rknpu_mem_destroy {
	uint32_t handle;
	uint32_t reserved;
	uint64_t obj_addr;
};

#define RKNPU_MEM_SYNC_TO_DEVICE   (1u << 0)
#define RKNPU_MEM_SYNC_FROM_DEVICE (1u << 1)

struct rknpu_mem_sync {
	uint32_t flags;
	uint32_t reserved;
	uint64_t obj_addr;
	uint64_t offset, size;
};

#define RKNPU_JOB_PC	    (1u << 0)
#define RKNPU_JOB_NONBLOCK  (1u << 1)
#define RKNPU_JOB_PINGPONG  (1u << 2)
#define RKNPU_JOB_FENCE_IN  (1u << 3)
#define RKNPU_JOB_FENCE_OUT (1u << 4)
#define RKNPU_JOB_FLAGS	    0x1fu

#define RKNPU_SUBCORES	    5

struct rknpu_subcore_task {
	uint32_t task_start, task_number;
};

struct rknpu_submit {
	uint32_t flags;
	uint32_t timeout_ms;
	uint32_t task_start, task_number;
	uint32_t task_counter; /* out */
	int32_t priority;
	uint64_t task_obj_addr;
	uint32_t iommu_domain_id; /* older: u64 regcfg_obj_addr */
	uint32_t reserved;
	uint64_t task_base_addr;
	int64_t hw_elapse_time_ns; /* out; older: u64 user_data */
	uint32_t core_mask;
	int32_t fence_fd;
	struct rknpu_subcore_task subcore_task[RKNPU_SUBCORES];
};

/* In a BO that `task_obj_addr` names. */
struct rknpu_task {
	uint32_t flags;
	uint32_t op_idx;
	uint32_t enable_mask;
	uint32_t int_mask;
	uint32_t int_clear;
	uint32_t int_status; /* out, of the last task */
	uint32_t regcfg_amount;
	uint32_t regcfg_offset;
	uint64_t regcmd_addr;
} __attribute__((packed));

#define RKNPU_MEM_CREATE_BYTES_OLDEST 32
#define RKNPU_MEM_CREATE_BYTES_OLD    40

_Static_assert(sizeof(struct rknpu_action) == 8, "ABI");
_Static_assert(sizeof(struct rknpu_mem_create) == 48, "ABI");
_Static_assert(offsetof(struct rknpu_mem_create, size) == 8, "ABI");
_Static_assert(offsetof(struct rknpu_mem_create, dma_addr) == 24, "ABI");
_Static_assert(offsetof(struct rknpu_mem_create, sram_size) == RKNPU_MEM_CREATE_BYTES_OLDEST,
	       "ABI");
_Static_assert(offsetof(struct rknpu_mem_create, iommu_domain_id) == RKNPU_MEM_CREATE_BYTES_OLD,
	       "ABI");
_Static_assert(sizeof(struct rknpu_mem_map) == 16, "ABI");
_Static_assert(offsetof(struct rknpu_mem_map, offset) == 8, "ABI");
_Static_assert(sizeof(struct rknpu_mem_destroy) == 16, "ABI");
_Static_assert(sizeof(struct rknpu_mem_sync) == 32, "ABI");
_Static_assert(offsetof(struct rknpu_mem_sync, obj_addr) == 8, "ABI");
_Static_assert(sizeof(struct rknpu_submit) == 104, "ABI");
_Static_assert(offsetof(struct rknpu_submit, task_obj_addr) == 24, "ABI");
_Static_assert(offsetof(struct rknpu_submit, task_base_addr) == 40, "ABI");
_Static_assert(offsetof(struct rknpu_submit, hw_elapse_time_ns) == 48, "ABI");
_Static_assert(offsetof(struct rknpu_submit, fence_fd) == 60, "ABI");
_Static_assert(offsetof(struct rknpu_submit, subcore_task) == 64, "ABI");
_Static_assert(sizeof(struct rknpu_task) == 40, "ABI");
_Static_assert(offsetof(struct rknpu_task, regcmd_addr) == 32, "ABI");

#endif
