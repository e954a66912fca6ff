/* SPDX-License-Identifier: MIT */
/*
 * The active address space is the process's, as the device's is the kernel's: whoever uses one
 * holds it, and others poll until nobody does.
 */
#include "rknpu_misbehave.h"

#include "personality.h"
#include "trace.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#define MS_NS		 1000000ull
#define WAITS		 3u
#define SWITCH_WAIT_NS	 (6000 * MS_NS)
#define SWITCH_FAILS_NS	 (SWITCH_WAIT_NS / 100)
#define SWITCH_POLL_NS	 100000ull
#define FRAGMENT_BYTES	 65536u
#define DEAD_MASK_LOWEST 5u
#define DEAD_MASK_MOST	 6u

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned active, n_users;

static void pause_ns(uint64_t duration_ns)
{
	const struct timespec pause = {(time_t)(duration_ns / 1000000000u),
				       (long)(duration_ns % 1000000000u)};

	nanosleep(&pause, NULL);
}

/* ---- address spaces ---- */

/* -EAGAIN: another one is in use; -EINVAL: the driver does not manage to change it. */
static int try_enter(unsigned domain)
{
	int r = 0;

	pthread_mutex_lock(&mutex);
	if (domain != active && n_users > 0)
		r = -EAGAIN;
	else if (domain != active && personality_happens(PERSONALITY_SWITCH_FAILS))
		r = -EINVAL;
	if (r == 0) {
		active = domain;
		n_users++;
	}
	pthread_mutex_unlock(&mutex);
	return r;
}

int rknpu_domain_enter(unsigned domain)
{
	int r;

	if (!personality_happens(PERSONALITY_ONE_DOMAIN))
		return 0;
	for (uint64_t waited_ns = 0; (r = try_enter(domain)) == -EAGAIN;
	     waited_ns += SWITCH_POLL_NS) {
		if (waited_ns >= SWITCH_WAIT_NS) {
			trace_explain("iommu_domain_id %u: another one stays in use", domain);
			return -EINVAL;
		}
		pause_ns(SWITCH_POLL_NS);
	}
	if (r < 0) {
		trace_explain("iommu_domain_id %u: as NPU_PERSONALITY wants it, not reached",
			      domain);
		pause_ns(SWITCH_FAILS_NS);
	}
	return r;
}

void rknpu_domain_leave(void)
{
	if (!personality_happens(PERSONALITY_ONE_DOMAIN))
		return;
	pthread_mutex_lock(&mutex);
	n_users--;
	pthread_mutex_unlock(&mutex);
}

int32_t rknpu_domain_shown(int32_t domain)
{
	if (!personality_happens(PERSONALITY_ONE_DOMAIN))
		return domain;
	pthread_mutex_lock(&mutex);
	domain = (int32_t)active;
	pthread_mutex_unlock(&mutex);
	return domain;
}

unsigned rknpu_domain_of_import(unsigned domain)
{
	return (unsigned)rknpu_domain_shown((int32_t)domain);
}

/* ---- memory ---- */

bool rknpu_lacks_memory(uint64_t size_bytes)
{
	return personality_happens(PERSONALITY_NO_MEMORY) ||
	       (size_bytes > FRAGMENT_BYTES && personality_happens(PERSONALITY_FRAGMENTS));
}

/* ---- submits ---- */

unsigned rknpu_count_waits(void)
{
	return personality_happens(PERSONALITY_THREEFOLD_WAIT) ? WAITS : 1;
}

static bool never_starts(const struct rknpu_submit *request)
{
	if (request->core_mask >= DEAD_MASK_LOWEST && request->core_mask <= DEAD_MASK_MOST &&
	    personality_happens(PERSONALITY_DEAD_MASKS))
		return true;
	return personality_happens(PERSONALITY_NEVER_START);
}

static int refuse(const char *reason, int error)
{
	trace_explain("SUBMIT: as NPU_PERSONALITY wants it, %s", reason);
	return error;
}

int rknpu_misbehave(struct drm_file *file, const struct rknpu_submit *request)
{
	const uint32_t fences = RKNPU_JOB_FENCE_IN | RKNPU_JOB_FENCE_OUT;

	if (request->flags & fences && personality_happens(PERSONALITY_NO_FENCES))
		return refuse("fences do not work", -EINVAL);
	if (personality_happens(PERSONALITY_NO_MEMORY))
		return refuse("there is no memory", -ENOMEM);
	if (personality_happens(PERSONALITY_FOREIGN_RESET)) {
		(void)rknpu_reset(file);
		return refuse("somebody else has reset the device", -EINVAL);
	}
	if (!never_starts(request))
		return 0;
	pause_ns(rknpu_count_waits() * request->timeout_ms * MS_NS);
	return refuse("the job never starts", -EINVAL);
}
