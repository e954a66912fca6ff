/* SPDX-License-Identifier: MIT */
/*
 * What it costs to change the address space of a core, or of the device: measured as the time that
 * batches lose around their device time, with a change and without. Until there are some of both
 * the device's own figure stands.
 */
#ifndef NPUD_SCHEDULER_SWITCHES_H
#define NPUD_SCHEDULER_SWITCHES_H

#include <stdint.h>

/* Batches of each kind until their difference is believed. */
#define SWITCHES_KNOWN_AFTER 16

struct sched_job;
struct scheduler;

struct switches {
	struct {
		uint64_t n;
		double lost_ns; /* per batch, of the last dozen or so */
	} kinds[2];		/* by whether the address space changed */
};

/* A batch has ended by itself, with share_ns of device time. */
void switches_observe(struct switches *switches, const struct sched_job *job, uint64_t now_ns);
uint64_t switches_cost_ns(const struct scheduler *scheduler);

#endif
