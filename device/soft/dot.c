/* SPDX-License-Identifier: MIT */
/*
 * Each loop works on a few pixels at once, so that a weight that was loaded serves them all while
 * their sums stay in registers; the remaining pixels go one by one.
 *
 * Products of fp16 numbers are exact as floats, so a fused multiply-add rounds as a multiplication
 * and an addition do.
 */
#include "device/soft/dot.h"

#include "device/soft/weights.h"

#include <string.h>

#define BLOCK SOFT_WEIGHT_BLOCK
#define ROW   SOFT_WEIGHT_ROW
#define QUAD  SOFT_WEIGHT_QUAD

static void dot_bytes_plain(const struct soft_dot *dot)
{
	int32_t *results = dot->results;

	for (uint32_t pixel = 0; pixel < dot->n_pixels; pixel++) {
		const int8_t *weights = dot->weights;
		int32_t sums[BLOCK];

		memcpy(sums, dot->initial, sizeof(sums));
		for (uint32_t i = 0; i < dot->n_spans; i++) {
			const uint8_t *features = dot->features;

			features += dot->bases[pixel] + dot->spans[i].offset;
			for (uint32_t e = 0; e < dot->spans[i].n;
			     e += QUAD, weights += BLOCK * QUAD)
				for (uint32_t k = 0; k < BLOCK; k++)
					sums[k] += features[e] * weights[k * QUAD] +
						   features[e + 1] * weights[k * QUAD + 1] +
						   features[e + 2] * weights[k * QUAD + 2] +
						   features[e + 3] * weights[k * QUAD + 3];
		}
		memcpy(results + (size_t)pixel * dot->pitch, sums, sizeof(sums));
	}
}

static void dot_floats_plain(const struct soft_dot *dot)
{
	float *results = dot->results;

	for (uint32_t pixel = 0; pixel < dot->n_pixels; pixel++) {
		const float *weights = dot->weights;
		float sums[ROW] = {0};

		for (uint32_t i = 0; i < dot->n_spans; i++) {
			const float *features = dot->features;

			features += dot->bases[pixel] + dot->spans[i].offset;
			for (uint32_t e = 0; e < dot->spans[i].n; e++, weights += ROW)
				for (uint32_t k = 0; k < ROW; k++)
					sums[k] += features[e] * weights[k];
		}
		memcpy(results + (size_t)pixel * dot->pitch, sums, sizeof(sums));
	}
}

#if defined(__x86_64__)

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

/* A quad of features, four times over, as int16. */
#define AVX2 __attribute__((target("avx2,fma")))

AVX2 INLINE __m256i avx2_quad(const uint8_t *features)
{
	int32_t quad;

	memcpy(&quad, features, sizeof(quad));
	return _mm256_cvtepu8_epi16(_mm_set1_epi32(quad));
}

/* `n` pixels and eight kernels. Sums of the two halves of quads stay apart until the end. */
AVX2 INLINE void avx2_bytes(const struct soft_dot *dot, uint32_t first, uint32_t kernel,
			    const unsigned n)
{
	const uint8_t *weights = (const uint8_t *)dot->weights + kernel * QUAD;
	int32_t *results = (int32_t *)dot->results + (size_t)first * dot->pitch + kernel;
	__m256i low[4], high[4];

	for (unsigned p = 0; p < n; p++)
		low[p] = high[p] = _mm256_setzero_si256();
	for (uint32_t i = 0; i < dot->n_spans; i++) {
		const uint8_t *features = (const uint8_t *)dot->features + dot->spans[i].offset;

		for (uint32_t e = 0; e < dot->spans[i].n; e += QUAD, weights += BLOCK * QUAD) {
			const __m128i *w = (const __m128i *)weights;
			__m256i w_low = _mm256_cvtepi8_epi16(_mm_loadu_si128(w));
			__m256i w_high = _mm256_cvtepi8_epi16(_mm_loadu_si128(w + 1));

#pragma GCC unroll 4
			for (unsigned p = 0; p < n; p++) {
				__m256i f = avx2_quad(features + dot->bases[first + p] + e);

				low[p] = _mm256_add_epi32(low[p], _mm256_madd_epi16(f, w_low));
				high[p] = _mm256_add_epi32(high[p], _mm256_madd_epi16(f, w_high));
			}
		}
	}
	for (unsigned p = 0; p < n; p++) {
		__m256i initial = _mm256_loadu_si256((const __m256i *)(dot->initial + kernel));
		__m256i sums = _mm256_hadd_epi32(low[p], high[p]);

		sums = _mm256_add_epi32(_mm256_permute4x64_epi64(sums, 0xd8), initial);
		_mm256_storeu_si256((__m256i *)(results + (size_t)p * dot->pitch), sums);
	}
}

AVX2 static void dot_bytes_avx2(const struct soft_dot *dot)
{
	uint32_t pixel = 0;

	for (; pixel + 4 <= dot->n_pixels; pixel += 4)
		for (uint32_t kernel = 0; kernel < BLOCK; kernel += 8)
			avx2_bytes(dot, pixel, kernel, 4);
	for (; pixel < dot->n_pixels; pixel++)
		for (uint32_t kernel = 0; kernel < BLOCK; kernel += 8)
			avx2_bytes(dot, pixel, kernel, 1);
}

AVX2 INLINE void avx2_floats(const struct soft_dot *dot, uint32_t first, const unsigned n)
{
	const float *weights = dot->weights;
	float *results = (float *)dot->results + (size_t)first * dot->pitch;
	__m256 low[6], high[6];

	for (unsigned p = 0; p < n; p++)
		low[p] = high[p] = _mm256_setzero_ps();
	for (uint32_t i = 0; i < dot->n_spans; i++) {
		const float *features = (const float *)dot->features + dot->spans[i].offset;

		for (uint32_t e = 0; e < dot->spans[i].n; e++, weights += ROW) {
			__m256 w_low = _mm256_loadu_ps(weights);
			__m256 w_high = _mm256_loadu_ps(weights + 8);

#pragma GCC unroll 6
			for (unsigned p = 0; p < n; p++) {
				__m256 f = _mm256_set1_ps(features[dot->bases[first + p] + e]);

				low[p] = _mm256_fmadd_ps(f, w_low, low[p]);
				high[p] = _mm256_fmadd_ps(f, w_high, high[p]);
			}
		}
	}
	for (unsigned p = 0; p < n; p++) {
		_mm256_storeu_ps(results + (size_t)p * dot->pitch, low[p]);
		_mm256_storeu_ps(results + (size_t)p * dot->pitch + 8, high[p]);
	}
}

AVX2 static void dot_floats_avx2(const struct soft_dot *dot)
{
	uint32_t pixel = 0;

	for (; pixel + 6 <= dot->n_pixels; pixel += 6)
		avx2_floats(dot, pixel, 6);
	for (; pixel < dot->n_pixels; pixel++)
		avx2_floats(dot, pixel, 1);
}

#define AVX512 __attribute__((target("avx512f,avx512vnni")))

/* `n` pixels and all 32 kernels. */
AVX512 INLINE void avx512_bytes(const struct soft_dot *dot, uint32_t first, const unsigned n)
{
	const uint8_t *weights = dot->weights;
	int32_t *results = (int32_t *)dot->results + (size_t)first * dot->pitch;
	const uint8_t *pixels[12];
	__m512i low[12], high[12];

	for (unsigned p = 0; p < n; p++) {
		low[p] = _mm512_loadu_si512(dot->initial);
		high[p] = _mm512_loadu_si512(dot->initial + 16);
		pixels[p] = (const uint8_t *)dot->features + dot->bases[first + p];
	}
	for (uint32_t i = 0; i < dot->n_spans; i++) {
		size_t offset = dot->spans[i].offset;

		for (uint32_t e = 0; e < dot->spans[i].n; e += QUAD, weights += BLOCK * QUAD) {
			__m512i w_low = _mm512_loadu_si512(weights);
			__m512i w_high = _mm512_loadu_si512(weights + 64);

#pragma GCC unroll 12
			for (unsigned p = 0; p < n; p++) {
				int32_t quad;
				__m512i f;

				memcpy(&quad, pixels[p] + offset + e, sizeof(quad));
				f = _mm512_set1_epi32(quad);
				low[p] = _mm512_dpbusd_epi32(low[p], f, w_low);
				high[p] = _mm512_dpbusd_epi32(high[p], f, w_high);
			}
		}
	}
	for (unsigned p = 0; p < n; p++) {
		_mm512_storeu_si512(results + (size_t)p * dot->pitch, low[p]);
		_mm512_storeu_si512(results + (size_t)p * dot->pitch + 16, high[p]);
	}
}

AVX512 static void dot_bytes_avx512(const struct soft_dot *dot)
{
	uint32_t pixel = 0;

	for (; pixel + 12 <= dot->n_pixels; pixel += 12)
		avx512_bytes(dot, pixel, 12);
	for (; pixel + 4 <= dot->n_pixels; pixel += 4)
		avx512_bytes(dot, pixel, 4);
	for (; pixel < dot->n_pixels; pixel++)
		avx512_bytes(dot, pixel, 1);
}

AVX512 INLINE void avx512_floats(const struct soft_dot *dot, uint32_t first, const unsigned n)
{
	const float *weights = dot->weights;
	float *results = (float *)dot->results + (size_t)first * dot->pitch;
	const float *pixels[12];
	__m512 sums[12];

	for (unsigned p = 0; p < n; p++) {
		sums[p] = _mm512_setzero_ps();
		pixels[p] = (const float *)dot->features + dot->bases[first + p];
	}
	for (uint32_t i = 0; i < dot->n_spans; i++) {
		size_t offset = dot->spans[i].offset;

		for (uint32_t e = 0; e < dot->spans[i].n; e++, weights += ROW) {
			__m512 w = _mm512_loadu_ps(weights);

#pragma GCC unroll 12
			for (unsigned p = 0; p < n; p++)
				sums[p] = _mm512_fmadd_ps(_mm512_set1_ps(pixels[p][offset + e]), w,
							  sums[p]);
		}
	}
	for (unsigned p = 0; p < n; p++)
		_mm512_storeu_ps(results + (size_t)p * dot->pitch, sums[p]);
}

AVX512 static void dot_floats_avx512(const struct soft_dot *dot)
{
	uint32_t pixel = 0;

	for (; pixel + 12 <= dot->n_pixels; pixel += 12)
		avx512_floats(dot, pixel, 12);
	for (; pixel + 4 <= dot->n_pixels; pixel += 4)
		avx512_floats(dot, pixel, 4);
	for (; pixel < dot->n_pixels; pixel++)
		avx512_floats(dot, pixel, 1);
}

#endif

#if defined(__aarch64__)

#include <arm_neon.h>
#include <sys/auxv.h>

#ifndef HWCAP_ASIMDDP
#define HWCAP_ASIMDDP (1 << 20)
#endif

#define INLINE	static inline __attribute__((always_inline))
#define DOTPROD __attribute__((target("arch=armv8.2-a+dotprod")))

/*
 * `n` pixels and 16 kernels. Both operands are signed here: 128 times the weights, which features
 * without the bias lack, are added at the end.
 */
DOTPROD INLINE void neon_bytes(const struct soft_dot *dot, uint32_t first, uint32_t kernel,
			       const unsigned n)
{
	const int8_t *weights = (const int8_t *)dot->weights + kernel * QUAD;
	int32_t *results = (int32_t *)dot->results + (size_t)first * dot->pitch + kernel;
	const uint8_t *pixels[4];
	int32x4_t sums[4][4], biases[4];

	for (unsigned p = 0; p < n; p++)
		pixels[p] = (const uint8_t *)dot->features + dot->bases[first + p];
	for (unsigned v = 0; v < 4; v++) {
		biases[v] = vdupq_n_s32(0);
		for (unsigned p = 0; p < n; p++)
			sums[p][v] = vld1q_s32(dot->initial + kernel + 4 * v);
	}
	for (uint32_t i = 0; i < dot->n_spans; i++) {
		size_t offset = dot->spans[i].offset;

		for (uint32_t e = 0; e < dot->spans[i].n; e += QUAD, weights += BLOCK * QUAD) {
			int8x16_t w[4];

			for (unsigned v = 0; v < 4; v++) {
				w[v] = vld1q_s8(weights + 16 * v);
				biases[v] = vdotq_s32(biases[v], w[v], vdupq_n_s8(64));
			}
			for (unsigned p = 0; p < n; p++) {
				uint32_t quad;
				int8x16_t f;

				memcpy(&quad, pixels[p] + offset + e, sizeof(quad));
				f = vreinterpretq_s8_u32(vdupq_n_u32(quad ^ 0x80808080u));
				for (unsigned v = 0; v < 4; v++)
					sums[p][v] = vdotq_s32(sums[p][v], w[v], f);
			}
		}
	}
	for (unsigned p = 0; p < n; p++)
		for (unsigned v = 0; v < 4; v++)
			vst1q_s32(results + (size_t)p * dot->pitch + 4 * v,
				  vaddq_s32(sums[p][v], vshlq_n_s32(biases[v], 1)));
}

DOTPROD static void dot_bytes_neon(const struct soft_dot *dot)
{
	for (uint32_t kernel = 0; kernel < BLOCK; kernel += 16) {
		uint32_t pixel = 0;

		for (; pixel + 4 <= dot->n_pixels; pixel += 4)
			neon_bytes(dot, pixel, kernel, 4);
		for (; pixel < dot->n_pixels; pixel++)
			neon_bytes(dot, pixel, kernel, 1);
	}
}

INLINE void neon_floats(const struct soft_dot *dot, uint32_t first, const unsigned n)
{
	const float *weights = dot->weights;
	float *results = (float *)dot->results + (size_t)first * dot->pitch;
	const float *pixels[4];
	float32x4_t sums[4][4];

	for (unsigned p = 0; p < n; p++) {
		pixels[p] = (const float *)dot->features + dot->bases[first + p];
		for (unsigned v = 0; v < 4; v++)
			sums[p][v] = vdupq_n_f32(0);
	}
	for (uint32_t i = 0; i < dot->n_spans; i++) {
		size_t offset = dot->spans[i].offset;

		for (uint32_t e = 0; e < dot->spans[i].n; e++, weights += ROW) {
			for (unsigned v = 0; v < 4; v++) {
				float32x4_t w = vld1q_f32(weights + 4 * v);

				for (unsigned p = 0; p < n; p++)
					sums[p][v] =
						vfmaq_n_f32(sums[p][v], w, pixels[p][offset + e]);
			}
		}
	}
	for (unsigned p = 0; p < n; p++)
		for (unsigned v = 0; v < 4; v++)
			vst1q_f32(results + (size_t)p * dot->pitch + 4 * v, sums[p][v]);
}

static void dot_floats_neon(const struct soft_dot *dot)
{
	uint32_t pixel = 0;

	for (; pixel + 4 <= dot->n_pixels; pixel += 4)
		neon_floats(dot, pixel, 4);
	for (; pixel < dot->n_pixels; pixel++)
		neon_floats(dot, pixel, 1);
}

#endif

size_t soft_dot_variants(const struct soft_dot_variant **ret_variants)
{
	static const struct soft_dot_variant variants[] = {
		{"plain", dot_bytes_plain, dot_floats_plain},
#if defined(__x86_64__)
		{"AVX2", dot_bytes_avx2, dot_floats_avx2},
		{"AVX-512 VNNI", dot_bytes_avx512, dot_floats_avx512},
#elif defined(__aarch64__)
		{"NEON", dot_bytes_plain, dot_floats_neon},
		{"NEON with dot product", dot_bytes_neon, dot_floats_neon},
#endif
	};
	size_t n = 1;

#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		n = 2;
	if (n == 2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vnni"))
		n = 3;
#elif defined(__aarch64__)
	n = getauxval(AT_HWCAP) & HWCAP_ASIMDDP ? 3 : 2;
#endif
	*ret_variants = variants;
	return n;
}
