/* SPDX-License-Identifier: MIT */
/*
 * The EW stage of the DPU (hardware reference 6.4): an operation with a second operand, the look-up
 * table, ReLU.
 */
#ifndef NPUD_DEVICE_SOFT_DPU_EW_H
#define NPUD_DEVICE_SOFT_DPU_EW_H

#include "device/soft/dpu_stage.h"

enum soft_ew_algorithm {
	SOFT_EW_MAX = 0,
	SOFT_EW_MIN = 1,
	SOFT_EW_ADD = 2,
	SOFT_EW_DIVIDE = 3,
	SOFT_EW_SUBTRACT = 4,
	SOFT_EW_ABS = 5,
	SOFT_EW_NEGATE = 6,
	SOFT_EW_FLOOR = 7,
	SOFT_EW_CEIL = 8,
	SOFT_EW_MULTIPLY = 16, /* no code of the field, its own bit */
};

enum soft_ew_shape { SOFT_EW_PER_CHANNEL = 0, SOFT_EW_CUBE = 1 };

/* Integers: (e + offset) * scale >> shift, or e * scale >> shift, + offset. */
struct soft_converter {
	double offset, factor; /* 2^-shift is in the factor */
	bool is_add_first, rounds_away;
};

struct soft_ew {
	bool is_on;
	bool has_operation, has_lut;
	bool is_from_memory; /* the operand; else `values`, lane by lane */
	enum soft_ew_algorithm algorithm;
	enum soft_ew_shape shape;
	enum rk3588_precision operand_precision;
	bool is_converted;
	struct soft_converter converter;
	double values[8];
	bool is_prelu;
	uint32_t shift, negative_shift; /* after a multiplication of integers */
	struct soft_lut_config lut;
	double low, high;
};

/* Whether the operation looks at the second operand at all. */
bool soft_ew_is_binary(const struct soft_ew *ew);

/* Pure. -EOPNOTSUPP with a complaint about what is not modelled. */
int soft_ew_configure(const struct soft_group *group, enum rk3588_precision precision,
		      struct soft_complaint *complaint, struct soft_ew *ret_ew);
/* The operands that come from registers, for every pixel. */
void soft_ew_fill_operands(const struct soft_ew *ew, bool is_float, struct soft_strip *operands);
/* `operands`, which fit `strip`, are converted on the way. */
void soft_ew_run_ints(const struct soft_ew *ew, const struct soft_lut *lut,
		      struct soft_strip *operands, struct soft_strip *strip);
void soft_ew_run_floats(const struct soft_ew *ew, const struct soft_lut *lut,
			const struct soft_strip *operands, struct soft_strip *strip);
/* Rounds and saturates to what a converter's result may be. Integers. */
double soft_convert(const struct soft_converter *converter, double x);
bool soft_precision_is_float(enum rk3588_precision precision);

#endif
