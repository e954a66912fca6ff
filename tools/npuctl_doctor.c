/* SPDX-License-Identifier: MIT */
/*
 * The list of results, and how it is shown.
 */
#include "npuctl_doctor.h"

#include <jansson.h>
#include <stdarg.h>
#include <string.h>

static const char *const result_names[DOCTOR_RESULT_COUNT] = {"ok", "warning", "failure"};

/* Sentences of the kernel and the daemon end up here: a line stays a line. */
static void __attribute__((format(printf, 3, 0)))
format_line(char *ret_text, size_t size, const char *format, va_list arguments)
{
	vsnprintf(ret_text, size, format, arguments);
	for (; *ret_text; ret_text++)
		if ((unsigned char)*ret_text < 0x20 || *ret_text == 0x7f)
			*ret_text = ' ';
}

void doctor_add(struct doctor *doctor, const char *name, enum doctor_result result,
		const char *format, ...)
{
	struct doctor_line *line = &doctor->lines[doctor->n_lines];
	va_list arguments;
	if (doctor->n_lines == DOCTOR_LINES_MAX)
		return;
	doctor->n_lines++;
	*line = (struct doctor_line){.result = result};
	snprintf(line->name, sizeof(line->name), "%s", name);
	va_start(arguments, format);
	format_line(line->text, sizeof(line->text), format, arguments);
	va_end(arguments);
}

void doctor_advise(struct doctor *doctor, const char *format, ...)
{
	struct doctor_line *line = &doctor->lines[doctor->n_lines - 1];
	va_list arguments;
	va_start(arguments, format);
	format_line(line->advice, sizeof(line->advice), format, arguments);
	va_end(arguments);
}

unsigned doctor_count(const struct doctor *doctor, enum doctor_result result)
{
	unsigned n = 0;
	for (unsigned i = 0; i < doctor->n_lines; i++)
		n += doctor->lines[i].result == result;
	return n;
}

static void print_text(const struct doctor *doctor, FILE *out)
{
	for (unsigned i = 0; i < doctor->n_lines; i++) {
		const struct doctor_line *line = &doctor->lines[i];
		fprintf(out, "%-8s %-11s %s%s%s\n", result_names[line->result], line->name,
			line->text, *line->advice ? "; " : "", line->advice);
	}
	fprintf(out, "doctor: %u ok, %u warnings, %u failures\n", doctor_count(doctor, DOCTOR_OK),
		doctor_count(doctor, DOCTOR_WARNING), doctor_count(doctor, DOCTOR_FAILURE));
}

static void print_json(const struct doctor *doctor, FILE *out)
{
	json_t *checks = json_array(), *document;
	for (unsigned i = 0; i < doctor->n_lines; i++) {
		const struct doctor_line *line = &doctor->lines[i];
		json_array_append_new(checks, json_pack("{s:s, s:s, s:s, s:s?}", "name", line->name,
							"result", result_names[line->result],
							"text", line->text, "advice",
							*line->advice ? line->advice : NULL));
	}
	document = json_pack("{s:o, s:i, s:i, s:i}", "checks", checks, "ok",
			     (int)doctor_count(doctor, DOCTOR_OK), "warnings",
			     (int)doctor_count(doctor, DOCTOR_WARNING), "failures",
			     (int)doctor_count(doctor, DOCTOR_FAILURE));
	json_dumpf(document, out, JSON_INDENT(2));
	fputc('\n', out);
	json_decref(document);
}

void doctor_print(const struct doctor *doctor, bool is_json, FILE *out)
{
	if (is_json)
		print_json(doctor, out);
	else
		print_text(doctor, out);
}

enum cli_status npuctl_doctor(const char *socket_path, bool is_json)
{
	struct doctor doctor = {0};
	doctor_check_machine(&doctor, "");
	doctor_check_daemon(&doctor, socket_path);
	doctor_print(&doctor, is_json, stdout);
	return doctor_count(&doctor, DOCTOR_FAILURE) ? CLI_FAILED : CLI_OK;
}
