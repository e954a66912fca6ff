/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: when and where a job runs.
 *
 *   session -- queue --+                     +-- core 0
 *   session -- queue --+-- policy: rank() ---+-- core 1      (struct core: what runs there)
 *   session -- queue --+     dispatch pass   +-- core 2
 *
 * Objects: `sched_job` (state machine in job.h), `queue` (one session's jobs), `core`, `policy`
 * (orders the queues; one file each), `watchdog` (budgets). It includes base/ only: the world is
 * five callbacks, so the simulator and the daemon drive the very same objects. It never reads a
 * clock, allocates nothing per job, and has no locks: one thread.
 *
 * Invariants: a core runs one batch; a job in JOB_RUNNING holds the cores in `running_mask` and no
 * other job does; a gang's cores start in one pass; every submitted job is retired exactly once,
 * and never from within scheduler_submit() or scheduler_cancel() of another job; whenever a core is
 * idle after scheduler_run(), no ready job may use it but those that a gang's reservation, their
 * queue's max_cores or its often overtaken head (QUEUE_OVERTAKES_MAX) holds back, or quarantine, or
 * a job that must run alone.
 */
#ifndef NPUD_SCHEDULER_SCHEDULER_H
#define NPUD_SCHEDULER_SCHEDULER_H

#include "base/list.h"
#include "scheduler/core.h"
#include "scheduler/job.h"
#include "scheduler/predict.h"
#include "scheduler/queue.h"

#include <stdbool.h>
#include <stdint.h>

struct scheduler;
struct policy_ops;

struct sched_progress {
	uint32_t tasks_done;
	uint64_t device_ns; /* device time since the batch started */
};

#define SCHEDULER_CORES_MAX 8
/* Innocent resets of one batch after which it runs alone. */
#define REPEATS_MAX 3
/* Pauses between attempts to bring a lost device back: they double. */
#define REVIVAL_PAUSE_NS     1000000000ull
#define REVIVAL_PAUSE_MAX_NS (64 * REVIVAL_PAUSE_NS)

/* Why a job that runs is ended: what its core showed when it was looked at. */
struct sched_evidence {
	enum npu_outcome outcome;
	unsigned core;
	struct sched_progress progress; /* of that core */
	uint64_t budget_ns;		/* NPU_OUTCOME_HANG: what the task, or the job, had */
	uint64_t stood_still_ns;	/* device time since its task counter moved */
};

/*
 * The world. `context` is what scheduler_new() was given. retire() may call anything in this header
 * but scheduler_free(), and free the job, and its queue once that is removed; the others must not
 * call back.
 */
struct sched_backend_ops {
	/*
	 * Starts the job's share `share` (0 … n_cores-1) on an idle core. -errno: the job fails
	 * with NPU_OUTCOME_DEVICE_LOST, and this core and those that run its other shares are
	 * reset.
	 */
	int (*run)(void *context, struct sched_job *job, unsigned share, unsigned core);
	void (*progress)(void *context, unsigned core, struct sched_progress *ret_progress);
	/*
	 * Whether the core has come to an end that scheduler_core_done() or scheduler_core_failed()
	 * has not been told of yet. They are to be told before the next scheduler_tick(). NULL:
	 * never.
	 */
	bool (*has_event)(void *context, unsigned core);
	/*
	 * Stops and resets a core; what it ran is forgotten. -EIO when it does not come back: tried
	 * again up to CORE_RESETS_MAX times. A job that the core ran has its `outcome` set already.
	 */
	int (*reset)(void *context, unsigned core);
	/*
	 * Stops and resets all cores; what they ran is forgotten. Returns those that came back.
	 * NULL where there is no such thing: a core that does not come back is lost then.
	 */
	uint32_t (*reset_device)(void *context);
	/*
	 * A job is to end for what its core did, which is about to be reset: the last look at it.
	 * May be NULL, as the next.
	 */
	void (*accuse)(void *context, struct sched_job *job, const struct sched_evidence *evidence);
	/* A reset of the device cut an innocent batch short; it waits to be run again. */
	void (*repeat)(void *context, struct sched_job *job);
	/* The job is over (job->outcome); the scheduler has let go of it. */
	void (*retire)(void *context, struct sched_job *job);
	uint64_t (*now)(void *context);
};

/* Watchdog knobs, of the policy file's `watchdog`. */
struct watchdog_config {
	uint64_t floor_ns;   /* floor_ms 20: no budget is smaller, save by a client's timeout */
	uint64_t cap_ns;     /* cap_ms 8000: no budget is larger */
	uint64_t unknown_ns; /* unknown_ms 2000: budget of a task of unknown duration */
	double factor;	     /* factor 3: budget as a multiple of the predicted time */
	uint64_t slack_ns;   /* slack_ms 10: added to that */
};

struct scheduler_config {
	const struct policy_ops *policy; /* policy_find() */
	uint64_t rr_quantum_ns;		 /* rr_quantum_ms 10 */
	uint64_t min_charge_ns;		 /* min_charge_ms 0.15 */
	uint64_t lag_ns;		 /* lag_ms 100 */
	uint64_t quantum_ns;		 /* quantum_ms 8 */
	uint64_t gang_quantum_ns;	 /* gang_quantum_ms 24 */
	double hold_factor;		 /* hold_factor 2 */
	double long_factor;		 /* long_factor 4 */
	double short_umax;		 /* short_umax 0.70 */
	double backfill_margin;		 /* backfill_margin 1.1 */
	uint64_t patience_ns;		 /* patience_ms 10 */
	bool has_admission;		 /* admission true */
	double admit_margin;		 /* admit_margin 0.1 */
	uint64_t shed_margin_ns;	 /* shed_margin_ms 15 */
	double rt_cap;			 /* rt_cap 0.8 */
	uint64_t ageing_ns;		 /* ageing_ms 1000 */
	unsigned probe_every;		 /* probe_every 5 */
	bool has_bandwidth_guard;	 /* bandwidth_guard true */
	bool is_moldable;		 /* moldable true */
	uint64_t np_cap_ns;		 /* np_cap_ms; 0: auto */
	/* `pinned`: of classes that name their cores, those that lend them and those that do not.
	 */
	uint32_t lent_cores, kept_cores;
	uint64_t epoch_ns;	  /* domains.epoch_ms; 0: auto */
	uint64_t affinity_ns;	  /* domains.affinity_ms 2; 0: none */
	uint64_t affinity_max_ns; /* domains.affinity_max_ms 10 */
	struct watchdog_config watchdog;
	struct predict_config predict;
};

struct scheduler_config scheduler_config_default(void);

struct scheduler_stats {
	uint64_t slices; /* batches started; a gang's shares are one */
	uint64_t hangs, core_resets;
	uint64_t device_resets; /* of all cores at once */
	uint64_t device_losses; /* times that no core was left */
	uint64_t repeats;	/* batches that were run again after a reset for another's sake */
	struct {
		uint64_t job_id, queue_id;
		unsigned core;
		uint64_t budget_ns, time_ns;
	} last_hangs[8];	  /* ring; hangs % 8 is the next to be written */
	uint64_t gang_wait_ns;	  /* sum over gangs, from head of its queue to start */
	uint64_t n_late;	  /* jobs refused, dropped or shed for their deadline */
	uint64_t n_demoted;	  /* jobs that went on without it */
	uint64_t domain_switches; /* starts in another address space than before */
};

/* Reservations (contract.h). */
struct sched_contracts {
	unsigned n;
	double reserved_cores, cores; /* taken, of those that may be */
};

struct scheduler_params {
	unsigned n_cores;
	uint64_t gang_masks; /* bit m: mask m may start together */
	bool has_one_domain; /* all cores run in one address space at a time */
	bool has_core_reset; /* a core can be reset without touching the others */
	uint64_t gap_ns;     /* from the end of a batch to the start of the next */
	uint64_t switch_ns;  /* to change the address space, of a core or the device, until measured
			      */
	/* The device ends a batch that takes longer, by itself; 0: none. */
	uint64_t batch_limit_ns;
	const struct sched_backend_ops *ops;
	void *context;
};

/* The device's clock: what it is and what it could be. 0: not known. */
struct sched_clock {
	uint64_t now_hz, full_hz;
};

/* -EINVAL for a number of cores outside 1 … SCHEDULER_CORES_MAX, -ENOMEM. */
int scheduler_new(const struct scheduler_params *params, const struct scheduler_config *config,
		  struct scheduler **ret_scheduler);
/* Every queue must have been removed. Takes NULL, returns NULL. */
struct scheduler *scheduler_free(struct scheduler *scheduler);

/*
 * Takes a new configuration over without touching what is queued or runs: a job that would no
 * longer fit keeps the cores it was accepted for. Same for scheduler_update_queue(). -ENOMEM leaves
 * everything as it was.
 */
int scheduler_configure(struct scheduler *scheduler, const struct scheduler_config *config);

/*
 * From now on predictions are those for this clock, and the budgets of what runs and of what is not
 * known yet are stretched where it is slower than it was or could be: a throttled core does not
 * hang. Timeouts of clients and caps stay as they are.
 */
void scheduler_set_clock(struct scheduler *scheduler, const struct sched_clock *clock);

/*
 * A queue joins with its params; it leaves when it holds no job any more. -ENOSPC for a reservation
 * that does not fit, which is asked when it joins only; -ENOMEM: it has not joined, or keeps its
 * params.
 */
int scheduler_add_queue(struct scheduler *scheduler, struct queue *queue,
			const struct queue_params *params);
int scheduler_update_queue(struct scheduler *scheduler, struct queue *queue,
			   const struct queue_params *params);
void scheduler_remove_queue(struct scheduler *scheduler, struct queue *queue);
/*
 * Quarantine: nothing of the queue starts before `until_ns` (0: it is not held), and while it is
 * slow only one job at a time. What runs goes on.
 */
void scheduler_hold_queue(struct scheduler *scheduler, struct queue *queue, uint64_t until_ns,
			  bool is_slow);

/*
 * -EINVAL when no set of cores in service that the queue may use fits the job's demand (a gang's
 * mask must be one of gang_masks and its width of the queue's gang_widths, a single core's mask is
 * bound by core_mask_rule, n_cores by max_cores), or the demand contradicts itself; -ETIME when the
 * policy sees that it would be late; -EFBIG when what cannot be cut of it is predicted to take
 * longer than the device lets a batch; -ENODEV while the device is lost. The job stays JOB_NEW
 * then. Else the job is JOB_BLOCKED while n_deps > 0, or JOB_READY, and belongs to the scheduler
 * until it is retired. Starts nothing by itself: scheduler_run() does.
 */
int scheduler_submit(struct scheduler *scheduler, struct queue *queue, struct sched_job *job);
/* One dependency of a blocked job is gone; with the last one it becomes ready. */
void scheduler_resolve(struct scheduler *scheduler, struct sched_job *job);
/*
 * Ends a blocked or ready job with `outcome` (retire is called). -EBUSY when it runs, -EINVAL when
 * it has not been submitted or is over.
 */
int scheduler_cancel(struct scheduler *scheduler, struct sched_job *job, enum npu_outcome outcome);
/*
 * Ends a job, by resetting its cores when it runs; for administrators and for shutting down.
 * Harmless on a job that is not submitted or over.
 */
void scheduler_abort(struct scheduler *scheduler, struct sched_job *job, enum npu_outcome outcome);

/* The core's batch ended. Ignored, as is the next, when the core runs nothing: it was reset since.
 */
void scheduler_core_done(struct scheduler *scheduler, unsigned core, uint64_t device_ns);
/*
 * The core's batch failed (page fault, bad stream, a timeout of the device's own) and the core
 * stands still: it is reset, and so are the other cores of the same job.
 */
void scheduler_core_failed(struct scheduler *scheduler, unsigned core, enum npu_outcome outcome,
			   uint64_t device_ns);
/*
 * An administrator's reset: what runs there fails with NPU_OUTCOME_CANCELLED. -EINVAL for no such
 * core, -EIO when it is out of service, or is so now.
 *
 * Whenever a reset takes a core out of service, the waiting jobs that need it fail with
 * NPU_OUTCOME_DEVICE_LOST before the call returns.
 *
 * Where cores cannot be reset one by one, or one does not come back, the whole device is reset.
 * Jobs of others that ran are then repeated from the start of their batch, not charged for what is
 * lost; from the REPEATS_MAX-th time on with nobody beside them. Those that must not be repeated
 * fail with NPU_OUTCOME_DEVICE_RESET.
 */
int scheduler_reset_core(struct scheduler *scheduler, unsigned core);

/*
 * The dispatch pass: fills idle cores. Call after anything above, once per turn. Retires jobs whose
 * start fails. From within retire() it may be put off to the end of the pass that goes on.
 */
void scheduler_run(struct scheduler *scheduler);
/* When scheduler_tick() wants to be called next; UINT64_MAX: not while nothing changes. */
uint64_t scheduler_next_tick_ns(const struct scheduler *scheduler);
/*
 * Watchdog: samples what runs, shoots what exceeded its budget (it fails with NPU_OUTCOME_HANG),
 * lets queues go whose time has come, tries to bring a lost device back, and fills the cores that
 * this freed, or that may be stolen by now. Harmless when called early.
 */
void scheduler_tick(struct scheduler *scheduler);

const struct scheduler_stats *scheduler_get_stats(const struct scheduler *scheduler);
const struct predict_stats *scheduler_predict_stats(const struct scheduler *scheduler);
/* Core-time that is predicted for a job that has not been submitted. */
uint64_t scheduler_predict_ns(const struct scheduler *scheduler, const struct sched_job *job);
/* When the first batch on these cores is predicted to end; UINT64_MAX where none runs. */
uint64_t scheduler_next_end_ns(const struct scheduler *scheduler, uint32_t cores);
const struct core *scheduler_core(const struct scheduler *scheduler, unsigned index);
/* To change the address space: as measured, or as params say. */
uint64_t scheduler_switch_ns(const struct scheduler *scheduler);
void scheduler_get_contracts(const struct scheduler *scheduler,
			     struct sched_contracts *ret_contracts);
unsigned scheduler_n_cores(const struct scheduler *scheduler);
/* What the task, or the job, that runs on a core may take; 0 on an idle one. */
uint64_t scheduler_budget_ns(const struct scheduler *scheduler, unsigned core);
/* Whether no core is left in service; then also when it will be tried next. */
bool scheduler_is_lost(const struct scheduler *scheduler, uint64_t *ret_retry_ns);
/* Those in service. */
unsigned scheduler_n_cores_live(const struct scheduler *scheduler);
unsigned scheduler_n_ready(const struct scheduler *scheduler);
unsigned scheduler_n_blocked(const struct scheduler *scheduler);
const char *scheduler_policy_name(const struct scheduler *scheduler);

#endif
