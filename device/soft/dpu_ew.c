/* SPDX-License-Identifier: MIT */
/*
 * Configuration first, then one loop per operation, for integers and for floats.
 */
#include "device/soft/dpu_ew.h"

#include "device/soft/dpu_arithmetic.h"

#include <string.h>

#define MAX_SHIFT 62u
/* Above, nobody knows whether multipliers are signed; Mesa writes up to this. */
#define MAX_SCALE	  0x8000u
#define REGISTER_OPERANDS 8u

bool soft_precision_is_float(enum rk3588_precision precision)
{
	return precision == RK3588_FP16 || precision == RK3588_BF16 || precision == RK3588_FP32 ||
	       precision == RK3588_TF32;
}

bool soft_ew_is_binary(const struct soft_ew *ew)
{
	return ew->has_operation && (ew->algorithm < SOFT_EW_ABS || ew->algorithm > SOFT_EW_CEIL);
}

/*
 * Programs that only use the table leave the operation on, at the maximum of the value and
 * registers that hold 0, and see negative values pass (hardware reference 6.4, EW_CFG 0x300).
 */
static bool is_unused_maximum(const struct soft_group *group, uint32_t cfg)
{
	uint32_t bits = 0;

	for (uint32_t i = 0; i < REGISTER_OPERANDS; i++)
		bits |= soft_group_get(group, REG_DPU_EW_OP_VALUE_0 + 4 * i);
	return bits == 0 &&
	       !(cfg & (DPU_EW_LUT_BYPASS | DPU_EW_OP_SRC | DPU_EW_OP_TYPE | DPU_EW_ALU_ALGO));
}

static int configure_operation(const struct soft_group *group, bool is_float,
			       struct soft_complaint *complaint, struct soft_ew *ew)
{
	uint32_t cfg = soft_group_get(group, REG_DPU_EW_CFG);
	uint32_t truncate = soft_group_get(group, REG_DPU_EW_CVT_SCALE_VALUE);

	if ((cfg & DPU_EW_OP_BYPASS) || is_unused_maximum(group, cfg))
		return 0;
	ew->has_operation = true;
	ew->algorithm = cfg & DPU_EW_OP_TYPE ? SOFT_EW_MULTIPLY : field_get(DPU_EW_ALU_ALGO, cfg);
	ew->is_prelu = cfg & DPU_EW_MUL_PRELU;
	ew->shift = field_get(DPU_EW_TRUNCATE, truncate);
	ew->negative_shift = ew->shift;
	if (ew->is_prelu)
		ew->negative_shift =
			soft_group_field(group, REG_DPU_DATA_FORMAT, DPU_EW_TRUNCATE_NEG);
	if (cfg & (DPU_EW_EQUAL_EN | DPU_EW_BINARY_EN))
		return soft_complain(complaint, REG_DPU_EW_CFG, cfg, "comparison is not modelled");
	if (ew->algorithm > SOFT_EW_CEIL && ew->algorithm != SOFT_EW_MULTIPLY)
		return soft_complain(complaint, REG_DPU_EW_CFG, cfg, "no such operation");
	if (ew->algorithm == SOFT_EW_DIVIDE && !is_float)
		return soft_complain(complaint, REG_DPU_EW_CFG, cfg,
				     "division of integers is not modelled");
	if (ew->algorithm == SOFT_EW_MULTIPLY && !is_float &&
	    (ew->shift > MAX_SHIFT || ew->negative_shift > MAX_SHIFT))
		return soft_complain(complaint, REG_DPU_EW_CVT_SCALE_VALUE, truncate,
				     "this shift is not modelled");
	return 0;
}

/* In float modes the converter only widens. */
static int configure_converter(const struct soft_group *group, struct soft_complaint *complaint,
			       struct soft_ew *ew)
{
	uint32_t cfg = soft_group_get(group, REG_DPU_EW_CFG);
	uint32_t value = soft_group_get(group, REG_DPU_EW_CVT_SCALE_VALUE);
	uint32_t scale = field_get(DPU_EW_CVT_SCALE, value);

	if (cfg & DPU_EW_OP_CVT_BYPASS)
		return 0;
	if (scale > MAX_SCALE)
		return soft_complain(complaint, REG_DPU_EW_CVT_SCALE_VALUE, value,
				     "only multipliers up to 0x8000 are modelled");
	ew->is_converted = true;
	ew->converter = (struct soft_converter){
		.offset = (int32_t)soft_group_get(group, REG_DPU_EW_CVT_OFFSET_VALUE),
		.factor = ldexp(scale, -(int)field_get(DPU_EW_CVT_SHIFT, value)),
		.is_add_first = cfg & DPU_EW_CVT_ADD_FIRST,
		.rounds_away = cfg & DPU_EW_CVT_ROUND_AWAY,
	};
	return 0;
}

/* Elements by EDATA_SIZE for integers, bf16 and other floats. */
static int configure_element(uint32_t size, enum rk3588_precision precision, struct soft_ew *ew)
{
	static const enum rk3588_precision ints[] = {RK3588_INT4, RK3588_INT8, RK3588_INT16,
						     RK3588_INT32};

	if (size <= 1 && soft_precision_is_float(precision))
		return -1;
	if (!soft_precision_is_float(precision))
		ew->operand_precision = ints[size];
	else if (size == 3)
		ew->operand_precision = RK3588_FP32;
	else
		ew->operand_precision = precision == RK3588_BF16 ? RK3588_BF16 : RK3588_FP16;
	return 0;
}

static int configure_operand(const struct soft_group *group, enum rk3588_precision precision,
			     struct soft_complaint *complaint, struct soft_ew *ew)
{
	uint32_t cfg = soft_group_get(group, REG_DPU_EW_CFG);
	uint32_t mode = field_get(DPU_EW_DATA_MODE, cfg);

	ew->is_from_memory = cfg & DPU_EW_OP_SRC;
	for (uint32_t i = 0; i < REGISTER_OPERANDS; i++) {
		uint32_t bits = soft_group_get(group, REG_DPU_EW_OP_VALUE_0 + 4 * i);
		float value;

		memcpy(&value, &bits, sizeof(value));
		ew->values[i] = soft_precision_is_float(precision) ? (double)value : (int32_t)bits;
	}
	if (!ew->is_from_memory)
		return 0;
	if (mode != SOFT_EW_PER_CHANNEL && mode != SOFT_EW_CUBE)
		return soft_complain(complaint, REG_DPU_EW_CFG, cfg,
				     "this shape of the operand is not modelled");
	ew->shape = mode;
	if (configure_element(field_get(DPU_EW_EDATA_SIZE, cfg), precision, ew) < 0)
		return soft_complain(complaint, REG_DPU_EW_CFG, cfg,
				     "operands of this size are not modelled");
	return soft_precision_is_float(precision) ? 0 : configure_converter(group, complaint, ew);
}

static int configure_relu(const struct soft_group *group, bool is_float,
			  struct soft_complaint *complaint, struct soft_ew *ew)
{
	uint32_t cfg = soft_group_get(group, REG_DPU_EW_CFG);
	uint32_t bits = soft_group_get(group, REG_DPU_EW_RELUX_CMP_VALUE);
	float limit;

	memcpy(&limit, &bits, sizeof(limit));
	ew->low = is_float ? -(double)INFINITY : INT32_MIN;
	ew->high = is_float ? (double)INFINITY : INT32_MAX;
	if ((cfg & DPU_EW_RELU_BYPASS) && (cfg & DPU_EW_RELUX_EN))
		return soft_complain(complaint, REG_DPU_EW_CFG, cfg,
				     "ReLUX with ReLU bypassed is not modelled");
	if (!(cfg & DPU_EW_RELU_BYPASS))
		ew->low = 0;
	if (cfg & DPU_EW_RELUX_EN)
		ew->high = is_float ? (double)limit : (int32_t)bits;
	return 0;
}

int soft_ew_configure(const struct soft_group *group, enum rk3588_precision precision,
		      struct soft_complaint *complaint, struct soft_ew *ret_ew)
{
	bool is_float = soft_precision_is_float(precision);
	uint32_t cfg = soft_group_get(group, REG_DPU_EW_CFG);
	struct soft_ew ew = {.is_on = cfg != 0 && !(cfg & DPU_STAGE_BYPASS)};
	int r = 0;

	if (!ew.is_on) {
		*ret_ew = ew;
		return 0;
	}
	ew.has_lut = !(cfg & DPU_EW_LUT_BYPASS);
	r = configure_operation(group, is_float, complaint, &ew);
	if (r == 0 && soft_ew_is_binary(&ew))
		r = configure_operand(group, precision, complaint, &ew);
	if (r == 0 && ew.has_lut)
		r = soft_lut_configure(group, complaint, &ew.lut);
	if (r == 0)
		r = configure_relu(group, is_float, complaint, &ew);
	if (r == 0)
		*ret_ew = ew;
	return r;
}

void soft_ew_fill_operands(const struct soft_ew *ew, bool is_float, struct soft_strip *operands)
{
	uint32_t n = operands->n_pixels * operands->n_lanes;

	for (uint32_t i = 0; i < n; i++) {
		double value = ew->values[i % operands->n_lanes % REGISTER_OPERANDS];

		if (is_float)
			operands->floats[i] = (float)value;
		else
			operands->ints[i] = value;
	}
}

double soft_convert(const struct soft_converter *converter, double x)
{
	bool away = converter->rounds_away;

	if (converter->is_add_first)
		return soft_round((x + converter->offset) * converter->factor, away);
	return soft_round(x * converter->factor, away) + converter->offset;
}

static void convert_operands(const struct soft_ew *ew, struct soft_strip *operands)
{
	uint32_t n = operands->n_pixels * operands->n_lanes;

	for (uint32_t i = 0; i < n; i++)
		operands->ints[i] = soft_clamp(soft_convert(&ew->converter, operands->ints[i]),
					       INT32_MIN, INT32_MAX);
}

/* The product of two int32 has more bits than a double. */
static double multiply_ints(const struct soft_ew *ew, double a, double b)
{
	uint32_t shift = a < 0 ? ew->negative_shift : ew->shift;

	if (ew->is_prelu && a >= 0)
		return a;
	return (double)soft_shift_round((int64_t)a * (int64_t)b, shift, false);
}

static double operate_on_ints(const struct soft_ew *ew, double a, double b)
{
	switch (ew->algorithm) {
	case SOFT_EW_MAX:
		return a < b ? b : a;
	case SOFT_EW_MIN:
		return a > b ? b : a;
	case SOFT_EW_ADD:
		return a + b;
	case SOFT_EW_SUBTRACT:
		return a - b;
	case SOFT_EW_ABS:
		return a < 0 ? -a : a;
	case SOFT_EW_NEGATE:
		return -a;
	case SOFT_EW_MULTIPLY:
		return multiply_ints(ew, a, b);
	default: /* rounding leaves integers alone */
		return a;
	}
}

static float operate_on_floats(const struct soft_ew *ew, float a, float b)
{
	switch (ew->algorithm) {
	case SOFT_EW_MAX:
		return a < b ? b : a;
	case SOFT_EW_MIN:
		return a > b ? b : a;
	case SOFT_EW_ADD:
		return a + b;
	case SOFT_EW_DIVIDE:
		return a / b;
	case SOFT_EW_SUBTRACT:
		return a - b;
	case SOFT_EW_ABS:
		return fabsf(a);
	case SOFT_EW_NEGATE:
		return -a;
	case SOFT_EW_FLOOR:
		return floorf(a);
	case SOFT_EW_CEIL:
		return ceilf(a);
	default:
		return ew->is_prelu && a >= 0 ? a : a * b;
	}
}

void soft_ew_run_ints(const struct soft_ew *ew, const struct soft_lut *lut,
		      struct soft_strip *operands, struct soft_strip *strip)
{
	uint32_t n = strip->n_pixels * strip->n_lanes;
	bool is_binary = soft_ew_is_binary(ew);

	if (!ew->is_on)
		return;
	if (is_binary && ew->is_converted)
		convert_operands(ew, operands);
	for (uint32_t i = 0; i < n; i++) {
		double value = strip->ints[i];

		if (ew->has_operation)
			value = operate_on_ints(ew, value, is_binary ? operands->ints[i] : 0);
		value = soft_clamp(value, INT32_MIN, INT32_MAX);
		if (ew->has_lut)
			value = soft_lut_look_up(lut, &ew->lut, (int32_t)value);
		strip->ints[i] = soft_clamp(value, ew->low, ew->high);
	}
}

/* What the table is asked for; a NaN has no index and takes that of 0. */
static int32_t index_of(float value)
{
	double index = soft_clamp(value, INT32_MIN, INT32_MAX);

	return isnan(value) ? 0 : (int32_t)soft_round_even(index);
}

void soft_ew_run_floats(const struct soft_ew *ew, const struct soft_lut *lut,
			const struct soft_strip *operands, struct soft_strip *strip)
{
	uint32_t n = strip->n_pixels * strip->n_lanes;
	bool is_binary = soft_ew_is_binary(ew);

	if (!ew->is_on)
		return;
	for (uint32_t i = 0; i < n; i++) {
		float value = strip->floats[i];

		if (ew->has_operation)
			value = operate_on_floats(ew, value, is_binary ? operands->floats[i] : 0);
		if (ew->has_lut)
			value = (float)soft_lut_look_up(lut, &ew->lut, index_of(value));
		strip->floats[i] = soft_clamp_float(value, (float)ew->low, (float)ew->high);
	}
}
