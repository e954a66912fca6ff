/* SPDX-License-Identifier: MIT */
/*
 * The daemon on `timing` and npu-sim choose the same schedule for the same trace: all of npud
 * behind its sockets, in this process and in virtual time, runs random jobs that random sessions
 * submit over the wire; what its recording says is given to npu-sim under the same policy, and
 * every job has to start at the same time on the same cores.
 */
#include "api/api.h"
#include "api/incidents.h"
#include "base/closer.h"
#include "base/log.h"
#include "daemon/config.h"
#include "device/timing.h"
#include "scheduler/policy.h"
#include "sessions/session.h"
#include "sessions/trace.h"
#include "tools/sim/driver_npud.h"
#include "tools/sim/policy_file.h"
#include "tools/sim/workload.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SESSIONS   7u
#define KINDS	   4u
#define JOBS	   180u
#define FIRST_SEED 115 /* among these, refused jobs have shed others */
#define SEEDS	   12
#define FIRST_NS   NS_PER_S
#define CLOSE_NS   NS_PER_US /* of start times: a recording has doubles */
#define CORES	   3u
#define WHOLE_NS   15120ull /* can be cut into all numbers of pieces there are */

/* Everything that reads a clock reads this one. */
static uint64_t now_ns;

uint64_t __wrap_clock_now_ns(void);

uint64_t __wrap_clock_now_ns(void)
{
	return now_ns;
}

static const char *const class_names[] = {"camera", "event", "work", "work",
					  "bulk",   "own",   "first"};

/* %s: what differs. */
static const char policy_text[] =
	"{\"scheduler\": {%s}, \"domains\": {\"scope\": \"session\"},"
	" \"quota\": {\"jobs_per_session\": 1000, \"jobs_per_tenant\": 10000,"
	"  \"queued_ms_per_tenant\": 1000000},"
	" \"classes\": {"
	"  \"camera\": {\"kind\": \"rt\", \"weight\": 3, \"deadline_ms\": 40, \"requestable\": "
	"true},"
	"  \"event\": {\"kind\": \"rt\", \"deadline_ms\": 150, \"late\": \"demote\","
	"   \"depth\": 3, \"replace\": \"oldest\", \"requestable\": true},"
	"  \"work\": {\"weight\": 2, \"sliceable\": true, %s \"requestable\": true},"
	"  \"bulk\": {\"kind\": \"background\", \"max_cores\": 2, \"sliceable\": true,"
	"   \"requestable\": true},"
	"  \"own\": {\"cores\": [1, 2], \"steal\": \"idle\", \"requestable\": true},"
	"  \"first\": {\"priority\": %u, \"requestable\": true}},"
	" \"match\": [{\"class\": \"work\"}]}";

static const struct policy_case {
	const char *scheduler, *work;
	unsigned priority;
} policies[] = {
	{"\"policy\": \"round-robin\"", "", 0},
	{"\"policy\": \"pinned\"", "", 0},
	{"\"policy\": \"gang\"", "", 0},
	{"\"policy\": \"fair\"", "", 0},
	{"\"policy\": \"deadline\"", "", 0},
	{"\"policy\": \"fair\", \"ageing_ms\": 60", "\"policy\": \"round-robin\",", 5},
	{"\"policy\": \"deadline\", \"quantum_ms\": 3", "\"policy\": \"gang\",", 1},
	{"\"policy\": \"gang\", \"moldable\": false", "\"policy\": \"fair\",", 2},
};

struct kind {
	uint64_t n_wholes; /* of WHOLE_NS */
	uint32_t n_tasks, core_mask, widths;
};

struct player {
	int fd;
	uint64_t seqno;
	struct kind kinds[KINDS];
};

struct world {
	struct loop *loop;
	struct closer *closer;
	struct device *device;
	struct config config;
	struct incidents *incidents;
	struct sessions *sessions;
	struct api api;
	struct player players[SESSIONS], admin;
	uint64_t random;
	unsigned n_submitted;
};

static char policy_json[2048];

static uint64_t draw(struct world *world, uint64_t n)
{
	world->random = world->random * 6364136223846793005ull + 1442695040888963407ull;
	return (world->random >> 33) % n;
}

/* ---- the daemon ---- */

static json_t *show_policy(void *context)
{
	(void)context;
	return json_object();
}

static int reload_policy(void *context, char *ret_text, size_t size)
{
	(void)context;
	(void)ret_text;
	(void)size;
	return 0;
}

static int add_stats(void *context, json_t *document)
{
	(void)context;
	(void)document;
	return 0;
}

static const struct api_daemon_ops daemon_ops = {show_policy, reload_policy, add_stats};

static void start_daemon(struct world *world)
{
	struct sessions_params params = {
		.policy = &world->config.sessions,
		.scheduler = &world->config.scheduler,
		.machine = {.bytes = 1ull << 32, .descriptors = 4096},
		.request = api_request,
		.request_context = &world->api,
	};
	struct config_error error;

	ck_assert_msg(config_parse("alike", policy_json, strlen(policy_json), &world->config,
				   &error) == 0,
		      "%s", error.text);
	now_ns = FIRST_NS;
	ck_assert_int_eq(loop_new(LOOP_EPOLL, &world->loop), 0);
	ck_assert_int_eq(closer_new(&world->closer), 0);
	ck_assert_int_eq(timing_device_new(CORES, true, &world->device), 0);
	timing_device_advance(world->device, now_ns);
	params.loop = world->loop;
	params.closer = world->closer;
	params.device = world->device;
	ck_assert_int_eq(sessions_new(&params, &world->sessions), 0);
	ck_assert_int_eq(incidents_new(world->sessions, &world->incidents), 0);
	world->api = (struct api){world->sessions, &daemon_ops, world, world->incidents};
}

static void forget_replies(const struct player *player)
{
	char reply[NPU_MESSAGE_MAX];

	while (recv(player->fd, reply, sizeof(reply), MSG_DONTWAIT) > 0)
		;
}

/* Until nothing that is due is left. */
static void settle(struct world *world)
{
	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(loop_turn(world->loop, now_ns), 0);
	for (unsigned i = 0; i < SESSIONS; i++)
		forget_replies(&world->players[i]);
}

static void stop_daemon(struct world *world)
{
	for (unsigned i = 0; i < SESSIONS; i++)
		close(world->players[i].fd);
	close(world->admin.fd);
	incidents_free(world->incidents);
	sessions_free(world->sessions);
	device_free(world->device);
	loop_free(world->loop);
	closer_free(world->closer);
	config_deinit(&world->config);
}

static void send_request(const struct player *player, enum npu_op op, const void *body, size_t size)
{
	struct {
		struct npu_header header;
		unsigned char body[512];
	} packet = {.header = {(uint32_t)(sizeof(packet.header) + size), (uint16_t)op, 0, 7}};

	memcpy(packet.body, body, size);
	ck_assert_int_eq(send(player->fd, &packet, sizeof(packet.header) + size, 0),
			 (ssize_t)(sizeof(packet.header) + size));
}

/* ---- the sessions ---- */

static void draw_kinds(struct world *world, struct player *player)
{
	static const uint32_t masks[] = {0, 0, 0, 0, 1, 2, 3, 5, 6, 7};

	for (unsigned i = 0; i < KINDS; i++) {
		struct kind *kind = &player->kinds[i];

		*kind = (struct kind){
			.n_wholes = 20 + draw(world, draw(world, 3) ? 800 : 4000),
			.n_tasks = (uint32_t)draw(world, 9),
			/* The first one suits everybody. */
			.core_mask = i ? masks[draw(world, sizeof(masks) / sizeof(masks[0]))] : 0,
		};
		if (__builtin_popcount(kind->core_mask) > 1 && draw(world, 2)) {
			kind->widths = 1u << 1;
			kind->n_tasks = 0;
		}
	}
}

static void add_player(struct world *world, unsigned i)
{
	struct identity identity = {.uid = (uid_t)(1000 + i / 2), .pid = 1, .comm = "alike"};
	struct npu_hello hello = {.version_min = 1, .version_max = 1, .features = ~0ull};
	struct session *session;
	int pair[2];

	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	world->players[i] = (struct player){.fd = pair[0]};
	draw_kinds(world, &world->players[i]);
	ck_assert_int_eq(session_new(world->sessions, pair[1], &identity, &session), 0);
	snprintf(hello.class_name, sizeof(hello.class_name), "%s", class_names[i]);
	send_request(&world->players[i], NPU_OP_HELLO, &hello, sizeof(hello));
	settle(world);
}

static void split_tasks(struct npu_submit *submit)
{
	uint32_t n = (uint32_t)__builtin_popcount(submit->core_mask), share;

	if (n < 2)
		return;
	/* As many for each core. */
	share = submit->n_tasks / n;
	submit->n_tasks = share * n;
	submit->n_ranges = n;
	for (uint32_t i = 0; i < n; i++)
		submit->ranges[i] = (struct npu_range){share * i, share};
}

static void submit_job(struct world *world)
{
	/* Each has one to begin with: a recording knows no others. */
	bool is_first = world->n_submitted < SESSIONS;
	struct player *player =
		&world->players[is_first ? world->n_submitted : draw(world, SESSIONS)];
	const struct kind *kind = &player->kinds[is_first ? 0 : draw(world, KINDS)];
	struct {
		struct npu_submit submit;
		unsigned char rest[9 * sizeof(struct npu_task)];
	} body = {.submit = {
			  .seqno = ++player->seqno,
			  .core_mask = kind->core_mask,
			  .n_tasks = kind->n_tasks,
			  .widths = kind->widths,
			  .duration_ns = WHOLE_NS *
					 (kind->n_wholes + draw(world, 1 + kind->n_wholes / 16)),
			  .priority = draw(world, 8) ? 0 : (int32_t)draw(world, 5),
			  .late = draw(world, 6) ? 0 : (uint32_t)draw(world, NPU_LATE_COUNT),
		  }};
	size_t size = sizeof(body.submit);

	split_tasks(&body.submit);
	for (uint32_t i = 0; i < body.submit.n_tasks; i++) {
		struct npu_task task = {16, 1, 0x300, 0};

		memcpy(body.rest + i * sizeof(task), &task, sizeof(task));
	}
	size += body.submit.n_tasks * sizeof(struct npu_task);
	if (kind->widths) /* on one core: all of nothing */
		size += sizeof(struct npu_range);
	send_request(player, NPU_OP_SUBMIT, &body, size);
	world->n_submitted++;
}

/* ---- time ---- */

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool has_jobs(const struct sessions *sessions)
{
	const struct session *session;

	list_for_each (session, &sessions->list, link) {
		if (session->n_jobs)
			return true;
	}
	return false;
}

static void play(struct world *world)
{
	uint64_t arrival_ns = now_ns + 1;

	while (world->n_submitted < JOBS || has_jobs(world->sessions)) {
		uint64_t next_ns = min_u64(timing_device_next_end_ns(world->device),
					   scheduler_next_tick_ns(world->sessions->scheduler));

		if (world->n_submitted < JOBS)
			next_ns = min_u64(next_ns, arrival_ns);
		ck_assert_uint_ne(next_ns, CLOCK_NEVER);
		if (next_ns > now_ns) {
			timing_device_advance(world->device, next_ns - now_ns);
			now_ns = next_ns;
		}
		if (world->n_submitted < JOBS && now_ns >= arrival_ns) {
			submit_job(world);
			arrival_ns = now_ns + 1 + draw(world, 9000000);
		}
		settle(world);
	}
}

/* ---- the comparison ---- */

struct started {
	bool has_run;
	uint64_t started_ns;
	uint32_t cores;
};

/* By the order in which a session's jobs came. */
struct schedule {
	struct started jobs[SESSIONS + 1][JOBS + 1];
	unsigned n[SESSIONS + 1];
};

static int compare_ids(const void *left, const void *right)
{
	const struct trace_record *a = left, *b = right;

	return (a->job_id > b->job_id) - (a->job_id < b->job_id);
}

static void note_recorded(const struct trace *trace, struct schedule *schedule)
{
	static struct trace_record records[JOBS];
	unsigned n = trace_count(trace);

	ck_assert_uint_le(n, JOBS);
	for (unsigned i = 0; i < n; i++)
		records[i] = *trace_get(trace, i);
	qsort(records, n, sizeof(records[0]), compare_ids);
	for (unsigned i = 0; i < n; i++) {
		uint64_t session = records[i].session_id;

		ck_assert_uint_le(session, SESSIONS);
		/* As a recording's, times are those since the first job that came. */
		schedule->jobs[session][schedule->n[session]++] = (struct started){
			.has_run = records[i].started_ns,
			.started_ns = records[i].started_ns - records[0].submitted_ns,
			.cores = records[i].cores,
		};
	}
}

static void note_batch(void *context, const struct sim_engine *engine,
		       const struct sim_batch *batch)
{
	struct schedule *schedule = context;
	const struct sim_job *job = batch->job;
	const struct sim_recorded *recorded = job->request->recorded;
	const struct sim_tenant_spec *spec = job->session->tenant->spec;
	struct started *started;
	unsigned place = 0;

	(void)engine;
	for (const struct sim_recorded *other = spec->recorded; other < recorded; other++)
		place += other->session == recorded->session;
	ck_assert_uint_le(job->session->order, SESSIONS);
	started = &schedule->jobs[job->session->order][place];
	if (!started->has_run)
		started->started_ns = batch->start_ns;
	started->has_run = true;
	started->cores |= batch->cores;
}

/* Returns how many jobs have run. */
static unsigned check_alike(const struct schedule *daemon, const struct schedule *sim,
			    const char *policy, uint64_t seed)
{
	unsigned n_run = 0;

	for (unsigned session = 1; session <= SESSIONS; session++) {
		for (unsigned i = 0; i < daemon->n[session]; i++) {
			const struct started *a = &daemon->jobs[session][i];
			const struct started *b = &sim->jobs[session][i];
			uint64_t apart_ns = a->started_ns > b->started_ns
						    ? a->started_ns - b->started_ns
						    : b->started_ns - a->started_ns;

			ck_assert_msg(a->has_run == b->has_run && a->cores == b->cores &&
					      (!a->has_run || apart_ns < CLOSE_NS),
				      "%s, seed %" PRIu64
				      ": job %u of session %u: the daemon's started at "
				      "%.6f ms on cores %#x, npu-sim's at %.6f ms on %#x",
				      policy, seed, i, session, (double)a->started_ns / 1e6,
				      a->cores, (double)b->started_ns / 1e6, b->cores);
			n_run += a->has_run;
		}
	}
	return n_run;
}

/* ---- the recording ---- */

static void add_admin(struct world *world)
{
	struct identity identity = {.uid = 0, .pid = 1, .comm = "admin"};
	struct npu_hello hello = {.version_min = 1, .version_max = 1, .features = ~0ull};
	struct session *session;
	int pair[2];

	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	world->admin = (struct player){.fd = pair[0]};
	ck_assert_int_eq(session_new(world->sessions, pair[1], &identity, &session), 0);
	send_request(&world->admin, NPU_OP_HELLO, &hello, sizeof(hello));
	send_request(&world->admin, NPU_OP_TRACE_START, &hello, 0);
	settle(world);
	ck_assert(trace_is_on(&world->sessions->trace));
}

/* What `npuctl trace stop` gets. */
static int take_recording(struct world *world)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	char bytes[NPU_MESSAGE_MAX] = "";
	int fd = -1;

	forget_replies(&world->admin);
	send_request(&world->admin, NPU_OP_TRACE_STOP, bytes, 0);
	settle(world);
	while (fd < 0) {
		struct iovec iov = {bytes, sizeof(bytes)};
		struct msghdr message = {.msg_iov = &iov,
					 .msg_iovlen = 1,
					 .msg_control = control.bytes,
					 .msg_controllen = sizeof(control)};

		ck_assert_int_gt(recvmsg(world->admin.fd, &message, MSG_DONTWAIT), 0);
		if (CMSG_FIRSTHDR(&message))
			memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	}
	return fd;
}

static void simulate(int recording_fd, const char *policy_path, struct schedule *schedule)
{
	struct sim_policy_error policy_error;
	struct sim_workload workload;
	struct sim_policy policy;
	struct sim_engine engine;
	struct sim_error error;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", recording_fd);
	ck_assert_msg(sim_workload_load(path, &workload, &error) == 0, "%s", error.text);
	ck_assert_msg(sim_policy_load(policy_path, &policy, &policy_error) == 0, "%s",
		      policy_error.text);
	ck_assert_int_eq(sim_engine_init(&engine, &workload, &workload.scenarios[0], 1), 0);
	engine.driver_options = &policy;
	engine.trace = note_batch;
	engine.trace_context = schedule;
	ck_assert_int_eq(sim_engine_run(&engine, &sim_driver_npud), 0);
	sim_engine_deinit(&engine);
	sim_policy_deinit(&policy);
	sim_workload_deinit(&workload);
}

static void write_policy(const struct policy_case *policy, char *path)
{
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	snprintf(policy_json, sizeof(policy_json), policy_text, policy->scheduler, policy->work,
		 policy->priority);
	ck_assert_int_eq(write(fd, policy_json, strlen(policy_json)), (ssize_t)strlen(policy_json));
	close(fd);
}

static void run_seed(const struct policy_case *policy, uint64_t seed)
{
	struct schedule *schedules = calloc(2, sizeof(*schedules));
	char path[] = "/tmp/alike-XXXXXX";
	struct world world = {.random = seed};
	int fd;

	ck_assert_ptr_nonnull(schedules);
	write_policy(policy, path);
	start_daemon(&world);
	for (unsigned i = 0; i < SESSIONS; i++)
		add_player(&world, i);
	add_admin(&world);
	play(&world);
	note_recorded(&world.sessions->trace, &schedules[0]);
	fd = take_recording(&world);
	stop_daemon(&world);
	simulate(fd, path, &schedules[1]);
	close(fd);
	unlink(path);
	ck_assert_uint_ge(check_alike(&schedules[0], &schedules[1], policy->scheduler, seed),
			  JOBS / 3);
	free(schedules);
}

START_TEST(test_schedules_are_alike)
{
	log_set_level(LOG_LEVEL_ERROR);
	for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++)
		run_seed(&policies[_i], seed);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("schedule_alike");
	TCase *cases = tcase_create("schedule_alike");
	SRunner *runner;
	int n_failed;

	tcase_add_loop_test(cases, test_schedules_are_alike, 0,
			    sizeof(policies) / sizeof(policies[0]));
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed != 0;
}
