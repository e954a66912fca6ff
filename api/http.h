/* SPDX-License-Identifier: MIT */
/*
 * GET /stats, /metrics and /healthz over HTTP, on a Unix socket or a loopback port.
 *
 * libmicrohttpd does HTTP; its epoll descriptor is one poll of our loop, so it costs no thread and
 * no wake-up while nobody asks.
 */
#ifndef NPUD_API_HTTP_H
#define NPUD_API_HTTP_H

#include "api/api.h"
#include "base/loop.h"

struct http;

/*
 * Listens at `address`: a path (contains '/'), "PORT", "127.0.0.1:PORT" or "[::1]:PORT". -EINVAL
 * for anything else, other hosts included (the document is not for the network), with a sentence.
 */
int http_new(const struct api *api, struct loop *loop, const char *address, char *ret_text,
	     size_t text_size, struct http **ret_http);
/* Whether http_new() would understand `address`: 0, -EINVAL, -ENAMETOOLONG. */
int http_check_address(const char *address);
/* Takes NULL, returns NULL. */
struct http *http_free(struct http *http);

#endif
