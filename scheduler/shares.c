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
		list_init(&tenant->ordered);
		list_add_tail(&shares->tenants, &tenant->link);
	} else if (!tenant->n_queues) {
		shares->n_idle--;
	}
	tenant->n_queues++;
	*ret_tenant = tenant;
	return 0;
}

/* Those without a queue and without debt. */
static void forget_debtless(struct shares *shares)
{
	struct sched_tenant *tenant, *next;

	list_for_each_safe (tenant, next, &shares->tenants, link) {
		if (tenant->n_queues || tenant->virtual_ns > shares->virtual_ns)
			continue;
		shares->n_idle--;
		free_tenant(tenant);
	}
}

/* The one without a queue that has the least debt. */
static struct sched_tenant *find_least_debt(struct shares *shares)
{
	struct sched_tenant *tenant, *least = NULL;

	list_for_each (tenant, &shares->tenants, link) {
		/* As in list_del(). NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		if (!tenant->n_queues && (!least || tenant->virtual_ns < least->virtual_ns))
			least = tenant;
	}
	return least;
}

static void forget_idle(struct shares *shares)
{
	struct sched_tenant *least;

	forget_debtless(shares);
	if (shares->n_idle <= SHARES_IDLE_MAX)
		return;
	least = find_least_debt(shares);
	assert(least);
	shares->n_idle--;
	free_tenant(least);
}

void shares_leave(struct shares *shares, struct sched_tenant *tenant)
{
	if (--tenant->n_queues)
		return;
	shares->n_idle++;
	forget_idle(shares);
}
