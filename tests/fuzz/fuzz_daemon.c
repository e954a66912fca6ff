/* SPDX-License-Identifier: MIT */
/*
 * Everything of npud behind its sockets, in this process: several clients that send what the bytes
 * say, in any order, on a software NPU. What must hold: nothing crashes, and when the last client
 * has hung up, nothing of theirs is left (accounts assert that their books balance).
 *
 * One byte chooses a step, the ones behind it its arguments; what is missing reads as 0. The clock
 * stands still but for what the steps say, so nothing is waited for: what hangs does so in no time.
 */
#include "api/api.h"
#include "api/incidents.h"
#include "base/closer.h"
#include "base/log.h"
#include "device/rk3588.h"
#include "device/soft/soft.h"

#undef NDEBUG
#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define N_CLIENTS   4u
#define N_KEPT	    4u /* descriptors that came with replies */
#define INPUT_MAX   1024u
#define RAW_MAX	    128u
#define STREAM_IOVA 0x10000000u
#define BUDGET_NS   (1 * NS_PER_MS)
/* In which all clients are gone, however slow the machine. */
#define END_S 60

struct client {
	int fd;
	uint64_t seqno;
};

struct world {
	struct loop *loop;
	struct closer *closer;
	struct device *device;
	struct session_policy policy;
	struct scheduler_config scheduler;
	struct incidents *incidents;
	struct sessions *sessions;
	struct api api;
	struct client clients[N_CLIENTS];
	int kept[N_KEPT];
	unsigned next_kept;
	const uint8_t *data;
	size_t size;
};

/* ---- time ---- */

static _Atomic uint64_t clock_ns = NS_PER_S;

/* In the place of the one in base/, for the cores' threads too. */
uint64_t clock_now_ns(void)
{
	return clock_ns;
}

/* ---- the daemon ---- */

static json_t *show_policy(void *context)
{
	(void)context;
	return json_object();
}

static int reload_policy(void *context, char *ret_text, size_t size)
{
	struct world *world = context;
	struct npu_error error;
	int r = sessions_apply_policy(world->sessions, &world->policy, &world->scheduler, &error);

	if (r < 0)
		snprintf(ret_text, size, "%s", error.message);
	return r;
}

static int add_stats(void *context, json_t *document)
{
	(void)context;
	(void)document;
	return 0;
}

static const struct api_daemon_ops daemon_ops = {show_policy, reload_policy, add_stats};

/* Beside the default one. */
static const char *const class_names[] = {"", "checked", "sliced", "queue", "nobody"};

#define N_CLASS_NAMES (sizeof(class_names) / sizeof(class_names[0]))

static void add_classes(struct session_policy *policy)
{
	struct class *classes = realloc(policy->classes, 4 * sizeof(*classes));

	assert(classes);
	policy->classes = classes;
	for (unsigned i = 1; i < 4; i++) {
		classes[i] = classes[0];
		classes[i].is_requestable = true;
		snprintf(classes[i].name, sizeof(classes[i].name), "%s", class_names[i]);
	}
	classes[1].is_validated = true;
	classes[2].slice_rule = SLICE_ALWAYS;
	classes[3].depth = 2;
	classes[3].replaces_oldest = true;
	policy->n_classes = 4;
}

static void world_start(struct world *world)
{
	struct soft_options options = soft_options_default();
	struct sessions_params params = {
		.policy = &world->policy,
		.scheduler = &world->scheduler,
		.machine = {.bytes = 1ull << 32, .descriptors = 4096},
		.request = api_request,
		.request_context = &world->api,
	};
	struct bus *bus;

	log_set_level(LOG_LEVEL_ERROR);
	world->scheduler = scheduler_config_default();
	world->scheduler.watchdog.floor_ns = BUDGET_NS;
	world->scheduler.watchdog.cap_ns = BUDGET_NS;
	world->scheduler.watchdog.unknown_ns = BUDGET_NS;
	assert(loop_new(LOOP_EPOLL, &world->loop) == 0);
	assert(closer_new(&world->closer) == 0);
	assert(soft_bus_new(&options, &bus) == 0);
	assert(rk3588_device_new(bus, "soft", &world->device) == 0);
	assert(session_policy_init_default(&world->policy, 3) == 0);
	world->policy.quota.bytes_per_session = 1u << 20;
	world->policy.quarantine.pause_ns = BUDGET_NS;
	world->policy.quarantine.pause_max_ns = BUDGET_NS;
	add_classes(&world->policy);
	params.loop = world->loop;
	params.closer = world->closer;
	params.device = world->device;
	assert(sessions_new(&params, &world->sessions) == 0);
	/* There is no directory; the documents are made up all the same. */
	assert(incidents_new(world->sessions, &world->incidents) == 0);
	world->api = (struct api){world->sessions, &daemon_ops, world, world->incidents};
	for (unsigned i = 0; i < N_CLIENTS; i++)
		world->clients[i].fd = -1;
	for (unsigned i = 0; i < N_KEPT; i++)
		world->kept[i] = -1;
}

/* ---- the bytes ---- */

static uint8_t take(struct world *world)
{
	if (world->size == 0)
		return 0;
	world->size--;
	return *world->data++;
}

static uint32_t take_word(struct world *world)
{
	uint32_t low = take(world);

	return low | (uint32_t)take(world) << 8;
}

static struct client *take_client(struct world *world)
{
	return &world->clients[take(world) % N_CLIENTS];
}

/* ---- a client's side ---- */

static void send_packet(struct client *client, const void *bytes, size_t size, const int *fds,
			unsigned n_fds)
{
	struct iovec iov = {(void *)bytes, size};
	union {
		char bytes[CMSG_SPACE(NPU_MESSAGE_FDS * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *cmsg;

	if (client->fd < 0)
		return;
	if (n_fds > 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&message);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
	}
	(void)sendmsg(client->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void send_request(struct client *client, enum npu_op op, const void *body, size_t size,
			 int fd)
{
	struct {
		struct npu_header header;
		unsigned char body[512];
	} packet = {.header = {(uint32_t)(sizeof(packet.header) + size), (uint16_t)op, 0, 7}};

	assert(size <= sizeof(packet.body));
	if (size > 0)
		memcpy(packet.body, body, size);
	send_packet(client, &packet, sizeof(packet.header) + size, &fd, fd >= 0);
}

static void keep(struct world *world, int fd)
{
	int *slot = &world->kept[world->next_kept++ % N_KEPT];

	if (*slot >= 0)
		close(*slot);
	*slot = fd;
}

static int take_kept(struct world *world)
{
	return world->kept[take(world) % N_KEPT];
}

static void read_replies(struct world *world, struct client *client)
{
	unsigned char bytes[2048];
	union {
		char bytes[CMSG_SPACE(NPU_MESSAGE_FDS * sizeof(int))];
		struct cmsghdr align;
	} control;

	for (unsigned i = 0; client->fd >= 0 && i < 64; i++) {
		struct iovec iov = {bytes, sizeof(bytes)};
		struct msghdr message = {.msg_iov = &iov,
					 .msg_iovlen = 1,
					 .msg_control = control.bytes,
					 .msg_controllen = sizeof(control)};
		struct cmsghdr *cmsg;
		int fd;

		if (recvmsg(client->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0)
			return;
		cmsg = CMSG_FIRSTHDR(&message);
		if (!cmsg || cmsg->cmsg_len != CMSG_LEN(sizeof(int)))
			continue;
		memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
		keep(world, fd);
	}
}

static void hang_up(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	*client = (struct client){.fd = -1};
}

static void turn(struct world *world, uint64_t wait_ns)
{
	clock_ns += wait_ns;
	assert(loop_turn(world->loop, 0) == 0);
}

/* ---- steps ---- */

static void step_connect(struct world *world, struct client *client)
{
	struct identity identity = {.uid = take(world) % 3, .pid = 1, .comm = "fuzz"};
	struct session *session;
	int pair[2];

	hang_up(client);
	assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	client->fd = pair[0];
	(void)session_new(world->sessions, pair[1], &identity, &session);
}

static void step_hello(struct world *world, struct client *client)
{
	struct npu_hello hello = {.version_min = 1, .version_max = 1, .features = ~0ull};

	if (take(world) % 8 == 1)
		hello.version_min = take(world);
	snprintf(hello.class_name, sizeof(hello.class_name), "%s",
		 class_names[take(world) % N_CLASS_NAMES]);
	send_request(client, NPU_OP_HELLO, &hello, sizeof(hello), -1);
}

static void step_bo_create(struct world *world, struct client *client)
{
	struct npu_bo_create create = {.size = take_word(world) * 16ull};

	if (take(world) % 2) {
		create.flags = NPU_BO_FIXED_IOVA;
		create.iova = STREAM_IOVA + take_word(world) * 4096;
	}
	send_request(client, NPU_OP_BO_CREATE, &create, sizeof(create), -1);
}

static void step_bo(struct world *world, struct client *client, uint8_t what)
{
	uint32_t handle = take(world) % 16;

	if (what % 4 == 0)
		send_request(client, NPU_OP_BO_CLOSE, &(struct npu_bo_close){handle, 0},
			     sizeof(struct npu_bo_close), -1);
	else if (what % 4 == 1)
		send_request(client, NPU_OP_BO_EXPORT,
			     &(struct npu_bo_export){handle, take(world) % 2},
			     sizeof(struct npu_bo_export), -1);
	else if (what % 4 == 2)
		send_request(client, NPU_OP_BO_FENCE, &(struct npu_bo_fence){handle, 0},
			     sizeof(struct npu_bo_fence), -1);
	else
		send_request(client, NPU_OP_BO_SYNC,
			     &(struct npu_bo_sync){handle, take(world) % 4, take_word(world),
						   take_word(world)},
			     sizeof(struct npu_bo_sync), -1);
}

static void step_bo_import(struct world *world, struct client *client)
{
	struct npu_bo_import import = {.flags = take(world) % 2};

	if (import.flags)
		import.iova = STREAM_IOVA + take_word(world) * 4096;
	send_request(client, NPU_OP_BO_IMPORT, &import, sizeof(import), take_kept(world));
}

/* When, where and after whom; mostly left to npud. */
static void take_schedule(struct world *world, struct npu_submit *submit)
{
	uint8_t what = take(world);

	if (what & 1)
		submit->deadline_ns = 1 + take_word(world) * 1000ll;
	if (what & 2)
		submit->priority = (int8_t)take(world);
	if (what & 4)
		submit->late = take(world) % (NPU_LATE_COUNT + 1);
	if (what & 8)
		submit->widths = take(world) % 16;
	if (what & 16)
		submit->n_writes = take(world) % (submit->n_bos + 2);
	if (what & 32)
		submit->n_reads = take(world) % (submit->n_bos + 2);
}

static uint32_t width_ranges(uint32_t widths)
{
	uint32_t n = 0;

	for (uint32_t width = 1; width <= NPU_JOB_RANGES; width++)
		n += widths >> width & 1 ? width : 0;
	return n;
}

/* What the client's memory holds decides what the job does; all of it may be nonsense. */
static void step_submit(struct world *world, struct client *client)
{
	struct {
		struct npu_submit submit;
		struct npu_task tasks[8];
		uint32_t handles[4];
		struct npu_range ranges[2 * NPU_JOB_RANGES];
	} body = {.submit = {.seqno = take(world) % 4 ? ++client->seqno : take(world),
			     .flags = take(world) % 128,
			     .core_mask = take(world) % 8,
			     .n_ranges = take(world) % 4,
			     .timeout_ns = take(world) % 2 ? BUDGET_NS / 2 : 0}};
	uint32_t n_tasks = take(world) % 8, n_bos = take(world) % 4;
	unsigned char bytes[sizeof(body)];
	size_t size = sizeof(body.submit);
	int fence = take(world) % 4 == 0 ? take_kept(world) : -1;

	body.submit.n_tasks = n_tasks;
	body.submit.n_bos = n_bos;
	body.submit.n_fences = fence >= 0;
	for (unsigned i = 0; i < NPU_JOB_RANGES; i++)
		body.submit.ranges[i] = (struct npu_range){take(world) % 4, take(world) % 4};
	take_schedule(world, &body.submit);
	memcpy(bytes, &body.submit, size);
	for (uint32_t i = 0; i < n_tasks; i++) {
		struct npu_task task = {STREAM_IOVA + take(world) * 256u, 1u + take(world), 0x300,
					0};

		memcpy(bytes + size, &task, sizeof(task));
		size += sizeof(task);
	}
	for (uint32_t i = 0; i < n_bos; i++) {
		uint32_t handle = take(world) % 8;

		memcpy(bytes + size, &handle, sizeof(handle));
		size += sizeof(handle);
	}
	for (uint32_t i = 0; i < width_ranges(body.submit.widths); i++) {
		struct npu_range range = {take(world) % 8, take(world) % 8};

		memcpy(bytes + size, &range, sizeof(range));
		size += sizeof(range);
	}
	send_request(client, NPU_OP_SUBMIT, bytes, size, fence);
}

static void step_pardon(struct world *world, struct client *client)
{
	struct npu_pardon pardon = {.uid = take(world) % 3};

	if (take(world) % 2)
		pardon.session_id = world->sessions->next_session_id - take(world) % 8;
	send_request(client, NPU_OP_PARDON, &pardon, sizeof(pardon), -1);
}

static void step_ask(struct world *world, struct client *client)
{
	uint8_t what = take(world);

	switch (what % 12) {
	case 0:
		send_request(client, NPU_OP_STATS, NULL, 0, -1);
		break;
	case 1:
		send_request(client, NPU_OP_POLICY_SHOW, NULL, 0, -1);
		break;
	case 2:
		send_request(client, NPU_OP_POLICY_RELOAD, NULL, 0, -1);
		break;
	case 3:
		send_request(client, NPU_OP_CANCEL, &(struct npu_cancel){take(world)},
			     sizeof(struct npu_cancel), -1);
		break;
	case 4:
		send_request(client, NPU_OP_RESET, &(struct npu_reset){take(world) % 4, 0},
			     sizeof(struct npu_reset), -1);
		break;
	case 5:
		send_request(client, NPU_OP_DRAIN, NULL, 0, -1);
		break;
	case 6:
		send_request(client, NPU_OP_TRACE_START, NULL, 0, -1);
		break;
	case 7:
		send_request(client, NPU_OP_TRACE_STOP, NULL, 0, -1);
		break;
	case 8:
		send_request(client, NPU_OP_INCIDENTS, &(struct npu_incidents){take(world)},
			     sizeof(struct npu_incidents), -1);
		break;
	case 9:
	case 10:
		step_pardon(world, client);
		break;
	default:
		send_request(client, NPU_OP_KILL,
			     &(struct npu_kill){world->sessions->next_session_id - take(world) % 8},
			     sizeof(struct npu_kill), -1);
		break;
	}
}

/* Bytes as they are, with or without a header that fits them. */
static void step_raw(struct world *world, struct client *client)
{
	unsigned char bytes[sizeof(struct npu_header) + RAW_MAX];
	size_t n = take(world) % RAW_MAX;
	struct npu_header header = {(uint32_t)(sizeof(header) + n), take(world), 0, 0};
	bool is_framed = take(world) % 4;

	memcpy(bytes, &header, sizeof(header));
	for (size_t i = 0; i < n; i++)
		bytes[sizeof(header) + i] = take(world);
	if (is_framed)
		send_packet(client, bytes, sizeof(header) + n, NULL, 0);
	else
		send_packet(client, bytes + sizeof(header), n, world->kept, world->kept[0] >= 0);
}

static void step(struct world *world)
{
	uint8_t what = take(world);
	struct client *client = take_client(world);

	switch (what % 12) {
	case 0:
		step_connect(world, client);
		step_hello(world, client);
		break;
	case 1:
		hang_up(client);
		break;
	case 2:
	case 3:
		step_bo_create(world, client);
		break;
	case 4:
		step_bo(world, client, what / 12);
		break;
	case 5:
		step_bo_import(world, client);
		break;
	case 6:
	case 7:
		step_submit(world, client);
		break;
	case 8:
		step_ask(world, client);
		break;
	case 9:
		step_raw(world, client);
		break;
	case 10:
		read_replies(world, client);
		break;
	default:
		/* What computes needs time of its own. */
		sched_yield();
		turn(world, take(world) * 10 * NS_PER_US);
		return;
	}
	turn(world, NS_PER_US);
}

/* Inputs are not to suffer for those before them. */
static void forget(struct world *world)
{
	for (uid_t uid = 0; uid < 3; uid++)
		(void)quarantine_pardon(world->sessions, uid, "");
	world->sessions->is_draining = false;
	trace_stop(&world->sessions->trace);
}

static void end(struct world *world)
{
	const time_t until = time(NULL) + END_S;

	for (unsigned i = 0; i < N_CLIENTS; i++)
		hang_up(&world->clients[i]);
	for (unsigned i = 0; i < N_KEPT; i++)
		keep(world, -1);
	while (world->sessions->n_sessions > 0) {
		sched_yield();
		turn(world, NS_PER_MS);
		assert(time(NULL) < until);
	}
	forget(world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world world;

	if (size > INPUT_MAX)
		return -1;
	if (!world.loop)
		world_start(&world);
	world.data = data;
	world.size = size;
	while (world.size > 0)
		step(&world);
	end(&world);
	return 0;
}
