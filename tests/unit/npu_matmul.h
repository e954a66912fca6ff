/* SPDX-License-Identifier: MIT */
/*
 * Matrix products for the software NPU: the stream, the operands in the NPU's layouts, and the
 * result by definition. Written from hardware reference 4.2, 4.4, 4.10, 6.7 and 9.1, not from the
 * model. Operands are small integers, so every result is exact in every precision.
 */
#ifndef NPUD_TESTS_NPU_MATMUL_H
#define NPUD_TESTS_NPU_MATMUL_H

#include "device/soft/half.h"
#include "tests/unit/npu_rig.h"

/* C[m][n] = A[m][k] * B[k][n] */
struct matmul {
	enum rk3588_precision in, out; /* int8 -> int32, int8; fp16 -> fp32, fp16 */
	uint32_t m, k, n;	       /* k: multiple of 16 (int8) or 8 (fp16) */
	uint32_t real_k;	       /* columns of A from here on must not matter */
	bool is_row_major;	       /* A and C in rows, else in 16-byte atoms; n whole groups */
	bool is_wide;		       /* pixels along x instead of y; not row-major */
	uint32_t a_iova, b_iova, c_iova;
};

static inline uint32_t matmul_in_bytes(const struct matmul *mm)
{
	return mm->in == RK3588_INT8 ? 1 : 2;
}

static inline uint32_t matmul_out_bytes(const struct matmul *mm)
{
	return mm->out == RK3588_INT8 ? 1 : mm->out == RK3588_FP16 ? 2 : 4;
}

static inline uint32_t matmul_group(const struct matmul *mm)
{
	return mm->in == RK3588_INT8 ? 32 : 16;
}

static inline int matmul_a(const struct matmul *mm, uint32_t m, uint32_t k)
{
	return k < mm->real_k ? (int)((3 * m + 5 * k) % 11) - 5 : 0;
}

static inline int matmul_b(uint32_t k, uint32_t n)
{
	return (int)((7 * n + 2 * k) % 13) - 6;
}

static inline int matmul_c(const struct matmul *mm, uint32_t m, uint32_t n)
{
	int sum = 0;

	for (uint32_t k = 0; k < mm->real_k; k++)
		sum += matmul_a(mm, m, k) * matmul_b(k, n);
	return sum;
}

static inline size_t matmul_a_offset(const struct matmul *mm, uint32_t m, uint32_t k)
{
	uint32_t bytes = matmul_in_bytes(mm), lanes = 16 / bytes;

	if (mm->is_row_major)
		return ((size_t)m * mm->k + k) * bytes;
	return ((size_t)(k / lanes) * mm->m + m) * 16 + k % lanes * bytes;
}

static inline size_t matmul_b_offset(const struct matmul *mm, uint32_t k, uint32_t n)
{
	uint32_t group = matmul_group(mm), first = n / group * group, slice = k / 32;
	uint32_t size = mm->n - first < group ? mm->n - first : group;
	uint32_t width = mm->k - slice * 32 < 32 ? mm->k - slice * 32 : 32;

	return ((size_t)first * mm->k + (size_t)size * slice * 32 + (size_t)(n % group) * width +
		k % 32) *
	       matmul_in_bytes(mm);
}

static inline size_t matmul_c_offset(const struct matmul *mm, uint32_t m, uint32_t n)
{
	uint32_t bytes = matmul_out_bytes(mm), lanes = 16 / bytes;

	if (mm->is_row_major)
		return ((size_t)m * mm->n + n) * bytes;
	return ((size_t)(n / lanes) * mm->m + m) * 16 + n % lanes * bytes;
}

static inline void matmul_store(char *to, enum rk3588_precision precision, int value)
{
	uint16_t half = half_from_float((float)value);

	if (precision == RK3588_INT8)
		*to = (char)value;
	else
		memcpy(to, &half, sizeof(half));
}

/* Fills A and B; the columns of A that are not real with what would show. */
static inline void matmul_fill(const struct matmul *mm, char *a, char *b)
{
	for (uint32_t k = 0; k < mm->k; k++) {
		for (uint32_t m = 0; m < mm->m; m++)
			matmul_store(a + matmul_a_offset(mm, m, k), mm->in,
				     k < mm->real_k ? matmul_a(mm, m, k) : 99);
		for (uint32_t n = 0; n < mm->n; n++)
			matmul_store(b + matmul_b_offset(mm, k, n), mm->in, matmul_b(k, n));
	}
}

static inline double matmul_load(const struct matmul *mm, const char *from)
{
	int32_t word;
	uint16_t half;
	float value;

	switch (mm->out) {
	case RK3588_INT8:
		return (signed char)*from;
	case RK3588_INT32:
		memcpy(&word, from, sizeof(word));
		return word;
	case RK3588_FP16:
		memcpy(&half, from, sizeof(half));
		return half_to_float(half);
	default:
		memcpy(&value, from, sizeof(value));
		return value;
	}
}

/* Elements of C that differ from the definition. */
static inline unsigned matmul_errors(const struct matmul *mm, const char *c)
{
	unsigned errors = 0;

	for (uint32_t m = 0; m < mm->m; m++) {
		for (uint32_t n = 0; n < mm->n; n++) {
			double want = matmul_c(mm, m, n);

			if (mm->out == RK3588_INT8)
				want = want > 127 ? 127 : want < -128 ? -128 : want;
			if (mm->out == RK3588_FP16)
				want = half_to_float(half_from_float((float)want));
			errors += matmul_load(mm, c + matmul_c_offset(mm, m, n)) != want;
		}
	}
	return errors;
}

static inline void matmul_write_cna(struct rig_stream *stream, const struct matmul *mm)
{
	uint32_t bytes = matmul_in_bytes(mm), width = mm->is_wide ? mm->m : 1;
	uint32_t height = mm->is_wide ? 1 : mm->m;
	uint32_t line = mm->is_row_major ? mm->k * bytes / 16 : 4 * width;
	uint32_t surface = mm->is_row_major ? 0 : (mm->m - 4 * width) & CNA_SURF_STRIDE;

	rig_write(stream, 0x100c,
		  (mm->is_row_major ? CNA_GROUP_LINE_OFF : 0) | mm->in << 7 | mm->in << 4);
	rig_write(stream, 0x1010, 0x50);
	rig_write(stream, 0x1014, 9);
	rig_write(stream, 0x1020, width << 16 | height);
	rig_write(stream, 0x1024, (mm->real_k - 1) << 16 | mm->k);
	rig_write(stream, 0x1028, width);
	rig_write(stream, 0x102c, mm->m);
	rig_write(stream, 0x1030, mm->k * bytes * mm->n);
	rig_write(stream, 0x1034, mm->k * bytes);
	rig_write(stream, 0x1038, 0x1010000 | mm->n);
	rig_write(stream, 0x1040, 0xb1);
	rig_write(stream, 0x1044, (mm->k * bytes + 63) / 64);
	rig_write(stream, 0x104c, 0xb);
	rig_write(stream, 0x1070, mm->a_iova);
	rig_write(stream, 0x1078, 0xf000f);
	rig_write(stream, 0x107c, line);
	rig_write(stream, 0x1080, surface);
	rig_write(stream, 0x1084, width << 16 | height);
	rig_write(stream, 0x1088, mm->k);
	rig_write(stream, 0x1110, mm->b_iova);
}

static inline void matmul_write_dpu(struct rig_stream *stream, const struct matmul *mm)
{
	uint32_t bytes = matmul_out_bytes(mm), atoms = matmul_group(mm) * bytes / 16;
	uint32_t width = mm->is_wide ? mm->m : 1, height = mm->is_wide ? 1 : mm->m;
	uint32_t row_atoms = mm->n * bytes / 16;
	uint32_t channels = (mm->n + matmul_group(mm) - 1) / matmul_group(mm) * matmul_group(mm);

	rig_write(stream, 0x400c, 0x1e4);
	rig_write(stream, 0x4010, mm->out << 29 | mm->in << 26 | mm->in);
	rig_write(stream, 0x4020, mm->c_iova);
	rig_write(stream, 0x4024, mm->is_row_major ? 16 : mm->m * 16);
	rig_write(stream, 0x4030, width - 1);
	rig_write(stream, 0x4034, height - 1);
	rig_write(stream, 0x4038, mm->is_row_major ? (row_atoms - 1) * 0x10001 : 0);
	rig_write(stream, 0x403c, (mm->n - 1) << 16 | (channels - 1));
	rig_write(stream, 0x4040, 0x53);
	rig_write(stream, 0x4050, (atoms - 1) * 0x124 | 2);
	rig_write(stream, 0x4058, channels - 1);
	rig_write(stream, 0x405c, (height - 1) << 16 | (width - 1));
	rig_write(stream, 0x4060, 0x53);
	rig_write(stream, 0x4070, 0x383);
	rig_write(stream, 0x4078, 1);
	rig_write(stream, 0x4084, mm->out == RK3588_FP16 ? 0x10001 : 1);
	rig_write(stream, 0x40c0, (mm->is_row_major ? 1 : mm->m) * atoms * 16);
}

/* The whole body, without a tail. */
static inline void matmul_write(struct rig_stream *stream, const struct matmul *mm)
{
	uint32_t width = mm->is_wide ? mm->m : 1, height = mm->is_wide ? 1 : mm->m;
	uint32_t channels = (mm->n + matmul_group(mm) - 1) / matmul_group(mm) * matmul_group(mm);

	rig_write(stream, REG_DPU_S_POINTER, S_POINTER_PING_PONG);
	matmul_write_cna(stream, mm);
	rig_write(stream, 0x3010, mm->in << 8 | 1);
	rig_write(stream, 0x3014, (height - 1) << 16 | (width - 1));
	rig_write(stream, 0x3018, channels - 1);
	matmul_write_dpu(stream, mm);
}

#define MATMUL_OP_EN (OP_EN_CNA | OP_EN_CORE | OP_EN_DPU)

#endif
