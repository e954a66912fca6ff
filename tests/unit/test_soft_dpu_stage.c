/* SPDX-License-Identifier: MIT */
/*
 * The arithmetic of the DPU's stages, one value at a time: results worked out by hand.
 */
#include "device/soft/dpu_arithmetic.h"
#include "device/soft/dpu_output.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#define COUNT(table) ((int)(sizeof(table) / sizeof(*(table))))

static void set(struct soft_group *group, uint32_t offset, uint32_t value)
{
	group->values[(offset & 0xfff) / 4] = value;
}

static uint32_t bits_of(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static const struct {
	int64_t x;
	uint32_t shift;
	bool rounds_away;
	int64_t result;
} shifts[] = {
	{5, 0, false, 5},	   {5, 1, false, 2},	     {7, 1, false, 4},
	{-5, 1, false, -2},	   {-7, 1, false, -4},	     {5, 1, true, 3},
	{-5, 1, true, -3},	   {6, 2, false, 2},	     {10, 2, false, 2},
	{11, 2, false, 3},	   {-11, 2, false, -3},	     {1, 62, false, 0},
	{1ll << 61, 62, false, 0}, {1ll << 61, 62, true, 1}, {3ll << 61, 62, false, 2},
};

START_TEST(test_shifts)
{
	int64_t x = shifts[_i].x;
	double exact = ldexp((double)x, -(int)shifts[_i].shift);

	ck_assert_int_eq(soft_shift_round(x, shifts[_i].shift, shifts[_i].rounds_away),
			 shifts[_i].result);
	ck_assert(soft_round(exact, shifts[_i].rounds_away) == (double)shifts[_i].result);
}
END_TEST

/* BS of integers: register operands; 0x40: no ReLU, 0x10: no MUL, 2: no ALU. */
static const struct {
	const char *what;
	uint32_t cfg, alu, mul, relux, format, ow_cfg, ow;
	int32_t sum, x, result;
} int_stages[] = {
	{"never written", 0, 5, 0x20000, 0, 0, 2, 0, 0, -7, -7},
	{"bypassed", 0x20001, 5, 0x20000, 0, 0, 2, 0, 0, -7, -7},
	{"everything bypassed", 0x20053, 5, 0x20000, 0, 0, 2, 0, 0, -7, -7},
	{"add", 0x20050, 5, 0, 0, 0, 2, 0, 0, -7, -2},
	{"add a negative", 0x20050, 0xfffffff0, 0, 0, 0, 2, 0, 0, 7, -9},
	{"every bit of the operand", 0x20050, 0x7654321, 0, 0, 0, 2, 0, 0, 1, 0x7654322},
	{"every bit of the limit", 0x92, 0, 0, 0x7654321, 0, 2, 0, 0, INT32_MAX, 0x7654321},
	{"subtract", 0x40050, 5, 0, 0, 0, 2, 0, 0, -7, -12},
	{"subtract the lowest", 0x40050, 0x80000000, 0, 0, 0, 2, 0, 0, -1, INT32_MAX},
	{"sum saturates", 0x20050, 1, 0, 0, 0, 2, 0, 0, INT32_MAX, INT32_MAX},
	{"sum saturates below", 0x20050, 0xffffffff, 0, 0, 0, 2, 0, 0, INT32_MIN, INT32_MIN},
	{"multiply", 0x42, 0, 0x30000, 0, 0, 2, 0, 0, -7, -21},
	{"multiply, negative operand", 0x42, 0, 0xfffe0000, 0, 0, 2, 0, 0, -7, 14},
	{"tie to even, down", 0x42, 0, 0x10100, 0, 0, 2, 0, 0, 5, 2},
	{"tie to even, up", 0x42, 0, 0x10100, 0, 0, 2, 0, 0, 7, 4},
	{"tie of a negative", 0x42, 0, 0x10100, 0, 0, 2, 0, 0, -5, -2},
	{"shift by 63", 0x42, 0, 0x7fff3f00, 0, 0, 2, 0, 0, INT32_MIN, 0},
	{"product saturates", 0x42, 0, 0x7fff0000, 0, 0, 2, 0, 0, INT32_MAX, INT32_MAX},
	{"product saturates below", 0x42, 0, 0x7fff0000, 0, 0, 2, 0, 0, INT32_MIN, INT32_MIN},
	{"add, then multiply", 0x20040, 0x80, 0x40000000, 0, 0, 2, 0, 0, -100, 28 * 16384},
	{"PRELU, positive", 0x62, 0, 0x30100, 0, 0x20, 2, 0, 0, 9, 9},
	{"PRELU, negative", 0x62, 0, 0x30100, 0, 0x20, 2, 0, 0, -9, -7},
	{"PRELU, NEG shift, tie", 0x62, 0, 0x10000, 0, 0x10, 2, 0, 0, -5, -2},
	{"NEG shift without PRELU", 0x42, 0, 0x30100, 0, 0x40, 2, 0, 0, -9, -14},
	{"absolute value", 0x62, 0, 0xffff0000, 0, 0, 2, 0, 0, -9, 9},
	{"ReLU", 0x12, 0, 0, 0, 0, 2, 0, 0, -9, 0},
	{"ReLU of a positive", 0x12, 0, 0, 0, 0, 2, 0, 0, 9, 9},
	{"ReLUX", 0x92, 0, 0, 6, 0, 2, 0, 0, 9, 6},
	{"ReLUX below", 0x92, 0, 0, 6, 0, 2, 0, 0, -9, 0},
	{"OW", 0x20050, 1, 0, 0, 0, 0, 0xfffd, 10, 100, 71},
	{"OW bypassed", 0x20050, 1, 0, 0, 0, 2, 0xfffd, 10, 100, 101},
	{"OW alone", 0x52, 0, 0, 0, 0, 0, 128, -15712, 1674944, 1674944 - 128 * 15712},
	{"OW before MUL", 0x42, 0, 0x20000, 0, 0, 0, 3, 10, 100, 260},
	{"OW saturates", 0x52, 0, 0, 0, 0, 0, 0x7fff, INT32_MAX, INT32_MAX, INT32_MAX},
};

START_TEST(test_int_stages)
{
	struct soft_group group = {0};
	struct soft_complaint complaint;
	struct soft_stage stage;
	struct soft_lane_operands lanes;
	static struct soft_strip strip;

	set(&group, REG_DPU_BS_CFG, int_stages[_i].cfg);
	set(&group, REG_DPU_BS_ALU_CFG, int_stages[_i].alu);
	set(&group, REG_DPU_BS_MUL_CFG, int_stages[_i].mul);
	set(&group, REG_DPU_BS_RELUX_CMP_VALUE, int_stages[_i].relux);
	set(&group, REG_DPU_DATA_FORMAT, int_stages[_i].format);
	set(&group, REG_DPU_BS_OW_CFG, int_stages[_i].ow_cfg);
	set(&group, REG_DPU_BS_OW_OP, int_stages[_i].ow);
	ck_assert_int_eq(soft_stage_configure(&group, SOFT_STAGE_BS, false, &complaint, &stage), 0);
	soft_stage_fill_lanes(&stage, false, NULL, &lanes);
	strip.n_pixels = 2;
	strip.n_lanes = 16;
	strip.ints[5] = strip.ints[16 + 3] = int_stages[_i].x;
	soft_stage_run_ints(&stage, &lanes, (int32_t[]){int_stages[_i].sum, int_stages[_i].sum}, 1,
			    &strip);
	ck_assert_msg(strip.ints[5] == int_stages[_i].result, "%s: %g", int_stages[_i].what,
		      strip.ints[5]);
	ck_assert(strip.ints[16 + 3] == int_stages[_i].result);
}
END_TEST

/* BN of floats. Operands: fp32 bits; fp16 bits above. */
static const struct {
	const char *what;
	uint32_t cfg;
	float alu;
	uint32_t mul;
	float relux, x, result;
} float_stages[] = {
	{"off", 0x53, 1, 0x40000000, 0, -7.5f, -7.5f},
	{"add", 0x20050, 1.25f, 0, 0, -7.5f, -6.25f},
	{"subtract", 0x40050, 1.25f, 0, 0, -7.5f, -8.75f},
	{"neutral -0", 0x20050, -0.0f, 0, 0, -0.0f, -0.0f},
	{"multiply by 2824", 0x20040, -0.0f, 0x69840000, 0, 1.5f, 4236},
	{"multiply by 2, add", 0x20040, 1, 0x40000000, 0, 3, 7},
	{"multiply by 2, subtract", 0x40040, 1, 0x40000000, 0, 3, 5},
	/* The table of the exponential over [-16, 0] lies at indexes from 0 to 16384. */
	{"index of a shifted table", 0x20040, 16384, 0x64000000, 0, -4, 12288},
	{"absolute value", 0x62, 0, 0xbc000000, 0, -3.5f, 3.5f},
	{"absolute value of a positive", 0x62, 0, 0xbc000000, 0, 3.5f, 3.5f},
	{"leaky", 0x62, 0, 0x34000000, 0, -8, -2},
	{"ReLU", 0x12, 0, 0, 0, -1, 0},
	{"clamp to 1", 0x92, 0, 0, 1, 3, 1},
	{"clamp keeps", 0x92, 0, 0, 1, 0.5f, 0.5f},
	{"infinity", 0x20050, 1, 0, 0, INFINITY, INFINITY},
};

START_TEST(test_float_stages)
{
	struct soft_group group = {0};
	struct soft_complaint complaint;
	struct soft_stage stage;
	struct soft_lane_operands lanes;
	static struct soft_strip strip;

	set(&group, REG_DPU_BN_CFG, float_stages[_i].cfg);
	set(&group, REG_DPU_BN_ALU_CFG, bits_of(float_stages[_i].alu));
	set(&group, REG_DPU_BN_MUL_CFG, float_stages[_i].mul);
	set(&group, REG_DPU_BN_RELUX_CMP_VALUE, bits_of(float_stages[_i].relux));
	ck_assert_int_eq(soft_stage_configure(&group, SOFT_STAGE_BN, true, &complaint, &stage), 0);
	soft_stage_fill_lanes(&stage, true, NULL, &lanes);
	strip.n_pixels = 1;
	strip.n_lanes = 8;
	strip.floats[2] = float_stages[_i].x;
	soft_stage_run_floats(&stage, &lanes, &strip);
	ck_assert_msg(bits_of(strip.floats[2]) == bits_of(float_stages[_i].result), "%s: %g",
		      float_stages[_i].what, (double)strip.floats[2]);
}
END_TEST

/* EW_CFG without bypass, ReLU off (0x200), LUT off (0x80), operand from memory (0x40). */
static const struct {
	const char *what;
	uint32_t cfg, offset, scale, format;
	int32_t x, operand, result;
} int_ews[] = {
	{"off", 0x383, 0, 1, 0, -5, 9, -5},
	{"never written", 0, 0, 1, 0, -5, 9, -5},
	{"max", 0x104003c0, 0, 1, 0, -5, -9, -5},
	{"every bit of a register", 0x00020380, 0, 1, 0, 1, 9, 0x7654322},
	{"min", 0x104103c0, 0, 1, 0, -5, -9, -9},
	{"add", 0x104203c0, 0, 1, 0, -5, -9, -14},
	{"subtract", 0x104403c0, 0, 1, 0, -5, 9, -14},
	{"add saturates", 0x10c203c0, 0, 1, 0, INT32_MAX, 7, INT32_MAX},
	{"subtract saturates", 0x10c403c0, 0, 1, 0, INT32_MIN, 7, INT32_MIN},
	{"absolute", 0x104503c0, 0, 1, 0, -5, 9, 5},
	{"absolute of the lowest", 0x104503c0, 0, 1, 0, INT32_MIN, 9, INT32_MAX},
	{"negate", 0x104603c0, 0, 1, 0, -5, 9, 5},
	{"floor", 0x104703c0, 0, 1, 0, -5, 9, -5},
	{"ceil", 0x104803c0, 0, 1, 0, -5, 9, -5},
	{"multiply", 0x104003c4, 0, 1, 0, -5, 9, -45},
	{"multiply, shift, tie", 0x104003c4, 0, 1u << 22, 0, 5, 1, 2},
	{"multiply, shift, tie up", 0x104003c4, 0, 1u << 22, 0, 7, 1, 4},
	{"multiply, all bits", 0x10c003c4, 0, 32u << 22, 0, INT32_MIN, INT32_MIN, 1 << 30},
	{"PRELU, positive", 0x104003e4, 0, 1u << 22, 2 << 16, 6, 3, 6},
	{"PRELU, negative", 0x104003e4, 0, 1u << 22, 2 << 16, -6, 3, -4},
	{"add first, then scale", 0x904202c0, 0xfffffff0, 0x44159, 0, 0, 26, 10456},
	{"scale first, then add", 0x104202c0, 100, 0x10003, 0, 0, 5, 108},
	{"conversion rounds to even", 0x104202c0, 0, 0x10001, 0, 0, 5, 2},
	{"conversion rounds away", 0x504202c0, 0, 0x10001, 0, 0, 5, 3},
	{"conversion of a negative away", 0x504202c0, 0, 0x10001, 0, 0, -5, -3},
	{"conversion saturates", 0x90c202c0, 0x7fffffff, 0x7fff, 0, 0, 1, INT32_MAX},
	{"ReLU", 0x904200c0, 0, 1, 0, -5, 3, 0},
	{"ReLUX", 0x904204c0, 0, 1, 0, 50, 3, 40},
};

START_TEST(test_int_ews)
{
	struct soft_group group = {0};
	struct soft_complaint complaint;
	static struct soft_strip strip, operands;
	struct soft_ew ew;

	set(&group, REG_DPU_EW_CFG, int_ews[_i].cfg);
	set(&group, REG_DPU_EW_CVT_OFFSET_VALUE, int_ews[_i].offset);
	set(&group, REG_DPU_EW_CVT_SCALE_VALUE, int_ews[_i].scale);
	set(&group, REG_DPU_EW_RELUX_CMP_VALUE, 40);
	set(&group, REG_DPU_DATA_FORMAT, int_ews[_i].format);
	set(&group, REG_DPU_EW_OP_VALUE_0 + 4 * 7, 0x7654321);
	ck_assert_int_eq(soft_ew_configure(&group, RK3588_INT8, &complaint, &ew), 0);
	strip.n_pixels = operands.n_pixels = 1;
	strip.n_lanes = operands.n_lanes = 16;
	strip.ints[7] = int_ews[_i].x;
	operands.ints[7] = int_ews[_i].operand;
	if (!ew.is_from_memory)
		soft_ew_fill_operands(&ew, false, &operands);
	soft_ew_run_ints(&ew, NULL, &operands, &strip);
	ck_assert_msg(strip.ints[7] == int_ews[_i].result, "%s: %.0f", int_ews[_i].what,
		      strip.ints[7]);
}
END_TEST

static const struct {
	const char *what;
	uint32_t cfg;
	float x, operand, result;
} float_ews[] = {
	{"add", 0x108202c0, 1.5f, 2.25f, 3.75f},
	{"subtract", 0x108402c0, 1.5f, 2.25f, -0.75f},
	{"max", 0x108002c0, -1.5f, -2.25f, -1.5f},
	{"min", 0x108102c0, -1.5f, -2.25f, -2.25f},
	{"multiply", 0x108003c4, 1.5f, -2, -3},
	{"PRELU, positive", 0x108003e4, 1.5f, -2, 1.5f},
	{"PRELU, negative", 0x108003e4, -1.5f, 0.5f, -0.75f},
	{"divide", 0x108303c0, 3, -8, -0.375f},
	{"divide by 0", 0x108303c0, 3, 0, INFINITY},
	{"absolute", 0x108502c0, -1.5f, 9, 1.5f},
	{"negate", 0x108602c0, -1.5f, 9, 1.5f},
	{"floor", 0x108702c0, -1.5f, 9, -2},
	{"ceil", 0x108802c0, -1.5f, 9, -1},
	{"register operand", 0x00020280, 1.5f, 9, 5.5f},
	{"ReLU", 0x108200c0, -3, 1, 0},
	{"ReLUX", 0x108204c0, 30, 1, 6},
};

START_TEST(test_float_ews)
{
	struct soft_group group = {0};
	struct soft_complaint complaint;
	static struct soft_strip strip, operands;
	struct soft_ew ew;

	set(&group, REG_DPU_EW_CFG, float_ews[_i].cfg);
	set(&group, REG_DPU_EW_RELUX_CMP_VALUE, bits_of(6));
	set(&group, REG_DPU_EW_OP_VALUE_0 + 4 * 3, bits_of(4));
	ck_assert_int_eq(soft_ew_configure(&group, RK3588_FP16, &complaint, &ew), 0);
	strip.n_pixels = operands.n_pixels = 2;
	strip.n_lanes = operands.n_lanes = 8;
	if (ew.is_from_memory || !soft_ew_is_binary(&ew))
		operands.floats[8 + 3] = float_ews[_i].operand;
	else
		soft_ew_fill_operands(&ew, true, &operands);
	strip.floats[8 + 3] = float_ews[_i].x;
	soft_ew_run_floats(&ew, NULL, &operands, &strip);
	ck_assert_msg(strip.floats[8 + 3] == float_ews[_i].result, "%s: %g", float_ews[_i].what,
		      (double)strip.floats[8 + 3]);
}
END_TEST

/* What is not modelled, by the register that a complaint names. */
static const struct {
	const char *what;
	bool is_ew;
	enum rk3588_precision precision;
	uint32_t offset, value;
	const char *complaint;
} unknown[] = {
	{"BS maximum", false, RK3588_INT8, REG_DPU_BS_CFG, 0x50, "DPU BS_CFG: 0x50, "},
	{"ReLUX alone", false, RK3588_INT8, REG_DPU_BS_CFG, 0xd2, "DPU BS_CFG: 0xd2, "},
	{"shift per channel", false, RK3588_INT8, REG_DPU_BS_MUL_CFG, 2, "DPU BS_MUL_CFG: 0x2, "},
	{"equal", true, RK3588_FP16, REG_DPU_EW_CFG, 0x10a002c0, "DPU EW_CFG: 0x10a002c0, "},
	{"binary", true, RK3588_FP16, REG_DPU_EW_CFG, 0x109002c0, "DPU EW_CFG: 0x109002c0, "},
	{"algorithm 9", true, RK3588_FP16, REG_DPU_EW_CFG, 0x108902c0, "DPU EW_CFG: 0x108902c0, "},
	{"int division", true, RK3588_INT8, REG_DPU_EW_CFG, 0x104302c0, "DPU EW_CFG: 0x104302c0, "},
	{"mode 2", true, RK3588_FP16, REG_DPU_EW_CFG, 0x208202c0, "DPU EW_CFG: 0x208202c0, "},
	{"4 bits, floats", true, RK3588_FP16, REG_DPU_EW_CFG, 0x100202c0, "DPU EW_CFG: 0x10"},
	{"8 bits, floats", true, RK3588_FP16, REG_DPU_EW_CFG, 0x104202c0, "DPU EW_CFG: 0x10"},
	{"LUT routing", true, RK3588_FP16, REG_DPU_EW_CFG, 0x302, "DPU LUT_CFG: 0x0, "},
};

START_TEST(test_unknown)
{
	bool is_float = soft_precision_is_float(unknown[_i].precision);
	struct soft_group group = {0};
	struct soft_complaint complaint = {0};
	struct soft_stage stage;
	struct soft_ew ew;
	int r;

	set(&group, REG_DPU_BS_CFG, 0x42);
	set(&group, unknown[_i].offset, unknown[_i].value);
	if (unknown[_i].is_ew)
		r = soft_ew_configure(&group, unknown[_i].precision, &complaint, &ew);
	else
		r = soft_stage_configure(&group, SOFT_STAGE_BS, is_float, &complaint, &stage);
	ck_assert_int_eq(r, -EOPNOTSUPP);
	ck_assert_msg(
		strncmp(complaint.text, unknown[_i].complaint, strlen(unknown[_i].complaint)) == 0,
		"%s: %s", unknown[_i].what, complaint.text);
}
END_TEST

/* The tables of known programs: LE [-16384, 0), LO [0, 16384), steps of 32. */
static void set_ranges(struct soft_group *group, struct soft_lut *lut)
{
	set(group, REG_DPU_LUT_CFG, 0x68);
	set(group, REG_DPU_LUT_INFO, 0x50500);
	set(group, REG_DPU_LUT_LE_START, 0xffffc000);
	set(group, REG_DPU_LUT_LE_END, 0);
	set(group, REG_DPU_LUT_LO_START, 0);
	set(group, REG_DPU_LUT_LO_END, 0x4000);
	set(group, REG_DPU_LUT_LE_SLOPE_SCALE, 3);
	set(group, REG_DPU_LUT_LE_SLOPE_SHIFT, 1);
	set(group, REG_DPU_LUT_LO_SLOPE_SCALE, 16434u << 16);
	set(group, REG_DPU_LUT_LO_SLOPE_SHIFT, 13 << 5);
	for (unsigned table = 0; table < 2; table++) {
		soft_lut_access_write(lut, REG_DPU_LUT_ACCESS_CFG, 0x20000 | table << 16);
		for (int i = 0; i < (int)SOFT_LUT_ENTRIES; i++)
			soft_lut_access_write(lut, REG_DPU_LUT_ACCESS_DATA,
					      (uint32_t)(table ? i * 10 : i * 64 - 32768));
	}
}

static const struct {
	const char *what;
	uint32_t offset, value; /* changed, if not 0 */
	int32_t x, result;
	uint32_t le_start; /* likewise */
} look_ups[] = {
	{"first of LE", 0, 0, -16384, -32768, 0},
	{"last of LE", 0, 0, -1, -2, 0},
	{"first of LO", 0, 0, 0, 0, 0},
	{"entry of LO", 0, 0, 64, 20, 0},
	{"between, rounded", 0, 0, 33, 10, 0},	   /* 10 + 10/32 */
	{"half way", 0, 0, 48, 15, 0},		   /* 10 + 160/32 */
	{"tie to even", 0, 0, 8, 2, 0},		   /* 80/32 = 2.5 */
	{"tie to even, up", 0, 0, 24, 8, 0},	   /* 240/32 = 7.5 */
	{"last step of LO", 0, 0, 16383, 5120, 0}, /* 5110 + 310/32 = 5119.7 */
	{"end of LO", 0, 0, 16384, 5120, 0},
	{"above LO", 0, 0, 16384 + 8192, 5120 + 16434, 0},
	{"below LE", 0, 0, -16384 - 10, -32768 - 15, 0},
	{"far above", 0, 0, INT32_MAX, INT32_MAX, 0},
	{"clamped above", REG_DPU_LUT_LO_SLOPE_SCALE, 0xffff, INT32_MAX, 5120, 0},
	{"overflow to LE", REG_DPU_LUT_CFG, 0x48, 20000, 0, 0},
	{"underflow to LO", REG_DPU_LUT_CFG, 0x78, -20000, 0, 0},
	{"both hit, LO", REG_DPU_LUT_LE_END, 0x2000, 64, 20, 0xffffe000},
	{"gap between, LO", REG_DPU_LUT_LE_END, 0xfffffff0, -5, 0, 0},
};

START_TEST(test_look_ups)
{
	struct soft_group group = {0};
	struct soft_complaint complaint = {0};
	struct soft_lut lut = {0};
	struct soft_lut_config config;
	int32_t result;

	set_ranges(&group, &lut);
	if (look_ups[_i].le_start)
		set(&group, REG_DPU_LUT_LE_START, look_ups[_i].le_start);
	if (look_ups[_i].offset)
		set(&group, look_ups[_i].offset, look_ups[_i].value);
	ck_assert_int_eq(soft_lut_configure(&group, &complaint, &config), 0);
	/* A range that the table does not cover. */
	set(&group, REG_DPU_LUT_INFO, 0x40500);
	ck_assert_int_eq(soft_lut_configure(&group, &complaint, &(struct soft_lut_config){0}),
			 -EOPNOTSUPP);
	ck_assert_ptr_nonnull(strstr(complaint.text, "DPU LUT_INFO: 0x40500, "));
	result = soft_lut_look_up(&lut, &config, look_ups[_i].x);
	ck_assert_msg(result == look_ups[_i].result, "%s: %d", look_ups[_i].what, result);
}
END_TEST

START_TEST(test_lut_access)
{
	struct soft_lut lut = {0};

	soft_lut_access_write(&lut, REG_DPU_LUT_ACCESS_CFG, 0x30000 | 511);
	for (uint32_t i = 0; i < 4; i++)
		soft_lut_access_write(&lut, REG_DPU_LUT_ACCESS_DATA, 0x8000 + i);
	ck_assert_int_eq(lut.tables[1][511], -0x8000);
	ck_assert_int_eq(lut.tables[1][512], -0x7fff);
	ck_assert_int_eq(lut.tables[0][0], 0);
	soft_lut_access_write(&lut, REG_DPU_LUT_ACCESS_CFG, 0x10000 | 511);
	soft_lut_access_write(&lut, REG_DPU_LUT_ACCESS_DATA, 7);
	ck_assert_uint_eq(soft_lut_access_read(&lut, REG_DPU_LUT_ACCESS_DATA), 0x8000);
	ck_assert_uint_eq(soft_lut_access_read(&lut, REG_DPU_LUT_ACCESS_DATA), 0x8001);
	ck_assert_uint_eq(soft_lut_access_read(&lut, REG_DPU_LUT_ACCESS_DATA), 0);
	ck_assert_uint_eq(soft_lut_access_read(&lut, REG_DPU_LUT_ACCESS_CFG), 0x10000 | 514);
}
END_TEST

/* A table that is used alone leaves the operation on, without an operand (EW_CFG 0x300). */
START_TEST(test_table_alone)
{
	struct soft_group group = {0};
	struct soft_complaint complaint = {0};
	struct soft_lut lut = {0};
	static struct soft_strip strip;
	struct soft_ew ew;

	set_ranges(&group, &lut);
	set(&group, REG_DPU_EW_CFG, 0x300);
	ck_assert_int_eq(soft_ew_configure(&group, RK3588_FP16, &complaint, &ew), 0);
	strip.n_pixels = 1;
	strip.n_lanes = 8;
	strip.floats[0] = -16384;
	strip.floats[1] = 64.5f; /* to even */
	strip.floats[2] = NAN;
	strip.floats[3] = -INFINITY;
	soft_ew_run_floats(&ew, &lut, NULL, &strip);
	ck_assert(strip.floats[0] == -32768);
	ck_assert(strip.floats[1] == 20);
	ck_assert(strip.floats[2] == 0);
	ck_assert(strip.floats[3] == (float)INT32_MIN);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("soft_dpu_stage");
	TCase *tcase = tcase_create("soft_dpu_stage");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, test_shifts, 0, COUNT(shifts));
	tcase_add_loop_test(tcase, test_int_stages, 0, COUNT(int_stages));
	tcase_add_loop_test(tcase, test_float_stages, 0, COUNT(float_stages));
	tcase_add_loop_test(tcase, test_int_ews, 0, COUNT(int_ews));
	tcase_add_loop_test(tcase, test_float_ews, 0, COUNT(float_ews));
	tcase_add_loop_test(tcase, test_unknown, 0, COUNT(unknown));
	tcase_add_loop_test(tcase, test_look_ups, 0, COUNT(look_ups));
	tcase_add_test(tcase, test_lut_access);
	tcase_add_test(tcase, test_table_alone);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
