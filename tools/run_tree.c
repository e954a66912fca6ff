/* SPDX-License-Identifier: MIT */
/*
 * What libdrm and the vendor's runtime look at: lists of nodes, the platform device behind them in
 * /sys, and the device tree's name of the board. Of the host's own nodes only the names are shown.
 */
#include "run_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLATFORM      "/sys/devices/platform"
#define DEVFREQ	      "/sys/class/devfreq/fdab0000.npu"
#define DRM_MAJOR     226
#define ACCEL_MAJOR   261
#define RKNPU_ADDRESS 0xfdab0000u /* of its registers; devices are called by it */

static const char compatible[] = "rockchip,rk3588-evb\0rockchip,rk3588";
static const char model[] = "Rockchip RK3588";

/* ---- making files ---- */

static int make_path(const struct run_tree *tree, const char *path, char *ret_path, size_t size)
{
	int n = snprintf(ret_path, size, "%s%s", tree->folder.path, path);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* All folders on the way to the last part of the path. */
static int make_parents(const struct run_tree *tree, char *path)
{
	for (char *p = path + strlen(tree->folder.path) + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		int failed = mkdir(path, 0755) < 0 && errno != EEXIST;
		*p = '/';
		if (failed)
			return -errno;
	}
	return 0;
}

static int make_file(const struct run_tree *tree, const char *name, const void *data, size_t size)
{
	char path[512];
	int result = make_path(tree, name, path, sizeof(path));
	if (result == 0)
		result = make_parents(tree, path);
	if (result < 0)
		return result;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	if (size > 0 && write(fd, data, size) != (ssize_t)size)
		result = -EIO;
	close(fd);
	return result;
}

static int make_text(const struct run_tree *tree, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int make_text(const struct run_tree *tree, const char *name, const char *format, ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	int n = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return make_file(tree, name, text, (size_t)n);
}

static int make_link(const struct run_tree *tree, const char *name, const char *target)
{
	char path[512];
	int result = make_path(tree, name, path, sizeof(path));
	if (result == 0)
		result = make_parents(tree, path);
	if (result == 0 && symlink(target, path) < 0 && errno != EEXIST)
		result = -errno;
	return result;
}

/* ---- what is in it ---- */

/* Names that the host has in a folder stay visible in the presented one. */
static int copy_names(const struct run_tree *tree, const char *folder)
{
	char name[512];
	int result = 0;
	DIR *host = opendir(folder);
	if (!host)
		return 0;
	for (const struct dirent *entry = readdir(host); entry && result == 0;
	     entry = readdir(host)) {
		if (entry->d_name[0] == '.' || entry->d_type == DT_DIR)
			continue;
		snprintf(name, sizeof(name), "%s/%s", folder, entry->d_name);
		result = make_file(tree, name, NULL, 0);
	}
	closedir(host);
	return result;
}

#define PAIRS 64 /* cardN and renderD(128 + N) are nodes of one device */

/* What a node belongs to, below /sys/devices/platform. */
struct parent {
	bool is_rocket;
	char name[32];
};

static bool entry_is_rocket(const char *entry)
{
	return strncmp(entry + strcspn(entry, "=") + 1, "rocket", 6) == 0;
}

/* The N that the nodes of a device have in common; false for nodes without a number. */
static bool entry_pair(const char *entry, unsigned *ret_pair)
{
	size_t name = strcspn(entry, "="), digits = strcspn(entry, "0123456789");
	if (digits >= name)
		return false;
	*ret_pair = (unsigned)(strtoul(entry + digits, NULL, 10) % PAIRS);
	return true;
}

/* How many devices of its driver come before that of the entry. */
static unsigned find_index(const char *nodes, const char *entry)
{
	unsigned pair = 0, other = 0;
	uint64_t before = 0;
	if (!entry_pair(entry, &pair))
		return 0;
	for (; nodes < entry; nodes += strcspn(nodes, ",") + 1) {
		if (entry_is_rocket(nodes) != entry_is_rocket(entry) || !entry_pair(nodes, &other))
			continue;
		if (other == pair)
			break;
		before |= 1ull << other;
	}
	return (unsigned)__builtin_popcountll(before);
}

/*
 * Programs take what they find in one device's folder for nodes of one device, so that each card
 * with its render node gets a device of its own. The first has the name that the board's has.
 */
static struct parent find_parent(const char *nodes, const char *entry)
{
	struct parent parent = {.is_rocket = entry_is_rocket(entry)};
	const unsigned index = find_index(nodes, entry);
	if (!parent.is_rocket)
		snprintf(parent.name, sizeof(parent.name), "%x.npu", RKNPU_ADDRESS + (index << 16));
	else if (index == 0)
		snprintf(parent.name, sizeof(parent.name), "rknn");
	else
		snprintf(parent.name, sizeof(parent.name), "rknn.%u", index);
	return parent;
}

static int make_uevent(const struct run_tree *tree, const struct parent *parent)
{
	char path[128];
	snprintf(path, sizeof(path), PLATFORM "/%s/uevent", parent->name);
	if (parent->is_rocket)
		return make_text(tree, path, "MODALIAS=platform:%s\n", parent->name);
	return make_text(tree, path,
			 "DRIVER=RKNPU\nOF_NAME=npu\nOF_FULLNAME=/npu@%.8s\n"
			 "OF_COMPATIBLE_0=rockchip,rk3588-rknpu\nOF_COMPATIBLE_N=1\n"
			 "MODALIAS=of:NnpuT(null)Crockchip,rk3588\n",
			 parent->name);
}

static int make_device(const struct run_tree *tree, const struct parent *parent)
{
	char path[128];
	int result = make_uevent(tree, parent);
	snprintf(path, sizeof(path), PLATFORM "/%s/subsystem", parent->name);
	if (result == 0)
		result = make_link(tree, path, "../../../bus/platform");
	if (result == 0)
		result = make_file(tree, "/sys/bus/platform/uevent", NULL, 0);
	return result;
}

/*
 * That it is behind an IOMMU, and its clock, which is the one that the driver's ABI tells. npuctl
 * doctor looks for the IOMMU where the driver is.
 */
static int make_driver(const struct run_tree *tree, const struct parent *parent)
{
	char name[128], target[128];
	snprintf(name, sizeof(name), PLATFORM "/%s/iommu_group/name", parent->name);
	int result = make_text(tree, name, "fdab9000.iommu\n");
	snprintf(name, sizeof(name), "/sys/bus/platform/drivers/%s/%s",
		 parent->is_rocket ? "rocket" : "RKNPU", parent->name);
	snprintf(target, sizeof(target), "../../../../devices/platform/%s", parent->name);
	if (result == 0)
		result = make_link(tree, name, target);
	if (result < 0 || parent->is_rocket)
		return result;
	result = make_text(tree, DEVFREQ "/cur_freq", "1000000000\n");
	if (result == 0)
		result = make_text(tree, DEVFREQ "/max_freq", "1000000000\n");
	if (result == 0)
		result = make_text(tree, DEVFREQ "/available_frequencies",
				   "300000000 400000000 500000000 600000000 700000000 800000000 "
				   "900000000 1000000000\n");
	return result;
}

/* A node and its place in /sys: "dri/card1", 226, 1. */
static int make_node(const struct run_tree *tree, const char *name, unsigned major, unsigned minor,
		     const struct parent *parent)
{
	const char *folder = major == DRM_MAJOR ? "drm" : "accel";
	const char *base = strchr(name, '/') + 1;
	char path[512], target[512];
	snprintf(path, sizeof(path), "/dev/%s", name);
	int result = make_file(tree, path, NULL, 0);
	snprintf(path, sizeof(path), PLATFORM "/%s/%s/%s/dev", parent->name, folder, base);
	if (result == 0)
		result = make_text(tree, path, "%u:%u\n", major, minor);
	snprintf(path, sizeof(path), PLATFORM "/%s/%s/%s/uevent", parent->name, folder, base);
	if (result == 0)
		result = make_text(tree, path, "MAJOR=%u\nMINOR=%u\nDEVNAME=%s\nDEVTYPE=%s_minor\n",
				   major, minor, name, folder);
	snprintf(path, sizeof(path), PLATFORM "/%s/%s/%s/device", parent->name, folder, base);
	snprintf(target, sizeof(target), "../../../%s", parent->name);
	if (result == 0)
		result = make_link(tree, path, target);
	snprintf(path, sizeof(path), PLATFORM "/%s/%s/%s/subsystem", parent->name, folder, base);
	snprintf(target, sizeof(target), "../../../../../class/%s", folder);
	if (result == 0)
		result = make_link(tree, path, target);
	snprintf(target, sizeof(target), "../../devices/platform/%s/%s/%s", parent->name, folder,
		 base);
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u", major, minor);
	if (result == 0)
		result = make_link(tree, path, target);
	snprintf(path, sizeof(path), "/sys/class/%s/%s", folder, base);
	if (result == 0)
		result = make_link(tree, path, target);
	return result;
}

/* libdrm finds a driver's node by name there, as kernels of old had it. */
static int make_proc(const struct run_tree *tree, const struct parent *parent, unsigned minor)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/dri/%u/name", minor);
	return make_text(tree, path, "%s 0x%x %s\n", parent->is_rocket ? "rocket" : "rknpu",
			 DRM_MAJOR << 8 | minor, parent->name);
}

/* The node of an entry "dri/card1=rknpu" of `nodes`; those without a place in /sys are passed over.
 */
static int make_entry(const struct run_tree *tree, const char *nodes, const char *entry,
		      size_t length)
{
	char name[64];
	size_t n = strcspn(entry, "=");
	if (n >= length || n >= sizeof(name))
		return -EINVAL;
	memcpy(name, entry, n);
	name[n] = '\0';
	size_t digits = strcspn(name, "0123456789");
	if (!strchr(name, '/') || !name[digits])
		return 0;
	bool is_accel = strncmp(name, "accel/", 6) == 0;
	const struct parent parent = find_parent(nodes, entry);
	int result = copy_names(tree, is_accel ? "/dev/accel" : "/dev/dri");
	if (result == 0)
		result = make_device(tree, &parent);
	if (result == 0)
		result = make_driver(tree, &parent);
	unsigned minor = (unsigned)strtoul(name + digits, NULL, 10);
	if (result == 0)
		result = make_node(tree, name, is_accel ? ACCEL_MAJOR : DRM_MAJOR, minor, &parent);
	if (result == 0 && strncmp(name, "dri/card", 8) == 0)
		result = make_proc(tree, &parent, minor);
	return result;
}

/* The board's name, where the host does not tell a readable one. */
static int make_device_tree(const struct run_tree *tree)
{
	static const char *const folders[] = {"/proc/device-tree", "/sys/firmware/devicetree/base"};
	int result = 0;
	for (size_t i = 0; i < 2 && result == 0; i++) {
		char path[128];
		snprintf(path, sizeof(path), "%s/compatible", folders[i]);
		if (access(path, R_OK) == 0)
			continue;
		result = make_file(tree, path, compatible, sizeof(compatible));
		snprintf(path, sizeof(path), "%s/model", folders[i]);
		if (result == 0)
			result = make_file(tree, path, model, sizeof(model));
	}
	return result;
}

static int make_all(const struct run_tree *tree, const char *nodes)
{
	int result = chmod(tree->folder.path, 0755) < 0 ? -errno : make_device_tree(tree);
	for (const char *entry = nodes; *entry && result == 0;) {
		size_t length = strcspn(entry, ",");
		result = make_entry(tree, nodes, entry, length);
		entry += length + (entry[length] == ',');
	}
	return result;
}

/* Where the program finds it still when it has become another user, which only root's can. */
static const char *choose_parent(void)
{
	const char *parent = getenv("XDG_RUNTIME_DIR");
	struct stat status;
	if (!parent || geteuid() != 0)
		return parent;
	return stat(parent, &status) == 0 && status.st_mode & S_IXOTH ? parent : NULL;
}

int run_tree_init(struct run_tree *tree, const char *nodes)
{
	char lock[16];
	mode_t mask = umask(S_IWGRP | S_IWOTH);
	int result = scratch_init(choose_parent(), "npu-run", &tree->folder);
	if (result == 0)
		result = make_all(tree, nodes);
	snprintf(lock, sizeof(lock), "%d", tree->folder.lock);
	setenv("NPU_RUN_LOCK", lock, 1); /* for the interposer: what the program shall not close */
	umask(mask);
	return result;
}

void run_tree_deinit(struct run_tree *tree)
{
	scratch_leave(&tree->folder);
}
