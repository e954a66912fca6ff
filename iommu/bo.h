/* SPDX-License-Identifier: MIT */
/*
 * Buffer objects: memory that a session's CPU side and the NPU share.
 *
 * Each BO is a memory object of its own (a memfd, sealed against shrinking and growing before any
 * client sees it; or a kernel driver's object), mapped in exactly one domain. References: the
 * session's handle holds one, every queued or running job that names the BO another; the last one
 * out unmaps it from the domain, zaps the TLBs, and only then lets the memory go. Contents are zero
 * at birth, and no page is allocated before somebody touches it.
 */
#ifndef NPUD_IOMMU_BO_H
#define NPUD_IOMMU_BO_H

#include "base/account.h"
#include "iommu/domain.h"
#include "npu_protocol.h"

#include <stdbool.h>
#include <stdint.h>

/* What it costs its owner. */
#define BO_CHARGES 3

struct bo {
	unsigned refs;
	int fd;		     /* owned; -1 of the driver's, which is exported anew each time */
	void *memory;	     /* npud's own mapping: read-only where the BO is */
	uint64_t size_bytes; /* whole pages */
	uint64_t pa;	     /* 0 without page tables, and only then */
	uint32_t iova;
	bool is_writable; /* by the NPU */
	bool is_imported;
	bool is_uncached;		   /* is never synced */
	struct device_bo device_bo;	   /* where the device has memory of its own */
	struct domain *domain;		   /* borrowed; outlives the BO */
	struct charge charges[BO_CHARGES]; /* released with the BO */
};

#define BO_MAX_BYTES NPU_BO_BYTES_MAX

/* Equal for BOs of the same memory, and for no others, as long as one of them is there. */
struct bo_identity {
	uint64_t space, number;
};

/*
 * Creates memory of size_bytes (rounded up to pages; > 0, at most BO_MAX_BYTES) and maps it in the
 * domain (see domain_map for `fixed_iova` and errors). Returns it with one reference. -EINVAL for
 * a size out of range, -EMFILE, -ENFILE, -ENOMEM, or what device_memory_map() said; -EOPNOTSUPP for
 * a fixed address where a driver chooses them; -EINPROGRESS: its driver would wait for the batches
 * of others, so not now. The charges are left for the caller to fill in.
 */
int bo_new(struct domain *domain, uint64_t size_bytes, bool is_uncached, uint32_t fixed_iova,
	   struct bo **ret_bo);

/*
 * Takes memory that somebody else made: a shared-memory object that can't shrink (F_SEAL_SHRINK),
 * not on huge pages. Opened read-only, or sealed against writing (F_SEAL_WRITE,
 * F_SEAL_FUTURE_WRITE), it is read-only for the NPU too. `fd` stays the caller's. -EBADF, -EINVAL
 * (not such an object; empty; beyond BO_MAX_BYTES), -EACCES (not opened for reading), -EPERM (it
 * could be shrunk under us, or was being sealed meanwhile); otherwise as bo_new(). Where the device
 * has memory of its own: a dma-buf, and what device_bo_import() says of it.
 */
int bo_import(struct domain *domain, int fd, uint32_t fixed_iova, struct bo **ret_bo);

/*
 * A descriptor of the memory for another process, owned by the caller; read-only ones can't be
 * turned into writable ones by a process of another user. -EACCES: a read-only BO can't be
 * exported writable, nor an imported one read-only if its owner's file mode keeps npud from opening
 * it again. -ENOENT: a read-only one needs /proc. -EMFILE, -ENFILE.
 */
int bo_export(struct bo *bo, bool read_only, int *ret_fd);

/*
 * Lets the NPU see what the CPU has written to a range within the BO, or the CPU what the NPU has,
 * or both in this order. Only devices that do not see into the CPU's caches need it.
 */
void bo_sync(struct bo *bo, uint64_t offset, uint64_t size_bytes, uint32_t direction);
/* Whether that would not wait for the batches of others. */
bool bo_is_ready(const struct bo *bo);

/* Which memory it is of, in whichever domain. Fails as fstat(2) does. */
int bo_identify(const struct bo *bo, struct bo_identity *ret_identity);

/* One more reference; returns the BO. */
struct bo *bo_ref(struct bo *bo);
/* One less; see above for the last. Takes NULL, returns NULL. */
struct bo *bo_unref(struct bo *bo);

#endif
