/* SPDX-License-Identifier: MIT */
/*
 * What npud's scheduler is to run with: a policy file as npud itself reads it, or the defaults.
 *
 * Who is in which class of a file: who the workload says is in it (`policy_class`), else the first
 * rule of `match` that fits the tenant's uid, comm, cgroup and groups by their names. The last
 * rule, which is for everybody, is for those that have a comm, a cgroup or groups: of a tenant that
 * has a uid alone a file cannot say more than the workload does.
 */
#ifndef NPU_SIM_POLICY_FILE_H
#define NPU_SIM_POLICY_FILE_H

#include "scheduler/scheduler.h"
#include "sessions/class.h"
#include "tools/sim/workload.h"

struct sim_policy {
	struct scheduler_config scheduler;
	bool resets_device;	       /* a core cannot be reset alone; not of a file */
	bool has_classes;	       /* else all tenants are what the workload says */
	struct session_policy classes; /* owned */
	json_t *principals;	       /* owned; the numbers of the users and groups in rules */
};

struct sim_policy_error {
	char text[512]; /* one line, with the file's name */
};

/* Whether what a user names is a file: it ends in ".json" or has a "/". */
bool sim_policy_is_file(const char *name);
/* What npud runs with without a file. */
struct sim_policy sim_policy_default(void);
/* `policy` is untouched on failure: -errno with *ret_error. */
int sim_policy_load(const char *path, struct sim_policy *ret_policy,
		    struct sim_policy_error *ret_error);
/* Safe on a zeroed struct. */
void sim_policy_deinit(struct sim_policy *policy);
/* NULL: the tenant is what the workload says. */
const struct class *sim_policy_class(const struct sim_policy *policy,
				     const struct sim_tenant_spec *tenant);

#endif
