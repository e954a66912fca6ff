/* SPDX-License-Identifier: MIT */
/*
 * What the daemon says of itself, and whether it is true.
 */
#include "npuctl_doctor.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static bool connect_daemon(struct doctor *doctor, const char *socket_path,
			   struct npu_session **ret_session)
{
	const struct npu_open_args args = {.socket_path = socket_path};
	int error = npu_open(&args, ret_session);
	if (error == 0)
		return true;
	doctor_add(doctor, "daemon", DOCTOR_FAILURE, "cannot reach npud: %s; cores were not tried",
		   npu_last_error());
	if (error == -ENOENT || error == -ECONNREFUSED)
		doctor_advise(doctor, "start it with `npud` (or `systemctl start npud`), or name "
				      "its socket with --socket or $NPU_SOCKET");
	else if (error == -EACCES || error == -EPERM)
		doctor_advise(doctor, "join the group of the socket, or run this as root");
	return false;
}

static void check_connection(struct doctor *doctor, const struct npu_hello_reply *hello)
{
	if (strcmp(hello->daemon_version, NPUD_VERSION) == 0) {
		doctor_add(doctor, "daemon", DOCTOR_OK, "npud %s, class %s", hello->daemon_version,
			   hello->class_name);
		return;
	}
	doctor_add(doctor, "daemon", DOCTOR_WARNING, "npud %s, but npuctl %s",
		   hello->daemon_version, NPUD_VERSION);
	doctor_advise(doctor, "restart npud after an upgrade");
}

static bool is_model(const char *device)
{
	return strcmp(device, "soft") == 0 || strcmp(device, "timing") == 0;
}

static void check_device_name(struct doctor *doctor, const struct npu_hello_reply *hello)
{
	if (*doctor->driver && is_model(hello->device)) {
		doctor_add(doctor, "device", DOCTOR_WARNING,
			   "npud runs %s although this machine has an NPU (%s)", hello->device,
			   doctor->driver);
		doctor_advise(doctor, "start npud with --device %s", doctor->driver);
	} else if (is_model(hello->device)) {
		doctor_add(doctor, "device", DOCTOR_OK, "%s with %u cores: a model, no hardware",
			   hello->device, hello->n_cores);
	} else {
		doctor_add(doctor, "device", DOCTOR_OK, "%s with %u cores", hello->device,
			   hello->n_cores);
	}
}

/* ---- statistics ---- */

json_t *doctor_ask_stats(struct npu_session *session)
{
	char *text;
	if (npu_stats(session, &text) < 0)
		return NULL;
	json_t *stats = json_loads(text, 0, NULL);
	free(text);
	return stats;
}

static long long total(const json_t *stats, const char *key)
{
	return json_integer_value(json_object_get(json_object_get(stats, "totals"), key));
}

/* The first thing that is wrong with the later of two documents; NULL where nothing is. */
static const char *find_nonsense(const json_t *before, const json_t *after)
{
	static const char *const keys[] = {"version", "uptime_s",  "device",   "cores",	 "sessions",
					   "totals",  "scheduler", "watchdog", "memory", "io"};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!json_object_get(after, keys[i]))
			return "keys are missing";
	if (total(after, "submitted") < total(before, "submitted") ||
	    total(after, "completed") < total(before, "completed"))
		return "counters went backwards";
	if (total(after, "completed") > total(after, "submitted"))
		return "more jobs completed than were submitted";
	return NULL;
}

static void check_statistics(struct doctor *doctor, const json_t *before, const json_t *after)
{
	const char *nonsense = before && after ? find_nonsense(before, after) : "no answer";
	if (nonsense) {
		doctor_add(doctor, "statistics", DOCTOR_FAILURE, "%s", nonsense);
		doctor_advise(doctor, "report this with the output of `npuctl stats`");
		return;
	}
	doctor_add(doctor, "statistics", DOCTOR_OK, "%lld jobs submitted, %lld completed",
		   total(after, "submitted"), total(after, "completed"));
}

static void check_state(struct doctor *doctor, json_t *stats)
{
	const json_t *device = json_object_get(stats, "device");
	const char *state = json_string_value(json_object_get(device, "state"));
	char cores[64] = "";
	int used = 0;
	size_t i;
	json_t *core;
	if (!state || strcmp(state, "ok") == 0)
		return;
	json_array_foreach (json_object_get(stats, "cores"), i, core) {
		const char *core_state = json_string_value(json_object_get(core, "state"));
		if (core_state && strcmp(core_state, "faulted") == 0)
			used += snprintf(cores + used, sizeof(cores) - (size_t)used, " %zu", i);
	}
	doctor_add(doctor, "device", DOCTOR_FAILURE, "%s: out of service: cores%s", state, cores);
	doctor_advise(doctor, "see `npuctl cores` and `npuctl incidents`");
}

static void check_loop(struct doctor *doctor, const json_t *stats)
{
	const char *loop = json_string_value(json_object_get(stats, "loop"));
	const char *reason = json_string_value(json_object_get(stats, "loop_fallback"));
	if (reason && *reason)
		doctor_add(doctor, "loop", DOCTOR_WARNING, "npud runs on %s: %s", loop ? loop : "?",
			   reason);
}

/* ", 45.0 degrees C" where the kernel shows it. */
static void describe_temperature(const json_t *power, char *ret_text, size_t size)
{
	const json_t *temperature = json_object_get(power, "temperature_c");
	*ret_text = '\0';
	if (json_is_number(temperature))
		snprintf(ret_text, size, ", %.1f degrees C", json_number_value(temperature));
}

static void check_power(struct doctor *doctor, const json_t *stats)
{
	const json_t *power = json_object_get(stats, "power");
	long long limit_hz = json_integer_value(json_object_get(power, "limit_hz"));
	long long full_hz = json_integer_value(json_object_get(power, "full_hz"));
	char temperature[32];
	if (!json_is_object(power))
		return;
	describe_temperature(power, temperature, sizeof(temperature));
	if (!json_is_integer(json_object_get(power, "limit_hz"))) {
		if (*temperature)
			doctor_add(doctor, "power", DOCTOR_OK, "no clock is shown%s", temperature);
		return;
	}
	if (!json_is_true(json_object_get(power, "throttled"))) {
		doctor_add(doctor, "power", DOCTOR_OK, "up to %lld MHz%s", limit_hz / 1000000,
			   temperature);
		return;
	}
	doctor_add(doctor, "power", DOCTOR_WARNING, "limited to %lld of %lld MHz%s",
		   limit_hz / 1000000, full_hz / 1000000, temperature);
	doctor_advise(doctor, "look at cooling, or at max_freq of its devfreq");
}

void doctor_check_daemon(struct doctor *doctor, const char *socket_path)
{
	struct npu_session *session;
	if (!connect_daemon(doctor, socket_path, &session))
		return;
	const struct npu_hello_reply *hello = npu_query(session);
	check_connection(doctor, hello);
	check_device_name(doctor, hello);
	json_t *before = doctor_ask_stats(session);
	check_loop(doctor, before);
	check_power(doctor, before);
	check_state(doctor, before);
	doctor_check_device(doctor, session);
	json_t *after = doctor_ask_stats(session);
	check_statistics(doctor, before, after);
	json_decref(before);
	json_decref(after);
	npu_close(session);
}
