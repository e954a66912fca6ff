/* SPDX-License-Identifier: MIT */
/*
 * One core of the model: a thread that executes what the registers started, and the state that it
 * shares with the thread that owns the bus.
 *
 *   idle --op_en--> requested --thread--> running --> idle (interrupt raised)
 *                                            |
 *                                            +--> waits for ever: fault, complaint, hang
 *
 * `abort` brings it back to idle from anywhere within about 100 us of computing; only a reset or
 * the end of the bus sets it. Everything marked so is under `lock`; the rest is set up once, or is
 * the thread's own.
 */
#ifndef NPUD_DEVICE_SOFT_NPU_CORE_H
#define NPUD_DEVICE_SOFT_NPU_CORE_H

#include "device/soft/clock.h"
#include "device/soft/complaint.h"
#include "device/soft/mmu.h"
#include "device/soft/registers.h"
#include "device/soft/rendezvous.h"

#include <pthread.h>
#include <stdatomic.h>

/* What all cores share. Outlives them. */
struct soft_shared {
	struct soft_memory *memory;
	struct soft_options options;
	atomic_uint n_active; /* cores at work */
	atomic_uint pending;  /* bit per core whose interrupt line rose */
	int event_fd;
	struct soft_rendezvous rendezvous;
	struct soft_core *cores; /* all of them, once they run */
	unsigned n_cores;
};

/* PC registers (hardware reference 1.6, 2.3, 2.4). */
struct soft_pc {
	uint32_t base, amounts, dma_base;
	uint32_t int_mask, int_status, int_raw;
	uint32_t task_con, task_status;
	uint32_t op_en; /* GLOBAL.OPERATION_ENABLE: blocks started last */
	/* A start without a stream, by a write to GLOBAL.OPERATION_ENABLE. */
	bool is_slave_start;
};

/* Bits of registers that streams set and the model does not know, of one register each. */
#define SOFT_MAX_NOTES 8u

struct soft_notes {
	struct {
		uint32_t offset, bits;
	} notes[SOFT_MAX_NOTES];
	unsigned n;
	bool has_more;
	bool exceeds_banks; /* a task had more features than its data banks hold */
};

enum soft_core_state { SOFT_CORE_IDLE, SOFT_CORE_REQUESTED, SOFT_CORE_RUNNING };

struct soft_cbuf;

struct soft_core {
	struct soft_shared *shared;
	unsigned index;
	pthread_t thread;
	clockid_t cpu_clock;
	struct soft_mmu mmus[2];
	unsigned n_mmus;
	atomic_bool abort;

	pthread_mutex_t lock;
	pthread_cond_t changed; /* any of what follows that somebody waits for */
	enum soft_core_state state;
	bool is_powered, is_in_reset, is_exiting;
	struct soft_registers registers;
	struct soft_pc pc;
	uint32_t ddma[DDMA_REGISTERS];
	struct soft_complaint complaint; /* of the batch that stands still */
	struct soft_notes notes;	 /* since the reset */
	bool has_convolved;		 /* the convolution buffer holds something since then */
	struct soft_stopwatch watch;	 /* runs until somebody was told that the core is done */
	bool is_meeting;		 /* waits for the others of its gang */
	uint64_t peers_before_ns[RK3588_CORES]; /* how far they were when it began to */

	/* The thread's own. */
	struct soft_cbuf *cbuf;
	struct soft_complaint draft;
	uint32_t dma_base; /* added to the addresses of all engines but the PC's */
};

/* Starts the thread, all signals blocked. The core is powered down. */
int soft_core_init(struct soft_core *core, struct soft_shared *shared, unsigned index);
/* Aborts what runs and joins the thread. */
void soft_core_deinit(struct soft_core *core);

/* For the thread that owns the bus. */
uint32_t soft_core_read32(struct soft_core *core, uint32_t offset);
void soft_core_write32(struct soft_core *core, uint32_t offset, uint32_t value);
/* Stops the core and clears its registers when asserted; it does not start until deasserted. */
void soft_core_set_reset(struct soft_core *core, bool asserted);
void soft_core_set_power(struct soft_core *core, bool on);
uint64_t soft_core_time_ns(struct soft_core *core);
bool soft_core_complaint(struct soft_core *core, char *ret_text, size_t size);
/* What soft_core_note() has noted since the reset, as text; false when nothing. */
bool soft_core_ignored(struct soft_core *core, char *ret_text, size_t size);
/* When it returns, no access to memory that began before is under way. */
void soft_core_drain(struct soft_core *core);

/* For the thread of the core. */
static inline bool soft_core_is_aborted(const struct soft_core *core)
{
	return atomic_load_explicit(&core->abort, memory_order_relaxed);
}

/*
 * Around waiting for the others of a gang. It counts as device time as far as one of them gets on,
 * or none is at work: a core that the host keeps from computing makes nobody else look slow.
 */
void soft_core_begin_meeting(struct soft_core *core);
void soft_core_end_meeting(struct soft_core *core);
/* Waits, until CLOCK_NEVER perhaps, counting as device time. -ECANCELED when aborted. */
int soft_core_wait_until(struct soft_core *core, uint64_t deadline_ns);
/*
 * An engine's access to memory; `port` 0 fetches commands and features, 1 weights and results. A
 * core with two MMU banks has one behind each port. Errors as soft_mmu_read(); -EFAULT also sets
 * the DMA error bit.
 */
int soft_core_dma_read(struct soft_core *core, unsigned port, uint32_t iova, void *ret_bytes,
		       size_t size_bytes);
/* As soft_mmu_visit(). */
int soft_core_dma_visit(struct soft_core *core, unsigned port, uint32_t iova, size_t size_bytes,
			soft_mmu_visitor *visit, void *context);
int soft_core_dma_write(struct soft_core *core, unsigned port, uint32_t iova, const void *bytes,
			size_t size_bytes);
/* Notes bits of a register that the model ignores; with the lock held. */
void soft_core_note(struct soft_core *core, uint32_t offset, uint32_t bits);
/* IDLE -> REQUESTED -> RUNNING -> IDLE; with the lock held. */
void soft_core_set_state(struct soft_core *core, enum soft_core_state next);
/* Interrupt line up. Any thread. */
void soft_core_raise(struct soft_core *core);

#define SOFT_PORT_FEATURES 0u
#define SOFT_PORT_WEIGHTS  1u
#define SOFT_PORT_RESULTS  1u

#endif
