/* SPDX-License-Identifier: MIT */
/*
 * A workload file: models, how long they take on how many cores, and scenarios of tenants that run
 * them; or a recording of npud, taken as such a file. Times in the file are ms, here ns.
 */
#ifndef NPU_SIM_WORKLOAD_H
#define NPU_SIM_WORKLOAD_H

#include "scheduler/queue.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define SIM_CORES_MAX  3
#define SIM_STAGES_MAX 8

struct sim_hardware {
	unsigned n_cores;
	uint64_t gang_masks; /* bit m: mask m may start together */
	double gap_kernel_ns, gap_daemon_ns, gap_lock_ns, ipc_ns, task_irq_ns;
	double switch_core_ns, switch_device_ns;
	double timeout_vendor_ns, reset_vendor_ns, timeout_mainline_ns, reset_core_ns;
	double noise_sigma, outlier_chance, outlier_factor;
};

struct sim_model {
	const char *name;
	double run_ns[SIM_CORES_MAX + 1]; /* by width; 0: cannot */
	uint32_t widths;		  /* bit w: may run on w cores where it asks for more */
	uint64_t signature;		  /* equal for what npud takes as one kind; never 0 */
	unsigned n_pieces, n_tasks;
	double bandwidth;
};

struct sim_stage {
	const struct sim_model *model;
	unsigned width, n_parallel, n_repeats;
	uint64_t deadline_ns; /* 0: none */
	/* As in struct sched_job. */
	uint32_t core_mask; /* 0: any */
	int priority;
	enum late_rule late_rule;
	uint64_t timeout_ns;
};

enum sim_class { SIM_RT, SIM_NORMAL, SIM_BACKGROUND };
enum sim_arrival { SIM_PERIODIC, SIM_POISSON, SIM_CLOSED, SIM_OFFLINE, SIM_RECORDED };

/* One job of SIM_RECORDED, as it was. */
struct sim_recorded {
	struct sim_stage stage;
	unsigned session; /* among the tenant's */
	uint64_t time_ns;
	double noise; /* run time by that of its model */
};

struct sim_tenant_spec {
	const char *id, *uid;
	/* For policy files: the class by name, or what its `match` looks at; "" and NULL: none. */
	const char *policy_class, *comm, *cgroup;
	const json_t *groups;
	enum sim_class class;
	double weight;
	bool is_adversary, has_session_domains;
	bool is_sliceable; /* its jobs say that they may be cut */
	unsigned n_sessions, n_replicas;
	uint32_t pin_mask; /* 0: none */
	unsigned pin_width;
	double hang_chance;
	unsigned max_in_flight; /* 0: no limit */
	enum sim_arrival arrival;
	double period_ns, jitter_ns, rate_per_s, think_ns;
	unsigned depth, count;
	struct sim_stage stages[SIM_STAGES_MAX];
	unsigned n_stages;
	const json_t *session_numbers; /* of SIM_RECORDED: when each came, among all */
	struct sim_recorded *recorded; /* owned; by time */
	size_t n_recorded;
};

struct sim_scenario {
	const char *id, *title, *recommended_policy;
	uint64_t horizon_ns; /* 0: until empty */
	bool is_finite;	     /* runs until empty and counts the makespan */
	bool has_one_domain; /* of the whole device */
	struct sim_tenant_spec *tenants;
	unsigned n_tenants;
};

struct sim_workload {
	struct sim_hardware hardware;
	struct sim_model *models;
	unsigned n_models;
	struct sim_scenario *scenarios;
	unsigned n_scenarios;
	json_t *document; /* owns the texts */
};

/* What was wrong with a file, as "PATH: what". */
struct sim_error {
	char text[256];
};

/* -EINVAL with the error's text, -ENOMEM. */
int sim_workload_load(const char *path, struct sim_workload *workload, struct sim_error *ret_error);
void sim_workload_deinit(struct sim_workload *workload);
/* NULL when there is none of that name. */
const struct sim_scenario *sim_workload_find(const struct sim_workload *workload, const char *id);

/* A number that stands for a name. */
uint64_t sim_hash_text(const char *text);

#endif
