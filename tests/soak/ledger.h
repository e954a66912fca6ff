/* SPDX-License-Identifier: MIT */
/*
 * What a client was promised: one signal for each job that npud took, on the completion socket and
 * on the fence alike. Fences go to a witness as well, who is still there when the client is not.
 */
#ifndef NPUD_SOAK_LEDGER_H
#define NPUD_SOAK_LEDGER_H

#include "tests/system/client.h"

#include <stdint.h>

#define LEDGER_JOBS_MAX 16u

/* A set of outcomes. */
#define OUTCOME(name) (1u << NPU_OUTCOME_##name)
#define OUTCOME_ANY   (~OUTCOME(PENDING))
/* Of a job that a misbehaving driver would not run, and of those behind it. */
#define OUTCOME_UNRUN (OUTCOME(DEVICE_LOST) | OUTCOME(DEPENDENCY))

struct ledger_entry {
	uint64_t seqno; /* 0: free */
	int fence;	/* -1: none */
	unsigned outcomes;
};

/* Shared by all processes of the soak. */
struct ledger_totals {
	uint64_t n_accepted, n_refused, n_signalled, n_fences;
};

struct ledger {
	struct client *client;
	struct ledger_totals *totals;
	int witness; /* a socket; -1: none */
	struct ledger_entry entries[LEDGER_JOBS_MAX];
};

struct ledger ledger_for(struct client *client, struct ledger_totals *totals, int witness);
/*
 * Submits, after waiting for a job where the ledger is full. 0, or the errno value of the refusal.
 * The job must end as one of `outcomes`. `ret_fence` may be NULL; the descriptor stays the
 * ledger's, until the job is settled.
 */
int ledger_try_submit(struct ledger *ledger, const struct job_request *job, unsigned outcomes,
		      int *ret_fence);
/* The same where a refusal is a failure; a misbehaving driver's lack of memory is waited out. */
void ledger_submit(struct ledger *ledger, const struct job_request *job, unsigned outcomes,
		   int *ret_fence);
/* Likewise where that refusal is the right answer. */
void ledger_require_refused(struct ledger *ledger, const struct job_request *job, int error);
/* Waits for all that were taken; nothing more may come. The outcomes that there were. */
unsigned ledger_settle(struct ledger *ledger);

/* The witness's side: all fences that were sent must come to an end, or have. How many. */
unsigned witness_check(int witness);

#endif
