/* SPDX-License-Identifier: MIT */
/*
 * Group by group, strip by strip, in the order in which results go to memory.
 */
#include "device/soft/elementwise.h"

#include "device/soft/dpu.h"

#include <errno.h>

static int run_group(struct soft_core *core, struct soft_dpu *dpu, uint32_t group)
{
	int r = 0;

	for (uint32_t first = 0; r == 0 && first < dpu->output.n_pixels; first += SOFT_STRIP_PIXELS)
		r = soft_core_is_aborted(core) ? -ECANCELED : soft_dpu_fly(core, dpu, group, first);
	return r;
}

int soft_elementwise_run(struct soft_core *core, struct soft_operation *operation)
{
	struct soft_dpu dpu;
	int r;

	r = soft_dpu_begin(core, operation, NULL, &dpu);
	if (r < 0)
		return r;
	operation->work.bytes += dpu.work_bytes;
	for (uint32_t group = 0; r == 0 && group < dpu.n_groups; group++)
		r = run_group(core, &dpu, group);
	return soft_dpu_end(core, &dpu, r);
}
