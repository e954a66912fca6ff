/* SPDX-License-Identifier: MIT */
/* The tenants, as a list: it is walked when a client comes or goes, never when a job does. */
#include "scheduler/shares.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

void shares_init(struct shares *shares)
{
	*shares = (struct shares){0};
	list_init(&shares->tenants);
}

static void free_tenant(struct sched_tenant *tenant)
{
	list_del(&tenant->link);
	free(tenant);
}

void shares_deinit(struct shares *shares)
{
	struct sched_tenant *tenant, *next;

	list_for_each_safe (tenant, next, &shares->tenants, link) {
		assert(!tenant->n_queues);
		free_tenant(tenant);
	}
}

static struct sched_tenant *find_tenant(struct shares *shares, uint64_t id)
{
	struct sched_tenant *tenant;

	list_for_each (tenant, &shares->tenants, link) {
		if (tenant->id == id)
			return tenant;
	}
	return NULL;
}

int shares_join(struct shares *shares, uint64_t id, struct sched_tenant **ret_tenant)
{
	struct sched_tenant *tenant = find_tenant(shares, id);

	if (!tenant) {
		tenant = calloc(1, sizeof(*tenant));
		if (!tenant)
			return -ENOMEM;
		tenant->id = id;
		tenant->weight = 1;
		list_add_tail(&shares->tenants, &tenant->link);
	} else if (!tenant->n_queues) {
		shares->n_idle--;
	}
	tenant->n_queues++;
	*ret_tenant = tenant;
	return 0;
}

/* Those without a queue and without debt, and the least debt where they are too many. */
static void forget_idle(struct shares *shares)
{
	struct sched_tenant *tenant, *next, *least = NULL;

	list_for_each_safe (tenant, next, &shares->tenants, link) {
		if (tenant->n_queues)
			continue;
		if (tenant->virtual_ns <= shares->virtual_ns) {
			shares->n_idle--;
			free_tenant(tenant);
		} else if (!least || tenant->virtual_ns < least->virtual_ns) {
			least = tenant;
		}
	}
	if (shares->n_idle > SHARES_IDLE_MAX) {
		shares->n_idle--;
		free_tenant(least);
	}
}

void shares_leave(struct shares *shares, struct sched_tenant *tenant)
{
	if (--tenant->n_queues)
		return;
	shares->n_idle++;
	forget_idle(shares);
}
