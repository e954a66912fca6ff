/* SPDX-License-Identifier: MIT */
/*
 * What the kernel says without being asked for anything: files of /sys and /proc, and two system
 * calls that change nothing.
 */
#include "npuctl_doctor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <xf86drm.h>
#include <zlib.h>

#define DESCRIPTORS_WANTED	     65536
#define MEMLOCK_WANTED		     (8u << 20)
#define PATH_BYTES		     512
#define VERSION(major, minor, patch) ((major)*1000000 + (minor)*1000 + (patch))

/* ---- files ---- */

/* "" where it cannot be read. */
static void read_text(const char *root, const char *path, char *ret_text, size_t size)
{
	char full[PATH_BYTES];
	FILE *file;
	size_t length = 0;
	snprintf(full, sizeof(full), "%s%s", root, path);
	file = fopen(full, "re");
	if (file) {
		length = fread(ret_text, 1, size - 1, file);
		fclose(file);
	}
	ret_text[length] = '\0';
	/* Device tree lists are separated by zeros. */
	for (size_t i = 0; i < length; i++)
		if (!ret_text[i])
			ret_text[i] = ' ';
	while (length > 0 && strchr(" \n", ret_text[length - 1]))
		ret_text[--length] = '\0';
}

static bool exists(const char *root, const char *path)
{
	char full[PATH_BYTES];
	snprintf(full, sizeof(full), "%s%s", root, path);
	return access(full, F_OK) == 0;
}

/* Whether a folder below that one has an entry of that name. */
static bool exists_below(const char *root, const char *folder, const char *name)
{
	char path[PATH_BYTES];
	struct dirent *entry;
	bool is_there = false;
	snprintf(path, sizeof(path), "%s%s", root, folder);
	DIR *directory = opendir(path);
	while (directory && !is_there && (entry = readdir(directory))) {
		snprintf(path, sizeof(path), "%s/%.100s/%s", folder, entry->d_name, name);
		is_there = entry->d_name[0] != '.' && exists(root, path);
	}
	if (directory)
		closedir(directory);
	return is_there;
}

/* ---- kernel ---- */

static void check_kernel(struct doctor *doctor, const char *root, bool *ret_is_board)
{
	char model[256], compatible[256];
	struct utsname name;
	uname(&name);
	read_text(root, "/proc/device-tree/model", model, sizeof(model));
	read_text(root, "/proc/device-tree/compatible", compatible, sizeof(compatible));
	*ret_is_board = strstr(compatible, "rockchip,rk3588") != NULL;
	doctor_add(doctor, "kernel", DOCTOR_OK, "Linux %s on %s%s%s", name.release, name.machine,
		   *model ? ", " : "", model);
	if (!*ret_is_board)
		doctor_advise(doctor, "no RK3588: npud can use its devices `soft` and `timing`");
}

/* ---- driver and node ---- */

/* A node of a kernel driver. */
struct node {
	char sysfs[PATH_BYTES / 2]; /* "/sys/class/accel/accel0" */
	char path[64];		    /* "/dev/accel/accel0" */
	const char *driver;	    /* static */
};

static const struct {
	const char *name;
	const char *uevent;	     /* of the device behind the node */
	const char *class, *devices; /* folders */
	const char *prefix;	     /* of its nodes */
	const char *driven;	     /* what it drives */
	long oldest, newest;	     /* versions that npud knows; 0: any */
} drivers[] = {
	{"rknpu", "DRIVER=RKNPU", "/sys/class/drm", "/dev/dri", "card",
	 "/sys/bus/platform/drivers/RKNPU", VERSION(0, 8, 0), VERSION(0, 9, 8)},
	/* One node for all cores, on a device of its own that no driver is bound to. */
	{"rocket", "MODALIAS=platform:rknn", "/sys/class/accel", "/dev/accel", "accel",
	 "/sys/bus/platform/drivers/rocket", 0, 0},
};

#define N_DRIVERS (sizeof(drivers) / sizeof(drivers[0]))

static bool is_node_of(const char *root, const char *sysfs, const char *driver)
{
	char path[PATH_BYTES], text[1024];
	snprintf(path, sizeof(path), "%s/device/uevent", sysfs);
	read_text(root, path, text, sizeof(text));
	return strstr(text, driver) != NULL;
}

/* The index in `drivers`, -1 without a node. */
static int find_node_of(const char *root, size_t driver, struct node *ret_node)
{
	char path[PATH_BYTES];
	struct node node = {.driver = drivers[driver].name};
	struct dirent *entry;
	int found = -1;
	snprintf(path, sizeof(path), "%s%s", root, drivers[driver].class);
	DIR *directory = opendir(path);
	while (directory && found < 0 && (entry = readdir(directory))) {
		if (strncmp(entry->d_name, drivers[driver].prefix,
			    strlen(drivers[driver].prefix)) != 0)
			continue;
		snprintf(node.sysfs, sizeof(node.sysfs), "%s/%.100s", drivers[driver].class,
			 entry->d_name);
		snprintf(node.path, sizeof(node.path), "%s/%.40s", drivers[driver].devices,
			 entry->d_name);
		if (is_node_of(root, node.sysfs, drivers[driver].uevent))
			found = (int)driver;
	}
	if (directory)
		closedir(directory);
	if (found >= 0)
		*ret_node = node;
	return found;
}

static int find_node(const char *root, struct node *ret_node)
{
	int found = -1;
	for (size_t i = 0; i < N_DRIVERS && found < 0; i++)
		found = find_node_of(root, i, ret_node);
	return found;
}

static bool is_known(int driver, const drmVersion *version)
{
	long number = VERSION(version->version_major, version->version_minor,
			      version->version_patchlevel);
	return !drivers[driver].newest ||
	       (number >= drivers[driver].oldest && number <= drivers[driver].newest);
}

static void check_version(struct doctor *doctor, int driver, int fd)
{
	drmVersion *version = drmGetVersion(fd);
	if (!version) {
		doctor_add(doctor, "driver", DOCTOR_WARNING, "%s does not tell its version: %s",
			   drivers[driver].name, strerror(errno));
		return;
	}
	doctor_add(doctor, "driver", is_known(driver, version) ? DOCTOR_OK : DOCTOR_WARNING,
		   "%s %d.%d.%d (%.16s)", version->name, version->version_major,
		   version->version_minor, version->version_patchlevel, version->date);
	if (!is_known(driver, version))
		doctor_advise(doctor, "npud was made for 0.8.0 to 0.9.8: please report how this "
				      "one does, see docs/hardware.md");
	drmFreeVersion(version);
}

static void check_node(struct doctor *doctor, const char *root, int driver, const struct node *node)
{
	char path[PATH_BYTES];
	snprintf(path, sizeof(path), "%s%s", root, node->path);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0) {
		doctor_add(doctor, "node", DOCTOR_OK, "%s can be opened", node->path);
		check_version(doctor, driver, fd);
		close(fd);
		return;
	}
	if (errno == EACCES || errno == EPERM) {
		doctor_add(doctor, "node", DOCTOR_WARNING,
			   "%s cannot be opened by user %u: %s; only npud needs to", node->path,
			   geteuid(), strerror(errno));
		doctor_advise(doctor, "check as npud's user: `sudo -u npud npuctl doctor`");
	} else {
		doctor_add(doctor, "node", DOCTOR_FAILURE, "%s: %s", node->path, strerror(errno));
		doctor_advise(doctor, "is udev running, and the node in this container?");
	}
	doctor_add(doctor, "driver", DOCTOR_WARNING, "%s, version unknown without the node",
		   node->driver);
}

static void check_no_node(struct doctor *doctor, const char *root, bool is_board)
{
	if (exists(root, "/dev/rknpu")) {
		doctor_add(doctor, "node", DOCTOR_WARNING,
			   "/dev/rknpu: a vendor driver without its DRM node: sessions are kept "
			   "apart by checking streams only");
		doctor_advise(doctor, "build the kernel with CONFIG_ROCKCHIP_RKNPU_DRM_GEM");
		return;
	}
	if (!is_board) {
		doctor_add(doctor, "node", DOCTOR_OK, "none, and no RK3588 that should have one");
		return;
	}
	doctor_add(doctor, "node", DOCTOR_FAILURE,
		   "an RK3588 without a node of the drivers rknpu or rocket");
	doctor_advise(doctor, "enable the NPU in kernel and device tree: CONFIG_ROCKCHIP_RKNPU "
			      "(vendor) or CONFIG_DRM_ACCEL_ROCKET (Linux 6.18 and later)");
}

static void check_iommu(struct doctor *doctor, const char *root, int driver)
{
	if (exists_below(root, drivers[driver].driven, "iommu_group")) {
		doctor_add(doctor, "iommu", DOCTOR_OK, "the NPU is behind its IOMMU");
		return;
	}
	doctor_add(doctor, "iommu", DOCTOR_FAILURE,
		   "the NPU has no IOMMU: sessions are kept apart by checking streams only, and "
		   "buffers must be contiguous");
	doctor_advise(doctor, "enable the NPU's iommu nodes in the device tree");
}

/* ---- kernel options ---- */

/* Whether a line of the kernel's configuration is there; -1 where it cannot be read. */
static int has_option(const char *root, const char *option)
{
	char path[PATH_BYTES], line[256];
	struct utsname name;
	int has = 0;
	uname(&name);
	snprintf(path, sizeof(path), "%s/proc/config.gz", root);
	/* Reads files that are not compressed as well. */
	gzFile file = gzopen(path, "re");
	if (!file) {
		snprintf(path, sizeof(path), "%s/boot/config-%s", root, name.release);
		file = gzopen(path, "re");
	}
	if (!file)
		return -1;
	while (!has && gzgets(file, line, sizeof(line)))
		has = strncmp(line, option, strlen(option)) == 0;
	gzclose(file);
	return has;
}

static void check_fences(struct doctor *doctor, const char *root, const struct node *node)
{
	bool is_vendor = strcmp(node->driver, "rknpu") == 0;
	const char *option = is_vendor ? "CONFIG_ROCKCHIP_RKNPU_FENCE=y" : "CONFIG_SYNC_FILE=y";
	int has = has_option(root, option);
	if (has > 0)
		doctor_add(doctor, "fences", DOCTOR_OK, "%s", option);
	else
		doctor_add(doctor, "fences", DOCTOR_WARNING, "%s %s: npud's own fences work, %s",
			   option,
			   has < 0 ? "cannot be looked up (no /proc/config.gz)" : "is not set",
			   "those of the kernel may not");
}

/* ---- io_uring, limits ---- */

static void check_io_uring(struct doctor *doctor, const char *root)
{
	struct io_uring_params params = {0};
	char disabled[16];
	int fd = (int)syscall(__NR_io_uring_setup, 4, &params);
	if (fd >= 0) {
		close(fd);
		doctor_add(doctor, "io_uring", DOCTOR_OK, "allowed for user %u", geteuid());
		return;
	}
	int error = errno;
	read_text(root, "/proc/sys/kernel/io_uring_disabled", disabled, sizeof(disabled));
	doctor_add(doctor, "io_uring", DOCTOR_WARNING, "refused: %s; npud uses epoll instead",
		   strerror(error));
	if (*disabled && *disabled != '0')
		doctor_advise(doctor, "`sysctl kernel.io_uring_disabled=0` allows it (it is %s)",
			      disabled);
	else if (error == ENOMEM)
		doctor_advise(doctor, "raise `ulimit -l` (LimitMEMLOCK= of the service)");
	else
		doctor_advise(doctor, "look at the seccomp filter of the container or service");
}

static void check_descriptors(struct doctor *doctor)
{
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max >= DESCRIPTORS_WANTED) {
		doctor_add(doctor, "descriptors", DOCTOR_OK, "npud may have %llu",
			   (unsigned long long)limit.rlim_max);
		return;
	}
	doctor_add(doctor, "descriptors", DOCTOR_WARNING,
		   "npud may have %llu when started from here, and each buffer takes one",
		   (unsigned long long)limit.rlim_max);
	doctor_advise(doctor, "raise `ulimit -Hn` (LimitNOFILE= of the service) to %d",
		      DESCRIPTORS_WANTED);
}

/* Up to Linux 5.11 the rings of io_uring count as locked memory. */
static void check_locked_memory(struct doctor *doctor)
{
	struct rlimit limit;
	getrlimit(RLIMIT_MEMLOCK, &limit);
	if (limit.rlim_cur == RLIM_INFINITY) {
		doctor_add(doctor, "memlock", DOCTOR_OK, "unlimited");
	} else if (limit.rlim_cur >= MEMLOCK_WANTED) {
		doctor_add(doctor, "memlock", DOCTOR_OK, "%llu KiB",
			   (unsigned long long)limit.rlim_cur >> 10);
	} else {
		doctor_add(doctor, "memlock", DOCTOR_WARNING,
			   "%llu KiB: too little for io_uring on kernels before 5.12",
			   (unsigned long long)limit.rlim_cur >> 10);
		doctor_advise(doctor, "raise `ulimit -l` (LimitMEMLOCK= of the service) to %u",
			      MEMLOCK_WANTED >> 10);
	}
}

void doctor_check_machine(struct doctor *doctor, const char *root)
{
	struct node node;
	bool is_board;
	check_kernel(doctor, root, &is_board);
	int driver = find_node(root, &node);
	if (driver >= 0) {
		snprintf(doctor->driver, sizeof(doctor->driver), "%s", node.driver);
		check_node(doctor, root, driver, &node);
		check_iommu(doctor, root, driver);
		check_fences(doctor, root, &node);
	} else {
		check_no_node(doctor, root, is_board);
	}
	check_io_uring(doctor, root);
	check_descriptors(doctor);
	check_locked_memory(doctor);
}
