/* SPDX-License-Identifier: MIT */
/*
 * The statistics document, built on demand from what the layers below count anyway: asking costs
 * something, counting does not.
 */
#include "api/stats.h"

#include "api/incidents.h"
#include "api/json_text.h"
#include "sessions/job.h"

#include <stdlib.h>
#include <string.h>

static const char *const out_of_service[DEVICE_MAX_CORES] = {
	"core 0 is out of service", "core 1 is out of service", "core 2 is out of service",
	"core 3 is out of service", "core 4 is out of service", "core 5 is out of service",
	"core 6 is out of service", "core 7 is out of service",
};

/* A session sees itself, an administrator everything. */
static bool session_is_visible(const struct session *session, const struct session *viewer)
{
	return !viewer || viewer->is_admin || session == viewer;
}

static bool session_id_is_visible(const struct sessions *sessions, uint64_t id,
				  const struct session *viewer)
{
	const struct session *session;
	if (!viewer || viewer->is_admin)
		return true;
	list_for_each (session, &sessions->list, link)
		if (session->id == id)
			return session_is_visible(session, viewer);
	return false;
}

static unsigned n_cores_in_state(const struct scheduler *scheduler, enum core_state state)
{
	unsigned n = 0;
	for (unsigned i = 0; i < scheduler_n_cores(scheduler); i++)
		n += scheduler_core(scheduler, i)->state == state;
	return n;
}

static const char *const translations[] = {
	[DEVICE_TRANSLATION_NONE] = "none",
	[DEVICE_TRANSLATION_CORE] = "core",
	[DEVICE_TRANSLATION_DEVICE] = "device",
};

/* What keeps sessions from each other's memory. */
static const char *isolation_name(const struct device_caps *caps)
{
	if (!caps->runs_streams)
		return "none";
	return caps->has_page_tables || caps->n_domains ? "translation" : "checking";
}

static json_t *quirks_document(const struct device_caps *caps)
{
	json_t *quirks = json_array();

	for (const char *const *quirk = caps->quirks; quirk && *quirk; quirk++)
		json_array_append_new(quirks, json_string(*quirk));
	return quirks;
}

static json_t *device_caps_document(const struct device_caps *caps)
{
	json_t *masks = json_array();
	for (unsigned mask = 0; mask < 64; mask++)
		if (caps->gang_masks >> mask & 1)
			json_array_append_new(masks, json_integer(mask));
	return json_pack(
		"{s:i, s:o, s:b, s:b, s:b, s:b, s:b, s:s, s:s, s:o, s:i, s:I, s:s, s:o}", "n_cores",
		(int)caps->n_cores, "gang_masks", masks, "runs_streams", caps->runs_streams,
		"has_page_tables", caps->has_page_tables, "has_core_reset", caps->has_core_reset,
		"has_task_counter", caps->has_task_counter, "has_core_choice", !caps->is_core_blind,
		"translation", translations[caps->translation], "isolation", isolation_name(caps),
		"n_domains",
		caps->n_domains == DEVICE_DOMAINS_UNBOUNDED ? json_null()
							    : json_integer(caps->n_domains),
		"session_cores", (int)(caps->domain_cores ? caps->domain_cores : caps->n_cores),
		"batch_limit_ns", (json_int_t)caps->batch_limit_ns, "fences", "npud", "quirks",
		quirks_document(caps));
}

/* Of a kernel driver: what its address spaces have room for. */
static json_t *spaces_document(struct device *device)
{
	struct device_space spaces[DEVICE_MAX_SPACES];
	unsigned n = device_spaces(device, spaces, DEVICE_MAX_SPACES);
	json_t *document = json_array();
	for (unsigned i = 0; i < n; i++)
		json_array_append_new(
			document,
			json_pack("{s:i, s:i, s:I, s:I}", "number", (int)spaces[i].number, "bos",
				  (int)spaces[i].n_bos, "bytes", (json_int_t)spaces[i].bytes,
				  "largest_free_bytes", (json_int_t)spaces[i].largest_free_bytes));
	return document;
}

static json_t *device_document(const struct sessions *sessions)
{
	unsigned n_faulted = n_cores_in_state(sessions->scheduler, CORE_FAULTED);
	const char *state = "ok";
	if (n_faulted == scheduler_n_cores(sessions->scheduler))
		state = "lost";
	else if (n_faulted > 0)
		state = "degraded";
	uint64_t retry_ns, now_ns = loop_now_ns(sessions->loop);
	json_t *retry = json_null();
	if (scheduler_is_lost(sessions->scheduler, &retry_ns))
		retry = json_integer((json_int_t)(retry_ns > now_ns ? retry_ns - now_ns : 0));
	const struct device_caps *caps = &sessions->device->caps;
	return json_pack("{s:s, s:s?, s:o, s:s, s:o, s:o}", "name", caps->name, "driver",
			 caps->driver[0] ? caps->driver : NULL, "caps", device_caps_document(caps),
			 "state", state, "retry_in_ns", retry, "spaces",
			 spaces_document(sessions->device));
}

static json_t *core_document(const struct sessions *sessions, const struct core *core,
			     const struct session *viewer, double uptime_ns)
{
	const struct sched_job *job = core->state == CORE_BUSY ? core->job : NULL;
	bool is_shown = job && session_id_is_visible(sessions, job->queue->id, viewer);
	uint64_t busy_ns = core->busy_ns;
	uint64_t now_ns = loop_now_ns(sessions->loop);
	if (core->state == CORE_BUSY && now_ns > core->since_ns)
		busy_ns += now_ns - core->since_ns;
	double utilization = uptime_ns > 0 ? (double)busy_ns / uptime_ns : 0;
	return json_pack("{s:i, s:s, s:o, s:o, s:I, s:I, s:I, s:f}", "id", (int)core->index,
			 "state", core_state_name(core->state), "session",
			 is_shown ? json_integer((json_int_t)job->queue->id) : json_null(), "job",
			 is_shown ? json_integer((json_int_t)job->id) : json_null(), "busy_ns",
			 (json_int_t)busy_ns, "jobs", (json_int_t)core->jobs, "resets",
			 (json_int_t)core->resets, "utilization",
			 utilization > 1 ? 1.0 : utilization);
}

static json_t *cores_document(const struct sessions *sessions, const struct session *viewer,
			      double uptime_ns)
{
	json_t *cores = json_array();
	for (unsigned i = 0; i < scheduler_n_cores(sessions->scheduler); i++) {
		const struct core *core = scheduler_core(sessions->scheduler, i);
		json_t *document = core_document(sessions, core, viewer, uptime_ns);
		if (json_array_append_new(cores, document) < 0) {
			json_decref(cores);
			return NULL;
		}
	}
	return cores;
}

static json_t *failed_document(const uint64_t *failed)
{
	json_t *reasons = json_object();
	for (unsigned i = NPU_OUTCOME_OK + 1; i < NPU_OUTCOME_COUNT; i++)
		if (json_object_set_new(reasons, job_outcome_name((enum npu_outcome)i),
					json_integer((json_int_t)failed[i])) < 0) {
			json_decref(reasons);
			return NULL;
		}
	return reasons;
}

static json_t *latency_document(const struct histogram *latency)
{
	return json_pack(
		"{s:I, s:I, s:I, s:I}", "p50", (json_int_t)histogram_percentile(latency, 500),
		"p90", (json_int_t)histogram_percentile(latency, 900), "p99",
		(json_int_t)histogram_percentile(latency, 990), "max", (json_int_t)latency->max);
}

/* What a session is and holds now. */
static json_t *session_state_document(const struct session *session)
{
	const struct queue *queue = &session->queue;
	return json_pack("{s:I, s:I, s:I, s:o, s:s?, s:s, s:I, s:I, s:I, s:I, s:I}", "id",
			 (json_int_t)session->id, "pid", (json_int_t)session->identity.pid, "uid",
			 (json_int_t)session->identity.uid, "comm",
			 json_untrusted_string(session->identity.comm), "class",
			 session->class ? session->class->name : NULL, "state",
			 session_state_name(session->state), "bos",
			 (json_int_t)session->account.used[SLOT_BOS], "bytes",
			 (json_int_t)session->account.used[SLOT_BYTES], "iova_bytes",
			 (json_int_t)session->domain.space.used_bytes, "queued",
			 (json_int_t)queue->n_ready + queue->n_blocked, "running",
			 (json_int_t)queue->n_running);
}

/* What it has done. */
static json_t *session_work_document(const struct session *session)
{
	const struct session_stats *stats = &session->stats;
	return json_pack("{s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:o, s:I, s:I, s:s?}", "submitted",
			 (json_int_t)stats->submitted, "rejected", (json_int_t)stats->rejected,
			 "slices", (json_int_t)session->queue.n_batches, "completed",
			 (json_int_t)stats->completed, "failed", failed_document(stats->failed),
			 "npu_ns", (json_int_t)session->queue.device_ns, "wait_ns",
			 (json_int_t)session->queue.wait_ns, "latency_ns",
			 latency_document(&stats->latency), "hangs",
			 (json_int_t)stats->failed[NPU_OUTCOME_HANG], "faults",
			 (json_int_t)stats->failed[NPU_OUTCOME_PAGE_FAULT], "ignored",
			 stats->ignored[0] ? stats->ignored : NULL);
}

/* How long a standing lasts if nothing more happens; null for a good one. */
static json_t *until_document(const struct sessions *sessions, const struct record *record)
{
	uint64_t now_ns = loop_now_ns(sessions->loop);
	uint64_t until_ns =
		record ? record_until_ns(record, &sessions->policy->quarantine, now_ns) : 0;
	return until_ns > now_ns ? json_integer((json_int_t)(until_ns - now_ns)) : json_null();
}

/* Strikes of an identity, or what of them applies to a session. */
static json_t *record_document(const struct sessions *sessions, const struct record *record)
{
	uint64_t now_ns = loop_now_ns(sessions->loop);
	return json_pack(
		"{s:i, s:s, s:o}", "strikes", record ? (int)record->strikes : 0, "standing",
		standing_name(record_standing(record, &sessions->policy->quarantine, now_ns)),
		"standing_left_ns", until_document(sessions, record));
}

static json_t *session_document(const struct session *session)
{
	const struct sessions *sessions = session->owner;
	const struct record *record = quarantine_record(session);
	json_t *document = session_state_document(session);
	bool is_complete = document &&
			   json_object_update_new(document, session_work_document(session)) == 0 &&
			   json_object_update_new(document, record_document(sessions, record)) == 0;
	if (is_complete)
		return document;
	json_decref(document);
	return NULL;
}

static json_t *sessions_document(const struct sessions *sessions, const struct session *viewer)
{
	const struct session *session;
	json_t *array = json_array();
	list_for_each (session, &sessions->list, link) {
		if (!session_is_visible(session, viewer))
			continue;
		if (json_array_append_new(array, session_document(session)) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

/* Identities with strikes, those without a session too. */
static json_t *records_document(const struct sessions *sessions, const struct session *viewer)
{
	const struct record *record;
	json_t *array = json_array();
	list_for_each (record, &sessions->records.list, link) {
		if (viewer && !viewer->is_admin &&
		    (viewer->identity.uid != record->uid ||
		     strcmp(viewer->identity.cgroup, record->cgroup) != 0))
			continue;
		json_t *document = json_pack("{s:I, s:o}", "uid", (json_int_t)record->uid, "cgroup",
					     json_untrusted_string(record->cgroup));
		if (!document ||
		    json_object_update_new(document, record_document(sessions, record)) < 0 ||
		    json_array_append_new(array, document) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

/* Sums over all sessions there are and ever were: counters that never go backwards. */
static void stats_sum(const struct sessions *sessions, struct session_stats *ret_sum)
{
	const struct session *session;
	struct session_stats sum = {.requests = sessions->ended.requests,
				    .errors = sessions->ended.errors,
				    .submitted = sessions->ended.submitted,
				    .completed = sessions->ended.completed};
	memcpy(sum.failed, sessions->ended.failed, sizeof(sum.failed));
	list_for_each (session, &sessions->list, link) {
		sum.requests += session->stats.requests;
		sum.errors += session->stats.errors;
		sum.submitted += session->stats.submitted;
		sum.completed += session->stats.completed;
		for (unsigned i = 0; i < NPU_OUTCOME_COUNT; i++)
			sum.failed[i] += session->stats.failed[i];
	}
	*ret_sum = sum;
}

static json_t *totals_document(const struct session_stats *sum)
{
	return json_pack("{s:I, s:I, s:o}", "submitted", (json_int_t)sum->submitted, "completed",
			 (json_int_t)sum->completed, "failed", failed_document(sum->failed));
}

/* As a part of the predicted time; null until there was a prediction to compare with. */
static json_t *prediction_error_document(const struct histogram *error)
{
	if (!error->count)
		return json_null();
	return json_pack("{s:f, s:f}", "p50", (double)histogram_percentile(error, 500) * 1e-6,
			 "p90", (double)histogram_percentile(error, 900) * 1e-6);
}

static json_t *contracts_document(const struct scheduler *scheduler)
{
	struct sched_contracts contracts;

	scheduler_get_contracts(scheduler, &contracts);
	return json_pack("{s:I, s:f, s:f}", "n", (json_int_t)contracts.n, "reserved_cores",
			 contracts.reserved_cores, "cores", contracts.cores);
}

static json_t *scheduler_document(const struct sessions *sessions)
{
	const struct scheduler *scheduler = sessions->scheduler;
	const struct scheduler_stats *stats = scheduler_get_stats(scheduler);
	const struct predict_stats *predict = scheduler_predict_stats(scheduler);
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:o}", "policy",
			 scheduler_policy_name(scheduler), "ready",
			 (json_int_t)scheduler_n_ready(scheduler), "waiting",
			 (json_int_t)scheduler_n_blocked(scheduler), "slices",
			 (json_int_t)stats->slices, "gang_wait_ns", (json_int_t)stats->gang_wait_ns,
			 "domain_switches", (json_int_t)stats->domain_switches, "predictions",
			 (json_int_t)predict->error.count, "prediction_error",
			 prediction_error_document(&predict->error), "late",
			 (json_int_t)stats->n_late, "demoted", (json_int_t)stats->n_demoted,
			 "switch_ns", (json_int_t)scheduler_switch_ns(scheduler), "contracts",
			 contracts_document(scheduler));
}

/* Newest first. */
static json_t *last_hangs_document(const struct sessions *sessions, const struct session *viewer)
{
	const struct scheduler_stats *stats = scheduler_get_stats(sessions->scheduler);
	const uint64_t size = sizeof(stats->last_hangs) / sizeof(stats->last_hangs[0]);
	json_t *last = json_array();
	for (uint64_t i = 1; i <= size && i <= stats->hangs; i++) {
		unsigned at = (unsigned)((stats->hangs - i) % size);
		if (!session_id_is_visible(sessions, stats->last_hangs[at].queue_id, viewer))
			continue;
		json_array_append_new(
			last, json_pack("{s:I, s:I, s:i, s:I, s:I}", "job",
					(json_int_t)stats->last_hangs[at].job_id, "session",
					(json_int_t)stats->last_hangs[at].queue_id, "core",
					(int)stats->last_hangs[at].core, "budget_ns",
					(json_int_t)stats->last_hangs[at].budget_ns, "time_ns",
					(json_int_t)stats->last_hangs[at].time_ns));
	}
	return last;
}

static json_t *watchdog_document(const struct sessions *sessions, const struct session *viewer)
{
	const struct scheduler_stats *stats = scheduler_get_stats(sessions->scheduler);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o}", "hangs", (json_int_t)stats->hangs,
			 "core_resets", (json_int_t)stats->core_resets, "device_resets",
			 (json_int_t)stats->device_resets, "device_losses",
			 (json_int_t)stats->device_losses, "repeats", (json_int_t)stats->repeats,
			 "last", last_hangs_document(sessions, viewer));
}

static json_t *memory_document(const struct sessions *sessions)
{
	const struct session *session;
	uint64_t pagetable_bytes = 0;
	list_for_each (session, &sessions->list, link)
		pagetable_bytes += domain_pagetable_bytes(&session->domain);
	return json_pack("{s:I, s:I, s:I}", "bytes",
			 (json_int_t)sessions->tenants.total.used[SLOT_BYTES], "bos",
			 (json_int_t)sessions->tenants.total.used[SLOT_BOS], "pagetable_bytes",
			 (json_int_t)pagetable_bytes);
}

static json_t *io_document(const struct sessions *sessions, const struct session_stats *sum)
{
	return json_pack("{s:I, s:I, s:I}", "requests", (json_int_t)sum->requests, "errors",
			 (json_int_t)sum->errors, "cqe_overflows",
			 (json_int_t)loop_get_stats(sessions->loop)->cqe_overflows);
}

static json_t *hz_document(uint64_t frequency_hz)
{
	return frequency_hz ? json_integer((json_int_t)frequency_hz) : json_null();
}

/* null where the kernel shows nothing, as a whole or of one thing. */
static json_t *power_document(const struct power *power)
{
	struct power_reading reading;

	if (!power)
		return json_null();
	power_read(power, &reading);
	return json_pack(
		"{s:o, s:o, s:o, s:b, s:o, s:o}", "frequency_hz", hz_document(reading.frequency_hz),
		"limit_hz", hz_document(reading.limit_hz), "full_hz", hz_document(reading.full_hz),
		"throttled", reading.is_throttled, "load",
		reading.has_load ? json_real(reading.load_percent / 100.0) : json_null(),
		"temperature_c",
		reading.has_temperature ? json_real(reading.temperature_mc / 1000.0) : json_null());
}

json_t *stats_document(const struct api *api, const struct session *viewer)
{
	const struct sessions *sessions = api->sessions;
	json_t *document = json_object();
	if (!document || api->daemon_ops->add_stats(api->daemon_context, document) < 0)
		goto fail;
	double uptime_ns = json_number_value(json_object_get(document, "uptime_s")) * 1e9;
	struct session_stats sum;
	stats_sum(sessions, &sum);
	const struct {
		const char *key;
		json_t *value;
	} parts[] = {
		{"draining", json_boolean(sessions->is_draining)},
		{"device", device_document(sessions)},
		{"cores", cores_document(sessions, viewer, uptime_ns)},
		{"sessions", sessions_document(sessions, viewer)},
		{"totals", totals_document(&sum)},
		{"scheduler", scheduler_document(sessions)},
		{"watchdog", watchdog_document(sessions, viewer)},
		{"identities", records_document(sessions, viewer)},
		{"incidents", incidents_stats(api->incidents)},
		{"memory", memory_document(sessions)},
		{"power", power_document(sessions->power)},
		{"io", io_document(sessions, &sum)},
	};
	bool is_complete = true;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (json_object_set_new(document, parts[i].key, parts[i].value) < 0)
			is_complete = false;
	if (is_complete)
		return document;
fail:
	json_decref(document);
	return NULL;
}

const char *stats_health(const struct api *api)
{
	const struct scheduler *scheduler = api->sessions->scheduler;
	unsigned n_cores = scheduler_n_cores(scheduler);
	if (api->sessions->is_draining)
		return api->sessions->drained ? "npud is shutting down" : "npud was told to drain";
	if (n_cores_in_state(scheduler, CORE_FAULTED) == n_cores)
		return "device lost: no core came back from a reset; npud keeps trying";
	for (unsigned i = 0; i < n_cores; i++)
		if (scheduler_core(scheduler, i)->state == CORE_FAULTED)
			return out_of_service[i];
	return NULL;
}
