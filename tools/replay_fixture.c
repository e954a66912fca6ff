/* SPDX-License-Identifier: MIT */
/*
 * JSON -> struct replay_fixture. Every number is checked where it is read, so nobody after this has
 * to.
 */
#include "replay_fixture.h"
#include "npu_protocol.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SUBMITS_MAX 65536u
#define WRITES_MAX  (1u << 20)
#define CHECKS_MAX  65536u
#define COUNT_MAX   (1u << 24) /* elements of one check */
#define DATA_MAX    (1ull << 31)
#define BUFFER_MAX  (1ull << 31)

/* Where in the document we are, for messages. */
struct reader {
	struct replay_error *error;
	char path[96];
};

static int fail(const struct reader *reader, const char *key, const char *why)
{
	return replay_fail(reader->error, -EINVAL, "fixture.json: %s%s%s: %s", reader->path,
			   reader->path[0] ? "." : "", key, why);
}

static int read_integer(const struct reader *reader, const json_t *object, const char *key,
			const int64_t range[2], int64_t *ret_value)
{
	const json_t *value = json_object_get(object, key);
	if (!json_is_integer(value))
		return fail(reader, key, "an integer is missing");
	if (json_integer_value(value) < range[0] || json_integer_value(value) > range[1])
		return fail(reader, key, "is out of range");
	*ret_value = json_integer_value(value);
	return 0;
}

static int read_u32(const struct reader *reader, const json_t *object, const char *key,
		    uint32_t *ret_value)
{
	int64_t value = 0;
	int result = read_integer(reader, object, key, (int64_t[]){0, UINT32_MAX}, &value);
	if (result == 0)
		*ret_value = (uint32_t)value;
	return result;
}

static int read_u64(const struct reader *reader, const json_t *object, const char *key,
		    uint64_t *ret_value)
{
	int64_t value = 0;
	int result = read_integer(reader, object, key, (int64_t[]){0, INT64_MAX}, &value);
	if (result == 0)
		*ret_value = (uint64_t)value;
	return result;
}

static int read_number(const struct reader *reader, const json_t *object, const char *key,
		       double *ret_value)
{
	const json_t *value = json_object_get(object, key);
	if (!json_is_number(value) || !isfinite(json_number_value(value)))
		return fail(reader, key, "a number is missing");
	*ret_value = json_number_value(value);
	return 0;
}

static bool name_stays_inside(const char *name)
{
	return name[0] && name[0] != '/' && strcmp(name, "..") != 0 &&
	       strncmp(name, "../", 3) != 0 && !strstr(name, "/../") &&
	       (strlen(name) < 3 || strcmp(name + strlen(name) - 3, "/..") != 0);
}

static int read_file_name(const struct reader *reader, const json_t *object, const char *key,
			  char **ret_name)
{
	const char *name = json_string_value(json_object_get(object, key));
	if (!name)
		return fail(reader, key, "a file name is missing");
	if (!name_stays_inside(name))
		return fail(reader, key, "leads out of the folder");
	char *copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	*ret_name = copy;
	return 0;
}

/* The array `key` of an object; a missing one is NULL and empty. */
static int read_array(const struct reader *reader, const json_t *object, const char *key,
		      size_t max, const json_t **ret_array)
{
	const json_t *array = json_object_get(object, key);
	if (array && !json_is_array(array))
		return fail(reader, key, "is not an array");
	if (json_array_size(array) > max)
		return fail(reader, key, "has too many elements");
	*ret_array = array;
	return 0;
}

static void *allocate(const json_t *array, size_t item_bytes)
{
	size_t n = json_array_size(array);
	return calloc(n ? n : 1, item_bytes);
}

const struct replay_buffer *replay_buffer_find(const struct replay_submit *submit, uint32_t handle)
{
	for (size_t i = 0; i < submit->n_buffers; i++)
		if (submit->buffers[i].handle == handle)
			return &submit->buffers[i];
	return NULL;
}

static int parse_buffer(const struct reader *reader, const json_t *object,
			struct replay_submit *submit)
{
	struct replay_buffer buffer = {0};
	int result = read_u32(reader, object, "handle", &buffer.handle);
	if (result == 0)
		result = read_u32(reader, object, "iova", &buffer.iova);
	if (result == 0)
		result = read_u64(reader, object, "size", &buffer.size);
	if (result < 0)
		return result;
	if (buffer.size == 0 || buffer.size > BUFFER_MAX ||
	    buffer.size > (1ull << 32) - buffer.iova)
		return fail(reader, "size", "is out of range");
	if (replay_buffer_find(submit, buffer.handle))
		return fail(reader, "handle", "is there twice");
	submit->buffers[submit->n_buffers++] = buffer;
	return 0;
}

static int parse_write(const struct reader *reader, const json_t *object,
		       struct replay_submit *submit)
{
	struct replay_write write = {0};
	int result = read_u32(reader, object, "handle", &write.handle);
	if (result == 0)
		result = read_u64(reader, object, "offset", &write.offset);
	if (result == 0)
		result = read_u64(reader, object, "length", &write.length);
	if (result == 0)
		result = read_u64(reader, object, "from", &write.from);
	if (result < 0)
		return result;
	const struct replay_buffer *buffer = replay_buffer_find(submit, write.handle);
	if (!buffer)
		return fail(reader, "handle", "names no buffer");
	if (write.offset > buffer->size || write.length > buffer->size - write.offset)
		return fail(reader, "length", "reaches beyond the buffer");
	if (write.from > DATA_MAX || write.length > DATA_MAX - write.from)
		return fail(reader, "from", "is out of range");
	if (write.from + write.length > submit->data_bytes)
		submit->data_bytes = write.from + write.length;
	submit->writes[submit->n_writes++] = write;
	return 0;
}

static int parse_task_rknpu(const struct reader *reader, const json_t *object,
			    struct replay_submit *submit)
{
	struct replay_task task = {0};
	uint32_t index = 0;
	int result = read_u32(reader, object, "index", &index);
	if (result == 0)
		result = read_u32(reader, object, "regcmd_iova", &task.regcmd_iova);
	if (result == 0)
		result = read_u32(reader, object, "regcfg_amount", &task.amount);
	if (result == 0)
		result = read_u32(reader, object, "int_mask", &task.int_mask);
	if (result < 0)
		return result;
	if (submit->n_tasks == 0)
		submit->first_index = index;
	if (index < submit->first_index || index - submit->first_index != submit->n_tasks)
		return fail(reader, "index", "does not follow the one before");
	submit->tasks[submit->n_tasks++] = task;
	return 0;
}

static int parse_task_rocket(const struct reader *reader, const json_t *object,
			     struct replay_submit *submit)
{
	struct replay_task task = {0};
	int result = read_u32(reader, object, "regcmd_iova", &task.regcmd_iova);
	if (result == 0)
		result = read_u32(reader, object, "regcmd_count", &task.amount);
	if (result == 0)
		submit->tasks[submit->n_tasks++] = task;
	return result;
}

/* Calls `parse` for each element of the array `key`, which has room in the submit already. */
static int parse_each(const struct reader *reader, const json_t *array, const char *key,
		      int (*parse)(const struct reader *, const json_t *, struct replay_submit *),
		      struct replay_submit *submit)
{
	struct reader inner = *reader;
	size_t i;
	json_t *element;
	json_array_foreach ((json_t *)array, i, element) {
		snprintf(inner.path, sizeof(inner.path), "%.64s.%s[%zu]", reader->path, key, i);
		int result = parse(&inner, element, submit);
		if (result < 0)
			return result;
	}
	return 0;
}

static int parse_memory(const struct reader *reader, const json_t *object,
			struct replay_submit *submit)
{
	const json_t *buffers = NULL, *writes = NULL;
	int result = read_array(reader, object, "buffers", NPU_JOB_BOS_MAX, &buffers);
	if (result == 0)
		result = read_array(reader, object, "writes", WRITES_MAX, &writes);
	if (result < 0)
		return result;
	submit->buffers = allocate(buffers, sizeof(*submit->buffers));
	submit->writes = allocate(writes, sizeof(*submit->writes));
	if (!submit->buffers || !submit->writes)
		return -ENOMEM;
	result = parse_each(reader, buffers, "buffers", parse_buffer, submit);
	if (result == 0)
		result = parse_each(reader, writes, "writes", parse_write, submit);
	if (result == 0 && submit->n_writes > 0)
		result = read_file_name(reader, object, "data", &submit->data);
	return result;
}

static int parse_subcores(const struct reader *reader, const json_t *object,
			  struct replay_submit *submit)
{
	const json_t *array = json_object_get(object, "subcore");
	if (json_array_size(array) != REPLAY_SUBCORES)
		return fail(reader, "subcore", "five pairs are missing");
	for (size_t i = 0; i < REPLAY_SUBCORES; i++) {
		const json_t *pair = json_array_get(array, i);
		const json_t *start = json_array_get(pair, 0), *count = json_array_get(pair, 1);
		if (!json_is_integer(start) || !json_is_integer(count))
			return fail(reader, "subcore", "a pair of integers is missing");
		submit->subcores[i].start = json_integer_value(start);
		submit->subcores[i].count = json_integer_value(count);
	}
	return 0;
}

static int parse_submit_rknpu(const struct reader *reader, const json_t *object,
			      struct replay_submit *submit)
{
	const json_t *tasks = NULL;
	int result = read_u32(reader, object, "core_mask", &submit->core_mask);
	if (result == 0)
		result = read_u64(reader, object, "timeout_ms", &submit->timeout_ms);
	if (result == 0)
		result = parse_subcores(reader, object, submit);
	if (result == 0)
		result = read_array(reader, object, "tasks", NPU_JOB_TASKS_MAX, &tasks);
	if (result < 0)
		return result;
	submit->tasks = allocate(tasks, sizeof(*submit->tasks));
	if (!submit->tasks)
		return -ENOMEM;
	return parse_each(reader, tasks, "tasks", parse_task_rknpu, submit);
}

static bool job_has_handle(const struct replay_job *job, uint32_t handle)
{
	for (uint32_t i = 0; i < job->n_handles; i++)
		if (job->handles[i] == handle)
			return true;
	return false;
}

/* Adds the handles of `in` or `out` to the job, each once. */
static int parse_handles(const struct reader *reader, const json_t *object, const char *key,
			 const struct replay_submit *submit, struct replay_job *job)
{
	const json_t *array = NULL;
	int result = read_array(reader, object, key, NPU_JOB_BOS_MAX, &array);
	if (result < 0)
		return result;
	size_t i;
	json_t *value;
	json_array_foreach ((json_t *)array, i, value) {
		json_int_t handle = json_integer_value(value);
		if (!json_is_integer(value) || handle < 0 || handle > UINT32_MAX ||
		    !replay_buffer_find(submit, (uint32_t)handle))
			return fail(reader, key, "names no buffer");
		if (!job_has_handle(job, (uint32_t)handle))
			job->handles[job->n_handles++] = (uint32_t)handle;
	}
	return 0;
}

static int parse_job(const struct reader *reader, const json_t *object,
		     struct replay_submit *submit)
{
	const json_t *tasks = NULL;
	struct replay_job *job = &submit->jobs[submit->n_jobs];
	job->handles = calloc(submit->n_buffers + 1, sizeof(*job->handles));
	if (!job->handles)
		return -ENOMEM;
	submit->n_jobs++;
	int result = parse_handles(reader, object, "in", submit, job);
	if (result == 0)
		result = parse_handles(reader, object, "out", submit, job);
	if (result == 0)
		result = read_array(reader, object, "tasks", NPU_JOB_TASKS_MAX - submit->n_tasks,
				    &tasks);
	if (result < 0)
		return result;
	job->first_task = (uint32_t)submit->n_tasks;
	job->n_tasks = (uint32_t)json_array_size(tasks);
	return parse_each(reader, tasks, "tasks", parse_task_rocket, submit);
}

static size_t count_tasks(const json_t *jobs)
{
	size_t i, n = 0;
	json_t *job;
	json_array_foreach ((json_t *)jobs, i, job) {
		n += json_array_size(json_object_get(job, "tasks"));
	}
	return n;
}

static int parse_submit_rocket(const struct reader *reader, const json_t *object,
			       struct replay_submit *submit)
{
	const json_t *jobs = NULL;
	int result = read_array(reader, object, "jobs", NPU_JOB_TASKS_MAX, &jobs);
	if (result < 0)
		return result;
	submit->jobs = allocate(jobs, sizeof(*submit->jobs));
	submit->tasks = calloc(count_tasks(jobs) + 1, sizeof(*submit->tasks));
	if (!submit->jobs || !submit->tasks)
		return -ENOMEM;
	return parse_each(reader, jobs, "jobs", parse_job, submit);
}

static int parse_submits(const struct reader *reader, const json_t *document,
			 struct replay_fixture *fixture)
{
	const json_t *array = NULL;
	int result = read_array(reader, document, "submits", SUBMITS_MAX, &array);
	if (result < 0)
		return result;
	fixture->submits = allocate(array, sizeof(*fixture->submits));
	if (!fixture->submits)
		return -ENOMEM;
	size_t i;
	json_t *object;
	json_array_foreach ((json_t *)array, i, object) {
		struct reader inner = {.error = reader->error};
		struct replay_submit *submit = &fixture->submits[fixture->n_submits++];
		snprintf(inner.path, sizeof(inner.path), "submits[%zu]", i);
		result = parse_memory(&inner, object, submit);
		if (result == 0)
			result = fixture->is_rocket ? parse_submit_rocket(&inner, object, submit)
						    : parse_submit_rknpu(&inner, object, submit);
		if (result < 0)
			return result;
	}
	return 0;
}

static const struct {
	const char *name;
	size_t bytes;
} types[] = {
	[REPLAY_INT8] = {"int8", 1}, [REPLAY_INT16] = {"int16", 2}, [REPLAY_INT32] = {"int32", 4},
	[REPLAY_FP16] = {"fp16", 2}, [REPLAY_BF16] = {"bf16", 2},   [REPLAY_FP32] = {"fp32", 4},
};

int replay_type_parse(const char *name, enum replay_type *ret_type)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(name, types[i].name) == 0) {
			*ret_type = (enum replay_type)i;
			return 0;
		}
	return -EINVAL;
}

const char *replay_type_name(enum replay_type type)
{
	return types[type].name;
}

size_t replay_type_bytes(enum replay_type type)
{
	return types[type].bytes;
}

static int parse_check_tolerance(const struct reader *reader, const json_t *object,
				 struct replay_check *check)
{
	int result = read_number(reader, object, "scale", &check->scale);
	if (result == 0)
		result = read_number(reader, object, "add", &check->add);
	if (result == 0)
		result = read_number(reader, object, "atol", &check->atol);
	if (result == 0)
		result = read_number(reader, object, "rtol", &check->rtol);
	if (result == 0 && (check->atol < 0 || check->rtol < 0))
		result = fail(reader, "atol", "and rtol must not be negative");
	return result;
}

static int parse_check_target(const struct reader *reader, const json_t *object,
			      const struct replay_fixture *fixture, struct replay_check *check)
{
	const char *type = json_string_value(json_object_get(object, "type"));
	int result = read_u32(reader, object, "submit", &check->submit);
	if (result == 0)
		result = read_u32(reader, object, "handle", &check->handle);
	if (result == 0)
		result = read_u64(reader, object, "count", &check->count);
	if (result < 0)
		return result;
	if (!type || replay_type_parse(type, &check->type) < 0)
		return fail(reader, "type", "is not a known type");
	if (check->submit >= fixture->n_submits)
		return fail(reader, "submit", "is out of range");
	if (!replay_buffer_find(&fixture->submits[check->submit], check->handle))
		return fail(reader, "handle", "names no buffer of that submit");
	if (check->count == 0 || check->count > COUNT_MAX)
		return fail(reader, "count", "is out of range");
	return 0;
}

static int parse_checks(const struct reader *reader, const json_t *document,
			struct replay_fixture *fixture)
{
	const json_t *array = NULL;
	int result = read_array(reader, document, "checks", CHECKS_MAX, &array);
	if (result < 0)
		return result;
	fixture->checks = allocate(array, sizeof(*fixture->checks));
	if (!fixture->checks)
		return -ENOMEM;
	size_t i;
	json_t *object;
	json_array_foreach ((json_t *)array, i, object) {
		struct reader inner = {.error = reader->error};
		struct replay_check *check = &fixture->checks[fixture->n_checks++];
		snprintf(inner.path, sizeof(inner.path), "checks[%zu]", i);
		result = parse_check_target(&inner, object, fixture, check);
		if (result == 0)
			result = parse_check_tolerance(&inner, object, check);
		if (result == 0)
			result = read_file_name(&inner, object, "offsets", &check->offsets);
		if (result == 0)
			result = read_file_name(&inner, object, "expected", &check->expected);
		if (result < 0)
			return result;
	}
	return 0;
}

static int parse_document(const struct reader *reader, const json_t *document,
			  struct replay_fixture *fixture)
{
	const char *abi = json_string_value(json_object_get(document, "abi"));
	const char *name = json_string_value(json_object_get(document, "name"));
	if (json_integer_value(json_object_get(document, "format")) != 1)
		return fail(reader, "format", "is not 1, the only one known");
	if (!abi || (strcmp(abi, "rknpu") != 0 && strcmp(abi, "rocket") != 0))
		return fail(reader, "abi", "is neither rknpu nor rocket");
	fixture->is_rocket = strcmp(abi, "rocket") == 0;
	fixture->name = strdup(name ? name : "");
	if (!fixture->name)
		return -ENOMEM;
	int result = parse_submits(reader, document, fixture);
	return result < 0 ? result : parse_checks(reader, document, fixture);
}

int replay_fixture_parse(const json_t *document, struct replay_fixture *ret_fixture,
			 struct replay_error *error)
{
	const struct reader reader = {.error = error};
	struct replay_fixture fixture = {0};
	replay_fail(error, 0, "fixture.json: out of memory");
	int result = parse_document(&reader, document, &fixture);
	if (result < 0) {
		replay_fixture_deinit(&fixture);
		return result;
	}
	*ret_fixture = fixture;
	return 0;
}

static void submit_deinit(struct replay_submit *submit)
{
	for (size_t i = 0; i < submit->n_jobs; i++)
		free(submit->jobs[i].handles);
	free(submit->jobs);
	free(submit->buffers);
	free(submit->writes);
	free(submit->tasks);
	free(submit->data);
}

void replay_fixture_deinit(struct replay_fixture *fixture)
{
	for (size_t i = 0; i < fixture->n_submits; i++)
		submit_deinit(&fixture->submits[i]);
	for (size_t i = 0; i < fixture->n_checks; i++) {
		free(fixture->checks[i].offsets);
		free(fixture->checks[i].expected);
	}
	free(fixture->submits);
	free(fixture->checks);
	free(fixture->name);
	*fixture = (struct replay_fixture){0};
}
