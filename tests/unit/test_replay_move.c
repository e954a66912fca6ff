/* SPDX-License-Identifier: MIT */
/* Recorded streams at other addresses. */
#include "tools/replay_move.h"

#include <check.h>
#include <string.h>

#define ENTRY(target, offset, value)                                                               \
	((uint64_t)(target) << 48 | (uint64_t)(value) << 16 | (uint64_t)(offset))

static const struct replay_place places[] = {
	{0xffff0000, 0x1000, 0x1000}, {0x1000, 0x40000000, 0x2000}, {0, 0x9000, 0x1000}};

static struct replay_move move_of(size_t n)
{
	return (struct replay_move){.places = places, .n_places = n};
}

START_TEST(addresses_follow_their_buffer)
{
	struct replay_move move = move_of(2);

	ck_assert_uint_eq(replay_move_address(&move, 0xffff0000), 0x1000);
	ck_assert_uint_eq(replay_move_address(&move, 0xffff0fff), 0x1fff);
	ck_assert_uint_eq(replay_move_address(&move, 0xffff1000), 0xffff1000);
	ck_assert_uint_eq(replay_move_address(&move, 0x2fff), 0x40001fff);
	ck_assert_uint_eq(replay_move_address(&move, 0), 0);
	move = move_of(3);
	ck_assert_uint_eq(replay_move_address(&move, 16), 0x9010);
}
END_TEST

START_TEST(only_addresses_are_changed_and_only_once)
{
	const uint64_t before[] = {
		ENTRY(0x0201, 0x1070, 0xffff0010), /* features */
		ENTRY(0x0201, 0x1020, 0xffff0010), /* no address */
		ENTRY(0x1001, 0x4020, 0x1000),	   /* results */
		ENTRY(0x1001, 0x4020, 0x7000),	   /* in no buffer */
		ENTRY(0, 0x1070, 0xffff0010),	   /* padding */
		ENTRY(0x0101, 0x0010, 0),	   /* the end of the chain */
		ENTRY(0x0101, 0x0010, 0xffff0040), /* the next task */
		ENTRY(0x0101, 0x0014, 0xffff0040), /* its amounts */
		ENTRY(0x0081, 0x0008, 0x1d),	   /* the end */
		ENTRY(0x0201, 0x1070, 0xffff0010), /* another task's */
	};
	uint64_t entries[sizeof(before) / sizeof(*before)],
		wanted[sizeof(before) / sizeof(*before)];
	const uint32_t n = sizeof(before) / sizeof(*before);
	struct replay_move move = move_of(3);

	memcpy(entries, before, sizeof(before));
	memcpy(wanted, before, sizeof(before));
	wanted[0] = ENTRY(0x0201, 0x1070, 0x1010);
	wanted[2] = ENTRY(0x1001, 0x4020, 0x40000000);
	wanted[6] = ENTRY(0x0101, 0x0010, 0x1040);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(replay_move_stream(&move, entries, n), 0);
		for (uint32_t k = 0; k < n; k++)
			ck_assert_msg(entries[k] == wanted[k], "entry %u", k);
	}
	replay_move_undo(&move);
	ck_assert_int_eq(memcmp(entries, before, sizeof(before)), 0);
	ck_assert_uint_eq(move.n_saved, 0);
}
END_TEST

START_TEST(streams_without_an_end_are_changed_whole)
{
	uint64_t entries[2] = {ENTRY(0x2001, 0x5018, 0x1000), ENTRY(0x8001, 0x701c, 0x1000)};
	struct replay_move move = move_of(2);

	ck_assert_int_eq(replay_move_stream(&move, entries, 0), 0);
	ck_assert(entries[0] == ENTRY(0x2001, 0x5018, 0x1000));
	replay_move_undo(&move);
	ck_assert_int_eq(replay_move_stream(&move, entries, 2), 0);
	ck_assert(entries[0] == ENTRY(0x2001, 0x5018, 0x40000000));
	ck_assert(entries[1] == ENTRY(0x8001, 0x701c, 0x40000000));
	replay_move_undo(&move);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("replay_move");
	TCase *tcase = tcase_create("replay_move");
	SRunner *runner;
	int n_failed;

	tcase_add_test(tcase, addresses_follow_their_buffer);
	tcase_add_test(tcase, only_addresses_are_changed_and_only_once);
	tcase_add_test(tcase, streams_without_an_end_are_changed_whole);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed > 0;
}
