/* SPDX-License-Identifier: MIT */
/*
 * The DPU_RDMA: four engines that read for the DPU (hardware reference 7). MRDMA reads main data,
 * ERDMA the second operand of EW, BRDMA and NRDMA the operands per channel of BS and BN.
 */
#ifndef NPUD_DEVICE_SOFT_DPU_RDMA_H
#define NPUD_DEVICE_SOFT_DPU_RDMA_H

#include "device/soft/dpu_ew.h"
#include "device/soft/npu_core.h"

#define SOFT_ATOM_BYTES 16u
#define SOFT_ATOM_BITS	128u

/* Atoms in memory: lines of a surface, surfaces. Bytes modulo 2^32. */
struct soft_cube {
	uint32_t iova, width, line_bytes, surface_bytes;
};

/* Operands per channel, in blocks of eight channels: int32 x8, int16 x8, uint16 x8. */
struct soft_operand_table {
	uint32_t iova;
	bool has_alu, has_ow, has_mul;
};

struct soft_rdma {
	uint32_t width, height, channels;
	/* The main data, if it is read here. */
	enum rk3588_precision precision;
	struct soft_cube main;
	struct soft_operand_table bs, bn;
	/* The second operand. Where two engines take turns, odd surfaces are in the second cube. */
	struct soft_cube operand[2];
	bool is_interleaved;
	bool is_per_channel; /* one atom per surface, for all pixels */
};

/* Bits of an element. */
uint32_t soft_precision_bits(enum rk3588_precision precision);
/* Elements in an atom. */
uint32_t soft_precision_lanes(enum rk3588_precision precision);

/* An element of an atom, exact in a double. */
double soft_element_value(enum rk3588_precision precision, const uint8_t *atom, uint32_t lane);

/* What the DPU takes from here. */
struct soft_rdma_needs {
	bool is_flying;			 /* the main data */
	enum rk3588_precision precision; /* of the processing */
	const struct soft_stage *bs, *bn;
	const struct soft_ew *ew;
	uint32_t width, height; /* of the stream, unless it is read here */
};

/* Pure. -EOPNOTSUPP with a complaint about what is not modelled. */
int soft_rdma_configure(const struct soft_group *group, const struct soft_rdma_needs *needs,
			struct soft_complaint *complaint, struct soft_rdma *ret_rdma);

/* Errors of what follows as soft_core_dma_read(). */

/* Operands of `n` channels from `first`, all of which lie in SOFT_MAX_LANES of whole blocks. */
int soft_rdma_read_table(struct soft_core *core, const struct soft_operand_table *table,
			 uint32_t first, uint32_t n, struct soft_channel_operands *ret_operands);
/* Main data of one group: an atom for each of the strip's pixels, from pixel `first`. */
int soft_rdma_read_main(struct soft_core *core, const struct soft_rdma *rdma, uint32_t group,
			uint32_t first, struct soft_strip *strip);
/*
 * The second operand of the strip's pixels from `first`, for the channels from `first_channel`; of
 * those at `n_channels` and above nothing is read, they are 0.
 */
struct soft_operand_range {
	uint32_t first_pixel, first_channel, n_channels;
};
int soft_rdma_read_operand(struct soft_core *core, const struct soft_rdma *rdma,
			   enum rk3588_precision precision, const struct soft_operand_range *range,
			   struct soft_strip *strip);

#endif
