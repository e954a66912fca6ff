/* SPDX-License-Identifier: MIT */
/*
 * One loop for all settings: a unit that is bypassed gets the operand that changes nothing.
 */
#include "device/soft/dpu_stage.h"

#include "device/soft/clones.h"
#include "device/soft/dpu_arithmetic.h"
#include "device/soft/half.h"

#include <string.h>

/* What differs between the stages. */
static const struct {
	uint32_t cfg, alu, mul, relux, negative_shift;
} stage_registers[] = {
	[SOFT_STAGE_BS] = {REG_DPU_BS_CFG, REG_DPU_BS_ALU_CFG, REG_DPU_BS_MUL_CFG,
			   REG_DPU_BS_RELUX_CMP_VALUE, DPU_BS_SHIFT_NEG},
	[SOFT_STAGE_BN] = {REG_DPU_BN_CFG, REG_DPU_BN_ALU_CFG, REG_DPU_BN_MUL_CFG,
			   REG_DPU_BN_RELUX_CMP_VALUE, DPU_BN_SHIFT_NEG},
};

/* Of a strip. */
struct shape {
	uint32_t n_pixels, n_lanes;
};

/* A double, not a float: beside an int32 in one expression that would cost it its low bits. */
static double float_of_bits(uint32_t bits)
{
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static int configure_alu(const struct soft_group *group, enum soft_stage_id id,
			 struct soft_complaint *complaint, struct soft_stage *stage)
{
	uint32_t cfg = soft_group_get(group, stage_registers[id].cfg);
	uint32_t algorithm = cfg & DPU_STAGE_ALU_ALGO;

	if (cfg & DPU_STAGE_ALU_BYPASS)
		return 0;
	if (algorithm != DPU_STAGE_ALU_ADD && algorithm != DPU_STAGE_ALU_SUBTRACT)
		return soft_complain(complaint, stage_registers[id].cfg, cfg,
				     "only addition and subtraction are modelled");
	stage->has_alu = true;
	stage->is_subtraction = algorithm == DPU_STAGE_ALU_SUBTRACT;
	stage->alu_per_channel = cfg & DPU_STAGE_ALU_SRC;
	stage->alu_operand = soft_group_get(group, stage_registers[id].alu);
	return 0;
}

static int configure_mul(const struct soft_group *group, enum soft_stage_id id,
			 struct soft_complaint *complaint, struct soft_stage *stage)
{
	uint32_t cfg = soft_group_get(group, stage_registers[id].cfg);
	uint32_t mul = soft_group_get(group, stage_registers[id].mul);

	if (cfg & DPU_STAGE_MUL_BYPASS)
		return 0;
	if (mul & DPU_TRUNCATE_SRC)
		return soft_complain(complaint, stage_registers[id].mul, mul,
				     "a shift per channel is not modelled");
	stage->has_mul = true;
	stage->mul_per_channel = mul & DPU_MUL_SRC;
	stage->mul_operand = (uint16_t)field_get(DPU_MUL_OPERAND, mul);
	stage->is_prelu = cfg & DPU_STAGE_MUL_PRELU;
	stage->shift = field_get(DPU_MUL_SHIFT, mul);
	stage->negative_shift =
		soft_group_field(group, REG_DPU_DATA_FORMAT, stage_registers[id].negative_shift);
	return 0;
}

static int configure_relu(const struct soft_group *group, enum soft_stage_id id, bool is_float,
			  struct soft_complaint *complaint, struct soft_stage *stage)
{
	uint32_t cfg = soft_group_get(group, stage_registers[id].cfg);
	uint32_t limit = soft_group_get(group, stage_registers[id].relux);

	stage->low = is_float ? -(double)INFINITY : INT32_MIN;
	stage->high = is_float ? (double)INFINITY : INT32_MAX;
	if ((cfg & DPU_STAGE_RELU_BYPASS) && (cfg & DPU_STAGE_RELUX_EN))
		return soft_complain(complaint, stage_registers[id].cfg, cfg,
				     "ReLUX with ReLU bypassed is not modelled");
	if (!(cfg & DPU_STAGE_RELU_BYPASS))
		stage->low = 0;
	if (cfg & DPU_STAGE_RELUX_EN)
		stage->high = is_float ? float_of_bits(limit) : (int32_t)limit;
	return 0;
}

/*
 * A part of BS, off with it. The feature sums are integers; what they would be in float modes is
 * not known.
 */
static int configure_ow(const struct soft_group *group, bool is_float,
			struct soft_complaint *complaint, struct soft_stage *stage)
{
	uint32_t ow = soft_group_get(group, REG_DPU_BS_OW_CFG);
	uint32_t operand = soft_group_field(group, REG_DPU_BS_OW_OP, DPU_OW_OP);

	if ((ow & DPU_OD_BYPASS) || (!(ow & DPU_OW_SRC) && operand == 0))
		return 0;
	if (is_float)
		return soft_complain(
			complaint, ow & DPU_OW_SRC ? REG_DPU_BS_OW_CFG : REG_DPU_BS_OW_OP,
			ow & DPU_OW_SRC ? ow : operand, "OW in float modes is not modelled");
	stage->has_ow = true;
	stage->ow_per_channel = ow & DPU_OW_SRC;
	stage->ow_operand = (int16_t)operand;
	return 0;
}

int soft_stage_configure(const struct soft_group *group, enum soft_stage_id id, bool is_float,
			 struct soft_complaint *complaint, struct soft_stage *ret_stage)
{
	uint32_t cfg = soft_group_get(group, stage_registers[id].cfg);
	/* One whose configuration nobody wrote passes data through (hardware reference 6.3). */
	struct soft_stage stage = {
		.is_on = cfg != 0 && !(cfg & DPU_STAGE_BYPASS),
		.multiplies_first = id == SOFT_STAGE_BN,
	};
	int r = 0;

	if (stage.is_on)
		r = configure_alu(group, id, complaint, &stage);
	if (r == 0 && stage.is_on)
		r = configure_mul(group, id, complaint, &stage);
	if (r == 0 && stage.is_on)
		r = configure_relu(group, id, is_float, complaint, &stage);
	if (r == 0 && stage.is_on && id == SOFT_STAGE_BS)
		r = configure_ow(group, is_float, complaint, &stage);
	if (r == 0)
		*ret_stage = stage;
	return r;
}

static double alu_value(const struct soft_stage *stage, bool is_float, uint32_t bits)
{
	double value = is_float ? float_of_bits(bits) : (int32_t)bits;

	/* -0.0 is what any float can be added to unchanged. */
	if (!stage->has_alu)
		return -0.0;
	return stage->is_subtraction ? -value : value;
}

/* What integers are multiplied by for the shifts. */
struct units {
	double positive, negative;
};

static void fill_multipliers(const struct soft_stage *stage, const struct units *units,
			     double value, double *ret_positive, double *ret_negative)
{
	double positive = value * units->positive, negative = value * units->negative;

	if (!stage->has_mul)
		positive = negative = 1;
	else if (stage->is_prelu)
		positive = 1;
	else
		negative = positive;
	*ret_positive = positive;
	*ret_negative = negative;
}

void soft_stage_fill_lanes(const struct soft_stage *stage, bool is_float,
			   const struct soft_channel_operands *channels,
			   struct soft_lane_operands *ret_lanes)
{
	const struct units units = {
		.positive = is_float ? 1 : ldexp(1, -(int)stage->shift),
		.negative = is_float ? 1 : ldexp(1, -(int)stage->negative_shift),
	};
	bool is_late = stage->multiplies_first && stage->has_mul;

	for (uint32_t lane = 0; lane < SOFT_MAX_LANES; lane++) {
		uint32_t alu = stage->alu_per_channel ? channels->alu[lane] : stage->alu_operand;
		uint16_t mul = stage->mul_per_channel ? channels->mul[lane] : stage->mul_operand;
		int16_t ow = stage->ow_per_channel ? channels->ow[lane] : stage->ow_operand;

		ret_lanes->alu[lane] = is_late ? -0.0 : alu_value(stage, is_float, alu);
		ret_lanes->late_alu[lane] = is_late ? alu_value(stage, is_float, alu) : -0.0;
		ret_lanes->ow[lane] = stage->has_ow ? ow : 0;
		fill_multipliers(stage, &units, is_float ? half_to_float(mul) : (int16_t)mul,
				 &ret_lanes->positive[lane], &ret_lanes->negative[lane]);
	}
}

/*
 * ALU, OW and the saturation of what they add up to, 48 bits at most; then MUL, the ALU of a stage
 * that multiplies first, and ReLU, whose limits lie within the saturation's.
 */
SOFT_CLONE_BODY run_ints_body(const struct soft_stage *stage,
			      const struct soft_lane_operands *restrict lanes, const int32_t *sums,
			      double *restrict values, struct shape shape)
{
	const double low = stage->low, high = stage->high;

	for (uint32_t pixel = 0; pixel < shape.n_pixels; pixel++, values += shape.n_lanes) {
		const double sum = sums ? sums[pixel] : 0;

		for (uint32_t lane = 0; lane < shape.n_lanes; lane++) {
			double value = values[lane] + lanes->alu[lane] + lanes->ow[lane] * sum;
			double factor;

			value = soft_clamp(value, INT32_MIN, INT32_MAX);
			factor = value < 0 ? lanes->negative[lane] : lanes->positive[lane];
			value = soft_clamp(soft_round_even(value * factor), INT32_MIN, INT32_MAX);
			values[lane] = soft_clamp(value + lanes->late_alu[lane], low, high);
		}
	}
}

SOFT_CLONES(static, run_ints,
	    (const struct soft_stage *stage, const struct soft_lane_operands *lanes,
	     const int32_t *sums, double *values, struct shape shape),
	    (stage, lanes, sums, values, shape))

/* The same without MUL. */
SOFT_CLONE_BODY add_ints_body(const struct soft_stage *stage,
			      const struct soft_lane_operands *restrict lanes, const int32_t *sums,
			      double *restrict values, struct shape shape)
{
	const double low = stage->low, high = stage->high;

	for (uint32_t pixel = 0; pixel < shape.n_pixels; pixel++, values += shape.n_lanes) {
		const double sum = sums ? sums[pixel] : 0;

		for (uint32_t lane = 0; lane < shape.n_lanes; lane++)
			values[lane] = soft_clamp(
				values[lane] + lanes->alu[lane] + lanes->ow[lane] * sum, low, high);
	}
}

SOFT_CLONES(static, add_ints,
	    (const struct soft_stage *stage, const struct soft_lane_operands *lanes,
	     const int32_t *sums, double *values, struct shape shape),
	    (stage, lanes, sums, values, shape))

/* The same without ALU, OW and MUL. */
SOFT_CLONE_BODY clamp_ints_body(double low, double high, double *values, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		values[i] = soft_clamp(values[i], low, high);
}

SOFT_CLONES(static, clamp_ints, (double low, double high, double *values, uint32_t n),
	    (low, high, values, n))

/* Where every lane has a sum of its own. */
static void add_sums(const struct soft_lane_operands *lanes, const int32_t *sums,
		     uint32_t sums_pitch, struct soft_strip *strip)
{
	for (uint32_t pixel = 0; pixel < strip->n_pixels; pixel++) {
		for (uint32_t lane = 0; lane < strip->n_lanes; lane++)
			strip->ints[(size_t)pixel * strip->n_lanes + lane] +=
				lanes->ow[lane] * sums[(size_t)pixel * sums_pitch + lane];
	}
}

void soft_stage_run_ints(const struct soft_stage *stage, const struct soft_lane_operands *lanes,
			 const int32_t *sums, uint32_t sums_pitch, struct soft_strip *strip)
{
	const struct shape shape = {strip->n_pixels, strip->n_lanes};

	if (!stage->is_on)
		return;
	if (stage->has_ow && sums && sums_pitch != 1) {
		add_sums(lanes, sums, sums_pitch, strip);
		sums = NULL;
	}
	if (!stage->has_ow)
		sums = NULL;
	if (stage->has_mul)
		run_ints(stage, lanes, sums, strip->ints, shape);
	else if (stage->has_alu || sums)
		add_ints(stage, lanes, sums, strip->ints, shape);
	else
		clamp_ints(stage->low, stage->high, strip->ints, strip->n_pixels * strip->n_lanes);
}

SOFT_CLONE_BODY run_floats_body(const struct soft_stage *stage,
				const struct soft_lane_operands *restrict lanes,
				float *restrict values, struct shape shape)
{
	const float low = (float)stage->low, high = (float)stage->high;

	for (uint32_t pixel = 0; pixel < shape.n_pixels; pixel++, values += shape.n_lanes) {
		for (uint32_t lane = 0; lane < shape.n_lanes; lane++) {
			float value = values[lane] + (float)lanes->alu[lane];
			double factor = value < 0 ? lanes->negative[lane] : lanes->positive[lane];

			value = value * (float)factor + (float)lanes->late_alu[lane];
			values[lane] = soft_clamp_float(value, low, high);
		}
	}
}

SOFT_CLONES(static, run_floats,
	    (const struct soft_stage *stage, const struct soft_lane_operands *lanes, float *values,
	     struct shape shape),
	    (stage, lanes, values, shape))

void soft_stage_run_floats(const struct soft_stage *stage, const struct soft_lane_operands *lanes,
			   struct soft_strip *strip)
{
	const struct shape shape = {strip->n_pixels, strip->n_lanes};

	if (stage->is_on)
		run_floats(stage, lanes, strip->floats, shape);
}
