/* SPDX-License-Identifier: MIT */
/*
 * Cores that work together, starts without a stream, and what is told of bits that mean nothing to
 * the model.
 */
#include "base/clock.h"
#include "tests/unit/npu_bench.h"

#define MID   0x30000000u /* between the two products of a chain */
#define CORES 2u
/* Entries of a core's stream that are set aside for it. */
#define STREAM_ENTRIES 512u

/* The first product is fed by one core and used by the next, in another order than they start. */
struct gang {
	struct npu npu;
	char *mid;
	struct device_task tasks[CORES][2];
	struct matmul first[CORES], second[CORES];
};

static void gang_init(struct gang *gang)
{
	npu_init(&gang->npu);
	gang->mid = rig_buffer(&gang->npu.rig, MID, 0x80000, RIG_BOTH);
}

static uint32_t write_task(struct npu *npu, const struct matmul *mm, uint32_t next_iova,
			   uint32_t next_amounts)
{
	uint32_t first = npu->stream.n;

	matmul_write(&npu->stream, mm);
	rig_write(&npu->stream, REG_PC_BASE_ADDRESS, next_iova);
	rig_write(&npu->stream, REG_PC_REGISTER_AMOUNTS, next_amounts);
	rig_entry(&npu->stream, REGCMD_TARGET_MARKER, 0, 0);
	rig_entry(&npu->stream, REGCMD_TARGET_OP_EN, REG_PC_OPERATION_ENABLE, MATMUL_OP_EN);
	return npu->stream.n - first;
}

/*
 * Core i multiplies rows of A and leaves the result where core 1 - i's second product takes it
 * from, as int8.
 */
static void write_core(struct gang *gang, unsigned core, uint32_t cowork)
{
	struct npu *npu = &gang->npu;
	uint32_t here = core * STREAM_ENTRIES * 8;
	struct matmul *first = &gang->first[core], *second = &gang->second[core];
	uint32_t n;

	*first = (struct matmul){RK3588_INT8,
				 RK3588_INT8,
				 256,
				 512,
				 32,
				 512,
				 .a_iova = A + core * 0x20000,
				 .b_iova = B,
				 .c_iova = MID + core * DISTANCE};
	*second = (struct matmul){RK3588_INT8,
				  RK3588_INT32,
				  256,
				  32,
				  32,
				  32,
				  .a_iova = MID + (1 - core) * DISTANCE,
				  .b_iova = B,
				  .c_iova = C + core * DISTANCE};
	npu->stream.n = core * STREAM_ENTRIES;
	n = write_task(npu, first, STREAM + here + STREAM_ENTRIES * 4,
		       cowork << 16 | regcmd_amount(STREAM_ENTRIES / 2));
	gang->tasks[core][0] = (struct device_task){STREAM + here, n, INT_DPU};
	npu->stream.n = core * STREAM_ENTRIES + STREAM_ENTRIES / 2;
	n = write_task(npu, second, 0, 0);
	gang->tasks[core][1] = (struct device_task){STREAM + here + STREAM_ENTRIES * 4, n, INT_DPU};
}

static void start(struct gang *gang, unsigned core, uint64_t table_pa)
{
	struct device_batch batch = {
		.tasks = gang->tasks[core], .n_tasks = 2, .is_chained = true, .table_pa = table_pa};

	ck_assert_int_eq(device_start(gang->npu.rig.device, core, &batch), 0);
}

/* What the second product makes of the other core's first one. */
static void check_second(struct gang *gang, unsigned core)
{
	const struct matmul *first = &gang->first[1 - core], *mm = &gang->second[core];
	const char *mid = gang->mid + (1 - core) * DISTANCE, *out = gang->npu.c + core * DISTANCE;

	for (uint32_t m = 0; m < mm->m; m++) {
		for (uint32_t n = 0; n < mm->n; n++) {
			int32_t want = 0;

			for (uint32_t k = 0; k < mm->k; k++)
				want += (int8_t)mid[matmul_c_offset(first, m, k)] *
					(int8_t)gang->npu.b[matmul_b_offset(mm, k, n)];
			ck_assert(matmul_load(mm, out + matmul_c_offset(mm, m, n)) == want);
		}
	}
}

/* With whom a core exchanges rows in the middle of its chain, it waits for. */
START_TEST(test_exchange)
{
	struct gang gang;
	struct rig *rig = &gang.npu.rig;

	gang_init(&gang);
	for (unsigned core = 0; core < CORES; core++)
		write_core(&gang, core, CORES - 1);
	for (unsigned core = 0; core < CORES; core++)
		matmul_fill(&gang.first[core], gang.npu.a + core * 0x20000, gang.npu.b);
	start(&gang, (unsigned)_i, rig->directory_pa);
	/* Alone it gets no further than the meeting. */
	ck_assert(!rig_dispatch(rig, 30));
	start(&gang, 1 - (unsigned)_i, rig->directory_pa);
	rig_wait_events(rig, CORES);
	for (unsigned core = 0; core < CORES; core++) {
		ck_assert_int_eq(rig->events[core].kind, DEVICE_DONE);
		check_second(&gang, core);
	}
	rig_deinit(rig);
}
END_TEST

/* ---- a host that keeps one of them from computing ---- */

#define STALL_NS (50 * NS_PER_MS)

static const struct bus_ops *real_ops;
static struct bus_ops stalling_ops;

/* Core 1 gets no further than its first access to memory, and does not know. */
static void stall_write32(struct bus *bus, unsigned core, uint32_t offset, uint32_t value)
{
	if (core == 1 && offset == REG_PC_OPERATION_ENABLE && value)
		real_ops->write32(bus, core, REG_MMU_BANK_1 + MMU_COMMAND, MMU_ENABLE_STALL);
	real_ops->write32(bus, core, offset, value);
}

static void resume(struct bus *bus)
{
	real_ops->write32(bus, 1, REG_MMU_BANK_1 + MMU_COMMAND, MMU_DISABLE_STALL);
}

static uint64_t device_ns(struct rig *rig, unsigned core, uint32_t tasks_done)
{
	struct device_progress progress;

	do {
		device_progress(rig->device, core, &progress);
	} while (progress.tasks_done < tasks_done);
	return progress.device_ns;
}

/* Waiting for a core that would work if it could is not time that this one takes. */
START_TEST(test_starved_partner)
{
	uint64_t begin_ns, device_begin_ns;
	struct gang gang;
	struct rig *rig = &gang.npu.rig;

	gang_init(&gang);
	real_ops = rig->bus->ops;
	stalling_ops = *real_ops;
	stalling_ops.write32 = stall_write32;
	rig->bus->ops = &stalling_ops;
	for (unsigned core = 0; core < CORES; core++) {
		write_core(&gang, core, CORES - 1);
		matmul_fill(&gang.first[core], gang.npu.a + core * 0x20000, gang.npu.b);
	}
	start(&gang, 1, rig->directory_pa);
	start(&gang, 0, rig->directory_pa);
	device_begin_ns = device_ns(rig, 0, 1);
	for (begin_ns = clock_now_ns(); clock_now_ns() - begin_ns < STALL_NS;)
		ck_assert_uint_lt(device_ns(rig, 0, 1) - device_begin_ns, STALL_NS / 2);
	resume(rig->bus);
	rig_wait_events(rig, CORES);
	for (unsigned core = 0; core < CORES; core++) {
		ck_assert_int_eq(rig->events[core].kind, DEVICE_DONE);
		check_second(&gang, core);
	}
	rig_deinit(rig);
}
END_TEST

/* Where nobody is at work, it is. */
START_TEST(test_missing_partner)
{
	uint64_t begin_ns = clock_now_ns();
	struct gang gang;
	struct rig *rig = &gang.npu.rig;

	gang_init(&gang);
	write_core(&gang, 0, CORES - 1);
	start(&gang, 0, rig->directory_pa);
	while (device_ns(rig, 0, 1) < STALL_NS)
		ck_assert_uint_lt(clock_now_ns() - begin_ns, 30 * NS_PER_S);
	ck_assert_int_eq(device_reset_core(rig->device, 0), 0);
	rig_deinit(rig);
}
END_TEST

/* Neither tenants nor gangs of another size are met, and a reset ends the waiting. */
START_TEST(test_strangers)
{
	struct device_progress progress;
	struct gang gang;
	struct rig *rig = &gang.npu.rig;
	uint32_t *tables;
	uint64_t tables_pa;

	gang_init(&gang);
	tables = rig_pages(MMU_PAGE_BYTES);
	memcpy(tables, rig->directory, MMU_PAGE_BYTES);
	ck_assert_int_eq(device_memory_map(rig->device, tables, MMU_PAGE_BYTES, &tables_pa), 0);
	write_core(&gang, 0, 1);
	write_core(&gang, 1, _i == 0 ? 1 : 2);
	start(&gang, 0, rig->directory_pa);
	start(&gang, 1, _i == 0 ? tables_pa : rig->directory_pa);
	for (unsigned core = 0; core < CORES; core++) {
		do {
			device_progress(rig->device, core, &progress);
		} while (progress.tasks_done == 0);
	}
	ck_assert(!rig_dispatch(rig, 30));
	for (unsigned core = 0; core < CORES; core++) {
		device_progress(rig->device, core, &progress);
		ck_assert_uint_eq(progress.tasks_done, 1);
		ck_assert_int_eq(device_reset_core(rig->device, core), 0);
	}
	ck_assert_uint_eq(rig->n_events, 0);
	rig_deinit(rig);
	munmap(tables, MMU_PAGE_BYTES);
}
END_TEST

static const struct {
	const char *what;
	struct {
		uint16_t offset;
		uint32_t value;
	} writes[9];
	const char *detail;
} ignored[] = {
	{"nothing", {{0x3030, 0}}, ""},
	{"a reserved bit", {{0x1040, 0x8b1}}, "ignored: CNA CBUF_CON0=0x800"},
	{"bits add up", {{0x3030, 1}, {0x3030, 4}}, "ignored: CORE RESERVED_3030=0x5"},
	{"two blocks",
	 {{0x10fc, 1}, {0x40c4, 2}},
	 "ignored: CNA 0x10fc=0x1; DPU RESERVED_40C4=0x2"},
	{"too few banks", {{0x1040, 0xc0}}, "ignored: CNA CBUF_CON0: features exceed"},
	{"many",
	 {{0x10c0, 1},
	  {0x10c4, 1},
	  {0x10c8, 1},
	  {0x10cc, 1},
	  {0x10d0, 1},
	  {0x10d4, 1},
	  {0x10d8, 1},
	  {0x10dc, 1},
	  {0x10e0, 1}},
	 "ignored: CNA 0x10c0=0x1; CNA 0x10c4=0x1; "},
};

START_TEST(test_ignored)
{
	struct matmul mm = example_9_1();
	const char *want = ignored[_i].detail;
	struct device_event event;
	struct npu npu;

	npu_init(&npu);
	matmul_fill(&mm, npu.a, npu.b);
	matmul_write(&npu.stream, &mm);
	for (unsigned i = 0; i < 9 && ignored[_i].writes[i].offset; i++)
		rig_write(&npu.stream, ignored[_i].writes[i].offset, ignored[_i].writes[i].value);
	npu_end_task(&npu, MATMUL_OP_EN);
	for (unsigned round = 0; round < 2; round++) {
		event = npu_run(&npu, 1);
		ck_assert_int_eq(event.kind, DEVICE_DONE);
		ck_assert_uint_eq(matmul_errors(&mm, npu.c), 0);
		ck_assert_msg(strncmp(event.detail, want, strlen(want)) == 0 &&
				      (want[0] || !event.detail[0]),
			      "%s: %s", ignored[_i].what, event.detail);
	}
	rig_deinit(&npu.rig);
}
END_TEST

/* What a driver does that writes registers itself; nothing of npud does. */
START_TEST(test_slave_start)
{
	struct soft_options options = soft_options_default();
	struct bus *bus;

	ck_assert_int_eq(soft_bus_new(&options, &bus), 0);
	ck_assert_int_eq(bus->ops->set_power(bus, 0, true), 0);
	/* Arbitration is kept, and the engine idle. */
	bus->ops->write32(bus, 0, REG_DDMA, 0x1234);
	ck_assert_uint_eq(bus->ops->read32(bus, 0, REG_DDMA), 0x1234);
	ck_assert_uint_eq(bus->ops->read32(bus, 0, REG_DDMA_CFG_STATUS), DDMA_IS_IDLE);
	/* In PC mode nothing starts this way. */
	bus->ops->write32(bus, 0, REG_GLOBAL_OPERATION_ENABLE, MATMUL_OP_EN);
	ck_assert_uint_eq(bus->ops->read32(bus, 0, REG_GLOBAL_OPERATION_ENABLE), 0);
	bus->ops->write32(bus, 0, REG_PC_BASE_ADDRESS, PC_SEL_SLAVE);
	bus->ops->write32(bus, 0, REG_CNA_CONV_CON1, 0x240);
	bus->ops->write32(bus, 0, REG_GLOBAL_OPERATION_ENABLE, MATMUL_OP_EN);
	ck_assert_uint_eq(bus->ops->read32(bus, 0, REG_GLOBAL_OPERATION_ENABLE), MATMUL_OP_EN);
	for (char text[128]; !bus->ops->complaint(bus, 0, text, sizeof(text));)
		poll(&(struct pollfd){.fd = bus->ops->irq_fd(bus), .events = POLLIN}, 1, -1);
	bus->ops->set_reset(bus, 0, true);
	bus->ops->set_reset(bus, 0, false);
	ck_assert_uint_eq(bus->ops->read32(bus, 0, REG_DDMA), 0);
	bus->ops->free(bus);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("soft_gang");
	TCase *tcase = tcase_create("soft_gang");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, test_exchange, 0, CORES);
	tcase_add_test(tcase, test_starved_partner);
	tcase_add_test(tcase, test_missing_partner);
	tcase_add_loop_test(tcase, test_strangers, 0, 2);
	tcase_add_loop_test(tcase, test_ignored, 0, COUNT(ignored));
	tcase_add_test(tcase, test_slave_start);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
