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

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEV_FOLDER "/dev"
#define LINKS_MAX  40 /* as the kernel has it */

struct folder {
	struct description description;
	unsigned n_listed; /* nodes that path_next_invented() is done with */
	struct dirent64 invented;
	char path[];
};

static const char *const node_folders[] = {"/dev/dri", "/dev/accel"};

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

static atomic_bool cwd_is_shown; /* below NPU_RUN_ROOT, in truth, or where nodes are */

/* "/dev/dri/card1" in "/dev/dri". */
static bool is_below(const char *plain, const char *folder)
{
	size_t n = strlen(folder);

	return strncmp(plain, folder, n) == 0 && plain[n] == '/';
}

static bool is_node_folder(const char *plain)
{
	return strcmp(plain, node_folders[0]) == 0 || strcmp(plain, node_folders[1]) == 0;
}

void path_note_cwd(void)
{
	char cwd[PATH_MAX];

	atomic_store(&cwd_is_shown, real()->getcwd(cwd, sizeof(cwd)) &&
					    (path_strip_root(cwd) || strcmp(cwd, DEV_FOLDER) == 0 ||
					     is_node_folder(cwd)));
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

	if (folder && real()->fstat64(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
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

/* "dri", "rknpu": the first part of the node's name that the host's /dev does not have, or NULL. */
static const char *find_invented(unsigned i, size_t *ret_length)
{
	const struct drm_node *node = node_at(i), *earlier;
	const char *name = node->path + sizeof(DEV_FOLDER);
	size_t length = strcspn(name, "/");
	char path[sizeof(node->path)];
	struct stat64 status;

	for (unsigned k = 0; k < i; k++) {
		earlier = node_at(k);
		if (strncmp(earlier->path + sizeof(DEV_FOLDER), name, length + 1) == 0)
			return NULL;
	}
	snprintf(path, sizeof(path), DEV_FOLDER "/%.*s", (int)length, name);
	if (real()->fstatat64(AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) == 0)
		return NULL;
	*ret_length = length;
	return name;
}

struct dirent64 *path_next_invented(int fd)
{
	struct folder *folder = (struct folder *)fds_get(fd, DESCRIPTION_FOLDER);
	struct dirent64 *result = NULL;
	int saved = errno;

	if (folder && strcmp(folder->path, DEV_FOLDER) == 0) {
		while (!result && node_at(folder->n_listed)) {
			size_t length;
			const char *name = find_invented(folder->n_listed++, &length);

			if (!name)
				continue;
			folder->invented = (struct dirent64){
				.d_ino = folder->n_listed,
				.d_reclen = sizeof(folder->invented),
				.d_type = name[length] ? DT_DIR : DT_CHR,
			};
			memcpy(folder->invented.d_name, name, length);
			result = &folder->invented;
		}
	}
	fds_put(folder ? &folder->description : NULL);
	errno = saved;
	return result;
}

void path_rewind_invented(int fd)
{
	struct folder *folder = (struct folder *)fds_get(fd, DESCRIPTION_FOLDER);

	if (folder) {
		folder->n_listed = 0;
		fds_put(&folder->description);
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
	char start[6] = "";

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
	return start[1] == '/' || start[1] == '.' || strncmp(start, "/sys/", 5) == 0 ||
	       strncmp(start, "/proc/", 6) == 0 ||
	       (strncmp(start, "/dev", 4) == 0 && (!start[4] || start[4] == '/'));
}

/* "card1/", "card1/.": only a folder may have such a name. */
static bool must_be_folder(const char *name)
{
	size_t n = strlen(name);

	n -= n > 1 && strcmp(name + n - 2, "/.") == 0;
	return name[n - 1] == '/';
}

/* Of what is in the folders of nodes only the names are shown: these are nodes or the host's. */
static bool is_listed_only(const char *plain)
{
	return is_below(plain, node_folders[0]) || is_below(plain, node_folders[1]);
}

static bool is_shown(struct path *path, bool is_folder)
{
	const char *root = settings_get(SETTING_ROOT);
	struct stat64 status;
	bool has_prefix = false;
	int n;

	for (size_t i = 0; i < sizeof(shown_prefixes) / sizeof(shown_prefixes[0]); i++)
		has_prefix |=
			strncmp(path->plain, shown_prefixes[i], strlen(shown_prefixes[i])) == 0;
	if (!has_prefix || !root || !*root || is_listed_only(path->plain))
		return false;
	n = snprintf(path->shown, sizeof(path->shown), "%s%s%s", root, path->plain,
		     is_folder ? "/" : "");
	return n > 0 && (size_t)n < sizeof(path->shown) &&
	       real()->fstatat64(AT_FDCWD, path->shown, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What to ask libc for; NULL for what is not ours. */
static const char *find_real(int folder, const char *name, struct path *path)
{
	bool is_folder = must_be_folder(name);

	path->node = node_find(path->plain);
	if (path->node && !is_folder)
		return path->plain;
	if (path->node) {
		path->node = NULL;
		return "/dev/null/"; /* whatever it is asked: ENOTDIR */
	}
	if (is_shown(path, is_folder))
		return path->shown;
	/* The way from a shown folder leads to the host's file. */
	if (strcmp(path->plain, DEV_FOLDER) == 0 || (name[0] != '/' && is_base_shown(folder)))
		return path->plain;
	return NULL;
}

bool path_resolve(int folder, const char *name, struct path *ret_path)
{
	int saved = errno;
	const char *real_name = NULL;

	ret_path->node = NULL;
	if (path_may_be_ours(folder, name) && *name && find_absolute(folder, name, ret_path->plain))
		real_name = find_real(folder, name, ret_path);
	ret_path->virtual = real_name && !ret_path->node ? ret_path->plain : NULL;
	ret_path->real = real_name ? real_name : name;
	errno = saved;
	return real_name != NULL;
}

/* "/tmp/link", which leads to "../dev/dri": "/tmp/../dev/dri". False where that is too long. */
static bool follow_link(int folder, char name[PATH_MAX])
{
	char target[PATH_MAX];
	ssize_t n = real()->readlinkat(folder, name, target, sizeof(target) - 1);
	char *slash = strrchr(name, '/');
	size_t kept = n > 0 && target[0] != '/' && slash ? (size_t)(slash + 1 - name) : 0;

	if (n <= 0 || kept + (size_t)n >= PATH_MAX)
		return false;
	memcpy(name + kept, target, (size_t)n);
	name[kept + (size_t)n] = '\0';
	return true;
}

bool path_is_guarded(int folder, const char *name)
{
	int saved = errno;
	char plain[PATH_MAX];
	bool is_known =
		path_may_be_ours(folder, name) && *name && find_absolute(folder, name, plain);

	errno = saved;
	return is_known && (is_node_folder(plain) || is_listed_only(plain) || node_find(plain));
}

/* One of ours, or a name in the folders of nodes that nothing has. */
static bool resolve_target(int folder, const char *name, struct path *ret_path)
{
	if (path_resolve(folder, name, ret_path))
		return true;
	if (!path_is_guarded(folder, name))
		return false;
	ret_path->virtual = ret_path->real = ret_path->plain;
	return true;
}

bool path_resolve_link(int folder, const char *name, struct path *ret_path)
{
	int saved = errno;
	char followed[PATH_MAX], plain[PATH_MAX];
	bool is_ours = false;
	int n = snprintf(followed, sizeof(followed), "%s", name);

	for (int i = 0; i < LINKS_MAX && !is_ours && n > 0 && n < PATH_MAX; i++) {
		if (!follow_link(folder, followed))
			break;
		if (followed[0] != '/')
			is_ours = resolve_target(folder, followed, ret_path);
		else if (path_make_plain(followed, plain, sizeof(plain)) == 0)
			is_ours = resolve_target(AT_FDCWD, plain, ret_path);
	}
	errno = saved;
	return is_ours;
}

int path_descriptor(const char *name)
{
	static const char *const folders[] = {"/proc/self/fd/", "/proc/thread-self/fd/",
					      "/dev/fd/"};
	static const char *const streams[] = {"/dev/stdin", "/dev/stdout", "/dev/stderr"};
	const char *number = NULL;
	char *end;
	long fd;

	for (int i = 0; i < 3; i++) {
		if (strcmp(name, streams[i]) == 0)
			return i;
		if (strncmp(name, folders[i], strlen(folders[i])) == 0)
			number = name + strlen(folders[i]);
	}
	if (strncmp(name, "/proc/", 6) == 0 && name[6] >= '1' && name[6] <= '9' &&
	    strtol(name + 6, &end, 10) == getpid() && strncmp(end, "/fd/", 4) == 0)
		number = end + 4;
	if (!number || *number < '0' || *number > '9')
		return -1;
	fd = strtol(number, &end, 10);
	return *end || fd > INT_MAX ? -1 : (int)fd;
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
