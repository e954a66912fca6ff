/* SPDX-License-Identifier: MIT */
/*
 * The statistics document: the same JSON object for npuctl, for GET /stats and, as text, for
 * Prometheus. Counters never go backwards while the daemon lives.
 */
#ifndef NPUD_API_STATS_H
#define NPUD_API_STATS_H

#include "api/api.h"

#include <jansson.h>

/*
 * Builds the document as `viewer` may see it: all sessions for administrators, its own otherwise;
 * NULL as viewer sees all. New reference; NULL on lack of memory.
 */
json_t *stats_document(const struct api *api, const struct session *viewer);
/* The document in Prometheus' text format; malloc'ed. NULL on lack of memory. */
char *stats_prometheus(const json_t *document);
/* NULL while healthy; else one sentence why not (static or inside the document's lifetime). */
const char *stats_health(const struct api *api);

#endif
