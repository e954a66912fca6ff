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
					sums[i] += (is_half ? half_to_float(halves[i]) : floats[i]) *
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

/* The same for at most SOFT_FLOAT_RUN taps: products are exact, so fusing changes nothing. */
__attribute__((target("avx2,fma,f16c"))) static void
halves_stretch_avx2(const struct soft_depthwise *depthwise, uint32_t channel)
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

void soft_depthwise_bytes(const struct soft_depthwise *depthwise)
{
	for (uint32_t channel = 0; channel < depthwise->n_channels; channel += STRETCH) {
		int32_t bias[STRETCH];

		sum_bias(depthwise, (const int16_t *)depthwise->weights + channel, bias);
		bytes_stretch(depthwise, channel, bias);
		if (depthwise->sums)
			sum_stretch(depthwise, channel, true);
	}
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
		for (uint32_t channel = 0; channel < depthwise->n_channels; channel += STRETCH)
			halves_stretch_avx2(depthwise, channel);
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
