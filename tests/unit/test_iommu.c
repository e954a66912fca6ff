/* SPDX-License-Identifier: MIT */
/*
 * The layer as a whole: a session's memory from first to last, with every request for memory
 * failing once.
 */
#include "fail_memory.h"
#include "iommu/bo.h"
#include "mock_device.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PAGE 4096ull

static struct mock_device mock;

static unsigned count_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned n = 0;

	ck_assert_ptr_nonnull(directory);
	while (readdir(directory))
		n++;
	closedir(directory);
	return n;
}

/* The mock's checks need memory of their own, which is not to fail. */
static int checked_memory_map(struct device *device, void *host, size_t size_bytes,
			      uint64_t *ret_pa)
{
	unsigned armed = fail_memory;
	int r;

	fail_memory = 0;
	r = mock_memory_map(device, host, size_bytes, ret_pa);
	fail_memory = armed;
	return r;
}

static void checked_memory_unmap(struct device *device, uint64_t pa, size_t size_bytes)
{
	unsigned armed = fail_memory;

	fail_memory = 0;
	mock_memory_unmap(device, pa, size_bytes);
	fail_memory = armed;
}

static const struct device_ops checked_ops = {
	.memory_map = checked_memory_map,
	.memory_unmap = checked_memory_unmap,
	.zap = mock_zap,
};

/* A session's life: BOs in six tables, one of them imported. Returns what stopped it. */
static int live(int foreign_fd)
{
	struct domain other = {0};
	struct bo *bos[6] = {0};
	int r;

	r = domain_init(&other, &mock.device);
	for (uint32_t i = 0; i < 5 && !r; i++)
		r = bo_new(&other, PAGE, false, (1 + i) << 22, bos + i);
	if (!r)
		r = bo_import(&other, foreign_fd, 0, bos + 5);
	for (unsigned i = 0; i < 6; i++)
		bo_unref(bos[i]);
	domain_deinit(&other);
	return r;
}

/* The n-th request for memory fails, for every n there is; nothing is ever left behind. */
START_TEST(test_no_memory_anywhere)
{
	unsigned n_fds, n_failures = 0;
	int foreign_fd;
	bool has_failed = true;

	mock_device_init(&mock, true);
	mock.device.ops = &checked_ops;
	foreign_fd = memfd_create("foreign", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_ge(foreign_fd, 0);
	ck_assert_int_eq(ftruncate(foreign_fd, PAGE), 0);
	ck_assert_int_eq(fcntl(foreign_fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	n_fds = count_fds();
	for (unsigned n = 1; has_failed; n++) {
		int r;

		fail_memory = n;
		r = live(foreign_fd);
		has_failed = !fail_memory;
		fail_memory = 0;
		ck_assert_uint_eq(mock.n_regions, 0);
		ck_assert_uint_eq(count_fds(), n_fds);
		/* An array that can't be made smaller is no failure. */
		ck_assert(r == -ENOMEM || r == 0);
		n_failures += r == -ENOMEM;
	}
	/* 1 space, its growth, 2 for the directory, 5 leaf arrays and tables, 12 for 6 BOs. */
	ck_assert_uint_ge(n_failures, 20);
	close(foreign_fd);
	mock_device_deinit(&mock);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("iommu");
	TCase *tcase = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, test_no_memory_anywhere);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
