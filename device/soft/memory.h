/* SPDX-License-Identifier: MIT */
/*
 * The physical address space of the model: pages that dma_map() made reachable, and nothing else.
 *
 * Addresses begin above 4 GiB with all four high digits of a 40-bit address in use, so nobody can
 * get away with 32 bits. One thread maps and unmaps; any thread may look pages up meanwhile.
 */
#ifndef NPUD_DEVICE_SOFT_MEMORY_H
#define NPUD_DEVICE_SOFT_MEMORY_H

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
/* Host address of the byte at `pa`, good to the end of its page; NULL where nothing is mapped. */
void *soft_memory_find(struct soft_memory *memory, uint64_t pa);

#endif
