/* SPDX-License-Identifier: MIT */
/* Copies of the environment's strings: other libraries' constructors may ask before ours runs. */
#include "wrap.h"

#include "settings.h"

#include "real.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static const char *const names[N_SETTINGS] = {
	[SETTING_NODES] = "NPU_RUN_NODES",
	[SETTING_ROOT] = "NPU_RUN_ROOT",
	[SETTING_LOCK] = "NPU_RUN_LOCK",
	[SETTING_SOCKET] = "NPU_SOCKET",
	[SETTING_RUNTIME_DIR] = "XDG_RUNTIME_DIR",
	[SETTING_CLASS] = "NPU_RUN_CLASS",
	[SETTING_RECORD] = "NPU_RUN_RECORD",
	[SETTING_CHECK] = "NPU_RUN_CHECK",
	[SETTING_TRACE] = "NPU_TRACE",
	[SETTING_DEBUG] = "NPU_DEBUG",
	[SETTING_PERSONALITY] = "NPU_PERSONALITY",
};

static char *values[N_SETTINGS];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static char *absolute(char *path)
{
	char folder[PATH_MAX], *joined;

	if (!path || !*path || path[0] == '/' || !real()->getcwd(folder, sizeof(folder)) ||
	    asprintf(&joined, "%s/%s", folder, path) < 0)
		return path;
	if (strlen(joined) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
		free(joined);
		return path;
	}
	free(path);
	return joined;
}

static void read_all(void)
{
	for (unsigned i = 0; i < N_SETTINGS; i++) {
		const char *value = secure_getenv(names[i]);

		values[i] = value ? strdup(value) : NULL;
	}
	values[SETTING_SOCKET] = absolute(values[SETTING_SOCKET]);
}

void settings_init(void)
{
	pthread_once(&once, read_all);
}

const char *settings_get(enum setting setting)
{
	settings_init();
	return values[setting];
}
