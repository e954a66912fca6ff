/* SPDX-License-Identifier: MIT */
/*
 * A hash table of windows, all of it allocated at once. A window is kept twice, by age and by
 * length, so percentiles are a look and not a sort.
 */
#include "scheduler/predict.h"

#include "base/list.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define N_BUCKETS 256
#define WIDTH_MAX 3
#define MILLIONTH 1000000

struct kind {
	struct list by_hash; /* predict::buckets */
	struct list by_age;  /* predict::ages */
	uint64_t signature, clock_hz;
	unsigned width, n, oldest;
	uint64_t sum_ns;
	uint64_t *ring, *sorted; /* n values each, of `window` */
};

struct predict {
	struct predict_config config;
	struct predict_stats stats;
	uint64_t clock_hz;
	struct list buckets[N_BUCKETS];
	struct list ages; /* most recently used first */
	uint64_t *values; /* of all kinds */
	struct kind kinds[];
};

static struct list *bucket_of(struct predict *predict, uint64_t signature)
{
	return &predict->buckets[(signature * 0x9e3779b97f4a7c15ull) >> 56];
}

int predict_new(const struct predict_config *config, struct predict **ret_predict)
{
	size_t n_values = 2ull * config->n_kinds * config->window;
	struct predict *predict;

	predict = calloc(1, sizeof(*predict) + config->n_kinds * sizeof(predict->kinds[0]));
	if (!predict)
		return -ENOMEM;
	predict->values = calloc(n_values, sizeof(*predict->values));
	if (!predict->values) {
		free(predict);
		return -ENOMEM;
	}
	predict->config = *config;
	list_init(&predict->ages);
	for (unsigned i = 0; i < N_BUCKETS; i++)
		list_init(&predict->buckets[i]);
	*ret_predict = predict;
	return 0;
}

struct predict *predict_free(struct predict *predict)
{
	if (!predict)
		return NULL;
	free(predict->values);
	free(predict);
	return NULL;
}

/* At the present clock. */
static struct kind *find_kind(struct predict *predict, uint64_t signature, unsigned width)
{
	struct kind *kind;

	list_for_each (kind, bucket_of(predict, signature), by_hash) {
		if (kind->signature == signature && kind->width == width &&
		    kind->clock_hz == predict->clock_hz)
			return kind;
	}
	return NULL;
}

/* At any clock, the one that was new last. */
static struct kind *find_any_clock(struct predict *predict, uint64_t signature, unsigned width)
{
	struct kind *kind;

	list_for_each (kind, bucket_of(predict, signature), by_hash) {
		if (kind->signature == signature && kind->width == width)
			return kind;
	}
	return NULL;
}

/* A kind that is not in use yet, or the one least recently used. */
static struct kind *take_kind(struct predict *predict)
{
	unsigned window = predict->config.window;
	struct kind *kind;

	if (predict->stats.n_kinds < predict->config.n_kinds) {
		unsigned index = predict->stats.n_kinds++;

		kind = &predict->kinds[index];
		kind->ring = predict->values + 2ull * index * window;
		kind->sorted = kind->ring + window;
		return kind;
	}
	kind = container_of(predict->ages.prev, struct kind, by_age);
	list_del(&kind->by_hash);
	list_del(&kind->by_age);
	predict->stats.n_forgotten++;
	return kind;
}

static struct kind *add_kind(struct predict *predict, uint64_t signature, unsigned width,
			     uint64_t clock_hz)
{
	struct kind *kind = take_kind(predict);

	kind->signature = signature;
	kind->clock_hz = clock_hz;
	kind->width = width;
	kind->n = kind->oldest = 0;
	kind->sum_ns = 0;
	list_add_head(bucket_of(predict, signature), &kind->by_hash);
	list_add_head(&predict->ages, &kind->by_age);
	return kind;
}

/* The first place in `sorted` whose value is not below value_ns. */
static unsigned place_in(const struct kind *kind, uint64_t value_ns)
{
	unsigned low = 0, high = kind->n;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (kind->sorted[middle] < value_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void drop_oldest(struct kind *kind)
{
	uint64_t value_ns = kind->ring[kind->oldest];
	unsigned place = place_in(kind, value_ns);

	kind->n--;
	memmove(kind->sorted + place, kind->sorted + place + 1,
		(kind->n - place) * sizeof(*kind->sorted));
	kind->sum_ns -= value_ns;
}

static void add_sample(struct kind *kind, unsigned window, uint64_t value_ns)
{
	unsigned place;

	assert(window > 0);
	if (kind->n == window) {
		drop_oldest(kind);
		kind->ring[kind->oldest] = value_ns;
		kind->oldest = (kind->oldest + 1) % window;
	} else {
		kind->ring[kind->n] = value_ns;
	}
	place = place_in(kind, value_ns);
	memmove(kind->sorted + place + 1, kind->sorted + place,
		(kind->n - place) * sizeof(*kind->sorted));
	kind->sorted[place] = value_ns;
	kind->n++;
	kind->sum_ns += value_ns;
}

/* The kind's samples, oldest first, as far as the new window holds them. */
static void copy_kind(struct predict *predict, const struct kind *from, unsigned from_window)
{
	struct kind *kind = add_kind(predict, from->signature, from->width, from->clock_hz);

	for (unsigned i = 0; i < from->n; i++)
		add_sample(kind, predict->config.window,
			   from->ring[from->n == from_window ? (from->oldest + i) % from->n : i]);
}

static void copy_all(struct predict *predict, struct predict *from)
{
	for (struct list *link = from->ages.prev; link != &from->ages; link = link->prev)
		copy_kind(predict, container_of(link, struct kind, by_age), from->config.window);
	predict->clock_hz = from->clock_hz;
	predict->stats.error = from->stats.error;
	predict->stats.n_forgotten += from->stats.n_forgotten;
}

int predict_configure(struct predict **predict, const struct predict_config *config)
{
	struct predict *fresh;
	int r;

	if (config->window == (*predict)->config.window &&
	    config->n_kinds == (*predict)->config.n_kinds) {
		(*predict)->config = *config;
		return 0;
	}
	r = predict_new(config, &fresh);
	if (r < 0)
		return r;
	copy_all(fresh, *predict);
	predict_free(*predict);
	*predict = fresh;
	return 0;
}

static void count_error(struct predict *predict, const struct kind *kind, uint64_t value_ns)
{
	uint64_t mean_ns, error_ns;

	if (!kind->n || kind->n < predict->config.known_after)
		return;
	mean_ns = kind->sum_ns / kind->n;
	error_ns = value_ns > mean_ns ? value_ns - mean_ns : mean_ns - value_ns;
	if (mean_ns)
		histogram_add(&predict->stats.error,
			      (uint64_t)((double)error_ns / (double)mean_ns * MILLIONTH));
}

void predict_set_clock(struct predict *predict, uint64_t clock_hz)
{
	predict->clock_hz = clock_hz;
}

void predict_observe(struct predict *predict, uint64_t signature, unsigned width, unsigned n_pieces,
		     uint64_t share_ns)
{
	struct kind *kind;

	if (!signature || !n_pieces)
		return;
	kind = find_kind(predict, signature, width);
	if (!kind)
		kind = add_kind(predict, signature, width, predict->clock_hz);
	list_del(&kind->by_age);
	list_add_head(&predict->ages, &kind->by_age);
	count_error(predict, kind, share_ns / n_pieces);
	add_sample(kind, predict->config.window, share_ns / n_pieces);
}

static void describe(const struct kind *kind, struct prediction *ret_prediction)
{
	ret_prediction->n_samples = kind->n;
	ret_prediction->p10_ns = kind->sorted[kind->n / 10];
	ret_prediction->p90_ns = kind->sorted[kind->n * 9 / 10];
	ret_prediction->mean_ns = kind->sum_ns / kind->n;
}

uint64_t predict_stretch(uint64_t time_ns, uint64_t from_hz, uint64_t to_hz)
{
	double stretched_ns;

	if (!to_hz || from_hz <= to_hz)
		return time_ns;
	stretched_ns = (double)time_ns * (double)from_hz / (double)to_hz;
	return stretched_ns < (double)UINT64_MAX ? (uint64_t)stretched_ns : UINT64_MAX;
}

static void stretch(struct prediction *prediction, uint64_t from_hz, uint64_t to_hz)
{
	prediction->p10_ns = predict_stretch(prediction->p10_ns, from_hz, to_hz);
	prediction->mean_ns = predict_stretch(prediction->mean_ns, from_hz, to_hz);
	prediction->p90_ns = predict_stretch(prediction->p90_ns, from_hz, to_hz);
}

/* What is known of the kind, at this clock or for it; false: nothing. */
static bool look_up(struct predict *predict, uint64_t signature, unsigned width,
		    struct prediction *ret_prediction)
{
	const struct kind *kind = find_kind(predict, signature, width);

	if (!kind)
		kind = find_any_clock(predict, signature, width);
	if (!kind)
		return false;
	describe(kind, ret_prediction);
	stretch(ret_prediction, kind->clock_hz, predict->clock_hz);
	return true;
}

void predict_get(struct predict *predict, uint64_t signature, unsigned width, unsigned n_pieces,
		 struct prediction *ret_prediction)
{
	uint64_t piece_ns = predict->config.default_ns / (n_pieces ? n_pieces : 1);

	*ret_prediction =
		(struct prediction){.p10_ns = piece_ns, .mean_ns = piece_ns, .p90_ns = piece_ns};
	if (!signature)
		return;
	if (look_up(predict, signature, width, ret_prediction)) {
		ret_prediction->is_known = ret_prediction->n_samples >= predict->config.known_after;
		return;
	}
	for (unsigned other = 1; other <= WIDTH_MAX; other++) {
		if (!look_up(predict, signature, other, ret_prediction))
			continue;
		ret_prediction->n_samples = 0;
		return;
	}
}

const struct predict_stats *predict_get_stats(const struct predict *predict)
{
	return &predict->stats;
}
