/* SPDX-License-Identifier: MIT */
/*
 * The blast radius of long batches: nothing can interrupt them, so they never take the last core
 * while another tenant is active, nor a core that the short work of the last second needs.
 */
#ifndef NPUD_SCHEDULER_RADIUS_H
#define NPUD_SCHEDULER_RADIUS_H

#include <stdbool.h>
#include <stdint.h>

struct sched_tenant;
struct sched_job;
struct scheduler;

struct radius {
	/* Cores that short batches kept busy: an average with a time constant of a second. */
	double short_cores;
	uint64_t short_ns; /* when it was that */
	unsigned n_active; /* tenants with a job */
	/* When the last job came, and from whom; when the last one of any other tenant came. */
	const struct sched_tenant *last_tenant;
	uint64_t last_ns, other_ns;
};

/* A job of the tenant came, or is over. */
void radius_add_job(struct radius *radius, struct sched_tenant *tenant, uint64_t now_ns);
void radius_remove_job(struct radius *radius, struct sched_tenant *tenant);
/* The tenant may be freed after this. */
void radius_forget(struct radius *radius, const struct sched_tenant *tenant);
/* A short batch ended, having used that much core-time. */
void radius_add_short(struct radius *radius, uint64_t core_ns, uint64_t now_ns);

/* Whether a batch of that length (device time; UINT64_MAX: nobody knows) is a long one. */
bool radius_is_long(const struct scheduler *scheduler, uint64_t batch_ns);
/* Whether a long batch of the job may take `width` more cores now. */
bool radius_allows(const struct scheduler *scheduler, const struct sched_job *job, unsigned width,
		   uint64_t now_ns);

#endif
