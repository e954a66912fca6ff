/* SPDX-License-Identifier: MIT */
/* A device over a made-up kernel driver, one per test, and what it has told. */
#ifndef NPUD_TESTS_DRIVER_RIG_H
#define NPUD_TESTS_DRIVER_RIG_H

#include "device/device.h"

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

static struct device *device;
static struct device_event events[32];
static unsigned n_events;

static void listen_to(void *context, const struct device_event *event)
{
	ck_assert_uint_lt(n_events, sizeof(events) / sizeof(events[0]));
	events[n_events++] = *event;
}

static void listen_to_device(void)
{
	n_events = 0;
	device_set_listener(device, listen_to, NULL);
}

static void close_device(void)
{
	device = device_free(device);
}

/* Takes up what is ready, of which there may be nothing to hear. */
static void dispatch_once(void)
{
	struct pollfd ready = {.fd = device_event_fd(device), .events = POLLIN};

	ck_assert_int_eq(poll(&ready, 1, 10000), 1);
	device_dispatch(device);
}

/* Lets what is ready be told, until there were that many events. */
static void wait_events(unsigned n)
{
	while (n_events < n)
		dispatch_once();
	ck_assert_uint_eq(n_events, n);
}

/* In another thread: returns when the main one has come to wait for something. */
static void wait_main_sleeps(void)
{
	char state = 'R', path[64];

	/* Not /proc/self/stat, which an emulator of processors makes up. */
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", getpid());
	while (state != 'S') {
		FILE *file = fopen(path, "re");

		ck_assert_int_eq(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
		fclose(file);
	}
}

#endif
