/* SPDX-License-Identifier: MIT */
/*
 * All turns of a job are taken at once, so the rows never wait for each other in a circle: whoever
 * is before another in one row is before it in all.
 */
#include "sessions/job_turns.h"

#include "sessions/error.h"
#include "sessions/sessions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct job_turn {
	struct turn turn;
	struct job *job;
};
_Static_assert(sizeof(struct job_turn) <= JOB_TURN_BYTES, "what a turn costs");

static struct job_turn *job_turn_of(struct turn *turn)
{
	return container_of(turn, struct job_turn, turn);
}

static void job_turn_opened(struct turn *turn)
{
	struct job *job = job_turn_of(turn)->job;

	scheduler_resolve(job->session->owner->scheduler, &job->base);
}

/* Memory that is named twice, by whichever handles: nobody waits for oneself. */
static bool job_is_last(const struct job *job, const struct memory *memory)
{
	const struct turn *last = memory_last_turn(memory);

	return last && last->opened == job_turn_opened &&
	       container_of(last, const struct job_turn, turn)->job == job;
}

static int job_take_turn(struct job *job, unsigned index, bool is_write, struct npu_error *error)
{
	struct handle *handle = job->pins[index];
	struct job_turn *job_turn = &job->turns[job->n_turns];
	char field[NPU_NAME_MAX];
	int r;

	snprintf(field, sizeof(field), "bos[%u]", index);
	if (is_write && !handle->bo->is_writable)
		return error_set(error, EACCES, field,
				 "handle %" PRIu32 " is one of the n_writes, but its BO is "
				 "read-only",
				 handle->id);
	r = handle_find_memory(handle, &job->session->owner->memories);
	if (r < 0)
		return error_set(error, -r, field, "npud can't tell its memory: %s", strerror(-r));
	if (job_is_last(job, handle->memory))
		return 0;
	job_turn->job = job;
	turn_take(&job_turn->turn, handle->memory, is_write, job_turn_opened);
	job->base.n_deps += !job_turn->turn.is_open;
	job->n_turns++;
	return 0;
}

int job_turns_take(struct job *job, const struct npu_submit *submit, struct npu_error *error)
{
	const unsigned n = submit->n_writes + submit->n_reads;
	int r = 0;

	if (n == 0)
		return 0;
	job->turns = calloc(n, sizeof(*job->turns));
	if (!job->turns)
		return error_set(error, ENOMEM, "job", "npud is out of memory");
	for (unsigned i = 0; i < n && r == 0; i++)
		r = job_take_turn(job, i, i < submit->n_writes, error);
	return r;
}

void job_turns_end(struct job *job, enum npu_outcome outcome)
{
	for (unsigned i = 0; i < job->n_turns; i++)
		turn_end(&job->turns[i].turn, outcome);
	if (job->n_turns > 0)
		sessions_kick(job->session->owner);
	free(job->turns);
	job->turns = NULL;
	job->n_turns = 0;
}

bool job_turns_are_blocked(const struct job *job)
{
	for (unsigned i = 0; i < job->n_turns; i++) {
		if (turn_is_blocked(&job->turns[i].turn))
			return true;
	}
	return false;
}
