/* SPDX-License-Identifier: MIT */
/* A number that cannot be measured is "-" here and null there. */
#include "tools/sim/report.h"

#include "sessions/class.h"

#include <math.h>
#include <stdio.h>

/* Of many equal tenants the first few tell enough. */
#define TENANTS_SHOWN_MAX 12

static const char *format(double value, unsigned decimals, char *buffer, size_t size)
{
	if (isnan(value))
		snprintf(buffer, size, "-");
	else
		snprintf(buffer, size, "%.*f", (int)decimals, value);
	return buffer;
}

static void print_cell(double value, unsigned decimals, int width)
{
	char buffer[32];

	printf(" %*s", width, format(value, decimals, buffer, sizeof(buffer)));
}

/* Of a policy file; "" where the workload's kind and weight count. */
static const char *class_name(const struct sim_tenant *tenant)
{
	return tenant->class ? tenant->class->name : "";
}

static bool has_classes(const struct sim_engine *engine)
{
	for (unsigned i = 0; i < engine->n_tenants; i++) {
		if (engine->tenants[i].class)
			return true;
	}
	return false;
}

static void print_tenant(const struct sim_tenant *tenant, const struct sim_tenant_metrics *metrics)
{
	printf("  %-12s", tenant->name);
	print_cell(metrics->p50_ms, 1, 9);
	print_cell(metrics->p90_ms, 1, 9);
	print_cell(metrics->p99_ms, 1, 9);
	print_cell(metrics->max_ms, 1, 9);
	print_cell(metrics->miss * 100, 2, 7);
	print_cell(metrics->jobs_per_s, 1, 8);
	print_cell(metrics->share * 100, 1, 7);
	print_cell(metrics->progress, 3, 8);
	print_cell(metrics->starved_ms, 0, 8);
	printf("%s%s\n", tenant->class ? "  " : "", class_name(tenant));
}

void sim_report_print(const char *policy, const struct sim_engine *engine,
		      const struct sim_metrics *metrics)
{
	printf("%s, %s\n", engine->scenario->id, policy);
	printf("  %-12s %9s %9s %9s %9s %7s %8s %7s %8s %8s%s\n", "tenant", "p50 ms", "p90 ms",
	       "p99 ms", "max ms", "miss %", "jobs/s", "share %", "progress", "starv ms",
	       has_classes(engine) ? "  class" : "");
	for (unsigned i = 0; i < metrics->n_tenants && i < TENANTS_SHOWN_MAX; i++)
		print_tenant(&engine->tenants[i], &metrics->tenants[i]);
	if (metrics->n_tenants > TENANTS_SHOWN_MAX)
		printf("  … and %u more\n", metrics->n_tenants - TENANTS_SHOWN_MAX);
	printf("  all: utilisation %.1f %%, makespan %.2f s, mean %.1f ms, p99 %.1f ms, "
	       "misses %.2f %%,\n       Jain %.3f, worst progress %.3f, starvation %.0f ms, "
	       "%.0f jobs in %.0f batches, %.0f switches, %.0f kills\n",
	       metrics->utilisation * 100, metrics->makespan_s, metrics->mean_ms, metrics->p99_ms,
	       isnan(metrics->miss) ? 0 : metrics->miss * 100, metrics->jain,
	       metrics->worst_progress, metrics->starved_ms, metrics->done, metrics->batches,
	       metrics->switches, metrics->kills);
}

static json_t *json_number_of(double value)
{
	return isnan(value) ? json_null() : json_real(value);
}

static json_t *tenant_json(const struct sim_tenant *tenant,
			   const struct sim_tenant_metrics *metrics)
{
	return json_pack("{s:s, s:s?, s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:f, s:o, s:f, s:f, s:f, "
			 "s:f, s:f}",
			 "id", tenant->name, "class", tenant->class ? class_name(tenant) : NULL,
			 "p50_ms", json_number_of(metrics->p50_ms), "p90_ms",
			 json_number_of(metrics->p90_ms), "p99_ms", json_number_of(metrics->p99_ms),
			 "max_ms", json_number_of(metrics->max_ms), "mean_ms",
			 json_number_of(metrics->mean_ms), "miss", json_number_of(metrics->miss),
			 "jobs_per_s", metrics->jobs_per_s, "share", metrics->share, "progress",
			 json_number_of(metrics->progress), "starvation_ms", metrics->starved_ms,
			 "done", metrics->done, "failed", metrics->failed, "dropped",
			 metrics->dropped, "rejected", metrics->rejected);
}

json_t *sim_report_json(const char *policy, const struct sim_engine *engine,
			const struct sim_metrics *metrics)
{
	json_t *tenants = json_array();

	for (unsigned i = 0; i < metrics->n_tenants; i++)
		json_array_append_new(tenants,
				      tenant_json(&engine->tenants[i], &metrics->tenants[i]));
	return json_pack(
		"{s:s, s:s, s:f, s:f, s:o, s:o, s:o, s:o, s:o, s:f, s:f, s:f, s:f, s:f, s:f, s:o}",
		"scenario", engine->scenario->id, "policy", policy, "utilisation",
		metrics->utilisation, "makespan_s", metrics->makespan_s, "mean_ms",
		json_number_of(metrics->mean_ms), "p99_ms", json_number_of(metrics->p99_ms), "miss",
		json_number_of(metrics->miss), "jain", json_number_of(metrics->jain),
		"worst_progress", json_number_of(metrics->worst_progress), "starvation_ms",
		metrics->starved_ms, "done", metrics->done, "failed", metrics->failed, "switches",
		metrics->switches, "kills", metrics->kills, "batches", metrics->batches, "tenants",
		tenants);
}
