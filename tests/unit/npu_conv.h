/* SPDX-License-Identifier: MIT */
/*
 * Convolutions for the software NPU: the stream, the operands in the NPU's layouts, and the result
 * by definition. Written from hardware reference 4.1 to 4.10, 5 and 6.7, not from the model.
 * Operands are integers so small that every result is exact in every precision.
 */
#ifndef NPUD_TESTS_NPU_CONV_H
#define NPUD_TESTS_NPU_CONV_H

#include "device/soft/half.h"
#include "tests/unit/npu_rig.h"

#include <math.h>

struct conv {
	enum rk3588_precision in, out;
	bool is_depthwise;
	uint32_t width, height; /* of the input */
	uint32_t channels;	/* real */
	uint32_t packed;	/* channels of a packed pixel; 0: surfaces of atoms */
	uint32_t padded;	/* channels as laid out; packed: virtual ones */
	uint32_t kernels, kernel_width, kernel_height;
	uint32_t stride_x, stride_y, step_x, step_y, pad_left, pad_top;
	uint32_t zeros_x, zeros_y; /* deconvolution: between input pixels */
	int pad;
	uint32_t out_width, out_height;
	bool is_line_mode;
	uint32_t pitch, full_height; /* of the tensor that the input is a part of */
	uint32_t said_pitch;	     /* LINE_STRIDE; 0: what it is */
	uint32_t cvt_con0, cvt[4];   /* input converter; 0: off */
	int ow;			     /* times SX, added to the sums */
	uint32_t shift;		     /* of the output converter */
	uint32_t clip;		     /* CORE.CLIP_TRUNCATE */
	uint32_t surface;	     /* atoms between output surfaces; 0: dense */
	uint32_t seed;
	uint32_t in_iova, weight_iova, out_iova;
};

static inline uint32_t conv_bits(enum rk3588_precision precision)
{
	return precision == RK3588_INT4	  ? 4
	       : precision == RK3588_INT8 ? 8
	       : precision == RK3588_INT32 || precision == RK3588_FP32 || precision == RK3588_TF32
		       ? 32
		       : 16;
}

static inline bool conv_is_float(enum rk3588_precision precision)
{
	return precision == RK3588_FP16 || precision == RK3588_BF16 || precision == RK3588_TF32 ||
	       precision == RK3588_FP32;
}

/* Channels per group of the weight and output layouts. */
static inline uint32_t conv_group(const struct conv *conv)
{
	uint32_t group = conv->in == RK3588_INT4 ? 64 : 16;

	if (conv->in == RK3588_INT8)
		group = 32;
	return conv->is_depthwise ? 2 * group : group;
}

/* Something between -range and range, always the same for the same arguments. */
static inline int conv_random(uint32_t seed, uint32_t index, int range)
{
	uint64_t x = ((uint64_t)seed << 32 | index) + 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return (int)((x >> 33) % (2 * (unsigned)range + 1)) - range;
}

static inline int conv_range(const struct conv *conv)
{
	switch (conv->in) {
	case RK3588_INT4:
		return 7;
	case RK3588_INT8:
		return 127;
	case RK3588_INT16:
		return 20000;
	default:
		return 4;
	}
}

/* A feature as in memory; a converter makes something else of it. */
static inline int conv_stored(const struct conv *conv, uint32_t c, uint32_t y, uint32_t x)
{
	return conv_random(conv->seed, (c * 4096 + y) * 4096 + x, conv_range(conv));
}

static inline int conv_weight(const struct conv *conv, uint32_t k, uint32_t c, uint32_t tap)
{
	return conv_random(~conv->seed, (k * 8192 + c) * 1024 + tap, conv_range(conv));
}

/* By definition (4.6), for converters with DATA_SIGN 0 and int8. */
static inline int conv_converted(const struct conv *conv, int stored, uint32_t lane)
{
	int scale = (int16_t)(conv->cvt[lane] >> 16), offset = (int16_t)conv->cvt[lane];
	double x = stored & 0xff, unit = ldexp(1, (int)(conv->cvt_con0 >> (4 + 6 * lane) & 0x3f));

	if (conv->cvt_con0 & 2)
		x = nearbyint((x + offset) * scale / unit);
	else
		x = nearbyint(x * scale / unit) + offset;
	return x > 127 ? 127 : x < -128 ? -128 : (int)x;
}

/* f of hardware reference 4, of real channels. */
static inline int conv_feature(const struct conv *conv, uint32_t c, int64_t y, int64_t x)
{
	uint32_t lane = conv->packed == 3 ? c : ((uint32_t)x * conv->packed + c) % 4;
	int stored;

	if (y < 0 || x < 0 || y > (int64_t)(conv->height - 1) * (conv->zeros_y + 1) ||
	    x > (int64_t)(conv->width - 1) * (conv->zeros_x + 1))
		return conv->pad;
	if (y % (conv->zeros_y + 1) || x % (conv->zeros_x + 1))
		return 0;
	stored = conv_stored(conv, c, (uint32_t)y / (conv->zeros_y + 1),
			     (uint32_t)x / (conv->zeros_x + 1));
	return conv->cvt_con0 ? conv_converted(conv, stored, lane) : stored;
}

static inline int64_t conv_clipped(const struct conv *conv, int64_t sum)
{
	return (int64_t)nearbyint(ldexp((double)sum, -(int)conv->clip));
}

/* acc + OW * SX of one output. */
static inline int64_t conv_sum(const struct conv *conv, uint32_t k, uint32_t out_y, uint32_t out_x)
{
	uint32_t first = conv->is_depthwise ? k : 0,
		 last = conv->is_depthwise ? k + 1 : conv->channels;
	int64_t sum = 0, features = 0;

	for (uint32_t i = 0; i < conv->kernel_height; i++) {
		for (uint32_t j = 0; j < conv->kernel_width; j++) {
			int64_t y =
				(int64_t)out_y * conv->stride_y + i * conv->step_y - conv->pad_top;
			int64_t x =
				(int64_t)out_x * conv->stride_x + j * conv->step_x - conv->pad_left;

			for (uint32_t c = first; c < last; c++) {
				int f = conv_feature(conv, c, y, x);

				sum += f * conv_weight(conv, k, c, i * conv->kernel_width + j);
				features += f;
			}
		}
	}
	return conv_clipped(conv, sum) + conv->ow * conv_clipped(conv, features);
}

static inline double conv_expected(const struct conv *conv, uint32_t k, uint32_t y, uint32_t x)
{
	double value = nearbyint(ldexp((double)conv_sum(conv, k, y, x), -(int)conv->shift));
	double limit = ldexp(1, (int)conv_bits(conv->out) - 1);

	if (conv_is_float(conv->out))
		return value;
	return value > limit - 1 ? limit - 1 : value < -limit ? -limit : value;
}

static inline uint32_t conv_float_bits(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

/* An element as in memory, at a position in bits. */
static inline void conv_store(enum rk3588_precision precision, char *base, size_t at_bits,
			      int value)
{
	char *to = base + at_bits / 8;
	uint16_t half = half_from_float((float)value);
	uint32_t word = conv_float_bits((float)value);

	switch (precision) {
	case RK3588_INT4:
		if (at_bits % 8 == 0)
			*to = (char)((*to & 0x0f) | (value & 0xf) << 4);
		else
			*to = (char)((*to & 0xf0) | (value & 0xf));
		break;
	case RK3588_INT8:
		*to = (char)value;
		break;
	case RK3588_INT16:
		half = (uint16_t)value;
		memcpy(to, &half, sizeof(half));
		break;
	case RK3588_FP16:
		memcpy(to, &half, sizeof(half));
		break;
	case RK3588_BF16:
		half = (uint16_t)(word >> 16);
		memcpy(to, &half, sizeof(half));
		break;
	default:
		memcpy(to, &word, sizeof(word));
		break;
	}
}

/* Where things are, in bits from the start of each buffer. */
static inline size_t conv_feature_at(const struct conv *conv, uint32_t c, uint32_t y, uint32_t x)
{
	uint32_t bits = conv_bits(conv->in), lanes = 128 / bits;
	size_t pixels = (size_t)conv->pitch * conv->full_height;

	if (conv->packed)
		return (((size_t)y * conv->pitch + x) * conv->packed + c) * bits;
	return (c / lanes * pixels + y * conv->pitch + x) * 128 + c % lanes * bits;
}

static inline size_t conv_weight_at(const struct conv *conv, uint32_t k, uint32_t c, uint32_t tap)
{
	uint32_t taps = conv->kernel_width * conv->kernel_height, bits = conv_bits(conv->in);
	uint32_t group = conv_group(conv), all = conv->is_depthwise ? conv->padded : conv->kernels;
	uint32_t first = k / group * group, size = all - first < group ? all - first : group;
	uint32_t slice = conv->in == RK3588_TF32 ? 16 : 32, before = c / slice * slice;
	uint32_t width = conv->padded - before < slice ? conv->padded - before : slice;

	if (conv->is_depthwise)
		return ((size_t)first * taps + (size_t)tap * size + k % group) * bits;
	return ((size_t)first * taps * conv->padded +
		(size_t)size * ((size_t)before * taps + (size_t)tap * width) +
		(size_t)(k % group) * width + c % slice) *
	       bits;
}

static inline uint32_t conv_outputs(const struct conv *conv)
{
	return conv->is_depthwise ? conv->channels : conv->kernels;
}

static inline uint32_t conv_surface(const struct conv *conv)
{
	return conv->surface ? conv->surface : conv->out_width * conv->out_height;
}

static inline size_t conv_out_at(const struct conv *conv, uint32_t k, uint32_t y, uint32_t x)
{
	uint32_t lanes = 128 / conv_bits(conv->out);

	return ((size_t)(k / lanes) * conv_surface(conv) + y * conv->out_width + x) * 16 +
	       k % lanes * conv_bits(conv->out) / 8;
}

/* Features, with what would show in the channels that are not real, and weights. */
static inline void conv_fill(const struct conv *conv, char *in, char *weights)
{
	uint32_t channels = conv->packed ? conv->packed : conv->padded;
	uint32_t outputs = conv->is_depthwise ? conv->padded : conv->kernels;
	uint32_t taps = conv->kernel_width * conv->kernel_height;

	for (uint32_t c = 0; c < channels; c++)
		for (uint32_t y = 0; y < conv->height; y++)
			for (uint32_t x = 0; x < conv->width; x++)
				conv_store(conv->in, in, conv_feature_at(conv, c, y, x),
					   c < conv->channels ? conv_stored(conv, c, y, x) : 5);
	for (uint32_t k = 0; k < outputs; k++)
		for (uint32_t c = 0; c < (conv->is_depthwise ? 1 : conv->padded); c++)
			for (uint32_t tap = 0; tap < taps; tap++)
				conv_store(conv->in, weights, conv_weight_at(conv, k, c, tap),
					   conv_weight(conv, k, conv->is_depthwise ? k : c, tap));
}

static inline double conv_load(const struct conv *conv, const char *from, uint32_t k)
{
	uint16_t half;
	uint32_t word;
	float value;

	memcpy(&half, from, sizeof(half));
	switch (conv->out) {
	case RK3588_INT4: /* even ones in the high half */
		return (signed char)(k % 2 ? *from * 16 : *from & 0xf0) / 16;
	case RK3588_INT8:
		return (signed char)*from;
	case RK3588_INT16:
		return (int16_t)half;
	case RK3588_FP16:
		return half_to_float(half);
	default:
		memcpy(&word, from, sizeof(word));
		memcpy(&value, from, sizeof(value));
		return conv->out == RK3588_INT32 ? (double)(int32_t)word : (double)value;
	}
}

/* Outputs that differ from the definition. */
static inline unsigned conv_errors(const struct conv *conv, const char *out)
{
	unsigned errors = 0;

	for (uint32_t k = 0; k < conv_outputs(conv); k++)
		for (uint32_t y = 0; y < conv->out_height; y++)
			for (uint32_t x = 0; x < conv->out_width; x++)
				errors += conv_load(conv, out + conv_out_at(conv, k, y, x), k) !=
					  conv_expected(conv, k, y, x);
	return errors;
}

static inline void conv_write_modes(struct rig_stream *stream, const struct conv *conv)
{
	bool is_line = conv->is_line_mode || conv->packed;

	rig_write(stream, 0x100c,
		  (conv->packed ? 0x40000000u | (7 + conv->packed) << 12 : 0) |
			  (is_line ? CNA_GROUP_LINE_OFF : 0) | conv->in << 7 | conv->in << 4 |
			  (conv->zeros_x || conv->zeros_y ? CNA_DECONV : 0) |
			  (conv->is_depthwise ? 3 : 0));
	rig_write(stream, 0x1010, 0x50);
	rig_write(stream, 0x1014,
		  (conv->step_y - 1) << 21 | (conv->step_x - 1) << 16 | conv->zeros_y << 11 |
			  conv->zeros_x << 8 | conv->stride_y << 3 | conv->stride_x);
	rig_write(stream, 0x1040, 0x1b);
	if (!conv->cvt_con0) {
		rig_write(stream, 0x104c, 0xb);
		return;
	}
	rig_write(stream, 0x104c, conv->cvt_con0);
	for (uint16_t i = 0; i < 4; i++)
		rig_write(stream, (uint16_t)(0x1050 + 4 * i), conv->cvt[i]);
	rig_write(stream, 0x1180, conv->packed == 3 ? 0xfff : 0xffff);
}

static inline void conv_write_cna(struct rig_stream *stream, const struct conv *conv)
{
	uint32_t taps = conv->kernel_width * conv->kernel_height;
	uint32_t kernels = conv->is_depthwise ? 1 : conv->kernels;
	uint32_t kernel_bytes = taps * conv->padded * conv_bits(conv->in) / 8;
	uint32_t plane = conv->pitch * conv->full_height;

	conv_write_modes(stream, conv);
	rig_write(stream, 0x1020, (conv->packed ? conv->pitch : conv->width) << 16 | conv->height);
	rig_write(stream, 0x1024, ((conv->channels - 1) & 0x3fff) << 16 | conv->padded);
	rig_write(stream, 0x1028, conv->out_width);
	rig_write(stream, 0x102c, conv->out_width * conv->out_height);
	rig_write(stream, 0x1030, kernel_bytes * kernels);
	rig_write(stream, 0x1034, kernel_bytes);
	rig_write(stream, 0x1038, conv->kernel_width << 24 | conv->kernel_height << 16 | kernels);
	rig_write(stream, 0x1068, conv->pad_left << 4 | conv->pad_top);
	rig_write(stream, 0x1070, conv->in_iova);
	rig_write(stream, 0x107c,
		  conv->said_pitch		       ? conv->said_pitch
		  : conv->packed || conv->is_line_mode ? conv->pitch
						       : 4 * conv->pitch);
	rig_write(stream, 0x1080,
		  (conv->is_line_mode ? plane - conv->width : plane - 4 * conv->width) &
			  CNA_SURF_STRIDE);
	rig_write(stream, 0x1084, conv->width << 16 | conv->height);
	rig_write(stream, 0x1088, conv->padded);
	rig_write(stream, 0x1110, conv->weight_iova);
	rig_write(stream, 0x1184,
		  conv->in == RK3588_FP16 ? half_from_float((float)conv->pad)
		  : conv_is_float(conv->in)
			  ? conv_float_bits((float)conv->pad) >> (conv->in == RK3588_BF16 ? 16 : 0)
			  : (uint32_t)conv->pad);
}

static inline void conv_write_dpu(struct rig_stream *stream, const struct conv *conv)
{
	uint32_t group = conv_group(conv), atoms = group * conv_bits(conv->out) / 128;
	uint32_t outputs = conv_outputs(conv), padded = (outputs + group - 1) / group * group;
	uint32_t sums = conv->in == RK3588_TF32 ? RK3588_FP32 : conv->in;
	uint32_t size = (conv->out_height - 1) << 16 | (conv->out_width - 1);

	rig_write(stream, 0x3010,
		  conv->in << 8 | (conv->is_depthwise ? 2 : 0) | (conv->ow ? 1 : 0));
	rig_write(stream, 0x3014, size);
	rig_write(stream, 0x3018, padded - 1);
	rig_write(stream, 0x301c, conv->clip);
	rig_write(stream, 0x400c, conv->is_depthwise ? 0x1fc : 0x1e4);
	rig_write(stream, 0x4010, (uint32_t)conv->out << 29 | sums << 26 | sums);
	rig_write(stream, 0x4020, conv->out_iova);
	rig_write(stream, 0x4024, conv_surface(conv) * 16);
	rig_write(stream, 0x4030, conv->out_width - 1);
	rig_write(stream, 0x4034, conv->out_height - 1);
	rig_write(stream, 0x403c, (outputs - 1) << 16 | (padded - 1));
	rig_write(stream, 0x4040, conv->ow ? 0x20050 : 0x53);
	rig_write(stream, 0x4050, (atoms - 1) * 0x124 | (conv->ow ? 0 : 2));
	rig_write(stream, 0x4054, (uint32_t)conv->ow & 0xffff);
	rig_write(stream, 0x4058, padded - 1);
	rig_write(stream, 0x405c, size);
	rig_write(stream, 0x4060, 0x53);
	rig_write(stream, 0x4070, 0x383);
	rig_write(stream, 0x4078, 1);
	rig_write(stream, 0x4084, conv->out == RK3588_FP16 ? 0x10001 : 1);
	rig_write(stream, 0x4088, conv->shift);
	rig_write(stream, 0x40c0, atoms * conv_surface(conv) * 16);
}

/* The whole body, without a tail. */
static inline void conv_write(struct rig_stream *stream, const struct conv *conv)
{
	rig_write(stream, REG_DPU_S_POINTER, S_POINTER_PING_PONG);
	conv_write_cna(stream, conv);
	conv_write_dpu(stream, conv);
}

#define CONV_OP_EN (OP_EN_CNA | OP_EN_CORE | OP_EN_DPU)

#endif
