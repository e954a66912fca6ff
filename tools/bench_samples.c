/* SPDX-License-Identifier: MIT */
/*
 * All samples are kept, so that quantiles are exact.
 */
#include "bench.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

uint64_t bench_now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int bench_samples_init(struct bench_samples *samples, size_t capacity)
{
	*samples = (struct bench_samples){
		.values = calloc(capacity ? capacity : 1, sizeof(*samples->values)),
		.capacity = capacity,
	};
	return samples->values ? 0 : -ENOMEM;
}

void bench_samples_deinit(struct bench_samples *samples)
{
	free(samples->values);
	*samples = (struct bench_samples){0};
}

void bench_samples_add(struct bench_samples *samples, double value)
{
	if (samples->n < samples->capacity)
		samples->values[samples->n++] = value;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

double bench_samples_quantile(struct bench_samples *samples, double share)
{
	if (samples->n == 0)
		return 0;
	qsort(samples->values, samples->n, sizeof(*samples->values), compare_doubles);
	size_t i = (size_t)(share * (double)(samples->n - 1) + 0.5);
	return samples->values[i < samples->n ? i : samples->n - 1];
}
