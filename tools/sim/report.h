/* SPDX-License-Identifier: MIT */
/* The figures of runs, for people and for programs. */
#ifndef NPU_SIM_REPORT_H
#define NPU_SIM_REPORT_H

#include "tools/sim/metrics.h"

/* One line per tenant and one for all; `engine` names the tenants. */
void sim_report_print(const char *policy, const struct sim_engine *engine,
		      const struct sim_metrics *metrics);
/* The same as an object; NULL when out of memory. */
json_t *sim_report_json(const char *policy, const struct sim_engine *engine,
			const struct sim_metrics *metrics);

#endif
