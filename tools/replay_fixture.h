/* SPDX-License-Identifier: MIT */
/*
 * A recorded run of a program, read from its folder: fixture.json and what it refers to.
 *
 * Folders come from strangers. What has been parsed is consistent: every handle names a buffer of
 * its submit, every write and every check lies inside its buffer, every file name stays inside the
 * folder.
 */
#ifndef NPU_TOOLS_REPLAY_FIXTURE_H
#define NPU_TOOLS_REPLAY_FIXTURE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLAY_SUBCORES 5

struct replay_error {
	char text[256];
};

/* Sets the text and returns `result`. */
int replay_fail(struct replay_error *error, int result, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

struct replay_buffer {
	uint32_t handle, iova;
	uint64_t size; /* bytes */
};

struct replay_write {
	uint32_t handle;
	uint64_t offset, length, from; /* bytes; `from` in the submit's data file */
};

struct replay_task {
	uint32_t regcmd_iova;
	uint32_t amount;   /* rknpu: regcfg_amount; rocket: regcmd_count */
	uint32_t int_mask; /* 0 on rocket, whose ABI has none */
};

/* rocket: a part of the submit's tasks and the buffers that it names. */
struct replay_job {
	uint32_t first_task, n_tasks;
	uint32_t *handles;
	uint32_t n_handles;
};

struct replay_subcore {
	int64_t start, count;
};

struct replay_submit {
	struct replay_buffer *buffers;
	size_t n_buffers;
	struct replay_write *writes;
	size_t n_writes;
	char *data;	   /* file name, NULL without writes */
	size_t data_bytes; /* how much of it the writes need */
	struct replay_task *tasks;
	size_t n_tasks;
	/* rknpu */
	uint32_t first_index; /* tasks[0] is this entry of the task buffer */
	uint32_t core_mask;
	uint64_t timeout_ms;
	struct replay_subcore subcores[REPLAY_SUBCORES];
	/* rocket */
	struct replay_job *jobs;
	size_t n_jobs;
};

enum replay_type {
	REPLAY_INT8,
	REPLAY_INT16,
	REPLAY_INT32,
	REPLAY_FP16,
	REPLAY_BF16,
	REPLAY_FP32,
};

struct replay_check {
	uint32_t submit, handle;
	enum replay_type type;
	uint64_t count;
	double scale, add, atol, rtol;
	char *offsets, *expected; /* file names */
};

struct replay_fixture {
	char *name;
	bool is_rocket;
	struct replay_submit *submits;
	size_t n_submits;
	struct replay_check *checks;
	size_t n_checks;
};

/* -EINVAL with the path of what is wrong, -ENOMEM. */
int replay_fixture_parse(const json_t *document, struct replay_fixture *ret_fixture,
			 struct replay_error *error);
/* Safe on a zeroed struct. */
void replay_fixture_deinit(struct replay_fixture *fixture);

const struct replay_buffer *replay_buffer_find(const struct replay_submit *submit, uint32_t handle);
/* "int8", "fp16", ...; -EINVAL for none of them. */
int replay_type_parse(const char *name, enum replay_type *ret_type);
const char *replay_type_name(enum replay_type type);
size_t replay_type_bytes(enum replay_type type);

/*
 * Reads the first `size` bytes of a file in `folder`, unpacking it if it is gzip. The caller frees
 * it. -EINVAL (too short, not a file), -ENOMEM, or what open() says.
 */
int replay_file_read(const char *folder, const char *name, size_t size, void **ret_data,
		     struct replay_error *error);

#endif
