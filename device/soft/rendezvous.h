/* SPDX-License-Identifier: MIT */
/*
 * Where the cores of a gang wait for one another between tasks (hardware reference 2.3, 3.4).
 *
 * Nothing tells a core whom it works with but its stream: the number of cores. Those that ask for
 * the same number under the same page tables meet, so tenants never do. A gang that does not come
 * together waits for ever.
 */
#ifndef NPUD_DEVICE_SOFT_RENDEZVOUS_H
#define NPUD_DEVICE_SOFT_RENDEZVOUS_H

#include "device/regs_rk3588.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct soft_rendezvous {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* Under the lock. */
	struct {
		bool is_waiting;
		unsigned n_cores;
		uint32_t tables;
	} cores[RK3588_CORES];
};

int soft_rendezvous_init(struct soft_rendezvous *rendezvous);
void soft_rendezvous_deinit(struct soft_rendezvous *rendezvous);

/*
 * Waits until `n_cores` cores that name the same `tables` are here. -ECANCELED once `abort` is set
 * and soft_rendezvous_kick() was called.
 */
int soft_rendezvous_meet(struct soft_rendezvous *rendezvous, unsigned core, unsigned n_cores,
			 uint32_t tables, const atomic_bool *abort);
/* Whether the core is here and its gang is not complete. */
bool soft_rendezvous_is_waiting(struct soft_rendezvous *rendezvous, unsigned core);
void soft_rendezvous_kick(struct soft_rendezvous *rendezvous);

#endif
