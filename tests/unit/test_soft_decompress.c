/* SPDX-License-Identifier: MIT */
/*
 * Compressed weights: the two segments whose contents the reference gives (4.11), what nobody has
 * seen, and a convolution with sixteen segments.
 */
#include "tests/unit/npu_conv.h"

#include "device/soft/decompress.h"

#include <check.h>
#include <errno.h>

#define STREAM	   0x10000000u
#define IN	   0x20000000u
#define WEIGHTS	   0x30000000u
#define OUT	   0x40000000u
#define N_PARTS	   18u
#define N_SEGMENTS 16u

/* With runs of zeros: nine times (0,0,0,0,2,2,2,2). The reference gives its beginning. */
static const uint8_t with_runs[] = {
	0x11, 0x00, 0x00, 0x00, 0x02, 0x78, 0x54, 0x36, 0x04, 0x00, 0x03, 0x00,
	0x01, 0x00, 0x02, 0x00, 0x01, 0x00, 0x08, 0x00, 0x40, 0x00, 0x00, 0x02,
	0x00, 0x10, 0x00, 0x80, 0x00, 0x00, 0x04, 0x00, 0x20, 0x00, 0x00, 0x01,
};

static const uint8_t repeated[] = {
	0x11, 0x05, 0x00, 0x00, 0x03, 0x78, 0x54, 0x16, 0x04, 0x00, 0x03, 0x00, 0x01, 0x00,
	0x02, 0x00, 0x94, 0x52, 0x1a, 0x4a, 0x29, 0x0d, 0xa5, 0x94, 0x86, 0x52, 0x4a, 0x43,
	0x29, 0xa5, 0xa1, 0x94, 0xd2, 0x50, 0x4a, 0x69, 0x28, 0xa5, 0x34, 0x94, 0x52, 0x1a,
};

static void decode(const uint8_t *segment, size_t size, size_t n_parts, int8_t *ret_bytes)
{
	uint8_t image[N_PARTS * SOFT_LINE_BYTES];

	ck_assert_int_eq(soft_segment_decode(segment, size, n_parts, image), 0);
	for (size_t i = 0; i < n_parts * SOFT_SEGMENT_PART; i++)
		ret_bytes[i] = (int8_t)image[i / 4 * SOFT_LINE_BYTES + i % 4];
}

START_TEST(test_segment_of_reference)
{
	int8_t bytes[N_PARTS * SOFT_SEGMENT_PART];

	decode(repeated, sizeof(repeated), N_PARTS, bytes);
	for (size_t i = 0; i < sizeof(bytes); i++)
		ck_assert_int_eq(bytes[i], i % 8 < 4 ? -1 : 5);
}
END_TEST

START_TEST(test_segment_with_runs)
{
	int8_t bytes[N_PARTS * SOFT_SEGMENT_PART];
	size_t n_parts = 8;

	decode(with_runs, sizeof(with_runs), n_parts, bytes);
	for (size_t i = 0; i < n_parts * SOFT_SEGMENT_PART; i++)
		ck_assert_msg(bytes[i] == (i % 8 < 4 ? 0 : 2), "byte %zu: %d", i, bytes[i]);
}
END_TEST

/* Base 10, code 0 of class 0 (a sign), code 1 of class 3; bits from bit 0 upwards. */
START_TEST(test_plain_mode)
{
	static const uint8_t segment[] = {
		0x00,
		10,
		0,
		0,
		0x30,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		0,
		/* 00 0 | 00 1 | 10 0 11 | 10 1 1: 0, -1, 7, -6 */
		0x60,
		0x6e,
		0x00,
	};
	int8_t bytes[SOFT_SEGMENT_PART];

	decode(segment, sizeof(segment), 1, bytes);
	ck_assert_int_eq(bytes[0], 10);
	ck_assert_int_eq(bytes[1], 9);
	ck_assert_int_eq(bytes[2], 17);
	ck_assert_int_eq(bytes[3], 4);
}
END_TEST

static const struct {
	const char *what;
	size_t at;
	uint8_t value;
	size_t size;
} broken[] = {
	{"mode", 0, 0x22, sizeof(repeated)},
	{"class", 4, 0x08, sizeof(repeated)},
	{"run code of zeros", 4, 0x00, sizeof(repeated)},
	{"header only", 0, 0x11, SOFT_SEGMENT_HEADER},
	{"ends early", 0, 0x11, sizeof(repeated) - 1},
	{"no header", 0, 0x11, 15},
};

START_TEST(test_broken)
{
	uint8_t segment[sizeof(repeated)], image[N_PARTS * SOFT_LINE_BYTES];

	memcpy(segment, repeated, sizeof(segment));
	segment[broken[_i].at] = broken[_i].value;
	ck_assert_msg(soft_segment_decode(segment, broken[_i].size, N_PARTS, image) == -EBADMSG,
		      "%s", broken[_i].what);
}
END_TEST

/* A kernel of one class: each byte a code of two bits, a sign and seven bits of magnitude. */
static size_t encode(const int8_t *image, size_t n_lines, unsigned index, uint8_t *segment)
{
	size_t at = 0;

	memset(segment, 0, SOFT_SEGMENT_HEADER + n_lines * 8);
	segment[0] = 0x11;
	segment[4] = 0x07;
	for (size_t i = 0; i < n_lines * SOFT_SEGMENT_PART; i++) {
		int value = image[i / 4 * SOFT_LINE_BYTES + index * 4 + i % 4];
		unsigned bits = (unsigned)abs(value) & 0x7f;

		bits = (bits << 1 | (value < 0)) << 2;
		for (unsigned bit = 0; bit < 10; bit++, at++)
			if (bits >> bit & 1)
				segment[SOFT_SEGMENT_HEADER + at / 8] |= (uint8_t)(1u << at % 8);
	}
	return (SOFT_SEGMENT_HEADER + (at + 7) / 8 + 15) / 16 * 16;
}

static const struct conv conv = {
	.in = RK3588_INT8,
	.out = RK3588_INT32,
	.width = 9,
	.height = 9,
	.channels = 16,
	.padded = 16,
	.pitch = 9,
	.full_height = 9,
	.kernels = 8,
	.kernel_width = 3,
	.kernel_height = 3,
	.stride_x = 1,
	.stride_y = 1,
	.step_x = 1,
	.step_y = 1,
	.pad_left = 1,
	.pad_top = 1,
	.pad = -128,
	.out_width = 9,
	.out_height = 9,
	.seed = 4,
	.in_iova = IN,
	.weight_iova = WEIGHTS,
	.out_iova = OUT,
};

#define IMAGE_BYTES (9 * 16 * 8u)

static void compress(char *weights, struct rig_stream *stream)
{
	int8_t image[IMAGE_BYTES];
	size_t at = 0;

	memcpy(image, weights, sizeof(image));
	rig_write(stream, 0x1100, 1);
	rig_write(stream, 0x1104, 0x55555555);
	for (unsigned i = 0; i < N_SEGMENTS; i++) {
		size_t size =
			encode(image, IMAGE_BYTES / SOFT_LINE_BYTES, i, (uint8_t *)weights + at);

		rig_write(stream, (uint16_t)(0x1140 + 4 * i), (uint32_t)(size / 16 - 1));
		at = (at + size + 63) / 64 * 64;
	}
}

static struct device_event run(struct rig *rig, struct rig_stream *stream)
{
	struct device_task task;
	struct device_batch batch = {.tasks = &task, .n_tasks = 1, .table_pa = rig->directory_pa};

	rig_tail(stream, 0, 0, CONV_OP_EN);
	task = (struct device_task){STREAM, stream->n, 0x300};
	ck_assert_int_eq(device_start(rig->device, 0, &batch), 0);
	rig_wait_events(rig, 1);
	return rig->events[0];
}

/* With a byte of the compressed weights spoilt, or none. */
static struct device_event convolve(size_t spoilt, uint8_t value)
{
	struct soft_options options = soft_options_default();
	struct rig_stream stream = {.capacity = 0x1000 / 8};
	char *in, *weights, *out;
	struct device_event event;
	struct rig rig;

	rig_init(&rig, &options);
	stream.entries = (uint64_t *)rig_buffer(&rig, STREAM, 0x1000, RIG_READ);
	in = rig_buffer(&rig, IN, 0x1000, RIG_READ);
	weights = rig_buffer(&rig, WEIGHTS, 0x2000, RIG_READ);
	out = rig_buffer(&rig, OUT, 0x4000, RIG_BOTH);
	conv_fill(&conv, in, weights);
	conv_write(&stream, &conv);
	compress(weights, &stream);
	weights[spoilt] = (char)value;
	event = run(&rig, &stream);
	if (event.kind == DEVICE_DONE)
		ck_assert_uint_eq(conv_errors(&conv, out), 0);
	rig_deinit(&rig);
	return event;
}

START_TEST(test_convolution)
{
	ck_assert_int_eq(convolve(0, 0x11).kind, DEVICE_DONE);
}
END_TEST

START_TEST(test_broken_convolution)
{
	struct device_event event = convolve(0, 0x12);

	ck_assert_int_eq(event.kind, DEVICE_BAD_STREAM);
	ck_assert_ptr_nonnull(strstr(event.detail, "CNA DCOMP_AMOUNT0: 0x"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("soft_decompress");
	TCase *tcase = tcase_create("soft_decompress");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, test_segment_of_reference);
	tcase_add_test(tcase, test_segment_with_runs);
	tcase_add_test(tcase, test_plain_mode);
	tcase_add_loop_test(tcase, test_broken, 0, sizeof(broken) / sizeof(*broken));
	tcase_add_test(tcase, test_convolution);
	tcase_add_test(tcase, test_broken_convolution);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
