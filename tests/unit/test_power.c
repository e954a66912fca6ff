/* SPDX-License-Identifier: MIT */
/* Clock and temperature from a tree of files as sysfs shows them. */
#include "device/power.h"

#include <check.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char root[] = "/tmp/test_power_XXXXXX";

static void write_text(const char *path, const char *text)
{
	char full[512];
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *slash = strchr(full + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		ck_assert(mkdir(full, 0755) == 0 || errno == EEXIST);
		*slash = '/';
	}
	file = fopen(full, "we");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

static int remove_entry(const char *path, const struct stat *stat, int flag, struct FTW *ftw)
{
	(void)stat, (void)flag, (void)ftw;
	return remove(path);
}

static void set_up(void)
{
	memcpy(root + strlen(root) - 6, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(root));
}

static void tear_down(void)
{
	nftw(root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void write_board(void)
{
	/* The memory has one as well, and so has the GPU. */
	write_text("class/devfreq/dmc/cur_freq", "2112000000\n");
	write_text("class/devfreq/fb000000.gpu/cur_freq", "200000000\n");
	write_text("class/devfreq/fdab0000.npu/cur_freq", "600000000\n");
	write_text("class/devfreq/fdab0000.npu/max_freq", "1000000000\n");
	write_text("class/devfreq/fdab0000.npu/available_frequencies",
		   "300000000 400000000 600000000 1000000000 \n");
	write_text("class/devfreq/fdab0000.npu/load", "45@600000000Hz\n");
	write_text("class/thermal/thermal_zone0/type", "soc-thermal\n");
	write_text("class/thermal/thermal_zone0/temp", "30000\n");
	write_text("class/thermal/thermal_zone6/type", "npu-thermal\n");
	write_text("class/thermal/thermal_zone6/temp", "48076\n");
}

START_TEST(texts)
{
	uint64_t value = 7;
	unsigned percent = 7;

	ck_assert_int_eq(power_parse_number("12\n", &value), 0);
	ck_assert_uint_eq(value, 12);
	ck_assert_int_eq(power_parse_number("", &value), -EINVAL);
	ck_assert_int_eq(power_parse_number("-1\n", &value), -EINVAL);
	ck_assert_int_eq(power_parse_number("1x", &value), -EINVAL);
	ck_assert_int_eq(power_parse_number("99999999999999999999", &value), -EINVAL);
	ck_assert_uint_eq(value, 12);
	ck_assert_uint_eq(power_parse_largest("3 500 40\n"), 500);
	ck_assert_uint_eq(power_parse_largest(" x 5 "), 5);
	ck_assert_uint_eq(power_parse_largest("\n"), 0);
	ck_assert_int_eq(power_parse_load("101\n", &percent), -EINVAL);
	ck_assert_int_eq(power_parse_load("@5", &percent), -EINVAL);
	ck_assert_uint_eq(percent, 7);
	ck_assert_int_eq(power_parse_load("100@1000000000Hz\n", &percent), 0);
	ck_assert_uint_eq(percent, 100);
}
END_TEST

START_TEST(a_machine_without)
{
	struct power *power = NULL;

	ck_assert_int_eq(power_new(root, &power), -ENOENT);
	write_text("class/devfreq/dmc/cur_freq", "1\n");
	write_text("class/thermal/thermal_zone0/type", "soc-thermal\n");
	ck_assert_int_eq(power_new(root, &power), -ENOENT);
	ck_assert_ptr_null(power);
	ck_assert_ptr_null(power_free(NULL));
}
END_TEST

START_TEST(a_board)
{
	struct power_reading reading;
	struct power *power;

	write_board();
	ck_assert_int_eq(power_new(root, &power), 0);
	power_read(power, &reading);
	ck_assert_uint_eq(reading.frequency_hz, 600000000);
	ck_assert_uint_eq(reading.full_hz, 1000000000);
	ck_assert(!reading.is_throttled);
	ck_assert(reading.has_load && reading.load_percent == 45);
	ck_assert(reading.has_temperature && reading.temperature_mc == 48076);
	/* It gets hot. */
	write_text("class/devfreq/fdab0000.npu/max_freq", "300000000\n");
	write_text("class/devfreq/fdab0000.npu/cur_freq", "300000000\n");
	write_text("class/thermal/thermal_zone6/temp", "96000\n");
	power_read(power, &reading);
	ck_assert(reading.is_throttled);
	ck_assert_uint_eq(reading.limit_hz, 300000000);
	ck_assert_uint_eq(power_read_clock_hz(power), 300000000);
	ck_assert_int_eq(reading.temperature_mc, 96000);
	power_free(power);
}
END_TEST

/* Mainline has the thermal zone, and no devfreq of the NPU. */
START_TEST(what_is_not_shown_is_not_known)
{
	struct power_reading reading;
	struct power *power;

	write_text("class/thermal/thermal_zone6/type", "npu-thermal\n");
	write_text("class/thermal/thermal_zone6/temp", "nonsense\n");
	ck_assert_int_eq(power_new(root, &power), 0);
	power_read(power, &reading);
	ck_assert_uint_eq(reading.frequency_hz, 0);
	ck_assert_uint_eq(reading.full_hz, 0);
	ck_assert(!reading.is_throttled && !reading.has_load && !reading.has_temperature);
	power_free(power);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("power");
	TCase *tcase = tcase_create("sysfs");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, texts);
	tcase_add_test(tcase, a_machine_without);
	tcase_add_test(tcase, a_board);
	tcase_add_test(tcase, what_is_not_shown_is_not_known);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
