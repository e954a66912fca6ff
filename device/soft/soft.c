/* SPDX-License-Identifier: MIT */
/*
 * The bus of the software NPU: routes registers to cores, and owns what they share.
 */
#include "device/soft/soft.h"

#include "base/list.h"
#include "device/soft/blame.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Assumed, as the reference has no figures: one LPDDR channel's worth per core, two in all. */
#define DEFAULT_CORE_BANDWIDTH	10.0
#define DEFAULT_TOTAL_BANDWIDTH 20.0

struct soft_bus {
	struct bus bus;
	struct soft_shared shared;
	struct soft_core cores[RK3588_CORES];
	unsigned n_started;
};

static struct soft_bus *soft_bus(struct bus *bus)
{
	return container_of(bus, struct soft_bus, bus);
}

struct soft_options soft_options_default(void)
{
	return (struct soft_options){
		.clock = SOFT_CLOCK_HOST,
		.core_bandwidth = DEFAULT_CORE_BANDWIDTH,
		.total_bandwidth = DEFAULT_TOTAL_BANDWIDTH,
	};
}

static void release(struct soft_bus *soft)
{
	while (soft->n_started > 0)
		soft_core_deinit(&soft->cores[--soft->n_started]);
	soft_memory_free(soft->shared.memory);
	soft_rendezvous_deinit(&soft->shared.rendezvous);
	if (soft->shared.event_fd >= 0)
		close(soft->shared.event_fd);
	free(soft);
}

static void soft_free(struct bus *bus)
{
	release(soft_bus(bus));
}

static uint32_t soft_read32(struct bus *bus, unsigned core, uint32_t offset)
{
	return soft_core_read32(&soft_bus(bus)->cores[core], offset);
}

static void soft_write32(struct bus *bus, unsigned core, uint32_t offset, uint32_t value)
{
	soft_core_write32(&soft_bus(bus)->cores[core], offset, value);
}

static void soft_set_reset(struct bus *bus, unsigned core, bool asserted)
{
	soft_core_set_reset(&soft_bus(bus)->cores[core], asserted);
}

static int soft_set_power(struct bus *bus, unsigned core, bool on)
{
	struct soft_bus *soft = soft_bus(bus);

	/* NPUTOP, with core 0, is the parent of the other cores' domains. */
	if (on && core != 0 && !soft->cores[0].is_powered)
		return -EIO;
	soft_core_set_power(&soft->cores[core], on);
	return 0;
}

/* Resets of the model are complete when set_reset() returns. */
static void soft_delay_us(struct bus *bus, unsigned microseconds)
{
	(void)bus;
	(void)microseconds;
}

static int soft_irq_fd(struct bus *bus)
{
	return soft_bus(bus)->shared.event_fd;
}

static uint32_t soft_irq_pending(struct bus *bus)
{
	struct soft_shared *shared = &soft_bus(bus)->shared;
	uint64_t count;

	/* First the descriptor: a line that rises in between makes it readable again. */
	while (read(shared->event_fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
	return atomic_exchange(&shared->pending, 0);
}

static int soft_dma_map(struct bus *bus, void *host, size_t size_bytes, uint64_t *ret_pa)
{
	return soft_memory_map(soft_bus(bus)->shared.memory, host, size_bytes, ret_pa);
}

static void soft_dma_unmap(struct bus *bus, uint64_t pa, size_t size_bytes)
{
	struct soft_bus *soft = soft_bus(bus);

	soft_memory_unmap(soft->shared.memory, pa, size_bytes);
	for (unsigned i = 0; i < RK3588_CORES; i++)
		soft_core_drain(&soft->cores[i]);
	soft_memory_reap(soft->shared.memory);
}

static int soft_dma_set_cached(struct bus *bus, uint64_t pa, size_t size_bytes, int fd)
{
	struct soft_shared *shared = &soft_bus(bus)->shared;

	return shared->options.is_incoherent
		       ? soft_memory_set_cached(shared->memory, pa, size_bytes, fd)
		       : 0;
}

static void soft_dma_sync(struct bus *bus, uint64_t pa, size_t size_bytes, bool to_device)
{
	soft_memory_sync(soft_bus(bus)->shared.memory, pa, size_bytes, to_device);
}

static uint64_t soft_device_time_ns(struct bus *bus, unsigned core)
{
	return soft_core_time_ns(&soft_bus(bus)->cores[core]);
}

static bool soft_complaint(struct bus *bus, unsigned core, char *ret_text, size_t size)
{
	return soft_core_complaint(&soft_bus(bus)->cores[core], ret_text, size);
}

static bool soft_blame(struct bus *bus, unsigned core, uint32_t bank, char *ret_text, size_t size)
{
	struct soft_complaint text;

	if (!soft_blame_find(&soft_bus(bus)->cores[core], bank, &text))
		return false;
	snprintf(ret_text, size, "%s", text.text);
	return true;
}

static bool soft_ignored(struct bus *bus, unsigned core, char *ret_text, size_t size)
{
	return soft_core_ignored(&soft_bus(bus)->cores[core], ret_text, size);
}

static const struct bus_ops soft_ops = {
	.free = soft_free,
	.read32 = soft_read32,
	.write32 = soft_write32,
	.set_reset = soft_set_reset,
	.set_power = soft_set_power,
	.delay_us = soft_delay_us,
	.irq_fd = soft_irq_fd,
	.irq_pending = soft_irq_pending,
	.dma_map = soft_dma_map,
	.dma_unmap = soft_dma_unmap,
	.dma_set_cached = soft_dma_set_cached,
	.dma_sync = soft_dma_sync,
	.device_time_ns = soft_device_time_ns,
	.complaint = soft_complaint,
	.blame = soft_blame,
	.ignored = soft_ignored,
};

static int open_shared(struct soft_shared *shared, const struct soft_options *options)
{
	shared->options = *options;
	shared->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (shared->event_fd < 0)
		return -errno;
	return soft_memory_new(&shared->memory);
}

int soft_bus_new(const struct soft_options *options, struct bus **ret_bus)
{
	struct soft_bus *soft;
	int r;

	if (!(options->core_bandwidth > 0) || !(options->total_bandwidth > 0))
		return -EINVAL;
	soft = calloc(1, sizeof(*soft));
	if (!soft)
		return -ENOMEM;
	r = soft_rendezvous_init(&soft->shared.rendezvous);
	if (r < 0) {
		free(soft);
		return r;
	}
	soft->bus = (struct bus){.ops = &soft_ops, .n_cores = RK3588_CORES};
	r = open_shared(&soft->shared, options);
	while (r == 0 && soft->n_started < RK3588_CORES) {
		r = soft_core_init(&soft->cores[soft->n_started], &soft->shared, soft->n_started);
		if (r == 0)
			soft->n_started++;
	}
	if (r < 0) {
		release(soft);
		return r;
	}
	soft->shared.cores = soft->cores;
	soft->shared.n_cores = RK3588_CORES;
	*ret_bus = &soft->bus;
	return 0;
}
