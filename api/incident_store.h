/* SPDX-License-Identifier: MIT */
/*
 * A directory with a bounded number of numbered documents, incident-N.json; the oldest go first.
 * What an earlier daemon left there is taken over.
 */
#ifndef NPUD_API_INCIDENT_STORE_H
#define NPUD_API_INCIDENT_STORE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct incident_entry {
	uint64_t id;
	uint64_t bytes;
	json_t *summary;
};

struct incident_store {
	int dir_fd; /* -1: closed */
	unsigned count_max;
	uint64_t bytes_max;
	struct incident_entry *entries; /* count_max + 1 of them, oldest first */
	unsigned n;
	uint64_t bytes;
	uint64_t last_id;
};

/*
 * Opens the directory, which is made (mode 0700) if it is missing, and reads what is in it;
 * `summarize` makes of a whole document what is kept in memory of it (a new reference). -errno of
 * the system where it is not there for writing.
 */
int incident_store_open(struct incident_store *store, const char *path,
			json_t *(*summarize)(const json_t *document));
/* Safe on one that is not open. */
void incident_store_close(struct incident_store *store);
/* New bounds; what is above them goes. */
void incident_store_set_bounds(struct incident_store *store, unsigned count_max,
			       uint64_t bytes_max);

/* Writes a document under store->last_id + 1. -errno: it is not kept. */
int incident_store_add(struct incident_store *store, const json_t *document,
		       json_t *(*summarize)(const json_t *document));
/* The document with that number, a new reference. -ENOENT, -EIO where it cannot be read. */
int incident_store_get(const struct incident_store *store, uint64_t id, json_t **ret_document);

#endif
