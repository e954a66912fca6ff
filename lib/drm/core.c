/* SPDX-License-Identifier: MIT */
/* Ioctls that all nodes have: who are you, handles, sharing. */
#include "wrap.h"

#include "drm.h"
#include "flink.h"
#include "node.h"
#include "real.h"
#include "syncobj.h"
#include "trace.h"
#include "uapi/drm.h"
#include "user.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DI_MAJOR 1 /* of the DRM core's own interface */
#define DI_MINOR 4

/* Copies a string as far as there is room for it, and says how long it is. */
static int copy_string(const char *string, uint64_t user, uint64_t *length)
{
	size_t size = strlen(string), room = *length < size ? (size_t)*length : size;
	int r = 0;

	if (room > 0 && user)
		r = user_write((void *)(uintptr_t)user, string, room);
	*length = size;
	return r;
}

static int version_strings(const struct drm_driver *driver, struct drm_version64 *version)
{
	int r;

	version->major = driver->major;
	version->minor = driver->minor;
	version->patchlevel = driver->patchlevel;
	r = copy_string(driver->name, version->name, &version->name_len);
	if (r == 0)
		r = copy_string(driver->date, version->date, &version->date_len);
	if (r == 0)
		r = copy_string(driver->description, version->desc, &version->desc_len);
	return r;
}

static int handle_version(struct drm_file *file, void *data, size_t user_size)
{
	struct drm_version32 *narrow = data;
	struct drm_version64 version;
	int r;

	if (user_size != sizeof(*narrow))
		return version_strings(file->node->driver, data);
	version = (struct drm_version64){.name_len = narrow->name_len,
					 .name = narrow->name,
					 .date_len = narrow->date_len,
					 .date = narrow->date,
					 .desc_len = narrow->desc_len,
					 .desc = narrow->desc};
	r = version_strings(file->node->driver, &version);
	narrow->major = version.major;
	narrow->minor = version.minor;
	narrow->patchlevel = version.patchlevel;
	narrow->name_len = (uint32_t)version.name_len;
	narrow->date_len = (uint32_t)version.date_len;
	narrow->desc_len = (uint32_t)version.desc_len;
	return r;
}

static int handle_get_unique(struct drm_file *file, void *data, size_t user_size)
{
	char unique[NODE_UNIQUE_MAX] = "";
	struct drm_unique32 *narrow = data;
	struct drm_unique64 *wide = data;
	uint64_t length;
	int r;

	if (file->node->kind == NODE_PRIMARY)
		node_unique(file->node, unique);
	if (user_size != sizeof(*narrow))
		return copy_string(unique, wide->unique, &wide->unique_len);
	length = narrow->unique_len;
	r = copy_string(unique, narrow->unique, &length);
	narrow->unique_len = (uint32_t)length;
	return r;
}

int drm_check_primary(const struct drm_file *file, const char *ioctl_name)
{
	if (file->node->kind == NODE_PRIMARY)
		return 0;
	trace_explain("%s: %s is not one of /dev/dri/cardN, which alone have it", ioctl_name,
		      file->node->path);
	return -EACCES;
}

static int handle_get_magic(struct drm_file *file, void *data, size_t user_size)
{
	((struct drm_auth *)data)->magic = 1;
	return drm_check_primary(file, "GET_MAGIC");
}

/* Every client of npud is authenticated already. */
static int handle_auth_magic(struct drm_file *file, void *data, size_t user_size)
{
	const struct drm_auth *request = data;
	int r = drm_check_primary(file, "AUTH_MAGIC");

	if (r == 0 && request->magic != 1) {
		trace_explain("AUTH_MAGIC: magic %u is not the one that GET_MAGIC gives (1)",
			      request->magic);
		r = -EINVAL;
	}
	return r;
}

/* -1 asks for nothing. */
static int check_version(const char *name, int32_t major, int32_t minor, int32_t known_major,
			 int32_t known_minor)
{
	if (major == -1 || (major == known_major && minor >= 0 && minor <= known_minor))
		return 0;
	trace_explain("SET_VERSION: %s version %d.%d is out of range (%d.0 ... %d.%d)", name, major,
		      minor, known_major, known_major, known_minor);
	return -EINVAL;
}

static int handle_set_version(struct drm_file *file, void *data, size_t user_size)
{
	const struct drm_driver *driver = file->node->driver;
	const struct drm_set_version wanted = *(struct drm_set_version *)data;
	int r;

	*(struct drm_set_version *)data = (struct drm_set_version){.di_major = DI_MAJOR,
								   .di_minor = DI_MINOR,
								   .dd_major = driver->major,
								   .dd_minor = driver->minor};
	r = drm_check_primary(file, "SET_VERSION");
	if (r == 0)
		r = check_version("interface", wanted.di_major, wanted.di_minor, DI_MAJOR,
				  DI_MINOR);
	if (r == 0)
		r = check_version("driver", wanted.dd_major, wanted.dd_minor, driver->major,
				  driver->minor);
	return r;
}

static int handle_master(struct drm_file *file, void *data, size_t user_size)
{
	return drm_check_primary(file, "SET_MASTER or DROP_MASTER");
}

static int handle_get_cap(struct drm_file *file, void *data, size_t user_size)
{
	struct drm_cap *cap = data;

	switch (cap->capability) {
	case DRM_CAP_PRIME:
		cap->value = DRM_PRIME_IMPORT_EXPORT;
		return 0;
	case DRM_CAP_TIMESTAMP_MONOTONIC:
		cap->value = 1;
		return 0;
	case DRM_CAP_SYNCOBJ:
	case DRM_CAP_SYNCOBJ_TIMELINE:
		cap->value = 0;
		return 0;
	default:
		trace_explain(
			"GET_CAP: capability %llu is none that drivers without a display have "
			"(%d, %d, %d, %d)",
			(unsigned long long)cap->capability, DRM_CAP_PRIME,
			DRM_CAP_TIMESTAMP_MONOTONIC, DRM_CAP_SYNCOBJ, DRM_CAP_SYNCOBJ_TIMELINE);
		return -EOPNOTSUPP;
	}
}

static int handle_set_client_cap(struct drm_file *file, void *data, size_t user_size)
{
	const struct drm_cap *cap = data;

	trace_explain("SET_CLIENT_CAP: capability %llu: there are none without a display",
		      (unsigned long long)cap->capability);
	return -EOPNOTSUPP;
}

/* ---- objects ---- */

void drm_remove(struct drm_file *file, struct gem_object *object)
{
	struct npu_session *session = object->session;
	struct npu_bo bo = gem_remove(&file->gem, object);

	npu_bo_close(session, &bo);
}

int drm_close_handle(struct drm_file *file, const char *ioctl_name, uint32_t handle)
{
	struct gem_object *object;
	int r;

	r = drm_file_lock(file);
	if (r < 0)
		return r;
	object = gem_find(&file->gem, handle);
	if (object && --object->n_handles == 0) {
		drm_remove(file, object);
	} else if (!object) {
		trace_explain("%s: handle %u is unknown", ioctl_name, handle);
		r = -EINVAL;
	}
	drm_file_unlock(file);
	return r;
}

static int handle_gem_close(struct drm_file *file, void *data, size_t user_size)
{
	const struct drm_gem_close *request = data;

	return drm_close_handle(file, "GEM_CLOSE", request->handle);
}

static int export_locked(struct drm_file *file, uint32_t handle, int flags, int *ret_fd)
{
	struct gem_object *object = gem_find(&file->gem, handle);
	struct stat64 status;
	int fd, r;

	if (!object) {
		trace_explain("PRIME_HANDLE_TO_FD: handle %u is unknown", handle);
		return -ENOENT;
	}
	r = npu_bo_export(object->session, &object->bo, 0, &fd);
	if (r == -EACCES)
		r = npu_bo_export(object->session, &object->bo, NPU_EXPORT_READ_ONLY, &fd);
	if (r < 0) {
		trace_explain("export of handle %u: %s", handle, npu_last_error());
		return drm_error(r);
	}
	if (!(flags & O_CLOEXEC))
		real()->fcntl(fd, F_SETFD, 0);
	if (real()->fstat64(fd, &status) == 0) {
		object->dev = status.st_dev;
		object->ino = status.st_ino;
	}
	*ret_fd = fd;
	return 0;
}

int drm_export(struct drm_file *file, uint32_t handle, int flags, int *ret_fd)
{
	int r = drm_file_lock(file);

	if (r < 0)
		return r;
	r = export_locked(file, handle, flags, ret_fd);
	drm_file_unlock(file);
	return r;
}

static int import_locked(struct drm_file *file, int fd, uint64_t token,
			 struct gem_object **ret_object)
{
	struct npu_bo bo;
	int r;

	r = npu_bo_import(file->session, fd, &bo);
	if (r < 0) {
		trace_explain("import of descriptor %d: %s", fd, npu_last_error());
		return drm_error(r);
	}
	r = gem_add(&file->gem, file->session, &bo, token, ret_object);
	if (r < 0)
		npu_bo_close(file->session, &bo);
	return r;
}

int drm_import(struct drm_file *file, int fd, bool is_counted, uint32_t *ret_handle)
{
	struct gem_object *object, elsewhere = {0};
	struct stat64 status;
	int r;

	if (real()->fstat64(fd, &status) < 0) {
		trace_explain("import of descriptor %d: %s", fd, strerror(errno));
		return -errno;
	}
	/* It is one object with one token, whichever files have it. */
	drm_file_put(drm_file_find_memory(status.st_dev, status.st_ino, &elsewhere));
	r = drm_file_lock(file);
	if (r < 0)
		return r;
	object = gem_find_memory(&file->gem, status.st_dev, status.st_ino);
	if (object) {
		object->n_handles += is_counted;
	} else {
		r = import_locked(file, fd, elsewhere.token, &object);
		if (r == 0 && object) {
			object->is_imported = true;
			object->is_cached = !(status.st_mode & NPU_BO_UNCACHED_MODE);
			object->dev = status.st_dev;
			object->ino = status.st_ino;
		}
	}
	if (r == 0 && object)
		*ret_handle = object->handle;
	drm_file_unlock(file);
	return r;
}

static int handle_prime_handle_to_fd(struct drm_file *file, void *data, size_t user_size)
{
	struct drm_prime_handle *request = data;

	if (request->flags & ~(uint32_t)(O_CLOEXEC | O_RDWR)) {
		trace_explain("PRIME_HANDLE_TO_FD: flags 0x%x: only O_CLOEXEC and O_RDWR are known",
			      request->flags);
		return -EINVAL;
	}
	return drm_export(file, request->handle, (int)request->flags, &request->fd);
}

static int handle_prime_fd_to_handle(struct drm_file *file, void *data, size_t user_size)
{
	struct drm_prime_handle *request = data;

	return drm_import(file, request->fd, false, &request->handle);
}

static const struct drm_field version_fields[] = {
	DRM_FIELD_OUT(drm_version64, major),
	DRM_FIELD_OUT(drm_version64, minor),
	DRM_FIELD_OUT(drm_version64, patchlevel),
	{0},
};
static const struct drm_field gem_close_fields[] = {DRM_FIELD(drm_gem_close, handle), {0}};
static const struct drm_field flink_fields[] = {
	DRM_FIELD(drm_gem_flink, handle), DRM_FIELD_OUT(drm_gem_flink, name), {0}};
static const struct drm_field gem_open_fields[] = {DRM_FIELD(drm_gem_open, name),
						   DRM_FIELD_OUT(drm_gem_open, handle),
						   DRM_FIELD_OUT(drm_gem_open, size),
						   {0}};
static const struct drm_field cap_fields[] = {
	DRM_FIELD(drm_cap, capability), DRM_FIELD_OUT(drm_cap, value), {0}};
static const struct drm_field prime_fields[] = {
	DRM_FIELD_OUT(drm_prime_handle, handle),
	DRM_FIELD_FLAGS(drm_prime_handle, flags, O_CLOEXEC | O_RDWR),
	DRM_FIELD_OUT(drm_prime_handle, fd),
	{0},
};

static const struct drm_field syncobj_fields[] = {
	DRM_FIELD_OUT(drm_syncobj_create, handle), DRM_FIELD(drm_syncobj_create, flags), {0}};

#define CORE(name_, type, handler, fields_)                                                        \
	{                                                                                          \
		.name = "DRM_" #name_, .nr = DRM_NR_##name_, .size = sizeof(struct type),          \
		.handle = handler, .fields = fields_                                               \
	}

const struct drm_ioctl drm_core_ioctls[] = {
	CORE(VERSION, drm_version64, handle_version, version_fields),
	CORE(GET_UNIQUE, drm_unique64, handle_get_unique, NULL),
	CORE(GET_MAGIC, drm_auth, handle_get_magic, NULL),
	CORE(SET_VERSION, drm_set_version, handle_set_version, NULL),
	CORE(GEM_CLOSE, drm_gem_close, handle_gem_close, gem_close_fields),
	CORE(GEM_FLINK, drm_gem_flink, flink_handle_name, flink_fields),
	CORE(GEM_OPEN, drm_gem_open, flink_handle_open, gem_open_fields),
	CORE(GET_CAP, drm_cap, handle_get_cap, cap_fields),
	CORE(SET_CLIENT_CAP, drm_cap, handle_set_client_cap, cap_fields),
	CORE(AUTH_MAGIC, drm_auth, handle_auth_magic, NULL),
	{.name = "DRM_SET_MASTER", .nr = DRM_NR_SET_MASTER, .handle = handle_master},
	{.name = "DRM_DROP_MASTER", .nr = DRM_NR_DROP_MASTER, .handle = handle_master},
	CORE(PRIME_HANDLE_TO_FD, drm_prime_handle, handle_prime_handle_to_fd, prime_fields),
	CORE(PRIME_FD_TO_HANDLE, drm_prime_handle, handle_prime_fd_to_handle, prime_fields),
	CORE(SYNCOBJ_CREATE, drm_syncobj_create, syncobj_handle_create, syncobj_fields),
	CORE(SYNCOBJ_DESTROY, drm_syncobj_create, syncobj_handle_destroy, syncobj_fields),
	CORE(SYNCOBJ_HANDLE_TO_FD, drm_syncobj_handle, syncobj_handle_to_fd, NULL),
	CORE(SYNCOBJ_FD_TO_HANDLE, drm_syncobj_handle, syncobj_fd_to_handle, NULL),
	CORE(SYNCOBJ_WAIT, drm_syncobj_wait, syncobj_handle_wait, NULL),
	CORE(SYNCOBJ_RESET, drm_syncobj_array, syncobj_handle_reset, NULL),
	CORE(SYNCOBJ_SIGNAL, drm_syncobj_array, syncobj_handle_signal, NULL),
};

const unsigned drm_n_core_ioctls = sizeof(drm_core_ioctls) / sizeof(drm_core_ioctls[0]);
