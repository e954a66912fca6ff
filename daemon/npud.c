/* SPDX-License-Identifier: MIT */
/*
 * Wiring: layers are built bottom up and every failure says which one and why.
 */
#include "daemon/npud.h"

#include "api/incidents.h"
#include "base/clock.h"
#include "base/closer.h"
#include "base/log.h"
#include "daemon/devices.h"
#include "daemon/notify.h"
#include "daemon/policy_file.h"
#include "device/power.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSTEM_DIRECTORY "/run/npud"
#define SYSTEM_SOCKET	 SYSTEM_DIRECTORY "/npud.sock"

static int npud_fail(const char *what, const char *name, int r)
{
	fprintf(stderr, "npud: %s%s%s: %s\n", what, *name ? " " : "", name, strerror(-r));
	return r;
}

/* ---- what api/ asks the daemon for ---- */

static json_t *npud_policy_show(void *context)
{
	const struct npud *npud = context;

	return json_incref(npud->config.effective);
}

static int npud_policy_reload(void *context, char *ret_text, size_t size)
{
	return policy_file_reload(context, ret_text, size);
}

static int npud_add_stats(void *context, json_t *document)
{
	const struct npud *npud = context;
	const double uptime_s = (double)(clock_now_ns() - npud->start_ns) / (double)NS_PER_S;
	json_t *keys;

	keys = json_pack("{s:s, s:f, s:s, s:s, s:{s:s?, s:O}}", "version", NPUD_VERSION, "uptime_s",
			 uptime_s, "loop", loop_name(npud->loop), "loop_fallback",
			 loop_fallback_reason(npud->loop), "policy", "file",
			 npud->options.config_path, "not_in_effect", npud->config.not_in_effect);
	return keys && json_object_update_new(document, keys) == 0 ? 0 : -ENOMEM;
}

static const struct api_daemon_ops npud_api_ops = {
	.policy_show = npud_policy_show,
	.policy_reload = npud_policy_reload,
	.add_stats = npud_add_stats,
};

/* ---- signals ---- */

static void npud_signal_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
}

void npud_block_signals(void)
{
	sigset_t set;

	npud_signal_set(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void npud_drained(void *context)
{
	struct npud *npud = context;

	loop_quit(npud->loop);
}

/* Whoever still waits for a job hears that it was cancelled. */
static void npud_drain_expired(struct loop_timer *timer)
{
	struct npud *npud = container_of(timer, struct npud, drain_timer);

	log_warning("stopping reason=\"jobs are not over after --drain-timeout\"");
	loop_quit(npud->loop);
}

static void npud_terminate(struct npud *npud)
{
	if (npud->sessions->drained) {
		log_info("stopping reason=\"second signal\"");
		loop_quit(npud->loop);
		return;
	}
	log_info("draining");
	notify_send("STOPPING=1");
	if (npud->options.drain_ns != CLOCK_NEVER)
		loop_timer_arm(&npud->drain_timer, clock_now_ns() + npud->options.drain_ns);
	sessions_drain(npud->sessions, npud_drained, npud);
}

static void npud_reload(struct npud *npud)
{
	char text[sizeof(((struct config_error *)0)->text)] = "";

	/* The log has why a file was not taken; without a file there was nothing to say yet. */
	if (policy_file_reload(npud, text, sizeof(text)) < 0 && !npud->options.config_path)
		log_warning("policy_kept error=\"%s\"", text);
}

static void npud_signal_ready(struct loop_poll *poll, uint32_t revents)
{
	struct npud *npud = container_of(poll, struct npud, signal_poll);
	struct signalfd_siginfo info;

	(void)revents;
	while (read(npud->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			npud_reload(npud);
		else
			npud_terminate(npud);
	}
	loop_poll_keep(poll, POLLIN);
}

static int npud_start_signals(struct npud *npud)
{
	sigset_t set;
	int r;

	npud_signal_set(&set);
	npud->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (npud->signal_fd < 0)
		return npud_fail("signals", "", -errno);
	loop_poll_init(&npud->signal_poll, npud->loop, npud->signal_fd, npud_signal_ready);
	r = loop_poll_arm(&npud->signal_poll, POLLIN);
	return r < 0 ? npud_fail("signals", "", r) : 0;
}

/* ---- building the layers ---- */

static int npud_start_loop(struct npud *npud)
{
	int r = loop_new(npud->options.loop, &npud->loop);

	if (r < 0)
		return npud_fail("loop", "io_uring (try --loop auto)", r);
	if (*loop_fallback_reason(npud->loop))
		log_warning("loop_fallback loop=%s reason=\"%s\"", loop_name(npud->loop),
			    loop_fallback_reason(npud->loop));
	return 0;
}

/* What a kernel does not show is left out; $NPU_SYSFS is for trees that are not the kernel's. */
static int npud_start_power(struct npud *npud)
{
	const char *sysfs = getenv("NPU_SYSFS");
	int r = power_new(sysfs ? sysfs : "/sys", &npud->power);

	if (r == -ENOENT)
		return 0;
	return r < 0 ? npud_fail("power", "", r) : 0;
}

/* Each BO is a descriptor and a mapping; the kernel limits both for a process. */
static uint64_t npud_count_descriptors(void)
{
	uint64_t most = 65530; /* the kernel's default for mappings */
	struct rlimit limit;
	FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
	char line[32];

	if (file && fgets(line, sizeof(line), file))
		most = strtoull(line, NULL, 10);
	if (file)
		fclose(file);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < most)
		most = limit.rlim_cur;
	return most;
}

static int npud_start_sessions(struct npud *npud)
{
	const struct sessions_params params = {
		.loop = npud->loop,
		.device = npud->device,
		.power = npud->power,
		.closer = npud->closer,
		.machine =
			{
				.bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) *
					 (uint64_t)sysconf(_SC_PAGESIZE),
				.descriptors = npud_count_descriptors(),
			},
		.policy = &npud->config.sessions,
		.scheduler = &npud->config.scheduler,
		.request = api_request,
		.request_context = &npud->api,
	};
	int r = sessions_new(&params, &npud->sessions);

	if (r < 0)
		return npud_fail("sessions", "", r);
	r = incidents_new(npud->sessions, &npud->incidents);
	if (r < 0)
		return npud_fail("incidents", "", r);
	npud->api = (struct api){.sessions = npud->sessions,
				 .daemon_ops = &npud_api_ops,
				 .daemon_context = npud,
				 .incidents = npud->incidents};
	return 0;
}

static int npud_listen_failed(const char *path, int r)
{
	const char *remedy = "";

	if (r == -EADDRINUSE)
		remedy = ": another npud is running there; stop it or give another --socket";
	else if (r == -EEXIST)
		remedy = ": there is a file that is not a socket; give the path of a socket to "
			 "make";
	else if (r == -ENOENT || r == -ENOTDIR)
		remedy = ": its directory does not exist; make it first";
	else if (r == -EACCES || r == -EPERM)
		remedy = ": npud's user may not write in that directory";
	if (!*remedy)
		return npud_fail("socket", path, r);
	fprintf(stderr, "npud: socket %s%s\n", path, remedy);
	return r;
}

static int npud_add_listener(struct npud *npud, const char *path)
{
	int r = listener_new(npud->sessions, path, 0660, &npud->listeners[npud->n_listeners]);

	if (r < 0)
		return npud_listen_failed(path, r);
	npud->n_listeners++;
	log_info("listening socket=\"%s\" device=%s loop=%s", path, npud->device->caps.name,
		 loop_name(npud->loop));
	return 0;
}

int npud_choose_socket(struct options *options)
{
	const struct passwd *entry;

	if (options->n_sockets > 0 || getenv("LISTEN_FDS") ||
	    options_find_socket(options->found_socket, sizeof(options->found_socket)) < 0)
		return 0;
	options->socket_paths[options->n_sockets++] = options->found_socket;
	if (strcmp(options->found_socket, SYSTEM_SOCKET) != 0)
		return 0;
	if (mkdir(SYSTEM_DIRECTORY, 0755) < 0 && errno != EEXIST)
		return npud_fail("directory", SYSTEM_DIRECTORY, -errno);
	entry = options->user ? getpwnam(options->user) : NULL;
	if (entry && chown(SYSTEM_DIRECTORY, entry->pw_uid, entry->pw_gid) < 0)
		return npud_fail("directory", SYSTEM_DIRECTORY, -errno);
	return 0;
}

static int npud_listen_on_paths(struct npud *npud)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < npud->options.n_sockets; i++)
		r = npud_add_listener(npud, npud->options.socket_paths[i]);
	if (npud->options.n_sockets > 0)
		return r;
	fprintf(stderr, "npud: socket: no --socket, $NPU_SOCKET or $XDG_RUNTIME_DIR says where to "
			"listen in at most 107 characters; give --socket PATH\n");
	return -ENOENT;
}

/* With sockets passed by systemd npud listens on those and on no other. */
static int npud_listen_on_fds(struct npud *npud, int n_fds)
{
	if (n_fds > NPUD_LISTENERS_MAX)
		return npud_fail("socket", "activation: more sockets than npud takes", -E2BIG);
	for (int i = 0; i < n_fds; i++) {
		int r = listener_new_from_fd(npud->sessions, 3 + i,
					     &npud->listeners[npud->n_listeners]);

		if (r < 0)
			return npud_fail("socket", "passed by systemd", r);
		npud->n_listeners++;
		log_info("listening socket=\"%s\" device=%s loop=%s", npud->listeners[i]->path,
			 npud->device->caps.name, loop_name(npud->loop));
	}
	return 0;
}

static int npud_start_http(struct npud *npud)
{
	char text[256] = "";
	int r;

	if (!npud->options.stats_address)
		return 0;
	r = http_new(&npud->api, npud->loop, npud->options.stats_address, text, sizeof(text),
		     &npud->http);
	if (r < 0)
		fprintf(stderr, "npud: --stats: %s\n", *text ? text : strerror(-r));
	return r;
}

/* Every BO is a descriptor: take what the system allows. */
static void npud_raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int npud_new(const struct options *options, struct npud **ret_npud)
{
	struct npud *npud = calloc(1, sizeof(*npud));
	const int n_fds = notify_listen_fds();
	int r;

	if (!npud)
		return npud_fail("start", "", -ENOMEM);
	npud->options = *options;
	npud->signal_fd = -1;
	npud->start_ns = clock_now_ns();
	npud_raise_descriptor_limit();
	r = closer_new(&npud->closer);
	if (r < 0)
		npud_fail("thread", "", r);
	if (r == 0)
		r = policy_file_load(npud);
	if (r == 0)
		r = npud_start_loop(npud);
	if (r == 0)
		loop_timer_init(&npud->drain_timer, npud->loop, npud_drain_expired);
	if (r == 0)
		r = npud_start_signals(npud);
	if (r == 0)
		r = devices_open(&npud->config, &npud->device);
	if (r == 0)
		r = npud_start_power(npud);
	if (r == 0)
		r = policy_file_fit(npud);
	if (r == 0)
		r = npud_start_sessions(npud);
	if (r == 0)
		r = n_fds > 0 ? npud_listen_on_fds(npud, n_fds) : npud_listen_on_paths(npud);
	if (r == 0)
		policy_file_open_incidents(npud);
	if (r == 0)
		r = npud_start_http(npud);
	if (r < 0) {
		npud_free(npud);
		return r;
	}
	*ret_npud = npud;
	return 0;
}

int npud_run(struct npud *npud)
{
	notify_send("READY=1");
	fprintf(stderr, "npud: ready\n");
	return loop_run(npud->loop);
}

struct npud *npud_free(struct npud *npud)
{
	if (!npud)
		return NULL;
	for (unsigned i = 0; i < npud->n_listeners; i++)
		listener_free(npud->listeners[i]);
	http_free(npud->http);
	incidents_free(npud->incidents);
	sessions_free(npud->sessions);
	device_free(npud->device);
	power_free(npud->power);
	if (npud->loop)
		loop_timer_arm(&npud->drain_timer, CLOCK_NEVER);
	if (npud->signal_fd >= 0) {
		loop_poll_disarm(&npud->signal_poll);
		close(npud->signal_fd);
	}
	loop_free(npud->loop);
	closer_free(npud->closer);
	config_deinit(&npud->config);
	free(npud);
	return NULL;
}
