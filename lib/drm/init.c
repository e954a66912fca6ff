/* SPDX-License-Identifier: MIT */
/*
 * Before main(): the next functions, the settings, the trace, and descriptors that this process was
 * born with.
 */
#include "wrap.h"

#include "drm.h"
#include "fds.h"
#include "path.h"
#include "real.h"
#include "settings.h"
#include "trace.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* It says that the shown files are in use: a program that closes all it finds must not close it. */
static void hide_lock(void)
{
	const char *number = settings_get(SETTING_LOCK);
	char link[32], target[PATH_MAX];
	ssize_t n;

	if (!number)
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%s", number);
	n = real()->readlink(link, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	/* A program before this one may have closed it, and another file may have its number. */
	if (path_strip_root(target))
		fds_set_internal((int)strtol(number, NULL, 10));
}

__attribute__((constructor)) static void drm_init(void)
{
	real();
	settings_init();
	trace_init();
	path_note_cwd();
	hide_lock();
	drm_file_init_process();
}
