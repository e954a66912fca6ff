/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the fixture.json of a recorded run: refused with one line, or taken, and then as
 * consistent as npu-replay relies on.
 */
#include "tools/replay_fixture.h"

#undef NDEBUG
#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(const char *name)
{
	assert(name && *name && name[0] != '/' && strcmp(name, "..") != 0);
}

static void check_submit(const struct replay_submit *submit)
{
	for (size_t i = 0; i < submit->n_writes; i++) {
		const struct replay_write *write = &submit->writes[i];
		const struct replay_buffer *buffer = replay_buffer_find(submit, write->handle);

		assert(buffer && write->length <= buffer->size);
		assert(write->offset <= buffer->size - write->length);
		assert(write->length <= submit->data_bytes);
		assert(write->from <= submit->data_bytes - write->length);
	}
	if (submit->n_writes)
		check_name(submit->data);
	for (size_t i = 0; i < submit->n_jobs; i++) {
		const struct replay_job *job = &submit->jobs[i];

		assert(job->n_tasks <= submit->n_tasks);
		assert(job->first_task <= submit->n_tasks - job->n_tasks);
		for (uint32_t j = 0; j < job->n_handles; j++)
			assert(replay_buffer_find(submit, job->handles[j]));
	}
}

static void check_fixture(const struct replay_fixture *fixture)
{
	for (size_t i = 0; i < fixture->n_submits; i++)
		check_submit(&fixture->submits[i]);
	for (size_t i = 0; i < fixture->n_checks; i++) {
		const struct replay_check *check = &fixture->checks[i];

		assert(check->submit < fixture->n_submits);
		assert(replay_buffer_find(&fixture->submits[check->submit], check->handle));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *document = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	struct replay_fixture fixture = {0};
	struct replay_error error = {""};

	if (!document)
		return -1;
	if (replay_fixture_parse(document, &fixture, &error) == 0)
		check_fixture(&fixture);
	else
		assert(error.text[0] != '\0');
	replay_fixture_deinit(&fixture);
	json_decref(document);
	return 0;
}
