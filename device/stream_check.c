/* SPDX-License-Identifier: MIT */
/*
 * The model's own reading of the registers says what an operation reaches, so what the model
 * computes and what is checked cannot drift apart.
 */
#include "device/stream_check.h"

#include "device/regcmd.h"
#include "device/soft/extent.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

_Static_assert(STREAM_CHECK_TEXT_BYTES == sizeof(struct soft_complaint), "one size of text");

#define ADDRESS_END (1ll << 32)

void stream_check_init(struct stream_check *check, struct stream_reach reach)
{
	memset(check, 0, sizeof(*check));
	soft_registers_reset(&check->registers);
	check->reach = reach;
	stream_check_start(check);
}

void stream_check_start(struct stream_check *check)
{
	soft_registers_start_pc(&check->registers);
}

static int refuse(struct soft_complaint *complaint, uint32_t offset, uint32_t value,
		  const char *reason)
{
	soft_complain(complaint, offset, value, reason);
	return -EINVAL;
}

static int check_extent(const struct stream_check *check, const struct soft_extent *extent,
			struct soft_complaint *complaint)
{
	char reason[64];

	if (extent->first < 0 || extent->end > ADDRESS_END)
		return refuse(complaint, extent->offset, (uint32_t)extent->first,
			      "reaches beyond the address space");
	if (check->reach.allows(check->reach.context, (uint32_t)extent->first,
				(uint64_t)(extent->end - extent->first), extent->is_write))
		return 0;
	snprintf(reason, sizeof(reason), "%s 0x%" PRIx64 " bytes: not all in one BO",
		 extent->is_write ? "writes" : "reads", (uint64_t)(extent->end - extent->first));
	return refuse(complaint, extent->offset, (uint32_t)extent->first, reason);
}

/* What the buffers held before this job is nobody's to use. */
static int check_reuse(struct stream_check *check, const struct soft_operation *operation,
		       struct soft_complaint *complaint)
{
	uint32_t cbuf = soft_group_get(&operation->cna, REG_CNA_CBUF_CON0);

	if (!(operation->op_en & OP_EN_CNA))
		return 0;
	if ((cbuf & (CNA_WEIGHT_REUSE | CNA_DATA_REUSE)) && !check->has_convolved)
		return refuse(complaint, REG_CNA_CBUF_CON0, cbuf,
			      "claims reuse of data that is not there");
	check->has_convolved = true;
	return 0;
}

static int check_operation(struct stream_check *check, uint32_t op_en,
			   struct soft_complaint *complaint)
{
	struct soft_operation operation = {.op_en = op_en};
	struct soft_extents extents;
	int r;

	soft_registers_start(&check->registers, op_en);
	soft_operation_take(&operation, &check->registers);
	soft_registers_finish(&check->registers, op_en);
	r = soft_extents_find(&operation, complaint, &extents);
	if (r == -ENODATA)
		return refuse(complaint, REG_GLOBAL_OPERATION_ENABLE, op_en,
			      "starts blocks that wait for others");
	if (r < 0)
		return -EINVAL;
	r = check_reuse(check, &operation, complaint);
	for (unsigned i = 0; r == 0 && i < extents.n; i++)
		r = check_extent(check, &extents.items[i], complaint);
	return r;
}

/* Of the PC's registers streams only write where the next task is. */
static int apply_to_pc(const struct regcmd *command, struct stream_next *next,
		       struct soft_complaint *complaint)
{
	if (command->offset == REG_PC_REGISTER_AMOUNTS)
		next->amounts = command->value;
	else if (command->offset == REG_PC_BASE_ADDRESS)
		next->iova = command->value & PC_SEL_SLAVE ? 0 : command->value & PC_SOURCE_ADDR;
	else
		return refuse(complaint, command->offset, command->value,
			      "not a register that streams write");
	return 0;
}

static int apply_write(struct stream_check *check, const struct regcmd *command,
		       struct stream_next *next, struct soft_complaint *complaint)
{
	if (command->offset >> 12 == RK3588_PC)
		return apply_to_pc(command, next, complaint);
	soft_registers_write(&check->registers, command->offset, command->value);
	return 0;
}

/* 1 after the op_en, 0 while none has come. */
static int check_entry(struct stream_check *check, uint64_t entry, struct stream_next *next,
		       struct soft_complaint *complaint)
{
	struct regcmd command = regcmd_decode(entry);
	int r;

	switch (command.kind) {
	case REGCMD_OP_EN:
		r = check_operation(check, command.value, complaint);
		return r < 0 ? r : 1;
	case REGCMD_WRITE:
		return apply_write(check, &command, next, complaint);
	case REGCMD_UNKNOWN:
		snprintf(complaint->text, sizeof(complaint->text),
			 "PC target 0x%04x: offset 0x%04x, value 0x%x, no such register command",
			 command.target, command.offset, command.value);
		return -EINVAL;
	default:
		return 0;
	}
}

int stream_check_task(struct stream_check *check, const uint64_t *entries, size_t n_entries,
		      struct stream_next *ret_next, char ret_text[STREAM_CHECK_TEXT_BYTES])
{
	struct soft_complaint complaint = {0};
	struct stream_next next = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < n_entries; i++)
		r = check_entry(check, entries[i], &next, &complaint);
	if (r == 0)
		r = refuse(&complaint, REG_PC_OPERATION_ENABLE, (uint32_t)n_entries,
			   "entries, and none starts anything");
	if (r < 0) {
		memcpy(ret_text, complaint.text, sizeof(complaint.text));
		return r;
	}
	*ret_next = next;
	return 0;
}
