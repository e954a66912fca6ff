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
	uint64_t seed;
};

/* Of the policy that a soak needs: the classes that tenants ask for, and quotas that bite. */
extern const char tenant_policy[];

enum tenant_kind tenant_choose(uint64_t *seed);
const char *tenant_kind_name(enum tenant_kind kind);
/* A whole life; returns when it is over, and fails the case where npud broke a promise. */
void tenant_live(struct tenant *tenant, enum tenant_kind kind);

#endif
