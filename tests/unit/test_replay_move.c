/* SPDX-License-Identifier: MIT */
/* Addresses in streams follow their buffers; nothing else is touched. */
#include "tools/replay_move.h"

#include <check.h>

static const struct replay_place places[] = {
	{.from = 0, .to = 0xffff0000, .size = 0x1000},
	{.from = 0x10000, .to = 0xfff00000, .size = 0x2000},
};

static uint64_t entry(uint16_t target, uint32_t value, uint16_t offset)
{
	return (uint64_t)target << 48 | (uint64_t)value << 16 | offset;
}

START_TEST(addresses_follow_their_buffers)
{
	ck_assert_uint_eq(replay_move_address(0, places, 2), 0xffff0000);
	ck_assert_uint_eq(replay_move_address(0xfff, places, 2), 0xffff0fff);
	ck_assert_uint_eq(replay_move_address(0x1000, places, 2), 0x1000);
	ck_assert_uint_eq(replay_move_address(0x11fff, places, 2), 0xfff01fff);
	ck_assert_uint_eq(replay_move_address(0x12000, places, 2), 0x12000);
	ck_assert_uint_eq(replay_move_address(0x10000, places, 0), 0x10000);
}
END_TEST

START_TEST(registers_of_addresses_are_moved)
{
	ck_assert_uint_eq(replay_move_entry(entry(0x0201, 0x10040, 0x1070), places, 2),
			  entry(0x0201, 0xfff00040, 0x1070));
	ck_assert_uint_eq(replay_move_entry(entry(0x0101, 0x10041, 0x0010), places, 2),
			  entry(0x0101, 0xfff00041, 0x0010));
	/* A size that looks like an address. */
	ck_assert_uint_eq(replay_move_entry(entry(0x0201, 0x10040, 0x1074), places, 2),
			  entry(0x0201, 0x10040, 0x1074));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("replay_move");
	TCase *tcase = tcase_create("replay_move");
	SRunner *runner;
	int n_failed;

	tcase_add_test(tcase, addresses_follow_their_buffers);
	tcase_add_test(tcase, registers_of_addresses_are_moved);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed > 0;
}
