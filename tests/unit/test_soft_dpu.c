/* SPDX-License-Identifier: MIT */
/*
 * The DPU at work by whole streams: by itself, behind a convolution, before the PPU.
 */
#include "device/soft/half.h"
#include "tests/unit/npu_bench.h"

#include <errno.h>
#include <math.h>
#include <zlib.h>

#define FLY_OP_EN 0x18u
#define INT_PPU	  0xc00u
#define OPERAND	  (A + 0x40000) /* the second one, or operands per channel */

struct setting {
	uint32_t offset, value;
};

static void write_settings(struct npu *npu, const struct setting *settings, size_t n)
{
	for (size_t i = 0; i < n; i++)
		rig_write(&npu->stream, (uint16_t)settings[i].offset, settings[i].value);
}

/* A stream of these settings only; the buffers keep what they hold. */
static struct device_event run_settings(struct npu *npu, const struct setting *settings, size_t n,
					uint32_t op_en)
{
	npu->stream.n = 0;
	write_settings(npu, settings, n);
	npu_end_task(npu, op_en);
	return npu_run(npu, 0);
}

#define RUN(npu, settings) run_settings(npu, settings, COUNT(settings), FLY_OP_EN)

/* 9.6: bit patterns 3 and 5 are subnormals. */
START_TEST(test_example_9_6)
{
	static const struct setting add[] = {
		{0x400c, 0x1e5},      {0x4010, 0x48000002}, {0x403c, 0x70007}, {0x4030, 0},
		{0x4070, 0x108202c0}, {0x500c, 0},	    {0x5010, 0},       {0x5014, 0x70007},
		{0x5034, 0x40000008}, {0x4020, C},	    {0x5018, A},       {0x5038, B},
		{0x5044, 0x17849}};
	uint16_t half;
	struct npu npu;

	npu_init(&npu);
	for (int i = 0; i < 8; i++) {
		npu.a[2 * i] = 3;
		npu.b[2 * i] = 5;
	}
	ck_assert_int_eq(RUN(&npu, add).kind, DEVICE_DONE);
	for (int i = 0; i < 8; i++) {
		memcpy(&half, npu.c + (size_t)i * 2, sizeof(half));
		ck_assert_uint_eq(half, 8);
	}
	ck_assert_int_eq(npu.c[16], 0);
	rig_deinit(&npu.rig);
}
END_TEST

/* Where the atoms of a pixel have one address, the lowest channels survive (6.8). */
START_TEST(test_lowest_channels)
{
	static const struct setting widen[] = {
		{0x400c, 0x1e5}, {0x4010, 0xa8000002}, {0x403c, 0x70007}, {0x4070, 0x383},
		{0x500c, 1},	 {0x5014, 7},	       {0x5034, 1},	  {0x4020, C},
		{0x5018, A},	 {0x5044, 0x17849},    {0x4030, 1}};
	float value;
	struct npu npu;

	npu_init(&npu);
	for (uint32_t i = 0; i < 16; i++) {
		uint16_t half = half_from_float((float)i);

		memcpy(npu.a + (size_t)i * 2, &half, sizeof(half));
	}
	ck_assert_int_eq(RUN(&npu, widen).kind, DEVICE_DONE);
	for (uint32_t i = 0; i < 8; i++) {
		memcpy(&value, npu.c + (size_t)i * 4, sizeof(value));
		ck_assert(value == (float)(i / 4 * 8 + i % 4));
	}
	rig_deinit(&npu.rig);
}
END_TEST

/* Copies that add a border, between pitches (9.5): 24x24 in 26x26, then rows, then columns. */
static const struct {
	uint32_t from, to, width, height, line_notch, surface_notch, notch, wdma;
} copies[] = {
	{A, C + 0x1b0, 24, 24, 0, 0, 2, 0x170017},
	{C + 0x1a0, C, 26, 1, 0, 650, 0, 25},
	{C + 0x2700 - 0x1a0 + 0x1a0, C + 0x28a0, 26, 1, 0, 650, 0, 25},
	{C + 0x10, C, 1, 26, 25, 25, 25, 0x190000},
	{C + 0x180, C + 0x190, 1, 26, 25, 25, 25, 0x190000},
};

START_TEST(test_border_copies)
{
	struct npu npu;

	npu_init(&npu);
	for (int i = 0; i < 24 * 24 * 16; i++)
		npu.a[i] = (char)(i * 7 / 5 + i / 16);
	for (int i = 0; i < COUNT(copies); i++) {
		const struct setting copy[] = {
			{0x400c, 0x1e5},
			{0x4010, 0},
			{0x4020, copies[i].to},
			{0x4030, 25},
			{0x4034, 25}, /* left as it was, as the vendor does */
			{0x4038, copies[i].notch << 16 | copies[i].notch},
			{0x403c, 0xf000f},
			{0x4040, 0x53},
			{0x4050, 2},
			{0x4058, 15},
			{0x405c, copies[i].wdma},
			{0x4060, 0x53},
			{0x4070, 0x383},
			{0x4084, 1},
			{0x500c, copies[i].width - 1},
			{0x5010, copies[i].height - 1},
			{0x5014, 15},
			{0x5018, copies[i].from},
			{0x5034, 1},
			{0x5044, 0x7801},
			{0x5048, copies[i].line_notch << 19},
			{0x504c, copies[i].surface_notch << 4},
		};

		ck_assert_int_eq(RUN(&npu, copy).kind, DEVICE_DONE);
	}
	for (int y = 0; y < 26; y++) {
		for (int x = 0; x < 26; x++) {
			int from_x = x < 1 ? 0 : x > 24 ? 23 : x - 1;
			int from_y = y < 1 ? 0 : y > 24 ? 23 : y - 1;

			ck_assert_mem_eq(npu.c + (size_t)(y * 26 + x) * 16,
					 npu.a + (size_t)(from_y * 24 + from_x) * 16, 16);
		}
	}
	rig_deinit(&npu.rig);
}
END_TEST

#define W 5u
#define H 3u
#define N (W * H)

/* int8 main data of 40 channels, 3 surfaces; the lanes above the real ones get OFFSET_PEND. */
static const struct setting three_surfaces[] = {{0x400c, 0x1e5},
						{0x4010, 0},
						{0x4014, 0x77},
						{0x4020, C},
						{0x4024, N << 4},
						{0x4030, W - 1},
						{0x4034, H - 1},
						{0x403c, 39 << 16 | 47},
						{0x4050, 2},
						{0x4058, 47},
						{0x405c, (H - 1) << 16 | (W - 1)},
						{0x4084, 1},
						{0x40c0, N << 4},
						{0x500c, W - 1},
						{0x5010, H - 1},
						{0x5014, 47},
						{0x5018, A},
						{0x5034, 1},
						{0x5044, 0x7801}};

static int8_t main_byte(const struct npu *npu, uint32_t pixel, uint32_t channel)
{
	return (int8_t)npu->a[(channel / 16 * N + pixel) * 16 + channel % 16];
}

static int8_t result_byte(const struct npu *npu, uint32_t pixel, uint32_t channel)
{
	return (int8_t)npu->c[(channel / 16 * N + pixel) * 16 + channel % 16];
}

static int32_t saturate(double value)
{
	return value > 127 ? 127 : value < -128 ? -128 : (int32_t)value;
}

static void fill_bytes(char *bytes, size_t n, unsigned seed)
{
	srand(seed);
	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)rand();
}

/* What the stages make of a value, from the mathematics of the operation. */
struct operands {
	int32_t bias[48];
	int16_t ow[48];
	uint16_t mul[48];
	int32_t bn[48];
	int8_t per_channel[48];
};

static void fill_operands(struct operands *operands)
{
	srand(7);
	for (int c = 0; c < 48; c++) {
		operands->bias[c] = rand() % 200 - 100;
		operands->ow[c] = (int16_t)rand();
		operands->mul[c] = (uint16_t)(rand() % 16384);
		operands->bn[c] = rand() % 60 - 30;
		operands->per_channel[c] = (int8_t)rand();
	}
}

static void store_blocks(const struct operands *operands, char *to)
{
	for (int block = 0; block < 6; block++, to += 64) {
		memcpy(to, &operands->bias[(size_t)block * 8], 32);
		memcpy(to + 32, &operands->ow[(size_t)block * 8], 16);
		memcpy(to + 48, &operands->mul[(size_t)block * 8], 16);
	}
}

/* Per channel: BS adds and multiplies by 64-byte blocks, BN adds an array, EW subtracts an atom. */
START_TEST(test_per_channel)
{
	static const struct setting stages[] = {
		{0x4040, 0x20140}, {0x4048, 0xd01},   {0x4060, 0x20150}, {0x4070, 0x004403c0},
		{0x501c, 0xe},	   {0x5020, B},	      {0x5028, 2},	 {0x502c, B + 0x400},
		{0x5034, 0x4},	   {0x5038, OPERAND}, {0x5040, 0x10}};
	struct operands operands;
	struct device_event event;
	struct npu npu;

	npu_init(&npu);
	fill_bytes(npu.a, (size_t)3 * N * 16, 3);
	fill_operands(&operands);
	store_blocks(&operands, npu.b);
	memcpy(npu.b + 0x400, operands.bn, sizeof(operands.bn));
	memcpy(npu.a + 0x40000, operands.per_channel, 48);
	write_settings(&npu, three_surfaces, COUNT(three_surfaces));
	write_settings(&npu, stages, COUNT(stages));
	npu_end_task(&npu, FLY_OP_EN);
	event = npu_run(&npu, 2);
	ck_assert_msg(event.kind == DEVICE_DONE, "%s", event.detail);
	for (uint32_t i = 0; i < N * 40; i++) {
		uint32_t pixel = i % N, c = i / N;
		double value = main_byte(&npu, pixel, c) + operands.bias[c];

		value = nearbyint(value * operands.mul[c] / 8192);
		value = value + operands.bn[c] - operands.per_channel[c];
		ck_assert_int_eq(result_byte(&npu, pixel, c), saturate(value));
	}
	for (uint32_t pixel = 0; pixel < N; pixel++)
		for (uint32_t c = 40; c < 48; c++)
			ck_assert_int_eq(result_byte(&npu, pixel, c), 0x77);
	rig_deinit(&npu.rig);
}
END_TEST

/* The vendor's int8 add (6.8): both operands rescaled, then converted; with gaps between lines. */
START_TEST(test_int8_add)
{
	static const struct setting add[] = {{0x4040, 0x20040},
					     {0x4044, 0x80},
					     {0x4048, 0x40000000},
					     {0x4070, 0x904202c0},
					     {0x4074, 17},
					     {0x4078, 0x44159},
					     {0x4080, 0x14},
					     {0x4084, 0x4f3c},
					     {0x4088, 0x1b},
					     {0x5010, 2 << 16 | (H - 1)},
					     {0x5034, 0x40000004},
					     {0x5038, B},
					     {0x5040, (W + 2) * H << 4}};
	struct device_event event;
	struct npu npu;

	npu_init(&npu);
	fill_bytes(npu.a, (size_t)3 * N * 16, 5);
	fill_bytes(npu.b, (size_t)3 * (W + 2) * H * 16, 6);
	write_settings(&npu, three_surfaces, COUNT(three_surfaces));
	write_settings(&npu, add, COUNT(add));
	npu_end_task(&npu, FLY_OP_EN);
	event = npu_run(&npu, 0);
	ck_assert_msg(event.kind == DEVICE_DONE, "%s", event.detail);
	for (uint32_t i = 0; i < N * 40; i++) {
		uint32_t pixel = i % N, c = i / N, x = pixel % W, y = pixel / W;
		size_t at = (c / 16 * (W + 2) * H + y * (W + 2) + x) * 16 + c % 16;
		double first = (main_byte(&npu, pixel, c) + 0x80) * 16384.0;
		double second = nearbyint(((int8_t)npu.b[at] + 17) * 16729 / 16.0);

		ck_assert_int_eq(result_byte(&npu, pixel, c),
				 saturate(nearbyint((first + second) * 0x4f3c / 0x8000000) + 20));
	}
	rig_deinit(&npu.rig);
}
END_TEST

/* WDMA sizes where an older compiler wrote them: 15 pixels as 3 lines of 5, or as 1 of 15. */
START_TEST(test_old_wdma)
{
	static const struct setting old[] = {{0x4018, 47},     {0x401c, 14},	  {0x4058, 0},
					     {0x405c, 0},      {0x4038, 0x10001}, {0x4024, 16 << 4},
					     {0x40c0, 16 << 4}};
	struct npu npu;

	npu_init(&npu);
	fill_bytes(npu.a, (size_t)3 * N * 16, 8);
	write_settings(&npu, three_surfaces, COUNT(three_surfaces));
	write_settings(&npu, old, COUNT(old));
	npu_end_task(&npu, FLY_OP_EN);
	ck_assert_int_eq(npu_run(&npu, 0).kind, DEVICE_DONE);
	for (size_t surface = 0; surface < 2; surface++)
		ck_assert_mem_eq(npu.c + surface * 256, npu.a + surface * N * 16, (size_t)N * 16);
	rig_deinit(&npu.rig);
}
END_TEST

/* DPU before PPU: maximum of 2x2 of what was added to, in memory only at the end. */
START_TEST(test_pooling_behind)
{
	static const struct setting stages[] = {{0x400c, 0x1e3},
						{0x4040, 0x20050},
						{0x4044, 10},
						{0x600c, W - 1},
						{0x6010, H - 1},
						{0x6014, 47},
						{0x6018, W - 2},
						{0x601c, H - 2},
						{0x6020, 47},
						{0x6024, 1},
						{0x6034, 0x101},
						{0x6070, C},
						{0x607c, (W - 1) * (H - 1) << 4},
						{0x6084, 8},
						{0x6004, S_POINTER_PING_PONG}};
	struct device_event event;
	struct npu npu;

	npu_init(&npu);
	fill_bytes(npu.a, (size_t)3 * N * 16, 9);
	write_settings(&npu, three_surfaces, COUNT(three_surfaces));
	write_settings(&npu, stages, COUNT(stages));
	npu.tasks[0].int_mask = INT_PPU;
	npu_end_task(&npu, FLY_OP_EN | OP_EN_PPU);
	event = npu_run(&npu, 0);
	ck_assert_msg(event.kind == DEVICE_DONE, "%s", event.detail);
	for (uint32_t i = 0; i < (W - 1) * (H - 1) * 40; i++) {
		uint32_t place = i % ((W - 1) * (H - 1)), c = i / ((W - 1) * (H - 1));
		uint32_t pixel = place / (W - 1) * W + place % (W - 1);
		int32_t best = -128;

		for (uint32_t k = 0; k < 4; k++) {
			int32_t value = main_byte(&npu, pixel + k / 2 * W + k % 2, c) + 10;

			best = saturate(value) > best ? saturate(value) : best;
		}
		ck_assert_int_eq((int8_t)npu.c[(c / 16 * (W - 1) * (H - 1) + place) * 16 + c % 16],
				 best);
	}
	rig_deinit(&npu.rig);
}
END_TEST

/* The convolution of 9.3, and its operands from the formulas there. */
static const struct setting example_9_3[] = {
	{0x1040, 0xb1},	     {0x100c, 0},	 {0x4004, 0xe},	    {0x5004, 0xe},
	{0x1010, 0x340},     {0x1014, 9},	 {0x1020, 0x80008}, {0x1024, 0xf0010},
	{0x1028, 8},	     {0x102c, 0x40},	 {0x1030, 0x1200},  {0x1034, 0x90},
	{0x1038, 0x3030020}, {0x1044, 2},	 {0x104c, 0xb},	    {0x1050, 0x10000},
	{0x1054, 0x10000},   {0x1058, 0x10000},	 {0x105c, 0x10000}, {0x1068, 0x11},
	{0x1070, A},	     {0x1078, 0xf000f},	 {0x107c, 0x20},    {0x1080, 0x20},
	{0x1084, 0x80008},   {0x1088, 0x10},	 {0x1110, B},	    {0x1184, 0xffff8080},
	{0x3010, 1},	     {0x3014, 0x70007},	 {0x3018, 0x1f},    {0x400c, 0x1e4},
	{0x4010, 0},	     {0x4020, C},	 {0x4024, 0x400},   {0x4030, 7},
	{0x4034, 7},	     {0x403c, 0x1f001f}, {0x4040, 0x20150}, {0x4050, 0x124},
	{0x4054, 8},	     {0x4058, 0x1f},	 {0x405c, 0x70007}, {0x4060, 0x53},
	{0x4070, 0x383},     {0x4078, 1},	 {0x4080, 0xc},	    {0x4084, 0x68dc},
	{0x4088, 0x1c},	     {0x40c0, 0x800},	 {0x500c, 7},	    {0x5010, 7},
	{0x5014, 0x1f},	     {0x501c, 2},	 {0x5020, OPERAND}, {0x5034, 1},
	{0x5044, 0x7810},    {0x5068, 0x1010101}};

static void fill_9_3(struct npu *npu)
{
	for (int i = 0; i < 64 * 16; i++)
		npu->a[i] = (char)(7 * (i / 128) + 3 * (i / 16 % 8) + 5 * (i % 16) - 128);
	for (int o = 0; o < 32; o++) {
		int32_t sum = 0, bias;

		for (int i = 0; i < 144; i++) {
			int ky = i / 48, kx = i / 16 % 3, c = i % 16;
			int w = (11 * o + 5 * ky + 3 * kx + 2 * c) % 256;

			npu->b[((3 * ky + kx) * 32 + o) * 16 + c] = (char)(w - 128);
			sum += w - 120;
		}
		bias = 100 * o - 1600 + 128 * sum;
		memcpy(npu->a + 0x40000 + (size_t)o * 4, &bias, sizeof(bias));
	}
}

static uint32_t crc(const char *bytes, unsigned size)
{
	return (uint32_t)crc32(0, (const unsigned char *)bytes, size);
}

START_TEST(test_example_9_3)
{
	struct device_event event;
	struct npu npu;

	npu_init(&npu);
	fill_9_3(&npu);
	ck_assert_uint_eq(crc(npu.a, 1024), 0xecbaf9c5);
	ck_assert_uint_eq(crc(npu.b, 4608), 0xb4fc16c0);
	ck_assert_uint_eq(crc(npu.a + 0x40000, 128), 0x19d1dd10);
	event = run_settings(&npu, example_9_3, COUNT(example_9_3), 0x1d);
	ck_assert_msg(event.kind == DEVICE_DONE, "%s", event.detail);
	ck_assert_uint_eq(crc(npu.c, 2048), 0x187d5a37);
	rig_deinit(&npu.rig);
}
END_TEST

/*
 * The same with a tensor added: two engines take turns at its surfaces (7.4). The accumulator is
 * that of the plain convolution to int32, which comes first.
 */
START_TEST(test_residual)
{
	static const struct setting wide[] = {{0x4010, 0x80000000}, {0x4050, 0x7fc},
					      {0x4080, 0},	    {0x4084, 1},
					      {0x4088, 0},	    {0x40c0, 0x2000}};
	static const struct setting residual[] = {{0x4020, C + 0x10000}, {0x4070, 0x904200c0},
						  {0x4074, 5},		 {0x4078, 0x26000},
						  {0x5018, B + 0x10000}, {0x5038, B + 0x10400},
						  {0x5034, 0x40000004},	 {0x5044, 0x7d00},
						  {0x504c, 0x400},	 {0x506c, 0x400}};
	struct device_event event;
	struct npu npu;

	npu_init(&npu);
	fill_9_3(&npu);
	fill_bytes(npu.b + 0x10000, 2048, 11);
	write_settings(&npu, example_9_3, COUNT(example_9_3));
	write_settings(&npu, wide, COUNT(wide));
	npu_end_task(&npu, 0x1d);
	event = npu_run(&npu, 0);
	ck_assert_msg(event.kind == DEVICE_DONE, "%s", event.detail);
	npu.stream.n = 0;
	write_settings(&npu, example_9_3, COUNT(example_9_3));
	write_settings(&npu, residual, COUNT(residual));
	npu_end_task(&npu, 0x1d);
	event = npu_run(&npu, 0);
	ck_assert_msg(event.kind == DEVICE_DONE, "%s", event.detail);
	for (uint32_t i = 0; i < 64 * 32; i++) {
		uint32_t pixel = i % 64, c = i / 64;
		size_t at = (size_t)(c / 16 * 64 + pixel) * 16 + c % 16;
		int32_t accumulator;
		double value;

		memcpy(&accumulator, npu.c + (size_t)(c / 4 * 64 + pixel) * 16 + c % 4 * 4, 4);
		value = accumulator + nearbyint(((int8_t)npu.b[0x10000 + at] + 5) * 24576.0 / 4);
		value = value < 0 ? 0 : value;
		value = nearbyint(value * 0x68dc / 0x10000000) + 12;
		ck_assert_int_eq((int8_t)npu.c[0x10000 + at], saturate(value));
	}
	rig_deinit(&npu.rig);
}
END_TEST

/* One setting that is wrong, in the stream of three surfaces. */
static const struct {
	const char *what;
	uint32_t offset, value;
	const char *complaint;
} complaints[] = {
	{"CORE data", 0x400c, 0x1e4, "DPU FEATURE_MODE_CFG: 0x1e4, "},
	{"depthwise", 0x400c, 0x1fd, "DPU FEATURE_MODE_CFG: 0x1fd, "},
	{"to nowhere", 0x400c, 0x1e1, "DPU FEATURE_MODE_CFG: 0x1e1, "},
	{"transposed", 0x400c, 0x400001e5, "DPU FEATURE_MODE_CFG: 0x400001e5, "},
	{"tf32", 0x4010, 7, "DPU DATA_FORMAT: 0x7, "},
	{"bf16 out of ints", 0x4010, 0x60000000, "DPU DATA_FORMAT: 0x60000000, "},
	{"ints out of floats", 0x4010, 0x00000002, "DPU DATA_FORMAT: 0x2, "},
	{"other input", 0x4010, 0x04000000, "DPU DATA_FORMAT: 0x4000000, "},
	{"two notches", 0x4038, 0x10002, "DPU DATA_CUBE_NOTCH_ADDR: 0x10002, "},
	{"surfaces", 0x4050, 0x6e, "DPU BS_OW_CFG: 0x6e, "},
	{"no operands", 0x4040, 0x20150, "DPU_RDMA RDMA_BRDMA_CFG: 0x0, "},
	{"WDMA", 0x405c, 3, "DPU WDMA_SIZE_1: 0x3, "},
	{"operand off", 0x4070, 0x104203c0, "DPU_RDMA RDMA_ERDMA_CFG: 0x1, "},
	{"scale 0", 0x4084, 0, "DPU OUT_CVT_SCALE: 0x0, "},
	{"shift", 0x4088, 63, "DPU OUT_CVT_SHIFT: 0x3f, "},
	{"MINUS_EXP", 0x4088, 0x1000, "DPU OUT_CVT_SHIFT: 0x1000, "},
	{"unaligned", 0x5018, A + 1, "DPU_RDMA RDMA_SRC_BASE_ADDR: 0x10400001, "},
	{"not flying", 0x5044, 0x7800, "DPU_RDMA RDMA_FEATURE_MODE_CFG: 0x7800, "},
	{"MRDMA off", 0x5044, 0x7811, "DPU_RDMA RDMA_FEATURE_MODE_CFG: 0x7811, "},
	{"other processing", 0x5044, 0x7821, "DPU_RDMA RDMA_FEATURE_MODE_CFG: 0x7821, "},
	{"un-pooling", 0x5048, 0x1000, "DPU_RDMA RDMA_SRC_DMA_CFG: 0x1000, "},
};

START_TEST(test_complaints)
{
	struct device_event event;
	struct npu npu;

	npu_init(&npu);
	write_settings(&npu, three_surfaces, COUNT(three_surfaces));
	rig_write(&npu.stream, (uint16_t)complaints[_i].offset, complaints[_i].value);
	npu_end_task(&npu, FLY_OP_EN);
	event = npu_run(&npu, 1);
	ck_assert_msg(event.kind == DEVICE_BAD_STREAM, "%s", complaints[_i].what);
	ck_assert_msg(strstr(event.detail, complaints[_i].complaint), "%s: %s", complaints[_i].what,
		      event.detail);
	rig_deinit(&npu.rig);
}
END_TEST

/* Behind the end of what is mapped; the register that led there is named. */
static const struct {
	struct setting place;
	uint32_t iova;
	const char *blame;
} faults[] = {
	{{0x4020, C + 0x80000 - 32}, C + 0x80000, "DPU DST_BASE_ADDR: 0xfff7ffe0, faults at 0x"},
	{{0x5018, A + 0x80000 - 32}, A + 0x80000, "DPU_RDMA RDMA_SRC_BASE_ADDR: 0x1047ffe0, "},
	{{0x4020, A}, A, "DPU DST_BASE_ADDR: 0x10400000, "}, /* read-only */
};

START_TEST(test_faults)
{
	struct device_event event;
	struct npu npu;

	npu_init(&npu);
	write_settings(&npu, three_surfaces, COUNT(three_surfaces));
	write_settings(&npu, &faults[_i].place, 1);
	npu_end_task(&npu, FLY_OP_EN);
	event = npu_run(&npu, 1);
	ck_assert_int_eq(event.kind, DEVICE_PAGE_FAULT);
	ck_assert_uint_eq(event.iova, faults[_i].iova);
	ck_assert_msg(strstr(event.detail, faults[_i].blame) == event.detail, "%s", event.detail);
	rig_deinit(&npu.rig);
}
END_TEST

/* A stream that is not there. */
START_TEST(test_no_stream)
{
	struct device_event event;
	struct npu npu;

	npu_init(&npu);
	npu_end_task(&npu, FLY_OP_EN);
	npu.tasks[0].regcmd_iova = B + 0x80000;
	event = npu_run(&npu, 1);
	ck_assert_int_eq(event.kind, DEVICE_PAGE_FAULT);
	ck_assert_str_eq(event.detail, "PC BASE_ADDRESS: 0x20080000, faults at 0x20080000");
	rig_deinit(&npu.rig);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("soft_dpu");
	TCase *tcase = tcase_create("soft_dpu");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, test_example_9_6);
	tcase_add_test(tcase, test_lowest_channels);
	tcase_add_test(tcase, test_border_copies);
	tcase_add_test(tcase, test_per_channel);
	tcase_add_test(tcase, test_int8_add);
	tcase_add_test(tcase, test_old_wdma);
	tcase_add_test(tcase, test_pooling_behind);
	tcase_add_test(tcase, test_example_9_3);
	tcase_add_test(tcase, test_residual);
	tcase_add_loop_test(tcase, test_complaints, 0, COUNT(complaints));
	tcase_add_loop_test(tcase, test_faults, 0, COUNT(faults));
	tcase_add_test(tcase, test_no_stream);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
