/* SPDX-License-Identifier: MIT */
/* What the doctor says of machines that are made of files in a directory. */
#include "npuctl_doctor.h"

#include <check.h>
#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

static char root[] = "/tmp/test_doctor_XXXXXX";
static struct doctor doctor;

static void make_parents(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		ck_assert(mkdir(path, 0755) == 0 || errno == EEXIST);
		*slash = '/';
	}
}

static void write_file(const char *path, const char *text, size_t size)
{
	char full[512];
	FILE *file;

	snprintf(full, sizeof(full), "%s%s", root, path);
	make_parents(full);
	file = fopen(full, "we");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(text, 1, size, file), size);
	ck_assert_int_eq(fclose(file), 0);
}

static void write_text(const char *path, const char *text)
{
	write_file(path, text, strlen(text));
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
	static const char compatible[] = "xunlong,orangepi-5-plus\0rockchip,rk3588";

	write_file("/proc/device-tree/compatible", compatible, sizeof(compatible));
	write_text("/proc/device-tree/model", "Orange Pi 5 Plus");
}

static const struct doctor_line *examine(const char *name)
{
	doctor = (struct doctor){0};
	doctor_check_machine(&doctor, root);
	for (unsigned i = 0; i < doctor.n_lines; i++)
		if (strcmp(doctor.lines[i].name, name) == 0)
			return &doctor.lines[i];
	return NULL;
}

START_TEST(no_board)
{
	const struct doctor_line *line = examine("node");

	ck_assert_ptr_nonnull(line);
	ck_assert_int_eq(line->result, DOCTOR_OK);
	ck_assert_str_eq(doctor.driver, "");
	ck_assert_ptr_null(examine("iommu"));
	ck_assert_ptr_nonnull(strstr(examine("kernel")->advice, "soft"));
}
END_TEST

START_TEST(board_without_driver)
{
	const struct doctor_line *line;

	write_board();
	line = examine("node");
	ck_assert_int_eq(line->result, DOCTOR_FAILURE);
	ck_assert_ptr_nonnull(strstr(line->advice, "CONFIG_ROCKCHIP_RKNPU"));
	ck_assert_ptr_nonnull(strstr(examine("kernel")->text, "Orange Pi 5 Plus"));
	write_text("/dev/rknpu", "");
	ck_assert_ptr_nonnull(strstr(examine("node")->text, "/dev/rknpu"));
}
END_TEST

/* The number of the card says nothing: the display has one as well. */
START_TEST(vendor_driver_is_found_by_its_name)
{
	write_board();
	write_text("/sys/class/drm/card0/device/uevent", "DRIVER=rockchip-drm\n");
	write_text("/sys/class/drm/card1/device/uevent", "DRIVER=RKNPU\nOF_NAME=npu\n");
	write_text("/sys/class/drm/card1-HDMI-A-1/device/uevent", "\n");
	write_text("/dev/dri/card1", "");
	ck_assert_int_eq(examine("node")->result, DOCTOR_OK);
	ck_assert_ptr_nonnull(strstr(examine("node")->text, "/dev/dri/card1"));
	ck_assert_str_eq(doctor.driver, "rknpu");
	/* A file is no device. */
	ck_assert_int_eq(examine("driver")->result, DOCTOR_WARNING);
}
END_TEST

START_TEST(node_is_missing)
{
	write_text("/sys/class/accel/accel0/device/uevent", "MODALIAS=platform:rknn\n");
	ck_assert_int_eq(examine("node")->result, DOCTOR_FAILURE);
	ck_assert_ptr_nonnull(strstr(examine("node")->text, "/dev/accel/accel0"));
	ck_assert_str_eq(doctor.driver, "rocket");
}
END_TEST

START_TEST(node_without_permission)
{
	char path[512];

	write_text("/sys/class/accel/accel0/device/uevent", "MODALIAS=platform:rknn\n");
	write_text("/dev/accel/accel0", "");
	snprintf(path, sizeof(path), "%s/dev/accel/accel0", root);
	ck_assert_int_eq(chmod(path, 0), 0);
	ck_assert_int_eq(chmod(root, 0755), 0);
	/* Root may open anything. */
	if (geteuid() == 0)
		ck_assert_int_eq(seteuid(65534), 0);
	ck_assert_int_eq(examine("node")->result, DOCTOR_WARNING);
	ck_assert_ptr_nonnull(strstr(examine("node")->text, "Permission denied"));
	ck_assert_ptr_nonnull(strstr(examine("node")->advice, "npud's user"));
	ck_assert_int_eq(seteuid(getuid()), 0);
}
END_TEST

START_TEST(iommu_on_and_off)
{
	write_text("/sys/class/drm/card1/device/uevent", "DRIVER=RKNPU\n");
	ck_assert_int_eq(examine("iommu")->result, DOCTOR_FAILURE);
	write_text("/sys/bus/platform/drivers/RKNPU/fdab0000.npu/iommu_group", "");
	ck_assert_int_eq(examine("iommu")->result, DOCTOR_OK);
}
END_TEST

START_TEST(fences_in_the_kernel)
{
	char path[300];
	struct utsname name;

	ck_assert_int_eq(uname(&name), 0);
	snprintf(path, sizeof(path), "/boot/config-%s", name.release);
	write_text("/sys/class/drm/card1/device/uevent", "DRIVER=RKNPU\n");
	ck_assert_ptr_nonnull(strstr(examine("fences")->text, "cannot be looked up"));
	write_text(path, "CONFIG_SYNC_FILE=y\n# CONFIG_ROCKCHIP_RKNPU_FENCE is not set\n");
	ck_assert_int_eq(examine("fences")->result, DOCTOR_WARNING);
	ck_assert_ptr_nonnull(strstr(examine("fences")->text, "is not set"));
	/* The running kernel's own goes first. */
	write_text("/proc/config.gz", "CONFIG_ROCKCHIP_RKNPU_FENCE=y\n");
	ck_assert_int_eq(examine("fences")->result, DOCTOR_OK);
}
END_TEST

START_TEST(lines_stay_lines)
{
	struct doctor lines = {0};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	doctor_add(&lines, "name", DOCTOR_FAILURE, "two\nlines\x1b[1m");
	doctor_advise(&lines, "do\tthis");
	for (int i = 0; i < 2 * DOCTOR_LINES_MAX; i++)
		doctor_add(&lines, "more", DOCTOR_OK, "%d", i);
	ck_assert_uint_eq(lines.n_lines, DOCTOR_LINES_MAX);
	ck_assert_uint_eq(doctor_count(&lines, DOCTOR_FAILURE), 1);
	doctor_print(&lines, false, out);
	fclose(out);
	ck_assert_ptr_nonnull(strstr(text, "two lines [1m; do this\n"));
	ck_assert_ptr_nonnull(strstr(text, "47 ok, 0 warnings, 1 failures\n"));
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("doctor");
	TCase *tcase = tcase_create("machines");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, no_board);
	tcase_add_test(tcase, board_without_driver);
	tcase_add_test(tcase, vendor_driver_is_found_by_its_name);
	tcase_add_test(tcase, node_is_missing);
	tcase_add_test(tcase, node_without_permission);
	tcase_add_test(tcase, iommu_on_and_off);
	tcase_add_test(tcase, fences_in_the_kernel);
	tcase_add_test(tcase, lines_stay_lines);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
