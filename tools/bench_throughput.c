/* SPDX-License-Identifier: MIT */
/*
 * Empty jobs per second through the completion queue: what npud itself can do, by number of clients
 * and of jobs that each keeps in flight. A client is a thread with a session of its own.
 */
#include "bench.h"
#include "bench_daemon.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>

#define CLIENTS_MAX 8u

static const unsigned client_counts[] = {1, 2, 4, 8};
static const unsigned depths[] = {1, 4, 16, 64};

#define N_CLIENT_COUNTS (sizeof(client_counts) / sizeof(client_counts[0]))
#define N_DEPTHS	(sizeof(depths) / sizeof(depths[0]))

struct client {
	struct npu_session *session;
	pthread_t thread;
	unsigned depth, in_flight;
	uint64_t until_ns;
	uint64_t done;
	int error;
	char why[200];
};

static int client_fail(struct client *client, int error)
{
	snprintf(client->why, sizeof(client->why), "%s", npu_last_error());
	return error;
}

/* Fills the queue up; a full one (other clients' jobs count, too) is no error. */
static int client_fill(struct client *client)
{
	const struct npu_job job = {.flags = NPU_SUBMIT_COMPLETION};
	while (client->in_flight < client->depth) {
		int result = npu_submit(client->session, &job, NULL, NULL);
		if (result == -EAGAIN && client->in_flight > 0)
			return 0;
		if (result < 0)
			return client_fail(client, result);
		client->in_flight++;
	}
	return 0;
}

/* Waits for at least one result and takes all there are. */
static int client_reap(struct client *client)
{
	struct npu_result result;
	struct pollfd pollfd = {.fd = npu_completion_fd(client->session), .events = POLLIN};
	poll(&pollfd, 1, -1);
	int status = npu_completion_next(client->session, &result);
	for (; status == 0; status = npu_completion_next(client->session, &result)) {
		client->in_flight--;
		client->done++;
	}
	return status == -EAGAIN ? 0 : client_fail(client, status);
}

static void *client_run(void *argument)
{
	struct client *client = argument;
	while (client->error == 0 && bench_now_ns() < client->until_ns) {
		client->error = client_fill(client);
		if (client->error == 0)
			client->error = client_reap(client);
	}
	while (client->error == 0 && client->in_flight > 0)
		client->error = client_reap(client);
	return NULL;
}

/* Jobs per second of `n` clients; 0 with a message when one failed. */
static double run_clients(struct client *clients, unsigned n, unsigned depth, uint64_t time_ns)
{
	uint64_t start_ns = bench_now_ns(), done = 0;
	unsigned n_started = 0;
	const char *why = NULL;
	for (unsigned i = 0; i < n; i++) {
		clients[i].depth = depth;
		clients[i].done = 0;
		clients[i].until_ns = start_ns + time_ns;
		if (pthread_create(&clients[i].thread, NULL, client_run, &clients[i]) != 0)
			break;
		n_started++;
	}
	for (unsigned i = 0; i < n_started; i++) {
		pthread_join(clients[i].thread, NULL);
		done += clients[i].done;
		if (clients[i].error < 0)
			why = clients[i].why;
	}
	if (n_started < n)
		why = "no thread";
	if (why) {
		cli_error(CLI_FAILED, "throughput: %s", why);
		return 0;
	}
	return (double)done * 1e9 / (double)(bench_now_ns() - start_ns);
}

static void print_title(void)
{
	printf("empty jobs per second (timing device)\nclients ");
	for (size_t i = 0; i < N_DEPTHS; i++)
		printf("   depth %2u", depths[i]);
	putchar('\n');
}

static void print_row(unsigned n_clients, const double *rates)
{
	printf("%7u ", n_clients);
	for (size_t i = 0; i < N_DEPTHS; i++)
		printf(" %10.0f", rates[i]);
	putchar('\n');
}

static enum cli_status run(struct client *clients, const struct bench_options *options)
{
	uint64_t time_ns = (options->seconds ? options->seconds : 1) * 1000000000u;
	json_t *results = json_array();
	if (!options->is_json)
		print_title();
	for (size_t c = 0; c < N_CLIENT_COUNTS; c++) {
		double rates[N_DEPTHS];
		for (size_t d = 0; d < N_DEPTHS; d++) {
			rates[d] = run_clients(clients, client_counts[c], depths[d], time_ns);
			if (rates[d] <= 0) {
				json_decref(results);
				return CLI_FAILED;
			}
			json_array_append_new(results,
					      json_pack("{s:i, s:i, s:f}", "clients",
							(int)client_counts[c], "depth",
							(int)depths[d], "jobs_per_s", rates[d]));
		}
		if (!options->is_json)
			print_row(client_counts[c], rates);
	}
	if (options->is_json)
		return bench_print_json(
			json_pack("{s:s, s:o}", "bench", "throughput", "results", results));
	json_decref(results);
	return CLI_OK;
}

static enum cli_status connect_and_run(const char *socket, const struct bench_options *options)
{
	struct client clients[CLIENTS_MAX] = {0};
	enum cli_status status = CLI_OK;
	for (unsigned i = 0; i < CLIENTS_MAX && status == CLI_OK; i++)
		status = cli_connect(socket, &clients[i].session);
	if (status == CLI_OK && npu_query(clients[0].session)->runs_streams)
		status = cli_error(CLI_FAILED, "throughput: that daemon's device is %s, not timing",
				   npu_query(clients[0].session)->device);
	if (status == CLI_OK)
		status = run(clients, options);
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		npu_close(clients[i].session);
	return status;
}

enum cli_status bench_throughput(const struct bench_options *options)
{
	const struct bench_daemon_args args = {
		.socket_path = options->socket_path,
		.device = "timing",
		.loop = options->loop,
		.policy = "{\"version\": 1, \"quota\": {\"jobs_per_tenant\": 1024}}",
	};
	struct bench_daemon daemon;
	enum cli_status status = bench_daemon_start(&args, &daemon);
	if (status != CLI_OK)
		return status;
	status = connect_and_run(daemon.socket, options);
	enum cli_status stopped = bench_daemon_stop(&daemon);
	return status == CLI_OK ? stopped : status;
}
