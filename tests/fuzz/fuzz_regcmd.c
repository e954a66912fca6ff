/* SPDX-License-Identifier: MIT */
/*
 * Bytes as a register-command stream on a core of the software NPU, in a small address space. What
 * must hold whatever the bytes: no access outside of the buffers (the sanitizers watch), and a core
 * that comes back from its reset.
 *
 * The first byte chooses how the stream is started; the rest is the stream.
 */
#include "tests/unit/npu_rig.h"

#include <stddef.h>
#include <stdint.h>

#define STREAM	     0x10000000u
#define DATA	     0xffff0000u
#define STREAM_BYTES 0x4000u
#define BUFFER_BYTES 0x4000u
#define FLAG_CHAINED 0x01u
#define FLAG_TASKS   0x0eu /* number of tasks - 1 */
#define BUDGET_NS    500000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One device for all inputs: every batch starts from reset. */
static struct rig *shared_rig(void)
{
	static struct rig rig;
	struct soft_options options = soft_options_default();

	if (rig.device)
		return &rig;
	rig_init(&rig, &options);
	rig_buffer(&rig, STREAM, STREAM_BYTES, RIG_READ);
	rig_buffer(&rig, DATA, BUFFER_BYTES, RIG_READ);
	rig_buffer(&rig, DATA + BUFFER_BYTES, BUFFER_BYTES, RIG_BOTH);
	return &rig;
}

/* Until there is an event or the budget of device time is used up. */
static void run(struct rig *rig, const struct device_batch *batch)
{
	struct device_progress progress;
	unsigned n_events = rig->n_events;

	assert(device_start(rig->device, 0, batch) == 0);
	do {
		rig_dispatch(rig, 0);
		device_progress(rig->device, 0, &progress);
	} while (rig->n_events == n_events && progress.device_ns < BUDGET_NS);
	assert(device_reset_core(rig->device, 0) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rig *rig = shared_rig();
	struct device_task tasks[8];
	struct device_batch batch = {.tasks = tasks, .table_pa = rig->directory_pa};

	if (size < 1 + REGCMD_ENTRY_BYTES || size > 1 + STREAM_BYTES)
		return -1;
	memset(rig->buffers[0].host, 0, STREAM_BYTES);
	memcpy(rig->buffers[0].host, data + 1, size - 1);
	batch.is_chained = data[0] & FLAG_CHAINED;
	batch.n_tasks = field_get(FLAG_TASKS, data[0]) + 1;
	for (unsigned i = 0; i < batch.n_tasks; i++)
		tasks[i] = (struct device_task){STREAM, (uint32_t)((size - 1) / REGCMD_ENTRY_BYTES),
						0x300};
	run(rig, &batch);
	return 0;
}
