/* SPDX-License-Identifier: MIT */
/*
 * One more turn to read, whose coming signals a fence.
 */
#include "sessions/bo_fence.h"

#include "sessions/error.h"
#include "sessions/fence.h"
#include "sessions/sessions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bo_fence {
	struct turn turn;
	struct fence fence;
	struct charge charge;
	struct list link; /* session::bo_fences */
};

static void bo_fence_end(struct bo_fence *bo_fence, enum npu_outcome outcome)
{
	fence_signal(&bo_fence->fence, outcome);
	turn_end(&bo_fence->turn, NPU_OUTCOME_PENDING);
	charge_release(&bo_fence->charge);
	list_del(&bo_fence->link);
	free(bo_fence);
}

static void bo_fence_opened(struct turn *turn)
{
	const enum npu_outcome last = turn->memory->last_outcome;

	bo_fence_end(container_of(turn, struct bo_fence, turn),
		     last == NPU_OUTCOME_PENDING ? NPU_OUTCOME_OK : last);
}

int bo_fence_new(struct session *session, struct handle *handle, int *ret_fd,
		 struct npu_error *error)
{
	struct account_refusal refusal;
	struct bo_fence *bo_fence;
	int r;

	r = handle_find_memory(handle, &session->owner->memories);
	if (r < 0)
		return error_set(error, -r, "handle", "npud can't tell its memory: %s",
				 strerror(-r));
	bo_fence = calloc(1, sizeof(*bo_fence));
	if (!bo_fence)
		return error_set(error, ENOMEM, "handle", "npud is out of memory");
	bo_fence->fence = FENCE_INIT;
	list_init(&bo_fence->link);
	if (account_charge(&session->account, SLOT_FENCES, 1, &bo_fence->charge, &refusal) < 0) {
		free(bo_fence);
		return error_quota(error, &refusal);
	}
	r = fence_init(&bo_fence->fence, ret_fd);
	if (r < 0) {
		bo_fence_end(bo_fence, NPU_OUTCOME_PENDING);
		return error_set(error, -r, "handle", "npud can't make a fence descriptor: %s",
				 strerror(-r));
	}
	list_add_tail(&session->bo_fences, &bo_fence->link);
	turn_take(&bo_fence->turn, handle->memory, false, bo_fence_opened);
	if (bo_fence->turn.is_open)
		bo_fence_opened(&bo_fence->turn);
	return 0;
}

void bo_fences_drop(struct session *session)
{
	struct bo_fence *bo_fence, *next;

	list_for_each_safe (bo_fence, next, &session->bo_fences, link)
		bo_fence_end(bo_fence, NPU_OUTCOME_CANCELLED);
}
