/* SPDX-License-Identifier: MIT */
/*
 * Discrete events in a heap. Jobs that run together slow each other down, so whenever one starts or
 * ends all others get a new rate, and a new time of their end; an old end is known by its version.
 */
#include "tools/sim/engine.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long after the horizon jobs may still end. */
#define GRACE_NS (20 * NS_PER_S)
/* Keeps the numbers of seeds, sessions and requests apart. */
#define SEED_FACTOR 1000003u

/* ---- events ---- */

static bool is_earlier(const struct sim_event *a, const struct sim_event *b)
{
	return a->time_ns != b->time_ns ? a->time_ns < b->time_ns : a->sequence < b->sequence;
}

static bool grow_events(struct sim_engine *engine)
{
	size_t size = engine->size_events ? 2 * engine->size_events : 1024;
	struct sim_event *events = realloc(engine->events, size * sizeof(*events));

	if (!events) {
		engine->is_out_of_memory = true;
		return false;
	}
	engine->events = events;
	engine->size_events = size;
	return true;
}

void sim_at(struct sim_engine *engine, uint64_t time_ns,
	    void (*run)(struct sim_engine *engine, void *object, uint64_t value), void *object,
	    uint64_t value)
{
	struct sim_event event = {time_ns, engine->n_sequence++, run, object, value};
	size_t i = engine->n_events;

	if (i == engine->size_events && !grow_events(engine))
		return;
	engine->n_events++;
	for (; i > 0 && is_earlier(&event, &engine->events[(i - 1) / 2]); i = (i - 1) / 2)
		engine->events[i] = engine->events[(i - 1) / 2];
	engine->events[i] = event;
}

static struct sim_event take_event(struct sim_engine *engine)
{
	struct sim_event first = engine->events[0], last = engine->events[--engine->n_events];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < engine->n_events &&
		    is_earlier(&engine->events[child + 1], &engine->events[child]))
			child++;
		if (child >= engine->n_events || !is_earlier(&engine->events[child], &last))
			break;
		engine->events[i] = engine->events[child];
		i = child;
	}
	engine->events[i] = last;
	return first;
}

static uint64_t after(const struct sim_engine *engine, double wait_ns)
{
	return engine->now_ns + (uint64_t)(wait_ns > 0 ? wait_ns + 0.5 : 0);
}

/* ---- batches ---- */

bool sim_core_is_free(const struct sim_engine *engine, unsigned core)
{
	return !engine->running[core] && engine->reset_until_ns[core] <= engine->now_ns;
}

bool sim_is_idle(const struct sim_engine *engine)
{
	for (unsigned i = 0; i < engine->hardware->n_cores; i++) {
		if (!sim_core_is_free(engine, i))
			return false;
	}
	return true;
}

double sim_work_ns(const struct sim_job *job, unsigned width, unsigned n_pieces)
{
	return job->model->run_ns[width] * job->noise * n_pieces / job->model->n_pieces;
}

static void note_starvation(const struct sim_engine *engine, struct sim_tenant *tenant)
{
	bool starves = tenant->n_jobs && !tenant->n_running;

	if (starves && tenant->starved_since_ns == SIM_NEVER) {
		tenant->starved_since_ns = engine->now_ns;
	} else if (!starves && tenant->starved_since_ns != SIM_NEVER) {
		uint64_t starved_ns = engine->now_ns - tenant->starved_since_ns;

		if (starved_ns > tenant->starved_max_ns)
			tenant->starved_max_ns = starved_ns;
		tenant->starved_since_ns = SIM_NEVER;
	}
}

/* Lets time pass for what runs. */
static void advance(struct sim_engine *engine)
{
	double passed_ns = (double)(engine->now_ns - engine->last_ns);
	bool counts = engine->scenario->is_finite || engine->now_ns <= engine->horizon_ns;

	engine->last_ns = engine->now_ns;
	for (unsigned i = 0; i < SIM_CORES_MAX; i++) {
		struct sim_batch *batch = &engine->batches[i];

		if (!batch->job)
			continue;
		if (!batch->hangs)
			batch->left_ns -= passed_ns * batch->rate;
		if (counts)
			batch->job->session->tenant->service_ns += passed_ns * batch->width;
	}
}

static void end_batch(struct sim_engine *engine, void *object, uint64_t version);

static void set_rates(struct sim_engine *engine)
{
	double total = 0;

	for (unsigned i = 0; i < SIM_CORES_MAX; i++) {
		if (engine->batches[i].job)
			total += engine->batches[i].job->model->bandwidth;
	}
	for (unsigned i = 0; i < SIM_CORES_MAX; i++) {
		struct sim_batch *batch = &engine->batches[i];
		double own;

		if (!batch->job)
			continue;
		own = batch->job->model->bandwidth;
		batch->rate = 1 / (1 + own * (total - own));
		batch->version = ++engine->n_versions;
		if (!batch->hangs)
			sim_at(engine, after(engine, batch->left_ns / batch->rate), end_batch,
			       batch, batch->version);
	}
}

static void remove_batch(struct sim_engine *engine, struct sim_batch *batch)
{
	struct sim_tenant *tenant = batch->job->session->tenant;

	if (engine->trace)
		engine->trace(engine->trace_context, engine, batch);
	for (unsigned i = 0; i < SIM_CORES_MAX; i++) {
		if (engine->running[i] == batch)
			engine->running[i] = NULL;
	}
	tenant->n_running--;
	batch->job = NULL;
	batch->version = ++engine->n_versions;
}

static void account_end(struct sim_engine *engine, struct sim_job *job, enum sim_end end);

static void free_job(struct sim_job *job)
{
	list_del(&job->owned);
	free(job);
}

static void end_batch(struct sim_engine *engine, void *object, uint64_t version)
{
	struct sim_batch *batch = object, ended = *batch;
	struct sim_job *job = batch->job;
	bool is_over;

	if (batch->version != version || !job)
		return;
	advance(engine);
	remove_batch(engine, batch);
	set_rates(engine);
	job->pieces_done += ended.n_pieces;
	job->wait_since_ns = engine->now_ns;
	is_over = job->pieces_done >= job->model->n_pieces;
	if (is_over)
		account_end(engine, job, SIM_DONE);
	note_starvation(engine, job->session->tenant);
	engine->driver->ops->batch_done(engine->driver, &ended, is_over);
	if (is_over)
		free_job(job);
}

static void wake_driver(struct sim_engine *engine, void *object, uint64_t value)
{
	(void)object;
	(void)value;
	engine->driver->ops->wake(engine->driver);
}

static void reset_cores(struct sim_engine *engine, uint32_t cores, double reset_ns)
{
	for (unsigned i = 0; i < SIM_CORES_MAX; i++) {
		if (!(cores & 1u << i))
			continue;
		engine->reset_until_ns[i] = after(engine, reset_ns);
		engine->core_domains[i] = 0;
	}
	sim_at(engine, after(engine, reset_ns), wake_driver, NULL, 0);
}

void sim_reset(struct sim_engine *engine, uint32_t cores, double reset_ns)
{
	advance(engine);
	engine->n_kills += !engine->is_over;
	for (unsigned i = 0; i < SIM_CORES_MAX; i++) {
		struct sim_batch *batch = &engine->batches[i];
		struct sim_tenant *tenant;

		if (!batch->job || !(batch->cores & cores))
			continue;
		tenant = batch->job->session->tenant;
		remove_batch(engine, batch);
		note_starvation(engine, tenant);
	}
	reset_cores(engine, cores, reset_ns);
	set_rates(engine);
}

static void kill_one(struct sim_engine *engine, struct sim_batch *batch)
{
	struct sim_batch killed = *batch;

	remove_batch(engine, batch);
	account_end(engine, killed.job, SIM_FAILED);
	note_starvation(engine, killed.job->session->tenant);
	engine->driver->ops->killed(engine->driver, &killed);
	free_job(killed.job);
}

/* The timeout of a driver that has one for the whole batch. */
static void kill_batch(struct sim_engine *engine, void *object, uint64_t start_ns)
{
	const struct sim_driver_ops *ops = engine->driver->ops;
	struct sim_batch *batch = object;

	if (!batch->job || batch->start_ns != start_ns || batch->kill_ns > engine->now_ns)
		return;
	advance(engine);
	engine->n_kills++;
	if (ops->resets_device)
		reset_cores(engine, (1u << engine->hardware->n_cores) - 1,
			    engine->hardware->reset_vendor_ns);
	else
		reset_cores(engine, batch->cores, engine->hardware->reset_core_ns);
	kill_one(engine, batch);
	for (unsigned i = 0; ops->resets_device && i < SIM_CORES_MAX; i++) {
		if (engine->batches[i].job)
			kill_one(engine, &engine->batches[i]);
	}
	set_rates(engine);
}

struct sim_batch *sim_start(struct sim_engine *engine, struct sim_job *job,
			    const struct sim_start *start)
{
	struct sim_batch *batch = &engine->batches[__builtin_ctz(start->cores)];
	unsigned hang_at = job->model->n_pieces / 2;

	advance(engine);
	assert(!batch->job);
	*batch = (struct sim_batch){
		.job = job,
		.width = start->width,
		.n_pieces = start->n_pieces,
		.cores = start->cores,
		.start_ns = engine->now_ns,
		.kill_ns = SIM_NEVER,
		.overhead_ns = start->overhead_ns,
		.left_ns = start->overhead_ns + sim_work_ns(job, start->width, start->n_pieces),
		.hangs =
			job->hangs && job->pieces_done + start->n_pieces >= (hang_at ? hang_at : 1),
	};
	for (unsigned i = 0; i < SIM_CORES_MAX; i++) {
		if (!(start->cores & 1u << i))
			continue;
		assert(sim_core_is_free(engine, i));
		engine->running[i] = batch;
		engine->core_domains[i] = job->session->domain;
	}
	engine->n_batches++;
	job->session->tenant->n_running++;
	note_starvation(engine, job->session->tenant);
	if (start->kill_after_ns > 0) {
		batch->kill_ns = after(engine, start->kill_after_ns);
		sim_at(engine, batch->kill_ns, kill_batch, batch, batch->start_ns);
	}
	set_rates(engine);
	return batch;
}

/* ---- requests ---- */

static void advance_request(struct sim_engine *engine, void *object, uint64_t value);
static void new_request(struct sim_engine *engine, void *object, uint64_t value);

static void add_sample(struct sim_engine *engine, struct sim_samples *samples, uint64_t value)
{
	if (samples->n == samples->size) {
		size_t size = samples->size ? 2 * samples->size : 256;
		uint64_t *values = realloc(samples->values, size * sizeof(*values));

		if (!values) {
			engine->is_out_of_memory = true;
			return;
		}
		samples->values = values;
		samples->size = size;
	}
	samples->values[samples->n++] = value;
}

static void account_end(struct sim_engine *engine, struct sim_job *job, enum sim_end end)
{
	struct sim_tenant *tenant = job->session->tenant;
	struct sim_request *request = job->request;

	if (engine->is_over)
		return;
	tenant->n_jobs--;
	tenant->n_ended[end]++;
	engine->makespan_ns = engine->now_ns;
	if (end == SIM_DONE) {
		if (engine->scenario->is_finite || engine->now_ns <= engine->horizon_ns)
			tenant->n_in_time++;
		add_sample(engine, &tenant->latencies, engine->now_ns - job->arrival_ns);
	}
	if (job->deadline_ns && (end != SIM_DONE || engine->now_ns > job->deadline_ns))
		tenant->n_late++;
	request->has_failed |= end != SIM_DONE;
	if (!--request->n_left)
		sim_at(engine, engine->now_ns, advance_request, request, 0);
}

void sim_finish(struct sim_engine *engine, struct sim_job *job, enum sim_end end)
{
	account_end(engine, job, end);
	note_starvation(engine, job->session->tenant);
	free_job(job);
}

unsigned __int128 sim_request_seed(const struct sim_engine *engine,
				   const struct sim_session *session, uint64_t request)
{
	unsigned __int128 seed = engine->seed;

	return (seed * SEED_FACTOR + session->index) * SEED_FACTOR + request;
}

static void draw_job(const struct sim_engine *engine, struct sim_job *job)
{
	const struct sim_hardware *hardware = engine->hardware;
	struct sim_random *random = &job->request->random;

	if (job->request->recorded) {
		job->noise = job->request->recorded->noise;
		return;
	}
	job->noise = exp(hardware->noise_sigma * sim_random_normal(random));
	if (sim_random_unit(random) < hardware->outlier_chance)
		job->noise *= hardware->outlier_factor;
	job->hangs = sim_random_unit(random) < job->session->tenant->spec->hang_chance;
}

static uint64_t deadline_of(const struct sim_tenant *tenant, const struct sim_stage *stage)
{
	return stage->deadline_ns ? stage->deadline_ns : tenant->deadline_ns;
}

static void submit(struct sim_engine *engine, struct sim_request *request,
		   const struct sim_stage *stage)
{
	struct sim_tenant *tenant = request->session->tenant;
	uint64_t deadline_ns = deadline_of(tenant, stage);
	struct sim_job *job = calloc(1, sizeof(*job));

	if (!job) {
		engine->is_out_of_memory = true;
		return;
	}
	list_add_tail(&engine->jobs, &job->owned);
	job->id = ++engine->n_jobs;
	job->session = request->session;
	job->request = request;
	job->model = stage->model;
	job->stage = stage;
	job->width = stage->width;
	job->arrival_ns = job->wait_since_ns = engine->now_ns;
	if (deadline_ns)
		job->deadline_ns = engine->now_ns + deadline_ns;
	list_init(&job->link);
	list_init(&job->base.link);
	draw_job(engine, job);
	tenant->n_submitted++;
	tenant->n_deadlines += deadline_ns != 0;
	tenant->offered_ns += stage->model->run_ns[stage->width] * stage->width;
	tenant->n_jobs++;
	note_starvation(engine, tenant);
	engine->driver->ops->arrive(engine->driver, job);
}

static void end_request(struct sim_engine *engine, struct sim_request *request)
{
	struct sim_session *session = request->session;
	const struct sim_tenant_spec *spec = session->tenant->spec;
	double pause_ns = request->has_failed ? NS_PER_MS : 0.01 * NS_PER_MS;

	session->n_in_flight--;
	if (spec->arrival == SIM_CLOSED)
		sim_at(engine, after(engine, spec->think_ns > pause_ns ? spec->think_ns : pause_ns),
		       new_request, session, 0);
	list_del(&request->owned);
	free(request);
}

static void advance_request(struct sim_engine *engine, void *object, uint64_t value)
{
	struct sim_request *request = object;
	const struct sim_tenant_spec *spec = request->session->tenant->spec;
	unsigned n_stages = request->recorded ? 1 : spec->n_stages;
	const struct sim_stage *stage =
		request->recorded ? &request->recorded->stage : &spec->stages[request->stage];

	(void)value;
	if (request->has_begun && ++request->n_repeated >= stage->n_repeats) {
		request->stage++;
		request->n_repeated = 0;
		stage++;
	}
	request->has_begun = true;
	if (request->has_failed || request->stage >= n_stages) {
		end_request(engine, request);
		return;
	}
	request->n_left = stage->n_parallel;
	for (unsigned i = 0; i < stage->n_parallel; i++)
		submit(engine, request, stage);
}

/* The client has as many requests under way as it may have. */
static void drop_request(struct sim_session *session)
{
	struct sim_tenant *tenant = session->tenant;
	const struct sim_stage *stage = &tenant->spec->stages[0];

	tenant->n_ended[SIM_DROPPED]++;
	tenant->n_submitted++;
	tenant->n_deadlines += deadline_of(tenant, stage) != 0;
	tenant->n_late += deadline_of(tenant, stage) != 0;
	tenant->offered_ns += stage->model->run_ns[stage->width] * stage->width *
			      stage->n_parallel * stage->n_repeats;
}

/* `value`: which of those that were recorded. */
static void new_request(struct sim_engine *engine, void *object, uint64_t value)
{
	struct sim_session *session = object;
	const struct sim_tenant_spec *spec = session->tenant->spec;
	struct sim_request *request;

	if (engine->now_ns > engine->horizon_ns)
		return;
	session->n_requests++;
	if (spec->max_in_flight && session->n_in_flight >= spec->max_in_flight) {
		drop_request(session);
		return;
	}
	request = calloc(1, sizeof(*request));
	if (!request) {
		engine->is_out_of_memory = true;
		return;
	}
	list_add_tail(&engine->requests, &request->owned);
	session->n_in_flight++;
	request->session = session;
	if (spec->arrival == SIM_RECORDED)
		request->recorded = &spec->recorded[value];
	else
		sim_random_init_number(&request->random,
				       sim_request_seed(engine, session, session->n_requests));
	advance_request(engine, request, 0);
}

/* ---- arrivals ---- */

static void arrive_periodic(struct sim_engine *engine, void *object, uint64_t value)
{
	struct sim_session *session = object;
	const struct sim_tenant_spec *spec = session->tenant->spec;
	double shift = 2 * sim_random_unit(&session->arrivals) - 1;

	if (engine->now_ns > engine->horizon_ns)
		return;
	new_request(engine, session, value);
	sim_at(engine, after(engine, spec->period_ns + shift * spec->jitter_ns), arrive_periodic,
	       session, 0);
}

static double poisson_wait_ns(struct sim_session *session)
{
	return sim_random_exponential(&session->arrivals,
				      NS_PER_S / session->tenant->spec->rate_per_s);
}

static void arrive_poisson(struct sim_engine *engine, void *object, uint64_t value)
{
	struct sim_session *session = object;

	if (engine->now_ns > engine->horizon_ns)
		return;
	new_request(engine, session, value);
	sim_at(engine, after(engine, poisson_wait_ns(session)), arrive_poisson, session, 0);
}

static void seed_arrivals(struct sim_engine *engine, struct sim_session *session)
{
	const struct sim_tenant *tenant = session->tenant;
	const struct sim_tenant_spec *spec = tenant->spec;
	double place = (double)(session - tenant->sessions);

	switch (spec->arrival) {
	case SIM_PERIODIC:
		place += 0.5 * sim_random_unit(&session->arrivals);
		sim_at(engine, after(engine, spec->period_ns * place / tenant->n_sessions),
		       arrive_periodic, session, 0);
		break;
	case SIM_POISSON:
		sim_at(engine, after(engine, poisson_wait_ns(session)), arrive_poisson, session, 0);
		break;
	case SIM_CLOSED:
		for (unsigned i = 0; i < spec->depth; i++)
			sim_at(engine,
			       after(engine, 5 * NS_PER_MS * sim_random_unit(&session->arrivals)),
			       new_request, session, 0);
		break;
	case SIM_OFFLINE:
		for (unsigned i = 0; i < spec->count; i++)
			sim_at(engine, 0, new_request, session, 0);
		break;
	case SIM_RECORDED:
		for (size_t i = 0; i < spec->n_recorded; i++) {
			if (spec->recorded[i].session == session - tenant->sessions)
				sim_at(engine, spec->recorded[i].time_ns, new_request, session, i);
		}
		break;
	}
}

/* ---- set-up ---- */

/* `i`: its place among its tenant's. */
static uint64_t order_of(const struct sim_session *session, unsigned i)
{
	const json_t *number = json_array_get(session->tenant->spec->session_numbers, i);

	return number ? (uint64_t)json_integer_value(number) : 1 + session->index;
}

static void init_tenant(struct sim_engine *engine, const struct sim_tenant_spec *spec,
			unsigned replica)
{
	struct sim_tenant *tenant = &engine->tenants[engine->n_tenants];
	char seed[SIM_RANDOM_TEXT_MAX];

	tenant->spec = spec;
	tenant->index = engine->n_tenants++;
	tenant->replica = replica;
	tenant->starved_since_ns = SIM_NEVER;
	tenant->sessions = engine->sessions + engine->n_sessions;
	tenant->n_sessions = spec->n_sessions;
	tenant->user = spec->n_replicas > 1 ? 1 + tenant->index : sim_hash_text(spec->uid) | 1;
	snprintf(tenant->name, sizeof(tenant->name), "%.50s", spec->id);
	if (spec->n_replicas > 1)
		snprintf(tenant->name, sizeof(tenant->name), "%.50s%02u", spec->id, replica);
	for (unsigned i = 0; i < spec->n_sessions; i++) {
		struct sim_session *session = &engine->sessions[engine->n_sessions];

		session->index = engine->n_sessions++;
		session->tenant = tenant;
		session->core = -1;
		session->order = order_of(session, i);
		session->domain = spec->has_session_domains ? SIM_SESSION_DOMAINS + session->index
							    : tenant->user;
		snprintf(seed, sizeof(seed), "%" PRIu64 "/%.100s/%.60s.%u", engine->seed,
			 engine->scenario->id, tenant->name, i);
		sim_random_init_text(&session->arrivals, seed);
		list_init(&session->jobs);
		list_init(&session->link);
	}
}

int sim_engine_init(struct sim_engine *engine, const struct sim_workload *workload,
		    const struct sim_scenario *scenario, uint64_t seed)
{
	size_t n_tenants = 1, n_sessions = 1;

	*engine = (struct sim_engine){
		.workload = workload,
		.hardware = &workload->hardware,
		.scenario = scenario,
		.seed = seed,
		.horizon_ns = scenario->horizon_ns ? scenario->horizon_ns : SIM_NEVER,
	};
	list_init(&engine->requests);
	list_init(&engine->jobs);
	for (unsigned i = 0; i < scenario->n_tenants; i++) {
		n_tenants += scenario->tenants[i].n_replicas;
		n_sessions +=
			(size_t)scenario->tenants[i].n_replicas * scenario->tenants[i].n_sessions;
	}
	engine->tenants = calloc(n_tenants, sizeof(*engine->tenants));
	engine->sessions = calloc(n_sessions, sizeof(*engine->sessions));
	if (!engine->tenants || !engine->sessions) {
		sim_engine_deinit(engine);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < scenario->n_tenants; i++) {
		for (unsigned j = 0; j < scenario->tenants[i].n_replicas; j++)
			init_tenant(engine, &scenario->tenants[i], j);
	}
	return 0;
}

void sim_engine_deinit(struct sim_engine *engine)
{
	struct sim_request *request, *next_request;
	struct sim_job *job, *next_job;

	list_for_each_safe (job, next_job, &engine->jobs, owned)
		free_job(job);
	list_for_each_safe (request, next_request, &engine->requests, owned)
		free(request);
	for (unsigned i = 0; engine->tenants && i < engine->n_tenants; i++)
		free(engine->tenants[i].latencies.values);
	free(engine->tenants);
	free(engine->sessions);
	free(engine->events);
	*engine = (struct sim_engine){0};
}

int sim_engine_run(struct sim_engine *engine, const struct sim_driver_ops *driver)
{
	uint64_t limit_ns = engine->scenario->is_finite ? SIM_NEVER : engine->horizon_ns + GRACE_NS;
	int r = driver->create(engine, &engine->driver);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < engine->n_sessions; i++)
		seed_arrivals(engine, &engine->sessions[i]);
	while (engine->n_events && !engine->is_out_of_memory &&
	       engine->events[0].time_ns <= limit_ns) {
		struct sim_event event = take_event(engine);

		if (event.time_ns > engine->now_ns)
			engine->now_ns = event.time_ns;
		event.run(engine, event.object, event.value);
	}
	advance(engine);
	for (unsigned i = 0; i < engine->n_tenants; i++) {
		struct sim_tenant *tenant = &engine->tenants[i];

		tenant->n_jobs = 0; /* what is left has starved until now */
		note_starvation(engine, tenant);
	}
	if (engine->scenario->is_finite)
		engine->horizon_ns = engine->makespan_ns;
	engine->is_over = true;
	driver->destroy(engine->driver);
	return engine->is_out_of_memory ? -ENOMEM : 0;
}
