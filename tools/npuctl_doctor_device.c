/* SPDX-License-Identifier: MIT */
/*
 * Jobs whose result is known: a small matrix product on every core and gang, one that never ends
 * and is reset away, one that reads where nothing is. The last two are for administrators, because
 * they leave an incident behind and a strike, which is pardoned at once; and for idle NPUs, because
 * some devices can only be reset whole.
 */
#include "npu_ops.h"
#include "npuctl_doctor.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PATIENCE_NS 2000000000ll  /* behind jobs of others */
#define WAIT_NS	    10000000000ll /* for what runs: its budget, and a reset */
#define TIMED_NS    1000000ull
#define STUCK_NS    2000000000ull /* longer than a reset needs to be asked for */
#define POLL_NS	    2000000l
#define POLLS_MAX   1000
/* In the middle: drivers hand out addresses from one end or the other. */
#define NOWHERE_IOVA   0x7fff0000u
#define WRONG_INT_MASK 0xc00u /* of the block that a product does not use (reference 3.2) */
#define ROWS	       8
#define COLUMNS	       32
#define DEPTH	       32

struct probe {
	struct npu_session *session;
	struct npu_matmul_layout layout;
	int8_t a[ROWS * DEPTH], b[DEPTH * COLUMNS];
	struct npu_bo a_bo, b_bo;
	bool is_core_blind; /* a core mask names no more than a place in the driver */
	/* Per core: */
	struct npu_bo c_bos[NPU_CORES_MAX], stream_bos[NPU_CORES_MAX];
};

/* ---- the product ---- */

static int probe_create_bos(struct probe *probe)
{
	const struct npu_matmul_layout *layout = &probe->layout;
	int r = npu_bo_create(probe->session, layout->a_bytes, 0, &probe->a_bo);
	if (r == 0)
		r = npu_bo_create(probe->session, layout->b_bytes, 0, &probe->b_bo);
	for (unsigned i = 0; r == 0 && i < NPU_CORES_MAX; i++) {
		r = npu_bo_create(probe->session, layout->c_bytes, 0, &probe->c_bos[i]);
		if (r == 0)
			r = npu_bo_create(probe->session,
					  NPU_MATMUL_STREAM_ENTRIES * sizeof(uint64_t), 0,
					  &probe->stream_bos[i]);
	}
	return r;
}

static int probe_fill(struct probe *probe)
{
	for (int i = 0; i < ROWS * DEPTH; i++)
		probe->a[i] = (int8_t)(i * 7 % 251 - 125);
	for (int i = 0; i < DEPTH * COLUMNS; i++)
		probe->b[i] = (int8_t)(i * 11 % 241 - 120);
	npu_matmul_pack_a(&probe->layout, probe->a, probe->a_bo.map);
	npu_matmul_pack_b(&probe->layout, probe->b, probe->b_bo.map);
	int r = npu_bo_sync(probe->session, &probe->a_bo, 0, probe->a_bo.size, NPU_SYNC_TO_DEVICE);
	return r < 0 ? r
		     : npu_bo_sync(probe->session, &probe->b_bo, 0, probe->b_bo.size,
				   NPU_SYNC_TO_DEVICE);
}

static int probe_init(struct npu_session *session, struct probe *ret_probe)
{
	const struct npu_matmul_shape shape = {ROWS, DEPTH, COLUMNS, NPU_MATMUL_INT8_INT32};
	*ret_probe = (struct probe){.session = session};
	int r = npu_matmul_layout(&shape, &ret_probe->layout);
	if (r == 0)
		r = probe_create_bos(ret_probe);
	return r < 0 ? r : probe_fill(ret_probe);
}

static void probe_deinit(struct probe *probe)
{
	for (unsigned i = 0; i < NPU_CORES_MAX; i++) {
		npu_bo_close(probe->session, &probe->stream_bos[i]);
		npu_bo_close(probe->session, &probe->c_bos[i]);
	}
	npu_bo_close(probe->session, &probe->b_bo);
	npu_bo_close(probe->session, &probe->a_bo);
}

/* The stream of the `i`-th core of a job, and nothing of an earlier result in its C. */
static int probe_prepare(struct probe *probe, unsigned i, uint32_t a_iova)
{
	struct npu_bo *c = &probe->c_bos[i], *stream = &probe->stream_bos[i];
	const struct npu_matmul_iovas iovas = {a_iova, probe->b_bo.iova, c->iova};
	const struct npu_matmul_tile tile = {0, ROWS, 0, probe->layout.n_padded};
	int r = npu_matmul_emit(&probe->layout, &tile, &iovas, stream->map,
				NPU_MATMUL_STREAM_ENTRIES);
	if (r == 0)
		r = npu_bo_sync(probe->session, stream, 0, stream->size, NPU_SYNC_TO_DEVICE);
	memset(c->map, 0x55, probe->layout.c_bytes);
	return r < 0 ? r : npu_bo_sync(probe->session, c, 0, c->size, NPU_SYNC_TO_DEVICE);
}

static bool probe_is_right(struct probe *probe, unsigned i)
{
	int32_t c[ROWS * COLUMNS];
	struct npu_bo *bo = &probe->c_bos[i];
	if (npu_bo_sync(probe->session, bo, 0, bo->size, NPU_SYNC_FROM_DEVICE) < 0)
		return false;
	npu_matmul_unpack_c(&probe->layout, bo->map, c);
	for (int row = 0; row < ROWS; row++) {
		for (int column = 0; column < COLUMNS; column++) {
			int32_t sum = 0;
			for (int k = 0; k < DEPTH; k++)
				sum += probe->a[row * DEPTH + k] * probe->b[k * COLUMNS + column];
			if (c[row * COLUMNS + column] != sum)
				return false;
		}
	}
	return true;
}

static bool runs_streams(const struct probe *probe)
{
	return npu_query(probe->session)->runs_streams != 0;
}

/* On a device without streams a job only takes time. */
static int probe_submit_timed(struct probe *probe, uint32_t core_mask, uint64_t duration_ns,
			      uint64_t *ret_seqno)
{
	const unsigned n = (unsigned)__builtin_popcount(core_mask);
	const struct npu_job job = {.core_mask = core_mask,
				    .n_ranges = n > 1 ? n : 0,
				    .duration_ns = duration_ns,
				    .timeout_ns = duration_ns == UINT64_MAX ? STUCK_NS : 0};
	return npu_submit(probe->session, &job, ret_seqno, NULL);
}

static int probe_submit_product(struct probe *probe, uint32_t core_mask, uint32_t a_iova,
				uint32_t int_mask, uint64_t *ret_seqno)
{
	struct npu_task tasks[NPU_CORES_MAX];
	uint32_t bos[2 + 2 * NPU_CORES_MAX] = {probe->a_bo.handle, probe->b_bo.handle};
	struct npu_job job = {.core_mask = core_mask, .tasks = tasks, .bos = bos, .n_bos = 2};
	unsigned n = (unsigned)__builtin_popcount(core_mask);
	for (unsigned i = 0; i < n; i++) {
		int r = probe_prepare(probe, i, a_iova);
		if (r < 0)
			return r;
		tasks[i] = (struct npu_task){.regcmd_iova = probe->stream_bos[i].iova,
					     .regcmd_count = NPU_MATMUL_STREAM_ENTRIES,
					     .int_mask = int_mask};
		job.ranges[i] = (struct npu_range){i, 1};
		bos[job.n_bos++] = probe->c_bos[i].handle;
		bos[job.n_bos++] = probe->stream_bos[i].handle;
	}
	job.n_tasks = n;
	job.n_ranges = n > 1 ? n : 0;
	job.timeout_ns = STUCK_NS;
	return npu_submit(probe->session, &job, ret_seqno, NULL);
}

/* On core 0: the end of a product that nobody listens to, or nothing where that is refused. */
static int probe_submit_stuck(struct probe *probe, uint64_t *ret_seqno)
{
	struct npu_bo *stream = &probe->stream_bos[0];
	int r = probe_submit_product(probe, 1, probe->a_bo.iova, WRONG_INT_MASK, ret_seqno);
	if (r != -EOPNOTSUPP)
		return r;
	memset(stream->map, 0, stream->size);
	r = npu_bo_sync(probe->session, stream, 0, stream->size, NPU_SYNC_TO_DEVICE);
	if (r < 0)
		return r;
	const struct npu_task task = {.regcmd_iova = stream->iova,
				      .regcmd_count = NPU_MATMUL_STREAM_ENTRIES,
				      .int_mask = NPU_MATMUL_INT_MASK};
	const struct npu_job job = {.core_mask = 1,
				    .tasks = &task,
				    .n_tasks = 1,
				    .bos = &stream->handle,
				    .n_bos = 1,
				    .timeout_ns = STUCK_NS};
	return npu_submit(probe->session, &job, ret_seqno, NULL);
}

/* ---- every core and gang ---- */

/* "core 1", "cores 0+2" */
static const char *name_cores(uint32_t mask, char *buffer, size_t size)
{
	int used = snprintf(buffer, size, mask & (mask - 1) ? "cores " : "core ");
	const char *separator = "";
	for (unsigned core = 0; core < 32; core++) {
		if (mask >> core & 1) {
			used += snprintf(buffer + used, size - (size_t)used, "%s%u", separator,
					 core);
			separator = "+";
		}
	}
	return buffer;
}

static void add_not_run(struct doctor *doctor, const char *name, int error)
{
	/* What the policy does not give this user says nothing about the board. */
	bool is_policy = error == -EPERM || error == -EACCES || error == -EINVAL ||
			 error == -EAGAIN || error == -EDQUOT;
	doctor_add(doctor, name, is_policy ? DOCTOR_WARNING : DOCTOR_FAILURE, "not tried: %s",
		   npu_last_error());
}

static void add_outcome(struct doctor *doctor, struct probe *probe, const char *name,
			uint32_t core_mask, const struct npu_result *result)
{
	char time[32];
	bool is_right = true;
	cli_format_ns(result->device_ns, time, sizeof(time));
	if (result->outcome != NPU_OUTCOME_OK) {
		doctor_add(doctor, name, DOCTOR_FAILURE, "the known job ended with %s%s%s",
			   npu_outcome_name(result->outcome), *result->detail ? ": " : "",
			   result->detail);
		doctor_advise(doctor, "see `npuctl incidents`");
		return;
	}
	for (int i = 0; runs_streams(probe) && i < __builtin_popcount(core_mask); i++)
		is_right = is_right && probe_is_right(probe, (unsigned)i);
	if (!is_right) {
		doctor_add(doctor, name, DOCTOR_FAILURE, "the known job's result is wrong");
		doctor_advise(doctor, "do not use this core; report it, see docs/hardware.md");
	} else if (result->core_mask != core_mask) {
		doctor_add(doctor, name, DOCTOR_WARNING,
			   "the known job ran elsewhere (core mask %u): the class or the device "
			   "does not let jobs choose",
			   result->core_mask);
	} else {
		doctor_add(doctor, name, DOCTOR_OK, "%s in %s%s",
			   runs_streams(probe) ? "right result" : "a job that only takes time ran",
			   time, probe->is_core_blind ? ", on a core of the driver's choice" : "");
	}
}

static void check_cores(struct doctor *doctor, struct probe *probe, const char *name,
			uint32_t core_mask)
{
	struct npu_result result = {0};
	uint64_t seqno;
	int r = runs_streams(probe) ? probe_submit_product(probe, core_mask, probe->a_bo.iova,
							   NPU_MATMUL_INT_MASK, &seqno)
				    : probe_submit_timed(probe, core_mask, TIMED_NS, &seqno);
	if (r < 0) {
		add_not_run(doctor, name, r);
		return;
	}
	r = npu_wait(probe->session, seqno, PATIENCE_NS, &result);
	if (r == -ETIMEDOUT && npu_cancel(probe->session, seqno) == 0)
		doctor_add(doctor, name, DOCTOR_WARNING, "not tried: others keep it busy");
	else if (r < 0)
		doctor_add(doctor, name, DOCTOR_FAILURE, "the known job does not end: %s",
			   npu_last_error());
	else
		add_outcome(doctor, probe, name, core_mask, &result);
}

static bool is_core_blind(struct npu_session *session)
{
	json_t *stats = doctor_ask_stats(session);
	const json_t *caps = json_object_get(json_object_get(stats, "device"), "caps");
	bool is_blind = json_is_false(json_object_get(caps, "has_core_choice"));
	json_decref(stats);
	return is_blind;
}

static void check_all_cores(struct doctor *doctor, struct probe *probe)
{
	const struct npu_hello_reply *hello = npu_query(probe->session);
	char name[24];
	for (unsigned core = 0; core < hello->n_cores; core++)
		check_cores(doctor, probe, name_cores(1u << core, name, sizeof(name)), 1u << core);
	for (uint32_t mask = 0; mask < 64; mask++)
		if (hello->gang_masks >> mask & 1 && __builtin_popcount(mask) <= (int)NPU_CORES_MAX)
			check_cores(doctor, probe, name_cores(mask, name, sizeof(name)), mask);
}

/* ---- reset and isolation ---- */

static long long session_number(const json_t *session, const char *key)
{
	return json_integer_value(json_object_get(session, key));
}

/* Why probes that end in a reset are not for here and now; NULL when they are. */
static const char *find_objection(const struct probe *probe, const json_t *stats)
{
	size_t i;
	json_t *session;
	json_array_foreach (json_object_get(stats, "sessions"), i, session) {
		bool is_own = session_number(session, "id") ==
			      (long long)npu_query(probe->session)->session_id;
		if (is_own && session_number(session, "strikes"))
			return "this user has strikes on record; see `npuctl pardon`";
		if (!is_own &&
		    session_number(session, "queued") + session_number(session, "running"))
			return "others use the NPU; try again when it is idle";
	}
	return NULL;
}

static bool is_admin(struct npu_session *session)
{
	char *list = NULL;
	int r = npu_incidents(session, 0, &list);
	free(list);
	return r != -EPERM && r != -EACCES;
}

/* Whether the job has come to run on that core. */
static bool wait_until_busy(struct probe *probe, unsigned core)
{
	const struct timespec pause = {.tv_nsec = POLL_NS};
	bool is_busy = false;
	for (int i = 0; i < POLLS_MAX && !is_busy; i++) {
		json_t *stats = doctor_ask_stats(probe->session);
		const json_t *entry = json_array_get(json_object_get(stats, "cores"), core);
		is_busy = session_number(entry, "session") ==
			  (long long)npu_query(probe->session)->session_id;
		json_decref(stats);
		if (!is_busy)
			nanosleep(&pause, NULL);
	}
	return is_busy;
}

/* One of our jobs hangs on core 0 and is reset away; then the core works as before. */
static void check_reset(struct doctor *doctor, struct probe *probe)
{
	struct npu_result result = {0};
	uint64_t seqno;
	int r = runs_streams(probe) ? probe_submit_stuck(probe, &seqno)
				    : probe_submit_timed(probe, 1, UINT64_MAX, &seqno);
	if (r < 0) {
		add_not_run(doctor, "reset", r);
		return;
	}
	wait_until_busy(probe, 0);
	r = npu_reset_core(probe->session, 0);
	if (r < 0) {
		doctor_add(doctor, "reset", DOCTOR_FAILURE, "core 0: %s", npu_last_error());
		doctor_advise(doctor, "see `npuctl cores`; a reboot brings the core back");
	}
	npu_wait(probe->session, seqno, WAIT_NS, &result);
	if (r == 0 && result.outcome == NPU_OUTCOME_CANCELLED)
		doctor_add(doctor, "reset", DOCTOR_OK, "core 0 was stuck on purpose and came back");
	else if (r == 0)
		doctor_add(doctor, "reset", DOCTOR_WARNING,
			   "core 0 was reset, but its stuck job had ended with %s before",
			   npu_outcome_name(result.outcome));
}

static void add_isolation(struct doctor *doctor, const struct npu_result *result)
{
	if (result->outcome == NPU_OUTCOME_PAGE_FAULT) {
		doctor_add(doctor, "isolation", DOCTOR_OK,
			   "a read of nobody's memory was stopped at 0x%llx",
			   (unsigned long long)result->fault_iova);
	} else if (result->outcome == NPU_OUTCOME_HANG) {
		doctor_add(doctor, "isolation", DOCTOR_WARNING,
			   "a read of nobody's memory hung the core: stopped, but the device does "
			   "not say why");
	} else if (result->outcome == NPU_OUTCOME_BAD_STREAM) {
		doctor_add(doctor, "isolation", DOCTOR_OK, "by checking: %s", result->detail);
	} else {
		doctor_add(doctor, "isolation", DOCTOR_FAILURE,
			   "a job that reads nobody's memory ended with %s",
			   npu_outcome_name(result->outcome));
		doctor_advise(doctor, "do not share this NPU with programs that you do not trust; "
				      "set `validate` for their classes in the policy file");
	}
}

static void check_isolation(struct doctor *doctor, struct probe *probe)
{
	struct npu_result result = {0};
	uint64_t seqno;
	if (!runs_streams(probe)) {
		doctor_add(doctor, "isolation", DOCTOR_OK, "jobs of this device reach no memory");
		return;
	}
	int r = probe_submit_product(probe, 1, NOWHERE_IOVA, NPU_MATMUL_INT_MASK, &seqno);
	/* The check of streams, where it is on, does not let it through to the device. */
	if (r == -EINVAL) {
		doctor_add(doctor, "isolation", DOCTOR_OK, "by checking: %s", npu_last_error());
		return;
	}
	if (r == 0)
		r = npu_wait(probe->session, seqno, WAIT_NS, &result);
	if (r < 0)
		add_not_run(doctor, "isolation", r);
	else
		add_isolation(doctor, &result);
}

static void check_disruptive(struct doctor *doctor, struct probe *probe)
{
	static const char *const names[] = {"reset", "isolation"};
	json_t *stats = doctor_ask_stats(probe->session);
	const char *objection = find_objection(probe, stats);
	json_decref(stats);
	if (!is_admin(probe->session))
		objection = "needs an administrator: root, npud's user or its admin group";
	for (size_t i = 0; objection && i < 2; i++)
		doctor_add(doctor, names[i], DOCTOR_WARNING, "not tried: %s", objection);
	if (objection)
		return;
	check_reset(doctor, probe);
	check_isolation(doctor, probe);
	/* Nothing to forgive (-ENOENT) is as good. */
	npu_pardon(probe->session, npu_query(probe->session)->session_id);
	check_cores(doctor, probe, "afterwards", 1);
}

void doctor_check_device(struct doctor *doctor, struct npu_session *session)
{
	struct probe probe;
	int r = npu_query(session)->runs_streams ? probe_init(session, &probe) : 0;
	if (!npu_query(session)->runs_streams)
		probe = (struct probe){.session = session};
	if (r < 0) {
		doctor_add(doctor, "memory", DOCTOR_FAILURE, "cannot prepare a job: %s",
			   npu_last_error());
	} else {
		probe.is_core_blind = is_core_blind(session);
		check_all_cores(doctor, &probe);
		check_disruptive(doctor, &probe);
	}
	if (npu_query(session)->runs_streams)
		probe_deinit(&probe);
}
