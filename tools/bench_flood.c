/* SPDX-License-Identifier: MIT */
/*
 * What a client that floods npud costs the others: the round trip of an empty job, in blocks that
 * alternate between a flooder that is stopped and one that is let loose.
 */
#include "bench.h"
#include "bench_daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCKS_DEFAULT 40u
#define BLOCK_ROUNDS   200u
#define TARGET_RATIO   2.0

/* ---- the flooder: a process that sends as fast as npud reads ---- */

struct flooder {
	struct sockaddr_un address;
	int fd;
	uint64_t serial;
};

static void flooder_send(struct flooder *flooder, uint16_t op, const void *body, size_t size)
{
	unsigned char packet[sizeof(struct npu_header) + 256];
	const struct npu_header header = {
		.length = (uint32_t)(sizeof(header) + size), .op = op, .serial = ++flooder->serial};
	memcpy(packet, &header, sizeof(header));
	if (size > 0)
		memcpy(packet + sizeof(header), body, size);
	if (send(flooder->fd, packet, header.length, MSG_NOSIGNAL) < 0)
		_exit(0);
}

/* Reads one answer, and the descriptors with it; false when there is none and none is waited for.
 */
static bool flooder_receive(struct flooder *flooder, int flags)
{
	unsigned char packet[1024];
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {packet, sizeof(packet)};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(flooder->fd, &message, flags);
	if (n < 0)
		return false;
	if (n == 0)
		_exit(0);
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);
	if (cmsg) {
		int fd;
		memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
		close(fd);
	}
	return true;
}

/* Requests that are refused at once: the most packets a second. */
static void flood_errors(struct flooder *flooder)
{
	flooder_send(flooder, UINT16_MAX, NULL, 0);
	while (flooder_receive(flooder, MSG_DONTWAIT))
		;
}

static void flood_jobs(struct flooder *flooder)
{
	const struct npu_submit submit = {.seqno = flooder->serial};
	flooder_send(flooder, NPU_OP_SUBMIT, &submit, sizeof(submit));
	while (flooder_receive(flooder, MSG_DONTWAIT))
		;
}

/* The most work for one request. */
static void flood_statistics(struct flooder *flooder)
{
	flooder_send(flooder, NPU_OP_STATS, NULL, 0);
	(void)flooder_receive(flooder, 0);
}

/* Only the first one is a session: the others come and go. */
static void flood_connections(struct flooder *flooder)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (connect(fd, (const struct sockaddr *)&flooder->address, sizeof(flooder->address)) < 0)
		_exit(0);
	close(fd);
}

static const struct flood {
	const char *name;
	void (*send)(struct flooder *flooder);
} floods[] = {{"errors", flood_errors},
	      {"jobs", flood_jobs},
	      {"statistics", flood_statistics},
	      {"connections", flood_connections}};

#define N_FLOODS (sizeof(floods) / sizeof(floods[0]))

static _Noreturn void flooder_run(const char *path, const struct flood *flood)
{
	const struct npu_hello hello = {.version_min = NPU_PROTOCOL_VERSION,
					.version_max = NPU_PROTOCOL_VERSION};
	struct flooder flooder = {.address.sun_family = AF_UNIX,
				  .fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(flooder.address.sun_path, sizeof(flooder.address.sun_path), "%s", path);
	if (connect(flooder.fd, (struct sockaddr *)&flooder.address, sizeof(flooder.address)) < 0)
		_exit(1);
	flooder_send(&flooder, NPU_OP_HELLO, &hello, sizeof(hello));
	if (!flooder_receive(&flooder, 0))
		_exit(1);
	raise(SIGSTOP);
	for (;;)
		flood->send(&flooder);
}

static int flooder_start(const char *path, const struct flood *flood, pid_t *ret_pid)
{
	int status = 0;
	pid_t pid = fork();
	if (pid == 0)
		flooder_run(path, flood);
	if (pid < 0 || waitpid(pid, &status, WUNTRACED) < 0)
		return -errno;
	if (!WIFSTOPPED(status))
		return -ECONNREFUSED;
	*ret_pid = pid;
	return 0;
}

/* ---- the one who suffers ---- */

struct victim {
	const char *socket_path;
	struct npu_session *session;
	struct bench_samples quiet_ns, flooded_ns; /* all round trips */
	struct bench_samples ratios;		   /* of the medians of each pair of blocks */
};

/* What the flood has left behind is served before: connections are taken in their order. */
static int settle(const char *path)
{
	const struct npu_open_args args = {.socket_path = path};
	struct npu_session *session;
	int result = npu_open(&args, &session);
	if (result == 0)
		npu_close(session);
	return result;
}

static int measure_pair(struct victim *victim, pid_t flooder)
{
	struct bench_samples quiet = {0}, flooded = {0};
	int result = settle(victim->socket_path);
	if (result == 0)
		result = bench_samples_init(&quiet, BLOCK_ROUNDS);
	if (result == 0)
		result = bench_samples_init(&flooded, BLOCK_ROUNDS);
	if (result == 0)
		result =
			bench_round_trips(victim->session, BLOCK_ROUNDS, &quiet, &victim->quiet_ns);
	kill(flooder, SIGCONT);
	if (result == 0)
		result = bench_round_trips(victim->session, BLOCK_ROUNDS, &flooded,
					   &victim->flooded_ns);
	kill(flooder, SIGSTOP);
	if (result == 0)
		bench_samples_add(&victim->ratios, bench_samples_quantile(&flooded, 0.5) /
							   bench_samples_quantile(&quiet, 0.5));
	bench_samples_deinit(&quiet);
	bench_samples_deinit(&flooded);
	return result;
}

static int measure(struct victim *victim, pid_t flooder, uint64_t n_blocks)
{
	size_t n = n_blocks * BLOCK_ROUNDS;
	if (bench_samples_init(&victim->quiet_ns, n) < 0 ||
	    bench_samples_init(&victim->flooded_ns, n) < 0 ||
	    bench_samples_init(&victim->ratios, n_blocks) < 0)
		return -ENOMEM;
	for (uint64_t i = 0; i <= n_blocks; i++) {
		int result = measure_pair(victim, flooder);
		if (result < 0)
			return result;
		/* The first pair warms up and does not count. */
		if (i == 0)
			victim->quiet_ns.n = victim->flooded_ns.n = victim->ratios.n = 0;
	}
	return 0;
}

static json_t *victim_document(struct victim *victim)
{
	return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "quiet_p50_ns",
			 bench_samples_quantile(&victim->quiet_ns, 0.5), "quiet_p99_ns",
			 bench_samples_quantile(&victim->quiet_ns, 0.99), "flooded_p50_ns",
			 bench_samples_quantile(&victim->flooded_ns, 0.5), "flooded_p99_ns",
			 bench_samples_quantile(&victim->flooded_ns, 0.99), "ratio_p50",
			 bench_samples_quantile(&victim->ratios, 0.5), "ratio_p90",
			 bench_samples_quantile(&victim->ratios, 0.9), "target", TARGET_RATIO);
}

static void victim_print(struct victim *victim, const char *name)
{
	double ratio = bench_samples_quantile(&victim->ratios, 0.5);
	printf("  %-11s  alone p50 %7.1f us p99 %7.1f us   flooded p50 %7.1f us p99 %7.1f us   "
	       "ratio %.2f (90 %% below %.2f): %s\n",
	       name, bench_samples_quantile(&victim->quiet_ns, 0.5) / 1e3,
	       bench_samples_quantile(&victim->quiet_ns, 0.99) / 1e3,
	       bench_samples_quantile(&victim->flooded_ns, 0.5) / 1e3,
	       bench_samples_quantile(&victim->flooded_ns, 0.99) / 1e3, ratio,
	       bench_samples_quantile(&victim->ratios, 0.9),
	       ratio <= TARGET_RATIO ? "met" : "MISSED");
}

static enum cli_status run_flood(const struct bench_daemon *daemon, const struct flood *flood,
				 uint64_t n_blocks, json_t *document)
{
	struct victim victim = {.socket_path = daemon->socket};
	pid_t flooder = 0;
	enum cli_status status = cli_connect(daemon->socket, &victim.session);
	if (status != CLI_OK)
		return status;
	int result = flooder_start(daemon->socket, flood, &flooder);
	if (result == 0)
		result = measure(&victim, flooder, n_blocks);
	if (flooder > 0) {
		kill(flooder, SIGKILL);
		waitpid(flooder, NULL, 0);
	}
	if (result < 0)
		status = cli_error(CLI_FAILED, "flood: %s: %s", flood->name, strerror(-result));
	else if (document)
		json_object_set_new(document, flood->name, victim_document(&victim));
	else
		victim_print(&victim, flood->name);
	npu_close(victim.session);
	bench_samples_deinit(&victim.quiet_ns);
	bench_samples_deinit(&victim.flooded_ns);
	bench_samples_deinit(&victim.ratios);
	return status;
}

enum cli_status bench_flood(const struct bench_options *options)
{
	const struct bench_daemon_args args = {
		.device = "timing", .loop = options->loop, .policy = "{\"version\": 1}"};
	const uint64_t n_blocks = options->count ? options->count : BLOCKS_DEFAULT;
	json_t *document = options->is_json ? json_pack("{s:s}", "bench", "flood") : NULL;
	struct bench_daemon daemon;
	enum cli_status status = bench_daemon_start(&args, &daemon);
	if (status != CLI_OK) {
		json_decref(document);
		return status;
	}
	if (!document)
		printf("an empty job beside a client that floods (timing device, %" PRIu64
		       " rounds)\n",
		       n_blocks * BLOCK_ROUNDS);
	for (size_t i = 0; status == CLI_OK && i < N_FLOODS; i++)
		status = run_flood(&daemon, &floods[i], n_blocks, document);
	enum cli_status stopped = bench_daemon_stop(&daemon);
	status = status == CLI_OK ? stopped : status;
	if (document && status == CLI_OK)
		return bench_print_json(document);
	json_decref(document);
	return status;
}
