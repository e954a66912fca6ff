/* SPDX-License-Identifier: MIT */
/*
 * One form for all complaints, and one loop over the tables of what is not modelled.
 */
#include "device/soft/complaint.h"

#include <errno.h>
#include <stdio.h>

/* A register's name, or its offset where it has none. */
struct register_label {
	const char *block, *name;
	char number[16];
};

static void find_label(uint32_t offset, struct register_label *ret_label)
{
	snprintf(ret_label->number, sizeof(ret_label->number), "0x%04x", offset);
	ret_label->block = rk3588_block_name(offset >> 12);
	ret_label->name = rk3588_register_name(offset);
	if (!ret_label->block)
		ret_label->block = "?";
	if (!ret_label->name)
		ret_label->name = ret_label->number;
}

int soft_complain(struct soft_complaint *complaint, uint32_t offset, uint32_t value,
		  const char *reason)
{
	struct register_label label;

	find_label(offset, &label);
	snprintf(complaint->text, sizeof(complaint->text), "%s %s: 0x%x, %s", label.block,
		 label.name, value, reason);
	return -EOPNOTSUPP;
}

void soft_describe_bits(struct soft_complaint *ret_text, uint32_t offset, uint32_t bits)
{
	struct register_label label;

	find_label(offset, &label);
	snprintf(ret_text->text, sizeof(ret_text->text), "%s %s=0x%x", label.block, label.name,
		 bits);
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
