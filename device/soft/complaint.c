/* SPDX-License-Identifier: MIT */
/*
 * One form for all complaints, and one loop over the tables of what is not modelled.
 */
#include "device/soft/complaint.h"

#include <errno.h>
#include <stdio.h>

int soft_complain(struct soft_complaint *complaint, uint32_t offset, uint32_t value,
		  const char *reason)
{
	const char *block = rk3588_block_name(offset >> 12), *name = rk3588_register_name(offset);
	char number[16];

	snprintf(number, sizeof(number), "0x%04x", offset);
	snprintf(complaint->text, sizeof(complaint->text), "%s %s: 0x%x, %s", block ? block : "?",
		 name ? name : number, value, reason);
	return -EOPNOTSUPP;
}

int soft_rules_check(const struct soft_group *group, const struct soft_rule *rules, size_t n_rules,
		     struct soft_complaint *complaint)
{
	for (size_t i = 0; i < n_rules; i++) {
		uint32_t value = soft_group_get(group, rules[i].offset);

		if ((value & rules[i].mask) != rules[i].value)
			return soft_complain(complaint, rules[i].offset, value, rules[i].reason);
	}
	return 0;
}
