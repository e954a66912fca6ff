/* SPDX-License-Identifier: MIT */
/*
 * Windows that slide over an image, and bands of them: a band's input is the rows under its
 * windows, clipped to the image, so bands overlap in their input and never in their output.
 */
#include "ops.h"

#include <errno.h>

int ops_check_range(const char *name, uint32_t value, uint32_t min, uint32_t max)
{
	if (value >= min && value <= max)
		return 0;
	return npu_ops_error(-EINVAL, "%s: %u, must be %u to %u", name, value, min, max);
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* A pad as large as the kernel would make windows of padding alone. */
static int check_pads(const struct npu_window *window, uint32_t pad_max)
{
	uint32_t max_x = smaller(window->kernel_width - 1, pad_max);
	uint32_t max_y = smaller(window->kernel_height - 1, pad_max);
	int r;

	r = ops_check_range("pad_left", window->pad_left, 0, max_x);
	if (r == 0)
		r = ops_check_range("pad_right", window->pad_right, 0, max_x);
	if (r == 0)
		r = ops_check_range("pad_top", window->pad_top, 0, max_y);
	if (r == 0)
		r = ops_check_range("pad_bottom", window->pad_bottom, 0, max_y);
	return r;
}

int ops_window_check(const struct npu_window *window, const struct ops_window_limits *limits,
		     uint32_t width, uint32_t height)
{
	int r;

	r = ops_check_range("kernel_width", window->kernel_width, 1, limits->kernel_max);
	if (r == 0)
		r = ops_check_range("kernel_height", window->kernel_height, 1, limits->kernel_max);
	if (r == 0)
		r = ops_check_range("stride_x", window->stride_x, 1, limits->stride_max);
	if (r == 0)
		r = ops_check_range("stride_y", window->stride_y, 1, limits->stride_max);
	if (r == 0)
		r = check_pads(window, limits->pad_max);
	if (r == 0)
		r = ops_check_range("kernel_width", window->kernel_width, 1,
				    width + window->pad_left + window->pad_right);
	if (r == 0)
		r = ops_check_range("kernel_height", window->kernel_height, 1,
				    height + window->pad_top + window->pad_bottom);
	return r;
}

uint32_t ops_window_out_width(const struct npu_window *window, uint32_t width)
{
	return (width + window->pad_left + window->pad_right - window->kernel_width) /
		       window->stride_x +
	       1;
}

uint32_t ops_window_out_height(const struct npu_window *window, uint32_t height)
{
	return (height + window->pad_top + window->pad_bottom - window->kernel_height) /
		       window->stride_y +
	       1;
}

uint32_t ops_window_rows_max(const struct npu_window *window, uint32_t height, uint32_t n_in_rows)
{
	if (n_in_rows >= height)
		return ops_window_out_height(window, height);
	if (n_in_rows < window->kernel_height)
		return 0;
	return (n_in_rows - window->kernel_height) / window->stride_y + 1;
}

void ops_window_band(const struct npu_window *window, uint32_t height, uint32_t n_bands,
		     uint32_t index, struct npu_band *ret_band)
{
	uint64_t out_height = ops_window_out_height(window, height);
	uint32_t begin = (uint32_t)(out_height * index / n_bands);
	uint32_t end = (uint32_t)(out_height * (index + 1) / n_bands);
	/* Rows of the image with its pads. */
	uint32_t top = begin * window->stride_y;
	uint32_t bottom = (end - 1) * window->stride_y + window->kernel_height;
	uint32_t last = height + window->pad_top;

	ret_band->out_row = begin;
	ret_band->n_out_rows = end - begin;
	ret_band->pad_top = top < window->pad_top ? window->pad_top - top : 0;
	ret_band->pad_bottom = bottom > last ? bottom - last : 0;
	ret_band->in_row = top + ret_band->pad_top - window->pad_top;
	ret_band->n_in_rows = bottom - ret_band->pad_bottom - window->pad_top - ret_band->in_row;
}
