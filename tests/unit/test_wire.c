/* SPDX-License-Identifier: MIT */
/*
 * The protocol decoders: what is right decodes, and every wrong field is named.
 */
#include "api/wire.h"
#include "iommu/bo.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct npu_error error;

static void setup(void)
{
	memset(&error, 0, sizeof(error));
}

#define assert_refused(call, wanted_field)                                                         \
	do {                                                                                       \
		ck_assert_int_lt((call), 0);                                                       \
		ck_assert_str_eq(error.field, (wanted_field));                                     \
		ck_assert_int_gt(error.error, 0);                                                  \
		ck_assert(strstr(error.message, (wanted_field)) == error.message);                 \
	} while (0)

START_TEST(decodes_header)
{
	struct npu_header header = {.length = sizeof(header), .op = NPU_OP_STATS}, out;
	static char big[NPU_MESSAGE_MAX + 1];

	ck_assert_int_eq(wire_decode_header(&header, sizeof(header), &out), 0);
	ck_assert_uint_eq(out.op, NPU_OP_STATS);
	ck_assert_int_eq(wire_decode_header(&header, sizeof(header) - 1, &out), -EBADMSG);
	ck_assert_int_eq(wire_decode_header(&header, 0, &out), -EBADMSG);
	header.length++;
	ck_assert_int_eq(wire_decode_header(&header, sizeof(header), &out), -EBADMSG);
	header.length--;
	header.kind = NPU_KIND_REPLY;
	ck_assert_int_eq(wire_decode_header(&header, sizeof(header), &out), -EBADMSG);
	header = (struct npu_header){.length = sizeof(big)};
	memcpy(big, &header, sizeof(header));
	ck_assert_int_eq(wire_decode_header(big, sizeof(big), &out), -EBADMSG);
}
END_TEST

START_TEST(decodes_hello)
{
	struct npu_hello hello = {.version_min = 1, .version_max = 3}, out;

	ck_assert_int_eq(wire_decode_hello(&hello, sizeof(hello), 0, &out, &error), 0);
	ck_assert_uint_eq(out.version_max, 3);
	assert_refused(wire_decode_hello(&hello, sizeof(hello) - 1, 0, &out, &error), "length");
	assert_refused(wire_decode_hello(&hello, sizeof(hello), 1, &out, &error), "descriptors");
	hello.version_min = 4;
	assert_refused(wire_decode_hello(&hello, sizeof(hello), 0, &out, &error), "version_min");
	hello.version_min = 1;
	memset(hello.class_name, 'x', sizeof(hello.class_name));
	assert_refused(wire_decode_hello(&hello, sizeof(hello), 0, &out, &error), "class_name");
}
END_TEST

static const struct {
	struct npu_bo_create create;
	const char *field; /* NULL: it is right */
} create_cases[] = {
	{{.size = 1}, NULL},
	{{.size = BO_MAX_BYTES}, NULL},
	{{.size = 4096, .flags = NPU_BO_FIXED_IOVA, .iova = 0x1000}, NULL},
	{{.size = 4096, .flags = NPU_BO_FIXED_IOVA, .iova = 0xfffff000}, NULL},
	{{.size = 0}, "size"},
	{{.size = BO_MAX_BYTES + 1}, "size"},
	{{.size = UINT64_MAX}, "size"},
	{{.size = 4096, .flags = NPU_BO_UNCACHED}, NULL},
	{{.size = 4096, .flags = 4}, "flags"},
	{{.size = 4096, .flags = 0x80000000}, "flags"},
	{{.size = 4096, .iova = 0x1000}, "iova"},
	{{.size = 4096, .flags = NPU_BO_FIXED_IOVA}, "iova"},
	{{.size = 4096, .flags = NPU_BO_FIXED_IOVA, .iova = 0x1001}, "iova"},
};

START_TEST(decodes_bo_create)
{
	const struct npu_bo_create *create = &create_cases[_i].create;
	struct npu_bo_create out;

	if (create_cases[_i].field)
		assert_refused(wire_decode_bo_create(create, sizeof(*create), 0, &out, &error),
			       create_cases[_i].field);
	else
		ck_assert_int_eq(wire_decode_bo_create(create, sizeof(*create), 0, &out, &error),
				 0);
	assert_refused(wire_decode_bo_create(create, sizeof(*create) + 8, 0, &out, &error),
		       "length");
}
END_TEST

START_TEST(decodes_pardon_and_incidents)
{
	struct npu_pardon by_session = {.session_id = 1}, both = {.session_id = 1, .uid = 2},
			  endless = {.uid = 1}, reserved = {.uid = 1, .reserved = 1}, out;
	struct npu_incidents incidents = {.id = 7};

	memset(endless.cgroup, 'x', sizeof(endless.cgroup));
	ck_assert_int_eq(wire_decode_pardon(&by_session, sizeof(by_session), 0, &out, &error), 0);
	ck_assert_uint_eq(out.session_id, 1);
	assert_refused(wire_decode_pardon(&both, sizeof(both), 0, &out, &error), "session_id");
	assert_refused(wire_decode_pardon(&endless, sizeof(endless), 0, &out, &error), "cgroup");
	assert_refused(wire_decode_pardon(&reserved, sizeof(reserved), 0, &out, &error),
		       "reserved");
	assert_refused(wire_decode_pardon(&both, sizeof(both) - 1, 0, &out, &error), "length");
	assert_refused(wire_decode_pardon(&by_session, sizeof(both), 1, &out, &error),
		       "descriptors");
	ck_assert_int_eq(
		wire_decode_incidents(&incidents, sizeof(incidents), 0, &incidents, &error), 0);
	assert_refused(wire_decode_incidents(&incidents, 4, 0, &incidents, &error), "length");
}
END_TEST

START_TEST(decodes_small_bodies)
{
	struct npu_bo_close close_request = {.handle = 1};
	struct npu_bo_sync sync = {.handle = 1, .direction = NPU_SYNC_BOTH};
	struct npu_bo_export export = {.handle = 1, .flags = NPU_EXPORT_READ_ONLY};
	struct npu_bo_import import = {0};
	struct npu_reset reset = {.core = 1};

	ck_assert_int_eq(wire_decode_bo_close(&close_request, sizeof(close_request), 0,
					      &close_request, &error),
			 0);
	close_request.reserved = 1;
	assert_refused(wire_decode_bo_close(&close_request, sizeof(close_request), 0,
					    &close_request, &error),
		       "reserved");
	ck_assert_int_eq(wire_decode_bo_sync(&sync, sizeof(sync), 0, &sync, &error), 0);
	sync.direction = 4;
	assert_refused(wire_decode_bo_sync(&sync, sizeof(sync), 0, &sync, &error), "direction");
	sync.direction = 0;
	assert_refused(wire_decode_bo_sync(&sync, sizeof(sync), 0, &sync, &error), "direction");
	ck_assert_int_eq(wire_decode_bo_export(&export, sizeof(export), 0, &export, &error), 0);
	export.flags = 2;
	assert_refused(wire_decode_bo_export(&export, sizeof(export), 0, &export, &error), "flags");
	ck_assert_int_eq(wire_decode_bo_import(&import, sizeof(import), 1, &import, &error), 0);
	assert_refused(wire_decode_bo_import(&import, sizeof(import), 0, &import, &error),
		       "descriptors");
	ck_assert_int_eq(wire_decode_reset(&reset, sizeof(reset), 0, &reset, &error), 0);
	reset.reserved = 1;
	assert_refused(wire_decode_reset(&reset, sizeof(reset), 0, &reset, &error), "reserved");
	ck_assert_int_eq(wire_decode_empty(0, 0, &error), 0);
	assert_refused(wire_decode_empty(1, 0, &error), "length");
	assert_refused(wire_decode_empty(0, 1, &error), "descriptors");
}
END_TEST

struct submit_packet {
	struct npu_submit submit;
	struct npu_task tasks[2];
	uint32_t bos[3];
} __attribute__((packed));

static struct submit_packet good_submit(void)
{
	return (struct submit_packet){
		.submit = {.n_tasks = 2, .n_bos = 3, .flags = NPU_SUBMIT_COMPLETION},
		.tasks = {{.regcmd_iova = 0x1000}, {.regcmd_iova = 0x2000}},
		.bos = {7, 8, 9},
	};
}

START_TEST(decodes_submit)
{
	struct submit_packet packet = good_submit();
	struct job_params params;
	uint32_t last;

	ck_assert_int_eq(wire_decode_submit(&packet, sizeof(packet), 0, &params, &error), 0);
	ck_assert_ptr_eq(params.tasks,
			 (const struct npu_task *)((const char *)&packet + sizeof(packet.submit)));
	memcpy(&last, (const char *)params.handles + 2 * sizeof(last), sizeof(last));
	ck_assert_uint_eq(last, 9);
	/* Every length but the right one. */
	for (size_t size = 0; size < sizeof(packet); size++)
		assert_refused(wire_decode_submit(&packet, size, 0, &params, &error), "length");
	packet.submit.flags |= NPU_SUBMIT_TASKS_IN_BO;
	ck_assert_int_eq(wire_decode_submit(&packet, sizeof(packet.submit) + sizeof(packet.bos), 0,
					    &params, &error),
			 0);
}
END_TEST

static void break_flags(struct npu_submit *s)
{
	s->flags |= 1u << 31;
}
static void break_reserved(struct npu_submit *s)
{
	s->reserved = 1;
}
static void break_n_writes(struct npu_submit *s)
{
	s->n_writes = s->n_bos + 1;
}
static void break_n_reads(struct npu_submit *s)
{
	s->n_writes = 1;
	s->n_reads = s->n_bos;
}
static void break_n_reads_wild(struct npu_submit *s)
{
	s->n_writes = s->n_bos;
	s->n_reads = UINT32_MAX;
}
static void break_deadline(struct npu_submit *s)
{
	s->deadline_ns = -1;
}
static void break_deadline_far(struct npu_submit *s)
{
	s->deadline_ns = NPU_DEADLINE_MAX_NS + 1;
}
static void break_priority(struct npu_submit *s)
{
	s->priority = INT32_MIN;
}
static void break_late(struct npu_submit *s)
{
	s->late = NPU_LATE_COUNT;
}
static void break_widths(struct npu_submit *s)
{
	s->widths = 1;
}
static void break_width_ranges(struct npu_submit *s)
{
	s->widths = 1u << 2; /* and none follow */
}
static void break_n_tasks(struct npu_submit *s)
{
	s->n_tasks = NPU_JOB_TASKS_MAX + 1;
}
static void break_n_tasks_wild(struct npu_submit *s)
{
	s->n_tasks = UINT32_MAX;
}
static void break_n_bos(struct npu_submit *s)
{
	s->n_bos = UINT32_MAX;
}
static void break_n_ranges(struct npu_submit *s)
{
	s->n_ranges = NPU_JOB_RANGES + 1;
}
static void break_n_fences(struct npu_submit *s)
{
	s->n_fences = 1;
}
static void break_tasks_handle(struct npu_submit *s)
{
	s->tasks_handle = 1;
}

static const struct {
	void (*break_it)(struct npu_submit *submit);
	const char *field;
} submit_cases[] = {
	{break_flags, "flags"},
	{break_reserved, "reserved"},
	{break_n_writes, "n_writes"},
	{break_n_reads, "n_reads"},
	{break_n_reads_wild, "n_reads"},
	{break_deadline, "deadline_ns"},
	{break_deadline_far, "deadline_ns"},
	{break_priority, "priority"},
	{break_late, "late"},
	{break_widths, "widths"},
	{break_width_ranges, "length"},
	{break_n_tasks, "n_tasks"},
	{break_n_tasks_wild, "n_tasks"},
	{break_n_bos, "n_bos"},
	{break_n_ranges, "n_ranges"},
	{break_n_fences, "n_fences"},
	{break_tasks_handle, "tasks_handle"},
};

START_TEST(decodes_submit_refusals)
{
	struct submit_packet packet = good_submit();
	struct npu_submit submit = packet.submit;
	struct job_params params;

	submit_cases[_i].break_it(&submit);
	packet.submit = submit;
	assert_refused(wire_decode_submit(&packet, sizeof(packet), 0, &params, &error),
		       submit_cases[_i].field);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wire");
	TCase *tcase = tcase_create("wire");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, decodes_header);
	tcase_add_test(tcase, decodes_hello);
	tcase_add_loop_test(tcase, decodes_bo_create, 0,
			    sizeof(create_cases) / sizeof(create_cases[0]));
	tcase_add_test(tcase, decodes_small_bodies);
	tcase_add_test(tcase, decodes_pardon_and_incidents);
	tcase_add_test(tcase, decodes_submit);
	tcase_add_loop_test(tcase, decodes_submit_refusals, 0,
			    sizeof(submit_cases) / sizeof(submit_cases[0]));
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
