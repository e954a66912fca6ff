/* SPDX-License-Identifier: MIT */
/*
 * Buffers live from submit to submit as they did in the recorded program; everything else is made
 * for one submit and dropped.
 */
#include "replay_run.h"
#include "replay_move.h"
#include "replay_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct live_buffer {
	struct replay_buffer buffer;
	struct npu_bo bo;
	/* Where the driver chooses addresses: what was recorded, to make streams of; else NULL. */
	char *recorded;
};

struct run {
	struct npu_session *session;
	const char *folder;
	struct live_buffer *live;
	size_t n_live;
	struct replay_report *report;
};

/* ---- buffers ---- */

static bool buffer_is_same(const struct replay_buffer *a, const struct replay_buffer *b)
{
	return a->handle == b->handle && a->iova == b->iova && a->size == b->size;
}

static struct live_buffer *live_find(const struct run *run, uint32_t handle)
{
	for (size_t i = 0; i < run->n_live; i++)
		if (run->live[i].buffer.handle == handle)
			return &run->live[i];
	return NULL;
}

/* The buffer that was recorded around the address. */
static const struct live_buffer *live_at(const struct run *run, uint64_t iova)
{
	for (size_t i = 0; i < run->n_live; i++) {
		const struct replay_buffer *buffer = &run->live[i].buffer;
		if (iova >= buffer->iova && iova - buffer->iova < buffer->size)
			return &run->live[i];
	}
	return NULL;
}

static void live_drop(struct run *run, size_t i)
{
	npu_bo_close(run->session, &run->live[i].bo);
	free(run->live[i].recorded);
	run->live[i] = run->live[--run->n_live];
}

/* First, since new buffers may take the place of old ones. */
static void live_drop_gone(struct run *run, const struct replay_submit *submit)
{
	for (size_t i = run->n_live; i-- > 0;) {
		const struct replay_buffer *kept =
			replay_buffer_find(submit, run->live[i].buffer.handle);
		if (!kept || !buffer_is_same(kept, &run->live[i].buffer))
			live_drop(run, i);
	}
}

/* At its recorded address, or where the driver puts it. */
static int live_create(const struct run *run, struct live_buffer *live)
{
	const struct replay_buffer *buffer = &live->buffer;
	int result = npu_bo_create_at(run->session, buffer->size, buffer->iova, &live->bo);
	if (result != -EOPNOTSUPP)
		return result;
	live->recorded = calloc(1, buffer->size);
	if (!live->recorded)
		return -ENOMEM;
	result = npu_bo_create(run->session, buffer->size, 0, &live->bo);
	if (result < 0)
		free(live->recorded);
	return result;
}

static int live_add(struct run *run, const struct replay_buffer *buffer, struct replay_error *error)
{
	struct live_buffer *live = realloc(run->live, (run->n_live + 1) * sizeof(*live));
	if (!live)
		return replay_fail(error, -ENOMEM, "out of memory");
	run->live = live;
	live[run->n_live] = (struct live_buffer){.buffer = *buffer};
	int result = live_create(run, &live[run->n_live]);
	if (result < 0)
		return replay_fail(error, result, "buffer %u at 0x%08x: %s", buffer->handle,
				   buffer->iova, npu_last_error());
	run->n_live++;
	return 0;
}

static int update_buffers(struct run *run, const struct replay_submit *submit,
			  struct replay_error *error)
{
	live_drop_gone(run, submit);
	for (size_t i = 0; i < submit->n_buffers; i++) {
		if (live_find(run, submit->buffers[i].handle))
			continue;
		int result = live_add(run, &submit->buffers[i], error);
		if (result < 0)
			return result;
	}
	return 0;
}

static int apply_writes(struct run *run, const struct replay_submit *submit,
			struct replay_error *error)
{
	void *data;
	if (submit->n_writes == 0)
		return 0;
	int result = replay_file_read(run->folder, submit->data, submit->data_bytes, &data, error);
	if (result < 0)
		return result;
	for (size_t i = 0; i < submit->n_writes && result == 0; i++) {
		const struct replay_write *write = &submit->writes[i];
		const struct live_buffer *live = live_find(run, write->handle);
		const char *from = (char *)data + write->from;
		if (write->length == 0)
			continue;
		memcpy((char *)live->bo.map + write->offset, from, write->length);
		if (live->recorded)
			memcpy(live->recorded + write->offset, from, write->length);
		result = npu_bo_sync(run->session, &live->bo, write->offset, write->length,
				     NPU_SYNC_TO_DEVICE);
		if (result < 0)
			replay_fail(error, result, "sync: %s", npu_last_error());
	}
	free(data);
	return result;
}

/* ---- jobs ---- */

/* Fills in the interrupt masks that the recording does not have. */
static void find_int_masks(const struct run *run, struct replay_plan *plan)
{
	for (uint32_t i = 0; i < plan->job.n_tasks; i++) {
		struct npu_task *task = &plan->tasks[i];
		const struct live_buffer *live = live_at(run, task->regcmd_iova);
		if (live && task->int_mask == 0)
			task->int_mask = replay_stream_int_mask(
				(char *)live->bo.map + (task->regcmd_iova - live->buffer.iova),
				task->regcmd_count);
	}
}

static size_t list_places(const struct run *run, struct replay_place *ret_places)
{
	for (size_t i = 0; i < run->n_live; i++)
		ret_places[i] = (struct replay_place){.from = run->live[i].buffer.iova,
						      .to = run->live[i].bo.iova,
						      .size = run->live[i].buffer.size};
	return run->n_live;
}

/* Writes the stream of a task with the addresses of now, and has the task name it there. */
static int move_stream(const struct run *run, const struct replay_place *places, size_t n,
		       struct npu_task *task)
{
	const struct live_buffer *live = live_at(run, task->regcmd_iova);
	if (!live || !live->recorded)
		return 0;
	uint64_t offset = task->regcmd_iova - live->buffer.iova;
	uint64_t bytes = task->regcmd_count * sizeof(uint64_t);
	for (uint64_t at = offset; at < offset + bytes; at += sizeof(uint64_t)) {
		uint64_t entry;
		memcpy(&entry, live->recorded + at, sizeof(entry));
		entry = replay_move_entry(entry, places, n);
		memcpy((char *)live->bo.map + at, &entry, sizeof(entry));
	}
	task->regcmd_iova = replay_move_address(task->regcmd_iova, places, n);
	return npu_bo_sync(run->session, &live->bo, offset, bytes, NPU_SYNC_TO_DEVICE);
}

/* Nothing to do where every buffer is where it was recorded. */
static int move_streams(const struct run *run, struct replay_plan *plan, struct replay_error *error)
{
	struct replay_place *places = calloc(run->n_live + 1, sizeof(*places));
	if (!places)
		return replay_fail(error, -ENOMEM, "out of memory");
	size_t n = list_places(run, places);
	int result = 0;
	for (uint32_t i = 0; i < plan->job.n_tasks && result == 0; i++)
		result = move_stream(run, places, n, &plan->tasks[i]);
	free(places);
	return result < 0 ? replay_fail(error, result, "sync: %s", npu_last_error()) : 0;
}

/* The handles at npud of the buffers that job `index` names: all, or on rocket those it lists. */
static uint32_t collect_bos(const struct run *run, const struct replay_submit *submit, size_t index,
			    uint32_t *ret_bos)
{
	uint32_t n = 0;
	if (!run->report->fixture.is_rocket) {
		for (size_t i = 0; i < submit->n_buffers; i++)
			ret_bos[n++] = live_find(run, submit->buffers[i].handle)->bo.handle;
		return n;
	}
	for (uint32_t i = 0; i < submit->jobs[index].n_handles; i++)
		ret_bos[n++] = live_find(run, submit->jobs[index].handles[i])->bo.handle;
	return n;
}

static int submit_and_wait(struct run *run, const struct npu_job *job, struct replay_error *error)
{
	struct npu_result result;
	uint64_t seqno;
	int status = npu_submit(run->session, job, &seqno, NULL);
	if (status < 0)
		return replay_fail(error, status, "refused: %s", npu_last_error());
	status = npu_wait(run->session, seqno, -1, &result);
	if (status < 0)
		return replay_fail(error, status, "wait: %s", npu_last_error());
	if (result.outcome == NPU_OUTCOME_OK)
		return 0;
	if (result.outcome == NPU_OUTCOME_PAGE_FAULT)
		return replay_fail(error, -EINVAL, "page_fault: %s at 0x%08llx%s%s",
				   result.fault_is_write ? "write" : "read",
				   (unsigned long long)result.fault_iova,
				   result.detail[0] ? ": " : "", result.detail);
	return replay_fail(error, -EINVAL, "%s%s%s", npu_outcome_name(result.outcome),
			   result.detail[0] ? ": " : "", result.detail);
}

static int run_job(struct run *run, const struct replay_submit *submit, size_t index,
		   struct replay_error *error)
{
	struct replay_plan plan;
	int result = replay_plan_init(&run->report->fixture, submit, index, &plan, error);
	if (result < 0)
		return result;
	uint32_t *bos = calloc(submit->n_buffers + 1, sizeof(*bos));
	if (bos) {
		find_int_masks(run, &plan);
		plan.job.n_bos = collect_bos(run, submit, index, bos);
		plan.job.bos = bos;
		result = move_streams(run, &plan, error);
		if (result == 0)
			result = submit_and_wait(run, &plan.job, error);
	} else {
		result = replay_fail(error, -ENOMEM, "out of memory");
	}
	free(bos);
	replay_plan_deinit(&plan);
	return result;
}

static int run_submit(struct run *run, const struct replay_submit *submit,
		      struct replay_error *error)
{
	int result = update_buffers(run, submit, error);
	if (result == 0)
		result = apply_writes(run, submit, error);
	size_t n = replay_plan_count(&run->report->fixture, submit);
	for (size_t i = 0; i < n && result == 0; i++)
		result = run_job(run, submit, i, error);
	return result;
}

/* ---- checks ---- */

static int compare(struct run *run, const struct replay_check *check,
		   struct replay_verdict *verdict)
{
	const struct live_buffer *live = live_find(run, check->handle);
	void *offsets = NULL, *expected = NULL;
	size_t bytes = check->count * sizeof(uint64_t);
	int result = npu_bo_sync(run->session, &live->bo, 0, live->bo.size, NPU_SYNC_FROM_DEVICE);
	if (result < 0)
		return replay_fail(&verdict->why, result, "sync: %s", npu_last_error());
	result = replay_file_read(run->folder, check->offsets, bytes, &offsets, &verdict->why);
	if (result == 0)
		result = replay_file_read(run->folder, check->expected, bytes, &expected,
					  &verdict->why);
	if (result == 0) {
		const struct replay_evidence evidence = {live->bo.map, live->buffer.size, offsets,
							 expected};
		result = replay_compare(check, &evidence, &verdict->comparison);
		if (result < 0)
			replay_fail(&verdict->why, result, "%s: leads out of the buffer",
				    check->offsets);
	}
	free(offsets);
	free(expected);
	return result;
}

static void run_checks(struct run *run, size_t submit, const struct replay_error *error)
{
	struct replay_report *report = run->report;
	for (size_t i = 0; i < report->fixture.n_checks; i++) {
		struct replay_verdict *verdict = &report->verdicts[i];
		if (report->fixture.checks[i].submit != submit)
			continue;
		verdict->why = *error;
		if (!error->text[0] && compare(run, &report->fixture.checks[i], verdict) == 0)
			verdict->is_passed = verdict->comparison.n_wrong == 0;
		report->n_passed += verdict->is_passed;
	}
}

static int run_submits(struct run *run)
{
	struct replay_report *report = run->report;
	for (size_t i = 0; i < report->fixture.n_submits; i++) {
		struct replay_error error = {0};
		int result = run_submit(run, &report->fixture.submits[i], &error);
		if (result == -ECONNRESET)
			return replay_fail(&report->error, result, "%s", error.text);
		if (result < 0 && !report->error.text[0])
			replay_fail(&report->error, result, "submit %zu: %.200s", i, error.text);
		run_checks(run, i, &error);
	}
	return 0;
}

/* ---- all of it ---- */

static int load_fixture(const char *folder, struct replay_report *report)
{
	char path[4096];
	json_error_t json_error;
	int n = snprintf(path, sizeof(path), "%s/fixture.json", folder);
	if (n < 0 || (size_t)n >= sizeof(path))
		return replay_fail(&report->error, -ENAMETOOLONG, "the name is too long");
	json_t *document = json_load_file(path, JSON_REJECT_DUPLICATES, &json_error);
	if (!document && json_error.line < 0)
		return replay_fail(&report->error, -EINVAL, "%s", json_error.text);
	if (!document)
		return replay_fail(&report->error, -EINVAL, "fixture.json: line %d: %s",
				   json_error.line, json_error.text);
	int result = replay_fixture_parse(document, &report->fixture, &report->error);
	json_decref(document);
	if (result < 0)
		return result;
	report->error = (struct replay_error){0};
	report->verdicts = calloc(report->fixture.n_checks + 1, sizeof(*report->verdicts));
	return report->verdicts ? 0 : replay_fail(&report->error, -ENOMEM, "out of memory");
}

int replay_run(struct npu_session *session, const char *folder, struct replay_report *ret_report)
{
	*ret_report = (struct replay_report){0};
	struct run run = {.session = session, .folder = folder, .report = ret_report};
	int result = load_fixture(folder, ret_report);
	if (result < 0)
		return result;
	result = run_submits(&run);
	while (run.n_live > 0)
		live_drop(&run, run.n_live - 1);
	free(run.live);
	return result;
}

void replay_report_deinit(struct replay_report *report)
{
	replay_fixture_deinit(&report->fixture);
	free(report->verdicts);
	*report = (struct replay_report){0};
}
