/* SPDX-License-Identifier: MIT */
/*
 * The loop nest over kernel groups and tiles; what happens in it is done by the units.
 */
#include "device/soft/convolution.h"

#include "device/soft/dpu.h"
#include "device/soft/feature.h"
#include "device/soft/mac.h"
#include "device/soft/npu_core.h"
#include "device/soft/weights.h"

#include <errno.h>
#include <stdlib.h>

#define BUFFER_ALIGNMENT 64u
/* One kernel, and be it the only one, has to fit beside a bank of features. */
#define MAX_KERNEL_BYTES (11u * CNA_BANK_BYTES)

/* Elements of the windows of a tile. */
#define MAX_TILE_DEPTH (256u * 1024)

struct convolution {
	struct soft_cna cna;
	struct soft_mac mac;
	struct soft_dpu dpu;
};

int soft_buffer_reserve(struct soft_buffer *buffer, size_t size_bytes)
{
	size_t capacity = (size_bytes + BUFFER_ALIGNMENT - 1) & ~(size_t)(BUFFER_ALIGNMENT - 1);
	void *bytes;

	if (capacity <= buffer->capacity)
		return 0;
	bytes = aligned_alloc(BUFFER_ALIGNMENT, capacity);
	if (!bytes)
		return -ENOMEM;
	free(buffer->bytes);
	buffer->bytes = bytes;
	buffer->capacity = capacity;
	return 0;
}

int soft_cbuf_new(struct soft_cbuf **ret_cbuf)
{
	size_t size = (sizeof(struct soft_cbuf) + BUFFER_ALIGNMENT - 1) / BUFFER_ALIGNMENT *
		      BUFFER_ALIGNMENT;
	struct soft_cbuf *cbuf = aligned_alloc(BUFFER_ALIGNMENT, size);

	if (!cbuf)
		return -ENOMEM;
	*cbuf = (struct soft_cbuf){0};
	*ret_cbuf = cbuf;
	return 0;
}

struct soft_cbuf *soft_cbuf_free(struct soft_cbuf *cbuf)
{
	if (!cbuf)
		return NULL;
	free(cbuf->features.bytes);
	free(cbuf->pixel_sums.bytes);
	free(cbuf->weights.bytes);
	free(cbuf->unpacked.bytes);
	free(cbuf);
	return NULL;
}

/* Multiply-accumulates per cycle (hardware reference 1.7). */
static uint64_t macs_per_cycle(const struct soft_cna *cna)
{
	/* Assumed, as the reference has no figure: a group of channels per cycle. */
	if (cna->is_depthwise)
		return cna->group_channels;
	switch (cna->precision) {
	case RK3588_INT4:
		return 2048;
	case RK3588_INT8:
		return 1024;
	case RK3588_TF32:
		return 256;
	default:
		return 512;
	}
}

/* The work as silicon would do it. */
static struct soft_work estimate_work(const struct convolution *conv)
{
	const struct soft_cna *cna = &conv->cna;
	uint64_t n_pixels = (uint64_t)cna->out_width * cna->out_height;
	uint64_t channels = cna->packed_channels ? cna->packed_channels : cna->channels;
	uint64_t in_bits = (uint64_t)cna->width * cna->height * channels * cna->element_bits;
	uint64_t depth = cna->is_depthwise ? 1 : cna->kernels;

	return (struct soft_work){
		.macs = n_pixels * soft_cna_taps(cna) * cna->channels * depth,
		.macs_per_cycle = macs_per_cycle(cna),
		.bytes = in_bits / 8 + cna->weight_bytes,
	};
}

/* What was left in the buffer by a task before is fetched again; there must have been one. */
static int check_reuse(const struct soft_core *core, const struct soft_operation *operation,
		       const struct soft_cna *cna, struct soft_complaint *complaint)
{
	if ((cna->reuses_weights || cna->reuses_features) && !core->has_convolved)
		return soft_complain(complaint, REG_CNA_CBUF_CON0,
				     soft_group_get(&operation->cna, REG_CNA_CBUF_CON0),
				     "claims reuse of data that is not there");
	return 0;
}

int soft_convolution_configure(const struct soft_operation *operation,
			       struct soft_complaint *complaint, struct soft_cna *ret_cna,
			       struct soft_mac *ret_mac)
{
	int r;

	r = soft_cna_configure(&operation->cna, complaint, ret_cna);
	if (r == 0 && ret_cna->weight_bytes / ret_cna->kernels > MAX_KERNEL_BYTES)
		r = soft_complain(complaint, REG_CNA_WEIGHT_SIZE1,
				  soft_group_get(&operation->cna, REG_CNA_WEIGHT_SIZE1),
				  "a kernel does not fit the convolution buffer");
	if (r == 0)
		r = soft_mac_configure(&operation->core, ret_cna, complaint, ret_mac);
	return r;
}

struct soft_dpu_input soft_convolution_output(const struct soft_cna *cna,
					      const struct soft_mac *mac)
{
	return (struct soft_dpu_input){
		/* The DPU has no code for tf32; what it is handed are fp32 sums (0, 5.2). */
		.precision = cna->precision == RK3588_TF32 ? RK3588_FP32 : cna->precision,
		.is_depthwise = cna->is_depthwise,
		.group_channels = cna->group_channels,
		.width = cna->out_width,
		.height = cna->out_height,
		.channels = mac->channels,
	};
}

/* Leaves traces of what has begun. */
static void note_use(struct soft_core *core, const struct soft_cna *cna)
{
	pthread_mutex_lock(&core->lock);
	core->notes.exceeds_banks |= cna->exceeds_banks;
	core->has_convolved = true;
	pthread_mutex_unlock(&core->lock);
}

static int load_inputs(struct soft_core *core, const struct convolution *conv)
{
	int r;

	r = soft_features_load(core, &conv->cna);
	if (r == 0 && conv->mac.computes_sums && !conv->cna.is_depthwise)
		r = soft_features_sum(core, &conv->cna);
	if (r == 0)
		r = soft_weights_prepare(core, &conv->cna);
	return r;
}

/* As many pixels as are computed within some 100 us, so that an abort is soon seen. */
static uint32_t tile_pixels(const struct soft_cna *cna)
{
	uint32_t depth = soft_cna_taps(cna) * (cna->is_depthwise ? 1 : cna->lanes);
	uint32_t n = MAX_TILE_DEPTH / depth;

	return n < 1 ? 1 : n > SOFT_TILE_PIXELS ? SOFT_TILE_PIXELS : n;
}

static int run_group(struct soft_core *core, struct convolution *conv, uint32_t group)
{
	uint32_t n_pixels = conv->cna.out_width * conv->cna.out_height;
	uint32_t at_once = tile_pixels(&conv->cna);
	struct soft_cbuf *cbuf = core->cbuf;
	int r;

	r = soft_weights_load(core, &conv->cna, group);
	for (uint32_t first = 0; r == 0 && first < n_pixels; first += at_once) {
		uint32_t rest = n_pixels - first;
		struct soft_dpu_tile tile = {
			.group = group,
			.first_pixel = first,
			.n_pixels = rest < at_once ? rest : at_once,
			.pitch = conv->cna.group_channels,
			.ints = cbuf->results.ints,
			.sums = conv->mac.computes_sums ? cbuf->sums : NULL,
		};

		if (soft_core_is_aborted(core))
			return -ECANCELED;
		soft_mac_run(cbuf, &conv->cna, &conv->mac, group, first, tile.n_pixels);
		r = soft_dpu_process(core, &conv->dpu, &tile);
	}
	return r;
}

static int run_groups(struct soft_core *core, struct convolution *conv)
{
	int r;

	r = load_inputs(core, conv);
	for (uint32_t group = 0; r == 0 && group < conv->dpu.n_groups; group++)
		r = run_group(core, conv, group);
	return r;
}

int soft_convolution_run(struct soft_core *core, struct soft_operation *operation)
{
	struct convolution conv;
	struct soft_dpu_input input;
	int r;

	r = soft_convolution_configure(operation, &core->draft, &conv.cna, &conv.mac);
	if (r == 0)
		r = check_reuse(core, operation, &conv.cna, &core->draft);
	if (r < 0)
		return r;
	input = soft_convolution_output(&conv.cna, &conv.mac);
	r = soft_dpu_begin(core, operation, &input, &conv.dpu);
	if (r < 0)
		return r;
	/* Sums of features that nobody looks at are not made. */
	conv.mac.computes_sums &= conv.dpu.bs.has_ow;
	note_use(core, &conv.cna);
	r = soft_dpu_end(core, &conv.dpu, run_groups(core, &conv));
	operation->work = estimate_work(&conv);
	operation->work.bytes += conv.dpu.work_bytes;
	return r;
}
