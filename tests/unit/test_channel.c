/* SPDX-License-Identifier: MIT */
/* Who is read from when: turns, and rests. Time is what the test says, and what requests cost. */
#include "base/clock.h"
#include "base/closer.h"
#include "sessions/channel.h"

#include <check.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHEAP_NS  (10 * NS_PER_US)
#define COSTLY_NS (100 * NS_PER_US)
#define N_QUEUED  100u

struct party {
	struct channel channel;
	int peer;
	uint64_t cost_ns, used_ns;
	unsigned n_handled;
};

static uint64_t now_ns;
static struct loop *loop;
static struct channel_shared shared;
static struct party flooder, other;
static struct channel_owner hostile, honest;

/* In the place of the one in base/. */
uint64_t clock_now_ns(void)
{
	return now_ns;
}

static void message(struct channel *channel, const void *data, size_t size, struct fdset *fds)
{
	struct party *party = container_of(channel, struct party, channel);

	(void)data, (void)size, (void)fds;
	party->n_handled++;
	party->used_ns += party->cost_ns;
	now_ns += party->cost_ns;
}

static void closed(struct channel *channel, const char *reason)
{
	(void)channel;
	ck_abort_msg("closed: %s", reason);
}

static void party_init(struct party *party, struct channel_owner *owner)
{
	static const struct channel_ops ops = {message, closed};
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	*party = (struct party){.peer = pair[1], .cost_ns = CHEAP_NS};
	ck_assert_int_eq(channel_init(&party->channel, loop, pair[0], &shared, &ops), 0);
	party->channel.owner = owner;
}

static void party_deinit(struct party *party)
{
	channel_close(&party->channel);
	close(party->peer);
}

static void set_up(void)
{
	now_ns = NS_PER_S;
	shared = (struct channel_shared){.receive_buffer = malloc(CHANNEL_RECEIVE_BYTES)};
	ck_assert_ptr_nonnull(shared.receive_buffer);
	ck_assert_int_eq(closer_new(&shared.closer), 0);
	ck_assert_int_eq(loop_new(LOOP_EPOLL, &loop), 0);
	hostile = (struct channel_owner){.uid = 1};
	honest = (struct channel_owner){.uid = 2};
	party_init(&flooder, &hostile);
	party_init(&other, &honest);
}

static void tear_down(void)
{
	party_deinit(&flooder);
	party_deinit(&other);
	loop = loop_free(loop);
	closer_free(shared.closer);
	free(shared.receive_buffer);
}

static void ask(const struct party *party)
{
	ck_assert_int_eq(send(party->peer, "?", 1, MSG_NOSIGNAL), 1);
}

static void turn(void)
{
	ck_assert_int_eq(loop_turn(loop, 0), 0);
}

/* For `duration_ns` the flooder has always more to ask, and the other one asks once a turn. */
static void flood(uint64_t duration_ns)
{
	uint64_t end_ns = now_ns + duration_ns;
	unsigned n_asked = 0;

	while (now_ns < end_ns) {
		for (; n_asked < flooder.n_handled + 10; n_asked++)
			ask(&flooder);
		ask(&other);
		turn();
		now_ns += 10 * NS_PER_US; /* the rest of the turn */
	}
}

START_TEST(test_who_is_alone_never_rests)
{
	for (unsigned i = 0; i < N_QUEUED; i++)
		ask(&flooder);
	for (unsigned i = 1; i <= N_QUEUED; i++) {
		turn();
		ck_assert_uint_eq(flooder.n_handled, i);
	}
}
END_TEST

START_TEST(test_others_are_heard_every_turn)
{
	other.cost_ns = NS_PER_US;
	for (unsigned i = 0; i < N_QUEUED; i++)
		ask(&flooder);
	for (unsigned i = 1; i <= 20; i++) {
		ask(&other);
		turn();
		ck_assert_uint_eq(other.n_handled, i);
		ck_assert_uint_le(flooder.n_handled, i);
	}
	ck_assert_uint_lt(flooder.n_handled, 20);
}
END_TEST

START_TEST(test_flood_has_half_of_the_time)
{
	other.cost_ns = NS_PER_US;
	flood(100 * NS_PER_MS);
	ck_assert_uint_le(flooder.used_ns, 51 * NS_PER_MS);
	ck_assert_uint_ge(flooder.used_ns, 20 * NS_PER_MS);
}
END_TEST

START_TEST(test_costly_flood_has_an_eighth_of_the_time)
{
	flooder.cost_ns = COSTLY_NS;
	other.cost_ns = NS_PER_US;
	flood(100 * NS_PER_MS);
	ck_assert_uint_le(flooder.used_ns, 13 * NS_PER_MS);
	ck_assert_uint_ge(flooder.used_ns, 8 * NS_PER_MS);
}
END_TEST

/* Each of them takes little, but they are one user's. */
START_TEST(test_flood_by_many_sessions)
{
	enum { N = 32 };
	struct party many[N];
	uint64_t end_ns, used_ns = 0;

	other.cost_ns = NS_PER_US;
	for (unsigned i = 0; i < N; i++)
		party_init(&many[i], &hostile);
	for (end_ns = now_ns + 100 * NS_PER_MS; now_ns < end_ns; now_ns += 10 * NS_PER_US) {
		uint64_t start_ns = now_ns;

		for (unsigned i = 0; i < N; i++)
			(void)send(many[i].peer, "?", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		ask(&other);
		turn();
		/* Once there is somebody who waits for its turn, it waits for a few of them. */
		ck_assert(other.n_handled <= 1 || now_ns - start_ns <= 100 * NS_PER_US);
	}
	for (unsigned i = 0; i < N; i++) {
		used_ns += many[i].used_ns;
		party_deinit(&many[i]);
	}
	ck_assert_uint_le(used_ns, 52 * NS_PER_MS);
	ck_assert_uint_ge(used_ns, 20 * NS_PER_MS);
}
END_TEST

/* A user's sessions among themselves take turns, and rest each for itself only. */
START_TEST(test_alone_with_many_sessions)
{
	struct party second;

	party_init(&second, &hostile);
	for (unsigned i = 0; i < N_QUEUED; i++) {
		ask(&flooder);
		turn();
		ask(&second);
		turn();
		now_ns += 10 * NS_PER_US;
	}
	ck_assert_uint_eq(flooder.n_handled, N_QUEUED);
	ck_assert_uint_eq(second.n_handled, N_QUEUED);
	party_deinit(&second);
}
END_TEST

/* Who takes less than its share does not notice. */
START_TEST(test_light_use_never_rests)
{
	for (unsigned i = 1; i <= N_QUEUED; i++) {
		ask(&flooder);
		ask(&other);
		turn();
		ck_assert_uint_eq(flooder.n_handled, i);
		ck_assert_uint_eq(other.n_handled, i);
		now_ns += 30 * NS_PER_US;
	}
}
END_TEST

/* Work while nobody else was there is not held against a client. */
START_TEST(test_rest_after_long_work_alone_is_short)
{
	flooder.cost_ns = CHEAP_NS;
	for (unsigned i = 0; i < N_QUEUED; i++) {
		ask(&flooder);
		turn();
	}
	ask(&other);
	turn();
	ask(&flooder);
	turn();
	ck_assert_uint_eq(flooder.n_handled, N_QUEUED);
	now_ns += 400 * NS_PER_US;
	turn(); /* its rest is over */
	turn();
	ck_assert_uint_eq(flooder.n_handled, N_QUEUED + 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("channel");
	TCase *tcase = tcase_create("channel");
	SRunner *runner;
	int n_failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_who_is_alone_never_rests);
	tcase_add_test(tcase, test_others_are_heard_every_turn);
	tcase_add_test(tcase, test_flood_has_half_of_the_time);
	tcase_add_test(tcase, test_costly_flood_has_an_eighth_of_the_time);
	tcase_add_test(tcase, test_flood_by_many_sessions);
	tcase_add_test(tcase, test_alone_with_many_sessions);
	tcase_add_test(tcase, test_light_use_never_rests);
	tcase_add_test(tcase, test_rest_after_long_work_alone_is_short);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
