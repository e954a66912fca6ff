/* SPDX-License-Identifier: MIT */
/* A file appears under its name when it is whole, so a crash leaves no half document behind. */
#include "api/incident_store.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_BYTES     48
#define DOCUMENT_FLAGS (JSON_INDENT(2) | JSON_REAL_PRECISION(15))
static const char unfinished[] = "unfinished";

static void make_name(uint64_t id, char ret_name[NAME_BYTES])
{
	snprintf(ret_name, NAME_BYTES, "incident-%" PRIu64 ".json", id);
}

/* 0 for a name that is none of ours. */
static uint64_t parse_name(const char *name)
{
	static const char prefix[] = "incident-";
	char again[NAME_BYTES];
	uint64_t id;

	if (strncmp(name, prefix, strlen(prefix)) != 0)
		return 0;
	id = strtoull(name + strlen(prefix), NULL, 10);
	make_name(id, again);
	return strcmp(name, again) == 0 ? id : 0;
}

/* ---- bounds ---- */

static void remove_oldest(struct incident_store *store)
{
	char name[NAME_BYTES];

	make_name(store->entries[0].id, name);
	unlinkat(store->dir_fd, name, 0);
	store->bytes -= store->entries[0].bytes;
	json_decref(store->entries[0].summary);
	store->n--;
	memmove(store->entries, store->entries + 1, store->n * sizeof(*store->entries));
}

static void keep_bounds(struct incident_store *store)
{
	while (store->n && (store->n > store->count_max || store->bytes > store->bytes_max))
		remove_oldest(store);
}

/* Room for one more than may stay, as the newest comes before the oldest goes. */
static int reserve(struct incident_store *store, unsigned n)
{
	struct incident_entry *entries = realloc(store->entries, (n + 1) * sizeof(*store->entries));

	if (!entries)
		return -ENOMEM;
	store->entries = entries;
	return 0;
}

void incident_store_set_bounds(struct incident_store *store, unsigned count_max, uint64_t bytes_max)
{
	store->count_max = count_max;
	store->bytes_max = bytes_max;
	if (store->dir_fd >= 0)
		keep_bounds(store);
}

/* ---- reading ---- */

static int load(const struct incident_store *store, uint64_t id, json_t **ret_document,
		uint64_t *ret_bytes)
{
	char name[NAME_BYTES];
	struct stat st;
	json_t *document = NULL;
	int fd;

	make_name(id, name);
	fd = openat(store->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		document = json_loadfd(fd, 0, NULL);
	close(fd);
	if (!document)
		return -EIO;
	*ret_document = document;
	*ret_bytes = (uint64_t)st.st_size;
	return 0;
}

static int compare_entries(const void *a, const void *b)
{
	const struct incident_entry *left = a, *right = b;

	return (left->id > right->id) - (left->id < right->id);
}

/* Files that are no documents are left alone, and out. */
static int scan(struct incident_store *store, json_t *(*summarize)(const json_t *document))
{
	int fd = openat(store->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *file;
	int r = 0;

	if (!dir) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r == 0 && (file = readdir(dir))) {
		struct incident_entry entry = {.id = parse_name(file->d_name)};
		json_t *document = NULL;

		if (!entry.id || load(store, entry.id, &document, &entry.bytes) < 0)
			continue;
		r = reserve(store, store->n + 1);
		if (r == 0) {
			entry.summary = summarize(document);
			store->entries[store->n++] = entry;
			store->bytes += entry.bytes;
		}
		json_decref(document);
	}
	closedir(dir);
	if (store->n)
		qsort(store->entries, store->n, sizeof(*store->entries), compare_entries);
	return r;
}

int incident_store_open(struct incident_store *store, const char *path,
			json_t *(*summarize)(const json_t *document))
{
	int r = 0;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	store->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->dir_fd < 0)
		return -errno;
	if (faccessat(store->dir_fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
		r = -errno;
	if (r == 0)
		r = scan(store, summarize);
	if (r < 0) {
		incident_store_close(store);
		return r;
	}
	if (store->n)
		store->last_id = store->entries[store->n - 1].id;
	unlinkat(store->dir_fd, unfinished, 0);
	keep_bounds(store);
	return 0;
}

void incident_store_close(struct incident_store *store)
{
	if (store->dir_fd >= 0)
		close(store->dir_fd);
	store->dir_fd = -1;
	for (unsigned i = 0; i < store->n; i++)
		json_decref(store->entries[i].summary);
	free(store->entries);
	store->entries = NULL;
	store->n = 0;
	store->bytes = 0;
}

int incident_store_get(const struct incident_store *store, uint64_t id, json_t **ret_document)
{
	uint64_t bytes;

	for (unsigned i = 0; i < store->n; i++) {
		if (store->entries[i].id == id)
			return load(store, id, ret_document, &bytes);
	}
	return -ENOENT;
}

/* ---- writing ---- */

static int write_all(int fd, const char *text, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = write(fd, text + done, size - done);

		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

static int write_document(struct incident_store *store, uint64_t id, const char *text, size_t size)
{
	char name[NAME_BYTES];
	int fd, r;

	fd = openat(store->dir_fd, unfinished,
		    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = write_all(fd, text, size);
	close(fd);
	make_name(id, name);
	if (r == 0 && renameat(store->dir_fd, unfinished, store->dir_fd, name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(store->dir_fd, unfinished, 0);
	return r;
}

int incident_store_add(struct incident_store *store, const json_t *document,
		       json_t *(*summarize)(const json_t *document))
{
	char *text = json_dumps(document, DOCUMENT_FLAGS);
	size_t size = text ? strlen(text) : 0;
	int r = text ? reserve(store, store->n + 1) : -ENOMEM;

	if (r == 0 && size > store->bytes_max)
		r = -EFBIG;
	if (r == 0)
		r = write_document(store, store->last_id + 1, text, size);
	free(text);
	if (r < 0)
		return r;
	assert(store->entries);
	store->entries[store->n++] = (struct incident_entry){
		.id = ++store->last_id, .bytes = size, .summary = summarize(document)};
	store->bytes += size;
	keep_bounds(store);
	return 0;
}
