/* SPDX-License-Identifier: MIT */
/* The kinds of client that a soak is made of. */
#ifndef NPUD_SOAK_TENANTS_H
#define NPUD_SOAK_TENANTS_H

#include "ledger.h"

#include <stdbool.h>
#include <stdint.h>

enum tenant_kind {
	TENANT_HONEST,
	TENANT_SLICED,
	TENANT_GANG,
	TENANT_CHECKED,
	TENANT_DEADLINE,
	TENANT_SHARING,
	TENANT_GREEDY,
	TENANT_HANGING,
	TENANT_FAULTING,
	TENANT_DYING,
	TENANT_MALFORMED,
	TENANT_SILENT,
	TENANT_KINDS
};

struct tenant {
	const struct daemon *daemon;
	struct ledger_totals *totals;
	bool runs_streams; /* what the device does */
	int witness;
	int shared_fd; /* memory that all have */
	uint64_t seed;
};

#define TENANT_POLICY_SIZE 1024

/*
 * The policy that a soak needs: the classes that tenants ask for, and quotas that bite. Where a
 * kernel driver keeps the time, by the clock on the wall, a busy machine is not to make anybody
 * hang who set no timeout.
 */
void tenant_policy(bool is_timed_by_driver, char ret_text[TENANT_POLICY_SIZE]);

enum tenant_kind tenant_choose(uint64_t *seed);
const char *tenant_kind_name(enum tenant_kind kind);
/* A whole life; returns when it is over, and fails the case where npud broke a promise. */
void tenant_live(struct tenant *tenant, enum tenant_kind kind);

#endif
