/* SPDX-License-Identifier: MIT */
/*
 * The document is begun while everything is still as it was at the hang, straight from the objects
 * it tells of, and grows until the job is over. Lack of memory costs parts of it, never the daemon.
 */
#include "api/incidents.h"

#include "api/incident_store.h"
#include "api/json_text.h"
#include "base/clock.h"
#include "base/log.h"
#include "device/regcmd.h"
#include "sessions/job.h"
#include "sessions/job_slices.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define COMMANDS_MAX 64
#define QUEUES_MAX   32
#define ACTIONS_MAX  64

/* A document that is not whole yet. */
struct open_incident {
	const struct job *job; /* NULL: free slot */
	json_t *document;
};

struct incidents {
	struct sessions *sessions;
	struct incident_store store;
	char directory[4096];
	int error; /* why there is no directory; 0: there is, or none is wanted */
	struct open_incident open[DEVICE_MAX_CORES];
	struct log_limit limit;
	uint64_t n_recorded, n_lost;
};

/* ---- the parts of a document ---- */

static json_t *time_document(void)
{
	struct timespec now;
	char text[32];
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

static json_t *session_part(const struct session *session)
{
	const struct identity *identity = &session->identity;

	return json_pack("{s:I, s:I, s:I, s:I, s:o, s:o, s:s?}", "id", (json_int_t)session->id,
			 "pid", (json_int_t)identity->pid, "uid", (json_int_t)identity->uid, "gid",
			 (json_int_t)identity->gid, "comm", json_untrusted_string(identity->comm),
			 "cgroup", json_untrusted_string(identity->cgroup), "class",
			 session->class ? session->class->name : NULL);
}

/* The task that a core is at: an index into the job's. */
static uint32_t task_index(const struct job *job, const struct core *core,
			   const struct sched_evidence *evidence)
{
	const struct npu_range *batch = &job->batches[core->share];
	uint32_t done = evidence->progress.tasks_done;

	return batch->start + (done < batch->count || !done ? done : batch->count - 1);
}

static json_t *job_part(const struct job *job, uint32_t task)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "id",
			 (json_int_t)job->base.id, "seqno", (json_int_t)job->seqno, "tag",
			 (json_int_t)job->tag, "task", (json_int_t)task, "tasks",
			 (json_int_t)job->n_tasks, "tasks_done", (json_int_t)job->tasks_done,
			 "core_mask", (json_int_t)job->base.running_mask, "timeout_ns",
			 (json_int_t)job->base.timeout_ns, "may_repeat",
			 !job->base.is_unrepeatable);
}

static json_t *evidence_part(const struct job *job, const struct sched_evidence *evidence)
{
	if (evidence->outcome == NPU_OUTCOME_PAGE_FAULT)
		return json_pack("{s:s, s:I, s:b}", "what", "the core's MMU reported a page fault",
				 "iova", (json_int_t)job->fault_iova, "is_write",
				 job->fault_is_write);
	if (evidence->outcome != NPU_OUTCOME_HANG)
		return json_pack("{s:s, s:s}", "what", "the device refused the stream", "detail",
				 job->detail);
	return json_pack("{s:s, s:I, s:I, s:I}", "what",
			 "the core's task counter stood still for longer than its budget",
			 "stood_still_ns", (json_int_t)evidence->stood_still_ns, "budget_ns",
			 (json_int_t)evidence->budget_ns, "device_ns",
			 (json_int_t)evidence->progress.device_ns);
}

static json_t *hex(uint64_t value)
{
	return json_sprintf("%#" PRIx64, value);
}

/* Registers of the MMU have their own part. */
static void add_registers(struct incidents *incidents, unsigned core, json_t *document)
{
	json_t *registers = json_object(), *mmu = json_object();
	struct device_capture capture;

	device_capture(incidents->sessions->device, core, &capture);
	for (unsigned i = 0; i < capture.n; i++) {
		const char *name = capture.registers[i].name;

		json_object_set_new(strncmp(name, "MMU", 3) == 0 ? mmu : registers, name,
				    hex(capture.registers[i].value));
	}
	json_object_set_new(document, "registers", registers);
	json_object_set_new(document, "mmu", mmu);
}

static bool bo_has(const struct bo *bo, uint32_t iova, uint64_t size_bytes)
{
	return iova >= bo->iova && iova - bo->iova <= bo->size_bytes &&
	       size_bytes <= bo->size_bytes - (iova - bo->iova);
}

/* The BO of the job that holds the range, also what npud made of its streams; or NULL. */
static const struct bo *find_bo(const struct job *job, uint32_t iova, uint64_t size_bytes)
{
	if (job->streams && bo_has(job->streams, iova, size_bytes))
		return job->streams;
	for (unsigned i = 0; i < job->base.n_cores; i++) {
		const struct bo *prologue = job_slices_prologue(job, i);

		if (prologue && bo_has(prologue, iova, size_bytes))
			return prologue;
	}
	for (unsigned i = 0; i < job->n_pins; i++) {
		if (bo_has(job->pins[i]->bo, iova, size_bytes))
			return job->pins[i]->bo;
	}
	return NULL;
}

static json_t *command_part(uint32_t iova, uint64_t entry)
{
	const struct regcmd command = regcmd_decode(entry);
	const char *block = rk3588_block_name(command.offset >> 12);
	const char *name = rk3588_register_name(command.offset);

	return json_pack("{s:o, s:o, s:o}", "iova", hex(iova), "entry",
			 json_sprintf("%#018" PRIx64, entry), "text",
			 json_sprintf("%s %s = %#" PRIx32, block ? block : "?", name ? name : "?",
				      command.value));
}

/*
 * The end of the task's stream, as memory has it at the moment of the accusation: a core fetches
 * all of a stream before it computes.
 */
static json_t *commands_part(const struct job *job, uint32_t task)
{
	const struct device_task *fetched = &job->tasks[task];
	uint32_t first =
		fetched->regcmd_count > COMMANDS_MAX ? fetched->regcmd_count - COMMANDS_MAX : 0;
	uint32_t iova = fetched->regcmd_iova + first * REGCMD_ENTRY_BYTES;
	uint32_t n = fetched->regcmd_count - first;
	const struct bo *bo = find_bo(job, iova, (uint64_t)n * REGCMD_ENTRY_BYTES);
	json_t *commands = json_array();

	for (uint32_t i = 0; bo && i < n; i++) {
		uint64_t entry;

		memcpy(&entry, (const char *)bo->memory + (iova - bo->iova) + i * sizeof(entry),
		       sizeof(entry));
		json_array_append_new(commands, command_part(iova + i * REGCMD_ENTRY_BYTES, entry));
	}
	return commands;
}

static json_t *cores_part(const struct incidents *incidents)
{
	const struct sessions *sessions = incidents->sessions;
	json_t *cores = json_array();

	for (unsigned i = 0; i < scheduler_n_cores(sessions->scheduler); i++) {
		const struct core *core = scheduler_core(sessions->scheduler, i);
		struct device_progress progress = {0};
		json_t *document = json_pack("{s:i, s:s}", "id", (int)i, "state",
					     core_state_name(core->state));

		if (core->job) {
			device_progress(sessions->device, i, &progress);
			json_object_update_new(
				document,
				json_pack("{s:I, s:I, s:I, s:I, s:I}", "session",
					  (json_int_t)core->job->queue->id, "job",
					  (json_int_t)core->job->id, "tasks_done",
					  (json_int_t)progress.tasks_done, "device_ns",
					  (json_int_t)progress.device_ns, "budget_ns",
					  (json_int_t)scheduler_budget_ns(sessions->scheduler, i)));
		}
		json_array_append_new(cores, document);
	}
	return cores;
}

static json_t *queues_part(const struct incidents *incidents)
{
	const struct session *session;
	json_t *queues = json_array();

	list_for_each (session, &incidents->sessions->list, link) {
		const struct queue *queue = &session->queue;

		if (!session->n_jobs || json_array_size(queues) == QUEUES_MAX)
			continue;
		json_array_append_new(queues, json_pack("{s:I, s:I, s:i, s:i, s:i}", "session",
							(json_int_t)session->id, "uid",
							(json_int_t)session->identity.uid, "ready",
							(int)queue->n_ready, "waiting",
							(int)queue->n_blocked, "running",
							(int)queue->n_running));
	}
	return queues;
}

static json_t *make_document(struct incidents *incidents, const struct job *job,
			     const struct sched_evidence *evidence)
{
	const struct scheduler *scheduler = incidents->sessions->scheduler;
	const struct core *core = scheduler_core(scheduler, evidence->core);
	uint32_t task = job->n_tasks ? task_index(job, core, evidence) : 0;
	json_t *document =
		json_pack("{s:i, s:o, s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:[]}", "version", 1,
			  "time", time_document(), "outcome", job_outcome_name(evidence->outcome),
			  "core", (int)evidence->core, "session", session_part(job->session), "job",
			  job_part(job, task), "evidence", evidence_part(job, evidence), "cores",
			  cores_part(incidents), "queues", queues_part(incidents), "actions");

	if (!document)
		return NULL;
	add_registers(incidents, evidence->core, document);
	if (incidents->sessions->device->caps.runs_streams)
		json_object_set_new(document, "commands", commands_part(job, task));
	return document;
}

/* ---- while it happens ---- */

/* The open document of a job, or with NULL a free slot; NULL when there is none. */
static struct open_incident *find_open(struct incidents *incidents, const struct job *job)
{
	for (unsigned i = 0; i < DEVICE_MAX_CORES; i++) {
		if (incidents->open[i].job == job)
			return &incidents->open[i];
	}
	return NULL;
}

static bool is_any_open(const struct incidents *incidents)
{
	for (unsigned i = 0; i < DEVICE_MAX_CORES; i++) {
		if (incidents->open[i].job)
			return true;
	}
	return false;
}

static void accused(void *context, const struct job *job, const struct sched_evidence *evidence)
{
	struct incidents *incidents = context;
	struct open_incident *slot = find_open(incidents, NULL);
	uint64_t now_ns = loop_now_ns(incidents->sessions->loop), n_suppressed;

	/* Each costs a file: nobody is to make npud write without end. */
	if (!slot || !log_limit_take(&incidents->limit, now_ns, &n_suppressed)) {
		incidents->n_lost++;
		return;
	}
	slot->job = job;
	slot->document = make_document(incidents, job, evidence);
}

/* Into every document that is open; drops `action`. */
static void add_action(struct incidents *incidents, json_t *action)
{
	for (unsigned i = 0; i < DEVICE_MAX_CORES; i++) {
		json_t *actions = json_object_get(incidents->open[i].document, "actions");

		if (actions && action && json_array_size(actions) < ACTIONS_MAX)
			json_array_append(actions, action);
	}
	json_decref(action);
}

static void core_was_reset(void *context, unsigned core, int result)
{
	add_action(context, json_pack("{s:s, s:i, s:s}", "what", "core_reset", "core", (int)core,
				      "result", result < 0 ? strerror(-result) : "ok"));
}

static void device_was_reset(void *context, uint32_t cores, uint32_t cores_back)
{
	add_action(context, json_pack("{s:s, s:I, s:I}", "what", "device_reset", "cores",
				      (json_int_t)cores, "cores_back", (json_int_t)cores_back));
}

static json_t *job_action(const char *what, const struct job *job)
{
	return json_pack("{s:s, s:I, s:I, s:I}", "what", what, "session",
			 (json_int_t)job->session->id, "uid",
			 (json_int_t)job->session->identity.uid, "job", (json_int_t)job->base.id);
}

static void repeated(void *context, const struct job *job)
{
	add_action(context, job_action("job_repeated", job));
}

static json_t *summarize(const json_t *document)
{
	static const char *const keys[] = {"time", "outcome", "core", "session", "job"};
	json_t *summary = json_object();

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		json_t *value = json_object_get(document, keys[i]);

		if (value)
			json_object_set(summary, keys[i], value);
	}
	return summary;
}

static void record(struct incidents *incidents, const json_t *document)
{
	int r = -ENODEV;

	if (document && incidents->store.dir_fd >= 0)
		r = incident_store_add(&incidents->store, document, summarize);
	if (r == 0) {
		incidents->n_recorded++;
		return;
	}
	incidents->n_lost++;
	if (r != -ENODEV)
		log_error("incident_lost directory=\"%s\" error=\"%s\"", incidents->directory,
			  strerror(-r));
}

static json_t *end_action(const struct incidents *incidents, const struct job *job,
			  const struct record *strikes)
{
	json_t *action = job_action("job_failed", job);
	uint64_t now_ns = loop_now_ns(incidents->sessions->loop);
	const struct quarantine *rules = &incidents->sessions->policy->quarantine;

	json_object_set_new(action, "outcome", json_string(job_outcome_name(job->base.outcome)));
	if (strikes)
		json_object_update_new(
			action,
			json_pack("{s:i, s:s}", "strikes", (int)strikes->strikes, "standing",
				  standing_name(record_standing(strikes, rules, now_ns))));
	return action;
}

static void retired(void *context, const struct job *job, const struct record *strikes)
{
	struct incidents *incidents = context;
	struct open_incident *slot;

	if (job->base.outcome == NPU_OUTCOME_OK || !is_any_open(incidents))
		return;
	add_action(incidents, end_action(incidents, job, strikes));
	slot = find_open(incidents, job);
	if (!slot)
		return;
	record(incidents, slot->document);
	json_decref(slot->document);
	*slot = (struct open_incident){0};
}

static const struct sessions_witness witness = {
	.accused = accused,
	.core_reset = core_was_reset,
	.device_reset = device_was_reset,
	.repeated = repeated,
	.retired = retired,
};

/* ---- life ---- */

int incidents_new(struct sessions *sessions, struct incidents **ret_incidents)
{
	struct incidents *incidents = calloc(1, sizeof(*incidents));

	if (!incidents)
		return -ENOMEM;
	incidents->sessions = sessions;
	incidents->store.dir_fd = -1;
	sessions->witness = &witness;
	sessions->witness_context = incidents;
	*ret_incidents = incidents;
	return 0;
}

struct incidents *incidents_free(struct incidents *incidents)
{
	if (!incidents)
		return NULL;
	incidents->sessions->witness = NULL;
	for (unsigned i = 0; i < DEVICE_MAX_CORES; i++)
		json_decref(incidents->open[i].document);
	/* An empty directory is not left behind; one with anything in it stays. */
	if (incidents->store.dir_fd >= 0)
		(void)unlinkat(AT_FDCWD, incidents->directory, AT_REMOVEDIR);
	incident_store_close(&incidents->store);
	free(incidents);
	return NULL;
}

int incidents_set_directory(struct incidents *incidents, const char *path, unsigned count_max,
			    uint64_t bytes_max)
{
	incident_store_set_bounds(&incidents->store, count_max, bytes_max);
	if (incidents->store.dir_fd >= 0 && strcmp(path, incidents->directory) == 0)
		return 0;
	incident_store_close(&incidents->store);
	incidents->error = 0;
	if ((size_t)snprintf(incidents->directory, sizeof(incidents->directory), "%s", path) >=
	    sizeof(incidents->directory))
		incidents->error = -ENAMETOOLONG;
	else if (*path)
		incidents->error = incident_store_open(&incidents->store, path, summarize);
	return incidents->error;
}

/* ---- questions ---- */

json_t *incidents_stats(const struct incidents *incidents)
{
	if (!incidents)
		return json_null();
	return json_pack("{s:o, s:o, s:I, s:I, s:I, s:I}", "directory",
			 json_untrusted_string(incidents->directory), "error",
			 incidents->error ? json_string(strerror(-incidents->error)) : json_null(),
			 "count", (json_int_t)incidents->store.n, "bytes",
			 (json_int_t)incidents->store.bytes, "recorded",
			 (json_int_t)incidents->n_recorded, "lost", (json_int_t)incidents->n_lost);
}

json_t *incidents_list(const struct incidents *incidents)
{
	json_t *document = incidents_stats(incidents), *list = json_array();

	for (unsigned i = incidents->store.n; i-- > 0;) {
		json_t *entry =
			json_pack("{s:I}", "id", (json_int_t)incidents->store.entries[i].id);

		json_object_update(entry, incidents->store.entries[i].summary);
		json_array_append_new(list, entry);
	}
	if (json_object_set_new(document, "incidents", list) == 0)
		return document;
	json_decref(document);
	return NULL;
}

int incidents_get(const struct incidents *incidents, uint64_t id, json_t **ret_document)
{
	json_t *document;
	int r = incident_store_get(&incidents->store, id, &document);

	if (r < 0)
		return r;
	json_object_set_new(document, "id", json_integer((json_int_t)id));
	*ret_document = document;
	return 0;
}
