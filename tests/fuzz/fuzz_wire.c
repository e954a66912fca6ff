/* SPDX-License-Identifier: MIT */
/*
 * Any packet through the protocol decoders: the first byte says how many descriptors came along,
 * the rest is the packet as it would arrive. What decodes is read to its ends, so that a sanitizer
 * sees every wrong bound.
 */
#include "api/wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_touch_submit(const struct job_params *params)
{
	uint32_t sum = 0;
	const uint32_t n_tasks =
		params->submit.flags & NPU_SUBMIT_TASKS_IN_BO ? 0 : params->submit.n_tasks;

	for (uint32_t i = 0; i < n_tasks; i++) {
		struct npu_task task;

		memcpy(&task, (const char *)params->tasks + i * sizeof(task), sizeof(task));
		sum += task.regcmd_iova;
	}
	for (uint32_t i = 0; i < params->submit.n_bos; i++) {
		uint32_t handle;

		memcpy(&handle, (const char *)params->handles + i * sizeof(handle), sizeof(handle));
		sum += handle;
	}
	/* Used, as far as the compiler knows. */
	__asm__ volatile("" : : "r"(sum));
}

static void fuzz_check_error(int r, const struct npu_error *error)
{
	if (r == 0)
		return;
	/* A refusal always says what and why. */
	if (error->error != -r || !error->field[0] || !error->message[0] ||
	    !memchr(error->message, '\0', sizeof(error->message)))
		abort();
}

static void fuzz_bodies(const void *body, size_t size, unsigned n_fds, unsigned op)
{
	union {
		struct npu_hello hello;
		struct npu_bo_create create;
		struct npu_bo_close close;
		struct npu_bo_sync sync;
		struct npu_bo_export export;
		struct npu_bo_import import;
		struct npu_cancel cancel;
		struct npu_kill kill;
		struct npu_reset reset;
		struct npu_pardon pardon;
		struct npu_incidents incidents;
		struct npu_bo_fence fence;
		struct job_params submit;
	} out;
	struct npu_error error = {0};
	int r = 0;

	switch (op) {
	case NPU_OP_HELLO:
		r = wire_decode_hello(body, size, n_fds, &out.hello, &error);
		break;
	case NPU_OP_BO_CREATE:
		r = wire_decode_bo_create(body, size, n_fds, &out.create, &error);
		break;
	case NPU_OP_BO_CLOSE:
		r = wire_decode_bo_close(body, size, n_fds, &out.close, &error);
		break;
	case NPU_OP_BO_SYNC:
		r = wire_decode_bo_sync(body, size, n_fds, &out.sync, &error);
		break;
	case NPU_OP_BO_EXPORT:
		r = wire_decode_bo_export(body, size, n_fds, &out.export, &error);
		break;
	case NPU_OP_BO_IMPORT:
		r = wire_decode_bo_import(body, size, n_fds, &out.import, &error);
		break;
	case NPU_OP_BO_FENCE:
		r = wire_decode_bo_fence(body, size, n_fds, &out.fence, &error);
		break;
	case NPU_OP_SUBMIT:
		r = wire_decode_submit(body, size, n_fds, &out.submit, &error);
		if (r == 0)
			fuzz_touch_submit(&out.submit);
		break;
	case NPU_OP_CANCEL:
		r = wire_decode_cancel(body, size, n_fds, &out.cancel, &error);
		break;
	case NPU_OP_KILL:
		r = wire_decode_kill(body, size, n_fds, &out.kill, &error);
		break;
	case NPU_OP_RESET:
		r = wire_decode_reset(body, size, n_fds, &out.reset, &error);
		break;
	case NPU_OP_PARDON:
		r = wire_decode_pardon(body, size, n_fds, &out.pardon, &error);
		break;
	case NPU_OP_INCIDENTS:
		r = wire_decode_incidents(body, size, n_fds, &out.incidents, &error);
		break;
	default:
		r = wire_decode_empty(size, n_fds, &error);
		break;
	}
	fuzz_check_error(r, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct npu_header header;
	uint8_t *packet;

	if (size < 1)
		return 0;
	/* An allocation of the exact size puts a red zone right behind the packet. */
	packet = malloc(size > 1 ? size - 1 : 1);
	if (!packet)
		return 0;
	memcpy(packet, data + 1, size - 1);
	if (wire_decode_header(packet, size - 1, &header) == 0)
		fuzz_bodies(packet + sizeof(header), size - 1 - sizeof(header), data[0] % 6,
			    header.op);
	free(packet);
	return 0;
}
