/* SPDX-License-Identifier: MIT */
/*
 * What a stream asks for and the model does not compute: said aloud, never guessed.
 */
#ifndef NPUD_DEVICE_SOFT_COMPLAINT_H
#define NPUD_DEVICE_SOFT_COMPLAINT_H

#include "device/soft/registers.h"

#include <stddef.h>
#include <stdint.h>

struct soft_complaint {
	char text[128]; /* "" while there is none */
};

/* Bits of a register that the model can only handle at one value. */
struct soft_rule {
	uint32_t offset, mask, value;
	const char *reason;
};

/*
 * Notes "BLOCK REGISTER: value, reason", for a register given by its window offset. Returns
 * -EOPNOTSUPP, for the caller to pass on.
 */
int soft_complain(struct soft_complaint *complaint, uint32_t offset, uint32_t value,
		  const char *reason);

/* Puts "BLOCK REGISTER=bits" into the text. */
void soft_describe_bits(struct soft_complaint *ret_text, uint32_t offset, uint32_t bits);

/* Complains about the first register of the group that breaks a rule; else 0. */
int soft_rules_check(const struct soft_group *group, const struct soft_rule *rules, size_t n_rules,
		     struct soft_complaint *complaint);

#endif
