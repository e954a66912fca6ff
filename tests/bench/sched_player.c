/* SPDX-License-Identifier: MIT */
/*
 * A loop over two things: what is due by the clock, and what npud says has ended. A request is a
 * slot; each of its jobs carries the slot's number and its own in its tag.
 */
#include "tests/bench/sched_player.h"

#include "npu.h"
#include "tools/cli.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#define SLOTS_MAX  1024u
#define PIECES_MAX 128u
#define JOBS_MAX   4096u
#define NEVER_NS   UINT64_MAX
#define RETRY_NS   1000000ull
#define PAUSE_NS   10000ull /* a closed loop's, between its requests */
#define GRACE_NS   20000000000ull
/* The watchdog's, by default. */
#define HANG_FACTOR   3
#define HANG_SLACK_NS 10000000ull
#define NS_PER_S_F    1e9

struct slot {
	bool is_busy, has_failed;
	unsigned stage, n_repeated, n_left;
	uint64_t wake_ns; /* closed loops: when the next request begins */
	struct sim_random random;
};

struct played_job {
	bool is_used;
	unsigned slot;
	uint64_t submitted_ns, deadline_ns;
};

struct player {
	const struct player_args *args;
	const struct sim_tenant_spec *spec;
	struct player_result *result;
	struct npu_session *npu;
	struct sim_random arrivals;
	uint64_t end_ns, next_ns, n_requests;
	unsigned n_slots, n_busy, n_jobs;
	struct npu_task tasks[PIECES_MAX];
	struct slot slots[SLOTS_MAX];
	struct played_job jobs[JOBS_MAX];
};

uint64_t player_now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000ull + (uint64_t)time.tv_nsec;
}

/* ---- jobs ---- */

/* As the engine draws it. UINT64_MAX: it hangs. */
static uint64_t draw_duration_ns(const struct player *player, struct slot *slot,
				 const struct sim_stage *stage)
{
	const struct sim_hardware *hardware = player->args->engine->hardware;
	double noise = exp(hardware->noise_sigma * sim_random_normal(&slot->random));

	if (sim_random_unit(&slot->random) < hardware->outlier_chance)
		noise *= hardware->outlier_factor;
	if (sim_random_unit(&slot->random) < player->spec->hang_chance)
		return UINT64_MAX;
	return (uint64_t)(stage->model->run_ns[stage->width] * noise);
}

static void advance(struct player *player, struct slot *slot);

static void end_job(struct player *player, struct slot *slot, bool has_failed)
{
	slot->has_failed |= has_failed;
	if (!--slot->n_left)
		advance(player, slot);
}

static int submit(struct player *player, struct slot *slot, const struct sim_stage *stage)
{
	unsigned i = 0;
	struct npu_job job = {
		.flags = NPU_SUBMIT_COMPLETION | NPU_SUBMIT_SLICEABLE,
		.tasks = player->tasks,
		.n_tasks = stage->model->n_pieces,
	};
	int r;

	while (i < JOBS_MAX && player->jobs[i].is_used)
		i++;
	if (i == JOBS_MAX || job.n_tasks > PIECES_MAX)
		return -ENOBUFS;
	job.tag = i;
	job.duration_ns = draw_duration_ns(player, slot, stage);
	/* npud takes jobs that hang for a kind of their own there, and would know no budget. */
	if (player->spec->hang_chance > 0)
		job.timeout_ns = (uint64_t)(HANG_FACTOR * stage->model->run_ns[stage->width]) +
				 HANG_SLACK_NS;
	player->jobs[i] = (struct played_job){
		.is_used = true,
		.slot = (unsigned)(slot - player->slots),
		.submitted_ns = player_now_ns(),
	};
	if (stage->deadline_ns)
		player->jobs[i].deadline_ns = player->jobs[i].submitted_ns + stage->deadline_ns;
	player->result->n_deadlines += stage->deadline_ns != 0;
	r = npu_submit(player->npu, &job, NULL, NULL);
	player->n_jobs += r == 0;
	if (r == 0)
		return 0;
	player->jobs[i].is_used = false;
	player->result->n_missed += stage->deadline_ns != 0;
	return r;
}

static void end_request(struct player *player, struct slot *slot)
{
	double pause_ns = slot->has_failed ? (double)RETRY_NS : (double)PAUSE_NS;

	slot->is_busy = false;
	player->n_busy--;
	if (player->spec->arrival == SIM_CLOSED)
		slot->wake_ns = player_now_ns() + (uint64_t)fmax(player->spec->think_ns, pause_ns);
}

static void start_stage(struct player *player, struct slot *slot)
{
	const struct sim_stage *stage = &player->spec->stages[slot->stage];
	unsigned n_refused = 0;

	slot->n_left = stage->n_parallel;
	for (unsigned i = 0; i < stage->n_parallel; i++)
		n_refused += submit(player, slot, stage) < 0;
	for (; n_refused > 0; n_refused--)
		end_job(player, slot, true);
}

static void advance(struct player *player, struct slot *slot)
{
	if (++slot->n_repeated >= player->spec->stages[slot->stage].n_repeats) {
		slot->stage++;
		slot->n_repeated = 0;
	}
	if (slot->has_failed || slot->stage >= player->spec->n_stages)
		end_request(player, slot);
	else
		start_stage(player, slot);
}

static void start_request(struct player *player, struct slot *slot)
{
	const struct sim_engine *engine = player->args->engine;

	*slot = (struct slot){.is_busy = true, .wake_ns = NEVER_NS};
	sim_random_init_number(&slot->random,
			       sim_request_seed(engine, player->args->session, player->n_requests));
	player->n_busy++;
	start_stage(player, slot);
}

/* ---- arrivals ---- */

static void arrive(struct player *player)
{
	const struct sim_tenant_spec *spec = player->spec;
	unsigned i = 0;

	player->n_requests++;
	while (i < player->n_slots && player->slots[i].is_busy)
		i++;
	if (i < player->n_slots) {
		start_request(player, &player->slots[i]);
		return;
	}
	player->result->n_deadlines += spec->stages[0].deadline_ns != 0;
	player->result->n_missed += spec->stages[0].deadline_ns != 0;
}

static uint64_t poisson_wait_ns(struct player *player)
{
	return (uint64_t)sim_random_exponential(&player->arrivals,
						NS_PER_S_F / player->spec->rate_per_s);
}

/* The first arrival, or those of a closed loop. */
static void plan_arrivals(struct player *player)
{
	const struct sim_tenant_spec *spec = player->spec;
	const struct sim_tenant *tenant = player->args->session->tenant;
	double place = (double)(player->args->session - tenant->sessions);
	uint64_t start_ns = player->args->start_ns;

	player->next_ns = NEVER_NS;
	player->n_slots = spec->max_in_flight ? spec->max_in_flight : SLOTS_MAX;
	if (spec->arrival == SIM_CLOSED)
		player->n_slots = spec->depth < SLOTS_MAX ? spec->depth : SLOTS_MAX;
	for (unsigned i = 0; i < player->n_slots; i++) {
		player->slots[i].wake_ns = NEVER_NS;
		if (spec->arrival == SIM_CLOSED)
			player->slots[i].wake_ns =
				start_ns + (uint64_t)(5e6 * sim_random_unit(&player->arrivals));
	}
	if (spec->arrival == SIM_PERIODIC) {
		place += 0.5 * sim_random_unit(&player->arrivals);
		player->next_ns =
			start_ns + (uint64_t)(spec->period_ns * place / tenant->n_sessions);
	} else if (spec->arrival == SIM_POISSON) {
		player->next_ns = start_ns + poisson_wait_ns(player);
	}
}

static void plan_next(struct player *player)
{
	double shift;

	if (player->spec->arrival == SIM_POISSON) {
		player->next_ns += poisson_wait_ns(player);
		return;
	}
	shift = 2 * sim_random_unit(&player->arrivals) - 1;
	player->next_ns += (uint64_t)(player->spec->period_ns + shift * player->spec->jitter_ns);
}

static void do_due(struct player *player)
{
	uint64_t now_ns = player_now_ns();

	while (player->next_ns <= now_ns && player->next_ns <= player->end_ns) {
		arrive(player);
		plan_next(player);
	}
	for (unsigned i = 0; i < player->n_slots && now_ns <= player->end_ns; i++) {
		struct slot *slot = &player->slots[i];

		if (slot->is_busy || slot->wake_ns > now_ns)
			continue;
		player->n_requests++;
		start_request(player, slot);
	}
}

static uint64_t next_due_ns(const struct player *player)
{
	uint64_t due_ns = player->next_ns;

	for (unsigned i = 0; i < player->n_slots; i++) {
		if (!player->slots[i].is_busy && player->slots[i].wake_ns < due_ns)
			due_ns = player->slots[i].wake_ns;
	}
	return due_ns > player->end_ns ? NEVER_NS : due_ns;
}

/* ---- results ---- */

static void take_result(struct player *player, const struct npu_result *npu_result)
{
	struct played_job *job = &player->jobs[npu_result->tag];
	struct player_result *result = player->result;
	uint64_t now_ns = player_now_ns();
	bool is_ok = npu_result->outcome == NPU_OUTCOME_OK;

	job->is_used = false;
	player->n_jobs--;
	if (is_ok && result->n_latencies < PLAYER_LATENCIES_MAX)
		result->latencies_us[result->n_latencies++] =
			(uint32_t)((now_ns - job->submitted_ns) / 1000);
	result->n_missed += job->deadline_ns && (!is_ok || now_ns > job->deadline_ns);
	end_job(player, &player->slots[job->slot], !is_ok);
}

static int wait_and_take(struct player *player, uint64_t until_ns)
{
	struct pollfd poll_fd = {.fd = npu_completion_fd(player->npu), .events = POLLIN};
	uint64_t now_ns = player_now_ns();
	uint64_t wait_ns = until_ns > now_ns ? until_ns - now_ns : 0;
	struct timespec timeout = {(time_t)(wait_ns / 1000000000ull),
				   (long)(wait_ns % 1000000000ull)};
	struct npu_result result;
	int r;

	if (ppoll(&poll_fd, 1, &timeout, NULL) < 0)
		return -errno;
	while ((r = npu_completion_next(player->npu, &result)) == 0)
		take_result(player, &result);
	return r == -EAGAIN ? 0 : r;
}

static int play(struct player *player)
{
	uint64_t limit_ns = player->end_ns + GRACE_NS;
	int r = 0;

	while (r == 0 && player_now_ns() < limit_ns) {
		uint64_t due_ns;

		do_due(player);
		due_ns = next_due_ns(player);
		if (due_ns == NEVER_NS && !player->n_jobs)
			break;
		r = wait_and_take(player, due_ns < limit_ns ? due_ns : limit_ns);
	}
	return r;
}

int player_run(const struct player_args *args, struct player_result *result)
{
	const struct sim_tenant_spec *spec = args->session->tenant->spec;
	struct npu_open_args open_args = {args->socket_path, spec->id};
	static struct player player; /* large; the process is the session's */
	int r;

	player = (struct player){
		.args = args,
		.spec = spec,
		.result = result,
		.arrivals = args->session->arrivals,
		.end_ns = args->start_ns + args->engine->horizon_ns,
	};
	/* On `timing` a task is a part of the time, and may be cut from the next. */
	for (unsigned i = 0; i < PIECES_MAX; i++)
		player.tasks[i] = (struct npu_task){
			.regcmd_iova = 0x1000, .regcmd_count = 1, .int_mask = 0x300};
	r = npu_open(&open_args, &player.npu);
	if (r < 0)
		return cli_error_npu(r, spec->id);
	plan_arrivals(&player);
	r = play(&player);
	npu_close(player.npu);
	return r < 0 ? cli_error_npu(r, spec->id) : CLI_OK;
}
