/* SPDX-License-Identifier: MIT */
/*
 * The scheduler's part of a policy file: `scheduler` and `watchdog`. The rest, who is in which
 * class above all, is the workload's; that the file is right as a whole, `npuctl policy check`
 * says.
 */
#ifndef NPU_SIM_POLICY_FILE_H
#define NPU_SIM_POLICY_FILE_H

#include "scheduler/scheduler.h"

struct sim_policy_error {
	char text[256]; /* one line, with the file's name */
};

/* Whether what a user names is a file: it ends in ".json" or has a "/". */
bool sim_policy_is_file(const char *name);
/* `config` is untouched on failure: -EINVAL with *ret_error. */
int sim_policy_load(const char *path, struct scheduler_config *config,
		    struct sim_policy_error *ret_error);

#endif
