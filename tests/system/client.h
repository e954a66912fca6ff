/* SPDX-License-Identifier: MIT */
/*
 * A client that speaks the wire protocol byte by byte, so that tests can say what libnpu never
 * would. Whatever a test does not expect fails the case at once.
 */
#ifndef NPUD_TESTS_CLIENT_H
#define NPUD_TESTS_CLIENT_H

#include "daemon.h"
#include "npu_protocol.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct client {
	int fd;
	int completions; /* our end of the completion socket */
	uint64_t serial;
	uint64_t seqno; /* the last one used */
	struct npu_hello_reply hello;
};

/* A packet from the daemon. */
struct message {
	struct npu_header header;
	union {
		struct npu_error error;
		struct npu_hello_reply hello;
		struct npu_bo_reply bo;
		struct npu_submit_reply submit;
		struct npu_document_reply document;
		unsigned char bytes[1024];
	} body;
	size_t size; /* with header */
	int fd;	     /* -1: none came along */
};

struct request {
	uint16_t op;
	const void *body;
	size_t size;
	const int *fds;
	unsigned n_fds;
};

/* Connects without a hello. */
void client_connect(const struct daemon *daemon, struct client *ret_client);
/* Says hello. */
void client_hello(struct client *client, const char *class_name);
/* Both. */
void client_open(const struct daemon *daemon, struct client *ret_client);
/* The same where the daemon may refuse; 0 or -errno of the refusal. */
int client_try_open(const struct daemon *daemon, struct client *ret_client);
/* Hangs up. */
void client_close(struct client *client);

/* One packet of any bytes with any descriptors. 0 or -errno. */
int client_send_bytes(struct client *client, const void *data, size_t size, const int *fds,
		      unsigned n_fds);
/* One well-formed request. */
void client_send(struct client *client, const struct request *request);
/* The next packet; false when the daemon has ended the session. */
bool client_receive(struct client *client, struct message *ret_message);
/* Request and reply, whatever it is; false when the session ended. */
bool client_exchange(struct client *client, const struct request *request,
		     struct message *ret_message);
/* Requires success. `ret_message` may be NULL; a descriptor is closed then. */
void client_call(struct client *client, const struct request *request, struct message *ret_message);
/* Requires an error with that errno value and field name (NULL: any). */
void client_refused(struct client *client, const struct request *request, int error,
		    const char *field);

/* ---- buffer objects ---- */

struct client_bo {
	uint32_t handle, iova;
	uint64_t size;
	unsigned char *map;
};

void client_bo_new(struct client *client, uint64_t size, struct client_bo *ret_bo);
void client_bo_new_at(struct client *client, uint64_t size, uint32_t iova,
		      struct client_bo *ret_bo);
/* 0, or the errno value of the refusal; `field` (32 bytes) may be NULL. */
int client_bo_try_new(struct client *client, uint64_t size, uint32_t iova, struct client_bo *ret_bo,
		      char *field);
/* Closes the handle; the map stays. */
void client_bo_close(struct client *client, const struct client_bo *bo);
int client_bo_export(struct client *client, const struct client_bo *bo, uint32_t flags);
/* Not mapped. */
void client_bo_import(struct client *client, int fd, uint32_t iova, struct client_bo *ret_bo);

/* ---- jobs ---- */

struct job_request {
	struct npu_submit submit; /* seqno, n_* are filled in */
	const struct npu_task *tasks;
	uint32_t n_tasks;
	const uint32_t *handles;
	uint32_t n_handles;
	const int *fences;
	unsigned n_fences;
	const struct npu_range *width_ranges;
	uint32_t n_width_ranges;
};

/* Makes it a gang on those cores; each gets an equal share of the tasks, the last the rest too. */
void job_request_split(struct job_request *job, uint32_t core_mask);
/* Returns the sequence number. `ret_fence` NULL: none asked for. Completions are always. */
uint64_t client_submit(struct client *client, const struct job_request *job, int *ret_fence);
/* The same where it may be refused: 0 or the errno value, with the error in ret_message. */
int client_try_submit(struct client *client, const struct job_request *job, int *ret_fence,
		      struct message *ret_message);
/* The next completion, whichever it is. */
void client_completion(struct client *client, struct npu_completion *ret_completion);
/* The next completion, which must be of that job. */
void client_wait(struct client *client, uint64_t seqno, struct npu_completion *ret_completion);
/* The same, and its outcome must be that; a kernel driver's jobs may hang in place of a fault. */
void client_wait_outcome(struct client *client, uint64_t seqno, enum npu_outcome outcome);

/* Waits for a fence and reads it. */
enum npu_outcome fence_wait(int fd);
bool fence_is_signalled(int fd);
enum npu_outcome fence_mode(int fd);

/* ---- questions ---- */

/* The statistics document; the caller frees it. */
json_t *client_stats(struct client *client);
/* The number at "memory.bos", "cores.0.resets", ... */
uint64_t stats_number(const json_t *stats, const char *path);
bool stats_has(const json_t *stats, const char *path);
const char *stats_text(const json_t *stats, const char *path);
/* Asks until the number is there. */
void client_wait_stats(struct client *client, const char *path, uint64_t value);
/* Asks until the daemon has no more descriptors than that; one more may be the answer's. */
void client_wait_descriptors(struct client *client, const struct daemon *daemon, unsigned n_most);

#endif
