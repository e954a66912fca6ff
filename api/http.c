/* SPDX-License-Identifier: MIT */
/*
 * libmicrohttpd without threads: its epoll descriptor is one poll of our loop, its next deadline
 * one timer, armed only while a connection is open. Sockets are non-blocking and their number,
 * memory and idle time limited, so a slow or hostile client costs the daemon nothing but its slot.
 */
#include "api/http.h"
#include "api/stats.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTIONS_MAX		16u
#define CONNECTION_TIMEOUT_S	10u
#define CONNECTION_MEMORY_BYTES 16384u
#define LISTEN_BACKLOG		16
/* When a connection waits that can't be accepted (no descriptors left): how long not to look. */
#define ACCEPT_RETRY_NS (100 * NS_PER_MS)

/* A run that took this long is followed by a rest of so many times as long. */
#define REST_AFTER_NS (50 * NS_PER_US)
#define REST_FACTOR   8
#define REST_MAX_NS   (20 * NS_PER_MS)

#define TYPE_TEXT     "text/plain; charset=utf-8"
#define TYPE_JSON     "application/json"
#define TYPE_METRICS  "text/plain; version=0.0.4; charset=utf-8"

static const char paths_text[] = "/stats    statistics as JSON\n"
				 "/metrics  the same for Prometheus\n"
				 "/healthz  200, or 503 with the reason\n";

struct http {
	const struct api *api;
	struct loop *loop;
	struct MHD_Daemon *daemon;
	struct loop_poll poll;
	struct loop_timer timer;
	struct sockaddr_un unix_address; /* of the socket file; sun_path "" for a port */
};

/* ---- answers ---- */

struct answer {
	unsigned status;
	const char *type;
	char *text; /* malloc'ed; NULL: lack of memory */
};

static struct answer answer_stats(const struct api *api)
{
	json_t *document = stats_document(api, NULL);
	char *text =
		document ? json_dumps(document, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) : NULL;
	json_decref(document);
	return (struct answer){MHD_HTTP_OK, TYPE_JSON, text};
}

static struct answer answer_metrics(const struct api *api)
{
	json_t *document = stats_document(api, NULL);
	char *text = document ? stats_prometheus(document) : NULL;
	json_decref(document);
	return (struct answer){MHD_HTTP_OK, TYPE_METRICS, text};
}

static struct answer answer_health(const struct api *api)
{
	const char *reason = stats_health(api);
	char *text = NULL;
	if (asprintf(&text, "%s\n", reason ? reason : "ok") < 0)
		text = NULL;
	return (struct answer){reason ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK, TYPE_TEXT,
			       text};
}

static bool method_is_allowed(const char *method)
{
	return strcmp(method, MHD_HTTP_METHOD_GET) == 0 ||
	       strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
}

static struct answer answer_request(const struct api *api, const char *method, const char *path)
{
	static const struct {
		const char *path;
		struct answer (*answer)(const struct api *api);
	} routes[] = {{"/stats", answer_stats},
		      {"/metrics", answer_metrics},
		      {"/healthz", answer_health}};

	if (!method_is_allowed(method))
		return (struct answer){MHD_HTTP_METHOD_NOT_ALLOWED, TYPE_TEXT,
				       strdup("only GET and HEAD\n")};
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (strcmp(path, routes[i].path) == 0)
			return routes[i].answer(api);
	return (struct answer){MHD_HTTP_NOT_FOUND, TYPE_TEXT, strdup(paths_text)};
}

/*
 * libmicrohttpd's access handler, called when the header is there (*state is NULL), then for each
 * piece of a body, then once more. An answer before the last call ends the connection, which is
 * for whoever sends something else than a question. Without memory for an answer it is closed.
 */
static enum MHD_Result handle_request(void *context, struct MHD_Connection *connection,
				      const char *url, const char *method, const char *version,
				      const char *upload, size_t *upload_size, void **state)
{
	bool is_first = !*state;
	*state = context;
	if (method_is_allowed(method) && (is_first || *upload_size > 0)) {
		*upload_size = 0;
		return MHD_YES;
	}
	struct http *http = context;
	struct answer answer = answer_request(http->api, method, url);
	if (!answer.text)
		return MHD_NO;
	struct MHD_Response *response = MHD_create_response_from_buffer(
		strlen(answer.text), answer.text, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(answer.text);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer.type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (answer.status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	enum MHD_Result result = MHD_queue_response(connection, answer.status, response);
	MHD_destroy_response(response);
	return result;
}

/* ---- events ---- */

static unsigned http_n_connections(struct http *http)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
	return info ? info->num_connections : 0;
}

/* A client waits that can't be accepted for lack of descriptors: polling for it would spin. */
static bool http_is_stuck(struct http *http)
{
	struct pollfd pollfd = {.fd = http->poll.fd, .events = POLLIN};
	if (http_n_connections(http) > 0 || poll(&pollfd, 1, 0) <= 0)
		return false;
	int fd = fcntl(http->poll.fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return true;
	close(fd);
	return false;
}

/* Documents take long to make; whoever asks for many of them must not keep npud from its work. */
static bool http_must_rest(uint64_t start_ns, uint64_t *ret_until_ns)
{
	const uint64_t now_ns = clock_now_ns();
	const uint64_t cost_ns = now_ns - start_ns;

	if (cost_ns < REST_AFTER_NS)
		return false;
	*ret_until_ns = now_ns +
			(cost_ns < REST_MAX_NS / REST_FACTOR ? cost_ns * REST_FACTOR : REST_MAX_NS);
	return true;
}

static void http_run(struct http *http)
{
	MHD_UNSIGNED_LONG_LONG timeout_ms;
	const uint64_t start_ns = clock_now_ns();
	uint64_t when_ns = CLOCK_NEVER;
	unsigned n_before;
	/* At its limit MHD stops listening; it takes that up again in the run after the drop. */
	do {
		n_before = http_n_connections(http);
		MHD_run(http->daemon);
	} while (http_n_connections(http) < n_before);
	if (http_n_connections(http) > 0 && MHD_get_timeout(http->daemon, &timeout_ms) == MHD_YES)
		when_ns = clock_now_ns() + timeout_ms * NS_PER_MS;
	if (http_must_rest(start_ns, &when_ns))
		loop_poll_disarm(&http->poll);
	else if (http_is_stuck(http) || loop_poll_arm(&http->poll, POLLIN) < 0)
		when_ns = clock_now_ns() + ACCEPT_RETRY_NS;
	loop_timer_arm(&http->timer, when_ns);
}

static void http_ready(struct loop_poll *poll, uint32_t revents)
{
	http_run(container_of(poll, struct http, poll));
}

static void http_expired(struct loop_timer *timer)
{
	http_run(container_of(timer, struct http, timer));
}

/* ---- listening ---- */

struct error_text {
	char *text;
	size_t size;
};

static int http_error(const struct error_text *error, int result, const char *address,
		      const char *why)
{
	snprintf(error->text, error->size, "%s: %s", address, why);
	return result;
}

static int parse_port(const char *text, uint16_t *ret_port)
{
	char *end;
	if (*text < '0' || *text > '9' || strlen(text) > 5)
		return -EINVAL;
	unsigned long port = strtoul(text, &end, 10);
	if (*end || port < 1 || port > UINT16_MAX)
		return -EINVAL;
	*ret_port = (uint16_t)port;
	return 0;
}

/* "PORT", "127.0.0.1:PORT", "[::1]:PORT". */
static int parse_loopback(const char *address, struct sockaddr_storage *ret_address,
			  socklen_t *ret_length)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)ret_address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret_address;
	static const char prefix4[] = "127.0.0.1:", prefix6[] = "[::1]:";
	uint16_t port;
	bool is_6 = strncmp(address, prefix6, strlen(prefix6)) == 0;
	bool has_4 = strncmp(address, prefix4, strlen(prefix4)) == 0;
	const char *port_text = address + (is_6 ? strlen(prefix6) : has_4 ? strlen(prefix4) : 0);
	if (parse_port(port_text, &port) < 0)
		return -EINVAL;
	memset(ret_address, 0, sizeof(*ret_address));
	if (is_6) {
		in6->sin6_family = AF_INET6;
		in6->sin6_addr = in6addr_loopback;
		in6->sin6_port = htons(port);
		*ret_length = sizeof(*in6);
	} else {
		in4->sin_family = AF_INET;
		in4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		in4->sin_port = htons(port);
		*ret_length = sizeof(*in4);
	}
	return 0;
}

static int listen_at_port(const char *address, const struct error_text *error, int *ret_fd)
{
	struct sockaddr_storage storage;
	socklen_t length;
	const int one = 1;
	if (parse_loopback(address, &storage, &length) < 0)
		return http_error(error, -EINVAL, address,
				  "not a path, PORT, 127.0.0.1:PORT or [::1]:PORT (1 to 65535); "
				  "other hosts are not served");
	int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return http_error(error, -errno, address, strerror(errno));
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&storage, length) < 0 || listen(fd, LISTEN_BACKLOG) < 0) {
		int result = -errno;
		close(fd);
		return http_error(error, result, address, strerror(-result));
	}
	*ret_fd = fd;
	return 0;
}

/* Removes a socket file that nobody listens at any more. */
static int remove_stale(const struct sockaddr_un *address)
{
	struct stat status;
	if (lstat(address->sun_path, &status) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(status.st_mode))
		return -EEXIST;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int result =
		connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;
	close(fd);
	if (result != -ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(address->sun_path) < 0 ? -errno : 0;
}

/* The mode is set before anybody can connect: until listen() the kernel refuses. */
static int listen_at_path(struct http *http, const char *path, int *ret_fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	int result = remove_stale(&address);
	if (result < 0)
		return result;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		goto fail;
	http->unix_address = address;
	if (chmod(path, 0660) < 0 || listen(fd, LISTEN_BACKLOG) < 0)
		goto fail;
	*ret_fd = fd;
	return 0;
fail:
	result = -errno;
	close(fd);
	return result;
}

int http_check_address(const char *address)
{
	struct sockaddr_storage storage;
	socklen_t length;

	if (strchr(address, '/'))
		return strlen(address) < sizeof(((struct sockaddr_un *)NULL)->sun_path)
			       ? 0
			       : -ENAMETOOLONG;
	return parse_loopback(address, &storage, &length);
}

static int http_listen(struct http *http, const char *address, const struct error_text *error,
		       int *ret_fd)
{
	if (!strchr(address, '/'))
		return listen_at_port(address, error, ret_fd);
	int result = listen_at_path(http, address, ret_fd);
	return result < 0 ? http_error(error, result, address, strerror(-result)) : 0;
}

static int http_start(struct http *http, int listen_fd)
{
	http->daemon =
		MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, handle_request, http,
				 MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_CONNECTION_LIMIT,
				 CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
				 CONNECTION_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
				 (size_t)CONNECTION_MEMORY_BYTES, MHD_OPTION_END);
	if (!http->daemon)
		return errno ? -errno : -ENOMEM;
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info || info->epoll_fd < 0)
		return -ENOTSUP;
	loop_poll_init(&http->poll, http->loop, info->epoll_fd, http_ready);
	return loop_poll_arm(&http->poll, POLLIN);
}

int http_new(const struct api *api, struct loop *loop, const char *address, char *ret_text,
	     size_t text_size, struct http **ret_http)
{
	const struct error_text error = {ret_text, text_size};
	int listen_fd = -1;
	struct http *http = calloc(1, sizeof(*http));
	if (!http)
		return http_error(&error, -ENOMEM, address, strerror(ENOMEM));
	http->api = api;
	http->loop = loop;
	loop_poll_init(&http->poll, loop, -1, http_ready);
	loop_timer_init(&http->timer, loop, http_expired);
	int result = http_listen(http, address, &error, &listen_fd);
	if (result < 0)
		goto fail;
	result = http_start(http, listen_fd);
	if (result < 0) {
		http_error(&error, result, address, strerror(-result));
		goto fail;
	}
	*ret_http = http;
	return 0;
fail:
	http_free(http);
	return result;
}

struct http *http_free(struct http *http)
{
	if (!http)
		return NULL;
	loop_timer_arm(&http->timer, CLOCK_NEVER);
	if (http->poll.fd >= 0)
		loop_poll_disarm(&http->poll);
	if (http->daemon)
		MHD_stop_daemon(http->daemon);
	if (http->unix_address.sun_path[0])
		unlink(http->unix_address.sun_path);
	free(http);
	return NULL;
}
