/* SPDX-License-Identifier: MIT */
/*
 * A picture of what each core ran when: SVG, one lane per core, one colour per tenant, batches that
 * were shot in red. Only the beginning of a run, as a minute would be grey.
 */
#ifndef NPU_SIM_TIMELINE_H
#define NPU_SIM_TIMELINE_H

#include "tools/sim/engine.h"

#include <stdio.h>

#define SIM_TIMELINE_NS (2 * NS_PER_S)

/* Neighbours of one tenant that touch in the picture become one bar. */
struct sim_timeline_bar {
	const struct sim_tenant *tenant; /* NULL: none */
	uint64_t start_ns, end_ns;
	bool is_shot;
};

struct sim_timeline {
	FILE *out;
	struct sim_timeline_bar bars[SIM_CORES_MAX]; /* not yet written, by core */
};

/* Begins the picture of a run that is about to begin, and listens to it. -errno of the file. */
int sim_timeline_begin(struct sim_timeline *timeline, const char *path, struct sim_engine *engine);
/* Writes the rest and closes. -errno of anything that could not be written. */
int sim_timeline_end(struct sim_timeline *timeline, const struct sim_engine *engine);

#endif
