/* SPDX-License-Identifier: MIT */
/* A recording of a running npud (`npuctl trace`) as a workload: the same jobs at the same times. */
#ifndef NPU_SIM_RECORDING_H
#define NPU_SIM_RECORDING_H

#include <jansson.h>
#include <stdbool.h>

bool sim_recording_is_one(const json_t *document);
/*
 * A workload document with one scenario, "recording": a tenant per user and class, with the
 * sessions it had, and a model per kind of job. The caller owns it. NULL: there are no jobs that
 * ran, or no memory.
 */
json_t *sim_recording_convert(const json_t *document);

#endif
