/* SPDX-License-Identifier: MIT */
/*
 * Contracts: a queue of kind rt may have one job every `period`, of up to `run` core-time, by its
 * deadline. Those with a `run` are reservations: admitted or refused as a whole when the queue
 * joins, out of `rt_cap` of the cores in service, so that the rest is left to others. A job within
 * its reservation is never refused or shed for others; one beyond the rate or the length is best
 * effort. `policy_deadline` honours them; elsewhere a contract has no effect.
 *
 * It is a promise kept on the average: gangs and jobs that cannot be cut make hard ones impossible.
 */
#ifndef NPUD_SCHEDULER_CONTRACT_H
#define NPUD_SCHEDULER_CONTRACT_H

#include <stdbool.h>
#include <stdint.h>

struct queue;
struct queue_params;
struct sched_job;
struct scheduler;

/* Cores that a reservation takes on the average: run / period; 0 for none. */
double contract_cores(const struct queue_params *params);
/* Whether there is room for one more reservation. */
bool contract_fits(const struct scheduler *scheduler, const struct queue_params *params);
/* A deadline job comes. False: it is beyond the contract. Sets job->is_reserved. */
bool contract_take(struct scheduler *scheduler, struct queue *queue, struct sched_job *job,
		   uint64_t now_ns);

#endif
