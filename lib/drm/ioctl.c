/* SPDX-License-Identifier: MIT */
/*
 * As the DRM core does it: the number alone says what is meant; the size in the command says how
 * much of the struct the program knows. What it does not know reads as zeros; what it knows goes
 * back to it, also after an error.
 */
#include "drm.h"
#include "node.h"
#include "trace.h"
#include "uapi/drm.h"
#include "user.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#define SHOWN_MAX 640

static const struct drm_ioctl *find_in(const struct drm_ioctl *ioctls, unsigned n, unsigned nr)
{
	for (unsigned i = 0; i < n; i++)
		if (ioctls[i].nr == nr)
			return &ioctls[i];
	return NULL;
}

static const struct drm_ioctl *find_ioctl(const struct drm_node *node, unsigned long request)
{
	const struct drm_driver *driver = node->driver;
	unsigned nr = _IOC_NR(request);

	if (node->kind == NODE_MISC)
		return _IOC_TYPE(request) == RKNPU_IOCTL_TYPE
			       ? find_in(driver->misc_ioctls, driver->n_misc_ioctls, nr)
			       : NULL;
	if (_IOC_TYPE(request) != DRM_IOCTL_TYPE)
		return NULL;
	if (nr >= DRM_COMMAND_FIRST && nr < DRM_COMMAND_END)
		return find_in(driver->ioctls, driver->n_ioctls, nr - DRM_COMMAND_FIRST);
	return find_in(drm_core_ioctls, drm_n_core_ioctls, nr);
}

/* ---- what is shown ---- */

static uint64_t field_value(const struct drm_field *field, const unsigned char *data)
{
	uint64_t value = 0;

	memcpy(&value, data + field->offset, field->size < 8 ? field->size : 8);
	return value;
}

/* "{handle=1, flags=0x8, ...}" of the fields within `size` bytes. */
static void show_fields(const struct drm_ioctl *ioctl, const unsigned char *data, size_t size,
			bool is_after, char *ret_text)
{
	size_t n = 0;

	ret_text[n++] = '{';
	for (const struct drm_field *field = ioctl->fields; field && field->name; field++) {
		uint64_t value;

		if ((size_t)field->offset + field->size > size || (is_after && !field->is_out))
			continue;
		if (n > SHOWN_MAX - 80)
			break;
		value = field_value(field, data);
		n += (size_t)snprintf(ret_text + n, SHOWN_MAX - n,
				      value < 10 && !field->flags ? "%s%s=%llu" : "%s%s=0x%llx",
				      n > 1 ? ", " : "", field->name, (unsigned long long)value);
	}
	snprintf(ret_text + n, SHOWN_MAX - n, "}");
}

static void trace_ioctl(const struct drm_ioctl *ioctl, const char *before,
			const unsigned char *data, size_t user_size, int result)
{
	char after[SHOWN_MAX];

	show_fields(ioctl, data, user_size, true, after);
	trace_call("ioctl(%s/%zu, %s) = %d%s%s%s", ioctl->name, user_size, before, result,
		   result < 0 ? " " : "", result < 0 ? strerrorname_np(-result) : "",
		   after[1] != '}' ? after : "");
}

static void check_ioctl(const struct drm_ioctl *ioctl, const unsigned char *data, size_t user_size)
{
	trace_check("ioctl %s %zu", ioctl->name, user_size);
	if (user_size > ioctl->size)
		trace_check("longer %s %zu", ioctl->name, user_size);
	for (const struct drm_field *field = ioctl->fields; field && field->name; field++) {
		uint64_t unknown = field->flags ? field_value(field, data) & ~field->flags : 0;

		if (unknown)
			trace_check("flags %s %s 0x%llx", ioctl->name, field->name,
				    (unsigned long long)unknown);
	}
}

/* ---- the call ---- */

/* Who knows why has said so; of the rest there is the errno to tell. */
static void explain_rest(const struct drm_ioctl *ioctl, const void *argument, int error)
{
	if (error == -EFAULT)
		trace_explain("%s: memory at %p, or that it points to, cannot be used", ioctl->name,
			      argument);
	else
		trace_explain("%s: %s", ioctl->name, strerrordesc_np(-error));
}

static int refuse(const struct drm_file *file, unsigned long request)
{
	trace_explain("%s: unknown ioctl 0x%lx: type 0x%02x, number 0x%02x, %u bytes",
		      file->node->path, request, (unsigned)_IOC_TYPE(request),
		      (unsigned)_IOC_NR(request), (unsigned)_IOC_SIZE(request));
	trace_call("ioctl(0x%lx) = -1 ENOTTY", request);
	trace_check("unknown 0x%lx", request);
	return -ENOTTY;
}

int drm_ioctl(struct drm_file *file, unsigned long request, void *argument)
{
	const struct drm_ioctl *ioctl = find_ioctl(file->node, request);
	unsigned char data[DRM_IOCTL_BYTES_MAX] = {0};
	size_t user_size = _IOC_SIZE(request), known;
	const unsigned n_explained = trace_count_explained();
	char before[SHOWN_MAX] = "";
	int r;

	if (!ioctl)
		return refuse(file, request);
	known = user_size < ioctl->size ? user_size : ioctl->size;
	r = user_read(data, argument, known);
	if (r < 0) {
		trace_explain("%s: there are no %zu bytes at %p", ioctl->name, known, argument);
		trace_call("ioctl(%s/%zu, %p) = -1 EFAULT", ioctl->name, user_size, argument);
		return r;
	}
	if (trace_is_checking())
		check_ioctl(ioctl, data, user_size);
	if (trace_is_on())
		show_fields(ioctl, data, user_size, false, before);
	r = ioctl->handle(file, data, user_size);
	if (_IOC_DIR(request) & _IOC_READ && user_write(argument, data, known) < 0)
		r = -EFAULT;
	if (r < 0 && trace_count_explained() == n_explained)
		explain_rest(ioctl, argument, r);
	if (trace_is_on())
		trace_ioctl(ioctl, before, data, user_size, r);
	return r;
}

int drm_error(int error)
{
	switch (error) {
	case -ECONNRESET:
	case -EPROTO:
		return -ENODEV;
	case -EDQUOT:
	case -ENOSPC:
		return -ENOMEM;
	case -EPERM:
		return -EACCES;
	default:
		return error;
	}
}
