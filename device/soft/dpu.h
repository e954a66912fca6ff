/* SPDX-License-Identifier: MIT */
/*
 * The DPU behind the CORE: every stage bypassed but the output converter, then the write to memory
 * (hardware reference 6).
 *
 * Results come as one sequence: kernel group by kernel group, in it line by line, pixel by pixel.
 * The WDMA registers say where each lands, and may cut the sequence into another shape than it had
 * in the CORE (6.7).
 */
#ifndef NPUD_DEVICE_SOFT_DPU_H
#define NPUD_DEVICE_SOFT_DPU_H

#include "device/soft/mac.h"

struct soft_dpu {
	enum rk3588_precision precision; /* of the output */
	uint32_t out_bytes;		 /* of an element */
	uint32_t group_kernels;
	uint32_t n_groups, n_pixels; /* of the sequence */
	uint32_t real_channels;	     /* atoms that lie wholly above are not written */
	/* Shape and place that the write engine sees; bytes modulo 2^32. */
	uint32_t wdma_width, wdma_height;
	uint32_t dst_iova, line_bytes, surface_bytes, group_bytes;
	/* Output converter: integers scale, shift and offset; floats a factor. */
	int64_t scale, offset;
	uint32_t shift;
	bool is_add_first, rounds_away;
	double factor;
};

/* Pure. -EOPNOTSUPP with a complaint about what is not modelled. */
int soft_dpu_configure(const struct soft_group *group, const struct soft_cna *cna,
		       const struct soft_mac *mac, struct soft_complaint *complaint,
		       struct soft_dpu *ret_dpu);

/*
 * Converts and writes the results of `n` pixels from `first` of one kernel group. Errors as
 * soft_core_dma_write().
 */
int soft_dpu_write(struct soft_core *core, const struct soft_dpu *dpu, uint32_t kernel_group,
		   uint32_t first, uint32_t n);

#endif
