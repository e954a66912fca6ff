/* SPDX-License-Identifier: MIT */
/*
 * The look-up tables of the DPU (hardware reference 6.5): LE and LO, 513 entries each, between
 * which the value is interpolated, and slopes outside of their ranges. As memories they exist once,
 * not once per register group.
 */
#ifndef NPUD_DEVICE_SOFT_DPU_LUT_H
#define NPUD_DEVICE_SOFT_DPU_LUT_H

#include <stdbool.h>
#include <stdint.h>

#define SOFT_LUT_ENTRIES 513u

struct soft_lut {
	uint32_t access; /* LUT_ACCESS_CFG; its address counts up with each access */
	int16_t tables[2][SOFT_LUT_ENTRIES]; /* LE, LO */
};

/* A write to LUT_ACCESS_CFG or LUT_ACCESS_DATA, by window offset. Entries past the end are lost. */
void soft_lut_access_write(struct soft_lut *lut, uint32_t offset, uint32_t value);
/* A read of either; one of the data counts the address up. */
uint32_t soft_lut_access_read(struct soft_lut *lut, uint32_t offset);

struct soft_group;
struct soft_complaint;

/* One table's range, and its slopes outside: value * scale >> shift. */
struct soft_lut_range {
	int64_t start, end;
	uint32_t index_shift;
	int32_t underflow_scale, overflow_scale;
	uint32_t underflow_shift, overflow_shift;
};

struct soft_lut_config {
	struct soft_lut_range ranges[2]; /* LE, LO */
	/* Which table decides when both do: 0 LE, 1 LO. */
	unsigned hybrid, underflow, overflow;
};

/* Pure. -EOPNOTSUPP with a complaint about what is not modelled. */
int soft_lut_configure(const struct soft_group *group, struct soft_complaint *complaint,
		       struct soft_lut_config *ret_config);
/* The function that tables and slopes describe, saturated to int32. */
int32_t soft_lut_look_up(const struct soft_lut *lut, const struct soft_lut_config *config,
			 int32_t value);

#endif
