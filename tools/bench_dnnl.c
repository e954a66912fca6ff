/* SPDX-License-Identifier: MIT */
/*
 * A convolution primitive of oneDNN with memory of its own. Any failure ends the bench: calls are
 * checked in one place.
 */
#include "bench_dnnl.h"

#include "cli.h"

#include <dlfcn.h>
#include <dnnl.h>
#include <stdlib.h>
#include <time.h>

enum operand { SOURCE, WEIGHTS, BIAS, RESULT, N_OPERANDS };

struct bench_dnnl {
	dnnl_engine_t engine;
	dnnl_stream_t stream;
	dnnl_primitive_desc_t description;
	dnnl_primitive_t primitive;
	dnnl_memory_t memories[N_OPERANDS];
};

static const struct {
	int argument;
	dnnl_query_t query;
	dnnl_data_type_t int8;
} operands[] = {
	[SOURCE] = {DNNL_ARG_SRC, dnnl_query_src_md, dnnl_s8},
	[WEIGHTS] = {DNNL_ARG_WEIGHTS, dnnl_query_weights_md, dnnl_s8},
	[BIAS] = {DNNL_ARG_BIAS, dnnl_query_weights_md, dnnl_s32},
	[RESULT] = {DNNL_ARG_DST, dnnl_query_dst_md, dnnl_s8},
};

/* Its OpenMP reads the environment before main() runs. */
static void use_one_thread(void)
{
	void (*set_threads)(int);
	*(void **)&set_threads = dlsym(RTLD_DEFAULT, "omp_set_num_threads");
	if (set_threads)
		set_threads(1);
}

/* Whatever layout oneDNN likes best. */
static dnnl_status_t describe(dnnl_memory_desc_t *md, int n, const dnnl_dims_t sizes,
			      enum operand operand, bool is_int8)
{
	return dnnl_memory_desc_init_by_tag(md, n, sizes,
					    is_int8 ? operands[operand].int8 : dnnl_f32,
					    operand == BIAS ? dnnl_a : dnnl_format_tag_any);
}

static dnnl_status_t describe_all(const struct bench_layer *layer, bool is_int8,
				  dnnl_memory_desc_t md[N_OPERANDS])
{
	dnnl_dim_t in = layer->channels, out = layer->kernels, kernel = layer->kernel_size;
	dnnl_dim_t out_size = bench_layer_out_size(layer);
	const dnnl_dims_t source = {1, in, layer->size, layer->size}, bias = {out};
	const dnnl_dims_t dense = {out, in, kernel, kernel}, result = {1, out, out_size, out_size};
	const dnnl_dims_t depthwise = {in, 1, 1, kernel, kernel};
	dnnl_status_t status = describe(&md[SOURCE], 4, source, SOURCE, is_int8);
	if (status == dnnl_success)
		status = layer->is_depthwise
				 ? describe(&md[WEIGHTS], 5, depthwise, WEIGHTS, is_int8)
				 : describe(&md[WEIGHTS], 4, dense, WEIGHTS, is_int8);
	if (status == dnnl_success)
		status = describe(&md[BIAS], 1, bias, BIAS, is_int8);
	if (status == dnnl_success)
		status = describe(&md[RESULT], 4, result, RESULT, is_int8);
	return status;
}

static dnnl_status_t plan(struct bench_dnnl *dnnl, const struct bench_layer *layer, bool is_int8)
{
	dnnl_dim_t pad = layer->kernel_size / 2, stride = layer->stride;
	dnnl_dim_t last = (bench_layer_out_size(layer) - 1) * stride + layer->kernel_size;
	dnnl_dim_t after = last - pad - layer->size;
	const dnnl_dims_t strides = {stride, stride}, before = {pad, pad}, behind = {after, after};
	const float scale = 3.0f / 32768;
	dnnl_memory_desc_t md[N_OPERANDS];
	dnnl_convolution_desc_t convolution;
	dnnl_primitive_attr_t attributes = NULL;
	dnnl_status_t status = describe_all(layer, is_int8, md);
	if (status == dnnl_success)
		status = dnnl_convolution_forward_desc_init(
			&convolution, dnnl_forward_inference, dnnl_convolution_direct, &md[SOURCE],
			&md[WEIGHTS], &md[BIAS], &md[RESULT], strides, before, behind);
	if (status == dnnl_success)
		status = dnnl_primitive_attr_create(&attributes);
	if (status == dnnl_success && is_int8)
		status = dnnl_primitive_attr_set_output_scales(attributes, 1, 0, &scale);
	if (status == dnnl_success)
		status = dnnl_primitive_desc_create(&dnnl->description, &convolution, attributes,
						    dnnl->engine, NULL);
	dnnl_primitive_attr_destroy(attributes);
	return status;
}

/* Random bytes, or numbers between 1 and 2 in fp32. */
static void fill(void *bytes, size_t n_bytes, bool is_int8)
{
	uint32_t *words = bytes, state = 1;
	for (size_t i = 0; i < n_bytes / sizeof(*words); i++) {
		state = state * 1664525u + 1013904223u;
		words[i] = is_int8 ? state : 0x3f800000u | state >> 9;
	}
}

static dnnl_status_t take_memory(struct bench_dnnl *dnnl, bool is_int8)
{
	for (unsigned i = 0; i < N_OPERANDS; i++) {
		const dnnl_memory_desc_t *md = dnnl_primitive_desc_query_md(
			dnnl->description, operands[i].query, i == BIAS);
		void *bytes;
		dnnl_status_t status = dnnl_memory_create(&dnnl->memories[i], md, dnnl->engine,
							  DNNL_MEMORY_ALLOCATE);
		if (status == dnnl_success)
			status = dnnl_memory_get_data_handle(dnnl->memories[i], &bytes);
		if (status != dnnl_success)
			return status;
		fill(bytes, dnnl_memory_desc_get_size(md), is_int8);
	}
	return dnnl_success;
}

struct bench_dnnl *bench_dnnl_new(const struct bench_layer *layer, bool is_int8)
{
	struct bench_dnnl *dnnl = calloc(1, sizeof(*dnnl));
	dnnl_status_t status = dnnl_out_of_memory;
	use_one_thread();
	if (dnnl)
		status = dnnl_engine_create(&dnnl->engine, dnnl_cpu, 0);
	if (status == dnnl_success)
		status = dnnl_stream_create(&dnnl->stream, dnnl->engine, dnnl_stream_default_flags);
	if (status == dnnl_success)
		status = plan(dnnl, layer, is_int8);
	if (status == dnnl_success)
		status = dnnl_primitive_create(&dnnl->primitive, dnnl->description);
	if (status == dnnl_success)
		status = take_memory(dnnl, is_int8);
	if (status == dnnl_success)
		return dnnl;
	cli_error(CLI_FAILED, "oneDNN: %s: status %d", layer->name, (int)status);
	return bench_dnnl_free(dnnl);
}

struct bench_dnnl *bench_dnnl_free(struct bench_dnnl *dnnl)
{
	if (!dnnl)
		return NULL;
	for (unsigned i = 0; i < N_OPERANDS; i++)
		dnnl_memory_destroy(dnnl->memories[i]);
	dnnl_primitive_destroy(dnnl->primitive);
	dnnl_primitive_desc_destroy(dnnl->description);
	dnnl_stream_destroy(dnnl->stream);
	dnnl_engine_destroy(dnnl->engine);
	free(dnnl);
	return NULL;
}

const char *bench_dnnl_name(const struct bench_dnnl *dnnl)
{
	const char *name = "?";
	dnnl_primitive_desc_query(dnnl->description, dnnl_query_impl_info_str, 0, &name);
	return name;
}

static uint64_t cpu_time_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t bench_dnnl_run_ns(struct bench_dnnl *dnnl)
{
	dnnl_exec_arg_t arguments[N_OPERANDS];
	for (unsigned i = 0; i < N_OPERANDS; i++)
		arguments[i] = (dnnl_exec_arg_t){operands[i].argument, dnnl->memories[i]};
	uint64_t start_ns = cpu_time_ns();
	dnnl_primitive_execute(dnnl->primitive, dnnl->stream, N_OPERANDS, arguments);
	dnnl_stream_wait(dnnl->stream);
	return cpu_time_ns() - start_ns;
}
