/* SPDX-License-Identifier: MIT */
/*
 * Reads the document with defaults for whatever is missing, so that it shows what an older or newer
 * npud says, too.
 */
#include "npuctl_show.h"
#include "cli.h"
#include "table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Follows a path of keys, "memory.bytes". */
static const json_t *look_up(const json_t *object, const char *path)
{
	char key[64];
	for (const char *dot = strchr(path, '.'); dot && object; dot = strchr(path, '.')) {
		snprintf(key, sizeof(key), "%.*s", (int)(dot - path), path);
		object = json_object_get(object, key);
		path = dot + 1;
	}
	return json_object_get(object, path);
}

static long long integer(const json_t *object, const char *path)
{
	return json_integer_value(look_up(object, path));
}

static const char *string(const json_t *object, const char *path)
{
	const char *text = json_string_value(look_up(object, path));
	return text ? text : "-";
}

static long long failed_sum(const json_t *object)
{
	const char *reason;
	json_t *count;
	long long sum = 0;
	json_object_foreach ((json_t *)look_up(object, "failed"), reason, count) {
		sum += json_integer_value(count);
	}
	return sum;
}

static void print_uptime(double uptime_s, FILE *out)
{
	long long s = (long long)uptime_s;
	if (s >= 86400)
		fprintf(out, "%lld d %lld h", s / 86400, s / 3600 % 24);
	else if (s >= 3600)
		fprintf(out, "%lld h %lld min", s / 3600, s / 60 % 60);
	else
		fprintf(out, "%lld min %lld s", s / 60, s % 60);
}

/* Text of the daemon in a line of its own: no control characters to the terminal. */
static void print_line(const char *label, const char *text, FILE *out)
{
	fprintf(out, "%-10s", label);
	for (; *text; text++)
		fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, out);
	fputc('\n', out);
}

static void print_lines(const char *label, const json_t *strings, FILE *out)
{
	size_t i;
	json_t *value;
	json_array_foreach ((json_t *)strings, i, value) {
		if (json_is_string(value))
			print_line(label, json_string_value(value), out);
	}
}

static void show_cores_line(const json_t *document, FILE *out)
{
	size_t i;
	json_t *core;
	fputs("cores     ", out);
	json_array_foreach ((json_t *)json_object_get(document, "cores"), i, core) {
		fprintf(out, "%s%lld %s", i ? ", " : "", integer(core, "id"),
			string(core, "state"));
	}
	fputc('\n', out);
}

/* The cores of a mask: "0+2". */
static void print_mask(long long mask, FILE *out)
{
	const char *between = "";
	for (int i = 0; i < 63; i++) {
		if (!(mask >> i & 1))
			continue;
		fprintf(out, "%s%d", between, i);
		between = "+";
	}
}

static void show_gangs(const json_t *masks, FILE *out)
{
	size_t i;
	json_t *mask;
	fputs(json_array_size(masks) ? "gangs" : "no gangs", out);
	json_array_foreach ((json_t *)masks, i, mask) {
		fputs(i ? ", " : " ", out);
		print_mask(json_integer_value(mask), out);
	}
}

/* What was found, and what follows from it. */
static void show_device_lines(const json_t *document, FILE *out)
{
	const json_t *caps = look_up(document, "device.caps");
	const json_t *quirks = json_object_get(caps, "quirks");
	size_t i;
	json_t *quirk;
	if (json_is_string(look_up(document, "device.driver")))
		print_line("driver", string(document, "device.driver"), out);
	if (!caps)
		return;
	fprintf(out, "can       cores chosen by %s; ",
		json_is_false(json_object_get(caps, "has_core_choice")) ? "the driver" : "npud");
	show_gangs(json_object_get(caps, "gang_masks"), out);
	if (integer(caps, "session_cores") &&
	    integer(caps, "session_cores") < integer(caps, "n_cores"))
		fprintf(out, "; a session's jobs on %lld core at a time",
			integer(caps, "session_cores"));
	if (integer(caps, "batch_limit_ns"))
		fprintf(out, "; nothing longer than %lld ms",
			integer(caps, "batch_limit_ns") / 1000000);
	fprintf(out, "; translation per %s", string(caps, "translation"));
	if (json_is_null(json_object_get(caps, "n_domains")))
		fputs(", an address space per session", out);
	else if (integer(caps, "n_domains"))
		fprintf(out, ", %lld address spaces", integer(caps, "n_domains"));
	fprintf(out, "; isolation by %s; reset of %s; fences of %s\n", string(caps, "isolation"),
		json_is_true(json_object_get(caps, "has_core_reset")) ? "one core" : "all cores",
		string(caps, "fences"));
	if (!json_array_size(quirks))
		return;
	fputs("quirks    ", out);
	json_array_foreach ((json_t *)quirks, i, quirk) {
		fprintf(out, "%s%s", i ? ", " : "", json_string_value(quirk));
	}
	fputc('\n', out);
}

static void show_predictions_line(const json_t *document, FILE *out)
{
	const json_t *error = look_up(document, "scheduler.prediction_error");
	if (json_is_object(error))
		fprintf(out, "predicts  off by %.1f %% p50, %.1f %% p90, in %lld batches\n",
			json_number_value(json_object_get(error, "p50")) * 100,
			json_number_value(json_object_get(error, "p90")) * 100,
			integer(document, "scheduler.predictions"));
	else
		fputs("predicts  nothing yet\n", out);
}

static void show_incidents_line(const json_t *document, FILE *out)
{
	if (json_is_string(look_up(document, "incidents.error")))
		fprintf(out, "incidents not kept: %s: %s\n",
			string(document, "incidents.directory"),
			string(document, "incidents.error"));
	else if (string(document, "incidents.directory")[0])
		fprintf(out, "incidents %lld in %s\n", integer(document, "incidents.count"),
			string(document, "incidents.directory"));
	else
		fputs("incidents not kept: the policy names no directory\n", out);
}

/* Nothing where the kernel shows nothing. */
static void show_power_line(const json_t *document, FILE *out)
{
	const json_t *power = look_up(document, "power");
	const json_t *temperature = json_object_get(power, "temperature_c");
	const char *separator = "";
	bool has_clock = json_is_integer(json_object_get(power, "frequency_hz"));
	if (!has_clock && !json_is_number(temperature))
		return;
	fputs("power     ", out);
	if (has_clock) {
		fprintf(out, "%lld MHz", integer(power, "frequency_hz") / 1000000);
		if (json_is_true(json_object_get(power, "throttled")))
			fprintf(out, ", limited to %lld of %lld MHz",
				integer(power, "limit_hz") / 1000000,
				integer(power, "full_hz") / 1000000);
		separator = ", ";
	}
	if (json_is_number(temperature))
		fprintf(out, "%s%.1f degrees C", separator, json_number_value(temperature));
	fputc('\n', out);
}

void show_status(const json_t *document, FILE *out)
{
	char bytes[32], tables[32];
	fprintf(out, "npud      %s, up ", string(document, "version"));
	print_uptime(json_number_value(look_up(document, "uptime_s")), out);
	fprintf(out, ", loop %s\n", string(document, "loop"));
	fprintf(out, "device    %s, %s", string(document, "device.name"),
		string(document, "device.state"));
	if (json_is_integer(look_up(document, "device.retry_in_ns")))
		fprintf(out, ", tried again in %.1f s",
			(double)integer(document, "device.retry_in_ns") * 1e-9);
	fputc('\n', out);
	show_device_lines(document, out);
	if (json_is_true(json_object_get(document, "draining")))
		fputs("draining  no new sessions and jobs until npud is restarted\n", out);
	show_cores_line(document, out);
	show_power_line(document, out);
	fprintf(out, "policy    %s (%s)\n", string(document, "scheduler.policy"),
		json_is_string(look_up(document, "policy.file")) ? string(document, "policy.file")
								 : "built-in");
	fprintf(out, "sessions  %zu\n", json_array_size(json_object_get(document, "sessions")));
	fprintf(out, "jobs      %lld ready, %lld waiting, %lld completed, %lld failed\n",
		integer(document, "scheduler.ready"), integer(document, "scheduler.waiting"),
		integer(document, "totals.completed"),
		failed_sum(json_object_get(document, "totals")));
	fprintf(out, "slices    %lld batches started\n", integer(document, "scheduler.slices"));
	show_predictions_line(document, out);
	fprintf(out, "memory    %s in %lld BOs, %s of page tables\n",
		cli_format_bytes((uint64_t)integer(document, "memory.bytes"), bytes, sizeof(bytes)),
		integer(document, "memory.bos"),
		cli_format_bytes((uint64_t)integer(document, "memory.pagetable_bytes"), tables,
				 sizeof(tables)));
	fprintf(out, "watchdog  %lld hangs, %lld core resets, %lld device resets, %lld repeats\n",
		integer(document, "watchdog.hangs"), integer(document, "watchdog.core_resets"),
		integer(document, "watchdog.device_resets"), integer(document, "watchdog.repeats"));
	show_incidents_line(document, out);
	if (string(document, "loop_fallback")[0] && json_object_get(document, "loop_fallback"))
		print_line("epoll", string(document, "loop_fallback"), out);
	print_lines("warning", json_object_get(document, "warnings"), out);
	print_lines("no effect", look_up(document, "policy.not_in_effect"), out);
}

/* Strikes, standing and how long that lasts. */
static void add_standing(struct table *table, const json_t *object)
{
	const json_t *left = json_object_get(object, "standing_left_ns");
	table_add(table, "%lld", integer(object, "strikes"));
	table_add(table, "%s", string(object, "standing"));
	if (json_is_integer(left))
		table_add(table, "%.1f s", (double)json_integer_value(left) * 1e-9);
	else
		table_add(table, "-");
}

static void add_session(struct table *table, const json_t *session)
{
	char bytes[32], npu[32], p50[32], p99[32];
	const json_t *latency = json_object_get(session, "latency_ns");
	table_add(table, "%lld", integer(session, "id"));
	table_add(table, "%lld", integer(session, "pid"));
	table_add(table, "%lld", integer(session, "uid"));
	table_add(table, "%s", string(session, "comm"));
	table_add(table, "%s", string(session, "class"));
	table_add(table, "%s", string(session, "state"));
	add_standing(table, session);
	table_add(table, "%lld", integer(session, "bos"));
	table_add(table, "%s",
		  cli_format_bytes((uint64_t)integer(session, "bytes"), bytes, sizeof(bytes)));
	table_add(table, "%lld", integer(session, "queued"));
	table_add(table, "%lld", integer(session, "running"));
	table_add(table, "%lld", integer(session, "completed"));
	table_add(table, "%lld", failed_sum(session));
	table_add(table, "%s",
		  cli_format_ns((uint64_t)integer(session, "npu_ns"), npu, sizeof(npu)));
	table_add(table, "%s", cli_format_ns((uint64_t)integer(latency, "p50"), p50, sizeof(p50)));
	table_add(table, "%s", cli_format_ns((uint64_t)integer(latency, "p99"), p99, sizeof(p99)));
}

/* Who has strikes, with a session or without; nothing where nobody has. */
static void show_identities(const json_t *identities, FILE *out)
{
	static const char *const columns[] = {">STRIKES", "STANDING", ">FOR", "IDENTITY"};
	struct table table;
	size_t i;
	json_t *identity;
	if (!json_array_size(identities))
		return;
	fputc('\n', out);
	table_init(&table, columns, COUNT(columns));
	json_array_foreach ((json_t *)identities, i, identity) {
		add_standing(&table, identity);
		table_add(&table, "%lld:%s", integer(identity, "uid"), string(identity, "cgroup"));
	}
	table_print(&table, out);
	table_deinit(&table);
}

void show_sessions(const json_t *document, FILE *out)
{
	static const char *const columns[] = {
		">ID",	    ">PID",	">UID",	   "COMM",	"CLASS",   "STATE",
		">STRIKES", "STANDING", ">FOR",	   ">BOS",	">MEMORY", ">QUEUED",
		">RUNNING", ">DONE",	">FAILED", ">NPU TIME", ">P50",	   ">P99"};
	struct table table;
	size_t i;
	json_t *session;
	table_init(&table, columns, COUNT(columns));
	json_array_foreach ((json_t *)json_object_get(document, "sessions"), i, session) {
		add_session(&table, session);
	}
	table_print(&table, out);
	table_deinit(&table);
	/* What the device left out of what a session's streams asked for. */
	json_array_foreach ((json_t *)json_object_get(document, "sessions"), i, session) {
		const char *ignored = json_string_value(json_object_get(session, "ignored"));
		if (ignored)
			fprintf(out, "session %lld: %s\n", integer(session, "id"), ignored);
	}
	show_identities(json_object_get(document, "identities"), out);
}

static double core_utilization(const json_t *core, const json_t *before, double elapsed_s)
{
	if (!before || elapsed_s <= 0)
		return json_number_value(json_object_get(core, "utilization"));
	double busy_s = (double)(integer(core, "busy_ns") - integer(before, "busy_ns")) * 1e-9;
	return busy_s > elapsed_s ? 1 : busy_s / elapsed_s;
}

static void add_id(struct table *table, const json_t *id)
{
	if (json_is_integer(id))
		table_add(table, "%lld", (long long)json_integer_value(id));
	else
		table_add(table, "-");
}

void show_cores(const json_t *document, const json_t *previous, double elapsed_s, FILE *out)
{
	static const char *const columns[] = {">ID",   "STATE", ">SESSION", ">JOB",
					      ">BUSY", ">LOAD", ">BATCHES", ">RESETS"};
	struct table table;
	char busy[32];
	size_t i;
	json_t *core;
	table_init(&table, columns, COUNT(columns));
	const json_t *cores_before = json_object_get(previous, "cores");
	json_array_foreach ((json_t *)json_object_get(document, "cores"), i, core) {
		const json_t *before = json_array_get(cores_before, i);
		table_add(&table, "%lld", integer(core, "id"));
		table_add(&table, "%s", string(core, "state"));
		add_id(&table, json_object_get(core, "session"));
		add_id(&table, json_object_get(core, "job"));
		table_add(&table, "%s",
			  cli_format_ns((uint64_t)integer(core, "busy_ns"), busy, sizeof(busy)));
		table_add(&table, "%.0f %%", core_utilization(core, before, elapsed_s) * 100);
		table_add(&table, "%lld", integer(core, "jobs"));
		table_add(&table, "%lld", integer(core, "resets"));
	}
	table_print(&table, out);
	table_deinit(&table);
}

void show_incidents(const json_t *document, FILE *out)
{
	static const char *const columns[] = {">ID",	  "TIME", "OUTCOME", ">CORE", ">UID",
					      ">SESSION", ">JOB", ">TASK",   "COMM"};
	struct table table;
	size_t i;
	json_t *incident;
	if (json_is_string(look_up(document, "error")))
		fprintf(out, "not kept: %s: %s\n", string(document, "directory"),
			string(document, "error"));
	table_init(&table, columns, COUNT(columns));
	json_array_foreach ((json_t *)json_object_get(document, "incidents"), i, incident) {
		table_add(&table, "%lld", integer(incident, "id"));
		table_add(&table, "%s", string(incident, "time"));
		table_add(&table, "%s", string(incident, "outcome"));
		table_add(&table, "%lld", integer(incident, "core"));
		table_add(&table, "%lld", integer(incident, "session.uid"));
		table_add(&table, "%lld", integer(incident, "session.id"));
		table_add(&table, "%lld", integer(incident, "job.id"));
		table_add(&table, "%lld", integer(incident, "job.task"));
		table_add(&table, "%s", string(incident, "session.comm"));
	}
	table_print(&table, out);
	table_deinit(&table);
}

/* An object on one line: "key value, key value". */
static void show_members(const char *label, const json_t *object, FILE *out)
{
	const char *key, *separator = "";
	json_t *value;
	fprintf(out, "%-10s", label);
	json_object_foreach ((json_t *)object, key, value) {
		char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
		fprintf(out, "%s%s %s", separator, key, text ? text : "?");
		separator = ", ";
		free(text);
	}
	fputc('\n', out);
}

static void show_list(const char *label, const json_t *list, FILE *out)
{
	size_t i;
	json_t *member;
	json_array_foreach ((json_t *)list, i, member) {
		show_members(i ? "" : label, member, out);
	}
}

void show_incident(const json_t *document, FILE *out)
{
	size_t i;
	json_t *command;
	fprintf(out, "incident  %lld, %s: %s on core %lld\n", integer(document, "id"),
		string(document, "time"), string(document, "outcome"), integer(document, "core"));
	show_members("session", json_object_get(document, "session"), out);
	show_members("job", json_object_get(document, "job"), out);
	show_members("evidence", json_object_get(document, "evidence"), out);
	show_list("cores", json_object_get(document, "cores"), out);
	show_list("queues", json_object_get(document, "queues"), out);
	show_list("actions", json_object_get(document, "actions"), out);
	show_members("registers", json_object_get(document, "registers"), out);
	show_members("mmu", json_object_get(document, "mmu"), out);
	json_array_foreach ((json_t *)json_object_get(document, "commands"), i, command) {
		fprintf(out, "%-10s%s  %s\n", i ? "" : "commands", string(command, "iova"),
			string(command, "text"));
	}
}
