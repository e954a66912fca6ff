/* SPDX-License-Identifier: MIT */
/*
 * Nodes are known by name. Everything else that is shown to the program exists as a real file in a
 * tree that npu-run made (NPU_RUN_ROOT): the path is exchanged, and libc does the rest.
 */
#include "wrap.h"

#include "path.h"

#include "fds.h"
#include "node.h"
#include "real.h"
#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct folder {
	struct description description;
	char path[];
};

static const char *const shown_prefixes[] = {
	"/dev/dri",	     "/dev/accel",	   "/sys/dev/char/",
	"/sys/class/drm",    "/sys/class/accel",   "/sys/devices/platform/",
	"/sys/bus/platform", "/proc/device-tree",  "/sys/firmware/devicetree",
	"/proc/dri",	     "/sys/class/devfreq",
};

int path_make_plain(const char *name, char *ret_plain, size_t size)
{
	size_t n = 0, length;

	if (name[0] != '/')
		return -EINVAL;
	for (const char *part = name; *part; part += length) {
		part += strspn(part, "/");
		length = strcspn(part, "/");
		if (length == 0 || (length == 1 && part[0] == '.'))
			continue;
		if (length == 2 && part[0] == '.' && part[1] == '.') {
			while (n > 0 && ret_plain[--n] != '/')
				;
			continue;
		}
		if (n + 1 + length >= size)
			return -ENAMETOOLONG;
		ret_plain[n++] = '/';
		memcpy(ret_plain + n, part, length);
		n += length;
	}
	if (n == 0)
		ret_plain[n++] = '/';
	ret_plain[n] = '\0';
	return 0;
}

/* ---- folders ---- */

static atomic_bool cwd_is_shown; /* below NPU_RUN_ROOT, in truth */

void path_note_cwd(void)
{
	char cwd[PATH_MAX];

	atomic_store(&cwd_is_shown, real()->getcwd(cwd, sizeof(cwd)) && path_strip_root(cwd));
}

static void folder_free(struct description *description)
{
	free(description);
}

void path_remember_folder(int fd, const char *virtual)
{
	size_t size = strlen(virtual) + 1;
	struct folder *folder = calloc(1, sizeof(*folder) + size);
	struct stat64 status;

	if (folder && real()->fstat64(fd, &status) == 0) {
		folder->description.kind = DESCRIPTION_FOLDER;
		folder->description.free = folder_free;
		folder->description.dev = status.st_dev;
		folder->description.ino = status.st_ino;
		atomic_init(&folder->description.refs, 1);
		memcpy(folder->path, virtual, size);
		fds_set(fd, &folder->description);
		fds_put(&folder->description);
	} else {
		free(folder);
	}
}

/* The folder that relative names begin at, as the program knows it. */
static bool find_base(int folder_fd, char *ret_base)
{
	struct folder *folder;

	if (folder_fd == AT_FDCWD) {
		if (!real()->getcwd(ret_base, PATH_MAX))
			return false;
		path_strip_root(ret_base);
		return true;
	}
	folder = (struct folder *)fds_get(folder_fd, DESCRIPTION_FOLDER);
	if (!folder)
		return false;
	snprintf(ret_base, PATH_MAX, "%s", folder->path);
	fds_put(&folder->description);
	return true;
}

/* The absolute path that the program means; false when it cannot be one of ours. */
static bool find_absolute(int folder_fd, const char *name, char *ret_plain)
{
	char base[PATH_MAX], joined[PATH_MAX];
	int n;

	if (name[0] == '/')
		return path_make_plain(name, ret_plain, PATH_MAX) == 0;
	if (!find_base(folder_fd, base))
		return false;
	n = snprintf(joined, sizeof(joined), "%s/%s", base, name);
	return n > 0 && (size_t)n < sizeof(joined) &&
	       path_make_plain(joined, ret_plain, PATH_MAX) == 0;
}

/* ---- questions ---- */

/* Whether the last part of a relative path could be a node's name: the folder decides then. */
static bool has_node_name(const char *name)
{
	static const char *const starts[] = {"dri", "card", "renderD", "accel", "rknpu"};
	const char *slash = strrchr(name, '/'), *last = slash ? slash + 1 : name;

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (strncmp(last, starts[i], strlen(starts[i])) == 0)
			return true;
	return false;
}

static bool is_base_shown(int folder)
{
	return folder == AT_FDCWD ? atomic_load_explicit(&cwd_is_shown, memory_order_relaxed)
				  : folder >= 0 && fds_peek(folder) != NULL;
}

bool path_may_be_ours(int folder, const char *name)
{
	char start[6];

	if (!name)
		return false;
	/* Byte by byte: it may be short, and what is behind its end is not ours to read. */
	for (size_t i = 0; i < sizeof(start); i++) {
		start[i] = name[i];
		if (!name[i])
			break;
	}
	if (start[0] != '/')
		return is_base_shown(folder) || (folder == AT_FDCWD && has_node_name(name));
	return start[1] == '/' || start[1] == '.' || strncmp(start, "/dev/", 5) == 0 ||
	       strncmp(start, "/sys/", 5) == 0 || strncmp(start, "/proc/", 6) == 0;
}

static bool is_shown(struct path *path)
{
	const char *root = settings_get(SETTING_ROOT);
	struct stat64 status;
	bool has_prefix = false;
	int n;

	for (size_t i = 0; i < sizeof(shown_prefixes) / sizeof(shown_prefixes[0]); i++)
		has_prefix |=
			strncmp(path->plain, shown_prefixes[i], strlen(shown_prefixes[i])) == 0;
	if (!has_prefix || !root || !*root)
		return false;
	n = snprintf(path->shown, sizeof(path->shown), "%s%s", root, path->plain);
	return n > 0 && (size_t)n < sizeof(path->shown) &&
	       real()->fstatat64(AT_FDCWD, path->shown, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

bool path_resolve(int folder, const char *name, struct path *ret_path)
{
	int saved = errno;
	bool is_ours = false;

	ret_path->node = NULL;
	ret_path->virtual = NULL;
	ret_path->real = name;
	if (path_may_be_ours(folder, name) && find_absolute(folder, name, ret_path->plain)) {
		ret_path->node = node_find(ret_path->plain);
		is_ours = ret_path->node != NULL;
		if (!is_ours && is_shown(ret_path)) {
			ret_path->virtual = ret_path->plain;
			ret_path->real = ret_path->shown;
			is_ours = true;
		} else if (!is_ours && name[0] != '/' && is_base_shown(folder)) {
			/* The way from there leads to the host's file. */
			ret_path->virtual = ret_path->real = ret_path->plain;
			is_ours = true;
		}
	}
	errno = saved;
	return is_ours;
}

bool path_is_device_folder(int folder, const char *name)
{
	char plain[PATH_MAX];

	if (!path_may_be_ours(folder, name) || !find_absolute(folder, name, plain))
		return false;
	for (unsigned i = 0; i < 2; i++) { /* the two folders of nodes */
		size_t n = strlen(shown_prefixes[i]);

		if (strncmp(plain, shown_prefixes[i], n) == 0 && (!plain[n] || plain[n] == '/'))
			return true;
	}
	return false;
}

bool path_strip_root(char *name)
{
	const char *root = settings_get(SETTING_ROOT);
	size_t n = root ? strlen(root) : 0;

	if (n == 0 || strncmp(name, root, n) != 0 || name[n] != '/')
		return false;
	memmove(name, name + n, strlen(name + n) + 1);
	return true;
}
