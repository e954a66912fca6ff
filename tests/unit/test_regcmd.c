/* SPDX-License-Identifier: MIT */
/*
 * The meaning of single entries, names, and the fetch amounts that vendor streams carry.
 */
#include "device/regcmd.h"

#include <check.h>
#include <stdlib.h>

static const struct {
	const char *what;
	uint64_t entry;
	struct regcmd command;
} entries[] = {
	{"zero padding", 0, {REGCMD_NOP, 0, 0, 0}},
	{"padding with a value", 0x0001000000000000, {REGCMD_NOP, 1, 0, 0}},
	{"CNA CONV_CON1", 0x020120000120100c, {REGCMD_WRITE, 0x0201, 0x100c, 0x20000120}},
	{"CORE MISC_CFG", 0x0801000002013010, {REGCMD_WRITE, 0x0801, 0x3010, 0x201}},
	{"DPU DST_BASE_ADDR", 0x1001ffffa0004020, {REGCMD_WRITE, 0x1001, 0x4020, 0xffffa000}},
	{"DPU_RDMA", 0x2001000178495044, {REGCMD_WRITE, 0x2001, 0x5044, 0x17849}},
	{"PPU", 0x4001000000036024, {REGCMD_WRITE, 0x4001, 0x6024, 3}},
	{"PPU_RDMA, no such register", 0x8001000000017038, {REGCMD_WRITE, 0x8001, 0x7038, 1}},
	{"next body", 0x0101123456700010, {REGCMD_WRITE, 0x0101, 0x10, 0x12345670}},
	{"marker", 0x0041000000000000, {REGCMD_MARKER, 0x41, 0, 0}},
	{"op_en", 0x00810000000d0008, {REGCMD_OP_EN, 0x81, 8, 0xd}},
	{"op_en elsewhere", 0x00810000000d000c, {REGCMD_UNKNOWN, 0x81, 0xc, 0xd}},
	{"the hole at 0x2000", 0x0401000000002010, {REGCMD_UNKNOWN, 0x0401, 0x2010, 0}},
	{"CNA target, CORE offset", 0x0201000000003010, {REGCMD_UNKNOWN, 0x0201, 0x3010, 0}},
	{"no block has it", 0x100100000000f008, {REGCMD_UNKNOWN, 0x1001, 0xf008, 0}},
	{"odd offset", 0x1001000000004021, {REGCMD_UNKNOWN, 0x1001, 0x4021, 0}},
	{"all ones", UINT64_MAX, {REGCMD_UNKNOWN, 0xffff, 0xffff, 0xffffffff}},
};

START_TEST(test_decode)
{
	struct regcmd got = regcmd_decode(entries[_i].entry), want = entries[_i].command;

	ck_assert_msg(got.kind == want.kind && got.target == want.target &&
			      got.offset == want.offset && got.value == want.value,
		      "%s: kind %d target %x offset %x value %x", entries[_i].what, got.kind,
		      got.target, got.offset, got.value);
	ck_assert_uint_eq(regcmd_encode(got.target, got.offset, got.value), entries[_i].entry);
}
END_TEST

/* {body entries, field} of vendor streams (hardware reference 2.3); the tail has four more. */
static const uint32_t amounts[][2] = {
	{126, 0x40}, {122, 0x3e}, {108, 0x37}, {104, 0x35}, {86, 0x2c},
	{69, 0x24},  {26, 0x0e},  {17, 0x0a},  {15, 0x09},  {13, 0x08},
};

START_TEST(test_amount)
{
	ck_assert_uint_eq(regcmd_amount(amounts[_i][0] + 4), amounts[_i][1]);
}
END_TEST

START_TEST(test_amount_limits)
{
	ck_assert_uint_eq(regcmd_amount(1), 0);
	ck_assert_uint_eq(regcmd_amount(2), 0);
	ck_assert_uint_eq(regcmd_amount(REGCMD_MAX_ENTRIES), PC_DATA_AMOUNT);
}
END_TEST

START_TEST(test_names)
{
	ck_assert_str_eq(rk3588_block_name(REG_CNA_CONV_CON1 >> 12), "CNA");
	ck_assert_str_eq(rk3588_register_name(REG_CNA_CONV_CON1), "CONV_CON1");
	ck_assert_str_eq(rk3588_register_name(REG_PC_VERSION), "VERSION");
	ck_assert_str_eq(rk3588_register_name(REG_DPU_SURFACE_ADD), "SURFACE_ADD");
	ck_assert_str_eq(rk3588_block_name(REG_GLOBAL_OPERATION_ENABLE >> 12), "GLOBAL");
	ck_assert_str_eq(rk3588_register_name(REG_GLOBAL_OPERATION_ENABLE), "OPERATION_ENABLE");
	ck_assert_ptr_null(rk3588_register_name(0x2010));
	ck_assert_ptr_null(rk3588_block_name(2));
	ck_assert_ptr_null(rk3588_block_name(16));
}
END_TEST

START_TEST(test_fields)
{
	ck_assert_uint_eq(field_get(DPU_ORIG_CHANNEL, 0x7001f), 7);
	ck_assert_uint_eq(field_get(DPU_OUT_PRECISION, 0xa8000002), RK3588_FP32);
	ck_assert_uint_eq(field_put(DPU_OUT_PRECISION, RK3588_FP32), 0xa0000000);
	ck_assert_uint_eq(field_put(PC_TASK_NUMBER, 0x1fff), 0xfff);
}
END_TEST

/* 40-bit addresses survive the folding of table entries; flags lie beside them. */
START_TEST(test_mmu_entries)
{
	const uint64_t pa = 0xabcdef1000;

	ck_assert_uint_eq(mmu_entry_encode(pa), 0xcdef1ba0);
	ck_assert_uint_eq(mmu_entry_decode(mmu_entry_encode(pa) | 7), pa);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("regcmd");
	TCase *tcase = tcase_create("regcmd");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, test_decode, 0, sizeof(entries) / sizeof(*entries));
	tcase_add_loop_test(tcase, test_amount, 0, sizeof(amounts) / sizeof(*amounts));
	tcase_add_test(tcase, test_amount_limits);
	tcase_add_test(tcase, test_names);
	tcase_add_test(tcase, test_fields);
	tcase_add_test(tcase, test_mmu_entries);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
