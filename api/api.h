/* SPDX-License-Identifier: MIT */
/*
 * api/: bytes <-> calls.
 *
 *   packet -> dispatch (opcode table) -> wire (decode: pure, total) -> op_NOUN (handler)
 *          <- reply, or struct npu_error that names field, value and range
 *
 *   incidents: what went wrong, written down while it happens (incidents.h)
 *   stats: the statistics document (JSON) and its Prometheus form; http: both on an endpoint
 *
 * Only this layer turns errno into wire errors.
 */
#ifndef NPUD_API_API_H
#define NPUD_API_API_H

#include "base/fdset.h"
#include "sessions/sessions.h"

#include <jansson.h>
#include <stddef.h>

/* What only the daemon can do. `context` is api::daemon_context. */
struct api_daemon_ops {
	/* New reference to the effective policy; NULL on lack of memory. */
	json_t *(*policy_show)(void *context);
	/* Reads the policy file again. -EINVAL with a sentence in `ret_text`: the old one stays. */
	int (*policy_reload)(void *context, char *ret_text, size_t size);
	/* Adds the daemon's own keys to the statistics document. */
	int (*add_stats)(void *context, json_t *document);
};

struct incidents;

struct api {
	struct sessions *sessions; /* borrowed */
	const struct api_daemon_ops *daemon_ops;
	void *daemon_context;
	struct incidents *incidents; /* borrowed; NULL: none are kept */
};

/* sessions_params::request; `context` is a struct api. */
void api_request(void *context, struct session *session, const void *data, size_t size,
		 struct fdset *fds);

#endif
