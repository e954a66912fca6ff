/* SPDX-License-Identifier: MIT */
/*
 * Recordings over the wire, as a Chrome trace-event document: one thread per core. It is written
 * straight into the memory that the client gets, as it may be large.
 */
#include "api/request.h"
#include "api/wire.h"
#include "sessions/error.h"
#include "sessions/job.h"
#include "sessions/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NS_PER_US_F 1e3

/* A client's name for itself may be anything. */
static const char *clean(const char *text, char *buffer, size_t size)
{
	size_t i = 0;

	for (; text[i] && i + 1 < size; i++)
		buffer[i] =
			text[i] < ' ' || text[i] > '~' || strchr("\"\\", text[i]) ? '?' : text[i];
	buffer[i] = '\0';
	return buffer;
}

static void write_arguments(FILE *file, const struct trace_record *record)
{
	char comm[sizeof(record->comm)], class[sizeof(record->class)];

	fprintf(file,
		"\"args\":{\"job\":%" PRIu64 ",\"session\":%" PRIu64
		",\"uid\":%u,\"comm\":\"%s\",\"class\":\"%s\",\"outcome\":\"%s\",\"cores\":%u,"
		"\"submitted_us\":%.3f,\"deadline_us\":%.3f,\"core_us\":%.3f,"
		"\"core_mask\":%" PRIu32 ",\"widths\":%" PRIu32
		",\"width\":%u,\"tasks\":%u,\"pieces\":%u,"
		"\"priority\":%d,\"late\":\"%s\",\"timeout_us\":%.3f,"
		"\"kind\":\"%016" PRIx64 "\"}}",
		record->job_id, record->session_id, record->uid,
		clean(record->comm, comm, sizeof(comm)), clean(record->class, class, sizeof(class)),
		job_outcome_name(record->outcome), record->n_cores,
		(double)record->submitted_ns / NS_PER_US_F,
		(double)record->deadline_ns / NS_PER_US_F, (double)record->device_ns / NS_PER_US_F,
		record->core_mask, record->widths, record->width, record->n_tasks, record->n_pieces,
		record->priority, late_rule_name(record->late_rule),
		(double)record->timeout_ns / NS_PER_US_F, record->signature);
}

/* A bar on every core; a mark where it never ran. */
static void write_record(FILE *file, const struct trace_record *record)
{
	if (!record->cores) {
		fprintf(file,
			",\n{\"name\":\"session %" PRIu64
			"\",\"cat\":\"job\",\"ph\":\"i\",\"s\":\"p\",\"pid\":1,\"tid\":0,"
			"\"ts\":%.3f,",
			record->session_id, (double)record->done_ns / NS_PER_US_F);
		write_arguments(file, record);
		return;
	}
	for (unsigned core = 0; record->cores >> core; core++) {
		if (!(record->cores >> core & 1))
			continue;
		fprintf(file,
			",\n{\"name\":\"session %" PRIu64
			"\",\"cat\":\"job\",\"ph\":\"X\",\"pid\":1,\"tid\":%u,\"ts\":%.3f,"
			"\"dur\":%.3f,",
			record->session_id, core, (double)record->started_ns / NS_PER_US_F,
			(double)(record->done_ns - record->started_ns) / NS_PER_US_F);
		write_arguments(file, record);
	}
}

/* For who plays it again. */
static void write_device(FILE *file, const struct device_caps *caps)
{
	const char *comma = "";

	fprintf(file, "\"device\":{\"name\":\"%s\",\"cores\":%u,\"gang_masks\":[", caps->name,
		caps->n_cores);
	for (unsigned mask = 0; mask < 64; mask++) {
		if (!(caps->gang_masks >> mask & 1))
			continue;
		fprintf(file, "%s%u", comma, mask);
		comma = ",";
	}
	fprintf(file, "],\"one_domain\":%s,\"switch_us\":%.3f}",
		caps->has_one_domain ? "true" : "false", (double)caps->switch_ns / NS_PER_US_F);
}

static int write_document(int fd, const struct sessions *sessions, uint64_t *ret_size)
{
	const struct trace *trace = &sessions->trace;
	int copy = dup(fd), r;
	FILE *file = copy < 0 ? NULL : fdopen(copy, "w");

	if (!file) {
		r = -errno;
		if (copy >= 0)
			close(copy);
		return r;
	}
	fprintf(file,
		"{\"displayTimeUnit\":\"ms\",\"otherData\":{\"version\":\"npud %s\","
		"\"jobs\":%" PRIu64 ",\"lost\":%" PRIu64 ",",
		NPUD_VERSION, trace->n_records, trace->n_records - trace_count(trace));
	write_device(file, &sessions->device->caps);
	fprintf(file,
		"},\"traceEvents\":[\n"
		"{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":1,\"args\":{\"name\":\"npud\"}}");
	for (unsigned core = 0; core < scheduler_n_cores(sessions->scheduler); core++)
		fprintf(file,
			",\n{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":1,\"tid\":%u,"
			"\"args\":{\"name\":\"core %u\"}}",
			core, core);
	for (unsigned i = 0; i < trace_count(trace); i++)
		write_record(file, trace_get(trace, i));
	fprintf(file, "\n]}\n");
	*ret_size = (uint64_t)ftell(file);
	r = ferror(file) ? -EIO : 0;
	return fclose(file) == EOF && r == 0 ? -errno : r;
}

int op_trace_start(struct request *request)
{
	int r = wire_decode_empty(request->body_size, request->fds->n, &request->error);

	if (r < 0)
		return r;
	r = trace_start(&request->api->sessions->trace);
	if (r < 0)
		return error_set(&request->error, -r, "trace",
				 r == -EALREADY ? "a recording is on; stop that first"
						: "npud is out of memory");
	return request_reply(request, NULL, 0, -1);
}

int op_trace_stop(struct request *request)
{
	struct sessions *sessions = request->api->sessions;
	struct npu_document_reply reply = {0};
	int r = wire_decode_empty(request->body_size, request->fds->n, &request->error), fd;

	if (r < 0)
		return r;
	if (!trace_is_on(&sessions->trace))
		return error_set(&request->error, ENOENT, "trace",
				 "no recording is on; start one first");
	fd = memfd_create("npud-trace", MFD_CLOEXEC);
	r = fd < 0 ? -errno : write_document(fd, sessions, &reply.size);
	if (r == 0)
		r = request_reply(request, &reply, sizeof(reply), fd);
	else
		error_set(&request->error, -r, "trace", "%s", strerror(-r));
	if (r == 0)
		trace_stop(&sessions->trace);
	if (fd >= 0)
		close(fd);
	return r;
}
