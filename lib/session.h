/* SPDX-License-Identifier: MIT */
/*
 * Inside libnpu: what a session is made of. Nothing of this is exported.
 *
 *   npu_*()  ->  libnpu_call()      one request, one reply, under `call_lock`
 *   npud     ->  completion socket  ->  libnpu_results: who waits for what (results.h)
 *
 * Two rules keep it sound: an answer that is not exactly what was asked for poisons the session
 * (-EPROTO from then on), and a job is registered with the results before its request is sent, so
 * that a completion may overtake the reply.
 */
#ifndef LIBNPU_SESSION_H
#define LIBNPU_SESSION_H

#include "npu.h"
#include "results.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/uio.h>

#define LIBNPU_CALL_PARTS 4

struct npu_session {
	char *socket_path, *class_name; /* as npu_open() was given them; owned, NULL for none */
	int socket;
	pthread_mutex_t call_lock;    /* protects what follows up to `hello` */
	uint64_t serial;	      /* of the last request */
	int broken;		      /* 0, or why no further request is possible */
	unsigned n_bos;		      /* open ones; their handles mean nothing in another session */
	struct npu_hello_reply hello; /* constant once open */
	bool has_results;	      /* once open */
	struct libnpu_results results;
};

/* One request and what its reply must look like. */
struct libnpu_call {
	uint16_t op;
	struct iovec parts[LIBNPU_CALL_PARTS]; /* the request's body */
	unsigned n_parts;
	const int *fds; /* to send with it; stay the caller's */
	unsigned n_fds;
	void *reply;	    /* the reply's body: */
	size_t reply_bytes; /* exactly so long */
	int *reply_fd; /* NULL: the reply brings no descriptor; else it brings one, for the caller
			*/
};

/*
 * Sends the request and waits for its reply. An error that npud answers with is returned as its
 * negative errno value, with npu_last_error() and npu_retry_after_ns() set. -ECONNRESET, -EPROTO:
 * the session is over. `reply` and `reply_fd` are untouched on failure.
 */
int libnpu_call(struct npu_session *session, const struct libnpu_call *call);

/* Adds `size` bytes at `data` to the body of a request. */
void libnpu_call_append(struct libnpu_call *call, const void *data, size_t size);

/*
 * Connects to npud: to `path`, or where it is NULL to the first of $NPU_SOCKET,
 * $XDG_RUNTIME_DIR/npud.sock and /run/npud/npud.sock that applies. The socket is the caller's.
 */
int libnpu_connect(const char *path, int *ret_socket);

#define LIBNPU_SESSION_FDS 5

/*
 * Where a session keeps the numbers of its descriptors, for who must keep others from closing them,
 * or gives them other numbers while no call is under way; how many. -1 stands for none.
 */
unsigned libnpu_session_fds(struct npu_session *session, int *ret_fds[LIBNPU_SESSION_FDS]);

#endif
