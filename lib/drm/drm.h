/* SPDX-License-Identifier: MIT */
/*
 * The interposer behind npu-run: it stands between a program and libc, and makes the NPU's device
 * nodes out of sessions of npud.
 *
 *   program -> wrap_*.c   libc's names: is this path, this descriptor, ours? else to libc
 *                 |
 *            node.c       which node a path names           present.c  files shown beside them
 *            fds.c        which numbers are ours
 *            file.c       what open() made: one session of npud, its objects (gem.c)
 *                 |
 *            ioctl.c      number -> handler; copies in and out (user.c), trace (trace.c)
 *              |    \
 *         core.c    rknpu*.c, rocket*.c     one driver each, behind struct drm_driver
 *                 |
 *              libnpu
 *
 * The descriptor that the program holds is an empty memfd whose name says which node it is: so
 * dup(), fork(), exec() and SCM_RIGHTS carry it like any other, and a process that received it
 * that way can tell what it is. Each process has a session of its own for it, made on first use.
 *
 * Locks: a file's `lock` protects its session and its objects. It is not held while a job runs.
 */
#ifndef NPU_DRM_DRM_H
#define NPU_DRM_DRM_H

#include "fds.h"
#include "gem.h"
#include "npu.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct drm_file;
struct drm_node;
struct record;
struct syncobj;

/* A member of an ioctl's struct, for the trace and for `npu-run --check`. */
struct drm_field {
	const char *name; /* NULL ends the table */
	uint16_t offset, size;
	bool is_out;	/* worth showing after the call */
	uint32_t flags; /* bits that are known, of a field of flags; 0: a number */
};

#define DRM_FIELD(type, member)                                                                    \
	{                                                                                          \
		.name = #member, .offset = offsetof(struct type, member),                          \
		.size = sizeof(((struct type *)NULL)->member)                                      \
	}
#define DRM_FIELD_OUT(type, member)                                                                \
	{                                                                                          \
		.name = #member, .offset = offsetof(struct type, member),                          \
		.size = sizeof(((struct type *)NULL)->member), .is_out = true                      \
	}
#define DRM_FIELD_FLAGS(type, member, known)                                                       \
	{                                                                                          \
		.name = #member, .offset = offsetof(struct type, member),                          \
		.size = sizeof(((struct type *)NULL)->member), .flags = (known)                    \
	}

#define DRM_IOCTL_BYTES_MAX 256

struct drm_ioctl {
	const char *name;
	uint8_t nr;    /* in a driver's table: behind the base of driver commands */
	uint16_t size; /* of the longest known struct */
	/*
	 * `data` holds `size` bytes: what the program passed (`user_size` bytes), then zeros. What
	 * it holds afterwards goes back, also after an error. 0 or a negative errno value.
	 */
	int (*handle)(struct drm_file *file, void *data, size_t user_size);
	const struct drm_field *fields; /* may be NULL */
};

/* One ABI. */
struct drm_driver {
	const char *name, *description, *date;
	int32_t major, minor, patchlevel;
	uint32_t address;  /* of its first device's registers: node_unique(); 0: unnamed */
	unsigned n_spaces; /* address spaces that a file can have; 0: its own only */
	const struct drm_ioctl *ioctls;
	unsigned n_ioctls;
	const struct drm_ioctl *misc_ioctls; /* of its misc node, or NULL */
	unsigned n_misc_ioctls;
	/* Drops what the driver keeps in `file->driver_data`; may be NULL. `lock` is held. */
	void (*reset)(struct drm_file *file);
};

extern const struct drm_driver drm_driver_rknpu, drm_driver_rocket;

LIST_HEAD(drm_files, drm_file);
LIST_HEAD(drm_syncobjs, syncobj);

#define DRM_SPACES_MAX 16

/* What open() of a node made. */
struct drm_file {
	struct description description;
	const struct drm_node *node;
	LIST_ENTRY(drm_file) link; /* on: all files of the process */
	pthread_mutex_t lock;
	struct npu_session *session; /* NULL: not made yet in this process */
	/* Of further address spaces, for drivers that have some: drm_file_space(). */
	struct npu_session *spaces[DRM_SPACES_MAX];
	struct gem gem;
	void *driver_data; /* the driver's own; NULL until it makes some */
	struct drm_syncobjs syncobjs;
	uint32_t last_syncobj;
	struct record *record; /* record.h; NULL: nothing recorded yet */
};

/* ---- file.c ---- */

/* A descriptor for the node: `flags` as for open(). Number or a negative errno value. */
int drm_file_open(const struct drm_node *node, int flags);
/* The file behind `fd`, with a reference for the caller; NULL. */
struct drm_file *drm_file_get(int fd);
/* The same for a number that this library has not seen: it may have come by exec() or a socket. */
struct drm_file *drm_file_find(int fd);
struct drm_file *drm_file_put(struct drm_file *file);
/* Takes `lock`, with a session in place. On failure the lock is not held. */
int drm_file_lock(struct drm_file *file);
void drm_file_unlock(struct drm_file *file);
/*
 * The session that is the file's address space of that number, made on first use; 0 is the file's
 * own. `lock` is held. -EINVAL from DRM_SPACES_MAX on, or what opening a session gave.
 */
int drm_file_space(struct drm_file *file, unsigned space, struct npu_session **ret_session);
/*
 * The next of all files of the process, or the first; takes the reference to `file`, which may be
 * NULL, and gives one to what it returns.
 */
struct drm_file *drm_file_next(struct drm_file *file);
/*
 * A file of the process, with a reference, that has this memory (fstat()'s numbers), and the object
 * as it was then; NULL. No file's lock may be held.
 */
struct drm_file *drm_file_find_memory(dev_t dev, ino_t ino, struct gem_object *ret_object);
/* Hands that memory to the NPU or back, in all files that have it. No file's lock may be held. */
void drm_file_sync_memory(dev_t dev, ino_t ino, enum npu_sync_direction direction);
/* Once, before anything else: fork handlers, descriptors that came by exec(). */
void drm_file_init_process(void);

/* ---- ioctl.c ---- */

/* 0 or a negative errno value. */
int drm_ioctl(struct drm_file *file, unsigned long request, void *argument);
/* The result of libnpu for a driver: quotas and the like become what drivers answer. */
int drm_error(int error);

/* ---- core.c ---- */

extern const struct drm_ioctl drm_core_ioctls[];
extern const unsigned drm_n_core_ioctls;

/* -EACCES, said in that name, on nodes other than cardN. */
int drm_check_primary(const struct drm_file *file, const char *ioctl_name);
/* Takes an object away; the file's lock is held. */
void drm_remove(struct drm_file *file, struct gem_object *object);
/* The same by handle; takes the lock. -EINVAL for one that is unknown, said in that name. */
int drm_close_handle(struct drm_file *file, const char *ioctl_name, uint32_t handle);
/*
 * A new object of `file` with the memory behind `fd`, or the one it has; `is_counted` if that is
 * then to be closed once more.
 */
int drm_import(struct drm_file *file, int fd, bool is_counted, uint32_t *ret_handle);
/* A descriptor of the object's memory; mappable at offset 0. */
int drm_export(struct drm_file *file, uint32_t handle, int flags, int *ret_fd);

#endif
