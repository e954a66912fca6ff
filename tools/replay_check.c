/* SPDX-License-Identifier: MIT */
/*
 * Everything is compared as double, which holds every element type exactly.
 */
#include "replay_check.h"

#include <endian.h>
#include <errno.h>
#include <math.h>
#include <string.h>

static uint16_t load16(const unsigned char *data)
{
	uint16_t value;
	memcpy(&value, data, sizeof(value));
	return le16toh(value);
}

static uint32_t load32(const unsigned char *data)
{
	uint32_t value;
	memcpy(&value, data, sizeof(value));
	return le32toh(value);
}

static uint64_t load64(const unsigned char *data)
{
	uint64_t value;
	memcpy(&value, data, sizeof(value));
	return le64toh(value);
}

static double from_fp16(uint16_t bits)
{
	int exponent = bits >> 10 & 0x1f;
	int mantissa = bits & 0x3ff;
	double value;
	if (exponent == 0x1f)
		value = mantissa ? (double)NAN : (double)INFINITY;
	else if (exponent == 0)
		value = ldexp(mantissa, -24);
	else
		value = ldexp(mantissa + 1024, exponent - 25);
	return bits & 0x8000 ? -value : value;
}

static double from_fp32(uint32_t bits)
{
	float value;
	memcpy(&value, &bits, sizeof(value));
	return (double)value;
}

static double from_fp64(uint64_t bits)
{
	double value;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

double replay_element(enum replay_type type, const unsigned char *data)
{
	switch (type) {
	case REPLAY_INT8:
		return (int8_t)*data;
	case REPLAY_INT16:
		return (int16_t)load16(data);
	case REPLAY_INT32:
		return (int32_t)load32(data);
	case REPLAY_FP16:
		return from_fp16(load16(data));
	case REPLAY_BF16:
		return from_fp32((uint32_t)load16(data) << 16);
	case REPLAY_FP32:
		return from_fp32(load32(data));
	}
	return (double)NAN;
}

/* Infinite where the two can't be compared: a NaN passes only where one is expected. */
static double difference(double value, double expected)
{
	if (value == expected || (isnan(value) && isnan(expected)))
		return 0;
	double distance = fabs(value - expected);
	return isnan(distance) ? (double)INFINITY : distance;
}

static bool is_within(const struct replay_check *check, double distance, double expected)
{
	if (distance == 0)
		return true;
	return isfinite(expected) && distance <= check->atol + check->rtol * fabs(expected);
}

int replay_compare(const struct replay_check *check, const struct replay_evidence *evidence,
		   struct replay_comparison *ret_comparison)
{
	struct replay_comparison comparison = {0};
	size_t bytes = replay_type_bytes(check->type);
	for (uint64_t i = 0; i < check->count; i++) {
		uint64_t offset = load64((const unsigned char *)evidence->offsets + i * 8);
		double expected =
			from_fp64(load64((const unsigned char *)evidence->expected + i * 8));
		if (evidence->buffer_bytes < bytes || offset > evidence->buffer_bytes - bytes)
			return -EINVAL;
		double value = replay_element(check->type,
					      (const unsigned char *)evidence->buffer + offset);
		double distance = difference(value * check->scale + check->add, expected);
		if (!is_within(check, distance, expected))
			comparison.n_wrong++;
		if (distance > comparison.worst) {
			comparison.worst = distance;
			comparison.worst_index = i;
		}
	}
	*ret_comparison = comparison;
	return 0;
}
