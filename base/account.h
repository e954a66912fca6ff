/* SPDX-License-Identifier: MIT */
/*
 * Accounting: who pays for what, and how much is allowed.
 *
 * An account has a use and a limit per slot, and may have a parent that is charged too: session ->
 * uid -> daemon. What a slot means (bytes, buffers, jobs) is its owner's business. A `struct
 * charge` is embedded in the object that costs something and released with it, so the books balance
 * exactly when every object is gone. Not thread-safe.
 */
#ifndef NPUD_BASE_ACCOUNT_H
#define NPUD_BASE_ACCOUNT_H

#include <stdint.h>

#define ACCOUNT_SLOTS	  9
#define ACCOUNT_UNLIMITED UINT64_MAX

struct account {
	struct account *parent; /* borrowed; outlives this account */
	const char *const
		*quota_names; /* static, ACCOUNT_SLOTS strings: "bytes_per_session", ... */
	uint64_t used[ACCOUNT_SLOTS];
	uint64_t limit[ACCOUNT_SLOTS]; /* ACCOUNT_UNLIMITED: none */
};

struct charge {
	struct account *account; /* NULL: nothing charged */
	unsigned slot;
	uint64_t amount;
};

#define CHARGE_INIT ((struct charge){0})

/* The quota that refused a charge. */
struct account_refusal {
	const char *quota; /* its name in the policy file, or NULL */
	uint64_t used, wanted, limit;
};

/* All limits start as ACCOUNT_UNLIMITED. */
void account_init(struct account *account, struct account *parent, const char *const *quota_names);
/* Asserts that nothing is charged any more. */
void account_deinit(struct account *account);

/*
 * Charges `amount` to the account and all its parents, or to none: -EDQUOT with *ret_refusal (may
 * be NULL) naming the first one that is full. A lowered limit refuses new charges only.
 */
int account_charge(struct account *account, unsigned slot, uint64_t amount,
		   struct charge *ret_charge, struct account_refusal *ret_refusal);
/* Gives back what was charged; harmless on CHARGE_INIT and when repeated. */
void charge_release(struct charge *charge);

#endif
