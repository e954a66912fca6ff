/* SPDX-License-Identifier: MIT */
/*
 * The DPU by itself: the stream of an operation, the operands in their layouts, and the result of
 * each element by definition. Written from hardware reference 6.3 to 6.8 and 7, not from the model.
 */
#ifndef NPUD_TESTS_NPU_DPU_H
#define NPUD_TESTS_NPU_DPU_H

#include "device/soft/half.h"
#include "tests/unit/npu_bench.h"

#include <math.h>

#define DPU_CHANNELS 48u
#define DPU_BS_TABLE 0x60000u /* from the start of the main data */
#define DPU_BN_TABLE 0x70000u

struct dpu_relu {
	bool is_on, has_limit;
	double limit;
};

/* BS or BN; operands from registers are the same for all channels. */
struct dpu_stage {
	bool is_on;
	bool has_alu, alu_per_channel, is_subtraction;
	bool has_mul, mul_per_channel, is_prelu;
	uint32_t shift, negative_shift;
	uint32_t table; /* DATA_USE */
	double add[DPU_CHANNELS], by[DPU_CHANNELS];
	struct dpu_relu relu;
};

/* By ALU_ALGO. */
enum dpu_operation {
	DPU_MAX,
	DPU_MIN,
	DPU_ADD,
	DPU_DIVIDE,
	DPU_SUBTRACT,
	DPU_ABS,
	DPU_NEGATE,
	DPU_FLOOR,
	DPU_CEIL,
	DPU_MULTIPLY
};
/* The first two by DATA_MODE. */
enum dpu_source { DPU_PER_CHANNEL, DPU_CUBE, DPU_REGISTERS };

struct dpu_ew {
	bool is_on, has_operation, has_lut;
	enum dpu_operation operation;
	enum dpu_source source;
	enum rk3588_precision precision; /* of the operand in memory */
	bool is_prelu;
	uint32_t shift, negative_shift;
	bool has_converter, is_add_first, rounds_away;
	double offset;
	uint32_t scale, converter_shift;
	double registers[8];
	struct dpu_relu relu;
};

/* LE and LO; slopes below and above. */
struct dpu_lut {
	uint32_t cfg, index_shift[2], slope_shift[2][2];
	int32_t start[2], end[2];
	int16_t slope[2][2], entries[2][513];
};

struct dpu_converter {
	double offset;
	uint32_t scale, shift, minus_exponent;
	bool is_add_first, rounds_away;
};

struct dpu {
	bool is_float;
	enum rk3588_precision in, out;
	uint32_t width, height, channels;
	/* Atoms behind lines and surfaces. */
	uint32_t main_notch, main_surface_notch, operand_notch, operand_gap, notch, surface_gap;
	uint32_t pad; /* OFFSET_PEND */
	struct dpu_stage stages[2];
	struct dpu_ew ew;
	struct dpu_lut lut;
	struct dpu_converter output;
};

struct dpu_place {
	uint32_t x, y, channel;
};

static inline uint32_t dpu_bits(enum rk3588_precision precision)
{
	switch (precision) {
	case RK3588_INT4:
		return 4;
	case RK3588_INT8:
		return 8;
	case RK3588_INT32:
	case RK3588_FP32:
		return 32;
	default:
		return 16;
	}
}

/* ---- memory ---- */

/* The four bytes at most of an element; of int4, the even ones are in the high half of a byte. */
static inline void dpu_store(enum rk3588_precision precision, char *atom, uint32_t lane,
			     double value)
{
	float single = (float)value;
	uint32_t n_bits = dpu_bits(precision), bits;

	if (precision >= RK3588_FP16 && precision != RK3588_INT32 && precision != RK3588_INT4)
		memcpy(&bits, &single, sizeof(bits));
	else
		bits = (uint32_t)(int32_t)value;
	if (precision == RK3588_FP16)
		bits = half_from_float(single);
	if (precision == RK3588_BF16)
		bits >>= 16;
	if (n_bits == 4)
		atom[lane / 2] =
			(char)(lane % 2 ? (atom[lane / 2] & 0xf0) | (bits & 0xf) : bits << 4);
	else
		memcpy(atom + lane * n_bits / 8, &bits, n_bits / 8);
}

static inline double dpu_load(enum rk3588_precision precision, const char *atom, uint32_t lane)
{
	uint32_t n_bits = dpu_bits(precision), bits = 0;
	float single;

	if (n_bits == 4)
		return (signed char)(lane % 2 ? atom[lane / 2] * 16 : atom[lane / 2] & 0xf0) / 16;
	memcpy(&bits, atom + lane * n_bits / 8, n_bits / 8);
	if (precision == RK3588_FP16)
		return half_to_float((uint16_t)bits);
	if (precision == RK3588_INT8 || precision == RK3588_INT16 || precision == RK3588_INT32)
		return (int32_t)(bits << (32 - n_bits)) >> (32 - n_bits);
	if (precision == RK3588_BF16)
		bits <<= 16;
	memcpy(&single, &bits, sizeof(single));
	return single;
}

/* Channels as laid out: whole atoms of main data. */
static inline uint32_t dpu_padded(const struct dpu *dpu)
{
	uint32_t lanes = 128 / dpu_bits(dpu->in);

	return (dpu->channels + lanes - 1) / lanes * lanes;
}

/* Atoms from one surface to the next (7.2, 7.3, 6.7). */
static inline uint32_t dpu_main_pitch(const struct dpu *dpu)
{
	return (dpu->height - 1) * (dpu->width + dpu->main_notch) + dpu->width +
	       dpu->main_surface_notch;
}

static inline uint32_t dpu_operand_pitch(const struct dpu *dpu)
{
	if (dpu->ew.source == DPU_PER_CHANNEL)
		return 1;
	return dpu->height * (dpu->width + dpu->operand_notch) + dpu->operand_gap;
}

static inline uint32_t dpu_pitch(const struct dpu *dpu)
{
	return dpu->height * (dpu->width + dpu->notch) + dpu->surface_gap;
}

static inline size_t dpu_main_atoms(const struct dpu *dpu)
{
	return (size_t)dpu_padded(dpu) * dpu_bits(dpu->in) / 128 * dpu_main_pitch(dpu);
}

static inline size_t dpu_operand_atoms(const struct dpu *dpu)
{
	uint32_t lanes = 128 / dpu_bits(dpu->ew.precision);

	return (size_t)(dpu->channels + lanes - 1) / lanes * dpu_operand_pitch(dpu);
}

static inline size_t dpu_result_at(const struct dpu *dpu, const struct dpu_place *place)
{
	size_t surface = place->channel * dpu_bits(dpu->out) / 128;

	return (surface * dpu_pitch(dpu) + place->y * (dpu->width + dpu->notch) + place->x) * 16;
}

static inline uint32_t dpu_word(const struct dpu *dpu, double value)
{
	float single = (float)value;
	uint32_t bits;

	memcpy(&bits, &single, sizeof(bits));
	return dpu->is_float ? bits : (uint32_t)(int32_t)value;
}

static inline uint16_t dpu_multiplier(const struct dpu *dpu, double value)
{
	return dpu->is_float ? half_from_float((float)value) : (uint16_t)(int16_t)value;
}

/* Blocks of eight channels: int32 x8, int16 x8, uint16 x8, of which a table has some (7.5). */
static inline void dpu_store_table(const struct dpu *dpu, const struct dpu_stage *stage, char *to)
{
	for (uint32_t first = 0; first < DPU_CHANNELS; first += 8) {
		for (uint32_t i = 0; i < 8 && (stage->table & 1); i++, to += 4) {
			uint32_t word = dpu_word(dpu, stage->add[first + i]);

			memcpy(to, &word, sizeof(word));
		}
		for (uint32_t i = 0; i < 8 && (stage->table & 2); i++, to += 2)
			memset(to, 0x55, 2);
		for (uint32_t i = 0; i < 8 && (stage->table & 4); i++, to += 2) {
			uint16_t half = dpu_multiplier(dpu, stage->by[first + i]);

			memcpy(to, &half, sizeof(half));
		}
	}
}

/* ---- what each unit does ---- */

static inline double dpu_limit(double value, double low, double high)
{
	return value < low ? low : value > high ? high : value;
}

/* A product of two integers / 2^shift, to nearest; ties to even or away from 0. */
static inline double dpu_scale(double a, double b, uint32_t shift, bool rounds_away)
{
	__int128 product = (__int128)a * (__int128)b, unit = (__int128)1 << shift;
	__int128 quotient = product / unit, rest = product % unit, sign = product < 0 ? -1 : 1;

	if (2 * rest * sign > unit || (2 * rest * sign == unit && (rounds_away || quotient % 2)))
		quotient += sign;
	return (double)quotient;
}

static inline double dpu_saturate(const struct dpu *dpu, double value)
{
	return dpu->is_float ? (double)(float)value : dpu_limit(value, INT32_MIN, INT32_MAX);
}

static inline double dpu_relu(const struct dpu_relu *relu, double value)
{
	if (!relu->is_on)
		return value;
	return dpu_limit(value, 0, relu->has_limit ? relu->limit : INFINITY);
}

static inline double dpu_multiply(const struct dpu *dpu, double a, double b, uint32_t shift)
{
	return dpu->is_float ? a * b : dpu_scale(a, b, shift, false);
}

static inline double dpu_add(const struct dpu *dpu, const struct dpu_stage *stage, uint32_t channel,
			     double value)
{
	double add = stage->add[channel];

	if (!stage->has_alu)
		return value;
	return dpu_saturate(dpu, stage->is_subtraction ? value - add : value + add);
}

static inline double dpu_scale_by(const struct dpu *dpu, const struct dpu_stage *stage,
				  uint32_t channel, double value)
{
	bool is_prelu = stage->is_prelu;

	if (!stage->has_mul || (is_prelu && value >= 0))
		return value;
	return dpu_saturate(dpu, dpu_multiply(dpu, value, stage->by[channel],
					      is_prelu ? stage->negative_shift : stage->shift));
}

/* BS adds, then multiplies; BN the other way round. */
static inline double dpu_run_stages(const struct dpu *dpu, uint32_t channel, double value)
{
	const struct dpu_stage *bs = &dpu->stages[0], *bn = &dpu->stages[1];

	if (bs->is_on)
		value = dpu_relu(&bs->relu,
				 dpu_scale_by(dpu, bs, channel, dpu_add(dpu, bs, channel, value)));
	if (bn->is_on)
		value = dpu_relu(&bn->relu,
				 dpu_add(dpu, bn, channel, dpu_scale_by(dpu, bn, channel, value)));
	return value;
}

static inline double dpu_operand(const struct dpu *dpu, const char *cube,
				 const struct dpu_place *place)
{
	const struct dpu_ew *ew = &dpu->ew;
	uint32_t lanes = 128 / dpu_bits(ew->precision), surface = place->channel / lanes;
	size_t at = (size_t)surface * dpu_operand_pitch(dpu);
	double value;

	if (ew->source == DPU_REGISTERS)
		return ew->registers[place->channel % (128 / dpu_bits(dpu->in)) % 8];
	if (ew->source == DPU_CUBE)
		at += (size_t)place->y * (dpu->width + dpu->operand_notch) + place->x;
	value = dpu_load(ew->precision, cube + at * 16, place->channel % lanes);
	if (dpu->is_float || !ew->has_converter)
		return value;
	if (ew->is_add_first)
		value = dpu_scale(value + ew->offset, ew->scale, ew->converter_shift,
				  ew->rounds_away);
	else
		value = dpu_scale(value, ew->scale, ew->converter_shift, ew->rounds_away) +
			ew->offset;
	return dpu_limit(value, INT32_MIN, INT32_MAX);
}

static inline double dpu_operate(const struct dpu *dpu, double a, double b)
{
	const struct dpu_ew *ew = &dpu->ew;

	switch (ew->operation) {
	case DPU_MAX:
		return fmax(a, b);
	case DPU_MIN:
		return fmin(a, b);
	case DPU_ADD:
		return a + b;
	case DPU_DIVIDE:
		return a / b;
	case DPU_SUBTRACT:
		return a - b;
	case DPU_ABS:
		return fabs(a);
	case DPU_NEGATE:
		return -a;
	case DPU_FLOOR:
		return floor(a);
	case DPU_CEIL:
		return ceil(a);
	default:
		break;
	}
	if (ew->is_prelu)
		return a < 0 ? dpu_multiply(dpu, a, b, ew->negative_shift) : a;
	return dpu_multiply(dpu, a, b, ew->shift);
}

/* The function that one table and its slopes describe. */
static inline double dpu_look_up_in(const struct dpu_lut *lut, unsigned table, double value)
{
	const int16_t *entries = lut->entries[table];
	double step = ldexp(1, (int)lut->index_shift[table]), index, left, right;

	if (value < lut->start[table])
		return entries[0] + dpu_scale(value - lut->start[table], lut->slope[table][0],
					      lut->slope_shift[table][0], false);
	if (value >= lut->end[table])
		return entries[512] + dpu_scale(value - lut->end[table], lut->slope[table][1],
						lut->slope_shift[table][1], false);
	index = floor((value - lut->start[table]) / step);
	left = entries[(unsigned)index];
	right = entries[(unsigned)index + 1];
	return left + nearbyint((right - left) * ((value - lut->start[table]) / step - index));
}

static inline double dpu_look_up(const struct dpu_lut *lut, double value)
{
	bool below[2], above[2];
	unsigned table = lut->cfg >> 6 & 1;

	value = nearbyint(dpu_limit(value, INT32_MIN, INT32_MAX));
	for (unsigned i = 0; i < 2; i++) {
		below[i] = value < lut->start[i];
		above[i] = value >= lut->end[i];
	}
	if ((below[0] || above[0]) != (below[1] || above[1]))
		table = below[0] || above[0];
	else if (below[0] && below[1])
		table = lut->cfg >> 4 & 1;
	else if (above[0] && above[1])
		table = lut->cfg >> 5 & 1;
	return dpu_limit(dpu_look_up_in(lut, table, value), INT32_MIN, INT32_MAX);
}

/* The nearest number of so many significant bits, ties to even. */
static inline double dpu_round_to(double value, int n_bits)
{
	int exponent;
	double fraction = frexp(value, &exponent);

	return ldexp(nearbyint(ldexp(fraction, n_bits)), exponent - n_bits);
}

static inline double dpu_convert(const struct dpu *dpu, double value)
{
	const struct dpu_converter *output = &dpu->output;
	double before = output->is_add_first ? output->offset : 0;
	double after = output->is_add_first ? 0 : output->offset;
	bool is_float =
		dpu->out == RK3588_FP32 || dpu->out == RK3588_FP16 || dpu->out == RK3588_BF16;
	double limit = ldexp(1, is_float ? 31 : (int)dpu_bits(dpu->out) - 1);

	if (dpu->is_float)
		value = (float)(ldexp(value + before, -(int)output->minus_exponent) + after);
	else
		value = dpu_limit(dpu_scale(value + before, output->scale, output->shift,
					    output->rounds_away) +
					  after,
				  -limit, limit - 1);
	if (!is_float)
		return value;
	value = (float)value;
	if (dpu->out == RK3588_FP32 || !isfinite(value))
		return value;
	value = dpu_round_to(value, dpu->out == RK3588_FP16 ? 11 : 8);
	return dpu->out == RK3588_FP16 && fabs(value) > 65504 ? copysign(INFINITY, value) : value;
}

static inline double dpu_expected(const struct dpu *dpu, const char *main, const char *operands,
				  const struct dpu_place *place)
{
	uint32_t lanes = 128 / dpu_bits(dpu->in);
	size_t at = (size_t)(place->channel / lanes) * dpu_main_pitch(dpu) +
		    (size_t)place->y * (dpu->width + dpu->main_notch) + place->x;
	double value = dpu_load(dpu->in, main + at * 16, place->channel % lanes);

	value = dpu_run_stages(dpu, place->channel, value);
	if (dpu->ew.is_on) {
		if (dpu->ew.has_operation)
			value = dpu_operate(dpu, value, dpu_operand(dpu, operands, place));
		value = dpu_saturate(dpu, value);
		if (dpu->ew.has_lut)
			value = dpu_saturate(dpu, dpu_look_up(&dpu->lut, value));
		value = dpu_relu(&dpu->ew.relu, value);
	}
	return dpu_convert(dpu, value);
}

/* What lanes above the real channels hold: bits of OFFSET_PEND (6.7). */
static inline double dpu_pad_value(const struct dpu *dpu)
{
	uint32_t n_bits = dpu_bits(dpu->out), bits = dpu->pad;
	char atom[16] = {0};

	if (n_bits == 4)
		bits <<= 4;
	memcpy(atom, &bits, sizeof(bits));
	return dpu_load(dpu->out, atom, 0);
}

/* ---- the stream ---- */

static inline uint32_t dpu_relu_bits(const struct dpu_relu *relu, uint32_t bypass, uint32_t limit)
{
	return relu->is_on ? (relu->has_limit ? limit : 0) : bypass;
}

/* The four registers of a stage from CFG on. */
static inline void dpu_write_stage(struct rig_stream *stream, const struct dpu *dpu,
				   const struct dpu_stage *stage, uint16_t cfg)
{
	rig_write(stream, cfg,
		  stage->is_on ? (stage->is_subtraction ? 4u : 2u) << 16 |
					 (stage->alu_per_channel ? 0x100 : 0) |
					 (stage->is_prelu ? 0x20 : 0) |
					 (stage->has_mul ? 0 : 0x10) | (stage->has_alu ? 0 : 2) |
					 dpu_relu_bits(&stage->relu, 0x40, 0x80)
			       : 0x53);
	rig_write(stream, (uint16_t)(cfg + 4), dpu_word(dpu, stage->add[0]));
	rig_write(stream, (uint16_t)(cfg + 8),
		  (uint32_t)dpu_multiplier(dpu, stage->by[0]) << 16 | stage->shift << 8 |
			  (stage->mul_per_channel ? 1 : 0));
	rig_write(stream, (uint16_t)(cfg + 12), dpu_word(dpu, stage->relu.limit));
}

/* EDATA_SIZE and DATA_SIZE. */
static inline uint32_t dpu_operand_size(const struct dpu *dpu)
{
	uint32_t n_bits = dpu_bits(dpu->ew.precision);

	return n_bits == 4 ? 0 : n_bits == 8 ? 1 : n_bits == 16 ? 2 : 3;
}

static inline void dpu_write_ew(struct rig_stream *stream, const struct dpu *dpu)
{
	const struct dpu_ew *ew = &dpu->ew;
	bool is_product = ew->operation == DPU_MULTIPLY;
	uint32_t mode = ew->source == DPU_CUBE;
	uint32_t cfg = (ew->is_add_first ? 0x80000000u : 0) | (ew->rounds_away ? 0x40000000u : 0) |
		       mode << 28 | dpu_operand_size(dpu) << 22 |
		       (is_product ? 0 : (uint32_t)ew->operation << 16) |
		       dpu_relu_bits(&ew->relu, 0x200, 0x400) | (ew->has_converter ? 0 : 0x100) |
		       (ew->has_lut ? 0 : 0x80) | (ew->source == DPU_REGISTERS ? 0 : 0x40) |
		       (ew->is_prelu ? 0x20 : 0) | (is_product ? 4 : 0) |
		       (ew->has_operation ? 0 : 2);

	rig_write(stream, 0x4070, ew->is_on ? cfg : 0x383);
	rig_write(stream, 0x4074, (uint32_t)(int32_t)ew->offset);
	rig_write(stream, 0x4078, ew->shift << 22 | ew->converter_shift << 16 | ew->scale);
	rig_write(stream, 0x407c, dpu_word(dpu, ew->relu.limit));
	for (uint16_t i = 0; i < 8; i++)
		rig_write(stream, (uint16_t)(0x4090 + 4 * i), dpu_word(dpu, ew->registers[i]));
}

static inline void dpu_write_lut(struct rig_stream *stream, const struct dpu_lut *lut)
{
	for (uint32_t table = 0; table < 2; table++) {
		rig_write(stream, 0x4100, 0x20000 | table << 16);
		for (uint32_t i = 0; i < 513; i++)
			rig_write(stream, 0x4104, (uint16_t)lut->entries[table][i]);
	}
	rig_write(stream, 0x4108, lut->cfg);
	rig_write(stream, 0x410c, lut->index_shift[1] << 16 | lut->index_shift[0] << 8);
	for (uint16_t table = 0; table < 2; table++) {
		const int16_t *slope = lut->slope[table];
		const uint32_t *shift = lut->slope_shift[table];
		uint16_t range = (uint16_t)(0x4110 + 8 * table);

		rig_write(stream, range, (uint32_t)lut->start[table]);
		rig_write(stream, (uint16_t)(range + 4), (uint32_t)lut->end[table]);
		rig_write(stream, (uint16_t)(range + 0x10),
			  (uint32_t)(uint16_t)slope[1] << 16 | (uint16_t)slope[0]);
		rig_write(stream, (uint16_t)(range + 0x14), shift[1] << 5 | shift[0]);
	}
}

static inline void dpu_write_output(struct rig_stream *stream, const struct dpu *dpu)
{
	const struct dpu_converter *output = &dpu->output;
	bool has_lut = dpu->ew.is_on && dpu->ew.has_lut;
	uint32_t n_atoms = dpu_bits(dpu->out) / dpu_bits(dpu->in), padded = dpu_padded(dpu);

	rig_write(stream, 0x4020, C);
	rig_write(stream, 0x4024, dpu_pitch(dpu) << 4);
	rig_write(stream, 0x4030, dpu->width - 1);
	rig_write(stream, 0x4034, dpu->height - 1);
	rig_write(stream, 0x4038, dpu->notch << 16 | dpu->notch);
	rig_write(stream, 0x403c, (dpu->channels - 1) << 16 | (padded - 1));
	rig_write(stream, 0x4050, (n_atoms - 1) * 0x124 | 2);
	rig_write(stream, 0x4058, padded - 1);
	rig_write(stream, 0x405c, (dpu->height - 1) << 16 | (dpu->width - 1));
	rig_write(stream, 0x4080,
		  has_lut ? (uint32_t)(int32_t)output->offset : dpu_word(dpu, output->offset));
	rig_write(stream, 0x4084,
		  output->scale | (dpu->out == RK3588_FP16 ? DPU_FP32TOFP16_EN : 0));
	rig_write(stream, 0x4088,
		  (output->is_add_first ? 0x80000000u : 0) |
			  (output->rounds_away ? 0x40000000u : 0) | output->minus_exponent << 12 |
			  output->shift);
	rig_write(stream, 0x40c0, n_atoms * dpu_pitch(dpu) << 4);
}

static inline void dpu_write_rdma(struct rig_stream *stream, const struct dpu *dpu)
{
	uint32_t mode = dpu->ew.source == DPU_CUBE;

	rig_write(stream, 0x500c, dpu->width - 1);
	rig_write(stream, 0x5010, dpu->operand_notch << 16 | (dpu->height - 1));
	rig_write(stream, 0x5014, dpu_padded(dpu) - 1);
	rig_write(stream, 0x5018, A);
	rig_write(stream, 0x501c, dpu->stages[0].table << 1);
	rig_write(stream, 0x5020, A + DPU_BS_TABLE);
	rig_write(stream, 0x5028, dpu->stages[1].table << 1);
	rig_write(stream, 0x502c, A + DPU_BN_TABLE);
	rig_write(stream, 0x5034, mode << 30 | dpu_operand_size(dpu) << 2);
	rig_write(stream, 0x5038, B);
	rig_write(stream, 0x5040, dpu_operand_pitch(dpu) << 4);
	rig_write(stream, 0x5044, (uint32_t)dpu->in << 15 | 0x7801 | (uint32_t)dpu->in << 5);
	rig_write(stream, 0x5048, dpu->main_notch << 19);
	rig_write(stream, 0x504c, dpu->main_surface_notch << 4);
}

/* The whole body, without a tail. */
static inline void dpu_write(struct rig_stream *stream, const struct dpu *dpu)
{
	rig_write(stream, 0x400c, 0x1e5);
	rig_write(stream, 0x4010,
		  (uint32_t)dpu->out << 29 | (uint32_t)dpu->in << 26 |
			  dpu->ew.negative_shift << 16 | dpu->stages[1].negative_shift << 10 |
			  dpu->stages[0].negative_shift << 4 | (uint32_t)dpu->in);
	rig_write(stream, 0x4014, dpu->pad);
	dpu_write_stage(stream, dpu, &dpu->stages[0], 0x4040);
	dpu_write_stage(stream, dpu, &dpu->stages[1], 0x4060);
	dpu_write_ew(stream, dpu);
	if (dpu->ew.is_on && dpu->ew.has_lut)
		dpu_write_lut(stream, &dpu->lut);
	dpu_write_output(stream, dpu);
	dpu_write_rdma(stream, dpu);
}

#endif
