/* SPDX-License-Identifier: MIT */
/*
 * Limits of one stage and the next are joined, and the output converter's are taken before its
 * offset, so that the rounding of a conversion to integers is the only one there is.
 *
 * Channels come in blocks whose operands stay in registers while the pixels go by.
 */
#include "device/soft/dpu_quick.h"

#include "device/soft/clones.h"
#include "device/soft/dpu_arithmetic.h"
#include "device/soft/half.h"

#include <string.h>

#define BLOCK	   16u /* channels of integers: an atom of results */
#define HALF_BLOCK 8u  /* of floats */
/* Beyond, limits less the offset would have no 32 bits. */
#define MAX_OFFSET 0x100000

/* False where the limits exclude each other, and their order would matter. */
static bool join_limits(const struct soft_quick_stages *stages, bool is_float,
			struct soft_quick *quick)
{
	const struct soft_stage *each[] = {stages->bs, stages->bn};

	quick->low = is_float ? -(double)INFINITY : INT32_MIN;
	quick->high = is_float ? (double)INFINITY : INT32_MAX;
	for (unsigned i = 0; i < 2; i++) {
		if (!each[i]->is_on)
			continue;
		quick->low = each[i]->low > quick->low ? each[i]->low : quick->low;
		quick->high = each[i]->high < quick->high ? each[i]->high : quick->high;
		if (!(each[i]->low <= each[i]->high))
			return false;
	}
	return quick->low <= quick->high;
}

/* A sum, its addend and the factor have 48 bits together: one fused operation is exact. */
static void prepare_line(uint32_t n_lanes, struct soft_quick *quick)
{
	double low = quick->low * quick->factor, high = quick->high * quick->factor;

	quick->line_low = low > quick->out_low ? low : quick->out_low;
	quick->line_high = high < quick->out_high ? high : quick->out_high;
	quick->is_linear = !quick->has_ow && !quick->has_mul && quick->line_low <= quick->line_high;
	for (uint32_t i = 0; i < n_lanes; i++)
		quick->line_add[i] = quick->add[i] * quick->factor;
}

static bool prepare_ints(const struct soft_output *output, uint32_t n_lanes,
			 struct soft_quick *quick)
{
	const struct soft_converter *converter = &output->converter;
	double offset = converter->offset;

	if (output->precision != RK3588_INT8 || converter->rounds_away ||
	    (converter->is_add_first && offset != 0) || fabs(offset) > MAX_OFFSET)
		return false;
	quick->factor = converter->factor;
	quick->out_low = output->low - offset;
	quick->out_high = output->high - offset;
	quick->offset = (int32_t)offset;
	prepare_line(n_lanes, quick);
	return true;
}

static bool prepare_floats(const struct soft_output *output)
{
	return output->precision == RK3588_FP16 && output->factor == 1 && output->offset == 0;
}

void soft_quick_prepare(const struct soft_quick_stages *stages, const struct soft_output *output,
			bool is_float, struct soft_quick *ret_quick)
{
	const struct soft_stage *bs = stages->bs, *bn = stages->bn;
	struct soft_quick *quick = ret_quick;

	quick->has_mul = bs->is_on && bs->has_mul;
	quick->has_ow = bs->is_on && bs->has_ow;
	quick->is_possible = false;
	if (stages->has_ew || (bn->is_on && (bn->has_alu || bn->has_mul)) ||
	    (quick->has_mul && (is_float || bs->is_prelu)))
		return;
	if (!join_limits(stages, is_float, quick))
		return;
	for (uint32_t i = 0; i < stages->n_lanes; i++) {
		quick->add[i] = bs->is_on ? stages->bs_lanes->alu[i] : -0.0;
		quick->float_add[i] = (float)quick->add[i];
		if (quick->has_ow)
			quick->ow[i] = stages->bs_lanes->ow[i];
		if (quick->has_mul)
			quick->scale[i] = stages->bs_lanes->positive[i];
	}
	if (is_float)
		quick->is_possible = prepare_floats(output);
	else
		quick->is_possible = prepare_ints(output, stages->n_lanes, quick);
}

static uint8_t *atom_at(const struct soft_quick_run *run, uint32_t atom)
{
	return run->atoms + (size_t)atom * run->n_pixels * SOFT_ATOM_BYTES;
}

static void ints_plain(const struct soft_quick *quick, const struct soft_quick_run *run)
{
	for (uint32_t lane = 0; lane < run->n_lanes; lane++) {
		const int32_t *from = run->ints + lane;
		int8_t *to = (int8_t *)atom_at(run, lane / BLOCK) + lane % BLOCK;

		for (uint32_t pixel = 0; pixel < run->n_pixels; pixel++) {
			double x = from[(size_t)pixel * run->pitch] + quick->add[lane];

			if (quick->has_ow)
				x += quick->ow[lane] * run->sums[pixel];
			if (quick->has_mul)
				x = soft_round_even(soft_clamp(x, INT32_MIN, INT32_MAX) *
						    quick->scale[lane]);
			x = soft_clamp(x, quick->low, quick->high) * quick->factor;
			x = soft_round_even(soft_clamp(x, quick->out_low, quick->out_high));
			to[pixel * BLOCK] = (int8_t)(x + quick->offset);
		}
	}
}

static void floats_plain(const struct soft_quick *quick, const struct soft_quick_run *run)
{
	const float low = (float)quick->low, high = (float)quick->high;

	for (uint32_t lane = 0; lane < run->n_lanes; lane += HALF_BLOCK) {
		uint16_t *to = (uint16_t *)atom_at(run, lane / HALF_BLOCK);
		const float *from = run->floats + lane;

		for (uint32_t pixel = 0; pixel < run->n_pixels; pixel++, from += run->pitch) {
			for (uint32_t i = 0; i < HALF_BLOCK; i++)
				to[pixel * HALF_BLOCK + i] = half_from_float(soft_clamp_float(
					from[i] + quick->float_add[lane + i], low, high));
		}
	}
}

#if defined(__x86_64__)

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))
#define AVX2   __attribute__((target("avx2,fma,f16c")))

struct avx2_lanes {
	__m256d add, ow, scale;
};

AVX2 INLINE __m128i avx2_four(const struct soft_quick *quick, const struct avx2_lanes *lanes,
			      const int32_t *from, __m256d sum)
{
	__m256d x = _mm256_cvtepi32_pd(_mm_loadu_si128((const __m128i *)from));

	x = _mm256_add_pd(x, lanes->add);
	if (quick->has_ow)
		x = _mm256_add_pd(x, _mm256_mul_pd(lanes->ow, sum));
	if (quick->has_mul) {
		x = _mm256_max_pd(x, _mm256_set1_pd(INT32_MIN));
		x = _mm256_min_pd(x, _mm256_set1_pd(INT32_MAX));
		x = _mm256_mul_pd(x, lanes->scale);
		x = _mm256_round_pd(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
	}
	x = _mm256_max_pd(x, _mm256_set1_pd(quick->low));
	x = _mm256_min_pd(x, _mm256_set1_pd(quick->high));
	x = _mm256_mul_pd(x, _mm256_set1_pd(quick->factor));
	x = _mm256_max_pd(x, _mm256_set1_pd(quick->out_low));
	x = _mm256_min_pd(x, _mm256_set1_pd(quick->out_high));
	return _mm_add_epi32(_mm256_cvtpd_epi32(x), _mm_set1_epi32(quick->offset));
}

AVX2 INLINE __m128i avx2_line(const struct soft_quick *quick, const int32_t *from, __m256d add)
{
	__m256d x = _mm256_cvtepi32_pd(_mm_loadu_si128((const __m128i *)from));

	x = _mm256_fmadd_pd(x, _mm256_set1_pd(quick->factor), add);
	x = _mm256_max_pd(x, _mm256_set1_pd(quick->line_low));
	x = _mm256_min_pd(x, _mm256_set1_pd(quick->line_high));
	return _mm_add_epi32(_mm256_cvtpd_epi32(x), _mm_set1_epi32(quick->offset));
}

AVX2 static void lines_avx2(const struct soft_quick *quick, const struct soft_quick_run *run)
{
	for (uint32_t lane = 0; lane < run->n_lanes; lane += BLOCK) {
		uint8_t *to = atom_at(run, lane / BLOCK);
		const int32_t *from = run->ints + lane;
		__m256d add[4];

		for (uint32_t i = 0; i < 4; i++)
			add[i] = _mm256_loadu_pd(quick->line_add + lane + 4 * i);
		for (uint32_t pixel = 0; pixel < run->n_pixels; pixel++, from += run->pitch) {
			__m128i low = _mm_packs_epi32(avx2_line(quick, from, add[0]),
						      avx2_line(quick, from + 4, add[1]));
			__m128i high = _mm_packs_epi32(avx2_line(quick, from + 8, add[2]),
						       avx2_line(quick, from + 12, add[3]));

			_mm_storeu_si128((__m128i *)to + pixel, _mm_packs_epi16(low, high));
		}
	}
}

AVX2 static void ints_avx2(const struct soft_quick *quick, const struct soft_quick_run *run)
{
	if (quick->is_linear) {
		lines_avx2(quick, run);
		return;
	}
	for (uint32_t lane = 0; lane < run->n_lanes; lane += BLOCK) {
		uint8_t *to = atom_at(run, lane / BLOCK);
		const int32_t *from = run->ints + lane;
		struct avx2_lanes lanes[4];

		for (uint32_t i = 0; i < 4; i++) {
			lanes[i].add = _mm256_loadu_pd(quick->add + lane + 4 * i);
			lanes[i].ow = _mm256_loadu_pd(quick->ow + lane + 4 * i);
			lanes[i].scale = _mm256_loadu_pd(quick->scale + lane + 4 * i);
		}
		for (uint32_t pixel = 0; pixel < run->n_pixels; pixel++, from += run->pitch) {
			__m256d sum = _mm256_set1_pd(quick->has_ow ? run->sums[pixel] : 0);
			__m128i low = _mm_packs_epi32(avx2_four(quick, &lanes[0], from, sum),
						      avx2_four(quick, &lanes[1], from + 4, sum));
			__m128i high = _mm_packs_epi32(avx2_four(quick, &lanes[2], from + 8, sum),
						       avx2_four(quick, &lanes[3], from + 12, sum));

			_mm_storeu_si128((__m128i *)to + pixel, _mm_packs_epi16(low, high));
		}
	}
}

/* A NaN becomes the one quiet NaN of its sign, whatever it carries. */
AVX2 INLINE __m128i avx2_halves(__m256 x)
{
	__m256 sign = _mm256_and_ps(x, _mm256_set1_ps(-0.0f));
	__m256 quiet = _mm256_or_ps(sign, _mm256_castsi256_ps(_mm256_set1_epi32(0x7fc00000)));

	x = _mm256_blendv_ps(x, quiet, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
	return _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT);
}

/* The lanes from `first` on. */
AVX2 static void floats_avx2_from(const struct soft_quick *quick, const struct soft_quick_run *run,
				  uint32_t first)
{
	const __m256 low = _mm256_set1_ps((float)quick->low);
	const __m256 high = _mm256_set1_ps((float)quick->high);

	for (uint32_t lane = first; lane < run->n_lanes; lane += HALF_BLOCK) {
		const __m256 add = _mm256_loadu_ps(quick->float_add + lane);
		__m128i *to = (__m128i *)atom_at(run, lane / HALF_BLOCK);
		const float *from = run->floats + lane;

		/* Of a NaN and a limit the second operand comes out. */
		for (uint32_t pixel = 0; pixel < run->n_pixels; pixel++, from += run->pitch) {
			__m256 x = _mm256_add_ps(_mm256_loadu_ps(from), add);

			x = _mm256_min_ps(high, _mm256_max_ps(low, x));
			_mm_storeu_si128(to + pixel, avx2_halves(x));
		}
	}
}

static void floats_avx2(const struct soft_quick *quick, const struct soft_quick_run *run)
{
	floats_avx2_from(quick, run, 0);
}

#define AVX512 __attribute__((target("avx512f,f16c")))

struct avx512_lanes {
	__m512d add, ow, scale;
};

AVX512 INLINE __m256i avx512_eight(const struct soft_quick *quick, const struct avx512_lanes *lanes,
				   const int32_t *from, __m512d sum)
{
	__m512d x = _mm512_cvtepi32_pd(_mm256_loadu_si256((const __m256i *)from));

	x = _mm512_add_pd(x, lanes->add);
	if (quick->has_ow)
		x = _mm512_add_pd(x, _mm512_mul_pd(lanes->ow, sum));
	if (quick->has_mul) {
		x = _mm512_max_pd(x, _mm512_set1_pd(INT32_MIN));
		x = _mm512_min_pd(x, _mm512_set1_pd(INT32_MAX));
		x = _mm512_mul_pd(x, lanes->scale);
		x = _mm512_roundscale_pd(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
	}
	x = _mm512_max_pd(x, _mm512_set1_pd(quick->low));
	x = _mm512_min_pd(x, _mm512_set1_pd(quick->high));
	x = _mm512_mul_pd(x, _mm512_set1_pd(quick->factor));
	x = _mm512_max_pd(x, _mm512_set1_pd(quick->out_low));
	x = _mm512_min_pd(x, _mm512_set1_pd(quick->out_high));
	return _mm512_cvtpd_epi32(x);
}

AVX512 INLINE void avx512_store(__m256i low, __m256i high, __m512i offset, uint8_t *to)
{
	__m512i all = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);

	all = _mm512_add_epi32(all, offset);
	_mm_storeu_si128((__m128i *)to, _mm512_cvtepi32_epi8(all));
}

/* As avx2_halves(). */
AVX512 INLINE __m256i avx512_halves(__m512 x)
{
	__mmask16 nans = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
	__m512i bits = _mm512_castps_si512(x);

	bits = _mm512_and_epi32(bits, _mm512_set1_epi32(INT32_MIN));
	bits = _mm512_or_epi32(bits, _mm512_set1_epi32(0x7fc00000));
	x = _mm512_mask_mov_ps(x, nans, _mm512_castsi512_ps(bits));
	return _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT);
}

AVX512 static void floats_avx512(const struct soft_quick *quick, const struct soft_quick_run *run)
{
	const __m512 low = _mm512_set1_ps((float)quick->low);
	const __m512 high = _mm512_set1_ps((float)quick->high);
	uint32_t lane = 0;

	/* Two atoms at once. */
	for (; lane + 2 * HALF_BLOCK <= run->n_lanes; lane += 2 * HALF_BLOCK) {
		const __m512 add = _mm512_loadu_ps(quick->float_add + lane);
		__m128i *to = (__m128i *)atom_at(run, lane / HALF_BLOCK);
		const float *from = run->floats + lane;

		for (uint32_t pixel = 0; pixel < run->n_pixels; pixel++, from += run->pitch) {
			__m512 x = _mm512_add_ps(_mm512_loadu_ps(from), add);
			__m256i halves;

			halves = avx512_halves(_mm512_min_ps(high, _mm512_max_ps(low, x)));
			_mm_storeu_si128(to + pixel, _mm256_castsi256_si128(halves));
			_mm_storeu_si128(to + run->n_pixels + pixel,
					 _mm256_extracti128_si256(halves, 1));
		}
	}
	floats_avx2_from(quick, run, lane);
}

AVX512 static void lines_avx512(const struct soft_quick *quick, const struct soft_quick_run *run)
{
	const __m512d factor = _mm512_set1_pd(quick->factor);
	const __m512d low = _mm512_set1_pd(quick->line_low);
	const __m512d high = _mm512_set1_pd(quick->line_high);
	const __m512i offset = _mm512_set1_epi32(quick->offset);
	const uint32_t n_pixels = run->n_pixels, pitch = run->pitch;

	for (uint32_t lane = 0; lane < run->n_lanes; lane += BLOCK) {
		const __m512d add = _mm512_loadu_pd(quick->line_add + lane);
		const __m512d add_2 = _mm512_loadu_pd(quick->line_add + lane + 8);
		uint8_t *to = atom_at(run, lane / BLOCK);
		const int32_t *from = run->ints + lane;

		for (uint32_t pixel = 0; pixel < n_pixels; pixel++, from += pitch, to += BLOCK) {
			const __m256i *ints = (const __m256i *)from;
			__m512d x = _mm512_cvtepi32_pd(_mm256_loadu_si256(ints));
			__m512d x_2 = _mm512_cvtepi32_pd(_mm256_loadu_si256(ints + 1));

			x = _mm512_max_pd(_mm512_fmadd_pd(x, factor, add), low);
			x_2 = _mm512_max_pd(_mm512_fmadd_pd(x_2, factor, add_2), low);
			avx512_store(_mm512_cvtpd_epi32(_mm512_min_pd(x, high)),
				     _mm512_cvtpd_epi32(_mm512_min_pd(x_2, high)), offset, to);
		}
	}
}

AVX512 static void ints_avx512(const struct soft_quick *quick, const struct soft_quick_run *run)
{
	if (quick->is_linear) {
		lines_avx512(quick, run);
		return;
	}
	for (uint32_t lane = 0; lane < run->n_lanes; lane += BLOCK) {
		uint8_t *to = atom_at(run, lane / BLOCK);
		const int32_t *from = run->ints + lane;
		struct avx512_lanes lanes[2];

		for (uint32_t i = 0; i < 2; i++) {
			lanes[i].add = _mm512_loadu_pd(quick->add + lane + 8 * i);
			lanes[i].ow = _mm512_loadu_pd(quick->ow + lane + 8 * i);
			lanes[i].scale = _mm512_loadu_pd(quick->scale + lane + 8 * i);
		}
		for (uint32_t pixel = 0; pixel < run->n_pixels; pixel++, from += run->pitch) {
			__m512d sum = _mm512_set1_pd(quick->has_ow ? run->sums[pixel] : 0);

			avx512_store(avx512_eight(quick, &lanes[0], from, sum),
				     avx512_eight(quick, &lanes[1], from + 8, sum),
				     _mm512_set1_epi32(quick->offset), to + pixel * BLOCK);
		}
	}
}

#endif

size_t soft_quick_variants(const struct soft_quick_variant **ret_variants)
{
	static const struct soft_quick_variant variants[] = {
		{"plain", ints_plain, floats_plain},
#if defined(__x86_64__)
		{"AVX2", ints_avx2, floats_avx2},
		{"AVX-512", ints_avx512, floats_avx512},
#endif
	};
	size_t n = 1;

#if defined(__x86_64__)
	if (soft_has_f16c())
		n = __builtin_cpu_supports("avx512f") ? 3 : 2;
#endif
	*ret_variants = variants;
	return n;
}
