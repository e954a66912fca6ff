/* SPDX-License-Identifier: MIT */
/*
 * The statistics document as text for people.
 */
#ifndef NPU_TOOLS_NPUCTL_SHOW_H
#define NPU_TOOLS_NPUCTL_SHOW_H

#include <jansson.h>
#include <stdio.h>

void show_status(const json_t *document, FILE *out);
void show_sessions(const json_t *document, FILE *out);
/*
 * `previous` is the document of `elapsed_s` seconds ago, or NULL: the load is that of the time
 * since then, or since the start.
 */
void show_cores(const json_t *document, const json_t *previous, double elapsed_s, FILE *out);

/* The list of incidents, and one of them. */
void show_incidents(const json_t *document, FILE *out);
void show_incident(const json_t *document, FILE *out);

#endif
