/* SPDX-License-Identifier: MIT */
/* One stream of random numbers for all threads: their order of calls decides who gets which. */
#include "personality.h"

#include "drm.h"
#include "settings.h"
#include "trace.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CORES	      3u
#define SLOW_RESET_NS 100000000

static const char *const names[PERSONALITY_N_TRAITS] = {
	[PERSONALITY_DEAD_MASKS] = "dead-masks",
	[PERSONALITY_NO_FENCES] = "no-fences",
	[PERSONALITY_ONE_DOMAIN] = "one-domain",
	[PERSONALITY_UNINTERRUPTIBLE] = "uninterruptible",
	[PERSONALITY_NEVER_START] = "never-start",
	[PERSONALITY_THREEFOLD_WAIT] = "threefold-wait",
	[PERSONALITY_FOREIGN_RESET] = "foreign-reset",
	[PERSONALITY_SLOW_RESET] = "slow-reset",
	[PERSONALITY_SWITCH_FAILS] = "switch-fails",
	[PERSONALITY_NO_MEMORY] = "no-memory",
	[PERSONALITY_FRAGMENTS] = "fragments",
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static bool is_on;
static unsigned traits; /* bits */
static uint64_t seed, one_in = PERSONALITY_ONE_IN;

static unsigned parse_names(const char *list)
{
	unsigned found = 0;

	while (*list) {
		size_t length = strcspn(list, ",");

		for (unsigned i = 0; i < PERSONALITY_N_TRAITS; i++)
			if (strlen(names[i]) == length && strncmp(names[i], list, length) == 0)
				found |= 1u << i;
		list += length + (list[length] == ',');
	}
	return found;
}

static void init(void)
{
	const char *text = settings_get(SETTING_PERSONALITY);
	char *end;

	if (!text || !*text)
		return;
	seed = strtoull(text, &end, 10);
	is_on = end != text;
	if (*end == '/')
		one_in = strtoull(end + 1, &end, 10);
	one_in = one_in ? one_in : 1;
	traits = *end == ':' ? parse_names(end + 1) : (1u << PERSONALITY_N_TRAITS) - 1;
}

bool personality_resets_all(void)
{
	pthread_once(&once, init);
	return is_on;
}

void personality_reset(struct drm_file *file)
{
	const struct timespec slow = {.tv_nsec = SLOW_RESET_NS};
	int r = 0;

	if (personality_happens(PERSONALITY_SLOW_RESET))
		nanosleep(&slow, NULL);
	for (unsigned core = 0; core < CORES && r == 0; core++)
		r = npu_reset_core(file->session, core);
	if (r < 0)
		trace_explain("reset of all cores: %s", npu_last_error());
}

bool personality_happens(enum personality_trait trait)
{
	uint64_t number;

	pthread_once(&once, init);
	if (!is_on || !(traits & 1u << trait))
		return false;
	if (trait < PERSONALITY_NEVER_START)
		return true;
	pthread_mutex_lock(&mutex);
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	number = seed >> 33;
	pthread_mutex_unlock(&mutex);
	return number % one_in == 0;
}
