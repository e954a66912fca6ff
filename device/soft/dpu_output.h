/* SPDX-License-Identifier: MIT */
/*
 * The end of the DPU: the output converter, and the write of atoms to memory or to the PPU
 * (hardware reference 6.6, 6.7).
 */
#ifndef NPUD_DEVICE_SOFT_DPU_OUTPUT_H
#define NPUD_DEVICE_SOFT_DPU_OUTPUT_H

#include "device/soft/dpu_rdma.h"

struct soft_output {
	enum rk3588_precision precision;
	uint32_t out_bits; /* of an element */
	uint16_t pad;	   /* bits that unused lanes of a written atom get */
	/* Of integers, which the last step may make floats of. */
	bool is_from_ints;
	struct soft_converter converter;
	double low, high;
	/* Of floats: (x + offset) * factor, or x * factor + offset. */
	double offset, factor;
	bool is_add_first;
	/* The stream of results: kernel groups of `n_pixels` pixels of `group_channels` channels.
	 */
	uint32_t group_channels, n_pixels;
	uint32_t real_channels; /* atoms that lie wholly above are not written */
	/* Shape and place that the write engine sees; bytes modulo 2^32. */
	bool is_to_memory;
	uint32_t wdma_width, wdma_height;
	uint32_t iova, line_bytes, surface_bytes, group_bytes;
	/* Where the PPU takes its input from: surfaces of n_pixels atoms. NULL: it does not. */
	uint8_t *to_ppu;
};

/* The results of a strip: n_pixels from `first_pixel` of a group. */
struct soft_result {
	uint32_t group, first_pixel, n_lanes; /* lanes that are real */
	const struct soft_strip *strip;
};

#define SOFT_QUICK_PIXELS 128u

/* Results of a group that are atoms already: [atom][pixel]. */
struct soft_surfaces {
	uint32_t group, first_pixel;
	uint32_t n_pixels, n_atoms; /* at most SOFT_QUICK_PIXELS */
	const uint8_t *atoms;
};

/* Pure. Converter and precision, as they follow the processing precision and the stages. */
int soft_output_configure(const struct soft_group *group, enum rk3588_precision precision,
			  bool has_lut, struct soft_complaint *complaint,
			  struct soft_output *ret_output);
/* Converts and writes. Errors as soft_core_dma_write(). */
int soft_output_write(struct soft_core *core, const struct soft_output *output,
		      const struct soft_result *result);

/* One element, which is in the range of its precision or rounded to a float of it. */
void soft_element_store(enum rk3588_precision precision, double value, uint8_t *atom,
			uint32_t lane);

/* Whether results go to surfaces in memory, and nowhere else. */
bool soft_output_has_surfaces(const struct soft_output *output);
/* Writes those. Errors as soft_core_dma_write(). */
int soft_output_write_surfaces(struct soft_core *core, const struct soft_output *output,
			       const struct soft_surfaces *surfaces);

#endif
