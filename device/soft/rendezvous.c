/* SPDX-License-Identifier: MIT */
/*
 * The core that makes a gang complete lets the others go.
 */
#include "device/soft/rendezvous.h"

#include <errno.h>

int soft_rendezvous_init(struct soft_rendezvous *rendezvous)
{
	int r;

	*rendezvous = (struct soft_rendezvous){0};
	r = pthread_mutex_init(&rendezvous->lock, NULL);
	if (r != 0)
		return -r;
	r = pthread_cond_init(&rendezvous->changed, NULL);
	if (r != 0)
		pthread_mutex_destroy(&rendezvous->lock);
	return -r;
}

void soft_rendezvous_deinit(struct soft_rendezvous *rendezvous)
{
	pthread_cond_destroy(&rendezvous->changed);
	pthread_mutex_destroy(&rendezvous->lock);
}

static bool belongs(const struct soft_rendezvous *rendezvous, unsigned core, unsigned n_cores,
		    uint32_t tables)
{
	return rendezvous->cores[core].is_waiting && rendezvous->cores[core].n_cores == n_cores &&
	       rendezvous->cores[core].tables == tables;
}

/* Lets the gang go if it is complete. */
static void release(struct soft_rendezvous *rendezvous, unsigned n_cores, uint32_t tables)
{
	unsigned n = 0;

	for (unsigned i = 0; i < RK3588_CORES; i++)
		n += belongs(rendezvous, i, n_cores, tables);
	if (n < n_cores)
		return;
	for (unsigned i = 0; i < RK3588_CORES; i++) {
		if (belongs(rendezvous, i, n_cores, tables))
			rendezvous->cores[i].is_waiting = false;
	}
	pthread_cond_broadcast(&rendezvous->changed);
}

int soft_rendezvous_meet(struct soft_rendezvous *rendezvous, unsigned core, unsigned n_cores,
			 uint32_t tables, const atomic_bool *abort)
{
	bool was_aborted;

	pthread_mutex_lock(&rendezvous->lock);
	rendezvous->cores[core].is_waiting = true;
	rendezvous->cores[core].n_cores = n_cores;
	rendezvous->cores[core].tables = tables;
	release(rendezvous, n_cores, tables);
	while (rendezvous->cores[core].is_waiting && !atomic_load(abort))
		pthread_cond_wait(&rendezvous->changed, &rendezvous->lock);
	was_aborted = rendezvous->cores[core].is_waiting;
	rendezvous->cores[core].is_waiting = false;
	pthread_mutex_unlock(&rendezvous->lock);
	return was_aborted ? -ECANCELED : 0;
}

bool soft_rendezvous_is_waiting(struct soft_rendezvous *rendezvous, unsigned core)
{
	bool is_waiting;

	pthread_mutex_lock(&rendezvous->lock);
	is_waiting = rendezvous->cores[core].is_waiting;
	pthread_mutex_unlock(&rendezvous->lock);
	return is_waiting;
}

void soft_rendezvous_kick(struct soft_rendezvous *rendezvous)
{
	pthread_mutex_lock(&rendezvous->lock);
	pthread_cond_broadcast(&rendezvous->changed);
	pthread_mutex_unlock(&rendezvous->lock);
}
