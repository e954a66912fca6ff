/* SPDX-License-Identifier: MIT */
/*
 * Pooling on the software NPU against what pooling is: random shapes from fixed seeds, and the
 * corner cases that chance does not find.
 */
#include "device/soft/ppu.h"
#include "tests/unit/npu_dpu.h"

#include <errno.h>

#define INT_PPU	      0xc00u
#define PPU_OP_EN     (OP_EN_PPU | OP_EN_PPU_RDMA)
#define DPU_PPU_OP_EN (OP_EN_DPU | OP_EN_DPU_RDMA | OP_EN_PPU)
#define N_RANDOM      3000

/* A pooling of a cube in memory; lines and surfaces may have gaps. */
struct pooling {
	enum rk3588_precision precision;
	enum soft_pool_method method;
	uint32_t width, height, channels;
	uint32_t kernel_width, kernel_height, stride_x, stride_y;
	uint32_t left, top, right, bottom;
	int32_t pad;
	uint32_t line_gap, surface_gap, notch; /* atoms */
	uint32_t out_width, out_height;	       /* as written to the registers */
	bool is_behind;			       /* the DPU, which copies the cube */
};

static uint32_t lanes_of(const struct pooling *p)
{
	return 128 / dpu_bits(p->precision);
}

static bool is_float(const struct pooling *p)
{
	return p->precision == RK3588_FP16 || p->precision == RK3588_BF16 ||
	       p->precision == RK3588_FP32;
}

static uint32_t surfaces_of(const struct pooling *p)
{
	return (p->channels + lanes_of(p) - 1) / lanes_of(p);
}

static size_t in_line(const struct pooling *p)
{
	return (size_t)(p->width + p->line_gap) * 16;
}

static size_t in_surface(const struct pooling *p)
{
	return p->height * in_line(p) + (size_t)p->surface_gap * 16;
}

static size_t out_line(const struct pooling *p)
{
	return (size_t)(p->out_width + p->notch) * 16;
}

static size_t out_surface(const struct pooling *p)
{
	return p->out_height * out_line(p) + 16;
}

/* 17-bit float: 6 bits of exponent with bias 31, 10 of mantissa. */
static uint32_t encode_reciprocal(const struct pooling *p, uint32_t k)
{
	int exponent;
	double fraction = frexp(1.0 / k, &exponent);

	if (!is_float(p))
		return (65536 + k / 2) / k;
	return (uint32_t)(exponent - 1 + 31) << 10 | (uint32_t)((fraction * 2 - 1) * 1024);
}

static double load(const struct pooling *p, const char *cube, size_t at, uint32_t lane)
{
	return dpu_load(p->precision, cube + at, lane);
}

/* Floats that are exact in each precision. */
static void fill(const struct pooling *p, char *cube)
{
	for (size_t i = 0; i < surfaces_of(p) * in_surface(p) / 16 * lanes_of(p); i++) {
		int32_t bits = (int32_t)((uint32_t)rand() << 8 ^ (uint32_t)rand());
		double value = bits >> (32 - dpu_bits(p->precision));

		if (is_float(p))
			value = (rand() % 255 - 127) / 16.0;
		dpu_store(p->precision, cube + i / lanes_of(p) * 16, (uint32_t)(i % lanes_of(p)),
			  value);
	}
}

static void write_input(struct npu *npu, const struct pooling *p)
{
	struct rig_stream *stream = &npu->stream;

	rig_write(stream, REG_PPU_RDMA_IN_WIDTH, p->width - 1);
	rig_write(stream, REG_PPU_RDMA_IN_HEIGHT, p->height - 1);
	rig_write(stream, REG_PPU_RDMA_IN_CHANNEL, p->channels - 1);
	rig_write(stream, REG_PPU_RDMA_SRC_BASE_ADDR, A);
	rig_write(stream, REG_PPU_RDMA_LINE_STRIDE, (uint32_t)in_line(p));
	rig_write(stream, REG_PPU_RDMA_SURF_STRIDE, (uint32_t)in_surface(p));
	rig_write(stream, REG_PPU_RDMA_DATA_FORMAT,
		  lanes_of(p) == 32   ? 0
		  : lanes_of(p) == 16 ? 1
		  : lanes_of(p) == 8  ? 2
				      : 3);
}

/* A DPU that hands on what it reads, which has no gaps then. */
static void write_copy(struct npu *npu, const struct pooling *p)
{
	static const struct dpu nothing;
	struct dpu dpu = nothing;

	dpu.is_float = is_float(p);
	dpu.in = dpu.out = p->precision;
	dpu.width = p->width;
	dpu.height = p->height;
	dpu.channels = p->channels;
	dpu.main_notch = p->line_gap;
	/* Behind the last line there is a gap too. */
	dpu.main_surface_notch = p->line_gap + p->surface_gap;
	dpu.output.scale = 1;
	dpu_write(&npu->stream, &dpu);
	rig_write(&npu->stream, 0x400c, 0x1e3);
}

static void write_pooling(struct npu *npu, const struct pooling *p)
{
	struct rig_stream *stream = &npu->stream;

	rig_write(stream, 0x6004, S_POINTER_PING_PONG);
	rig_write(stream, 0x7004, S_POINTER_PING_PONG);
	rig_write(stream, REG_PPU_CUBE_IN_WIDTH, p->width - 1);
	rig_write(stream, REG_PPU_CUBE_IN_HEIGHT, p->height - 1);
	rig_write(stream, REG_PPU_CUBE_IN_CHANNEL, p->channels - 1);
	rig_write(stream, REG_PPU_CUBE_OUT_WIDTH, p->out_width - 1);
	rig_write(stream, REG_PPU_CUBE_OUT_HEIGHT, p->out_height - 1);
	rig_write(stream, REG_PPU_CUBE_OUT_CHANNEL, p->channels - 1);
	rig_write(stream, REG_PPU_OPERATION_MODE_CFG,
		  p->notch << 16 | (p->is_behind ? 0 : PPU_FLYING_MODE) | (uint32_t)p->method);
	rig_write(stream, REG_PPU_POOLING_KERNEL_CFG,
		  (p->stride_y - 1) << 20 | (p->stride_x - 1) << 16 | (p->kernel_height - 1) << 8 |
			  (p->kernel_width - 1));
	rig_write(stream, REG_PPU_RECIP_KERNEL_WIDTH, encode_reciprocal(p, p->kernel_width));
	rig_write(stream, REG_PPU_RECIP_KERNEL_HEIGHT, encode_reciprocal(p, p->kernel_height));
	rig_write(stream, REG_PPU_POOLING_PADDING_CFG,
		  p->bottom << 12 | p->right << 8 | p->top << 4 | p->left);
	rig_write(stream, REG_PPU_PADDING_VALUE_1_CFG, (uint32_t)p->pad);
	rig_write(stream, REG_PPU_PADDING_VALUE_2_CFG, p->pad < 0 ? 7 : 0);
	rig_write(stream, REG_PPU_DST_BASE_ADDR, C);
	rig_write(stream, REG_PPU_DST_SURF_STRIDE, (uint32_t)out_surface(p));
	rig_write(stream, REG_PPU_DATA_FORMAT, (p->is_behind ? PPU_DPU_FLYIN : 0) | p->precision);
	if (p->is_behind)
		write_copy(npu, p);
	else
		write_input(npu, p);
}

/* One window of one channel, from the definition; *ret_any: some of it lies in the image. */
static double pool_window(const struct pooling *p, const char *cube, uint32_t channel, int32_t x0,
			  int32_t y0, bool *ret_any)
{
	double sum = 0, extreme = 0;
	bool any = false;

	for (int32_t y = y0; y < y0 + (int32_t)p->kernel_height; y++) {
		for (int32_t x = x0; x < x0 + (int32_t)p->kernel_width; x++) {
			size_t at = channel / lanes_of(p) * in_surface(p) + (size_t)y * in_line(p) +
				    (size_t)x * 16;
			double value;

			if (x < 0 || y < 0 || x >= (int32_t)p->width || y >= (int32_t)p->height) {
				sum += p->pad;
				continue;
			}
			value = load(p, cube, at, channel % lanes_of(p));
			sum += value;
			if (!any ||
			    (p->method == SOFT_POOL_MAX ? value > extreme : value < extreme))
				extreme = value;
			any = true;
		}
	}
	*ret_any = any;
	return p->method == SOFT_POOL_AVERAGE ? sum / (p->kernel_width * p->kernel_height)
					      : extreme;
}

/* Integer averages are rounded twice, and their reciprocals; floats have ones of 10 bits. */
static double tolerance(const struct pooling *p, double expected)
{
	if (p->method != SOFT_POOL_AVERAGE)
		return 0;
	if (!is_float(p))
		return 1.01 + fabs(expected) * 16 / 65536;
	return 0.01 + fabs(expected) / (p->precision == RK3588_BF16 ? 64 : 256);
}

static unsigned count_errors(const struct pooling *p, const char *in, const char *out)
{
	unsigned n_errors = 0;

	for (uint32_t c = 0; c < p->channels; c++) {
		for (uint32_t i = 0; i < p->out_width * p->out_height; i++) {
			uint32_t x = i % p->out_width, y = i / p->out_width;
			bool any;
			double expected =
				pool_window(p, in, c, (int32_t)(x * p->stride_x - p->left),
					    (int32_t)(y * p->stride_y - p->top), &any);
			size_t at =
				c / lanes_of(p) * out_surface(p) + y * out_line(p) + (size_t)x * 16;
			double actual = load(p, out, at, c % lanes_of(p));

			if (!any && p->method != SOFT_POOL_AVERAGE)
				continue;
			n_errors += fabs(actual - expected) > tolerance(p, expected);
		}
	}
	return n_errors;
}

static uint32_t choose(uint32_t low, uint32_t high)
{
	return low + (uint32_t)rand() % (high - low + 1);
}

static struct pooling random_pooling(void)
{
	static const enum rk3588_precision precisions[] = {RK3588_INT8, RK3588_INT16, RK3588_FP16,
							   RK3588_BF16, RK3588_INT4,  RK3588_INT32,
							   RK3588_FP32};
	struct pooling p = {
		.precision = precisions[rand() % 7],
		.method = (enum soft_pool_method)(rand() % 3),
		.width = choose(1, 20),
		.height = choose(1, 20),
		.channels = choose(1, 40),
		.kernel_width = choose(1, 8),
		.kernel_height = choose(1, 8),
		.stride_x = choose(1, 5),
		.stride_y = choose(1, 5),
		.line_gap = choose(0, 2),
		.surface_gap = choose(0, 2),
		.notch = choose(0, 2),
	};

	p.is_behind = choose(0, 2) == 0;
	p.left = choose(0, p.kernel_width - 1);
	p.top = choose(0, p.kernel_height - 1);
	p.right = choose(0, p.kernel_width - 1);
	p.bottom = choose(0, p.kernel_height - 1);
	if (!is_float(&p))
		p.pad = p.precision == RK3588_INT4 ? (int32_t)choose(0, 15) - 8
						   : (int32_t)choose(0, 255) - 128;
	return p;
}

/* The usual size of the output; false when no window fits. */
static bool size_output(struct pooling *p)
{
	uint32_t width = p->width + p->left + p->right, height = p->height + p->top + p->bottom;

	if (width < p->kernel_width || height < p->kernel_height)
		return false;
	p->out_width = (width - p->kernel_width) / p->stride_x + 1;
	p->out_height = (height - p->kernel_height) / p->stride_y + 1;
	return true;
}

static void run_pooling(struct npu *npu, const struct pooling *p)
{
	npu->stream.n = 0;
	npu->tasks[0].int_mask = INT_PPU;
	write_pooling(npu, p);
	npu_end_task(npu, p->is_behind ? DPU_PPU_OP_EN : PPU_OP_EN);
}

START_TEST(test_random)
{
	struct npu npu;
	unsigned n_run = 0;

	npu_init(&npu);
	for (unsigned seed = 0; seed < N_RANDOM; seed++) {
		struct pooling p;
		struct device_event event;

		srand(seed + 1);
		p = random_pooling();
		if (!size_output(&p))
			continue;
		fill(&p, npu.a);
		memset(npu.c, 0x55, 0x80000);
		run_pooling(&npu, &p);
		event = npu_run(&npu, seed % 3);
		ck_assert_msg(event.kind == DEVICE_DONE, "seed %u: %s", seed, event.detail);
		ck_assert_msg(count_errors(&p, npu.a, npu.c) == 0, "seed %u", seed);
		n_run++;
	}
	ck_assert_uint_gt(n_run, N_RANDOM / 2);
	rig_deinit(&npu.rig);
}
END_TEST

/* Integer averages of one window of 2x1: (a + b) / 2, ties away from zero. */
static const struct {
	int8_t a, b, result;
} averages[] = {{1, 2, 2},	 {-1, -2, -2},	     {1, 1, 1},
		{127, 127, 127}, {-128, -128, -128}, {0, -1, -1}};

START_TEST(test_averages)
{
	const struct pooling p = {
		.precision = RK3588_INT8,
		.method = SOFT_POOL_AVERAGE,
		.width = 2,
		.height = 1,
		.channels = 16,
		.kernel_width = 2,
		.kernel_height = 1,
		.stride_x = 1,
		.stride_y = 1,
		.out_width = 1,
		.out_height = 1,
	};
	struct npu npu;

	npu_init(&npu);
	npu.a[0] = averages[_i].a;
	npu.a[16] = averages[_i].b;
	run_pooling(&npu, &p);
	ck_assert_int_eq(npu_run(&npu, 0).kind, DEVICE_DONE);
	ck_assert_int_eq((int8_t)npu.c[0], averages[_i].result);
	rig_deinit(&npu.rig);
}
END_TEST

/* Registers that claim more output than there are windows: what is beyond is not written. */
START_TEST(test_stale_sizes)
{
	struct pooling p = {
		.precision = RK3588_INT8,
		.method = SOFT_POOL_MAX,
		.width = 5,
		.height = 4,
		.channels = 16,
		.kernel_width = 2,
		.kernel_height = 2,
		.stride_x = 2,
		.stride_y = 2,
		.out_width = 9,
		.out_height = 8,
	};
	struct npu npu;

	npu_init(&npu);
	fill(&p, npu.a);
	memset(npu.c, 0x55, 0x1000);
	run_pooling(&npu, &p);
	ck_assert_int_eq(npu_run(&npu, 0).kind, DEVICE_DONE);
	for (uint32_t i = 0; i < 72; i++) {
		bool is_written = i % 9 < 3 && i / 9 < 2;
		char untouched[16];

		memset(untouched, 0x55, sizeof(untouched));
		ck_assert_msg((memcmp(npu.c + (size_t)i * 16, untouched, 16) != 0) == is_written,
			      "atom %u", i);
	}
	rig_deinit(&npu.rig);
}
END_TEST

/* Windows of nothing but padding: the end of the range for extremes. */
START_TEST(test_only_padding)
{
	static const struct {
		enum rk3588_precision precision;
		enum soft_pool_method method;
		double result;
	} cases[] = {
		{RK3588_INT8, SOFT_POOL_MAX, -128},	 {RK3588_INT8, SOFT_POOL_MIN, 127},
		{RK3588_INT16, SOFT_POOL_MAX, -32768},	 {RK3588_INT16, SOFT_POOL_MIN, 32767},
		{RK3588_FP16, SOFT_POOL_MAX, -INFINITY}, {RK3588_FP16, SOFT_POOL_MIN, INFINITY},
	};
	struct pooling p = {
		.precision = cases[_i].precision,
		.method = cases[_i].method,
		.width = 1,
		.height = 1,
		.channels = 8,
		.kernel_width = 1,
		.kernel_height = 1,
		.stride_x = 1,
		.stride_y = 1,
		.left = 3,
		.out_width = 4,
		.out_height = 1,
	};
	struct npu npu;

	npu_init(&npu);
	run_pooling(&npu, &p);
	ck_assert_int_eq(npu_run(&npu, 0).kind, DEVICE_DONE);
	ck_assert(load(&p, npu.c, 0, 0) == cases[_i].result);
	ck_assert(load(&p, npu.c, 48, 0) == 0);
	rig_deinit(&npu.rig);
}
END_TEST

START_TEST(test_reciprocals)
{
	static const struct {
		uint32_t bits;
		double value;
	} known[] = {{0x7c00, 1},
		     {0x7800, 0.5},
		     {0x7400, 0.25},
		     {0x7000, 0.125},
		     {0x7555, 1365.0 / 4096},
		     {0x17800, -0.5},
		     {0, 0},
		     {1, 0x1p-40}};

	for (int i = 0; i < COUNT(known); i++)
		ck_assert(soft_pool_reciprocal(known[i].bits) == known[i].value);
}
END_TEST

static const struct {
	const char *what;
	uint32_t offset, value;
	const char *complaint;
} complaints[] = {
	{"positions", 0x6024, 0x40000011, "PPU OPERATION_MODE_CFG: 0x40000011, "},
	{"use count", 0x6024, 0x31, "PPU OPERATION_MODE_CFG: 0x31, "},
	{"method 3", 0x6024, 0x13, "PPU OPERATION_MODE_CFG: 0x13, "},
	{"pad of floats", 0x6044, 1, "PPU PADDING_VALUE_1_CFG: 0x1, "},
	{"unaligned", 0x6070, C + 4, "PPU DST_BASE_ADDR: 0xfff00004, "},
	{"tf32", 0x6084, 7, "PPU DATA_FORMAT: 0x7, "},
	{"packed", 0x60dc, 0x83, "PPU MISC_CTRL: 0x83, "},
	{"other width", 0x700c, 7, "PPU_RDMA RDMA_CUBE_IN_WIDTH: 0x7, "},
	{"unaligned source", 0x701c, A + 8, "PPU_RDMA RDMA_SRC_BASE_ADDR: 0x10400008, "},
	{"other element", 0x7030, 1, "PPU_RDMA RDMA_DATA_FORMAT: 0x1, "},
	{"4 bits", 0x7030, 0, "PPU_RDMA RDMA_DATA_FORMAT: 0x0, "},
};

START_TEST(test_complaints)
{
	struct pooling p = {.precision = RK3588_FP16,
			    .width = 4,
			    .height = 4,
			    .channels = 8,
			    .kernel_width = 2,
			    .kernel_height = 2,
			    .stride_x = 1,
			    .stride_y = 1,
			    .out_width = 3,
			    .out_height = 3};
	struct device_event event;
	struct npu npu;

	npu_init(&npu);
	npu.tasks[0].int_mask = INT_PPU;
	write_pooling(&npu, &p);
	rig_write(&npu.stream, (uint16_t)complaints[_i].offset, complaints[_i].value);
	npu_end_task(&npu, PPU_OP_EN);
	event = npu_run(&npu, 1);
	ck_assert_msg(event.kind == DEVICE_BAD_STREAM, "%s", complaints[_i].what);
	ck_assert_msg(strstr(event.detail, complaints[_i].complaint), "%s: %s", complaints[_i].what,
		      event.detail);
	rig_deinit(&npu.rig);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("soft_ppu");
	TCase *tcase = tcase_create("soft_ppu");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, test_random);
	tcase_add_loop_test(tcase, test_averages, 0, COUNT(averages));
	tcase_add_test(tcase, test_stale_sizes);
	tcase_add_loop_test(tcase, test_only_padding, 0, 6);
	tcase_add_test(tcase, test_reciprocals);
	tcase_add_loop_test(tcase, test_complaints, 0, COUNT(complaints));
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
