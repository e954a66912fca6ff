/* SPDX-License-Identifier: MIT */
/* Whose turn it is with memory: rows of turns, kept in order whoever leaves them. */
#include "sessions/memory.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Somebody with a turn; `opened` in the order in which turns came. */
struct visitor {
	struct turn turn;
	unsigned opened;
};

static struct memories memories;
static struct memory *memory;
static struct bo bo;
static unsigned n_opened;

static void visitor_opened(struct turn *turn)
{
	container_of(turn, struct visitor, turn)->opened = ++n_opened;
}

static void take(struct visitor *visitor, bool is_write)
{
	visitor->opened = 0;
	turn_take(&visitor->turn, memory, is_write, visitor_opened);
}

static struct bo make_bo(void)
{
	struct bo made = {.refs = 1, .fd = memfd_create("test", MFD_CLOEXEC)};

	ck_assert_int_ge(made.fd, 0);
	return made;
}

static void set_up(void)
{
	n_opened = 0;
	memories_init(&memories);
	bo = make_bo();
	ck_assert_int_eq(memory_get(&memories, &bo, &memory), 0);
}

static void tear_down(void)
{
	ck_assert_uint_eq(memory->refs, 1);
	memory_unref(memory);
	ck_assert(tree_is_empty(&memories.tree));
	ck_assert(list_is_empty(&memories.due));
	close(bo.fd);
}

START_TEST(memory_is_told_by_what_it_is)
{
	struct bo same = {.refs = 1, .fd = fcntl(bo.fd, F_DUPFD_CLOEXEC, 0)}, other = make_bo();
	struct memory *found;

	ck_assert_int_eq(memory_get(&memories, &same, &found), 0);
	ck_assert_ptr_eq(found, memory);
	memory_unref(found);
	ck_assert_int_eq(memory_get(&memories, &other, &found), 0);
	ck_assert_ptr_ne(found, memory);
	memory_unref(found);
	close(other.fd);
	other.fd = -1;
	ck_assert_int_eq(memory_get(&memories, &other, &found), -EBADF);
	close(same.fd);
}
END_TEST

START_TEST(memory_of_drivers_is_told_by_handle)
{
	char host[2];
	struct bo first = {.fd = -1, .device_bo = {.host = host, .handle = 1, .domain = 1}};
	struct bo same = first, elsewhere = first;
	struct memory *one, *two, *three;

	same.device_bo.host = host + 1;
	elsewhere.device_bo.domain = 2;
	ck_assert_int_eq(memory_get(&memories, &first, &one), 0);
	ck_assert_int_eq(memory_get(&memories, &same, &two), 0);
	ck_assert_int_eq(memory_get(&memories, &elsewhere, &three), 0);
	ck_assert_ptr_eq(one, two);
	ck_assert_ptr_ne(one, three);
	memory_unref(one);
	memory_unref(two);
	memory_unref(three);
}
END_TEST

START_TEST(writes_come_one_by_one)
{
	struct visitor first, second, third;

	take(&first, true);
	take(&second, true);
	take(&third, true);
	ck_assert(first.turn.is_open && !second.turn.is_open && !third.turn.is_open);
	ck_assert(!memories_settle(&memories));
	turn_end(&first.turn, NPU_OUTCOME_OK);
	/* Not before it is settled. */
	ck_assert(!second.turn.is_open && !turn_is_blocked(&second.turn));
	ck_assert(memories_settle(&memories));
	ck_assert_uint_eq(second.opened, 1);
	ck_assert(turn_is_blocked(&third.turn));
	turn_end(&second.turn, NPU_OUTCOME_HANG);
	ck_assert_int_eq(memory->last_outcome, NPU_OUTCOME_HANG);
	ck_assert(memories_settle(&memories));
	ck_assert_uint_eq(third.opened, 2);
	/* The first one's was its turn, nobody told it. */
	ck_assert_uint_eq(first.opened, 0);
	turn_end(&third.turn, NPU_OUTCOME_OK);
	ck_assert(!memories_settle(&memories));
}
END_TEST

START_TEST(nobody_waits_for_readers)
{
	struct visitor reads[3], writes[2];

	take(&reads[0], false);
	ck_assert(reads[0].turn.is_open);
	take(&writes[0], true);
	ck_assert(writes[0].turn.is_open);
	take(&reads[1], false);
	take(&reads[2], false);
	take(&writes[1], true);
	ck_assert(!reads[1].turn.is_open && !writes[1].turn.is_open);
	turn_end(&writes[0].turn, NPU_OUTCOME_OK);
	memories_settle(&memories);
	ck_assert_uint_eq(reads[1].opened, 1);
	ck_assert_uint_eq(reads[2].opened, 2);
	ck_assert_uint_eq(writes[1].opened, 3);
	for (int i = 0; i < 3; i++)
		turn_end(&reads[i].turn, NPU_OUTCOME_PENDING);
	/* Which is no write, whatever it says. */
	ck_assert_int_eq(memory->last_outcome, NPU_OUTCOME_OK);
	turn_end(&writes[1].turn, NPU_OUTCOME_OK);
	ck_assert(!memories_settle(&memories));
}
END_TEST

START_TEST(who_leaves_early_leaves_the_order)
{
	struct visitor first, cancelled, third, reader;

	take(&first, true);
	take(&cancelled, true);
	take(&reader, false);
	take(&third, true);
	turn_end(&cancelled.turn, NPU_OUTCOME_CANCELLED);
	ck_assert(!memories_settle(&memories));
	ck_assert(turn_is_blocked(&reader.turn) && turn_is_blocked(&third.turn));
	turn_end(&reader.turn, NPU_OUTCOME_PENDING);
	ck_assert(turn_is_blocked(&third.turn));
	turn_end(&first.turn, NPU_OUTCOME_OK);
	/* Twice is as once. */
	turn_end(&first.turn, NPU_OUTCOME_HANG);
	ck_assert_int_eq(memory->last_outcome, NPU_OUTCOME_OK);
	memories_settle(&memories);
	ck_assert_uint_eq(third.opened, 1);
	turn_end(&third.turn, NPU_OUTCOME_PENDING);
	ck_assert_int_eq(memory->last_outcome, NPU_OUTCOME_OK);
}
END_TEST

/* The only reference may be that of the turn that ends. */
START_TEST(memory_lives_as_long_as_its_turns)
{
	struct bo other = make_bo();
	struct memory *lone;
	struct visitor first, second;

	ck_assert_int_eq(memory_get(&memories, &other, &lone), 0);
	turn_take(&first.turn, lone, true, visitor_opened);
	turn_take(&second.turn, lone, true, visitor_opened);
	memory_unref(lone);
	turn_end(&first.turn, NPU_OUTCOME_OK);
	/* Due, and gone before it is settled. */
	turn_end(&second.turn, NPU_OUTCOME_OK);
	ck_assert(!memories_settle(&memories));
	close(other.fd);
}
END_TEST

static struct visitor chain[3];

/* Ends with its turn, as a job does that is shed at once. */
static void chain_opened(struct turn *turn)
{
	struct visitor *visitor = container_of(turn, struct visitor, turn);

	visitor->opened = ++n_opened;
	turn_end(turn, NPU_OUTCOME_LATE);
}

START_TEST(turns_may_end_while_they_open)
{
	struct visitor first;

	take(&first, true);
	for (int i = 0; i < 3; i++)
		turn_take(&chain[i].turn, memory, i != 1, chain_opened);
	turn_end(&first.turn, NPU_OUTCOME_OK);
	ck_assert(memories_settle(&memories));
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_eq(chain[i].opened, i + 1);
	ck_assert_int_eq(memory->last_outcome, NPU_OUTCOME_LATE);
	ck_assert_ptr_null(memory_last_turn(memory));
}
END_TEST

/* Against the definition: open as soon as, and not before, no write of those before it is left. */
START_TEST(random_rows_keep_the_definition)
{
	enum { N = 24, STEPS = 4000 };
	static struct visitor visitors[N];
	unsigned seed = 20261121 + (unsigned)_i, number[N] = {0}, next = 1;

	for (int step = 0; step < STEPS; step++) {
		unsigned i = (unsigned)rand_r(&seed) % N;

		if (number[i]) {
			turn_end(&visitors[i].turn, NPU_OUTCOME_OK);
			number[i] = 0;
		} else {
			take(&visitors[i], rand_r(&seed) % 2);
			number[i] = next++;
		}
		if (rand_r(&seed) % 4)
			continue;
		memories_settle(&memories);
		for (unsigned j = 0; j < N; j++) {
			bool is_behind = false;

			for (unsigned k = 0; number[j] && k < N; k++)
				is_behind |= number[k] && number[k] < number[j] &&
					     visitors[k].turn.is_write;
			if (number[j])
				ck_assert_int_eq(visitors[j].turn.is_open, !is_behind);
		}
	}
	for (unsigned i = 0; i < N; i++)
		if (number[i])
			turn_end(&visitors[i].turn, NPU_OUTCOME_OK);
	memories_settle(&memories);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("memory");
	TCase *tcase = tcase_create("memory");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, memory_is_told_by_what_it_is);
	tcase_add_test(tcase, memory_of_drivers_is_told_by_handle);
	tcase_add_test(tcase, writes_come_one_by_one);
	tcase_add_test(tcase, nobody_waits_for_readers);
	tcase_add_test(tcase, who_leaves_early_leaves_the_order);
	tcase_add_test(tcase, memory_lives_as_long_as_its_turns);
	tcase_add_test(tcase, turns_may_end_while_they_open);
	tcase_add_loop_test(tcase, random_rows_keep_the_definition, 0, 8);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
