/* SPDX-License-Identifier: MIT */
/*
 * The physical address space of the model: pages that dma_map() made reachable, and nothing else.
 *
 * Addresses begin above 4 GiB with all four high digits of a 40-bit address in use, so nobody can
 * get away with 32 bits. One thread maps and unmaps; any thread may look pages up meanwhile.
 */
#ifndef NPUD_DEVICE_SOFT_MEMORY_H
#define NPUD_DEVICE_SOFT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOFT_MEMORY_FIRST_PA 0x2100000000ull
#define SOFT_MEMORY_BYTES    (32ull << 30)

struct soft_memory;

int soft_memory_new(struct soft_memory **ret_memory);
struct soft_memory *soft_memory_free(struct soft_memory *memory);

/*
 * Gives whole pages of host memory one contiguous range of addresses, the lowest that is free.
 * -EINVAL unless page-aligned, -ENOSPC when the address space is full, -ENOMEM. Borrows `host`.
 */
int soft_memory_map(struct soft_memory *memory, void *host, size_t size_bytes, uint64_t *ret_pa);
/*
 * Undoes one soft_memory_map(). A look-up made before may still be in use: the caller waits for
 * those before it lets go of the host memory.
 */
void soft_memory_unmap(struct soft_memory *memory, uint64_t pa, size_t size_bytes);
/*
 * Of a mapped range the device sees a copy from now on, and writes to that: as memory is that the
 * CPU keeps in caches which the device does not see into. Ranges of the same object, which `fd` is
 * of (-1: of none), have one copy. -ENOMEM, -EINVAL.
 */
int soft_memory_set_cached(struct soft_memory *memory, uint64_t pa, size_t size_bytes, int fd);
/* Brings one side of a cached range up to date with the other; others are left alone. */
void soft_memory_sync(struct soft_memory *memory, uint64_t pa, size_t size_bytes, bool to_device);
/* Lets go of the copies of ranges that were unmapped; no look-up of theirs is in use any more. */
void soft_memory_reap(struct soft_memory *memory);
/* Host address of the byte at `pa`, good to the end of its page; NULL where nothing is mapped. */
void *soft_memory_find(struct soft_memory *memory, uint64_t pa);

#endif
