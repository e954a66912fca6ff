/* SPDX-License-Identifier: MIT */
/*
 * Each loop takes a stretch of channels through all taps, its sums in registers, and does so for
 * one pixel after the other.
 */
#include "device/soft/depthwise.h"

#include "device/soft/clones.h"
#include "device/soft/feature.h"
#include "device/soft/half.h"
#include "device/soft/mac.h"

#include <string.h>

#define STRETCH SOFT_DEPTHWISE_QUANTUM

/* What 128 in every feature adds to the products of a stretch. */
static void sum_bias(const struct soft_depthwise *depthwise, const int16_t *weights, int32_t *bias)
{
	memset(bias, 0, STRETCH * sizeof(*bias));
	for (uint32_t tap = 0; tap < depthwise->n_taps; tap++, weights += depthwise->result_pitch)
		for (uint32_t i = 0; i < STRETCH; i++)
			bias[i] += SOFT_FEATURE_BIAS * weights[i];
}

SOFT_CLONE_BODY bytes_stretch_body(const struct soft_depthwise *depthwise, uint32_t channel,
				   const int32_t *bias)
{
	const int16_t *first_weights = (const int16_t *)depthwise->weights + channel;
	int32_t *results = (int32_t *)depthwise->results + channel;

	for (uint32_t pixel = 0; pixel < depthwise->n_pixels; pixel++) {
		const uint8_t *window = (const uint8_t *)depthwise->features + channel +
					(size_t)depthwise->windows[pixel] * depthwise->pitch;
		const int16_t *weights = first_weights;
		int32_t sums[STRETCH];

		for (uint32_t i = 0; i < STRETCH; i++)
			sums[i] = -bias[i];
		for (uint32_t tap = 0; tap < depthwise->n_taps; tap++) {
			const uint8_t *features = window + depthwise->taps[tap];

			for (uint32_t i = 0; i < STRETCH; i++)
				sums[i] += features[i] * weights[i];
			weights += depthwise->result_pitch;
		}
		memcpy(results, sums, sizeof(sums));
		results += depthwise->result_pitch;
	}
}

SOFT_CLONES(static, bytes_stretch,
	    (const struct soft_depthwise *depthwise, uint32_t channel, const int32_t *bias),
	    (depthwise, channel, bias))

SOFT_CLONE_BODY words_stretch_body(const struct soft_depthwise *depthwise, uint32_t channel)
{
	const int16_t *first_weights = (const int16_t *)depthwise->weights + channel;
	int64_t *results = (int64_t *)depthwise->results + channel;

	for (uint32_t pixel = 0; pixel < depthwise->n_pixels; pixel++) {
		const int16_t *window = (const int16_t *)depthwise->features + channel +
					(size_t)depthwise->windows[pixel] * depthwise->pitch;
		const int16_t *weights = first_weights;
		int64_t sums[STRETCH] = {0};

		for (uint32_t tap = 0; tap < depthwise->n_taps; tap++) {
			const int16_t *features = window + depthwise->taps[tap];

			for (uint32_t i = 0; i < STRETCH; i++)
				sums[i] += (int32_t)features[i] * weights[i];
			weights += depthwise->result_pitch;
		}
		memcpy(results, sums, sizeof(sums));
		results += depthwise->result_pitch;
	}
}

SOFT_CLONES(static, words_stretch, (const struct soft_depthwise *depthwise, uint32_t channel),
	    (depthwise, channel))

SOFT_CLONE_BODY floats_stretch_body(const struct soft_depthwise *depthwise, uint32_t channel,
				    const bool is_half)
{
	const float *first_weights = (const float *)depthwise->weights + channel;
	float *results = (float *)depthwise->results + channel;

	for (uint32_t pixel = 0; pixel < depthwise->n_pixels; pixel++) {
		size_t window = channel + (size_t)depthwise->windows[pixel] * depthwise->pitch;
		const float *weights = first_weights;
		double total[STRETCH] = {0};
		uint32_t tap = 0;

		while (tap < depthwise->n_taps) {
			uint32_t rest = depthwise->n_taps - tap;
			uint32_t end = tap + (rest < SOFT_FLOAT_RUN ? rest : SOFT_FLOAT_RUN);
			float sums[STRETCH] = {0};

			for (; tap < end; tap++, weights += depthwise->result_pitch) {
				size_t at = window + depthwise->taps[tap];
				const uint16_t *halves = (const uint16_t *)depthwise->features + at;
				const float *floats = (const float *)depthwise->features + at;

				for (uint32_t i = 0; i < STRETCH; i++)
					sums[i] +=
						(is_half ? half_to_float(halves[i]) : floats[i]) *
						weights[i];
			}
			for (uint32_t i = 0; i < STRETCH; i++)
				total[i] += (double)sums[i];
		}
		for (uint32_t i = 0; i < STRETCH; i++)
			results[i] = (float)total[i];
		results += depthwise->result_pitch;
	}
}

SOFT_CLONES(static, floats_stretch,
	    (const struct soft_depthwise *depthwise, uint32_t channel, const bool is_half),
	    (depthwise, channel, is_half))

#if defined(__x86_64__)

#include <immintrin.h>

#define VNNI_CHANNELS 64u
#define VNNI_TAPS     4u
#define VNNI_GROUPS   ((SOFT_MAX_TAPS + VNNI_TAPS - 1) / VNNI_TAPS)

/*
 * 64 channels, four taps at once. Interleaving works within 16 bytes: of four vectors, number j
 * then has channels 4j to 4j + 3 of every 16, four taps of each.
 */
struct vnni_weights {
	int8_t taps[VNNI_GROUPS][4][VNNI_CHANNELS] __attribute__((aligned(64)));
	int32_t bias[VNNI_CHANNELS]; /* to begin with, [j][what is in the vector] */
	uint32_t n_groups;
};

#define VNNI __attribute__((target("avx512f,avx512bw,avx512vnni")))

/* Four taps of 64 channels. */
VNNI static inline void vnni_interleave(const __m512i taps[4], __m512i ret_vectors[4])
{
	__m512i low = _mm512_unpacklo_epi8(taps[0], taps[1]);
	__m512i high = _mm512_unpackhi_epi8(taps[0], taps[1]);
	__m512i low_2 = _mm512_unpacklo_epi8(taps[2], taps[3]);
	__m512i high_2 = _mm512_unpackhi_epi8(taps[2], taps[3]);

	ret_vectors[0] = _mm512_unpacklo_epi16(low, low_2);
	ret_vectors[1] = _mm512_unpackhi_epi16(low, low_2);
	ret_vectors[2] = _mm512_unpacklo_epi16(high, high_2);
	ret_vectors[3] = _mm512_unpackhi_epi16(high, high_2);
}

VNNI static __m512i vnni_weights_of(const struct soft_depthwise *depthwise, uint32_t tap)
{
	const int16_t *weights = (const int16_t *)depthwise->weights + (size_t)tap * VNNI_CHANNELS;
	__m256i low, high;

	if (tap >= depthwise->n_taps)
		return _mm512_setzero_si512();
	low = _mm512_cvtepi16_epi8(_mm512_loadu_si512(weights));
	high = _mm512_cvtepi16_epi8(_mm512_loadu_si512(weights + 32));
	return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

VNNI static void vnni_prepare(const struct soft_depthwise *depthwise,
			      struct vnni_weights *ret_weights)
{
	const __m512i bias = _mm512_set1_epi8((char)SOFT_FEATURE_BIAS);
	__m512i sums[4] = {0}, taps[VNNI_TAPS], vectors[4];

	ret_weights->n_groups = (depthwise->n_taps + VNNI_TAPS - 1) / VNNI_TAPS;
	for (uint32_t group = 0; group < ret_weights->n_groups; group++) {
		for (uint32_t i = 0; i < VNNI_TAPS; i++)
			taps[i] = vnni_weights_of(depthwise, group * VNNI_TAPS + i);
		vnni_interleave(taps, vectors);
		for (unsigned j = 0; j < 4; j++) {
			sums[j] = _mm512_dpbusd_epi32(sums[j], bias, vectors[j]);
			_mm512_storeu_si512(ret_weights->taps[group][j], vectors[j]);
		}
	}
	for (unsigned j = 0; j < 4; j++)
		_mm512_storeu_si512(ret_weights->bias + 16 * j,
				    _mm512_sub_epi32(_mm512_setzero_si512(), sums[j]));
}

VNNI static void vnni_store(const __m512i sums[4], int32_t *results)
{
	for (unsigned j = 0; j < 4; j++) {
		__m128i *to = (__m128i *)results + j;

		_mm_storeu_si128(to, _mm512_castsi512_si128(sums[j]));
		_mm_storeu_si128(to + 4, _mm512_extracti32x4_epi32(sums[j], 1));
		_mm_storeu_si128(to + 8, _mm512_extracti32x4_epi32(sums[j], 2));
		_mm_storeu_si128(to + 12, _mm512_extracti32x4_epi32(sums[j], 3));
	}
}

VNNI static void bytes_vnni(const struct soft_depthwise *depthwise)
{
	const __mmask64 there = ~0ull >> (VNNI_CHANNELS - depthwise->n_channels);
	int32_t *results = depthwise->results;
	struct vnni_weights weights;

	vnni_prepare(depthwise, &weights);
	for (uint32_t pixel = 0; pixel < depthwise->n_pixels; pixel++) {
		const uint8_t *window = (const uint8_t *)depthwise->features +
					(size_t)depthwise->windows[pixel] * depthwise->pitch;
		__m512i sums[4], taps[VNNI_TAPS], vectors[4];

		for (unsigned j = 0; j < 4; j++)
			sums[j] = _mm512_loadu_si512(weights.bias + 16 * j);
		for (uint32_t first = 0; first < depthwise->n_taps; first += VNNI_TAPS) {
			/* A tap too many has weights of 0. */
			for (uint32_t i = 0; i < VNNI_TAPS; i++) {
				uint32_t tap = first + i < depthwise->n_taps ? first + i : 0;

				taps[i] = _mm512_maskz_loadu_epi8(there,
								  window + depthwise->taps[tap]);
			}
			vnni_interleave(taps, vectors);
			for (unsigned j = 0; j < 4; j++)
				sums[j] = _mm512_dpbusd_epi32(
					sums[j], vectors[j],
					_mm512_load_si512(weights.taps[first / VNNI_TAPS][j]));
		}
		vnni_store(sums, results);
		results += VNNI_CHANNELS;
	}
}

static bool can_vnni(const struct soft_depthwise *depthwise)
{
	return depthwise->result_pitch == VNNI_CHANNELS && depthwise->n_channels > 0 &&
	       __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni");
}

/* The same for at most SOFT_FLOAT_RUN taps: products are exact, so fusing changes nothing. */
__attribute__((target("avx2,fma,f16c"))) static void
avx2_stretch(const struct soft_depthwise *depthwise, uint32_t channel)
{
	float *results = (float *)depthwise->results + channel;

	for (uint32_t pixel = 0; pixel < depthwise->n_pixels; pixel++) {
		const uint16_t *window = (const uint16_t *)depthwise->features + channel +
					 (size_t)depthwise->windows[pixel] * depthwise->pitch;
		const float *weights = (const float *)depthwise->weights + channel;
		__m256 low = _mm256_setzero_ps(), high = _mm256_setzero_ps();

		for (uint32_t tap = 0; tap < depthwise->n_taps; tap++) {
			const __m128i *f = (const __m128i *)(window + depthwise->taps[tap]);

			low = _mm256_fmadd_ps(_mm256_cvtph_ps(_mm_loadu_si128(f)),
					      _mm256_loadu_ps(weights), low);
			high = _mm256_fmadd_ps(_mm256_cvtph_ps(_mm_loadu_si128(f + 1)),
					       _mm256_loadu_ps(weights + 8), high);
			weights += depthwise->result_pitch;
		}
		_mm256_storeu_ps(results, low);
		_mm256_storeu_ps(results + 8, high);
		results += depthwise->result_pitch;
	}
}

static void halves_avx2(const struct soft_depthwise *depthwise)
{
	for (uint32_t channel = 0; channel < depthwise->n_channels; channel += STRETCH)
		avx2_stretch(depthwise, channel);
}

#define AVX512 __attribute__((target("avx512f")))

/* `n` stretches. */
AVX512 static inline __attribute__((always_inline)) void
avx512_stretches(const struct soft_depthwise *depthwise, uint32_t channel, const unsigned n)
{
	float *results = (float *)depthwise->results + channel;

	for (uint32_t pixel = 0; pixel < depthwise->n_pixels; pixel++) {
		const uint16_t *window = (const uint16_t *)depthwise->features + channel +
					 (size_t)depthwise->windows[pixel] * depthwise->pitch;
		const float *weights = (const float *)depthwise->weights + channel;
		__m512 sums[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};

		for (uint32_t tap = 0; tap < depthwise->n_taps; tap++) {
			const uint16_t *f = window + depthwise->taps[tap];

			for (unsigned i = 0; i < n; i++)
				sums[i] = _mm512_fmadd_ps(
					_mm512_cvtph_ps(_mm256_loadu_si256(
						(const __m256i *)(f + i * STRETCH))),
					_mm512_loadu_ps(weights + i * STRETCH), sums[i]);
			weights += depthwise->result_pitch;
		}
		for (unsigned i = 0; i < n; i++)
			_mm512_storeu_ps(results + i * STRETCH, sums[i]);
		results += depthwise->result_pitch;
	}
}

/* Of a 3x3 window, features or weights of a stretch. */
struct avx512_column {
	__m512 top, middle, bottom;
};

/* `taps` are those of the column, in every row the same. */
AVX512 static inline struct avx512_column avx512_column_at(const uint16_t *window,
							   const uint32_t *taps)
{
	const uint16_t *top = window + taps[0], *middle = window + taps[3];
	const uint16_t *bottom = window + taps[6];

	return (struct avx512_column){
		_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)top)),
		_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)middle)),
		_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)bottom)),
	};
}

AVX512 static inline struct avx512_column avx512_weights_at(const float *weights, uint32_t pitch)
{
	return (struct avx512_column){
		_mm512_loadu_ps(weights),
		_mm512_loadu_ps(weights + 3 * (size_t)pitch),
		_mm512_loadu_ps(weights + 6 * (size_t)pitch),
	};
}

/* Windows that overlap share columns; the weights stay where they are. */
AVX512 static void avx512_stretch_3x3(const struct soft_depthwise *depthwise, uint32_t channel)
{
	const uint16_t *features = (const uint16_t *)depthwise->features + channel;
	const float *weights = (const float *)depthwise->weights + channel;
	const uint32_t pitch = depthwise->result_pitch, *taps = depthwise->taps;
	const struct avx512_column w_left = avx512_weights_at(weights, pitch);
	const struct avx512_column w_center = avx512_weights_at(weights + pitch, pitch);
	const struct avx512_column w_right = avx512_weights_at(weights + 2 * (size_t)pitch, pitch);
	struct avx512_column left, center, right = {0};
	float *results = (float *)depthwise->results + channel;
	uint32_t before = depthwise->windows[0] + 1; /* none */

	center = right;
	for (uint32_t pixel = 0; pixel < depthwise->n_pixels; pixel++, results += pitch) {
		uint32_t step = depthwise->windows[pixel] - before;
		const uint16_t *window =
			features + (size_t)depthwise->windows[pixel] * depthwise->pitch;
		__m512 sum = _mm512_setzero_ps();

		before = depthwise->windows[pixel];
		left = step == 1 ? center : step == 2 ? right : avx512_column_at(window, taps);
		center = step == 1 ? right : avx512_column_at(window, taps + 1);
		right = avx512_column_at(window, taps + 2);
		sum = _mm512_fmadd_ps(left.top, w_left.top, sum);
		sum = _mm512_fmadd_ps(center.top, w_center.top, sum);
		sum = _mm512_fmadd_ps(right.top, w_right.top, sum);
		sum = _mm512_fmadd_ps(left.middle, w_left.middle, sum);
		sum = _mm512_fmadd_ps(center.middle, w_center.middle, sum);
		sum = _mm512_fmadd_ps(right.middle, w_right.middle, sum);
		sum = _mm512_fmadd_ps(left.bottom, w_left.bottom, sum);
		sum = _mm512_fmadd_ps(center.bottom, w_center.bottom, sum);
		sum = _mm512_fmadd_ps(right.bottom, w_right.bottom, sum);
		_mm512_storeu_ps(results, sum);
	}
}

/* Three rows of three taps that are neighbours. */
static bool is_3x3(const struct soft_depthwise *depthwise)
{
	const uint32_t *taps = depthwise->taps, pitch = depthwise->pitch;

	for (uint32_t tap = 0; tap < depthwise->n_taps; tap++) {
		if (tap % 3 > 0 && taps[tap] != taps[tap - 1] + pitch)
			return false;
	}
	return depthwise->n_taps == 9;
}

AVX512 static void halves_avx512(const struct soft_depthwise *depthwise)
{
	bool is_small = is_3x3(depthwise);
	uint32_t channel = 0;

	for (; is_small && channel < depthwise->n_channels; channel += STRETCH)
		avx512_stretch_3x3(depthwise, channel);
	for (; channel + 2 * STRETCH <= depthwise->n_channels; channel += 2 * STRETCH)
		avx512_stretches(depthwise, channel, 2);
	if (channel < depthwise->n_channels)
		avx512_stretches(depthwise, channel, 1);
}

#endif

static void sum_stretch(const struct soft_depthwise *depthwise, uint32_t channel, bool is_bytes)
{
	int32_t *results = depthwise->sums + channel;

	for (uint32_t pixel = 0; pixel < depthwise->n_pixels; pixel++) {
		size_t window = channel + (size_t)depthwise->windows[pixel] * depthwise->pitch;
		int32_t sums[STRETCH] = {0};

		for (uint32_t tap = 0; tap < depthwise->n_taps; tap++) {
			size_t at = window + depthwise->taps[tap];
			const uint8_t *bytes = (const uint8_t *)depthwise->features + at;
			const int16_t *words = (const int16_t *)depthwise->features + at;

			for (uint32_t i = 0; i < STRETCH; i++)
				sums[i] += is_bytes ? bytes[i] - SOFT_FEATURE_BIAS : words[i];
		}
		memcpy(results, sums, sizeof(sums));
		results += depthwise->result_pitch;
	}
}

void soft_depthwise_bytes_plain(const struct soft_depthwise *depthwise)
{
	for (uint32_t channel = 0; channel < depthwise->n_channels; channel += STRETCH) {
		int32_t bias[STRETCH];

		sum_bias(depthwise, (const int16_t *)depthwise->weights + channel, bias);
		bytes_stretch(depthwise, channel, bias);
	}
}

void soft_depthwise_bytes(const struct soft_depthwise *depthwise)
{
#if defined(__x86_64__)
	if (can_vnni(depthwise))
		bytes_vnni(depthwise);
	else
		soft_depthwise_bytes_plain(depthwise);
#else
	soft_depthwise_bytes_plain(depthwise);
#endif
	for (uint32_t i = 0; depthwise->sums && i < depthwise->n_channels; i += STRETCH)
		sum_stretch(depthwise, i, true);
}

void soft_depthwise_words(const struct soft_depthwise *depthwise)
{
	for (uint32_t channel = 0; channel < depthwise->n_channels; channel += STRETCH) {
		words_stretch(depthwise, channel);
		if (depthwise->sums)
			sum_stretch(depthwise, channel, false);
	}
}

void soft_depthwise_halves_plain(const struct soft_depthwise *depthwise)
{
	for (uint32_t channel = 0; channel < depthwise->n_channels; channel += STRETCH)
		floats_stretch(depthwise, channel, true);
}

void soft_depthwise_halves(const struct soft_depthwise *depthwise)
{
#if defined(__x86_64__)
	if (depthwise->n_taps <= SOFT_FLOAT_RUN && soft_has_f16c()) {
		if (__builtin_cpu_supports("avx512f"))
			halves_avx512(depthwise);
		else
			halves_avx2(depthwise);
		return;
	}
#endif
	soft_depthwise_halves_plain(depthwise);
}

void soft_depthwise_floats(const struct soft_depthwise *depthwise)
{
	for (uint32_t channel = 0; channel < depthwise->n_channels; channel += STRETCH)
		floats_stretch(depthwise, channel, false);
}
