/* SPDX-License-Identifier: MIT */
/*
 * A window is a list of spans, the same for every pixel. They are worked through in runs that are
 * short enough for narrow sums; what a run gave is added to wide ones.
 */
#include "device/soft/mac.h"

#include "device/soft/clones.h"
#include "device/soft/feature.h"
#include "device/soft/weights.h"

#include <errno.h>
#include <string.h>

static bool is_float(const struct soft_cna *cna)
{
	return cna->element_bits > 8 && cna->precision != RK3588_INT16;
}

/* Rows of taps are neighbours in the buffer unless dilated; each is cut where a run must end. */
static void plan_spans(const struct soft_cna *cna, struct soft_mac *mac)
{
	uint32_t run = is_float(cna) ? SOFT_FLOAT_RUN : SOFT_BYTES_RUN;
	uint32_t together = cna->step_x == 1 ? cna->kernel_width : 1;
	uint32_t columns = soft_cna_columns(cna);

	mac->n_spans = 0;
	for (uint32_t tap = 0; tap < soft_cna_taps(cna); tap += together) {
		uint32_t y = tap / cna->kernel_width, x = tap % cna->kernel_width;
		uint32_t offset = (y * cna->step_y * columns + x * cna->step_x) * cna->lanes;
		uint32_t rest = together * cna->lanes;

		while (rest > 0) {
			uint32_t n = rest < run ? rest : run;

			mac->spans[mac->n_spans++] = (struct soft_span){offset, n};
			offset += n;
			rest -= n;
		}
	}
}

int soft_mac_configure(const struct soft_group *group, const struct soft_cna *cna,
		       struct soft_complaint *complaint, struct soft_mac *ret_mac)
{
	uint32_t misc = soft_group_get(group, REG_CORE_MISC_CFG);
	uint32_t size_0 = soft_group_get(group, REG_CORE_DATAOUT_SIZE_0);
	uint32_t size_1 = soft_group_get(group, REG_CORE_DATAOUT_SIZE_1);
	uint32_t clip = soft_group_get(group, REG_CORE_CLIP_TRUNCATE);
	const struct soft_dot_variant *variants = NULL;
	size_t n_variants = soft_dot_variants(&variants);

	ret_mac->width = field_get(CORE_DATAOUT_WIDTH, size_0) + 1;
	ret_mac->height = field_get(CORE_DATAOUT_HEIGHT, size_0) + 1;
	ret_mac->channels = field_get(CORE_DATAOUT_CHANNEL, size_1) + 1;
	ret_mac->computes_sums = (misc & CORE_QD_EN) && !is_float(cna);
	ret_mac->shift = field_get(CORE_CLIP_TRUNCATE, clip);
	ret_mac->rounds_up = clip & CORE_CLIP_ROUND_UP;
	if (field_get(CORE_PROC_PRECISION, misc) != cna->precision)
		return soft_complain(complaint, REG_CORE_MISC_CFG, misc,
				     "precision differs from the CNA's");
	if (cna->is_depthwise != !!(misc & CORE_DW_EN))
		return soft_complain(complaint, REG_CORE_MISC_CFG, misc,
				     "depthwise in either CNA or CORE only");
	if (ret_mac->width != cna->out_width || ret_mac->height != cna->out_height)
		return soft_complain(complaint, REG_CORE_DATAOUT_SIZE_0, size_0,
				     "size differs from the CNA's output");
	if (!cna->is_depthwise && cna->kernels > ret_mac->channels)
		return soft_complain(complaint, REG_CORE_DATAOUT_SIZE_1, size_1,
				     "fewer channels than kernels");
	if (ret_mac->shift > 0 && is_float(cna))
		return soft_complain(complaint, REG_CORE_CLIP_TRUNCATE, clip,
				     "truncation of floats is not modelled");
	ret_mac->dot = variants[n_variants - 1];
	plan_spans(cna, ret_mac);
	return 0;
}

static void find_windows(const struct soft_cna *cna, uint32_t first, uint32_t n,
			 uint32_t *ret_bases)
{
	uint32_t x = first % cna->out_width, y = first / cna->out_width;
	uint32_t columns = soft_cna_columns(cna);

	for (uint32_t i = 0; i < n; i++) {
		ret_bases[i] = y * cna->stride_y * columns + x * cna->stride_x;
		if (++x == cna->out_width) {
			x = 0;
			y++;
		}
	}
}

/* Spans from the first that make up a run; their elements in *ret_elements. */
static uint32_t take_run(const struct soft_span *spans, uint32_t n_spans, uint32_t run,
			 uint32_t *ret_elements)
{
	uint32_t n = 0, elements = 0;

	while (n < n_spans && elements + spans[n].n <= run)
		elements += spans[n++].n;
	*ret_elements = elements;
	return n;
}

/* x / 2^shift, ties to even or up, saturated to 32 bits. */
static int32_t clip(const struct soft_mac *mac, int64_t x)
{
	if (mac->shift > 0) {
		int64_t half = 1ll << (mac->shift - 1), rest = x & (2 * half - 1);

		x >>= mac->shift;
		x += rest > half || (rest == half && (mac->rounds_up || (x & 1)));
	}
	return x > INT32_MAX ? INT32_MAX : x < INT32_MIN ? INT32_MIN : (int32_t)x;
}

static void run_bytes(struct soft_cbuf *cbuf, const struct soft_cna *cna,
		      const struct soft_mac *mac, struct soft_dot dot)
{
	uint32_t pitch = cna->group_channels, elements;
	size_t block_bytes = (size_t)soft_cna_taps(cna) * cna->lanes * SOFT_WEIGHT_BLOCK;
	const uint8_t *weights = cbuf->weights.bytes;

	memset(cbuf->wide, 0, (size_t)dot.n_pixels * pitch * sizeof(*cbuf->wide));
	dot.pitch = pitch;
	for (uint32_t span = 0; span < mac->n_spans; span += dot.n_spans) {
		dot.spans = &mac->spans[span];
		dot.n_spans = take_run(dot.spans, mac->n_spans - span, SOFT_BYTES_RUN, &elements);
		for (uint32_t block = 0; block < pitch / SOFT_WEIGHT_BLOCK; block++) {
			dot.weights = weights + block * block_bytes;
			dot.results = cbuf->results.ints + block * SOFT_WEIGHT_BLOCK;
			mac->dot.bytes(&dot);
		}
		for (size_t i = 0; i < (size_t)dot.n_pixels * pitch; i++)
			cbuf->wide[i] += cbuf->results.ints[i];
		weights += (size_t)elements * SOFT_WEIGHT_BLOCK;
	}
	for (uint32_t pixel = 0; pixel < dot.n_pixels; pixel++)
		for (uint32_t k = 0; k < pitch; k++)
			cbuf->wide[pixel * pitch + k] -=
				(int64_t)SOFT_FEATURE_BIAS * cbuf->weight_sums[k];
}

/* One pixel of int16: exact sums of 16 kernels. */
SOFT_CLONE_BODY dot_words_body(const int16_t *features, const struct soft_mac *mac,
			       const int16_t *weights, int64_t *ret_sums)
{
	int64_t sums[SOFT_WEIGHT_ROW] = {0};

	for (uint32_t i = 0; i < mac->n_spans; i++) {
		const int16_t *span = features + mac->spans[i].offset;

		for (uint32_t e = 0; e < mac->spans[i].n; e++, weights += SOFT_WEIGHT_ROW)
			for (uint32_t k = 0; k < SOFT_WEIGHT_ROW; k++)
				sums[k] += (int32_t)span[e] * weights[k];
	}
	memcpy(ret_sums, sums, sizeof(sums));
}

SOFT_CLONES(static, dot_words,
	    (const int16_t *features, const struct soft_mac *mac, const int16_t *weights,
	     int64_t *ret_sums),
	    (features, mac, weights, ret_sums))

static void run_words(struct soft_cbuf *cbuf, const struct soft_mac *mac,
		      const struct soft_dot *dot)
{
	for (uint32_t pixel = 0; pixel < dot->n_pixels; pixel++)
		dot_words((const int16_t *)dot->features + dot->bases[pixel], mac,
			  cbuf->weights.bytes, &cbuf->wide[pixel * SOFT_WEIGHT_ROW]);
}

static void add_exact(struct soft_cbuf *cbuf, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cbuf->exact[i] += (double)cbuf->results.floats[i];
}

static void run_floats(struct soft_cbuf *cbuf, const struct soft_cna *cna,
		       const struct soft_mac *mac, struct soft_dot dot)
{
	size_t n = (size_t)dot.n_pixels * SOFT_WEIGHT_ROW;
	const float *weights = cbuf->weights.bytes;
	uint32_t elements;

	memset(cbuf->exact, 0, n * sizeof(*cbuf->exact));
	dot.pitch = SOFT_WEIGHT_ROW;
	dot.results = cbuf->results.floats;
	for (uint32_t span = 0; span < mac->n_spans; span += dot.n_spans) {
		dot.spans = &mac->spans[span];
		dot.n_spans = take_run(dot.spans, mac->n_spans - span, SOFT_FLOAT_RUN, &elements);
		dot.weights = weights;
		mac->dot.floats(&dot);
		add_exact(cbuf, n);
		weights += (size_t)elements * SOFT_WEIGHT_ROW;
	}
	for (uint32_t pixel = 0; pixel < dot.n_pixels; pixel++)
		for (uint32_t k = 0; k < cna->group_channels; k++)
			cbuf->results.floats[pixel * cna->group_channels + k] =
				(float)cbuf->exact[pixel * SOFT_WEIGHT_ROW + k];
}

/* Sums of the pixels of each window, whose channels have been summed up before. */
static void sum_windows(struct soft_cbuf *cbuf, const struct soft_cna *cna, const uint32_t *windows,
			uint32_t n)
{
	const int32_t *pixel_sums = cbuf->pixel_sums.bytes;
	uint32_t columns = soft_cna_columns(cna);

	for (uint32_t i = 0; i < n; i++) {
		int64_t sum = 0;

		for (uint32_t y = 0; y < cna->kernel_height; y++)
			for (uint32_t x = 0; x < cna->kernel_width; x++)
				sum += pixel_sums[windows[i] + y * cna->step_y * columns +
						  x * cna->step_x];
		cbuf->sums[i] = clip(&(struct soft_mac){0}, sum);
	}
}

static void run_direct(struct soft_cbuf *cbuf, const struct soft_cna *cna,
		       const struct soft_mac *mac, const uint32_t *windows, uint32_t n)
{
	uint32_t bases[SOFT_TILE_PIXELS];
	struct soft_dot dot = {.features = cbuf->features.bytes, .bases = bases, .n_pixels = n};

	for (uint32_t i = 0; i < n; i++)
		bases[i] = windows[i] * cna->lanes;
	if (is_float(cna))
		run_floats(cbuf, cna, mac, dot);
	else if (cna->precision == RK3588_INT16)
		run_words(cbuf, mac, &dot);
	else
		run_bytes(cbuf, cna, mac, dot);
	if (mac->computes_sums)
		sum_windows(cbuf, cna, windows, n);
}

/* A stretch of channels at one pixel of a depthwise convolution. */
struct stretch {
	const void *features, *weights; /* of the first tap */
	const uint32_t *taps;		/* where the others' features are, in elements */
	uint32_t n_taps, weight_pitch;
};

#define STRETCH SOFT_DEPTHWISE_QUANTUM

SOFT_CLONE_BODY depthwise_bytes_body(const struct stretch *stretch, int32_t *results, int32_t *sums)
{
	int32_t products[STRETCH] = {0}, plain[STRETCH] = {0};

	for (uint32_t tap = 0; tap < stretch->n_taps; tap++) {
		const uint8_t *features = (const uint8_t *)stretch->features + stretch->taps[tap];
		const int16_t *weights = (const int16_t *)stretch->weights;

		weights += (size_t)tap * stretch->weight_pitch;
		for (uint32_t i = 0; i < STRETCH; i++) {
			int32_t value = features[i] - SOFT_FEATURE_BIAS;

			products[i] += value * weights[i];
			plain[i] += value;
		}
	}
	memcpy(results, products, sizeof(products));
	memcpy(sums, plain, sizeof(plain));
}

SOFT_CLONES(static, depthwise_bytes,
	    (const struct stretch *stretch, int32_t *results, int32_t *sums),
	    (stretch, results, sums))

SOFT_CLONE_BODY depthwise_words_body(const struct stretch *stretch, int64_t *results, int32_t *sums)
{
	int64_t products[STRETCH] = {0};
	int32_t plain[STRETCH] = {0};

	for (uint32_t tap = 0; tap < stretch->n_taps; tap++) {
		const int16_t *features = (const int16_t *)stretch->features + stretch->taps[tap];
		const int16_t *weights = (const int16_t *)stretch->weights;

		weights += (size_t)tap * stretch->weight_pitch;
		for (uint32_t i = 0; i < STRETCH; i++) {
			products[i] += (int32_t)features[i] * weights[i];
			plain[i] += features[i];
		}
	}
	memcpy(results, products, sizeof(products));
	memcpy(sums, plain, sizeof(plain));
}

SOFT_CLONES(static, depthwise_words,
	    (const struct stretch *stretch, int64_t *results, int32_t *sums),
	    (stretch, results, sums))

SOFT_CLONE_BODY depthwise_floats_body(const struct stretch *stretch, float *results)
{
	double products[STRETCH] = {0};

	for (uint32_t tap = 0; tap < stretch->n_taps; tap++) {
		const float *features = (const float *)stretch->features + stretch->taps[tap];
		const float *weights = (const float *)stretch->weights;

		weights += (size_t)tap * stretch->weight_pitch;
		for (uint32_t i = 0; i < STRETCH; i++)
			products[i] += (double)(features[i] * weights[i]);
	}
	for (uint32_t i = 0; i < STRETCH; i++)
		results[i] = (float)products[i];
}

SOFT_CLONES(static, depthwise_floats, (const struct stretch *stretch, float *results),
	    (stretch, results))

static void plan_taps(const struct soft_cna *cna, uint32_t *ret_taps)
{
	uint32_t columns = soft_cna_columns(cna);

	for (uint32_t tap = 0; tap < soft_cna_taps(cna); tap++) {
		uint32_t y = tap / cna->kernel_width, x = tap % cna->kernel_width;

		ret_taps[tap] = (y * cna->step_y * columns + x * cna->step_x) * cna->lanes;
	}
}

/* The stretch from `channel` of the group at one pixel; what it gives goes to `at`. */
static void run_stretch(struct soft_cbuf *cbuf, const struct soft_cna *cna, struct stretch *stretch,
			size_t feature, size_t at)
{
	const uint8_t *bytes = cbuf->features.bytes;
	size_t channel = at % cna->group_channels;

	if (cna->precision == RK3588_INT8) {
		stretch->features = bytes + feature;
		stretch->weights = (const int16_t *)cbuf->weights.bytes + channel;
		depthwise_bytes(stretch, cbuf->results.ints + at, cbuf->sums + at);
	} else if (cna->precision == RK3588_INT16) {
		stretch->features = (const int16_t *)cbuf->features.bytes + feature;
		stretch->weights = (const int16_t *)cbuf->weights.bytes + channel;
		depthwise_words(stretch, cbuf->wide + at, cbuf->sums + at);
	} else {
		stretch->features = (const float *)cbuf->features.bytes + feature;
		stretch->weights = (const float *)cbuf->weights.bytes + channel;
		depthwise_floats(stretch, cbuf->results.floats + at);
	}
}

static void run_depthwise(struct soft_cbuf *cbuf, const struct soft_cna *cna, uint32_t group,
			  const uint32_t *windows, uint32_t n)
{
	uint32_t pitch = cna->group_channels, first = group * pitch;
	uint32_t n_channels = first < cna->lanes ? cna->lanes - first : 0;
	uint32_t taps[SOFT_MAX_TAPS];
	struct stretch stretch = {
		.taps = taps, .n_taps = soft_cna_taps(cna), .weight_pitch = pitch};

	plan_taps(cna, taps);
	if (n_channels < pitch) {
		memset(&cbuf->results, 0, (size_t)n * pitch * sizeof(int32_t));
		memset(cbuf->sums, 0, (size_t)n * pitch * sizeof(*cbuf->sums));
		memset(cbuf->wide, 0, (size_t)n * pitch * sizeof(*cbuf->wide));
	}
	for (uint32_t pixel = 0; pixel < n; pixel++)
		for (uint32_t i = 0; i < n_channels && i < pitch; i += STRETCH)
			run_stretch(cbuf, cna, &stretch,
				    (size_t)windows[pixel] * cna->lanes + first + i,
				    (size_t)pixel * pitch + i);
	for (size_t i = 0; i < (size_t)n * pitch && cna->precision == RK3588_INT8; i++)
		cbuf->wide[i] = cbuf->results.ints[i];
}

void soft_mac_run(struct soft_cbuf *cbuf, const struct soft_cna *cna, const struct soft_mac *mac,
		  uint32_t group, uint32_t first, uint32_t n)
{
	uint32_t windows[SOFT_TILE_PIXELS];

	find_windows(cna, first, n, windows);
	if (cna->is_depthwise)
		run_depthwise(cbuf, cna, group, windows, n);
	else
		run_direct(cbuf, cna, mac, windows, n);
	for (size_t i = 0; i < (size_t)n * cna->group_channels && !is_float(cna); i++)
		cbuf->results.ints[i] = clip(mac, cbuf->wide[i]);
}
