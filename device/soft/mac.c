/* SPDX-License-Identifier: MIT */
/*
 * Two inner loops in plain C, shaped so that compilers vectorise them: int8 as dot products over
 * channels, fp16 as one broadcast feature times the sixteen kernels of a group.
 */
#include "device/soft/mac.h"

#include <string.h>

static const struct soft_rule core_rules[] = {
	{REG_CORE_MISC_CFG, CORE_DW_EN, 0, "depthwise is not modelled"},
	{REG_CORE_CLIP_TRUNCATE, CORE_CLIP_TRUNCATE, 0, "truncation is not modelled"},
};

int soft_mac_configure(const struct soft_group *group, const struct soft_cna *cna,
		       struct soft_complaint *complaint, struct soft_mac *ret_mac)
{
	uint32_t misc = soft_group_get(group, REG_CORE_MISC_CFG);
	uint32_t size_0 = soft_group_get(group, REG_CORE_DATAOUT_SIZE_0);
	uint32_t size_1 = soft_group_get(group, REG_CORE_DATAOUT_SIZE_1);
	struct soft_mac mac = {
		.width = field_get(CORE_DATAOUT_WIDTH, size_0) + 1,
		.height = field_get(CORE_DATAOUT_HEIGHT, size_0) + 1,
		.channels = field_get(CORE_DATAOUT_CHANNEL, size_1) + 1,
	};
	int r;

	r = soft_rules_check(group, core_rules, sizeof(core_rules) / sizeof(*core_rules),
			     complaint);
	if (r < 0)
		return r;
	if (field_get(CORE_PROC_PRECISION, misc) != cna->precision)
		return soft_complain(complaint, REG_CORE_MISC_CFG, misc,
				     "precision differs from the CNA's");
	if (mac.width != cna->out_width || mac.height != cna->out_height)
		return soft_complain(complaint, REG_CORE_DATAOUT_SIZE_0, size_0,
				     "size differs from the CNA's output");
	if (cna->kernels > mac.channels)
		return soft_complain(complaint, REG_CORE_DATAOUT_SIZE_1, size_1,
				     "fewer channels than kernels");
	*ret_mac = mac;
	return 0;
}

void soft_mac_clear(struct soft_cbuf *cbuf, uint32_t n_pixels)
{
	memset(cbuf->sums.int8, 0, n_pixels * sizeof(cbuf->sums.int8[0]));
	memset(cbuf->sums.fp16, 0, n_pixels * sizeof(cbuf->sums.fp16[0]));
}

/* Cannot overflow: 512 products of at most 2^14. */
static int32_t dot_int8(const int16_t *a, const int16_t *b, uint32_t n)
{
	int32_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

static void accumulate_int8(struct soft_cbuf *cbuf, const struct soft_cna *cna,
			    const struct soft_tile *tile)
{
	for (uint32_t pixel = 0; pixel < tile->n_pixels; pixel++) {
		size_t index = (size_t)(tile->first_pixel + pixel) * cna->channels;
		const int16_t *features = &cbuf->features.int8[index + tile->first_channel];

		for (uint32_t kernel = 0; kernel < SOFT_GROUP_INT8; kernel++)
			cbuf->sums.int8[pixel][kernel] +=
				dot_int8(features, cbuf->weights.int8[kernel], tile->n_channels);
	}
}

/* Four kernels' sums side by side; a group is four of these. */
typedef float float4 __attribute__((vector_size(16)));

#define GROUP_VECTORS (SOFT_GROUP_FP16 / 4)

static void add_partial(double *sums, const float4 *partial)
{
	for (unsigned i = 0; i < SOFT_GROUP_FP16; i++)
		sums[i] += partial[i / 4][i % 4];
}

/*
 * Two pixels at a time, so that each weight loaded serves twice; their sixteen sums each stay in
 * registers. Of an odd last pixel the second one is the first again, and dropped.
 */
static void accumulate_fp16_pair(const float *first, const float *second,
				 const float (*weights)[SOFT_GROUP_FP16], uint32_t n,
				 double (*sums)[SOFT_GROUP_FP16])
{
	float4 a[GROUP_VECTORS] = {0}, b[GROUP_VECTORS] = {0};

	for (uint32_t channel = 0; channel < n; channel++) {
		const float4 *row = (const float4 *)weights[channel];

#pragma GCC unroll 4
		for (unsigned i = 0; i < GROUP_VECTORS; i++) {
			a[i] += row[i] * first[channel];
			b[i] += row[i] * second[channel];
		}
	}
	add_partial(sums[0], a);
	if (first != second)
		add_partial(sums[1], b);
}

static void accumulate_fp16(struct soft_cbuf *cbuf, const struct soft_cna *cna,
			    const struct soft_tile *tile)
{
	for (uint32_t pixel = 0; pixel < tile->n_pixels; pixel += 2) {
		size_t index = (size_t)(tile->first_pixel + pixel) * cna->channels;
		const float *first = &cbuf->features.fp16[index + tile->first_channel];
		const float *second = pixel + 1 < tile->n_pixels ? first + cna->channels : first;

		accumulate_fp16_pair(first, second, cbuf->weights.fp16, tile->n_channels,
				     &cbuf->sums.fp16[pixel]);
	}
}

void soft_mac_accumulate(struct soft_cbuf *cbuf, const struct soft_cna *cna,
			 const struct soft_tile *tile)
{
	if (cna->precision == RK3588_INT8)
		accumulate_int8(cbuf, cna, tile);
	else
		accumulate_fp16(cbuf, cna, tile);
}

static int32_t saturate_int32(int64_t value)
{
	return value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : (int32_t)value;
}

void soft_mac_finish(struct soft_cbuf *cbuf, const struct soft_cna *cna, uint32_t n_pixels)
{
	for (uint32_t pixel = 0; pixel < n_pixels; pixel++) {
		for (uint32_t kernel = 0; kernel < cna->group_kernels; kernel++) {
			if (cna->precision == RK3588_INT8)
				cbuf->results.int8[pixel][kernel] =
					saturate_int32(cbuf->sums.int8[pixel][kernel]);
			else
				cbuf->results.fp16[pixel][kernel] =
					(float)cbuf->sums.fp16[pixel][kernel];
		}
	}
}
