/* SPDX-License-Identifier: MIT */
/*
 * A charge is checked all the way up before anything is booked, so a refusal leaves no trace.
 */
#include "base/account.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

void account_init(struct account *account, struct account *parent, const char *const *quota_names)
{
	*account = (struct account){.parent = parent, .quota_names = quota_names};
	for (unsigned slot = 0; slot < ACCOUNT_SLOTS; slot++)
		account->limit[slot] = ACCOUNT_UNLIMITED;
}

void account_deinit(struct account *account)
{
	for (unsigned slot = 0; slot < ACCOUNT_SLOTS; slot++)
		assert(account->used[slot] == 0);
	*account = (struct account){0};
}

/* A use above a lowered limit leaves no room; a sum can never pass UINT64_MAX. */
static bool account_has_room(const struct account *account, unsigned slot, uint64_t amount)
{
	uint64_t used = account->used[slot], limit = account->limit[slot];

	return amount <= (limit > used ? limit - used : 0);
}

static void account_describe_refusal(const struct account *account, unsigned slot, uint64_t amount,
				     struct account_refusal *ret_refusal)
{
	*ret_refusal = (struct account_refusal){
		.quota = account->quota_names ? account->quota_names[slot] : NULL,
		.used = account->used[slot],
		.wanted = amount,
		.limit = account->limit[slot],
	};
}

int account_charge(struct account *account, unsigned slot, uint64_t amount,
		   struct charge *ret_charge, struct account_refusal *ret_refusal)
{
	assert(slot < ACCOUNT_SLOTS);

	for (struct account *a = account; a; a = a->parent) {
		if (account_has_room(a, slot, amount))
			continue;
		if (ret_refusal)
			account_describe_refusal(a, slot, amount, ret_refusal);
		return -EDQUOT;
	}
	for (struct account *a = account; a; a = a->parent)
		a->used[slot] += amount;
	*ret_charge = (struct charge){.account = account, .slot = slot, .amount = amount};
	return 0;
}

void charge_release(struct charge *charge)
{
	for (struct account *a = charge->account; a; a = a->parent) {
		assert(a->used[charge->slot] >= charge->amount);
		a->used[charge->slot] -= charge->amount;
	}
	*charge = CHARGE_INIT;
}
