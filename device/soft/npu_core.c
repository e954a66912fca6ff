/* SPDX-License-Identifier: MIT */
/*
 * The thread of a core, its coming to rest, and its reset.
 */
#include "device/soft/npu_core.h"

#include "base/clock.h"
#include "device/soft/convolution.h"
#include "device/soft/pc.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

void soft_core_raise(struct soft_core *core)
{
	uint64_t one = 1;

	atomic_fetch_or(&core->shared->pending, 1u << core->index);
	/* Cannot fail but by overflow, which is readable as well. */
	while (write(core->shared->event_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void raise_mmu(void *context)
{
	soft_core_raise(context);
}

static int wait_locked(struct soft_core *core, uint64_t deadline_ns)
{
	struct timespec deadline = {
		.tv_sec = (time_t)(deadline_ns / NS_PER_S),
		.tv_nsec = (long)(deadline_ns % NS_PER_S),
	};
	int r = 0;

	soft_stopwatch_wait(&core->watch);
	while (!soft_core_is_aborted(core) && r != ETIMEDOUT) {
		if (deadline_ns == CLOCK_NEVER)
			pthread_cond_wait(&core->changed, &core->lock);
		else
			r = pthread_cond_timedwait(&core->changed, &core->lock, &deadline);
	}
	soft_stopwatch_resume(&core->watch);
	return soft_core_is_aborted(core) ? -ECANCELED : 0;
}

int soft_core_wait_until(struct soft_core *core, uint64_t deadline_ns)
{
	int r;

	pthread_mutex_lock(&core->lock);
	r = wait_locked(core, deadline_ns);
	pthread_mutex_unlock(&core->lock);
	return r;
}

/* A run that did not complete stays busy and silent until it is aborted, as silicon would. */
static void stand_still(struct soft_core *core, int reason)
{
	if (reason == -EOPNOTSUPP) {
		core->complaint = core->draft;
		soft_core_raise(core);
	}
	wait_locked(core, CLOCK_NEVER);
}

void soft_core_set_state(struct soft_core *core, enum soft_core_state next)
{
	assert(next == (core->state + 1) % (SOFT_CORE_RUNNING + 1));
	core->state = next;
}

static void run_locked(struct soft_core *core)
{
	int r;

	soft_core_set_state(core, SOFT_CORE_RUNNING);
	core->draft.text[0] = '\0';
	pthread_mutex_unlock(&core->lock);
	atomic_fetch_add(&core->shared->n_active, 1);
	r = soft_pc_run(core);
	atomic_fetch_sub(&core->shared->n_active, 1);
	pthread_mutex_lock(&core->lock);
	if (r < 0)
		stand_still(core, r);
	soft_core_set_state(core, SOFT_CORE_IDLE);
	/* Done, but nobody is told: to whom it was started for, that is silence. */
	if (r == 0 && !soft_pc_complete(core))
		soft_stopwatch_wait(&core->watch);
	else
		soft_stopwatch_stop(&core->watch);
	pthread_cond_broadcast(&core->changed);
}

static void *core_thread(void *arg)
{
	struct soft_core *core = arg;

	/* So that a modelled duration ends when it should, not 50 us later. */
	prctl(PR_SET_TIMERSLACK, 1);
	pthread_mutex_lock(&core->lock);
	while (!core->is_exiting) {
		if (core->state == SOFT_CORE_REQUESTED)
			run_locked(core);
		else
			pthread_cond_wait(&core->changed, &core->lock);
	}
	pthread_mutex_unlock(&core->lock);
	return NULL;
}

static int init_locks(struct soft_core *core)
{
	pthread_condattr_t attributes;
	int r;

	r = pthread_mutex_init(&core->lock, NULL);
	if (r != 0)
		return -r;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	r = pthread_cond_init(&core->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	if (r != 0)
		pthread_mutex_destroy(&core->lock);
	return -r;
}

static void deinit_locks(struct soft_core *core)
{
	pthread_cond_destroy(&core->changed);
	pthread_mutex_destroy(&core->lock);
}

static int init_mmus(struct soft_core *core)
{
	unsigned wanted = core->index == 0 ? 2 : 1;

	while (core->n_mmus < wanted) {
		struct soft_mmu *mmu = &core->mmus[core->n_mmus];
		int r = soft_mmu_init(mmu, core->shared->memory, &core->abort);

		if (r < 0)
			return r;
		soft_mmu_set_listener(mmu, raise_mmu, core);
		core->n_mmus++;
	}
	return 0;
}

static void deinit_mmus(struct soft_core *core)
{
	while (core->n_mmus > 0)
		soft_mmu_deinit(&core->mmus[--core->n_mmus]);
}

static int start_thread(struct soft_core *core)
{
	char name[16];
	sigset_t all, old;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&core->thread, NULL, core_thread, core);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r != 0)
		return -r;
	snprintf(name, sizeof(name), "npu%u", core->index);
	pthread_setname_np(core->thread, name);
	pthread_mutex_lock(&core->lock);
	if (pthread_getcpuclockid(core->thread, &core->cpu_clock) != 0)
		core->cpu_clock = CLOCK_MONOTONIC;
	pthread_mutex_unlock(&core->lock);
	return 0;
}

static void clear_registers(struct soft_core *core)
{
	soft_registers_reset(&core->registers);
	core->pc = (struct soft_pc){.int_mask = RK3588_INTERRUPT_MASK_RESET};
	memset(core->ddma, 0, sizeof(core->ddma));
	core->complaint.text[0] = '\0';
	core->notes = (struct soft_notes){0};
	core->has_convolved = false;
}

int soft_core_init(struct soft_core *core, struct soft_shared *shared, unsigned index)
{
	int r;

	*core = (struct soft_core){.shared = shared, .index = index};
	core->watch.is_stopped = true;
	clear_registers(core);
	r = soft_cbuf_new(&core->cbuf);
	if (r < 0)
		return r;
	r = init_locks(core);
	if (r < 0)
		goto free_cbuf;
	r = init_mmus(core);
	if (r == 0)
		r = start_thread(core);
	if (r == 0)
		return 0;
	deinit_mmus(core);
	deinit_locks(core);
free_cbuf:
	core->cbuf = soft_cbuf_free(core->cbuf);
	return r;
}

static void kick_mmus(struct soft_core *core)
{
	for (unsigned i = 0; i < core->n_mmus; i++)
		soft_mmu_kick(&core->mmus[i]);
}

void soft_core_drain(struct soft_core *core)
{
	kick_mmus(core);
}

/* Brings the core to rest; it stays aborted, so nothing starts. */
static void abort_run(struct soft_core *core)
{
	pthread_mutex_lock(&core->lock);
	atomic_store(&core->abort, true);
	pthread_cond_broadcast(&core->changed);
	pthread_mutex_unlock(&core->lock);
	kick_mmus(core);
	soft_rendezvous_kick(&core->shared->rendezvous);
	pthread_mutex_lock(&core->lock);
	while (core->state != SOFT_CORE_IDLE)
		pthread_cond_wait(&core->changed, &core->lock);
	pthread_mutex_unlock(&core->lock);
}

void soft_core_deinit(struct soft_core *core)
{
	abort_run(core);
	pthread_mutex_lock(&core->lock);
	core->is_exiting = true;
	pthread_cond_broadcast(&core->changed);
	pthread_mutex_unlock(&core->lock);
	pthread_join(core->thread, NULL);
	deinit_mmus(core);
	deinit_locks(core);
	core->cbuf = soft_cbuf_free(core->cbuf);
}

static void reset_core(struct soft_core *core)
{
	abort_run(core);
	pthread_mutex_lock(&core->lock);
	clear_registers(core);
	soft_stopwatch_stop(&core->watch);
	pthread_mutex_unlock(&core->lock);
	for (unsigned i = 0; i < core->n_mmus; i++)
		soft_mmu_reset(&core->mmus[i]);
	atomic_fetch_and(&core->shared->pending, ~(1u << core->index));
}

void soft_core_set_reset(struct soft_core *core, bool asserted)
{
	if (asserted)
		reset_core(core);
	pthread_mutex_lock(&core->lock);
	core->is_in_reset = asserted;
	atomic_store(&core->abort, asserted);
	pthread_mutex_unlock(&core->lock);
}

void soft_core_set_power(struct soft_core *core, bool on)
{
	if (!on)
		reset_core(core);
	pthread_mutex_lock(&core->lock);
	core->is_powered = on;
	atomic_store(&core->abort, core->is_in_reset);
	pthread_mutex_unlock(&core->lock);
}

/* ---- time ---- */

/* Device time without the present wait for others. */
static uint64_t own_time_ns(struct soft_core *core)
{
	struct soft_stopwatch watch;

	pthread_mutex_lock(&core->lock);
	watch = core->watch;
	if (core->is_meeting)
		soft_stopwatch_resume_after(&watch, 0);
	pthread_mutex_unlock(&core->lock);
	return soft_stopwatch_read_ns(&watch);
}

/* Of all cores, as a gang's are among them; 0 of this one. Nobody's lock is held. */
static void read_peers(struct soft_core *core, uint64_t ret_times_ns[RK3588_CORES])
{
	for (unsigned i = 0; i < RK3588_CORES; i++)
		ret_times_ns[i] = i < core->shared->n_cores && i != core->index
					  ? own_time_ns(&core->shared->cores[i])
					  : 0;
}

/* How far the one that came furthest has come since the meeting began. */
static uint64_t peers_ns(const struct soft_core *core, const uint64_t times_ns[RK3588_CORES])
{
	uint64_t most_ns = 0;

	for (unsigned i = 0; i < RK3588_CORES; i++) {
		uint64_t before_ns = core->peers_before_ns[i];

		if (times_ns[i] > before_ns && times_ns[i] - before_ns > most_ns)
			most_ns = times_ns[i] - before_ns;
	}
	return most_ns;
}

/* At a meeting that is over, which its thread has yet to find out. */
static bool is_let_go(struct soft_core *core)
{
	return core->is_meeting &&
	       !soft_rendezvous_is_waiting(&core->shared->rendezvous, core->index);
}

/* Whether the host lets it or not. */
static bool is_computing(struct soft_core *core)
{
	bool is_computing;

	pthread_mutex_lock(&core->lock);
	is_computing = core->state != SOFT_CORE_IDLE &&
		       (core->watch.waiting_since_ns == 0 || is_let_go(core));
	pthread_mutex_unlock(&core->lock);
	return is_computing;
}

/* In the same address space: nobody else can be waited for. */
static bool has_computing_peer(struct soft_core *core)
{
	const uint32_t tables = soft_mmu_tables(&core->mmus[0]);

	for (unsigned i = 0; i < core->shared->n_cores; i++) {
		struct soft_core *peer = &core->shared->cores[i];

		if (peer != core && soft_mmu_tables(&peer->mmus[0]) == tables && is_computing(peer))
			return true;
	}
	return false;
}

void soft_core_begin_meeting(struct soft_core *core)
{
	uint64_t times_ns[RK3588_CORES];

	read_peers(core, times_ns);
	pthread_mutex_lock(&core->lock);
	memcpy(core->peers_before_ns, times_ns, sizeof(times_ns));
	core->is_meeting = true;
	soft_stopwatch_wait(&core->watch);
	pthread_mutex_unlock(&core->lock);
}

void soft_core_end_meeting(struct soft_core *core)
{
	uint64_t times_ns[RK3588_CORES];

	read_peers(core, times_ns);
	pthread_mutex_lock(&core->lock);
	core->is_meeting = false;
	soft_stopwatch_resume_after(&core->watch, peers_ns(core, times_ns));
	pthread_mutex_unlock(&core->lock);
}

uint64_t soft_core_time_ns(struct soft_core *core)
{
	const bool is_held_up = has_computing_peer(core);
	uint64_t times_ns[RK3588_CORES];
	struct soft_stopwatch watch;

	read_peers(core, times_ns);
	pthread_mutex_lock(&core->lock);
	watch = core->watch;
	if (core->is_meeting && (is_held_up || is_let_go(core)))
		soft_stopwatch_resume_after(&watch, peers_ns(core, times_ns));
	pthread_mutex_unlock(&core->lock);
	return soft_stopwatch_read_ns(&watch);
}

bool soft_core_complaint(struct soft_core *core, char *ret_text, size_t size)
{
	bool has_one;

	pthread_mutex_lock(&core->lock);
	has_one = core->complaint.text[0] != '\0';
	if (has_one)
		snprintf(ret_text, size, "%s", core->complaint.text);
	pthread_mutex_unlock(&core->lock);
	return has_one;
}

void soft_core_note(struct soft_core *core, uint32_t offset, uint32_t bits)
{
	struct soft_notes *notes = &core->notes;
	unsigned i = 0;

	while (i < notes->n && notes->notes[i].offset != offset)
		i++;
	if (i == SOFT_MAX_NOTES) {
		notes->has_more = true;
		return;
	}
	if (i == notes->n) {
		notes->notes[i].offset = offset;
		notes->notes[i].bits = 0;
		notes->n++;
	}
	notes->notes[i].bits |= bits;
}

static void append(char *text, size_t size, const char *more)
{
	size_t length = strlen(text);

	snprintf(text + length, size - length, "%s%s", length > 0 ? "; " : "", more);
}

static void describe_notes(const struct soft_notes *notes, char *ret_text, size_t size)
{
	struct soft_complaint note;

	ret_text[0] = '\0';
	if (notes->exceeds_banks)
		append(ret_text, size, "CNA CBUF_CON0: features exceed the data banks");
	for (unsigned i = 0; i < notes->n; i++) {
		soft_describe_bits(&note, notes->notes[i].offset, notes->notes[i].bits);
		append(ret_text, size, note.text);
	}
	if (notes->has_more)
		append(ret_text, size, "...");
}

bool soft_core_ignored(struct soft_core *core, char *ret_text, size_t size)
{
	bool has_any;

	pthread_mutex_lock(&core->lock);
	has_any = core->notes.n > 0 || core->notes.exceeds_banks;
	if (has_any)
		describe_notes(&core->notes, ret_text, size);
	pthread_mutex_unlock(&core->lock);
	return has_any;
}

static struct soft_mmu *find_bank(struct soft_core *core, uint32_t offset)
{
	uint32_t bank = offset & ~(MMU_BANK_BYTES - 1);

	if (bank == REG_MMU_BANK_1)
		return &core->mmus[core->n_mmus - 1];
	if (bank == REG_MMU_BANK_0 && core->n_mmus == 2)
		return &core->mmus[0];
	return NULL;
}

static bool is_ddma(uint32_t offset)
{
	return offset >= REG_DDMA && offset < REG_DDMA + 4 * DDMA_REGISTERS;
}

static uint32_t read_locked(struct soft_core *core, uint32_t offset)
{
	if (offset >> 12 == RK3588_PC || offset == REG_GLOBAL_OPERATION_ENABLE)
		return soft_pc_read(core, offset);
	if (offset == REG_DDMA_CFG_STATUS)
		return core->state == SOFT_CORE_RUNNING ? 0 : DDMA_IS_IDLE;
	if (is_ddma(offset))
		return core->ddma[(offset - REG_DDMA) / 4];
	return soft_registers_read(&core->registers, offset);
}

uint32_t soft_core_read32(struct soft_core *core, uint32_t offset)
{
	struct soft_mmu *mmu = find_bank(core, offset);
	uint32_t value = 0;

	pthread_mutex_lock(&core->lock);
	if (core->is_powered && !mmu && offset % 4 == 0)
		value = read_locked(core, offset);
	pthread_mutex_unlock(&core->lock);
	if (core->is_powered && mmu)
		value = soft_mmu_read32(mmu, offset % MMU_BANK_BYTES);
	return value;
}

void soft_core_write32(struct soft_core *core, uint32_t offset, uint32_t value)
{
	struct soft_mmu *mmu = find_bank(core, offset);

	if (!core->is_powered || core->is_in_reset || offset % 4 != 0)
		return;
	if (mmu) {
		soft_mmu_write32(mmu, offset % MMU_BANK_BYTES, value);
		return;
	}
	pthread_mutex_lock(&core->lock);
	if (offset >> 12 == RK3588_PC || offset == REG_GLOBAL_OPERATION_ENABLE)
		soft_pc_write(core, offset, value);
	else if (is_ddma(offset))
		core->ddma[(offset - REG_DDMA) / 4] = value;
	else
		soft_registers_write(&core->registers, offset, value);
	pthread_mutex_unlock(&core->lock);
}

static int note_dma_error(struct soft_core *core, int r, uint32_t interrupt)
{
	if (r != -EFAULT)
		return r;
	pthread_mutex_lock(&core->lock);
	soft_pc_interrupt(core, interrupt);
	pthread_mutex_unlock(&core->lock);
	return r;
}

int soft_core_dma_read(struct soft_core *core, unsigned port, uint32_t iova, void *ret_bytes,
		       size_t size_bytes)
{
	struct soft_mmu *mmu = &core->mmus[port % core->n_mmus];
	int r = soft_mmu_read(mmu, iova + core->dma_base, ret_bytes, size_bytes);

	return note_dma_error(core, r, INTERRUPT_DMA_READ_ERROR);
}

int soft_core_dma_visit(struct soft_core *core, unsigned port, uint32_t iova, size_t size_bytes,
			soft_mmu_visitor *visit, void *context)
{
	struct soft_mmu *mmu = &core->mmus[port % core->n_mmus];
	int r = soft_mmu_visit(mmu, iova + core->dma_base, size_bytes, visit, context);

	return note_dma_error(core, r, INTERRUPT_DMA_READ_ERROR);
}

int soft_core_dma_write(struct soft_core *core, unsigned port, uint32_t iova, const void *bytes,
			size_t size_bytes)
{
	struct soft_mmu *mmu = &core->mmus[port % core->n_mmus];
	int r = soft_mmu_write(mmu, iova + core->dma_base, bytes, size_bytes);

	return note_dma_error(core, r, INTERRUPT_DMA_WRITE_ERROR);
}
