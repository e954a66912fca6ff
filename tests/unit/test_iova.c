/* SPDX-License-Identifier: MIT */
/*
 * The address space against a naive model (one byte per page), and what it promises about guards,
 * fixed ranges and fragmentation.
 */
#include "fail_memory.h"
#include "iommu/iova.h"

#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PAGE	  ((uint64_t)IOVA_PAGE_BYTES)
#define N_PAGES	  (1u << 20)
#define MIB	  (1ull << 20)
#define MAX_LIVE  8192u
#define UNTOUCHED 0xdeadbeefu

struct range {
	uint32_t iova;
	uint64_t size_bytes;
};

/* xorshift64*: the same numbers everywhere. */
static uint64_t random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

static uint64_t random_below(uint64_t *state, uint64_t limit)
{
	return random_next(state) % limit;
}

/* The array is sorted, nothing touches, sums agree, and there is room for a release. */
static void check_consistent(const struct iova_space *space)
{
	uint64_t free_bytes = 0;

	for (uint32_t i = 0; i < space->n_free; i++) {
		const struct iova_extent *extent = space->free + i;

		ck_assert_uint_lt(extent->start, extent->end);
		ck_assert_uint_eq((extent->start | extent->end) % PAGE, 0);
		if (i > 0)
			ck_assert_uint_lt(space->free[i - 1].end, extent->start);
		free_bytes += extent->end - extent->start;
	}
	ck_assert_uint_eq(free_bytes + space->used_bytes, IOVA_SPACE_BYTES);
	ck_assert_uint_ge(space->capacity, space->n_used + 1);
	ck_assert_uint_le(space->n_free, space->n_used + 1);
}

static void check_empty(struct iova_space *space)
{
	check_consistent(space);
	ck_assert_uint_eq(space->n_free, 1);
	ck_assert_uint_eq(space->n_used, 0);
	ck_assert_uint_eq(space->used_bytes, 0);
	iova_space_deinit(space);
}

static const struct {
	const char *what;
	uint64_t size_bytes;
	int result;
	uint32_t iova;
} place_cases[] = {
	{"nothing", 0, -EINVAL, 0},
	{"a byte", 1, -EINVAL, 0},
	{"a page and a byte", PAGE + 1, -EINVAL, 0},
	{"a page: from the top, below the guard", PAGE, 0, 0xffffe000},
	{"the largest small range", MIB - PAGE, 0, 0xfff00000},
	{"the smallest large range: from the bottom", MIB, 0, 0x1000},
	{"2 GiB", 1ull << 31, 0, 0x1000},
	{"all but two guards", IOVA_SPACE_BYTES - 2 * PAGE, 0, 0x1000},
	{"no room for the guards", IOVA_SPACE_BYTES - PAGE, -ENOSPC, 0},
	{"the whole space", IOVA_SPACE_BYTES, -ENOSPC, 0},
	{"more than the space", IOVA_SPACE_BYTES + PAGE, -ENOSPC, 0},
	{"as much as can be said", UINT64_MAX - PAGE + 1, -ENOSPC, 0},
};

START_TEST(test_place)
{
	struct iova_space space;
	uint32_t iova = UNTOUCHED;
	int r;

	ck_assert_int_eq(iova_space_init(&space), 0);
	r = iova_alloc(&space, place_cases[_i].size_bytes, &iova);
	ck_assert_msg(r == place_cases[_i].result, "%s: %d", place_cases[_i].what, r);
	ck_assert_msg(iova == (r ? UNTOUCHED : place_cases[_i].iova), "%s: %#x",
		      place_cases[_i].what, iova);
	if (!r) {
		check_consistent(&space);
		iova_release(&space, iova, place_cases[_i].size_bytes);
	}
	check_empty(&space);
}
END_TEST

/* In a space where [0x10000000, 0x10004000) is taken. */
static const struct {
	const char *what;
	uint64_t iova;
	uint64_t size_bytes;
	int result;
} fixed_cases[] = {
	{"page 0", 0, PAGE, -EINVAL},
	{"page 1", 0x1000, PAGE, 0},
	{"the last page, to 2^32 exactly", 0xfffff000, PAGE, 0},
	{"one page over the end", 0xfffff000, 2 * PAGE, -EINVAL},
	{"size wraps", 0x1000, UINT64_MAX - PAGE + 1, -EINVAL},
	{"the whole space", 0x1000, IOVA_SPACE_BYTES, -EINVAL},
	{"misaligned address", 0x1800, PAGE, -EINVAL},
	{"misaligned size", 0x1000, PAGE + 8, -EINVAL},
	{"nothing", 0x1000, 0, -EINVAL},
	{"the same", 0x10000000, 4 * PAGE, -EEXIST},
	{"inside", 0x10001000, PAGE, -EEXIST},
	{"over its start", 0x0ffff000, 2 * PAGE, -EEXIST},
	{"over its end", 0x10003000, 2 * PAGE, -EEXIST},
	{"around it", 0x0ffff000, 6 * PAGE, -EEXIST},
	{"all but page 0", 0x1000, IOVA_SPACE_BYTES - PAGE, -EEXIST},
	{"right below", 0x0ffff000, PAGE, 0},
	{"right above", 0x10004000, PAGE, 0},
	{"everything below", 0x1000, 0x10000000 - PAGE, 0},
	{"everything above", 0x10004000, IOVA_SPACE_BYTES - 0x10004000, 0},
};

START_TEST(test_fixed)
{
	struct iova_space space;
	int r;

	ck_assert_int_eq(iova_space_init(&space), 0);
	ck_assert_int_eq(iova_alloc_fixed(&space, 0x10000000, 4 * PAGE), 0);
	r = iova_alloc_fixed(&space, (uint32_t)fixed_cases[_i].iova, fixed_cases[_i].size_bytes);
	ck_assert_msg(r == fixed_cases[_i].result, "%s: %d", fixed_cases[_i].what, r);
	check_consistent(&space);
	if (!r)
		iova_release(&space, (uint32_t)fixed_cases[_i].iova, fixed_cases[_i].size_bytes);
	iova_release(&space, 0x10000000, 4 * PAGE);
	check_empty(&space);
}
END_TEST

START_TEST(test_fixed_takes_everything)
{
	struct iova_space space;
	uint32_t iova;

	ck_assert_int_eq(iova_space_init(&space), 0);
	ck_assert_int_eq(iova_alloc_fixed(&space, 0x1000, IOVA_SPACE_BYTES - PAGE), 0);
	ck_assert_int_eq(iova_alloc(&space, PAGE, &iova), -ENOSPC);
	ck_assert_int_eq(iova_alloc_fixed(&space, 0xfffff000, PAGE), -EEXIST);
	iova_release(&space, 0x1000, IOVA_SPACE_BYTES - PAGE);
	check_empty(&space);
}
END_TEST

/* Recorded submissions have their buffers back to back at the very top. */
START_TEST(test_fixed_back_to_back)
{
	static const struct range ranges[] = {
		{0xffffe000, PAGE}, {0xffffd000, PAGE},	    {0xffff8000, 5 * PAGE},
		{0xfffff000, PAGE}, {0xfff00000, 8 * PAGE},
	};
	struct iova_space space;
	uint32_t iova;

	ck_assert_int_eq(iova_space_init(&space), 0);
	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
		ck_assert_int_eq(iova_alloc_fixed(&space, ranges[i].iova, ranges[i].size_bytes), 0);
	ck_assert_int_eq(iova_alloc(&space, PAGE, &iova), 0);
	ck_assert_uint_eq(iova, 0xffff6000); /* a guard below 0xffff8000 */
	iova_release(&space, iova, PAGE);
	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
		iova_release(&space, ranges[i].iova, ranges[i].size_bytes);
	check_empty(&space);
}
END_TEST

START_TEST(test_guards)
{
	struct iova_space space;
	uint32_t high, low, middle, again;

	ck_assert_int_eq(iova_space_init(&space), 0);
	ck_assert_int_eq(iova_alloc(&space, PAGE, &high), 0);
	ck_assert_int_eq(iova_alloc(&space, PAGE, &middle), 0);
	ck_assert_int_eq(iova_alloc(&space, PAGE, &low), 0);
	ck_assert_uint_eq(high - middle, 2 * PAGE); /* neighbours share one guard */
	ck_assert_uint_eq(middle - low, 2 * PAGE);

	/* The hole is refilled, guards and all, by what fits and by nothing larger. */
	iova_release(&space, middle, PAGE);
	ck_assert_int_eq(iova_alloc(&space, 2 * PAGE, &again), 0);
	ck_assert_uint_lt(again, low);
	iova_release(&space, again, 2 * PAGE);
	ck_assert_int_eq(iova_alloc(&space, PAGE, &again), 0);
	ck_assert_uint_eq(again, middle);

	/* A fixed range may take a guard, and gives it back as one. */
	ck_assert_int_eq(iova_alloc_fixed(&space, middle + IOVA_PAGE_BYTES, PAGE), 0);
	iova_release(&space, middle + IOVA_PAGE_BYTES, PAGE);
	ck_assert_int_eq(iova_alloc(&space, PAGE, &again), 0);
	ck_assert_uint_lt(again, low);

	iova_release(&space, again, PAGE);
	iova_release(&space, high, PAGE);
	iova_release(&space, low, PAGE);
	iova_release(&space, middle, PAGE);
	check_empty(&space);
}
END_TEST

/* Room is made when a range is given out, so that releases in the worst order can't fail. */
START_TEST(test_many_and_back)
{
	struct iova_space space;
	uint32_t *iovas = calloc(MAX_LIVE, sizeof(*iovas));

	ck_assert_ptr_nonnull(iovas);
	ck_assert_int_eq(iova_space_init(&space), 0);
	ck_assert_uint_le(space.capacity * sizeof(*space.free), 256);
	for (uint32_t i = 0; i < MAX_LIVE; i++) {
		iovas[i] = 0x1000 + i * IOVA_PAGE_BYTES;
		ck_assert_int_eq(iova_alloc_fixed(&space, iovas[i], PAGE), 0);
	}
	ck_assert_uint_eq(space.n_free, 2);
	for (uint32_t i = 0; i < MAX_LIVE; i += 2)
		iova_release(&space, iovas[i], PAGE);
	check_consistent(&space);
	ck_assert_uint_eq(space.n_free, MAX_LIVE / 2 + 1);
	for (uint32_t i = 1; i < MAX_LIVE; i += 2)
		iova_release(&space, iovas[i], PAGE);
	ck_assert_uint_le(space.capacity * sizeof(*space.free), 256);
	check_empty(&space);
	free(iovas);
}
END_TEST

/* One byte per page: 0 free, 1 taken. Kept as naively as can be. */
struct model {
	uint8_t *pages;
	struct range live[MAX_LIVE];
	uint32_t n_live;
};

static bool model_is_free(const struct model *model, uint64_t first, uint64_t n)
{
	return !memchr(model->pages + first, 1, n);
}

/* Whether n pages fit somewhere with a free page on either side. */
static bool model_has_hole(const struct model *model, uint64_t n)
{
	uint64_t run = 0;

	for (uint32_t i = 0; i < N_PAGES; i++) {
		run = model->pages[i] ? 0 : run + 1;
		if (run >= n + 2)
			return true;
	}
	return false;
}

static void model_take(struct model *model, uint32_t iova, uint64_t size_bytes)
{
	ck_assert_uint_lt(model->n_live, MAX_LIVE);
	memset(model->pages + iova / PAGE, 1, size_bytes / PAGE);
	model->live[model->n_live++] = (struct range){iova, size_bytes};
}

static struct range model_drop(struct model *model, uint32_t i)
{
	struct range range = model->live[i];

	memset(model->pages + range.iova / PAGE, 0, range.size_bytes / PAGE);
	model->live[i] = model->live[--model->n_live];
	return range;
}

/* The free extents cover exactly the free pages. */
static void model_compare(const struct model *model, const struct iova_space *space)
{
	uint64_t at = 0;

	check_consistent(space);
	ck_assert_uint_eq(space->n_used, model->n_live);
	for (uint32_t i = 0; i < space->n_free; i++) {
		uint64_t start = space->free[i].start / PAGE, end = space->free[i].end / PAGE;

		ck_assert_ptr_null(memchr(model->pages + at, 0, start - at));
		ck_assert(model_is_free(model, start, end - start));
		at = end;
	}
	ck_assert_ptr_null(memchr(model->pages + at, 0, N_PAGES - at));
}

/* Mostly small, some of a few MiB, now and then hundreds. */
static uint64_t random_size(uint64_t *random)
{
	uint64_t kind = random_below(random, 100);

	if (kind < 60)
		return PAGE * (1 + random_below(random, 16));
	if (kind < 85)
		return PAGE * (1 + random_below(random, 512));
	if (kind < 98)
		return PAGE * (256 + random_below(random, 4096));
	return PAGE * (1 + random_below(random, N_PAGES / 8));
}

static void step_place(struct model *model, struct iova_space *space, uint64_t size_bytes)
{
	uint64_t n = size_bytes / PAGE, first;
	uint32_t iova;
	int r = iova_alloc(space, size_bytes, &iova);

	if (r < 0) {
		ck_assert_int_eq(r, -ENOSPC);
		ck_assert(!model_has_hole(model, n));
		return;
	}
	first = iova / PAGE;
	ck_assert_uint_eq(iova % PAGE, 0);
	ck_assert_uint_ge(first, 1);
	ck_assert_uint_le(first + n + 1, N_PAGES);
	ck_assert(model_is_free(model, first - 1, n + 2));
	model_take(model, iova, size_bytes);
}

static void step_fixed(struct model *model, struct iova_space *space, uint64_t *random,
		       uint64_t size_bytes)
{
	uint64_t n = size_bytes / PAGE, first = 1 + random_below(random, N_PAGES - 1);
	int r;

	/* Half of them next to something, or overlapping it by a page. */
	if (model->n_live && random_below(random, 2)) {
		const struct range *range = model->live + random_below(random, model->n_live);

		first = (range->iova + range->size_bytes) / PAGE - random_below(random, 2);
		first = first < N_PAGES ? first : N_PAGES - 1;
	}
	r = iova_alloc_fixed(space, (uint32_t)(first * PAGE), size_bytes);
	if (first + n > N_PAGES)
		ck_assert_int_eq(r, -EINVAL);
	else
		ck_assert_int_eq(r, model_is_free(model, first, n) ? 0 : -EEXIST);
	if (!r)
		model_take(model, (uint32_t)(first * PAGE), size_bytes);
}

static void step_release(struct model *model, struct iova_space *space, uint64_t *random)
{
	struct range range;

	if (!model->n_live)
		return;
	range = model_drop(model, (uint32_t)random_below(random, model->n_live));
	iova_release(space, range.iova, range.size_bytes);
}

START_TEST(test_against_model)
{
	struct model *model = calloc(1, sizeof(*model));
	uint64_t random = 0x9e3779b97f4a7c15ull;
	struct iova_space space;

	ck_assert_ptr_nonnull(model);
	model->pages = calloc(1, N_PAGES);
	ck_assert_ptr_nonnull(model->pages);
	ck_assert_int_eq(iova_space_init(&space), 0);
	for (unsigned i = 0; i < 50000; i++) {
		/* Waves: the space fills up, then empties. */
		bool is_filling = i / 5000 % 2 == 0;
		uint64_t size_bytes = random_size(&random);

		if (random_below(&random, 10) >= (is_filling ? 7u : 3u))
			step_release(model, &space, &random);
		else if (random_below(&random, 4))
			step_place(model, &space, size_bytes);
		else
			step_fixed(model, &space, &random, size_bytes);
		if (i % 500 == 0)
			model_compare(model, &space);
	}
	model_compare(model, &space);
	while (model->n_live)
		step_release(model, &space, &random);
	model_compare(model, &space);
	check_empty(&space);
	free(model->pages);
	free(model);
}
END_TEST

/*
 * A day of small buffers coming and going, 2 GiB of weights and a few models beside them: what is
 * left stays in one piece.
 */
START_TEST(test_fragmentation)
{
	struct range *live = calloc(4096, sizeof(*live));
	uint64_t random = 42;
	struct iova_space space;
	uint32_t weights, large;

	ck_assert_ptr_nonnull(live);
	ck_assert_int_eq(iova_space_init(&space), 0);
	ck_assert_int_eq(iova_alloc(&space, 2048 * MIB, &weights), 0);
	for (unsigned i = 0; i < 200000; i++) {
		struct range *slot = live + random_below(&random, 4096);
		bool is_large = slot - live < 8;

		if (slot->size_bytes)
			iova_release(&space, slot->iova, slot->size_bytes);
		/* Live at a time: 4088 of up to 508 KiB, 255 on average; 8 of up to 32 MiB. */
		slot->size_bytes = is_large ? MIB * (1 + random_below(&random, 32))
					    : PAGE * (1 + random_below(&random, 127));
		ck_assert_int_eq(iova_alloc(&space, slot->size_bytes, &slot->iova), 0);
		if (i % 10000 == 0) {
			ck_assert_int_eq(iova_alloc(&space, 512 * MIB, &large), 0);
			iova_release(&space, large, 512 * MIB);
		}
	}
	check_consistent(&space);
	ck_assert_uint_gt(space.used_bytes, 3000 * MIB);
	ck_assert_int_eq(iova_alloc(&space, 512 * MIB, &large), 0);

	iova_release(&space, large, 512 * MIB);
	iova_release(&space, weights, 2048 * MIB);
	for (unsigned i = 0; i < 4096; i++)
		if (live[i].size_bytes)
			iova_release(&space, live[i].iova, live[i].size_bytes);
	check_empty(&space);
	free(live);
}
END_TEST

/* No memory to remember one more range: refused, by either way, and nothing has changed. */
START_TEST(test_no_memory)
{
	uint32_t iovas[4], iova = UNTOUCHED;
	struct iova_space space;

	fail_memory = 1;
	ck_assert_int_eq(iova_space_init(&space), -ENOMEM);
	ck_assert_int_eq(iova_space_init(&space), 0);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(iova_alloc(&space, PAGE, iovas + i), 0);
	fail_memory = 1;
	ck_assert_int_eq(iova_alloc(&space, PAGE, &iova), -ENOMEM);
	fail_memory = 1;
	ck_assert_int_eq(iova_alloc_fixed(&space, 0x1000, PAGE), -ENOMEM);
	ck_assert_uint_eq(iova, UNTOUCHED);
	ck_assert_uint_eq(space.n_used, 3);
	check_consistent(&space);

	/* A release does without. */
	ck_assert_int_eq(iova_alloc(&space, PAGE, iovas + 3), 0);
	for (unsigned i = 0; i < 4; i++) {
		fail_memory = 1;
		iova_release(&space, iovas[i], PAGE);
		fail_memory = 0;
	}
	check_empty(&space);
}
END_TEST

START_TEST(test_deinit_anything)
{
	struct iova_space space = {0};
	uint32_t iova;

	iova_space_deinit(&space);
	ck_assert_int_eq(iova_space_init(&space), 0);
	ck_assert_int_eq(iova_alloc(&space, PAGE, &iova), 0);
	iova_space_deinit(&space);
	iova_space_deinit(&space);
	ck_assert_ptr_null(space.free);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("iova");
	TCase *tcase = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, test_place, 0, sizeof(place_cases) / sizeof(*place_cases));
	tcase_add_loop_test(tcase, test_fixed, 0, sizeof(fixed_cases) / sizeof(*fixed_cases));
	tcase_add_test(tcase, test_fixed_takes_everything);
	tcase_add_test(tcase, test_fixed_back_to_back);
	tcase_add_test(tcase, test_guards);
	tcase_add_test(tcase, test_many_and_back);
	tcase_add_test(tcase, test_against_model);
	tcase_add_test(tcase, test_fragmentation);
	tcase_add_test(tcase, test_no_memory);
	tcase_add_test(tcase, test_deinit_anything);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
