/* SPDX-License-Identifier: MIT */
/*
 * The loop nest over blocks, kernel groups, tiles and chunks; what happens in it is done by the
 * three units.
 */
#include "device/soft/convolution.h"

#include "device/soft/cna.h"
#include "device/soft/dpu.h"
#include "device/soft/mac.h"

#include <errno.h>
#include <stdlib.h>

/* Multiply-accumulates per cycle (hardware reference 1.7). */
#define MACS_PER_CYCLE_INT8 1024u
#define MACS_PER_CYCLE_FP16 512u

struct convolution {
	struct soft_cna cna;
	struct soft_mac mac;
	struct soft_dpu dpu;
};

int soft_cbuf_new(struct soft_cbuf **ret_cbuf)
{
	struct soft_cbuf *cbuf = calloc(1, sizeof(*cbuf));

	if (!cbuf)
		return -ENOMEM;
	*ret_cbuf = cbuf;
	return 0;
}

struct soft_cbuf *soft_cbuf_free(struct soft_cbuf *cbuf)
{
	free(cbuf);
	return NULL;
}

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Results of one tile for one kernel group; `block` is the first pixel of what is loaded. */
static int run_tile(struct soft_core *core, const struct convolution *conv, uint32_t kernel_group,
		    uint32_t block, struct soft_tile tile)
{
	const struct soft_cna *cna = &conv->cna;
	bool has_kernels = soft_cna_group_size(cna, kernel_group) > 0;
	int r;

	soft_mac_clear(core->cbuf, tile.n_pixels);
	for (uint32_t first = 0; has_kernels && first < cna->channels; first += SOFT_CHUNK) {
		if (soft_core_is_aborted(core))
			return -ECANCELED;
		tile.first_channel = first;
		tile.n_channels = min_u32(SOFT_CHUNK, cna->channels - first);
		r = soft_cna_load_weights(core, cna, kernel_group, first, tile.n_channels);
		if (r < 0)
			return r;
		soft_mac_accumulate(core->cbuf, cna, &tile);
	}
	soft_mac_finish(core->cbuf, cna, tile.n_pixels);
	return soft_dpu_write(core, &conv->dpu, kernel_group, block + tile.first_pixel,
			      tile.n_pixels);
}

static int run_block(struct soft_core *core, const struct convolution *conv, uint32_t block,
		     uint32_t n)
{
	int r;

	r = soft_cna_load_features(core, &conv->cna, block, n);
	for (uint32_t group = 0; r == 0 && group < conv->dpu.n_groups; group++) {
		for (uint32_t first = 0; r == 0 && first < n; first += SOFT_TILE_PIXELS) {
			struct soft_tile tile = {
				.first_pixel = first,
				.n_pixels = min_u32(SOFT_TILE_PIXELS, n - first),
			};

			r = run_tile(core, conv, group, block, tile);
		}
	}
	return r;
}

/* The work as silicon would do it, whatever the loops above fetch again. */
static struct soft_work estimate_work(const struct convolution *conv)
{
	const struct soft_cna *cna = &conv->cna;
	uint64_t n_pixels = conv->dpu.n_pixels;
	uint64_t in_bytes = (n_pixels + cna->kernels) * cna->channels * cna->element_bytes;

	return (struct soft_work){
		.macs = n_pixels * cna->kernels * cna->channels,
		.macs_per_cycle =
			cna->precision == RK3588_INT8 ? MACS_PER_CYCLE_INT8 : MACS_PER_CYCLE_FP16,
		.bytes = in_bytes + n_pixels * conv->dpu.real_channels * conv->dpu.out_bytes,
	};
}

static int configure(struct soft_core *core, const struct soft_operation *operation,
		     struct convolution *conv)
{
	struct soft_complaint *complaint = &core->draft;
	int r;

	r = soft_cna_configure(&operation->cna, complaint, &conv->cna);
	if (r == 0)
		r = soft_mac_configure(&operation->core, &conv->cna, complaint, &conv->mac);
	if (r == 0)
		r = soft_dpu_configure(&operation->dpu, &conv->cna, &conv->mac, complaint,
				       &conv->dpu);
	return r;
}

int soft_convolution_run(struct soft_core *core, struct soft_operation *operation)
{
	struct convolution conv;
	uint32_t n_block;
	int r;

	r = configure(core, operation, &conv);
	if (r < 0)
		return r;
	operation->work = estimate_work(&conv);
	n_block = SOFT_CBUF_BYTES / (conv.cna.channels * conv.cna.element_bytes);
	for (uint32_t block = 0; r == 0 && block < conv.dpu.n_pixels; block += n_block)
		r = run_block(core, &conv, block, min_u32(n_block, conv.dpu.n_pixels - block));
	return r;
}
