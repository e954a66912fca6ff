/* SPDX-License-Identifier: MIT */
/*
 * Before main(): the next functions, the settings, the trace, and descriptors that this process was
 * born with.
 */
#include "drm.h"
#include "path.h"
#include "real.h"
#include "settings.h"
#include "trace.h"

__attribute__((constructor)) static void drm_init(void)
{
	real();
	settings_init();
	trace_init();
	path_note_cwd();
	drm_file_init_process();
}
