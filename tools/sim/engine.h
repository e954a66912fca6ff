/* SPDX-License-Identifier: MIT */
/*
 * The simulated machine: clients that send requests, cores that take time and slow each other down
 * through memory, virtual time. What runs where is up to a driver: npud's own scheduler, or one of
 * the ways in which boards are shared today.
 *
 * Time is ns since the start; work is ns of undisturbed run time.
 */
#ifndef NPU_SIM_ENGINE_H
#define NPU_SIM_ENGINE_H

#include "base/clock.h"
#include "base/list.h"
#include "scheduler/job.h"
#include "tools/sim/random.h"
#include "tools/sim/workload.h"

#define SIM_NEVER UINT64_MAX
/* Address spaces of sessions are numbered from there, beyond the numbers of tenants. */
#define SIM_SESSION_DOMAINS 1000000

struct class;
struct sim_engine;
struct sim_tenant;

enum sim_end { SIM_DONE, SIM_FAILED, SIM_DROPPED, SIM_REJECTED };

struct sim_session {
	unsigned index; /* among all */
	uint64_t order; /* when it came, among all; never 0 */
	struct sim_tenant *tenant;
	uint64_t domain; /* its address space; never 0 */
	unsigned n_in_flight;
	uint64_t n_requests;
	struct sim_random arrivals;
	/* ---- the driver's ---- */
	struct list jobs; /* struct sim_job::link */
	struct list link;
	unsigned n_jobs, n_running;
	int core;
	double virtual_ns;
	uint64_t head_since_ns, last_run_ns;
};

struct sim_samples {
	uint64_t *values;
	size_t n, size;
};

struct sim_tenant {
	const struct sim_tenant_spec *spec;
	unsigned index, replica; /* replica: of its spec */
	char name[64];
	uint64_t user; /* equal for equal uids; never 0 */
	struct sim_session *sessions;
	unsigned n_sessions;
	/* jobs, by what became of them; `late`: of those with a deadline, for whatever reason */
	uint64_t n_submitted, n_ended[4], n_late, n_deadlines, n_in_time; /* in_time: the horizon */
	struct sim_samples latencies;
	double service_ns, offered_ns; /* core-time, within the horizon */
	unsigned n_jobs, n_running;
	uint64_t starved_since_ns, starved_max_ns;
	/* ---- the driver's, set in its create() ---- */
	const struct class *class; /* of a policy file; NULL: none */
	uint64_t deadline_ns;	   /* of jobs that bring none; 0: none */
};

struct sim_request {
	struct list owned; /* sim_engine::requests */
	struct sim_session *session;
	unsigned stage, n_repeated, n_left;
	bool has_begun, has_failed;
	const struct sim_recorded *recorded; /* NULL: a request of its tenant's stages */
	struct sim_random random;	     /* the same under every driver */
};

struct sim_job {
	struct sched_job base; /* npud's */
	struct list owned;     /* sim_engine::jobs */
	uint64_t id;
	struct sim_session *session;
	struct sim_request *request;
	const struct sim_model *model;
	const struct sim_stage *stage;
	unsigned width, pieces_done;
	double noise;
	bool hangs;
	uint64_t arrival_ns, wait_since_ns, deadline_ns; /* 0: none */
	/* ---- the driver's ---- */
	struct list link;
	uint32_t core_mask;
	unsigned n_missing; /* cores */
	double extra_ns;
};

struct sim_batch {
	struct sim_job *job; /* NULL: none */
	unsigned width, n_pieces;
	uint32_t cores;
	uint64_t start_ns, kill_ns;
	double overhead_ns, left_ns, rate;
	bool hangs;
	uint64_t version;
};

/* What a driver asks for. */
struct sim_start {
	unsigned width, n_pieces;
	uint32_t cores;
	double overhead_ns;
	double kill_after_ns; /* 0: never */
};

struct sim_driver;

struct sim_driver_ops {
	const char *name;
	int (*create)(struct sim_engine *engine, struct sim_driver **ret_driver);
	void (*destroy)(struct sim_driver *driver);
	void (*arrive)(struct sim_driver *driver, struct sim_job *job);
	/* A batch ended and its cores are free; the job lives on while `is_over` is false, and is
	 * freed after this call where it is true. */
	void (*batch_done)(struct sim_driver *driver, const struct sim_batch *batch, bool is_over);
	/* A batch, or one of others that a reset of all cores hit, was killed; its job has failed
	 * and is freed after this call. May be NULL. */
	void (*killed)(struct sim_driver *driver, const struct sim_batch *batch);
	/* Cores have come back from a reset, or a timer of the driver's has run out. */
	void (*wake)(struct sim_driver *driver);
	bool resets_device; /* a kill resets all cores */
};

struct sim_driver {
	const struct sim_driver_ops *ops;
};

struct sim_event {
	uint64_t time_ns, sequence;
	void (*run)(struct sim_engine *engine, void *object, uint64_t value);
	void *object;
	uint64_t value;
};

/* Tells of every batch; for the timeline. */
typedef void (*sim_trace_fn)(void *context, const struct sim_engine *engine,
			     const struct sim_batch *batch);

struct sim_engine {
	const struct sim_workload *workload;
	const struct sim_hardware *hardware;
	const struct sim_scenario *scenario;
	const void *driver_options;
	uint64_t seed, now_ns, last_ns, horizon_ns, makespan_ns;
	struct sim_event *events; /* heap */
	size_t n_events, size_events;
	uint64_t n_sequence, n_jobs, n_batches, n_kills, n_switches, n_versions;
	struct sim_tenant *tenants;
	unsigned n_tenants;
	struct sim_session *sessions;
	unsigned n_sessions;
	struct sim_batch batches[SIM_CORES_MAX];  /* by their lowest core */
	struct sim_batch *running[SIM_CORES_MAX]; /* by core */
	uint64_t reset_until_ns[SIM_CORES_MAX];
	uint64_t core_domains[SIM_CORES_MAX]; /* of what ran last; 0: none */
	struct sim_driver *driver;
	sim_trace_fn trace;
	void *trace_context;
	struct list requests, jobs; /* all there are */
	bool is_over;		    /* nothing counts any more */
	bool is_out_of_memory;
};

/* -ENOMEM, or the driver's. `driver_options`: what its create() finds in the engine. */
int sim_engine_init(struct sim_engine *engine, const struct sim_workload *workload,
		    const struct sim_scenario *scenario, uint64_t seed);
void sim_engine_deinit(struct sim_engine *engine);
/* For the run times of a session's request, which are counted from 1. */
unsigned __int128 sim_request_seed(const struct sim_engine *engine,
				   const struct sim_session *session, uint64_t request);
int sim_engine_run(struct sim_engine *engine, const struct sim_driver_ops *driver);

/* ---- for drivers ---- */

void sim_at(struct sim_engine *engine, uint64_t time_ns,
	    void (*run)(struct sim_engine *engine, void *object, uint64_t value), void *object,
	    uint64_t value);
bool sim_core_is_free(const struct sim_engine *engine, unsigned core);
bool sim_is_idle(const struct sim_engine *engine);
/* Undisturbed time of that many pieces of the job, its noise included. */
double sim_work_ns(const struct sim_job *job, unsigned width, unsigned n_pieces);
/* The cores are free. */
struct sim_batch *sim_start(struct sim_engine *engine, struct sim_job *job,
			    const struct sim_start *start);
/* Stops what runs on the cores at once, whole gangs, and resets them; nobody is told. */
void sim_reset(struct sim_engine *engine, uint32_t cores, double reset_ns);
/* A job that does not run is over; it is freed. */
void sim_finish(struct sim_engine *engine, struct sim_job *job, enum sim_end end);

#endif
