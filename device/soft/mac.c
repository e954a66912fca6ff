/* SPDX-License-Identifier: MIT */
/*
 * A window is a list of spans, the same for every pixel. They are worked through in runs that are
 * short enough for narrow sums; what a run gave is added to wide ones.
 */
#include "device/soft/mac.h"

#include "device/soft/clones.h"
#include "device/soft/depthwise.h"
#include "device/soft/feature.h"
#include "device/soft/weights.h"

#include <errno.h>
#include <string.h>

static const int32_t zeros[SOFT_WEIGHT_BLOCK];

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
	/* Their products may leave the range of a float, where fused or not makes a difference. */
	if (cna->precision == RK3588_BF16 || cna->precision == RK3588_TF32)
		ret_mac->dot.floats = variants[0].floats;
	plan_spans(cna, ret_mac);
	return 0;
}

static void find_windows(const struct soft_cna *cna, uint32_t first, uint32_t n,
			 uint32_t *ret_bases)
{
	uint32_t x = first % cna->out_width, y = first / cna->out_width;
	uint32_t row = cna->stride_y * soft_cna_columns(cna);
	uint32_t base = y * row + x * cna->stride_x;

	for (uint32_t i = 0; i < n; i++) {
		ret_bases[i] = base;
		base += cna->stride_x;
		if (++x == cna->out_width) {
			x = 0;
			base = ++y * row;
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

static void clip_all(struct soft_cbuf *cbuf, const struct soft_mac *mac, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cbuf->results.ints[i] = clip(mac, cbuf->wide[i]);
}

/* One run for the blocks of the group. `initial` has a sum per kernel, or one block for all. */
static void run_blocks(struct soft_cbuf *cbuf, const struct soft_mac *mac, struct soft_dot *dot,
		       const uint8_t *weights, size_t block_bytes)
{
	uint32_t n_blocks = dot->pitch / SOFT_WEIGHT_BLOCK;

	for (uint32_t block = 0; block < n_blocks; block++) {
		dot->weights = weights + block * block_bytes;
		dot->results = cbuf->results.ints + block * SOFT_WEIGHT_BLOCK;
		mac->dot.bytes(dot);
		if (dot->initial != zeros)
			dot->initial += SOFT_WEIGHT_BLOCK;
	}
}

/* The whole kernel at once: sums that begin with what takes the bias of the features back. */
static void run_bytes_once(struct soft_cbuf *cbuf, const struct soft_cna *cna,
			   const struct soft_mac *mac, struct soft_dot dot)
{
	size_t block_bytes = (size_t)soft_cna_taps(cna) * cna->lanes * SOFT_WEIGHT_BLOCK;
	int32_t initial[SOFT_MAX_GROUP];

	for (uint32_t k = 0; k < dot.pitch; k++)
		initial[k] = -SOFT_FEATURE_BIAS * cbuf->weight_sums[k];
	dot.initial = initial;
	dot.spans = mac->spans;
	dot.n_spans = mac->n_spans;
	run_blocks(cbuf, mac, &dot, cbuf->weights.bytes, block_bytes);
	for (size_t i = 0; i < (size_t)dot.n_pixels * dot.pitch && mac->shift > 0; i++)
		cbuf->results.ints[i] = clip(mac, cbuf->results.ints[i]);
}

static void run_bytes(struct soft_cbuf *cbuf, const struct soft_cna *cna,
		      const struct soft_mac *mac, struct soft_dot dot)
{
	uint32_t pitch = cna->group_channels, elements = soft_cna_taps(cna) * cna->lanes;
	size_t block_bytes = (size_t)elements * SOFT_WEIGHT_BLOCK;
	const uint8_t *weights = cbuf->weights.bytes;
	size_t n = (size_t)dot.n_pixels * pitch;

	dot.pitch = pitch;
	if (elements <= SOFT_BYTES_RUN) {
		run_bytes_once(cbuf, cna, mac, dot);
		return;
	}
	for (size_t i = 0; i < n; i++)
		cbuf->wide[i] = -(int64_t)SOFT_FEATURE_BIAS * cbuf->weight_sums[i % pitch];
	dot.initial = zeros;
	for (uint32_t span = 0; span < mac->n_spans; span += dot.n_spans) {
		dot.spans = &mac->spans[span];
		dot.n_spans = take_run(dot.spans, mac->n_spans - span, SOFT_BYTES_RUN, &elements);
		run_blocks(cbuf, mac, &dot, weights, block_bytes);
		for (size_t i = 0; i < n; i++)
			cbuf->wide[i] += cbuf->results.ints[i];
		weights += (size_t)elements * SOFT_WEIGHT_BLOCK;
	}
	clip_all(cbuf, mac, n);
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
	clip_all(cbuf, mac, (size_t)dot->n_pixels * SOFT_WEIGHT_ROW);
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

	dot.pitch = SOFT_WEIGHT_ROW;
	dot.results = cbuf->results.floats;
	if (soft_cna_taps(cna) * cna->lanes <= SOFT_FLOAT_RUN &&
	    cna->group_channels == SOFT_WEIGHT_ROW) {
		dot.spans = mac->spans;
		dot.n_spans = mac->n_spans;
		dot.weights = weights;
		mac->dot.floats(&dot);
		return;
	}
	memset(cbuf->exact, 0, n * sizeof(*cbuf->exact));
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
static void sum_windows(struct soft_cbuf *cbuf, const struct soft_cna *cna,
			const struct soft_mac *mac, const uint32_t *windows, uint32_t n)
{
	const int32_t *pixel_sums = cbuf->pixel_sums.bytes;
	uint32_t columns = soft_cna_columns(cna);

	for (uint32_t i = 0; i < n; i++) {
		int64_t sum = 0;

		for (uint32_t y = 0; y < cna->kernel_height; y++)
			for (uint32_t x = 0; x < cna->kernel_width; x++)
				sum += pixel_sums[windows[i] + y * cna->step_y * columns +
						  x * cna->step_x];
		cbuf->sums[i] = clip(mac, sum);
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
		sum_windows(cbuf, cna, mac, windows, n);
}

static void plan_taps(const struct soft_cna *cna, uint32_t *ret_taps)
{
	uint32_t columns = soft_cna_columns(cna);

	for (uint32_t tap = 0; tap < soft_cna_taps(cna); tap++) {
		uint32_t y = tap / cna->kernel_width, x = tap % cna->kernel_width;

		ret_taps[tap] = (y * cna->step_y * columns + x * cna->step_x) * cna->lanes;
	}
}

/* In channels that do not exist, all is 0. */
static void clear_results(struct soft_cbuf *cbuf, size_t n)
{
	memset(&cbuf->results, 0, n * sizeof(int32_t));
	memset(cbuf->sums, 0, n * sizeof(*cbuf->sums));
	memset(cbuf->wide, 0, n * sizeof(*cbuf->wide));
}

static void run_depthwise(struct soft_cbuf *cbuf, const struct soft_cna *cna,
			  const struct soft_mac *mac, struct soft_depthwise depthwise)
{
	size_t n = (size_t)depthwise.n_pixels * cna->group_channels;

	if (depthwise.n_channels < cna->group_channels)
		clear_results(cbuf, n);
	depthwise.results = &cbuf->results;
	switch (cna->precision) {
	case RK3588_INT8:
		soft_depthwise_bytes(&depthwise);
		break;
	case RK3588_INT16:
		depthwise.results = cbuf->wide;
		soft_depthwise_words(&depthwise);
		clip_all(cbuf, mac, n);
		break;
	case RK3588_FP16:
		soft_depthwise_halves(&depthwise);
		break;
	default:
		soft_depthwise_floats(&depthwise);
		break;
	}
	for (size_t i = 0; i < n && cna->precision == RK3588_INT8 && mac->shift > 0; i++)
		cbuf->results.ints[i] = clip(mac, cbuf->results.ints[i]);
	for (size_t i = 0; i < n && mac->computes_sums && mac->shift > 0; i++)
		cbuf->sums[i] = clip(mac, cbuf->sums[i]);
}

/* The channels of a group. */
static void run_channels(struct soft_cbuf *cbuf, const struct soft_cna *cna,
			 const struct soft_mac *mac, uint32_t group,
			 struct soft_depthwise depthwise)
{
	uint32_t pitch = cna->group_channels, first = group * pitch;
	uint32_t rest = first < cna->lanes ? cna->lanes - first : 0;
	uint32_t taps[SOFT_MAX_TAPS];

	plan_taps(cna, taps);
	depthwise.taps = taps;
	depthwise.n_taps = soft_cna_taps(cna);
	depthwise.n_channels = rest < pitch ? rest : pitch;
	depthwise.features =
		(const uint8_t *)cbuf->features.bytes + (size_t)first * soft_feature_bytes(cna);
	depthwise.pitch = cna->lanes;
	depthwise.weights = cbuf->weights.bytes;
	depthwise.result_pitch = pitch;
	depthwise.sums = mac->computes_sums ? cbuf->sums : NULL;
	run_depthwise(cbuf, cna, mac, depthwise);
}

void soft_mac_run(struct soft_cbuf *cbuf, const struct soft_cna *cna, const struct soft_mac *mac,
		  uint32_t group, uint32_t first, uint32_t n)
{
	uint32_t windows[SOFT_TILE_PIXELS];

	find_windows(cna, first, n, windows);
	if (cna->is_depthwise)
		run_channels(cbuf, cna, mac, group,
			     (struct soft_depthwise){.windows = windows, .n_pixels = n});
	else
		run_direct(cbuf, cna, mac, windows, n);
}
