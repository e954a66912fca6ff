/* SPDX-License-Identifier: MIT */
/*
 * An open node is a memfd (for the program and the kernel) and a session of npud (for us). The
 * session belongs to the process: a child of fork() gets a new one when it first asks for
 * something, and its parent's descriptors must not stay open in it, or the parent's session would
 * outlive the parent.
 */
#include "wrap.h"

#include "drm.h"
#include "lib/session.h"
#include "merge.h"
#include "node.h"
#include "order.h"
#include "personality.h"
#include "real.h"
#include "record.h"
#include "settings.h"
#include "signals.h"
#include "syncobj.h"
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEMFD_PREFIX "npu-run:"
#define LINK_PREFIX  "/memfd:" MEMFD_PREFIX
#define LINK_SUFFIX  " (deleted)"

static struct drm_files files = LIST_HEAD_INITIALIZER(files);
static pthread_mutex_t files_mutex = PTHREAD_MUTEX_INITIALIZER;

static struct npu_session *session_drop(struct npu_session *session)
{
	int *fds[LIBNPU_SESSION_FDS];
	unsigned n = session ? libnpu_session_fds(session, fds) : 0;

	/* They are no secret any more before their numbers can be given to others. */
	for (unsigned i = 0; i < n; i++)
		fds_set(*fds[i], NULL);
	return npu_close(session);
}

static void file_drop_session(struct drm_file *file)
{
	if (file->node->driver->reset)
		file->node->driver->reset(file);
	gem_deinit(&file->gem);
	syncobj_deinit(file);
	file->record = record_free(file->record);
	for (unsigned i = 0; i < DRM_SPACES_MAX; i++)
		file->spaces[i] = session_drop(file->spaces[i]);
	file->session = session_drop(file->session);
}

static void file_free(struct description *description)
{
	struct drm_file *file = (struct drm_file *)description;

	signals_block();
	pthread_mutex_lock(&files_mutex);
	LIST_REMOVE(file, link);
	pthread_mutex_unlock(&files_mutex);
	file_drop_session(file);
	pthread_mutex_destroy(&file->lock);
	free(file);
	signals_restore();
}

static bool is_path(int fd)
{
	const int flags = real()->fcntl(fd, F_GETFL);

	return flags >= 0 && flags & O_PATH;
}

static struct drm_file *file_new(const struct drm_node *node, int fd)
{
	struct drm_file *file = calloc(1, sizeof(*file));
	struct stat64 status;

	if (!file || real()->fstat64(fd, &status) < 0) {
		free(file);
		return NULL;
	}
	file->description.kind = DESCRIPTION_DEVICE;
	file->description.free = file_free;
	file->description.dev = status.st_dev;
	file->description.ino = status.st_ino;
	atomic_init(&file->description.refs, 1);
	file->node = node;
	file->is_path = is_path(fd);
	pthread_mutex_init(&file->lock, NULL);
	pthread_mutex_lock(&files_mutex);
	LIST_INSERT_HEAD(&files, file, link);
	pthread_mutex_unlock(&files_mutex);
	return file;
}

/* ---- session ---- */

static void session_hide_descriptors(struct npu_session *session)
{
	int *fds[LIBNPU_SESSION_FDS];
	unsigned n = libnpu_session_fds(session, fds);

	for (unsigned i = 0; i < n; i++)
		*fds[i] = fds_hide(*fds[i]);
}

/* As libnpu would with the environment that there was when the process began. */
static int session_connect(struct npu_session **ret_session)
{
	const char *socket = settings_get(SETTING_SOCKET);
	const char *folder = settings_get(SETTING_RUNTIME_DIR);
	struct npu_open_args args = {socket, settings_get(SETTING_CLASS)};
	char path[PATH_MAX];
	int r;

	if ((socket && *socket) || !folder || !*folder)
		return npu_open(&args, ret_session);
	snprintf(path, sizeof(path), "%s/npud.sock", folder);
	args.socket_path = path;
	r = npu_open(&args, ret_session);
	args.socket_path = NULL;
	return r == -ENOENT || r == -ECONNREFUSED || r == -ENAMETOOLONG
		       ? npu_open(&args, ret_session)
		       : r;
}

static int session_open(const struct drm_file *file, struct npu_session **ret_session)
{
	int r;

	r = session_connect(ret_session);
	if (r < 0) {
		trace_explain("%s: no session: %s", file->node->path, npu_last_error());
		return drm_error(r == -ENOENT || r == -ECONNREFUSED ? -ECONNRESET : r);
	}
	session_hide_descriptors(*ret_session);
	return 0;
}

int drm_file_space(struct drm_file *file, unsigned space, struct npu_session **ret_session)
{
	int r;

	if (space == 0) {
		*ret_session = file->session;
		return 0;
	}
	if (space >= DRM_SPACES_MAX)
		return -EINVAL;
	if (!file->spaces[space]) {
		r = session_open(file, &file->spaces[space]);
		if (r < 0)
			return r;
	}
	*ret_session = file->spaces[space];
	return 0;
}

int drm_file_lock(struct drm_file *file)
{
	int r = 0;

	pthread_mutex_lock(&file->lock);
	if (!file->session)
		r = fds_is_borrowed() ? -EIO : session_open(file, &file->session);
	if (r < 0)
		pthread_mutex_unlock(&file->lock);
	return r;
}

void drm_file_unlock(struct drm_file *file)
{
	pthread_mutex_unlock(&file->lock);
}

/* ---- descriptors ---- */

/*
 * A driver's address spaces cost its user no descriptors. Sessions do; so a program that is watched
 * for them gets all at once.
 */
static int open_spaces(struct drm_file *file)
{
	struct npu_session *session;
	int r = 0;

	if (!personality_resets_all())
		return 0;
	for (unsigned i = 1; i < file->node->driver->n_spaces && r == 0; i++)
		r = drm_file_space(file, i, &session);
	return r;
}

/* Opens it as the program asked, with the same number. Without /proc it stays open for all. */
static void reopen(int fd, int flags)
{
	char link[32];
	int other;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	other = real()->open(link, flags & (O_ACCMODE | O_APPEND | O_NONBLOCK | O_PATH));
	if (other < 0)
		return;
	real()->dup3(other, fd, flags & O_CLOEXEC);
	real()->close(other);
}

/* A descriptor that says which node it is, or a negative errno value. */
static int open_memfd(const struct drm_node *node, int flags)
{
	char name[sizeof(MEMFD_PREFIX) + NODE_PATH_MAX];
	int fd;

	snprintf(name, sizeof(name), MEMFD_PREFIX "%s", node->path);
	fd = memfd_create(name, MFD_ALLOW_SEALING | (flags & O_CLOEXEC ? MFD_CLOEXEC : 0));
	if (fd < 0)
		return -errno;
	if (real()->fcntl(fd, F_ADD_SEALS,
			  F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_WRITE | F_SEAL_SEAL) < 0) {
		real()->close(fd);
		return -EINVAL;
	}
	if (flags & (O_APPEND | O_NONBLOCK | O_PATH) || (flags & O_ACCMODE) != O_RDWR)
		reopen(fd, flags);
	return fd;
}

static int open_sessions(struct drm_file *file)
{
	int r;

	if (file->is_path)
		return 0;
	r = drm_file_lock(file);
	if (r < 0)
		return r;
	r = open_spaces(file);
	drm_file_unlock(file);
	return r;
}

static int file_open(const struct drm_node *node, int flags)
{
	int fd = open_memfd(node, flags), r;
	struct drm_file *file;

	if (fd < 0)
		return fd;
	file = file_new(node, fd);
	r = file ? open_sessions(file) : -ENOMEM;
	if (r == 0) {
		fds_set(fd, &file->description);
	} else {
		real()->close(fd);
	}
	drm_file_put(file);
	return r < 0 ? r : fd;
}

int drm_file_open(const struct drm_node *node, int flags)
{
	int r;

	signals_block();
	r = file_open(node, flags);
	signals_restore();
	return r;
}

struct drm_file *drm_file_get(int fd)
{
	return (struct drm_file *)fds_get(fd, DESCRIPTION_DEVICE);
}

struct drm_file *drm_file_put(struct drm_file *file)
{
	if (file)
		fds_put(&file->description);
	return NULL;
}

/* The file of this process that the descriptor is a number of, with a reference. */
static struct drm_file *file_find_same(const struct stat64 *status, bool has_path_only)
{
	struct drm_file *file;

	pthread_mutex_lock(&files_mutex);
	LIST_FOREACH(file, &files, link)
	{
		if (file->description.dev != status->st_dev ||
		    file->description.ino != status->st_ino || file->is_path != has_path_only)
			continue;
		/* Its last reference may be going away. */
		if (atomic_fetch_add(&file->description.refs, 1) > 0)
			break;
		atomic_fetch_sub(&file->description.refs, 1);
	}
	pthread_mutex_unlock(&files_mutex);
	return file;
}

static const struct drm_node *node_of_descriptor(int fd)
{
	char link[32], target[sizeof(LINK_PREFIX LINK_SUFFIX) + NODE_PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = real()->readlink(link, target, sizeof(target) - 1);
	if (n < (ssize_t)(sizeof(LINK_PREFIX LINK_SUFFIX) - 1))
		return NULL;
	target[n - (ssize_t)(sizeof(LINK_SUFFIX) - 1)] = '\0';
	if (strncmp(target, LINK_PREFIX, sizeof(LINK_PREFIX) - 1) != 0)
		return NULL;
	return node_find(target + sizeof(LINK_PREFIX) - 1);
}

struct drm_file *drm_file_find(int fd)
{
	const struct drm_node *node;
	struct drm_file *file;
	struct stat64 status;

	file = drm_file_get(fd);
	if (file || real()->fstat64(fd, &status) < 0 || !S_ISREG(status.st_mode) ||
	    status.st_size != 0)
		return file;
	node = node_of_descriptor(fd);
	if (!node)
		return NULL;
	signals_block();
	file = file_find_same(&status, is_path(fd));
	if (!file)
		file = file_new(node, fd);
	if (file && !fds_is_borrowed())
		fds_set(fd, &file->description);
	signals_restore();
	return file;
}

struct drm_file *drm_file_next(struct drm_file *file)
{
	struct drm_file *next;

	pthread_mutex_lock(&files_mutex);
	next = file ? LIST_NEXT(file, link) : LIST_FIRST(&files);
	/* Those whose last reference is gone wait for the mutex to leave. */
	while (next && atomic_fetch_add(&next->description.refs, 1) == 0) {
		atomic_fetch_sub(&next->description.refs, 1);
		next = LIST_NEXT(next, link);
	}
	pthread_mutex_unlock(&files_mutex);
	drm_file_put(file);
	return next;
}

struct drm_file *drm_file_find_memory(dev_t dev, ino_t ino, struct gem_object *ret_object)
{
	struct drm_file *file = NULL;

	while ((file = drm_file_next(file)) != NULL) {
		const struct gem_object *object;

		pthread_mutex_lock(&file->lock);
		object = gem_find_memory(&file->gem, dev, ino);
		if (object)
			*ret_object = *object;
		pthread_mutex_unlock(&file->lock);
		if (object)
			break;
	}
	return file;
}

void drm_file_sync_memory(dev_t dev, ino_t ino, enum npu_sync_direction direction)
{
	struct drm_file *file = NULL;

	while ((file = drm_file_next(file)) != NULL) {
		const struct gem_object *object;

		pthread_mutex_lock(&file->lock);
		object = gem_find_memory(&file->gem, dev, ino);
		if (object)
			npu_bo_sync(object->session, &object->bo, 0, object->bo.size, direction);
		pthread_mutex_unlock(&file->lock);
	}
}

/* ---- processes ---- */

static void fork_prepare(void)
{
	signals_block();
	order_lock();
	merge_lock();
	pthread_mutex_lock(&files_mutex);
	fds_lock();
}

static void fork_parent(void)
{
	fds_unlock();
	pthread_mutex_unlock(&files_mutex);
	merge_unlock();
	order_unlock();
	signals_restore();
}

static void fork_close_session(struct npu_session **session)
{
	int *fds[LIBNPU_SESSION_FDS];
	unsigned n = *session ? libnpu_session_fds(*session, fds) : 0;

	*session = NULL;
	for (unsigned i = 0; i < n; i++)
		fds_close_internal(*fds[i]);
}

/* Other threads of the parent may have been inside: what a lock protects is not to be trusted. */
static void fork_forget_session(struct drm_file *file)
{
	pthread_mutex_init(&file->lock, NULL);
	file->gem = (struct gem){.next_offset = file->gem.next_offset};
	file->driver_data = NULL;
	file->record = NULL;
	LIST_INIT(&file->syncobjs);
	for (unsigned i = 0; i < DRM_SPACES_MAX; i++)
		fork_close_session(&file->spaces[i]);
	fork_close_session(&file->session);
}

static void fork_child(void)
{
	struct drm_file *file;

	fds_unlock();
	fds_adopt_process();
	LIST_FOREACH(file, &files, link)
	fork_forget_session(file);
	pthread_mutex_unlock(&files_mutex);
	merge_forget_all();
	merge_unlock();
	order_forget_all();
	order_unlock();
	signals_restore();
}

static void adopt_inherited(void)
{
	const struct dirent *entry;
	DIR *folder = real()->opendir("/proc/self/fd");

	if (!folder)
		return;
	while ((entry = real()->readdir(folder)) != NULL) {
		int fd = (int)strtol(entry->d_name, NULL, 10);

		if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
			drm_file_put(drm_file_find(fd));
	}
	real()->closedir(folder);
}

void drm_file_init_process(void)
{
	fds_adopt_process();
	pthread_atfork(fork_prepare, fork_parent, fork_child);
	adopt_inherited();
}
