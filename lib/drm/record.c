/* SPDX-License-Identifier: MIT */
/*
 * A copy of every buffer is kept, as it was after the last submit; differences to it are what the
 * program wrote before the next one. fixture.json is written anew each time, so that a program
 * that is killed leaves a whole one.
 */
#include "record.h"

#include "drm.h"
#include "gzip.h"
#include "node.h"
#include "settings.h"
#include "trace.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDERS_MAX   1000
#define CHECK_MAX     (1u << 20) /* elements of one check */
#define RUN_GAP_BYTES 32	 /* equal bytes that a write may go over */

struct copy {
	uint32_t handle, iova;
	uint64_t size;
	unsigned char *bytes;
};

struct record {
	char folder[PATH_MAX - 64];
	struct copy *copies;
	size_t n_copies;
	unsigned n_submits, n_checks;
	bool has_outputs;	/* of the latest submit */
	char *submits, *checks; /* JSON so far */
	size_t submits_size, checks_size;
	char *submit; /* the one that is being written */
	size_t submit_size;
};

static const char comma[] = ",\n  ";

/* ---- folders ---- */

/* Claims FOLDER, FOLDER-2, ...: whose `writes` it can make is its own. */
static int claim_folder(struct record *record, const char *base)
{
	char path[PATH_MAX];

	for (int i = 1; i < FOLDERS_MAX; i++) {
		int n = i == 1 ? snprintf(record->folder, sizeof(record->folder), "%s", base)
			       : snprintf(record->folder, sizeof(record->folder), "%s-%d", base, i);

		if (n < 0 || (size_t)n >= sizeof(record->folder))
			return -ENAMETOOLONG;
		if (mkdir(record->folder, 0777) < 0 && errno != EEXIST)
			return -errno;
		snprintf(path, sizeof(path), "%s/writes", record->folder);
		if (mkdir(path, 0777) == 0) {
			snprintf(path, sizeof(path), "%s/checks", record->folder);
			return mkdir(path, 0777) == 0 || errno == EEXIST ? 0 : -errno;
		}
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

static struct record *record_new(void)
{
	const char *base = settings_get(SETTING_RECORD);
	struct record *record;
	int r;

	if (!base || !*base)
		return NULL;
	record = calloc(1, sizeof(*record));
	if (!record)
		return NULL;
	r = claim_folder(record, base);
	if (r < 0) {
		trace_explain("recording to %s: %s", base, strerror(-r));
		return record_free(record);
	}
	return record;
}

struct record *record_free(struct record *record)
{
	if (!record)
		return NULL;
	for (size_t i = 0; i < record->n_copies; i++)
		free(record->copies[i].bytes);
	free(record->copies);
	free(record->submits);
	free(record->checks);
	free(record);
	return NULL;
}

/* Appends a part to a JSON array's inside. */
static void append(char **text, size_t *size, const char *part, size_t part_size)
{
	const size_t gap = *size ? sizeof(comma) - 1 : 0;
	char *grown = realloc(*text, *size + gap + part_size + 1);

	if (!grown)
		return;
	memcpy(grown + *size, comma, gap);
	memcpy(grown + *size + gap, part, part_size);
	*size += gap + part_size;
	grown[*size] = '\0';
	*text = grown;
}

/* ---- copies ---- */

static struct copy *copy_of(struct record *record, const struct gem_object *object)
{
	struct copy *grown;

	for (size_t i = 0; i < record->n_copies; i++) {
		struct copy *copy = &record->copies[i];

		if (copy->handle != object->handle)
			continue;
		if (copy->iova == object->bo.iova && copy->size == object->bo.size)
			return copy;
		/* The handle has come back for another buffer. */
		free(copy->bytes);
		*copy = record->copies[--record->n_copies];
		break;
	}
	grown = reallocarray(record->copies, record->n_copies + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	record->copies = grown;
	grown += record->n_copies;
	*grown = (struct copy){object->handle, object->bo.iova, object->bo.size,
			       calloc(1, object->bo.size)};
	if (!grown->bytes)
		return NULL;
	record->n_copies++;
	return grown;
}

/* The next run of bytes that differ, from `*at` on; its length, or 0. */
static uint64_t next_run(const struct copy *copy, const unsigned char *now, uint64_t *at)
{
	uint64_t begin = *at, end, equal = 0;

	while (begin < copy->size && begin % 4096 == 0 && copy->size - begin >= 4096 &&
	       memcmp(copy->bytes + begin, now + begin, 4096) == 0)
		begin += 4096;
	while (begin < copy->size && copy->bytes[begin] == now[begin])
		begin++;
	if (begin >= copy->size)
		return 0;
	for (end = begin; end < copy->size && equal < RUN_GAP_BYTES; end++)
		equal = copy->bytes[end] == now[end] ? equal + 1 : 0;
	*at = begin;
	return end - begin - equal;
}

/* ---- a submit ---- */

static void print_buffers(const struct gem *gem, FILE *stream)
{
	const char *separator = "";

	fprintf(stream, "{\"buffers\": [");
	for (uint32_t i = 0; i < gem->n_slots; i++) {
		const struct gem_object *object = gem->objects[i];

		if (!object)
			continue;
		fprintf(stream, "%s{\"handle\": %u, \"iova\": %u, \"size\": %llu, \"flags\": %u}",
			separator, object->handle, object->bo.iova,
			(unsigned long long)object->bo.size, object->flags);
		separator = ", ";
	}
	fprintf(stream, "], \"writes\": [");
}

/* Prints the writes to one buffer and collects their bytes. */
static void print_writes(struct record *record, const struct gem_object *object, FILE *stream,
			 FILE *data)
{
	struct copy *copy = copy_of(record, object);
	const unsigned char *now = object->bo.map;
	uint64_t at = 0, length;

	while (copy && (length = next_run(copy, now, &at)) > 0) {
		memcpy(copy->bytes + at, now + at, length);
		fprintf(stream,
			"%s{\"handle\": %u, \"offset\": %llu, \"length\": %llu, \"from\": %ld}",
			ftell(data) ? ", " : "", object->handle, (unsigned long long)at,
			(unsigned long long)length, ftell(data));
		fwrite(copy->bytes + at, 1, length, data);
		at += length;
	}
}

static void print_memory(struct drm_file *file, FILE *stream)
{
	struct record *record = file->record;
	char path[PATH_MAX], *bytes = NULL;
	size_t size = 0;
	FILE *data = open_memstream(&bytes, &size);

	print_buffers(&file->gem, stream);
	for (uint32_t i = 0; data && i < file->gem.n_slots; i++)
		if (file->gem.objects[i])
			print_writes(record, file->gem.objects[i], stream, data);
	fprintf(stream, "]");
	if (data && fclose(data) == 0 && size > 0) {
		snprintf(path, sizeof(path), "%s/writes/%04u.bin.gz", record->folder,
			 record->n_submits);
		if (gzip_write(path, bytes, size) < 0)
			trace_explain("recording: %s cannot be written", path);
		fprintf(stream, ", \"data\": \"writes/%04u.bin.gz\"", record->n_submits);
	}
	free(bytes);
}

FILE *record_begin(struct drm_file *file)
{
	struct record *record;
	FILE *stream;

	if (!file->record)
		file->record = record_new();
	record = file->record;
	if (!record)
		return NULL;
	stream = open_memstream(&record->submit, &record->submit_size);
	if (stream)
		print_memory(file, stream);
	return stream;
}

static void print_origin(FILE *stream)
{
	char command[512];
	FILE *file = fopen("/proc/self/cmdline", "re");
	size_t n = file ? fread(command, 1, sizeof(command), file) : 0;

	if (file)
		fclose(file);
	for (size_t i = 0; i + 1 < n; i++)
		if (command[i] == '\0')
			fputc(' ', stream);
		else if (command[i] >= ' ' && command[i] != '"' && command[i] != '\\' &&
			 (unsigned char)command[i] < 0x7f)
			fputc(command[i], stream);
}

static void write_document(const struct drm_file *file)
{
	const struct record *record = file->record;
	const char *name = strrchr(record->folder, '/');
	char path[PATH_MAX];
	FILE *stream;

	snprintf(path, sizeof(path), "%s/fixture.json", record->folder);
	stream = fopen(path, "we");
	if (!stream) {
		trace_explain("recording: %s: %s", path, strerror(errno));
		return;
	}
	fprintf(stream, "{\"format\": 1, \"name\": \"%s\", \"origin\": \"",
		name ? name + 1 : record->folder);
	print_origin(stream);
	fprintf(stream, "\", \"abi\": \"%s\",\n \"submits\": [\n  %s],\n \"checks\": [\n  %s]}\n",
		file->node->driver->name, record->submits ? record->submits : "",
		record->checks ? record->checks : "");
	if (fclose(stream) != 0)
		trace_explain("recording: %s: %s", path, strerror(errno));
}

void record_end(struct drm_file *file, FILE *stream)
{
	struct record *record = file->record;

	fprintf(stream, "}");
	if (fclose(stream) == 0) {
		append(&record->submits, &record->submits_size, record->submit,
		       record->submit_size);
		record->n_submits++;
		record->has_outputs = false;
	}
	free(record->submit);
	record->submit = NULL;
	write_document(file);
}

/* ---- what came out ---- */

/* Bytes that the NPU changed in one buffer, as a check on them; the copy takes them over. */
static size_t collect_outputs(struct copy *copy, const unsigned char *now, int64_t *offsets,
			      double *expected)
{
	uint64_t at = 0, length;
	size_t n = 0;

	while ((length = next_run(copy, now, &at)) > 0) {
		for (uint64_t i = at; i < at + length && n < CHECK_MAX; i++) {
			offsets[n] = (int64_t)i;
			expected[n++] = (int8_t)now[i];
		}
		memcpy(copy->bytes + at, now + at, length);
		at += length;
	}
	return n;
}

static void write_check(struct record *record, uint32_t handle, size_t n, const int64_t *offsets,
			const double *expected)
{
	char path[PATH_MAX], text[512];
	int length;

	snprintf(path, sizeof(path), "%s/checks/%04u.offsets.bin.gz", record->folder,
		 record->n_checks);
	if (gzip_write(path, offsets, n * sizeof(*offsets)) < 0)
		return;
	snprintf(path, sizeof(path), "%s/checks/%04u.expected.bin.gz", record->folder,
		 record->n_checks);
	if (gzip_write(path, expected, n * sizeof(*expected)) < 0)
		return;
	length = snprintf(text, sizeof(text),
			  "{\"submit\": %u, \"handle\": %u, \"type\": \"int8\", \"count\": %zu, "
			  "\"scale\": 1.0, \"add\": 0, \"atol\": 0, \"rtol\": 0, "
			  "\"offsets\": \"checks/%04u.offsets.bin.gz\", "
			  "\"expected\": \"checks/%04u.expected.bin.gz\"}",
			  record->n_submits - 1, handle, n, record->n_checks, record->n_checks);
	append(&record->checks, &record->checks_size, text, (size_t)length);
	record->n_checks++;
}

void record_outputs(struct drm_file *file)
{
	struct record *record = file->record;
	int64_t *offsets;
	double *expected;
	size_t n;

	if (!record || record->n_submits == 0 || record->has_outputs)
		return;
	record->has_outputs = true;
	offsets = calloc(CHECK_MAX, sizeof(*offsets));
	expected = calloc(CHECK_MAX, sizeof(*expected));
	for (uint32_t i = 0; offsets && expected && i < file->gem.n_slots; i++) {
		const struct gem_object *object = file->gem.objects[i];
		struct copy *copy = object ? copy_of(record, object) : NULL;

		n = copy ? collect_outputs(copy, object->bo.map, offsets, expected) : 0;
		if (n > 0)
			write_check(record, object->handle, n, offsets, expected);
	}
	free(offsets);
	free(expected);
	write_document(file);
}
