/* SPDX-License-Identifier: MIT */
/* The rknpu device over a driver that does what the vendor's does, right and wrong. */
#include "driver_rig.h"
#include "fake_rknpu.h"

#include "device/rknpu.h"
#include "device/rknpu_quirks.h"

#include <assert.h>
#include <check.h>
#include <stdlib.h>

#define V098 908u
#define V082 802u

static struct device_task tasks[FAKE_TASKS_MAX];

static void open_device(uint32_t version)
{
	const struct drm_node node = fake_node(version);

	ck_assert_int_eq(rknpu_device_new(&node, &device), 0);
	listen_to_device();
	for (unsigned i = 0; i < FAKE_TASKS_MAX; i++)
		tasks[i] = (struct device_task){0x1000 + i * 0x100, 20, 0x300};
}

static struct device_batch batch_of(uint32_t n_tasks)
{
	return (struct device_batch){
		.tasks = tasks, .n_tasks = n_tasks, .is_chained = true, .timeout_ns = 5500000};
}

static bool has_quirk(const char *name)
{
	for (const char *const *quirk = device->caps.quirks; *quirk; quirk++) {
		if (strcmp(*quirk, name) == 0)
			return true;
	}
	return false;
}

START_TEST(version_decides_what_it_can_do)
{
	open_device(V098);
	ck_assert_uint_eq(device->caps.n_domains, 15);
	ck_assert(device->caps.has_one_domain);
	ck_assert_int_eq(device->caps.translation, DEVICE_TRANSLATION_DEVICE);
	ck_assert_uint_eq(device->caps.gang_masks, 1u << 3 | 1u << 7);
	ck_assert_str_eq(device->caps.driver, "rknpu 0.9.8 at /dev/dri/renderD200");
	ck_assert(has_quirk("one-domain") && !has_quirk("no-domains"));
	close_device();
	open_device(V082);
	ck_assert_uint_eq(device->caps.n_domains, 0);
	ck_assert(!has_quirk("one-domain") && has_quirk("no-domains"));
	close_device();
}
END_TEST

START_TEST(every_quirk_has_a_name_and_a_remedy)
{
	for (unsigned i = 0; i < RKNPU_N_QUIRKS; i++) {
		const struct rknpu_quirk_row *row = &rknpu_quirk_rows[i];

		ck_assert_ptr_nonnull(row->name);
		ck_assert_ptr_nonnull(row->remedy);
		ck_assert(rknpu_has_quirk(row->first, i));
		ck_assert(!row->first || !rknpu_has_quirk(row->first - 1, i));
		ck_assert(!row->end ||
			  (rknpu_has_quirk(row->end - 1, i) && !rknpu_has_quirk(row->end, i)));
		for (unsigned other = 0; other < i; other++)
			ck_assert_str_ne(row->name, rknpu_quirk_rows[other].name);
	}
}
END_TEST

/* masks-5-6, fifo-queues, nonblock-timeout, fences, threefold-wait */
START_TEST(one_core_is_one_blocking_submit)
{
	struct device_batch batch = batch_of(3);
	const struct rknpu_submit *submit = &fake.submits[0];

	open_device(V098);
	batch.device_domain = 5;
	ck_assert_int_eq(device_start(device, 1, &batch), 0);
	ck_assert_int_eq(device_start(device, 1, &batch), -EBUSY);
	wait_events(1);
	ck_assert_int_eq(events[0].kind, DEVICE_DONE);
	ck_assert_uint_eq(events[0].core, 1);
	ck_assert_uint_eq(events[0].tasks_done, 3);
	ck_assert_uint_eq(events[0].device_ns, 1000);
	ck_assert_uint_eq(fake.n_submits, 1);
	ck_assert_uint_eq(submit->core_mask, 2);
	ck_assert_uint_eq(submit->flags, RKNPU_JOB_PC | RKNPU_JOB_PINGPONG);
	ck_assert_uint_eq(submit->timeout_ms, 6);
	ck_assert_int_eq(submit->fence_fd, -1);
	ck_assert_uint_eq(submit->iommu_domain_id, 5);
	ck_assert_uint_eq(submit->task_number, 3);
	ck_assert_uint_eq(submit->subcore_task[1].task_start, 0);
	ck_assert_uint_eq(submit->subcore_task[1].task_number, 3);
	ck_assert_uint_eq(fake.first_tasks[0].regcmd_addr, 0x1000);
	ck_assert_uint_eq(fake.first_tasks[0].regcfg_amount, 16);
	ck_assert_uint_eq(fake.first_tasks[0].int_mask, 0x300);
	/* Descriptors are in another address space: a sync would go there. */
	ck_assert_uint_eq(fake.n_syncs, 0);
	ck_assert(!(fake.objects[1].flags & RKNPU_MEM_CACHEABLE));
	close_device();
}
END_TEST

START_TEST(gang_goes_down_when_all_are_there)
{
	static const uint32_t masks[] = {3, 7};
	const uint32_t cores = masks[_i];
	const unsigned n = (unsigned)__builtin_popcount(cores), first = n == 2 ? 0 : 2;
	struct device_batch batch = batch_of(4);

	open_device(V098);
	batch.cores = cores;
	for (unsigned core = 0; core < n; core++) {
		ck_assert_uint_eq(fake.n_submits, 0);
		ck_assert_int_eq(device_start(device, core, &batch), 0);
	}
	wait_events(n);
	ck_assert_uint_eq(fake.n_submits, 1);
	ck_assert_uint_eq(fake.submits[0].core_mask, cores);
	ck_assert_uint_eq(fake.submits[0].task_number, 4 * n);
	for (unsigned i = 0; i < n; i++) {
		ck_assert_uint_eq(fake.submits[0].subcore_task[first + i].task_start, 4 * i);
		ck_assert_uint_eq(fake.submits[0].subcore_task[first + i].task_number, 4);
	}
	close_device();
}
END_TEST

START_TEST(masks_that_never_start_are_refused)
{
	struct device_batch batch = batch_of(1);

	open_device(V098);
	batch.cores = 5;
	ck_assert_int_eq(device_start(device, 0, &batch), -EINVAL);
	batch.cores = 6;
	ck_assert_int_eq(device_start(device, 1, &batch), -EINVAL);
	ck_assert_uint_eq(fake.n_submits, 0);
	close_device();
}
END_TEST

/* task-parts */
START_TEST(long_chain_goes_down_in_parts)
{
	struct device_batch batch = batch_of(FAKE_TASKS_MAX);

	open_device(V098);
	ck_assert_int_eq(device_start(device, 0, &batch), 0);
	wait_events(1);
	ck_assert_uint_eq(events[0].tasks_done, FAKE_TASKS_MAX);
	ck_assert_uint_eq(fake.n_submits, 2);
	ck_assert_uint_eq(fake.submits[0].task_number, 4095);
	ck_assert_uint_eq(fake.submits[1].task_number, FAKE_TASKS_MAX - 4095);
	ck_assert_uint_eq(fake.first_tasks[1].regcmd_addr, tasks[4095].regcmd_iova);
	close_device();
}
END_TEST

START_TEST(unchained_tasks_go_down_one_by_one)
{
	struct device_batch batch = batch_of(3);
	struct device_progress progress;

	open_device(V098);
	batch.is_chained = false;
	fake.results[2] = -ETIMEDOUT;
	ck_assert_int_eq(device_start(device, 2, &batch), 0);
	wait_events(1);
	ck_assert_uint_eq(fake.n_submits, 3);
	ck_assert_int_eq(events[0].kind, DEVICE_TIMEOUT);
	ck_assert_uint_eq(events[0].tasks_done, 2);
	device_progress(device, 2, &progress);
	ck_assert_uint_eq(progress.device_ns, 0);
	close_device();
}
END_TEST

/* resets-all-cores: whoever comes back first */
START_TEST(innocents_keep_silent_beside_a_guilty_one)
{
	struct device_batch batch = batch_of(1);
	unsigned guilty = (unsigned)_i;

	open_device(V098);
	fake_hold(true);
	for (unsigned i = 0; i < 3; i++) {
		fake.results[i] = i == guilty ? -ETIMEDOUT : -EINVAL;
		ck_assert_int_eq(device_start(device, i, &batch), 0);
		fake_wait_inside(i + 1);
	}
	fake_hold(false);
	wait_events(1);
	ck_assert_int_eq(events[0].kind, DEVICE_TIMEOUT);
	ck_assert_uint_eq(events[0].core, guilty);
	ck_assert_uint_eq(device_reset_all(device), 7);
	ck_assert_uint_eq(fake.n_resets, 1);
	ck_assert_uint_eq(fake.n_submits, 3);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(device_start(device, i, &batch), 0);
	wait_events(4);
	close_device();
}
END_TEST

/* never-started, and resets by others */
START_TEST(what_is_stopped_without_blame_is_started_again)
{
	struct device_batch batch = batch_of(1);

	open_device(V098);
	fake.results[0] = -EINVAL;
	ck_assert_int_eq(device_start(device, 0, &batch), 0);
	dispatch_once();
	ck_assert_uint_eq(n_events, 0);
	wait_events(1);
	ck_assert_int_eq(events[0].kind, DEVICE_DONE);
	ck_assert_uint_eq(fake.n_submits, 2);
	close_device();
}
END_TEST

START_TEST(what_never_starts_fails_in_the_end)
{
	struct device_batch batch = batch_of(1);

	open_device(V098);
	for (unsigned i = 0; i < FAKE_SUBMITS; i++)
		fake.results[i] = -EINVAL;
	ck_assert_int_eq(device_start(device, 0, &batch), 0);
	wait_events(1);
	ck_assert_int_eq(events[0].kind, DEVICE_REFUSED);
	ck_assert_uint_eq(fake.n_submits, 3);
	close_device();
}
END_TEST

START_TEST(lack_of_memory_passes)
{
	struct device_batch batch = batch_of(1);

	open_device(V098);
	fake.results[0] = fake.results[1] = -ENOMEM;
	ck_assert_int_eq(device_start(device, 0, &batch), 0);
	wait_events(1);
	ck_assert_int_eq(events[0].kind, DEVICE_DONE);
	ck_assert_uint_eq(fake.n_submits, 3);
	for (unsigned i = 3; i < FAKE_SUBMITS; i++)
		fake.results[i] = -ENOMEM;
	ck_assert_int_eq(device_start(device, 0, &batch), 0);
	wait_events(2);
	ck_assert_int_eq(events[1].kind, DEVICE_REFUSED);
	ck_assert(strstr(events[1].detail, "memory"));
	close_device();
}
END_TEST

static void *release_later(void *context)
{
	wait_main_sleeps();
	fake_hold(false);
	return NULL;
}

/* one-domain, memory-switches-domains */
START_TEST(address_spaces_change_between_batches_only)
{
	struct device_batch batch = batch_of(1);
	struct device_bo bo, other;
	pthread_t thread;

	open_device(V098);
	batch.device_domain = 3;
	fake_hold(true);
	ck_assert_int_eq(device_start(device, 0, &batch), 0);
	fake_wait_inside(1);
	batch.device_domain = 4;
	ck_assert_int_eq(device_start(device, 1, &batch), -EBUSY);
	/* Of the same one: at once. */
	ck_assert_int_eq(device_bo_new(device, 3, 4096, false, &bo), 0);
	pthread_create(&thread, NULL, release_later, NULL);
	ck_assert_int_eq(device_bo_new(device, 4, 4096, false, &other), 0);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(fake.n_disturbed, 0);
	wait_events(1);
	ck_assert_int_eq(device_start(device, 1, &batch), 0);
	wait_events(2);
	device_bo_free(device, &bo);
	device_bo_free(device, &other);
	close_device();
}
END_TEST

START_TEST(sessions_get_address_spaces_while_there_are_some)
{
	unsigned domain, first;

	open_device(V098);
	ck_assert_int_eq(device_domain_open(device, &first), 0);
	ck_assert_uint_ne(first, 0);
	for (unsigned i = 0; i < 14; i++) {
		ck_assert_int_eq(device_domain_open(device, &domain), 0);
		ck_assert_uint_ne(domain, 0);
	}
	ck_assert_int_eq(device_domain_open(device, &domain), 0);
	ck_assert_uint_eq(domain, 0);
	device_domain_close(device, first);
	ck_assert_int_eq(device_domain_open(device, &domain), 0);
	ck_assert_uint_eq(domain, first);
	close_device();
}
END_TEST

/* not-zeroed, raw-addresses */
START_TEST(memory_is_the_drivers_and_zeroed)
{
	struct device_bo bo, again;

	open_device(V098);
	ck_assert_int_eq(device_bo_new(device, 2, 5000, false, &bo), 0);
	ck_assert_uint_eq(bo.handle, 4);
	ck_assert_uint_eq(bo.size_bytes, 8192);
	ck_assert(bo.is_writable);
	ck_assert(fake.objects[4].flags & RKNPU_MEM_ZEROING);
	ck_assert(fake.objects[4].flags & RKNPU_MEM_NON_CONTIGUOUS);
	ck_assert(!(fake.objects[4].flags & RKNPU_MEM_KERNEL_MAPPING));
	ck_assert_int_eq(fake.objects[4].domain, 2);
	((char *)bo.host)[5000] = 7;
	/* The same memory comes back under its handle, and in its one address space. */
	ck_assert_int_eq(device_bo_import(device, 3, fake.fd, &again), -EXDEV);
	ck_assert_int_eq(device_bo_import(device, 2, fake.fd, &again), 0);
	ck_assert_uint_eq(again.iova, bo.iova);
	device_bo_free(device, &bo);
	ck_assert_uint_eq(fake.n_destroyed, 0);
	device_bo_free(device, &again);
	ck_assert_uint_eq(fake.n_destroyed, 1);
	close_device();
	ck_assert_uint_eq(fake.n_destroyed, 4);
}
END_TEST

/* memory-switches-domains */
START_TEST(memory_beside_a_batch_goes_later)
{
	struct device_batch batch = batch_of(1);
	struct device_bo bo, again;
	unsigned first, second, third;

	open_device(V098);
	ck_assert_int_eq(device_domain_open(device, &first), 0);
	ck_assert_int_eq(device_domain_open(device, &second), 0);
	ck_assert_int_eq(device_bo_new(device, second, 4096, false, &bo), 0);
	ck_assert_int_eq(device_bo_import(device, second, fake.fd, &again), 0);
	batch.device_domain = first;
	fake_hold(true);
	ck_assert_int_eq(device_start(device, 0, &batch), 0);
	fake_wait_inside(1);
	ck_assert(device_is_domain_ready(device, first) && !device_is_domain_ready(device, second));
	device_bo_free(device, &bo);
	ck_assert(!device_wants_idle(device));
	device_bo_free(device, &again);
	ck_assert(device_wants_idle(device));
	device_domain_close(device, second);
	/* It is not empty yet. */
	ck_assert_int_eq(device_domain_open(device, &third), 0);
	ck_assert_uint_ne(third, second);
	ck_assert_uint_eq(fake.n_destroyed, 0);
	fake_hold(false);
	wait_events(1);
	ck_assert_uint_eq(fake.n_destroyed, 1);
	ck_assert(!device_wants_idle(device));
	ck_assert_int_eq(device_domain_open(device, &third), 0);
	ck_assert_uint_eq(third, second);
	ck_assert_uint_eq(fake.n_disturbed, 0);
	close_device();
}
END_TEST

/* One that is about to be free is worth more than the one that all share. */
START_TEST(address_space_that_closes_is_waited_for)
{
	struct device_batch batch = batch_of(1);
	unsigned domain, first, second;
	struct device_bo bo;

	open_device(V098);
	ck_assert_int_eq(device_domain_open(device, &first), 0);
	ck_assert_int_eq(device_domain_open(device, &second), 0);
	for (unsigned i = 2; i < device->caps.n_domains; i++)
		ck_assert_int_eq(device_domain_open(device, &domain), 0);
	ck_assert_int_eq(device_bo_new(device, second, 4096, false, &bo), 0);
	batch.device_domain = first;
	fake_hold(true);
	ck_assert_int_eq(device_start(device, 0, &batch), 0);
	fake_wait_inside(1);
	device_bo_free(device, &bo);
	device_domain_close(device, second);
	ck_assert_int_eq(device_domain_open(device, &domain), -EINPROGRESS);
	fake_hold(false);
	wait_events(1);
	ck_assert_int_eq(device_domain_open(device, &domain), 0);
	ck_assert_uint_eq(domain, second);
	ck_assert_int_eq(device_domain_open(device, &domain), 0);
	ck_assert_uint_eq(domain, 0);
	close_device();
}
END_TEST

/* one-domain */
START_TEST(imports_go_to_the_session_that_asked)
{
	struct device_bo mine, other, imported;

	open_device(V098);
	ck_assert_int_eq(device_bo_new(device, 2, 4096, false, &mine), 0);
	device_bo_free(device, &mine);
	fake.objects[4].exists = true; /* a stranger's */
	ck_assert_int_eq(device_bo_new(device, 3, 4096, false, &other), 0);
	ck_assert_int_eq(device_bo_import(device, 2, fake.fd, &imported), 0);
	ck_assert_uint_eq(fake.import_domain, 2);
	device_bo_free(device, &imported);
	device_bo_free(device, &other);
	close_device();
}
END_TEST

/* fragments */
START_TEST(room_is_told_per_address_space)
{
	struct device_space spaces[DEVICE_MAX_SPACES];
	struct device_bo bos[3];

	open_device(V098);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(device_bo_new(device, 5, 1u << 20, false, &bos[i]), 0);
	device_bo_free(device, &bos[1]);
	ck_assert_uint_eq(device_spaces(device, spaces, DEVICE_MAX_SPACES), 2);
	ck_assert_uint_eq(spaces[0].number, 0);
	ck_assert_uint_eq(spaces[0].n_bos, 3);
	ck_assert_uint_eq(spaces[1].number, 5);
	ck_assert_uint_eq(spaces[1].n_bos, 2);
	ck_assert_uint_eq(spaces[1].bytes, 2u << 20);
	ck_assert_uint_eq(spaces[1].largest_free_bytes, bos[0].iova);
	ck_assert_uint_eq(device_spaces(device, spaces, 1), 1);
	device_bo_free(device, &bos[0]);
	device_bo_free(device, &bos[2]);
	ck_assert_uint_eq(device_spaces(device, spaces, DEVICE_MAX_SPACES), 1);
	close_device();
}
END_TEST

/* switch-fails */
START_TEST(a_failed_change_of_address_space_is_told)
{
	struct device_bo bo;

	open_device(V098);
	fake.create_error = -EINVAL;
	ck_assert_int_eq(device_bo_new(device, 5, 4096, false, &bo), -EBUSY);
	fake.create_error = -ENOMEM;
	ck_assert_int_eq(device_bo_new(device, 5, 4096, false, &bo), -ENOMEM);
	ck_assert_int_eq(device_bo_new(device, 5, 4096, false, &bo), 0);
	device_bo_free(device, &bo);
	close_device();
}
END_TEST

START_TEST(handles_without_bounds_are_refused)
{
	struct device_bo bo;

	open_device(V098);
	fake.handle_bits = 0xffffff00;
	ck_assert_int_eq(device_bo_new(device, 5, 4096, false, &bo), -ENOMEM);
	ck_assert_uint_eq(fake.n_destroyed, 1);
	fake.handle_bits = 0;
	close_device();
}
END_TEST

/* powers-off, no-counters */
START_TEST(nothing_is_read_beside_the_driver)
{
	struct device_batch batch = batch_of(1);
	struct device_capture capture;
	unsigned n_calls;

	open_device(V098);
	ck_assert(!device->caps.has_task_counter);
	fake_hold(true);
	ck_assert_int_eq(device_start(device, 0, &batch), 0);
	fake_wait_inside(1);
	n_calls = fake.n_calls;
	device_capture(device, 0, &capture);
	ck_assert_uint_eq(capture.n, 0);
	ck_assert_uint_eq(fake.n_calls, n_calls);
	fake_hold(false);
	wait_events(1);
	close_device();
}
END_TEST

/* The node that is none of DRM's takes structs of its own version's length only. */
START_TEST(misc_node_is_driven_by_descriptors)
{
	static const uint32_t versions[] = {V098, V082};
	static const size_t lengths[] = {48, 40};
	struct drm_node node = fake_node(versions[_i]);
	struct device_batch batch = batch_of(1);
	struct device_bo bo, again;

	fake.is_misc = node.is_misc = true;
	ck_assert_int_eq(rknpu_device_new(&node, &device), 0);
	listen_to_device();
	ck_assert_uint_eq(fake.create_bytes, lengths[_i]);
	ck_assert_uint_eq(device->caps.n_domains, 0);
	ck_assert_int_eq(device_bo_new(device, 0, 4096, false, &bo), 0);
	ck_assert(!(fake.objects[bo.handle].flags & RKNPU_MEM_NON_CONTIGUOUS));
	ck_assert_int_eq(device_bo_import(device, 0, fake.fd, &again), 0);
	tasks[0] = (struct device_task){0x1000, 20, 0x300};
	ck_assert_int_eq(device_start(device, 0, &batch), 0);
	wait_events(1);
	device_bo_free(device, &again);
	device_bo_free(device, &bo);
	close_device();
}
END_TEST

static int no_ioctl(int fd, unsigned long request, void *argument)
{
	errno = ENOTTY;
	return -1;
}

START_TEST(other_hardware_is_refused)
{
	struct drm_node node = fake_node(V098);

	node.ioctl = no_ioctl;
	ck_assert_int_eq(rknpu_device_new(&node, &device), -ENODEV);
}
END_TEST

static void add_proofs(TCase *tcase)
{
	const struct {
		enum rknpu_quirk quirk;
		const TTest *test;
		int n_runs; /* 0: 1 */
	} proofs[] = {
		{RKNPU_QUIRK_RAW_ADDRESSES, memory_is_the_drivers_and_zeroed},
		{RKNPU_QUIRK_NO_TASK_BOUNDS, long_chain_goes_down_in_parts},
		{RKNPU_QUIRK_MASKS_NEVER_START, masks_that_never_start_are_refused},
		{RKNPU_QUIRK_FIFO_QUEUES, one_core_is_one_blocking_submit},
		{RKNPU_QUIRK_STALE_QUEUED_JOBS, innocents_keep_silent_beside_a_guilty_one, 3},
		{RKNPU_QUIRK_NONBLOCK_TIMEOUT, one_core_is_one_blocking_submit},
		{RKNPU_QUIRK_FENCES, one_core_is_one_blocking_submit},
		{RKNPU_QUIRK_THREEFOLD_WAIT, one_core_is_one_blocking_submit},
		{RKNPU_QUIRK_RESETS_ALL, innocents_keep_silent_beside_a_guilty_one, 3},
		{RKNPU_QUIRK_ONE_DOMAIN, address_spaces_change_between_batches_only},
		{RKNPU_QUIRK_NO_DOMAINS, version_decides_what_it_can_do},
		{RKNPU_QUIRK_SWITCH_FAILS, a_failed_change_of_address_space_is_told},
		{RKNPU_QUIRK_MEMORY_SWITCHES, memory_beside_a_batch_goes_later},
		{RKNPU_QUIRK_FRAGMENTS, room_is_told_per_address_space},
		{RKNPU_QUIRK_NOT_ZEROED, memory_is_the_drivers_and_zeroed},
		{RKNPU_QUIRK_POWERS_OFF, nothing_is_read_beside_the_driver},
		{RKNPU_QUIRK_NEVER_STARTED, what_is_stopped_without_blame_is_started_again},
		{RKNPU_QUIRK_TASK_PARTS, long_chain_goes_down_in_parts},
		{RKNPU_QUIRK_NO_COUNTERS, nothing_is_read_beside_the_driver},
	};

	_Static_assert(sizeof(proofs) / sizeof(proofs[0]) == RKNPU_N_QUIRKS,
		       "every quirk has its test");
	for (unsigned i = 0; i < RKNPU_N_QUIRKS; i++) {
		unsigned first = 0;

		assert(proofs[i].quirk == i);
		/* One test may prove several; it runs for the first. */
		while (proofs[first].test != proofs[i].test)
			first++;
		if (first == i)
			tcase_add_loop_test(tcase, proofs[i].test, 0,
					    proofs[i].n_runs ? proofs[i].n_runs : 1);
	}
}

int main(void)
{
	Suite *suite = suite_create("rknpu");
	TCase *tcase = tcase_create("rknpu");
	SRunner *runner;
	int n_failed;

	add_proofs(tcase);
	tcase_add_test(tcase, every_quirk_has_a_name_and_a_remedy);
	tcase_add_loop_test(tcase, gang_goes_down_when_all_are_there, 0, 2);
	tcase_add_test(tcase, unchained_tasks_go_down_one_by_one);
	tcase_add_test(tcase, what_never_starts_fails_in_the_end);
	tcase_add_test(tcase, lack_of_memory_passes);
	tcase_add_test(tcase, sessions_get_address_spaces_while_there_are_some);
	tcase_add_test(tcase, address_space_that_closes_is_waited_for);
	tcase_add_test(tcase, handles_without_bounds_are_refused);
	tcase_add_test(tcase, imports_go_to_the_session_that_asked);
	tcase_add_loop_test(tcase, misc_node_is_driven_by_descriptors, 0, 2);
	tcase_add_test(tcase, other_hardware_is_refused);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed > 0;
}
