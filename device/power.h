/* SPDX-License-Identifier: MIT */
/*
 * What the kernel says about the NPU's clock and temperature: files of sysfs, opened once at start
 * and read when somebody asks. Whatever a kernel does not show is not known; nothing is polled.
 */
#ifndef NPUD_DEVICE_POWER_H
#define NPUD_DEVICE_POWER_H

#include <stdbool.h>
#include <stdint.h>

struct power;

/* 0: not known, where nothing else is said. */
struct power_reading {
	uint64_t frequency_hz; /* the clock */
	uint64_t limit_hz;     /* what it may be at most: thermal cooling and the user lower that */
	uint64_t full_hz;      /* what the hardware could do */
	bool is_throttled;     /* limit_hz is known and below full_hz */
	bool has_load, has_temperature;
	unsigned load_percent;	/* as the kernel's governor sees it */
	int32_t temperature_mc; /* millidegrees Celsius */
};

/*
 * Looks for the NPU's devfreq ("*.npu" in class/devfreq) and thermal zone ("npu-thermal") below
 * `sysfs` ("/sys"). -ENOENT: there is neither; -ENOMEM.
 */
int power_new(const char *sysfs, struct power **ret_power);
/* Takes NULL, returns NULL. */
struct power *power_free(struct power *power);
void power_read(const struct power *power, struct power_reading *ret_reading);
/* Only the clock: one system call. 0: not known. */
uint64_t power_read_clock_hz(const struct power *power);
/* What power_read() has as full_hz, without asking the kernel. */
uint64_t power_full_hz(const struct power *power);

/* ---- its parts, for tests; texts end with a newline or not ---- */

/* "1000000000"; -EINVAL for anything else. */
int power_parse_number(const char *text, uint64_t *ret_value);
/* The largest of "300000000 400000000 1000000000"; 0 where there is none. */
uint64_t power_parse_largest(const char *text);
/* "45@1000000000Hz" or "45": percent, at most 100. -EINVAL. */
int power_parse_load(const char *text, unsigned *ret_percent);

#endif
