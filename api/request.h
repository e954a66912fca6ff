/* SPDX-License-Identifier: MIT */
/*
 * One request on its way through dispatch and a handler.
 */
#ifndef NPUD_API_REQUEST_H
#define NPUD_API_REQUEST_H

#include "api/api.h"

struct request {
	struct api *api;
	struct session *session;
	struct npu_header header;
	const void *body; /* borrowed; gone when the handler returns */
	size_t body_size;
	struct fdset *fds;	/* handlers take what they keep */
	struct npu_error error; /* filled in by a handler that returns -errno */
};

/* Sends the reply: header and body, `fd` (-1: none) along. The caller keeps `fd`. */
int request_reply(struct request *request, const void *body, size_t size, int fd);
/* Replies with a document: JSON text in a memfd, since it may outgrow a message. Drops `json`. */
int request_reply_json(struct request *request, json_t *json);

/* -EAGAIN while the client has not read its replies: before one that brings a descriptor. */
int request_check_read(struct request *request);

/* Handlers, by noun: 0 after a reply, or -errno with request->error filled in. */
int op_hello(struct request *request);
int op_bo_create(struct request *request);
int op_bo_close(struct request *request);
int op_bo_sync(struct request *request);
int op_bo_export(struct request *request);
int op_bo_import(struct request *request);
int op_bo_fence(struct request *request);
int op_submit(struct request *request);
int op_cancel(struct request *request);
int op_stats(struct request *request);
int op_policy_show(struct request *request);
int op_policy_reload(struct request *request);
int op_kill(struct request *request);
int op_reset(struct request *request);
int op_pardon(struct request *request);
int op_incidents(struct request *request);
int op_drain(struct request *request);
int op_trace_start(struct request *request);
int op_trace_stop(struct request *request);

#endif
