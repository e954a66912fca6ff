/* SPDX-License-Identifier: MIT */
/*
 * One more turn to read, whose coming signals a fence. Whoever asks again and again while a job
 * writes, and throws the answers away, has one of them at a time.
 */
#include "sessions/bo_fence.h"

#include "sessions/error.h"
#include "sessions/fence.h"
#include "sessions/sessions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct bo_fence {
	struct turn turn;
	struct fence fence;
	struct user *user;    /* one reference */
	struct charge charge; /* of the session; when that has ended, of the user */
	struct list link;     /* session::bo_fences; then in no list */
};

static enum npu_outcome memory_outcome(const struct memory *memory)
{
	return memory->last_outcome == NPU_OUTCOME_PENDING ? NPU_OUTCOME_OK : memory->last_outcome;
}

static void bo_fence_free(struct bo_fence *bo_fence)
{
	turn_end(&bo_fence->turn, NPU_OUTCOME_PENDING);
	charge_release(&bo_fence->charge);
	user_unref(bo_fence->user);
	list_del(&bo_fence->link);
	free(bo_fence);
}

static void bo_fence_end(struct bo_fence *bo_fence, enum npu_outcome outcome)
{
	fence_signal(&bo_fence->fence, outcome);
	bo_fence_free(bo_fence);
}

static void bo_fence_opened(struct turn *turn)
{
	bo_fence_end(container_of(turn, struct bo_fence, turn), memory_outcome(turn->memory));
}

/* Those that nobody can look at any more. */
static void bo_fences_sweep(struct session *session)
{
	struct bo_fence *bo_fence, *next;

	list_for_each_safe (bo_fence, next, &session->bo_fences, link) {
		if (fence_is_abandoned(&bo_fence->fence))
			bo_fence_end(bo_fence, NPU_OUTCOME_CANCELLED);
	}
}

static int bo_fence_make(struct fence *fence, int *ret_fd, struct npu_error *error)
{
	int r = fence_init(fence, ret_fd);

	return r < 0 ? error_set(error, -r, "handle", "npud can't make a fence descriptor: %s",
				 strerror(-r))
		     : 0;
}

static int bo_fence_wait(struct session *session, struct memory *memory, int *ret_fd,
			 struct npu_error *error)
{
	struct account_refusal refusal;
	struct bo_fence *bo_fence = calloc(1, sizeof(*bo_fence));
	int r = 0;

	if (!bo_fence)
		return error_set(error, ENOMEM, "handle", "npud is out of memory");
	bo_fence->user = user_ref(session->user);
	list_init(&bo_fence->link);
	bo_fences_sweep(session);
	if (account_charge(&session->account, SLOT_FENCES, 1, &bo_fence->charge, &refusal) < 0)
		r = error_quota(error, &refusal);
	if (r == 0)
		r = bo_fence_make(&bo_fence->fence, ret_fd, error);
	if (r < 0) {
		bo_fence_free(bo_fence);
		return r;
	}
	list_add_tail(&session->bo_fences, &bo_fence->link);
	turn_take(&bo_fence->turn, memory, false, bo_fence_opened);
	return 0;
}

int bo_fence_new(struct session *session, struct handle *handle, int *ret_fd,
		 struct npu_error *error)
{
	struct fence fence = FENCE_INIT;
	int r;

	r = handle_find_memory(handle, &session->owner->memories);
	if (r < 0)
		return error_set(error, -r, "handle", "npud can't tell its memory: %s",
				 strerror(-r));
	if (memory_last_turn(handle->memory))
		return bo_fence_wait(session, handle->memory, ret_fd, error);
	r = bo_fence_make(&fence, ret_fd, error);
	if (r == 0)
		fence_signal(&fence, memory_outcome(handle->memory));
	return r;
}

/* Nobody has it; or the user's quota was made smaller meanwhile, and there is no room. */
static void bo_fence_leave(struct bo_fence *bo_fence)
{
	struct account *account = &bo_fence->user->account;

	list_del(&bo_fence->link);
	charge_release(&bo_fence->charge);
	if (fence_is_abandoned(&bo_fence->fence) ||
	    account_charge(account, SLOT_FENCES, 1, &bo_fence->charge, NULL) < 0)
		bo_fence_end(bo_fence, NPU_OUTCOME_CANCELLED);
}

void bo_fences_leave(struct session *session)
{
	struct bo_fence *bo_fence, *next;

	list_for_each_safe (bo_fence, next, &session->bo_fences, link)
		bo_fence_leave(bo_fence);
}
