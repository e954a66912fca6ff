/* SPDX-License-Identifier: MIT */
/* What the calls of client_cost.c would cost a program that uses libnpu itself. */
#include "client.h"
#include "cost.h"

#include "npu.h"

#include <unistd.h>

static struct npu_session *npu;
static struct npu_task task;
static uint32_t bo_handle;

/* The shortest question and answer: is there a job of that number? */
static void call_query(int unused)
{
	CHECK_EQ(npu_cancel(npu, UINT64_MAX), -ENOENT);
}

static void call_submit(int unused)
{
	const struct npu_job job = {
		.tasks = &task, .n_tasks = 1, .bos = &bo_handle, .n_bos = 1, .core_mask = 0};
	struct npu_result result;
	uint64_t seqno;

	CHECK_EQ(npu_submit(npu, &job, &seqno, NULL), 0);
	CHECK_EQ(npu_wait(npu, seqno, -1, &result), 0);
	CHECK_EQ(result.outcome, NPU_OUTCOME_OK);
}

int main(void)
{
	struct npu_bo bo;

	CHECK_EQ(npu_open(NULL, &npu), 0);
	CHECK_EQ(npu_bo_create(npu, 4096, 0, &bo), 0);
	bo_handle = bo.handle;
	task = (struct npu_task){
		.regcmd_iova = bo.iova + 2048, .regcmd_count = 5, .int_mask = 0x300};
	cost_measure("libnpu_query", call_query, 0, 500);
	cost_measure("libnpu_submit", call_submit, 0, 500);
	npu_close(npu);
	return 0;
}
