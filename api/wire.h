/* SPDX-License-Identifier: MIT */
/*
 * Decoding of requests: pure and total. Any bytes give either a checked struct or an error that
 * names the field; nothing is allocated and nothing outside the packet is read.
 *
 * Shape only: sizes, flags, reserved fields, array bounds, number of descriptors. Whether a handle
 * exists or a quota has room is for the owner of the thing to say.
 */
#ifndef NPUD_API_WIRE_H
#define NPUD_API_WIRE_H

#include "npu_protocol.h"
#include "sessions/job.h"

#include <stddef.h>

/*
 * The header. -EBADMSG when the packet is no message at all (too short, length not the packet's
 * size, not a request): the session has lost its place and ends.
 */
int wire_decode_header(const void *data, size_t size, struct npu_header *ret_header);

/*
 * Bodies: `body` is what follows the header, `size` its bytes, `n_fds` the descriptors that came
 * along. 0, or -errno with *error filled in.
 */
int wire_decode_hello(const void *body, size_t size, unsigned n_fds, struct npu_hello *ret_hello,
		      struct npu_error *error);
int wire_decode_bo_create(const void *body, size_t size, unsigned n_fds,
			  struct npu_bo_create *ret_create, struct npu_error *error);
int wire_decode_bo_close(const void *body, size_t size, unsigned n_fds,
			 struct npu_bo_close *ret_close, struct npu_error *error);
int wire_decode_bo_sync(const void *body, size_t size, unsigned n_fds, struct npu_bo_sync *ret_sync,
			struct npu_error *error);
int wire_decode_bo_export(const void *body, size_t size, unsigned n_fds,
			  struct npu_bo_export *ret_export, struct npu_error *error);
int wire_decode_bo_import(const void *body, size_t size, unsigned n_fds,
			  struct npu_bo_import *ret_import, struct npu_error *error);
int wire_decode_bo_fence(const void *body, size_t size, unsigned n_fds,
			 struct npu_bo_fence *ret_fence, struct npu_error *error);
/* The arrays of *ret_params point into `body`, which need not be aligned. */
int wire_decode_submit(const void *body, size_t size, unsigned n_fds, struct job_params *ret_params,
		       struct npu_error *error);
int wire_decode_cancel(const void *body, size_t size, unsigned n_fds, struct npu_cancel *ret_cancel,
		       struct npu_error *error);
int wire_decode_kill(const void *body, size_t size, unsigned n_fds, struct npu_kill *ret_kill,
		     struct npu_error *error);
int wire_decode_reset(const void *body, size_t size, unsigned n_fds, struct npu_reset *ret_reset,
		      struct npu_error *error);
int wire_decode_pardon(const void *body, size_t size, unsigned n_fds, struct npu_pardon *ret_pardon,
		       struct npu_error *error);
int wire_decode_incidents(const void *body, size_t size, unsigned n_fds,
			  struct npu_incidents *ret_incidents, struct npu_error *error);
/* Requests without a body. */
int wire_decode_empty(size_t size, unsigned n_fds, struct npu_error *error);

#endif
