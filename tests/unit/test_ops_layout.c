/* SPDX-License-Identifier: MIT */
/* Layouts against the checksums of the worked example 9.1 of the hardware reference, and by
 * formula. */
#include "npu_ops.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* CRC-32 as zlib has it. */
static uint32_t checksum(const void *data, size_t size)
{
	const unsigned char *bytes = data;
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < size; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

/* 9.1: A(m,k) = ((3m+5k) mod 11) - 5, B(n,k) = ((7n+2k) mod 13) - 6. */
static int example_a(int m, int k)
{
	return (3 * m + 5 * k) % 11 - 5;
}

static int example_b(int n, int k)
{
	return (7 * n + 2 * k) % 13 - 6;
}

START_TEST(example_images)
{
	struct npu_matmul_shape shape = {4, 36, 16, NPU_MATMUL_FP16_FP32};
	struct npu_matmul_layout layout;
	uint16_t a[4][36], b[36][16], b_transposed[16][36];
	unsigned char a_image[512], b_image[2048];

	for (int k = 0; k < 36; k++) {
		for (int m = 0; m < 4; m++)
			a[m][k] = npu_fp16_from_float((float)example_a(m, k));
		for (int n = 0; n < 16; n++)
			b[k][n] = b_transposed[n][k] = npu_fp16_from_float((float)example_b(n, k));
	}
	ck_assert_int_eq(npu_matmul_layout(&shape, &layout), 0);
	ck_assert_uint_eq(layout.a_bytes, sizeof(a_image));
	ck_assert_uint_eq(layout.b_bytes, sizeof(b_image));
	ck_assert_uint_eq(layout.c_bytes, 256);
	npu_matmul_pack_a(&layout, a, a_image);
	ck_assert_uint_eq(checksum(a_image, sizeof(a_image)), 0xb1ed0ec9);
	npu_matmul_pack_b(&layout, b, b_image);
	ck_assert_uint_eq(checksum(b_image, sizeof(b_image)), 0x359a1b57);
	memset(b_image, 0xff, sizeof(b_image));
	npu_matmul_pack_b_transposed(&layout, b_transposed, b_image);
	ck_assert_uint_eq(checksum(b_image, sizeof(b_image)), 0x359a1b57);
}
END_TEST

START_TEST(example_output)
{
	struct npu_matmul_shape shape = {4, 36, 16, NPU_MATMUL_FP16_FP32};
	struct npu_matmul_layout layout;
	float image[64], c[4][16];

	ck_assert_int_eq(npu_matmul_layout(&shape, &layout), 0);
	for (int m = 0; m < 4; m++)
		for (int n = 0; n < 16; n++) {
			float sum = 0;

			for (int k = 0; k < 36; k++)
				sum += (float)(example_a(m, k) * example_b(n, k));
			image[((n / 4) * 4 + m) * 4 + n % 4] = sum;
		}
	ck_assert_uint_eq(checksum(image, sizeof(image)), 0xc74a361a);
	npu_matmul_unpack_c(&layout, image, c);
	ck_assert_float_eq(c[0][0], 33);
	ck_assert_float_eq(c[1][5], 158);
	ck_assert_float_eq(c[3][15], -65);
}
END_TEST

/* 9.2: A at ((k/16)*8 + m)*16 + k%16, B at n*32 + k, C at ((n/4)*8 + m)*16 + (n%4)*4. */
START_TEST(int8_formulas)
{
	struct npu_matmul_shape shape = {8, 32, 32, NPU_MATMUL_INT8_INT32};
	struct npu_matmul_layout layout;
	int8_t a[8][32], b[32][32], a_image[256], b_image[1024];
	int32_t c_image[256], c[8][32];

	ck_assert_int_eq(npu_matmul_layout(&shape, &layout), 0);
	for (int i = 0; i < 32; i++)
		for (int k = 0; k < 32; k++) {
			b[k][i] = (int8_t)(i * 7 + k * 3);
			if (i < 8)
				a[i][k] = (int8_t)(i * 5 + k);
		}
	for (int i = 0; i < 256; i++)
		c_image[i] = i * 1001;
	npu_matmul_pack_a(&layout, a, a_image);
	npu_matmul_pack_b(&layout, b, b_image);
	npu_matmul_unpack_c(&layout, c_image, c);
	for (int i = 0; i < 32; i++)
		for (int k = 0; k < 32; k++) {
			ck_assert_int_eq(b_image[i * 32 + k], b[k][i]);
			if (i >= 8)
				continue;
			ck_assert_int_eq(a_image[(k / 16 * 8 + i) * 16 + k % 16], a[i][k]);
			ck_assert_int_eq(c[i][k], c_image[(k / 4 * 8 + i) * 4 + k % 4]);
		}
}
END_TEST

START_TEST(padding_is_zero)
{
	struct npu_matmul_shape shape = {3, 33, 10, NPU_MATMUL_INT8_INT32};
	struct npu_matmul_layout layout;
	int8_t ones[33 * 10], a_image[3 * 64], b_image[32 * 64];
	int sum = 0;

	memset(ones, 1, sizeof(ones));
	memset(a_image, 0x55, sizeof(a_image));
	memset(b_image, 0x55, sizeof(b_image));
	ck_assert_int_eq(npu_matmul_layout(&shape, &layout), 0);
	ck_assert_uint_eq(layout.k_padded, 64);
	ck_assert_uint_eq(layout.n_padded, 32);
	npu_matmul_pack_a(&layout, ones, a_image);
	for (size_t i = 0; i < sizeof(a_image); i++)
		sum += a_image[i];
	ck_assert_int_eq(sum, 3 * 33);
	npu_matmul_pack_b(&layout, ones, b_image);
	sum = 0;
	for (size_t i = 0; i < sizeof(b_image); i++)
		sum += b_image[i];
	ck_assert_int_eq(sum, 33 * 10);
}
END_TEST

static const struct {
	struct npu_matmul_shape shape;
	const char *sentence;
} refused[] = {
	{{0, 1, 1, 0}, "m: 0, must be 1 to 1048576"},
	{{1, 0, 1, 0}, "k: 0, must be 1 to 11264"},
	{{1, 11265, 1, 0}, "k: 11265, must be 1 to 11264"},
	{{1, 1, 0, 0}, "n: 0, must be 1 to 1048576"},
	{{1, 1, UINT32_MAX, 0}, "n: 4294967295, must be 1 to 1048576"},
	{{1, 1, 1, (enum npu_matmul_type)3}, "type: 3, must be 0 to 2"},
	{{1048576, 4096, 1, 0}, "m, k: 4294967296 bytes, must be at most 4294967295"},
	{{1, 4096, 1048576, 0}, "k, n: 4294967296 bytes, must be at most 4294967295"},
	{{1048576, 1, 1024, 0}, "m, n: 4294967296 bytes, must be at most 4294967295"},
};

START_TEST(refuses)
{
	struct npu_matmul_layout layout = {.group = 77};

	ck_assert_int_eq(npu_matmul_layout(&refused[_i].shape, &layout), -EINVAL);
	ck_assert_str_eq(npu_last_error(), refused[_i].sentence);
	ck_assert_uint_eq(layout.group, 77);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ops_layout");
	TCase *tcase = tcase_create("layout");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, example_images);
	tcase_add_test(tcase, example_output);
	tcase_add_test(tcase, int8_formulas);
	tcase_add_test(tcase, padding_is_zero);
	tcase_add_loop_test(tcase, refuses, 0, sizeof(refused) / sizeof(*refused));
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
